// What the rest of lamina asks of CUDA: implemented in cuda/ or, in a build without it, absent; chosen when linking, never
// by #ifdef.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/graph.h"
#include "base/memory.h"

namespace lamina {

struct KernelTable;

// Of the emulated device, for tests; see cuda/emulated/model.h.
class Emulation {
 public:
  virtual void set_order(uint64_t seed) = 0;
  virtual std::vector<std::string> barriers() = 0;
  virtual void skip_barrier(const std::string& site) = 0;
  virtual std::map<std::string, uint64_t> kernels() = 0;  // that ran, and how often
  virtual void set_memory_limit(size_t bytes) = 0;
  virtual void set_capability(int major, int minor) = 0;
  virtual void break_kernel(const std::string& name) = 0;  // which fails, and with it the device
  virtual void set_current(int device) = 0;                // of this thread, as another library would

 protected:
  ~Emulation() = default;
};

// A point in a stream's work.
class Moment {
 public:
  virtual ~Moment() = default;
  virtual bool passed() = 0;
};

class Cuda : public Recorder {
 public:
  virtual const KernelTable& table() = 0;
  virtual Memory& memory() = 0;
  virtual std::string name() = 0;  // of the device
  struct Bytes {
    size_t held, in_use, free, total;  // by lamina; of these by living arrays; and of the device
  };
  virtual Bytes bytes() = 0;
  virtual void release_unused() = 0;

  // Of this thread's devices another library may have chosen another than the first, on which lamina computes. Makes this one
  // current, and returns which was.
  virtual int make_current(int device) noexcept = 0;
  virtual bool is_here(const void* memory) = 0;  // whether it is device memory
  virtual Stream create_stream() = 0;
  virtual void destroy_stream(Stream stream) = 0;
  virtual void synchronize(Stream stream) = 0;  // throws what went wrong
  virtual void synchronize_all() = 0;
  virtual size_t recorded_nodes() = 0;                        // of the newest recording
  virtual std::unique_ptr<Moment> moment(Stream stream) = 0;  // after what the stream has been given so far
  // What `later` is given from now on comes after what `earlier` has been given so far.
  virtual void order(Stream earlier, Stream later) = 0;
  // Host memory that copies read and write while the host goes on.
  virtual void* allocate_pinned(size_t bytes) = 0;
  virtual void release_pinned(void* memory) noexcept = 0;
  virtual Emulation* emulation() { return nullptr; }

 protected:
  ~Cuda() = default;
};

Cuda* cuda_device();        // null where it is not built, has no driver or no device
std::string cuda_status();  // why, in words

}  // namespace lamina
