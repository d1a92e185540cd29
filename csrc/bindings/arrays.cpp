// Checks of NumPy arrays at the door.
#include "bindings/arrays.h"

#include <algorithm>

namespace lamina {
namespace {

std::string type_name(py::handle object) { return py::str(py::type::of(object).attr("__name__")); }
std::string dtype_name(const py::array& a) { return py::str(a.dtype()); }
const char* dtype_text(DType dtype) { return dtype == DType::float32 ? "float32" : dtype == DType::float64 ? "float64" : "bfloat16"; }

// Whether two arrays share an element; column blocks of one wider matrix, which interleave, are told apart.
bool shares_memory(const py::array& a, const py::array& b) {
  const auto extent = [](const py::array& x) {
    auto first = reinterpret_cast<uintptr_t>(x.data()), last = first + static_cast<uintptr_t>(x.itemsize());
    for (py::ssize_t i = 0; i < x.ndim(); ++i) {
      if (x.shape(i) == 0) return std::pair<uintptr_t, uintptr_t>{first, first};
      last += static_cast<uintptr_t>((x.shape(i) - 1) * x.strides(i));
    }
    return std::pair{first, last};
  };
  const auto [a_first, a_last] = extent(a);
  const auto [b_first, b_last] = extent(b);
  if (a_first >= b_last || b_first >= a_last) return false;
  if (a.ndim() != 2 || b.ndim() != 2 || a.strides(0) != b.strides(0) || a.strides(0) <= 0) return true;
  const auto stride = static_cast<uintptr_t>(a.strides(0));
  const auto width = [](const py::array& x) { return static_cast<uintptr_t>(x.shape(1) * x.itemsize()); };
  const uintptr_t offset = (b_first % stride + stride - a_first % stride) % stride;  // of b's rows after a's
  return offset < width(a) || offset + width(b) > stride;
}

bool same_place(const Array& a, const Array& b) {
  return a.array.data() == b.array.data() && a.shape() == b.shape() &&
         std::equal(a.array.strides(), a.array.strides() + a.rank(), b.array.strides());
}

}  // namespace

std::string shape_text(const Shape& shape) {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

py::array new_array(DType dtype, const Shape& shape) {
  return dtype == DType::float32 ? py::array(py::array_t<float>(shape)) : py::array(py::array_t<double>(shape));
}

namespace {

Array array_of_some(const char* op, const char* name, py::handle object, bool half_too) {
  if (!py::isinstance<py::array>(object)) fail<TypeError>(op, name, " is a ", type_name(object), ", needs a NumPy array");
  py::array a = py::reinterpret_borrow<py::array>(object);
  const bool single = py::isinstance<py::array_t<float>>(a), twice = py::isinstance<py::array_t<double>>(a);
  const bool half = half_too && !single && !twice && dtype_name(a) == "bfloat16";  // NumPy itself has none: known by name
  if (!single && !twice && !half) {
    fail(op, name, " has dtype ", dtype_name(a), ", needs float32", half_too ? ", float64 or bfloat16" : " or float64",
         " in native byte order");
  }
  if (a.ndim() == 0) fail(op, name, " has no dimensions, needs at least one");
  const auto itemsize = static_cast<uintptr_t>(a.itemsize());
  if (reinterpret_cast<uintptr_t>(a.data()) % itemsize != 0)
    fail(op, name, " is misaligned, needs data at a multiple of ", itemsize, " bytes");
  return {op, name, std::move(a), single ? DType::float32 : twice ? DType::float64 : DType::bfloat16};
}

}  // namespace

Array array_in(const char* op, const char* name, py::handle object) { return array_of_some(op, name, object, false); }
Array any_array_in(const char* op, const char* name, py::handle object) { return array_of_some(op, name, object, true); }
Array array_in(const char* op, const char* name, py::handle object, DType dtype) {
  Array a = array_of_some(op, name, object, dtype == DType::bfloat16);
  if (a.dtype != dtype) fail(op, name, " has dtype ", dtype_text(a.dtype), ", needs ", dtype_text(dtype), " as the other arrays");
  return a;
}
Array array_in_place(const char* op, const char* name, py::handle object, DType dtype) {
  Array a = array_in(op, name, object, dtype);
  if (!a.array.writeable()) fail(op, name, " is read-only, needs to be writeable");
  return a;
}
Array optional_in(const char* op, const char* name, py::handle object, DType dtype) {
  if (object.is_none()) return {op, name, py::reinterpret_steal<py::array>(py::handle()), dtype};
  return array_in(op, name, object, dtype);
}
Array optional_in_place(const char* op, const char* name, py::handle object, DType dtype) {
  if (object.is_none()) return optional_in(op, name, object, dtype);
  return array_in_place(op, name, object, dtype);
}

Array array_out(const char* op, const char* name, py::handle out, DType dtype, const Shape& shape,
                std::initializer_list<const Array*> inputs, bool may_be_input) {
  if (out.is_none()) return {op, name, new_array(dtype, shape), dtype};
  Array a = array_in_place(op, name, out, dtype);
  if (a.shape() != shape) fail(op, name, " has shape ", shape_text(a.shape()), ", needs ", shape_text(shape));
  check_layout(a);
  for (const Array* input : inputs) {
    if (!input->given() || (may_be_input && same_place(a, *input))) continue;
    check_apart(a, *input);
  }
  return a;
}
void check_apart(const Array& a, const Array& b) {
  if (a.given() && b.given() && shares_memory(a.array, b.array))
    fail(a.op, a.name, " shares memory with ", b.name, ", needs memory of its own");
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
  const auto itemsize = a.array.itemsize();
  for (py::ssize_t i = 0; i < a.rank(); ++i) {
    if (a.array.shape(i) == 0) return;  // no element, no layout
  }
  py::ssize_t needed = itemsize;
  for (py::ssize_t i = a.rank() - 1; i >= 0; --i) {
    const py::ssize_t stride = a.array.strides(i);
    const bool row_axis = a.rank() == 2 && i == 0;
    if (a.array.shape(i) > 1 && !(row_axis ? stride >= needed && stride % itemsize == 0 : stride == needed)) {
      fail(a.op, a.name, a.rank() == 2 ? " needs rows with unit column stride (C order); " : " needs to be contiguous (C order); ",
           "numpy.ascontiguousarray gives such a copy");
    }
    needed *= a.array.shape(i);
  }
}

bool is_integer(py::handle object) {
  return py::isinstance<py::array>(object) &&
         std::string("iu").find(py::reinterpret_borrow<py::array>(object).dtype().kind()) != std::string::npos;
}

py::array_t<int64_t> labels_in(const char* op, const char* name, py::handle object) {
  if (!py::isinstance<py::array>(object)) fail<TypeError>(op, name, " is a ", type_name(object), ", needs a NumPy array");
  const auto a = py::reinterpret_borrow<py::array>(object);
  if (!py::isinstance<py::array_t<int64_t>>(a) && !py::isinstance<py::array_t<int32_t>>(a)) {
    fail(op, name, " has dtype ", dtype_name(a), ", needs int32 or int64");
  }
  if (a.ndim() != 1) fail(op, name, " has ", a.ndim(), " dimensions, needs 1");
  return py::array_t < int64_t, py::array::c_style | py::array::forcecast > ::ensure(a);
}

}  // namespace lamina
