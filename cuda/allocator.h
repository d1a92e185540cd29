// Device memory that is kept when it is given back, since asking the driver for more stops the device. A block that a stream
// gave back serves the same stream again: what it was given before comes first. Between streams blocks are not passed on.
#pragma once

#include <cuda_runtime.h>

#include <map>
#include <mutex>
#include <set>
#include <unordered_map>

#include "base/memory.h"
#include "kernels/cuda_device.h"

namespace lamina::cuda {

class Allocator {
 public:
  void* allocate(size_t bytes, Stream stream);  // throws BackendError with sizes when there is not enough
  void release(void* memory) noexcept;
  void release_unused();  // to the driver
  // While it lives, what the stream asks for comes from blocks of their own.
  class SetAside {
   public:
    SetAside(Allocator& allocator, Stream stream, void* owner) : allocator_(allocator), stream_(stream) {
      const std::lock_guard lock(allocator.mutex_);
      allocator.owners_[stream] = owner;
      allocator.set_aside_.insert(owner);
    }
    ~SetAside() {
      const std::lock_guard lock(allocator_.mutex_);
      allocator_.owners_.erase(stream_);
    }
    SetAside(const SetAside&) = delete;
    SetAside& operator=(const SetAside&) = delete;

   private:
    Allocator& allocator_;
    Stream stream_;
  };
  void forget(Stream stream);  // or owner, which is idle and about to go: its blocks go to the default stream
  Cuda::Bytes bytes();

 private:
  // Requests are rounded up so that blocks fit again; small ones are cut from segments, large ones are their own.
  static constexpr size_t grain = 512, segment_bytes = size_t{2} << 20, small_bytes = size_t{1} << 20;
  struct Block {
    std::byte* memory;
    size_t bytes;
    Stream stream;
    bool used;
    std::byte *before, *after;  // neighbours in the same segment, or null
  };
  struct Smaller {
    using is_transparent = void;
    bool operator()(const Block* a, const Block* b) const { return a->bytes != b->bytes ? a->bytes < b->bytes : a->memory < b->memory; }
    bool operator()(const Block* a, size_t bytes) const { return a->bytes < bytes; }
  };
  using Free = std::set<const Block*, Smaller>;

  void release_unused_locked();
  void release_stream(Free& free);
  Block* find_free(size_t bytes, Stream stream);
  Block* from_driver(size_t bytes, Stream stream);
  void split(Block& block, size_t bytes);
  void join(Block& block, std::byte* after);

  std::mutex mutex_;
  std::unordered_map<std::byte*, Block> blocks_;
  std::map<Stream, Free> free_;  // by stream, or by what they were set aside for
  std::map<Stream, void*> owners_;
  std::set<void*> set_aside_;
  size_t held_ = 0, in_use_ = 0;
};

}  // namespace lamina::cuda
