// Streams as queues of closures, and memory that only they may touch.
#include "cuda/emulated/cuda_runtime.h"

#include <cuda.h>
#include <sys/mman.h>

#include <cstdio>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(memory, bytes) (static_cast<void>(memory), static_cast<void>(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(memory, bytes) (static_cast<void>(memory), static_cast<void>(bytes))
#endif

#include "base/fp_environment.h"

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

namespace {

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
};
Device& device() {
  static Device* const the = new Device;  // never destroyed: arrays may outlive static objects
  return *the;
}

cudaError_t answer(cudaError_t error) {
  Device& d = device();
  if (d.broken) error = cudaErrorLaunchFailure;
  if (error != cudaSuccess) d.last = error;
  return error;
}

thread_local int current_device = 0;

constexpr size_t page = 4096, huge_page = size_t{2} << 20;
size_t whole_pages(size_t bytes) { return (bytes + page - 1) / page * page; }

// Device memory is out of the host's reach but while the device works: a host that looks into it faults, as it would on a
// machine with a GPU.
class Open {
 public:
  Open() {
    if (device().open++ == 0) protect(PROT_READ | PROT_WRITE);
  }
  ~Open() {
    if (--device().open == 0) protect(PROT_NONE);
  }

 private:
  static void protect(int rights) {
    for (const auto& [memory, bytes] : device().blocks) mprotect(memory, bytes, rights);
  }
};

bool is_device(const void* memory) {
  const auto& blocks = device().blocks;
  auto next = blocks.upper_bound(static_cast<std::byte*>(const_cast<void*>(memory)));
  return next != blocks.begin() && (--next, static_cast<const std::byte*>(memory) < next->first + next->second);
}
bool is_pinned(const void* memory) {
  const auto& pinned = device().pinned;
  auto next = pinned.upper_bound(static_cast<std::byte*>(const_cast<void*>(memory)));
  return next != pinned.begin() && (--next, static_cast<const std::byte*>(memory) < next->first + next->second);
}

EmulatedStream& of(cudaStream_t stream) { return stream ? *stream : device().default_stream; }

// Runs what was given to the stream before its `until`-th task.
void finish(EmulatedStream& stream, uint64_t until) {
  if (stream.finished >= until || stream.tasks.empty()) return;
  const lamina::FloatingPointScope rounding;
  const Open open;
  while (stream.finished < until && !stream.tasks.empty()) {
    const Task task = std::move(stream.tasks.front());
    stream.tasks.pop_front();
    ++stream.finished;
    if (device().broken) continue;
    if (std::string failure = task(); !failure.empty()) {
      device().broken = true;
      device().why = failure;
      std::fprintf(stderr, "emulated CUDA device: %s\n", failure.c_str());
    }
  }
}
void finish(EmulatedStream& stream) { finish(stream, stream.finished + stream.tasks.size()); }
void finish_all() {
  for (EmulatedStream* stream : device().streams) finish(*stream);
}

// What a recording does not allow is an error, and spoils it.
cudaError_t spoil(EmulatedStream& stream, cudaError_t error) {
  stream.spoilt = true;
  return answer(error);
}
// Whoever waits for all work waits for streams that record, too.
bool spoils_any() {
  bool any = false;
  for (EmulatedStream* stream : device().streams) {
    if (stream->capturing) any = stream->spoilt = true;
  }
  return any;
}

cudaError_t give(cudaStream_t stream_, Task task) {
  EmulatedStream& stream = of(stream_);
  if (stream.capturing) {
    stream.capturing->tasks.push_back(std::move(task));
  } else {
    stream.tasks.push_back(std::move(task));
  }
  return answer(cudaSuccess);
}

}  // namespace

#define LOCK const std::lock_guard lock(device().mutex)

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = current_device;
  return cudaSuccess;
}
// There is but one; a second may be made a thread's to see what follows.
cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device > 1) return answer(cudaErrorInvalidDevice);
  current_device = device;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {"emulated on the CPU", device().major, device().minor, 1, device().limit};
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  LOCK;
  *value = attribute == cudaDevAttrComputeCapabilityMajor ? device().major : device().minor;
  return answer(cudaSuccess);
}
cudaError_t cudaGetDriverEntryPointByVersion(const char* symbol, void** function, unsigned, unsigned long long,
                                             cudaDriverEntryPointQueryResult* result) {
  LOCK;
  const bool known = std::strcmp(symbol, "cuTensorMapEncodeTiled") == 0;
  *function = known ? reinterpret_cast<void*>(&cuTensorMapEncodeTiled) : nullptr;
  *result = known ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
  return answer(cudaSuccess);
}
cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  LOCK;
  *total = device().limit;
  *free = device().limit - device().used;
  return answer(cudaSuccess);
}
cudaError_t cudaDeviceSynchronize() {
  LOCK;
  if (spoils_any()) return answer(cudaErrorStreamCaptureUnsupported);
  finish_all();
  return answer(cudaSuccess);
}
cudaError_t cudaGetLastError() {
  LOCK;
  const cudaError_t error = device().last;
  if (!device().broken) device().last = cudaSuccess;
  return error;
}
const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
    case cudaErrorNotReady:
      return "device not ready";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
    case cudaErrorStreamCaptureInvalidated:
      return "operation failed due to a previous error during capture";
    case cudaErrorStreamCaptureIsolation:
      return "dependency created on uncaptured work in another stream";
    case cudaErrorLaunchFailure:
      return device().broken ? device().why.c_str() : "unspecified launch failure";
  }
  return "unknown error";
}

cudaError_t cudaMalloc(void** memory, size_t bytes) {
  LOCK;
  const size_t size = whole_pages(bytes ? bytes : 1);
  if (size > device().limit - device().used) return answer(cudaErrorMemoryAllocation);
  // In huge pages, whose rights change at once; behind them lies a page that nobody may touch.
  const size_t reserved = size + huge_page + page;
  void* const region = mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (region == MAP_FAILED) return answer(cudaErrorMemoryAllocation);
  auto* const start = reinterpret_cast<std::byte*>((reinterpret_cast<uintptr_t>(region) + huge_page - 1) / huge_page * huge_page);
  madvise(start, size, MADV_HUGEPAGE);
  mprotect(start, size, PROT_READ | PROT_WRITE);
  std::memset(start, 0xFF, size);
  if (device().open == 0) mprotect(start, size, PROT_NONE);
  device().blocks[start] = size;
  device().regions[start] = {region, reserved};
  device().used += size;
  *memory = start;
  return answer(cudaSuccess);
}
cudaError_t cudaFree(void* memory) {
  LOCK;
  if (!memory) return answer(cudaSuccess);
  const auto found = device().blocks.find(static_cast<std::byte*>(memory));
  if (found == device().blocks.end()) return answer(cudaErrorInvalidValue);
  finish_all();
  ASAN_UNPOISON_MEMORY_REGION(found->first, found->second);
  const auto [region, reserved] = device().regions.at(found->first);
  munmap(region, reserved);
  device().regions.erase(found->first);
  device().used -= found->second;
  device().blocks.erase(found);
  return answer(cudaSuccess);
}
cudaError_t cudaHostAlloc(void** memory, size_t bytes, unsigned) {
  LOCK;
  auto* const start = static_cast<std::byte*>(::operator new(bytes ? bytes : 1, std::align_val_t{page}));
  device().pinned[start] = bytes;
  *memory = start;
  return answer(cudaSuccess);
}
cudaError_t cudaFreeHost(void* memory) {
  LOCK;
  const auto found = device().pinned.find(static_cast<std::byte*>(memory));
  if (found == device().pinned.end()) return answer(cudaErrorInvalidValue);
  finish_all();
  ::operator delete(memory, std::align_val_t{page});
  device().pinned.erase(found);
  return answer(cudaSuccess);
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* memory) {
  LOCK;
  attributes->type = is_device(memory) ? cudaMemoryTypeDevice : is_pinned(memory) ? cudaMemoryTypeHost : cudaMemoryTypeUnregistered;
  attributes->device = 0;
  return answer(cudaSuccess);
}

// From ordinary host memory a copy is taken at once, to it the call waits; pinned memory is read and written in its turn.
cudaError_t cudaMemcpy2DAsync(void* to_, size_t to_pitch, const void* from_, size_t from_pitch, size_t width, size_t height,
                              cudaMemcpyKind kind, cudaStream_t stream) {
  LOCK;
  auto* const to = static_cast<std::byte*>(to_);
  auto* const from = static_cast<const std::byte*>(from_);
  const bool from_host = kind == cudaMemcpyHostToDevice, to_host = kind == cudaMemcpyDeviceToHost;
  if (width == 0 || height == 0) return answer(cudaSuccess);
  if (is_device(to) == to_host || is_device(from) == from_host) return answer(cudaErrorInvalidValue);
  const auto copy = [=](const std::byte* source, size_t pitch) {
    for (size_t row = 0; row < height; ++row) std::memcpy(to + row * to_pitch, source + row * pitch, width);
    return std::string();
  };
  // A recording would read or write ordinary memory when it is launched, long after the call.
  const bool ordinary = (from_host && !is_pinned(from)) || (to_host && !is_pinned(to));
  if (ordinary && of(stream).capturing) return spoil(of(stream), cudaErrorStreamCaptureUnsupported);
  if (from_host && !is_pinned(from)) {
    std::vector<std::byte> staged(width * height);
    for (size_t row = 0; row < height; ++row) std::memcpy(staged.data() + row * width, from + row * from_pitch, width);
    return give(stream, [copy, staged = std::move(staged), width] { return copy(staged.data(), width); });
  }
  if (to_host && !is_pinned(to)) {
    finish(of(stream));
    if (device().broken) return answer(cudaErrorLaunchFailure);
    const Open open;
    copy(from, from_pitch);
    return answer(cudaSuccess);
  }
  return give(stream, [=] { return copy(from, from_pitch); });
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return cudaMemcpy2DAsync(to, bytes, from, bytes, bytes, 1, kind, stream);
}
cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream) {
  LOCK;
  if (!is_device(memory)) return answer(cudaErrorInvalidValue);
  return give(stream, [=] {
    std::memset(memory, value, bytes);
    return std::string();
  });
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  LOCK;
  *stream = new EmulatedStream;
  device().streams.insert(*stream);
  return answer(cudaSuccess);
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  LOCK;
  finish(*stream);
  device().streams.erase(stream);
  delete stream;
  return answer(cudaSuccess);
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  LOCK;
  if (of(stream).capturing) return spoil(of(stream), cudaErrorStreamCaptureUnsupported);
  finish(of(stream));
  return answer(cudaSuccess);
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  LOCK;
  if (!event->stream || event->stream == &of(stream)) return answer(cudaSuccess);
  // A stream that waits for recorded work would join the recording, one that records cannot wait for other work.
  if (event->captured) return spoil(*event->stream, cudaErrorStreamCaptureIsolation);
  if (of(stream).capturing) return spoil(of(stream), cudaErrorStreamCaptureIsolation);
  return give(stream, [other = event->stream, task = event->task] {
    if (device().streams.count(other)) finish(*other, task);
    return std::string();
  });
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new EmulatedEvent;
  return answer(cudaSuccess);
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return answer(cudaSuccess);
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  LOCK;
  event->stream = &of(stream);
  event->task = event->stream->finished + event->stream->tasks.size();
  event->captured = static_cast<bool>(event->stream->capturing);
  return answer(cudaSuccess);
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  LOCK;
  if (event->captured) return spoil(*event->stream, cudaErrorStreamCaptureUnsupported);
  const bool passed = !event->stream || !device().streams.count(event->stream) || event->stream->finished >= event->task;
  return passed ? answer(cudaSuccess) : cudaErrorNotReady;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  LOCK;
  if (!stream || stream->capturing) return answer(cudaErrorStreamCaptureUnsupported);
  stream->capturing = std::make_unique<EmulatedGraph>();
  stream->spoilt = false;
  return answer(cudaSuccess);
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  LOCK;
  if (!stream || !stream->capturing) return answer(cudaErrorInvalidValue);
  *graph = stream->capturing.release();
  if (stream->spoilt) {
    delete std::exchange(*graph, nullptr);
    return answer(cudaErrorStreamCaptureInvalidated);
  }
  return answer(cudaSuccess);
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  *exec = new EmulatedGraph(*graph);
  return answer(cudaSuccess);
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  LOCK;
  for (const Task& task : exec->tasks) give(stream, task);
  return answer(cudaSuccess);
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  LOCK;
  delete exec;
  return answer(cudaSuccess);
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) { return cudaGraphExecDestroy(graph); }

namespace lamina::emulated {

cudaError_t launch(const char* name, dim3 grid, dim3 block, size_t dynamic_bytes, cudaStream_t stream, std::function<void()> thread) {
  LOCK;
  const uint64_t threads = uint64_t{block.x} * block.y * block.z, most = 1024, most_shared = 227 << 10;
  const bool fits = threads > 0 && threads <= most && threads % 32 == 0 && dynamic_bytes <= most_shared && grid.x > 0 && grid.y > 0 &&
                    grid.z > 0 && grid.y <= 65535 && grid.z <= 65535;
  if (!fits) return answer(cudaErrorInvalidValue);
  return give(stream, [=, kernel = std::string(name), thread = std::move(thread)] {
    if (kernel == device().to_break) return kernel + ": broken for a test";
    const std::string failure =
        run(grid, block, dynamic_bytes, [](const void* t) { (*static_cast<const std::function<void()>*>(t))(); }, &thread);
    return failure.empty() ? failure : kernel + ": " + failure;
  });
}
void break_kernel(const std::string& name) {
  LOCK;
  device().to_break = name;
}
void mark(void* memory, size_t bytes, bool usable, cudaStream_t stream) {
  LOCK;
  give(stream, [=] {
    usable ? ASAN_UNPOISON_MEMORY_REGION(memory, bytes) : ASAN_POISON_MEMORY_REGION(memory, bytes);
    return std::string();
  });
}
void set_capability(int major, int minor) {
  LOCK;
  device().major = major;
  device().minor = minor;
}
void set_memory_limit(size_t bytes) {
  LOCK;
  device().limit = bytes;
}

}  // namespace lamina::emulated
