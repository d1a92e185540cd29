// Streams and blocks in their order, arrays over them, and copies to and from the host.
#include "bindings/device_array.h"

#include <algorithm>
#include <deque>

#include "base/error.h"
#include "ops/explain.h"

namespace lamina {
namespace {

thread_local StreamPointer thread_stream;

// As a copy between the array and the host's, which is in C order.
Memory::Rows rows_of(const DeviceArray& array, bool to_host) {
  const auto itemsize = static_cast<size_t>(array.dtype.itemsize());
  if (array.contiguous()) {
    const size_t all = static_cast<size_t>(array.size()) * itemsize;
    return {1, all, all, all};
  }
  if (array.shape.size() == 1 && array.strides[0] > 0) {
    const auto pitch = static_cast<size_t>(array.strides[0]);
    return {static_cast<size_t>(array.shape[0]), itemsize, to_host ? itemsize : pitch, to_host ? pitch : itemsize};
  }
  if (array.shape.size() != 2 || array.strides[1] != array.dtype.itemsize() || array.strides[0] <= 0) {
    fail("cuda", "an array with strides other than rows apart cannot be copied, needs C order");
  }
  const size_t pitch = static_cast<size_t>(array.strides[0]), width = static_cast<size_t>(array.shape[1]) * itemsize;
  return {static_cast<size_t>(array.shape[0]), width, to_host ? width : pitch, to_host ? pitch : width};
}

// What others have lent, given back once the device has gone past its use. Asked whenever something more is lent, and
// when somebody has waited. Of the thread that holds the GIL, as what gives back may need it.
class Loans {
 public:
  void end(std::unique_ptr<Moment> last_use, std::function<void()> give_back) {
    ending_.push_back({std::move(last_use), std::move(give_back)});
  }
  void collect() {
    while (!ending_.empty() && ending_.front().last_use->passed()) {
      const std::function<void()> give_back = std::move(ending_.front().give_back);
      ending_.pop_front();
      give_back();
    }
  }

 private:
  struct Loan {
    std::unique_ptr<Moment> last_use;
    std::function<void()> give_back;
  };
  std::deque<Loan> ending_;
};
Loans& loans() {
  static Loans* const all = new Loans;  // never destroyed: Python's objects may be gone by then
  return *all;
}

}  // namespace

void collect_loans() { loans().collect(); }

Shape c_strides(const Shape& shape, int64_t itemsize) {
  Shape strides(shape.size());
  int64_t stride = itemsize;
  for (size_t i = shape.size(); i-- > 0; stride *= std::max<int64_t>(shape[i], 1)) strides[i] = stride;
  return strides;
}

Cuda& needed_cuda(const char* op) {
  Cuda* const device = cuda_device();
  if (!device) fail<BackendError>(op, "CUDA is ", cuda_status());
  if (const int current = device->make_current(0); current != 0) {
    device->make_current(current);
    fail<BackendError>(op, "this thread's current device is ", current, ", needs device 0, on which lamina computes");
  }
  return *device;
}

Context device_context(const char* op) {
  Cuda& device = needed_cuda(op);
  Context context = calling_context();
  if (context.log) return context;  // an explanation's, which is for this device
  context.table = &device.table();
  context.threads = 1;
  context.device = {&device.memory(), current_stream()};
  return context;
}

const StreamPointer& stream_of_thread() { return thread_stream; }
void set_stream_of_thread(StreamPointer stream) { thread_stream = std::move(stream); }

SharedStream::SharedStream() : stream_(needed_cuda("cuda").create_stream()) {}
SharedStream::~SharedStream() {
  if (!own_) return;
  try {
    Cuda* const device = cuda_device();
    if (!device) return;
    const OnOwnDevice own(*device);
    device->destroy_stream(stream_);
  } catch (const std::exception&) {
    // A broken device: the stream is lost with it.
  }
}

DeviceBlock::DeviceBlock(size_t bytes) : bytes_(bytes), home_(stream_of_thread()), last_(home_) {
  collect_loans();
  data_ = static_cast<std::byte*>(needed_cuda("cuda").memory().allocate(bytes, 1, stream_in(home_)));
}
DeviceBlock::DeviceBlock(void* data, std::function<void()> give_back)
    : data_(static_cast<std::byte*>(data)), home_(stream_of_thread()), last_(home_), give_back_(std::move(give_back)) {
  collect_loans();
}

void DeviceBlock::use(const StreamPointer& stream) {
  const std::lock_guard lock(mutex_);
  if (stream_in(stream) == stream_in(last_)) return;
  needed_cuda("cuda").order(stream_in(last_), stream_in(stream));
  last_ = stream;
}
void DeviceBlock::lend(Stream other) {
  const std::lock_guard lock(mutex_);
  if (other != stream_in(last_)) needed_cuda("cuda").order(stream_in(last_), other);
  if (other != stream_in(home_)) lent_ = true;
}
void DeviceBlock::lend_to_anyone() {
  const std::lock_guard lock(mutex_);
  lent_ = true;
}

DeviceBlock::~DeviceBlock() {
  try {
    Cuda* const device = cuda_device();
    if (!device) return;
    const OnOwnDevice own(*device);
    // Whoever comes next has to wait for streams whose end we do not see: the borrower's, and what we gave to streams of
    // which the lender knows nothing.
    if (lent_) device->synchronize_all();
    if (give_back_) {
      loans().end(device->moment(stream_in(last_)), std::move(give_back_));
      collect_loans();
    } else {
      device->order(stream_in(last_), stream_in(home_));
      device->memory().release(data_, bytes_, 1, stream_in(home_));
    }
  } catch (const std::exception&) {
    // A broken device, or a forked process that may not touch it: the memory is lost with it.
  }
}

std::shared_ptr<DeviceArray> DeviceArray::make(const py::dtype& dtype, const Shape& shape) {
  int64_t bytes = dtype.itemsize();
  for (const int64_t n : shape) bytes *= n;
  const auto block = std::make_shared<DeviceBlock>(static_cast<size_t>(bytes));
  return view(block->data(), dtype, shape, {}, block);
}
std::shared_ptr<DeviceArray> DeviceArray::view(void* data, const py::dtype& dtype, const Shape& shape, const py::object& owner,
                                               const std::shared_ptr<DeviceBlock>& block) {
  auto array = std::make_shared<DeviceArray>();
  array->data = static_cast<std::byte*>(data);
  array->dtype = dtype;
  array->shape = shape;
  array->strides = c_strides(shape, dtype.itemsize());
  array->block = block;
  array->owner = owner;
  return array;
}
int64_t DeviceArray::size() const {
  int64_t product = 1;
  for (const int64_t n : shape) product *= n;
  return product;
}
bool DeviceArray::contiguous() const {
  const Shape needed = c_strides(shape, dtype.itemsize());
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] > 1 && strides[i] != needed[i]) return size() == 0;
  }
  return true;
}

void copy_in(const DeviceArray& array, const py::array& host_) {
  const py::array host = py::array::ensure(host_, py::array::c_style);
  array.block->use();
  const void* const from = host.data();
  const Memory::Rows rows = rows_of(array, false);
  {
    const py::gil_scoped_release release;
    needed_cuda("cuda").memory().copy_in(array.data, from, rows, current_stream());
  }
  collect_loans();
}

std::shared_ptr<DeviceArray> to_device(const py::array& host) {
  auto array = DeviceArray::make(host.dtype(), {host.shape(), host.shape() + host.ndim()});
  copy_in(*array, host);
  return array;
}

py::array to_host(const DeviceArray& array) {
  py::array host(array.dtype, array.shape);
  array.block->use();
  void* const to = host.mutable_data();
  const Memory::Rows rows = rows_of(array, true);
  {
    const py::gil_scoped_release release;
    needed_cuda("cuda").memory().copy_out(to, array.data, rows, current_stream());
  }
  collect_loans();
  return host;
}

}  // namespace lamina
