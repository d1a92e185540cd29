// Arrays on the CUDA device: lamina's own and those of others, which are viewed where they are.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "base/context.h"
#include "base/memory.h"
#include "kernels/cuda_device.h"

namespace lamina {

namespace py = pybind11;
using Shape = std::vector<int64_t>;

// The device, or a BackendError that says why there is none, or that another is this thread's.
Cuda& needed_cuda(const char* op);

// For what ends wherever it ends, where another library's device may be current.
class OnOwnDevice {
 public:
  explicit OnOwnDevice(Cuda& device) : device_(device), before_(device.make_current(0)) {}
  ~OnOwnDevice() { device_.make_current(before_); }
  OnOwnDevice(const OnOwnDevice&) = delete;
  OnOwnDevice& operator=(const OnOwnDevice&) = delete;

 private:
  Cuda& device_;
  int before_;
};

Context device_context(const char* op);  // of this thread's calls on the device

// A stream that lives as long as what was given to it is in use; or somebody else's.
class SharedStream {
 public:
  SharedStream();
  explicit SharedStream(Stream stream) : stream_(stream), own_(false) {}
  ~SharedStream();
  SharedStream(const SharedStream&) = delete;
  SharedStream& operator=(const SharedStream&) = delete;
  Stream get() const { return stream_; }
  std::mutex& turn() { return turn_; }  // of whoever gives it work that belongs together

 private:
  Stream stream_;
  bool own_ = true;
  std::mutex turn_;
};
using StreamPointer = std::shared_ptr<SharedStream>;
inline Stream stream_in(const StreamPointer& pointer) { return pointer ? pointer->get() : nullptr; }

// The stream that this thread's calls give their work to; null is the device's default stream.
const StreamPointer& stream_of_thread();
void set_stream_of_thread(StreamPointer stream);
inline Stream current_stream() { return stream_in(stream_of_thread()); }

// Memory that arrays share. Work on one stream that uses it comes after what other streams were given before.
class DeviceBlock {
 public:
  explicit DeviceBlock(size_t bytes);
  DeviceBlock(void* data, std::function<void()> give_back);  // somebody else's
  ~DeviceBlock();
  DeviceBlock(const DeviceBlock&) = delete;
  DeviceBlock& operator=(const DeviceBlock&) = delete;

  std::byte* data() const { return data_; }
  void use() { use(stream_of_thread()); }
  void use(const StreamPointer& stream);
  void lend_to_anyone();
  void lend(Stream other);  // to a stream that we do not know the end of

 private:
  std::byte* data_;
  size_t bytes_ = 0;
  StreamPointer home_, last_;  // whose allocation it is; and which used it last
  std::mutex mutex_;
  bool lent_ = false;
  std::function<void()> give_back_;
};

struct DeviceArray {
  std::shared_ptr<DeviceBlock> block;
  std::byte* data;
  py::dtype dtype;
  Shape shape, strides;  // in bytes
  bool writeable = true;
  py::object owner = {};  // of the memory, where it is not the block's

  static std::shared_ptr<DeviceArray> make(const py::dtype& dtype, const Shape& shape);
  // In C order, of memory whose users `block` keeps apart.
  static std::shared_ptr<DeviceArray> view(void* data, const py::dtype& dtype, const Shape& shape, const py::object& owner,
                                           const std::shared_ptr<DeviceBlock>& block);
  int64_t size() const;
  bool contiguous() const;  // C order
};

// Gives back what others have lent and the device has gone past.
void collect_loans();

Shape c_strides(const Shape& shape, int64_t itemsize);  // in bytes

// What `object` shows of itself by DLPack or __cuda_array_interface__, or null if it is not on the device.
std::shared_ptr<DeviceArray> device_array_from(const char* op, const char* name, py::handle object);
// The array as `like`'s library has it: lamina's own, or by that library's from_dlpack.
py::object as_kind_of(const std::shared_ptr<DeviceArray>& array, py::handle like);

std::shared_ptr<DeviceArray> to_device(const py::array& host);
py::array to_host(const DeviceArray& array);
void copy_in(const DeviceArray& array, const py::array& host);  // of its shape and dtype
py::capsule to_dlpack(const std::shared_ptr<DeviceArray>& array, py::handle stream, py::handle max_version);

}  // namespace lamina
