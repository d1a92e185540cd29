// Binding of device arrays, streams, and what the device says of itself.
#include "bindings/bind.h"

namespace lamina {
namespace {

using ArrayPointer = std::shared_ptr<DeviceArray>;

py::object dtype_named(py::handle dtype) { return py::dtype(py::reinterpret_borrow<py::object>(dtype)); }

// Slices with steps from 1 on, and whole numbers, in the order of the axes; the rest is taken whole.
ArrayPointer view_at(const ArrayPointer& self, py::handle key_) {
  py::tuple key = py::isinstance<py::tuple>(key_) ? py::reinterpret_borrow<py::tuple>(key_) : py::make_tuple(key_);
  if (key.size() == 1 && key[0].ptr() == Py_Ellipsis) key = py::tuple(0);
  if (key.size() > self->shape.size())
    throw py::index_error("an array of " + std::to_string(self->shape.size()) + " dimensions takes no more indices");
  auto view = std::make_shared<DeviceArray>(*self);
  view->shape.clear();
  view->strides.clear();
  for (size_t axis = 0; axis < self->shape.size(); ++axis) {
    const int64_t size = self->shape[axis], stride = self->strides[axis];
    if (axis >= key.size()) {
      view->shape.push_back(size);
      view->strides.push_back(stride);
    } else if (py::isinstance<py::slice>(key[axis])) {
      py::ssize_t start, stop, step, length;
      if (!key[axis].cast<py::slice>().compute(size, &start, &stop, &step, &length)) throw py::error_already_set();
      if (step < 1) throw py::index_error("slices of device arrays need a step from 1 on");
      view->data += start * stride;
      view->shape.push_back(length);
      view->strides.push_back(step * stride);
    } else {
      int64_t index = integer_in("array", "index", key[axis]);
      if (index < -size || index >= size)
        throw py::index_error("index " + std::to_string(index) + " for an axis of " + std::to_string(size));
      view->data += (index < 0 ? index + size : index) * stride;
    }
  }
  return view;
}

ArrayPointer reshaped(const ArrayPointer& self, const py::args& sizes) {
  if (!self->contiguous()) fail("reshape", "the array is not contiguous, needs C order");
  auto view = std::make_shared<DeviceArray>(*self);
  view->shape.clear();
  int64_t product = 1;
  std::optional<size_t> open;
  for (const py::handle size : sizes) {
    const int64_t n = integer_in("reshape", "a size", size);
    if (n == -1 && !open) {
      open = view->shape.size();
    } else if (n < 0) {
      fail("reshape", "a size is ", n, ", needs sizes from 0 on and one of -1 at most");
    } else {
      product *= n;
    }
    view->shape.push_back(n);
  }
  if (open) view->shape[*open] = product > 0 ? self->size() / product : 0;
  if (view->size() != self->size())
    fail("reshape", "an array of ", self->size(), " elements does not take shape ", shape_text(view->shape));
  view->strides = Shape(view->shape.size());
  int64_t stride = view->dtype.itemsize();
  for (size_t i = view->shape.size(); i-- > 0; stride *= view->shape[i]) view->strides[i] = stride;
  return view;
}

void assign(const ArrayPointer& self, py::handle key, py::handle value) {
  const char* op = "array assignment";
  const ArrayPointer view = view_at(self, key);
  if (!view->writeable) fail(op, "the array is read-only, needs to be writeable");
  if (const ArrayPointer from = device_array_from(op, "value", value)) {
    if (from->shape != view->shape || !from->dtype.equal(view->dtype)) fail(op, "the value has another shape or dtype than where it goes");
    if (!from->contiguous() || !view->contiguous()) fail(op, "device arrays need to be contiguous to be copied");
    view->block->use();
    const auto bytes = static_cast<size_t>(view->size() * view->dtype.itemsize());
    if (view->data == from->data) return;
    if (view->data < from->data + bytes && from->data < view->data + bytes) fail(op, "the value overlaps where it goes");
    needed_cuda(op).memory().copy(view->data, from->data, {1, bytes, bytes, bytes}, current_stream());
    return;
  }
  const py::module_ numpy = py::module_::import("numpy");
  const py::object array = numpy.attr("asarray")(value, view->dtype);
  copy_in(*view, numpy.attr("ascontiguousarray")(numpy.attr("broadcast_to")(array, py::cast(view->shape))));
}

py::dict interface(const DeviceArray& a) {
  py::dict about;
  about["shape"] = py::tuple(py::cast(a.shape));
  about["strides"] = a.contiguous() ? py::object(py::none()) : py::tuple(py::cast(a.strides));
  about["typestr"] = a.dtype.attr("str");
  about["data"] = py::make_tuple(reinterpret_cast<uintptr_t>(a.data), !a.writeable);
  about["version"] = 3;
  a.block->use();
  a.block->lend_to_anyone();
  about["stream"] = current_stream() ? reinterpret_cast<intptr_t>(current_stream()) : 1;
  return about;
}

void bind_array(py::module_& m) {
  py::class_<DeviceArray, ArrayPointer>(m, "DeviceArray", "An array on the CUDA device.")
      .def_property_readonly("shape", [](const DeviceArray& a) { return py::tuple(py::cast(a.shape)); })
      .def_property_readonly("strides", [](const DeviceArray& a) { return py::tuple(py::cast(a.strides)); })
      .def_property_readonly("dtype", [](const DeviceArray& a) -> py::object { return a.dtype; })
      .def_property_readonly("ndim", [](const DeviceArray& a) { return a.shape.size(); })
      .def_property_readonly("size", &DeviceArray::size)
      .def_property_readonly("nbytes", [](const DeviceArray& a) { return a.size() * a.dtype.itemsize(); })
      .def_property_readonly("writeable", [](const DeviceArray& a) { return a.writeable; })
      .def_property_readonly(
          "pointer", [](const DeviceArray& a) { return reinterpret_cast<uintptr_t>(a.data); }, "The address on the device.")
      .def("numpy", &to_host, "Copy to the host, after everything that the array waits for.")
      .def("reshape", &reshaped, "A view of a contiguous array in another shape; one size may be -1.")
      .def("__array__",
           [](const DeviceArray&, const py::args&, const py::kwargs&) -> py::object {
             throw py::type_error("an array on the CUDA device does not become NumPy's by itself: call its numpy()");
           })
      .def("__getitem__", &view_at)
      .def("__setitem__", &assign)
      .def("__len__",
           [](const DeviceArray& a) {
             if (a.shape.empty()) throw py::type_error("len() of an array without dimensions");
             return a.shape[0];
           })
      .def("__float__",
           [](const DeviceArray& a) {
             if (a.size() != 1) throw py::type_error("only an array of one element can become a float");
             return to_host(a).attr("item")().cast<double>();
           })
      .def("__repr__",
           [](const DeviceArray& a) {
             return "lamina.cuda.Array(shape=" + shape_text(a.shape) + ", dtype=" + std::string(py::str(a.dtype)) + ")";
           })
      .def(
          "__dlpack__",
          [](const ArrayPointer& a, const py::object& stream, const py::object& max_version, const py::object&, const py::object& copy) {
            if (!copy.is_none() && copy.cast<bool>()) throw py::buffer_error("__dlpack__: copies are not made, needs copy=False or None");
            return to_dlpack(a, stream, max_version);
          },
          py::kw_only(), py::arg("stream") = py::none(), py::arg("max_version") = py::none(), py::arg("dl_device") = py::none(),
          py::arg("copy") = py::none())
      .def("__dlpack_device__", [](const DeviceArray&) { return py::make_tuple(2, 0); })
      .def_property_readonly("__cuda_array_interface__", &interface);
}

}  // namespace

void bind_cuda(py::module_& m) {
  bind_array(m);
  py::class_<SharedStream, StreamPointer>(m, "Stream", "A stream of the CUDA device: a new one, or somebody else's by its address.")
      .def(py::init<>())
      .def(py::init(
          [](intptr_t pointer) { return std::make_shared<SharedStream>(pointer <= 1 ? nullptr : reinterpret_cast<Stream>(pointer)); }))
      .def_property_readonly("pointer", [](const SharedStream& s) { return reinterpret_cast<intptr_t>(s.get()); });
  m.def("cuda_available", [] { return cuda_device() != nullptr; });
  m.def("cuda_status", cuda_status);
  m.def("cuda_empty", [](const Shape& shape, const py::object& dtype) { return DeviceArray::make(dtype_named(dtype), shape); });
  m.def("cuda_array", [](const py::array& host) { return to_device(host); });
  m.def("cuda_view", [](const py::object& object) {
    const ArrayPointer array = device_array_from("array", "object", object);
    if (!array) fail<TypeError>("array", "the object is not on the CUDA device");
    return array;
  });
  m.def("cuda_memory", [] {
    const Cuda::Bytes bytes = needed_cuda("memory").bytes();
    py::dict result;
    result["held"] = bytes.held;
    result["in_use"] = bytes.in_use;
    result["free"] = bytes.free;
    result["total"] = bytes.total;
    return result;
  });
  m.def("cuda_recorded_nodes", [] { return needed_cuda("recorded_nodes").recorded_nodes(); });
  m.def("cuda_release_unused", [] { needed_cuda("release_unused").release_unused(); });
  m.def("cuda_stream", [] { return stream_of_thread(); });
  m.def("cuda_set_stream", [](StreamPointer stream) { set_stream_of_thread(std::move(stream)); }, py::arg("stream").none(true));
  m.def("cuda_synchronize", [] {
    Cuda& device = needed_cuda("synchronize");
    {
      const py::gil_scoped_release release;
      device.synchronize(current_stream());
    }
    collect_loans();
  });
  m.def("cuda_pinned", [](size_t bytes) {
    Cuda& device = needed_cuda("pinned");
    void* const memory = device.allocate_pinned(bytes);
    const py::capsule owner(memory, [](void* p) {
      try {
        Cuda* const d = cuda_device();
        if (!d) return;
        const OnOwnDevice own(*d);
        d->release_pinned(p);
      } catch (const std::exception&) {
        // A forked process: the memory is the parent's.
      }
    });
    return py::array(py::dtype::of<uint8_t>(), Shape{static_cast<int64_t>(bytes)}, memory, owner);
  });
  const auto emulation = [] {
    Emulation* const found = cuda_device() ? cuda_device()->emulation() : nullptr;
    if (!found) fail<BackendError>("emulation", "the device is not emulated");
    return found;
  };
  m.def("emulated", [] { return cuda_device() && cuda_device()->emulation(); });
  m.def("emulation_kernels", [=] { return emulation()->kernels(); });
  m.def("emulation_set_order", [=](uint64_t seed) { emulation()->set_order(seed); });
  m.def("emulation_barriers", [=] { return emulation()->barriers(); });
  m.def("emulation_skip_barrier", [=](const std::string& site) { emulation()->skip_barrier(site); });
  m.def("emulation_break", [=](const std::string& kernel) { emulation()->break_kernel(kernel); });
  m.def("emulation_set_current", [=](int device) { emulation()->set_current(device); });
  m.def("emulation_set_capability", [=](int major, int minor) { emulation()->set_capability(major, minor); });
  m.def("emulation_set_memory_limit", [=](size_t bytes) { emulation()->set_memory_limit(bytes); });
}

}  // namespace lamina
