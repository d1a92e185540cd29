// Where arrays live: the host's memory, whose bytes are counted, or that of a CUDA device, whose work is ordered by streams.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lamina {

using Stream = void*;  // a cudaStream_t; nothing on the host

class Memory {
 public:
  virtual void* allocate(size_t bytes, size_t alignment, Stream stream) = 0;
  // What the stream was given before may still use it.
  virtual void release(void* memory, size_t bytes, size_t alignment, Stream stream) noexcept = 0;
  virtual void zero(void* memory, size_t bytes, Stream stream) = 0;
  // Rows of `width` bytes, the pitches from row to row. The host's side is free again, or complete, when the call returns.
  struct Rows {
    size_t count, width, to_pitch, from_pitch;
  };
  virtual void copy_in(void* here, const void* host, const Rows& rows, Stream stream) = 0;
  virtual void copy_out(void* host, const void* here, const Rows& rows, Stream stream) = 0;
  virtual void copy(void* to, const void* from, const Rows& rows, Stream stream) = 0;  // both here

 protected:
  ~Memory() = default;
};
Memory& host_memory();

class Recorder;

// Where something is computed, and in turn with what else.
struct Device {
  Memory* memory = &host_memory();
  Stream stream = nullptr;
  Recorder* recorder = nullptr;  // of work that is to be repeated, where that is worth it

  bool is_host() const { return memory == &host_memory(); }
};

// Of the host's memory.
void* allocate(size_t bytes, size_t alignment);
void release(void* memory, size_t bytes, size_t alignment) noexcept;
struct MemoryUse {
  int64_t current, peak;  // bytes held at present, and at most since the start or the last reset
};
MemoryUse memory_use();
void reset_peak_memory();

}  // namespace lamina
