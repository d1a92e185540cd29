// Checks of arrays at the door.
#include "bindings/arrays.h"

#include <algorithm>

#include "ops/convert.h"

namespace lamina {
namespace {

std::string type_name(py::handle object) { return py::str(py::type::of(object).attr("__name__")); }
std::string dtype_name(const Array& a) { return py::str(a.numpy_dtype()); }
const char* dtype_text(DType dtype) { return dtype == DType::float32 ? "float32" : dtype == DType::float64 ? "float64" : "bfloat16"; }

// Whether two arrays share an element; column blocks of one wider matrix, which interleave, are told apart.
bool shares_memory(const Array& a, const Array& b) {
  const auto extent = [](const Array& x) {
    auto first = reinterpret_cast<uintptr_t>(x.data()), last = first + static_cast<uintptr_t>(x.itemsize());
    for (int64_t i = 0; i < x.rank(); ++i) {
      if (x.size(i) == 0) return std::pair<uintptr_t, uintptr_t>{first, first};
      last += static_cast<uintptr_t>((x.size(i) - 1) * x.stride(i));
    }
    return std::pair{first, last};
  };
  const auto [a_first, a_last] = extent(a);
  const auto [b_first, b_last] = extent(b);
  if (a_first >= b_last || b_first >= a_last) return false;
  if (a.rank() != 2 || b.rank() != 2 || a.stride(0) != b.stride(0) || a.stride(0) <= 0) return true;
  const auto stride = static_cast<uintptr_t>(a.stride(0));
  const auto width = [](const Array& x) { return static_cast<uintptr_t>(x.size(1) * x.itemsize()); };
  const uintptr_t offset = (b_first % stride + stride - a_first % stride) % stride;  // of b's rows after a's
  return offset < width(a) || offset + width(b) > stride;
}

bool same_place(const Array& a, const Array& b) {
  bool same = a.data() == b.data() && a.shape() == b.shape();
  for (int64_t i = 0; same && i < a.rank(); ++i) same = a.stride(i) == b.stride(i);
  return same;
}

py::dtype numpy_dtype_of(DType dtype) { return dtype == DType::float32 ? py::dtype::of<float>() : py::dtype::of<double>(); }

template <class T>
bool holds(const Array& a) {
  return a.device ? a.device->dtype.equal(py::dtype::of<T>()) : py::isinstance<py::array_t<T>>(a.array);
}

Array array_of_some(const char* op, const char* name, py::handle object, bool half_too) {
  Array a{op, name, py::reinterpret_steal<py::array>(py::handle()), DType::float32};
  if (py::isinstance<py::array>(object)) {
    a.array = py::reinterpret_borrow<py::array>(object);
  } else if (a.device = device_array_from(op, name, object); a.device) {
    a.given_as = py::reinterpret_borrow<py::object>(object);
  } else {
    fail<TypeError>(op, name, " is a ", type_name(object), ", needs a NumPy array or one on the CUDA device");
  }
  const bool single = holds<float>(a), twice = holds<double>(a);
  const bool half = half_too && !single && !twice && dtype_name(a) == "bfloat16";  // NumPy itself has none: known by name
  if (!single && !twice && !half) {
    fail(op, name, " has dtype ", dtype_name(a), ", needs float32", half_too ? ", float64 or bfloat16" : " or float64",
         " in native byte order");
  }
  if (a.rank() == 0) fail(op, name, " has no dimensions, needs at least one");
  const auto itemsize = static_cast<uintptr_t>(a.itemsize());
  if (reinterpret_cast<uintptr_t>(a.data()) % itemsize != 0)
    fail(op, name, " is misaligned, needs data at a multiple of ", itemsize, " bytes");
  a.dtype = single ? DType::float32 : twice ? DType::float64 : DType::bfloat16;
  return a;
}

}  // namespace

py::object Array::object() const {
  if (!given()) return py::none();
  if (!device) return array;
  return given_as ? given_as : as_kind_of(device, like);
}

std::string shape_text(const Shape& shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

Array no_array(const char* op, const char* name, DType dtype) { return {op, name, py::reinterpret_steal<py::array>(py::handle()), dtype}; }
Array new_host_array(const char* op, const char* name, DType dtype, const Shape& shape) {
  return {op, name, dtype == DType::float32 ? py::array(py::array_t<float>(shape)) : py::array(py::array_t<double>(shape)), dtype};
}
Array new_array(const char* op, const char* name, const Array& like, DType dtype, const Shape& shape) {
  if (!like.on_device() && dtype != DType::bfloat16) return new_host_array(op, name, dtype, shape);
  const py::dtype numpy_dtype = dtype == DType::bfloat16 ? like.numpy_dtype() : numpy_dtype_of(dtype);
  if (!like.on_device()) return {op, name, py::array(numpy_dtype, shape), dtype};
  Array a = no_array(op, name, dtype);
  a.device = DeviceArray::make(numpy_dtype, shape);
  a.like = like.given_as ? like.given_as : like.like;
  return a;
}

Array array_in(const char* op, const char* name, py::handle object) { return array_of_some(op, name, object, false); }
Array any_array_in(const char* op, const char* name, py::handle object) { return array_of_some(op, name, object, true); }
Array array_in(const char* op, const char* name, py::handle object, const Kind& kind) {
  Array a = array_of_some(op, name, object, kind.dtype == DType::bfloat16);
  if (a.dtype != kind.dtype) {
    fail(op, name, " has dtype ", dtype_text(a.dtype), ", needs ", dtype_text(kind.dtype), " as the other arrays");
  }
  if (a.on_device() != kind.on_device) {
    const auto place = [](bool device) { return device ? "the CUDA device" : "the CPU"; };
    fail(op, name, " is on ", place(a.on_device()), ", the others on ", place(kind.on_device), ": all arrays of a call need to be on one");
  }
  return a;
}
Array array_in_place(const char* op, const char* name, py::handle object, const Kind& kind) {
  Array a = array_in(op, name, object, kind);
  if (!a.writeable()) fail(op, name, " is read-only, needs to be writeable");
  return a;
}
Array optional_in(const char* op, const char* name, py::handle object, const Kind& kind) {
  return object.is_none() ? no_array(op, name, kind.dtype) : array_in(op, name, object, kind);
}
Array optional_in_place(const char* op, const char* name, py::handle object, const Kind& kind) {
  return object.is_none() ? no_array(op, name, kind.dtype) : array_in_place(op, name, object, kind);
}

Array array_out(const char* op, const char* name, py::handle out, const Array& like, DType dtype, const Shape& shape,
                std::initializer_list<const Array*> inputs, bool may_be_input) {
  if (out.is_none()) return new_array(op, name, like, dtype, shape);
  Array a = array_in_place(op, name, out, {dtype, like.on_device()});
  if (a.shape() != shape) fail(op, name, " has shape ", shape_text(a.shape()), ", needs ", shape_text(shape));
  check_layout(a);
  for (const Array* input : inputs) {
    if (!input->given() || (may_be_input && same_place(a, *input))) continue;
    check_apart(a, *input);
  }
  return a;
}
void check_apart(const Array& a, const Array& b) {
  if (a.given() && b.given() && shares_memory(a, b)) fail(a.op, a.name, " shares memory with ", b.name, ", needs memory of its own");
}

std::vector<py::object> several_outs(const char* op, py::handle out, size_t count) {
  if (out.is_none()) return std::vector<py::object>(count, py::none());
  if (!py::isinstance<py::tuple>(out)) fail<TypeError>(op, "out is a ", type_name(out), ", needs a tuple of ", count, " arrays");
  const auto tuple = py::reinterpret_borrow<py::tuple>(out);
  if (tuple.size() != count) fail(op, "out has ", tuple.size(), " items, needs ", count);
  std::vector<py::object> items;
  for (const py::handle item : tuple) items.push_back(py::reinterpret_borrow<py::object>(item));
  return items;
}

void check_rank(const Array& a, int64_t rank) {
  if (a.rank() != rank)
    fail(a.op, a.name, " has shape ", shape_text(a.shape()), ", needs ", rank, rank == 1 ? " dimension" : " dimensions");
}

void check_layout(const Array& a) {
  const int64_t itemsize = a.itemsize();
  for (int64_t i = 0; i < a.rank(); ++i) {
    if (a.size(i) == 0) return;  // no element, no layout
  }
  int64_t needed = itemsize;
  for (int64_t i = a.rank() - 1; i >= 0; --i) {
    const int64_t stride = a.stride(i);
    const bool row_axis = a.rank() == 2 && i == 0;
    if (a.size(i) > 1 && !(row_axis ? stride >= needed && stride % itemsize == 0 : stride == needed)) {
      fail(a.op, a.name, a.rank() == 2 ? " needs rows with unit column stride (C order); " : " needs to be contiguous (C order); ",
           "numpy.ascontiguousarray gives such a copy");
    }
    needed *= a.size(i);
  }
}

bool is_integer(py::handle object) {
  const bool known = py::isinstance<py::array>(object) || py::isinstance<DeviceArray>(object);
  if (!known && !py::hasattr(object, "__dlpack_device__")) return false;
  if (!known) {  // of another library: its dtype by name
    const std::string name = py::str(object.attr("dtype"));
    return name.find("int") != std::string::npos;
  }
  return std::string("iu").find(py::dtype(py::object(object.attr("dtype"))).kind()) != std::string::npos;
}

Vector<const int64_t> Labels::view() const {
  if (device) return {reinterpret_cast<const int64_t*>(device->data), device->shape[0]};
  return {host.data(), host.size()};
}

Labels labels_in(const char* op, const char* name, py::handle object, bool on_device) {
  const auto check = [&](const py::dtype& dtype, size_t rank) {
    if (!dtype.equal(py::dtype::of<int64_t>()) && !dtype.equal(py::dtype::of<int32_t>())) {
      fail(op, name, " has dtype ", std::string(py::str(dtype)), ", needs int32 or int64");
    }
    if (rank != 1) fail(op, name, " has ", rank, " dimensions, needs 1");
  };
  if (on_device) {
    const std::shared_ptr<DeviceArray> a = device_array_from(op, name, object);
    if (!a) fail(op, name, " is on the CPU, the others on the CUDA device: all arrays of a call need to be on one");
    check(a->dtype, a->shape.size());
    if (!a->contiguous()) fail(op, name, " needs to be contiguous");
    if (a->dtype.itemsize() == 8) return {py::array_t<int64_t>(0), a};
    const auto wide = DeviceArray::make(py::dtype::of<int64_t>(), a->shape);
    convert(device_context(op), Vector<const int32_t>{reinterpret_cast<const int32_t*>(a->data), a->shape[0]},
            Vector<int64_t>{reinterpret_cast<int64_t*>(wide->data), a->shape[0]});
    return {py::array_t<int64_t>(0), wide};
  }
  if (!py::isinstance<py::array>(object)) fail<TypeError>(op, name, " is a ", type_name(object), ", needs a NumPy array");
  const auto a = py::reinterpret_borrow<py::array>(object);
  check(a.dtype(), static_cast<size_t>(a.ndim()));
  return {py::array_t < int64_t, py::array::c_style | py::array::forcecast > ::ensure(a), nullptr};
}

}  // namespace lamina
