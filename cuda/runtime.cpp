// The device as the rest of lamina sees it: memory, streams, graphs, and why there is none.
#include "cuda/runtime.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>

#include "base/error.h"
#include "cuda/allocator.h"
#include "cuda/table.h"
#include "kernels/kernel_table.h"

namespace lamina {
namespace cuda {

void check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  const std::string why = cudaGetErrorString(error);
  cudaGetLastError();  // or the next call would be told of it again
  size_t free = 0, total = 0;
  if (cudaMemGetInfo(&free, &total) == cudaSuccess) fail<BackendError>("cuda", what, ": ", why);
  // After a kernel's failure every call fails, in this process for good.
  static std::atomic<bool> told{false};
  constexpr const char* anew = "the device has failed and is of no use to this process any more, which needs to start anew";
  if (told.exchange(true)) fail<BackendError>("cuda", what, ": ", anew);
  fail<BackendError>("cuda", what, ": ", why, "; the kernel started last was ", last_kernel.load(), "; ", anew);
}

namespace {

KernelTable filled() {
  KernelTable table{};
  table.name = "cuda";
  fill(table.f32);
  fill(table.f64);
  fill_shared(table);
  return table;
}

class DeviceMemory final : public Memory {
 public:
  void* allocate(size_t bytes, size_t, Stream stream) override { return blocks.allocate(bytes, stream); }
  void release(void* memory, size_t, size_t, Stream) noexcept override { blocks.release(memory); }
  void zero(void* memory, size_t bytes, Stream stream) override {
    if (bytes > 0) check(cudaMemsetAsync(memory, 0, bytes, of(stream)), "setting memory to zero");
  }
  void copy_in(void* here, const void* host, const Rows& rows, Stream stream) override {
    copy(here, host, rows, cudaMemcpyHostToDevice, stream);
    // Only then has the host's memory surely been read, of whatever kind it is.
    check(cudaStreamSynchronize(of(stream)), "copying to the device");
  }
  void copy_out(void* host, const void* here, const Rows& rows, Stream stream) override {
    copy(host, here, rows, cudaMemcpyDeviceToHost, stream);
    check(cudaStreamSynchronize(of(stream)), "copying from the device");
  }
  void copy(void* to, const void* from, const Rows& rows, Stream stream) override {
    copy(to, from, rows, cudaMemcpyDeviceToDevice, stream);
  }

  Allocator blocks;

 private:
  static void copy(void* to, const void* from, const Rows& rows, cudaMemcpyKind kind, Stream stream) {
    if (rows.count == 0 || rows.width == 0) return;
    const bool contiguous = rows.count == 1 || (rows.to_pitch == rows.width && rows.from_pitch == rows.width);
    check(contiguous ? cudaMemcpyAsync(to, from, rows.count * rows.width, kind, of(stream))
                     : cudaMemcpy2DAsync(to, rows.to_pitch, from, rows.from_pitch, rows.width, rows.count, kind, of(stream)),
          "copying");
  }
};

// Its memory is set aside under its own address.
class RecordedGraph final : public Graph {
 public:
  RecordedGraph(Allocator& blocks, const std::function<void(Stream)>& work) : blocks_(blocks) {
    cudaStream_t stream = nullptr;
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
    try {
      record(stream, work);
    } catch (...) {
      cudaStreamDestroy(stream);
      blocks.forget(this);
      throw;
    }
    cudaStreamDestroy(stream);
  }
  ~RecordedGraph() override {
    if (last_) cudaStreamSynchronize(of(last_));
    cudaGraphExecDestroy(exec_);
    blocks_.forget(this);
  }
  void launch(Stream stream) override {
    last_ = stream;
    check(cudaGraphLaunch(exec_, of(stream)), "launching a graph");
  }
  size_t nodes() const { return nodes_; }

 private:
  void record(cudaStream_t stream, const std::function<void(Stream)>& work) {
    // Memory may have to come from the driver while this goes on, which the other modes forbid.
    check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed), "recording a graph");
    cudaGraph_t graph = nullptr;
    try {
      const Allocator::SetAside aside(blocks_, stream, this);
      work(stream);
    } catch (...) {
      if (cudaStreamEndCapture(stream, &graph) == cudaSuccess) cudaGraphDestroy(graph);
      cudaGetLastError();
      throw;
    }
    check(cudaStreamEndCapture(stream, &graph), "recording a graph");
    cudaError_t error = cudaGraphGetNodes(graph, nullptr, &nodes_);
    if (error == cudaSuccess) error = cudaGraphInstantiate(&exec_, graph, 0);
    cudaGraphDestroy(graph);
    check(error, "making a graph ready");
  }

  Allocator& blocks_;
  Stream last_ = nullptr;
  cudaGraphExec_t exec_ = nullptr;
  size_t nodes_ = 0;
};

class Event final : public Moment {
 public:
  Event() { check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "making an event"); }
  ~Event() override { cudaEventDestroy(event_); }
  bool passed() override {
    if (cudaEventQuery(event_) != cudaErrorNotReady) return true;
    cudaGetLastError();  // an answer, not an error that somebody else should meet
    return false;
  }
  cudaEvent_t get() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

class Driver final : public Cuda {
 public:
  const KernelTable& table() override { return table_; }
  Memory& memory() override { return memory_; }
  std::string name() override {
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, 0), "asking for the device's name");
    return properties.name;
  }
  Bytes bytes() override { return memory_.blocks.bytes(); }
  void release_unused() override { memory_.blocks.release_unused(); }

  int make_current(int device) noexcept override {
    int before = device;
    if (cudaGetDevice(&before) == cudaSuccess && before != device) cudaSetDevice(device);
    return before;
  }
  bool is_here(const void* memory) override {
    cudaPointerAttributes attributes{};
    check(cudaPointerGetAttributes(&attributes, memory), "asking for the kind of memory");
    return attributes.type == cudaMemoryTypeDevice;
  }
  Stream create_stream() override {
    cudaStream_t stream = nullptr;
    check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "making a stream");
    return stream;
  }
  void destroy_stream(Stream stream) override {
    check(cudaStreamSynchronize(of(stream)), "waiting for a stream");
    memory_.blocks.forget(stream);
    check(cudaStreamDestroy(of(stream)), "giving a stream back");
  }
  void synchronize(Stream stream) override { check(cudaStreamSynchronize(of(stream)), "waiting for the device"); }
  void synchronize_all() override {
    const std::lock_guard alone(recording_);  // which the device does not allow together
    check(cudaDeviceSynchronize(), "waiting for the device");
  }
  void order(Stream earlier, Stream later) override {
    if (earlier == later) return;
    const Event event;
    check(cudaEventRecord(event.get(), of(earlier)), "ordering streams");
    check(cudaStreamWaitEvent(of(later), event.get(), 0), "ordering streams");
  }
  std::unique_ptr<Moment> moment(Stream stream) override {
    auto event = std::make_unique<Event>();
    check(cudaEventRecord(event->get(), of(stream)), "recording an event");
    return event;
  }
  std::unique_ptr<Graph> record(const std::function<void(Stream)>& work) override {
    const std::lock_guard alone(recording_);
    auto graph = std::make_unique<RecordedGraph>(memory_.blocks, work);
    recorded_nodes_ = graph->nodes();
    return graph;
  }
  size_t recorded_nodes() override { return recorded_nodes_; }
  void* allocate_pinned(size_t bytes) override {
    void* memory = nullptr;
    check(cudaHostAlloc(&memory, std::max<size_t>(bytes, 1), cudaHostAllocDefault), "pinning host memory");
    return memory;
  }
  void release_pinned(void* memory) noexcept override { cudaFreeHost(memory); }
  Emulation* emulation() override;

 private:
  KernelTable table_ = filled();
  std::mutex recording_;
  std::atomic<size_t> recorded_nodes_ = 0;
  DeviceMemory memory_;
};

#ifdef LAMINA_CUDA_EMULATED
class ForTests final : public Emulation {
 public:
  explicit ForTests(KernelTable& table) : table_(table) {}
  void set_order(uint64_t seed) override { emulated::set_order(seed); }
  std::map<std::string, uint64_t> kernels() override { return emulated::kernels(); }
  std::vector<std::string> barriers() override { return emulated::barriers(); }
  void skip_barrier(const std::string& site) override { emulated::skip_barrier(site); }
  void set_memory_limit(size_t bytes) override { emulated::set_memory_limit(bytes); }
  void set_capability(int major, int minor) override {
    emulated::set_capability(major, minor);
    table_ = filled();
  }
  void break_kernel(const std::string& name) override { emulated::break_kernel(name); }
  void set_current(int device) override { check(cudaSetDevice(device), "choosing a device"); }

 private:
  KernelTable& table_;
};
Emulation* Driver::emulation() {
  static ForTests tests(table_);
  return &tests;
}
#else
Emulation* Driver::emulation() { return nullptr; }
#endif

// Found out once, at the first question. Never destroyed: arrays may outlive static objects.
struct Found {
  Driver* driver = nullptr;
  std::string status;
  pid_t process = getpid();
  Found() {
    int devices = 0;
    const cudaError_t error = cudaGetDeviceCount(&devices);
    if (error != cudaSuccess || devices == 0) {
      cudaGetLastError();
      status = std::string("built, but there is no device to use: ") + (error != cudaSuccess ? cudaGetErrorString(error) : "none found");
      return;
    }
    const cudaError_t usable = kernels_usable();
    if (usable != cudaSuccess) {
      cudaGetLastError();
      status = std::string("built, but not for this device: ") + cudaGetErrorString(usable);
      return;
    }
    driver = new Driver;
    status = driver->name();
  }
};
Found& found() {
  static Found* const found = new Found;
  return *found;
}

}  // namespace
}  // namespace cuda

Cuda* cuda_device() {
  const cuda::Found& found = cuda::found();
  if (found.driver && found.process != getpid()) {
    fail<BackendError>("cuda", "this process was forked from one that had used the device, needs the start method 'spawn'");
  }
  return found.driver;
}
std::string cuda_status() { return cuda::found().status; }

}  // namespace lamina
