// The state of the emulated device: its memory, its streams, and whether it still works.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "cuda/emulated/cuda_runtime.h"

using Task = std::function<std::string()>;

struct EmulatedGraph {
  std::vector<Task> tasks;
};
struct EmulatedStream {
  std::deque<Task> tasks;
  uint64_t finished = 0;  // tasks that are no longer in the queue
  std::unique_ptr<EmulatedGraph> capturing;
  bool spoilt = false;  // the recording, by what it does not allow
};
struct EmulatedEvent {
  EmulatedStream* stream = nullptr;
  uint64_t task = 0;  // finished when so many of the stream's are
  bool captured = false;
};

namespace lamina::emulated {

struct Device {
  std::recursive_mutex mutex;
  EmulatedStream default_stream;
  std::set<EmulatedStream*> streams{&default_stream};
  std::map<std::byte*, size_t> blocks;                     // of device memory, in whole pages
  std::map<std::byte*, std::pair<void*, size_t>> regions;  // what was mapped for each
  std::map<std::byte*, size_t> pinned;                     // host memory that copies read and write later
  size_t used = 0, limit = size_t{8} << 30;
  int major = 8, minor = 0;  // compute capability
  int open = 0;              // work under way: device memory can be read and written
  cudaError_t last = cudaSuccess;
  bool broken = false;  // sticky: a kernel failed
  std::string why, to_break;
  std::map<std::string, uint64_t> runs;  // of each kernel
};
Device& device();
cudaError_t answer(cudaError_t error);  // to the caller; once the device is broken always that

// Device memory is out of the host's reach but while the device works: a host that looks into it faults, as it would on a
// machine with a GPU.
class Open {
 public:
  Open() {
    if (device().open++ == 0) protect(true);
  }
  ~Open() {
    if (--device().open == 0) protect(false);
  }

 private:
  static void protect(bool open);
};

bool is_device(const void* memory);
bool is_pinned(const void* memory);

EmulatedStream& of(cudaStream_t stream);
void finish(EmulatedStream& stream, uint64_t until);  // runs what was given to the stream before its `until`-th task
void finish(EmulatedStream& stream);
void finish_all();
cudaError_t spoil(EmulatedStream& stream, cudaError_t error);  // what a recording does not allow
cudaError_t give(cudaStream_t stream, Task task);

}  // namespace lamina::emulated

#define LOCK const std::lock_guard lock(lamina::emulated::device().mutex)
