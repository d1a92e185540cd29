// The caller's arrays as views: dtype, rank, layout, device and writability are checked, nothing is ever copied or cast.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/types.h"
#include "bindings/device_array.h"

namespace lamina {

// A float32 or float64 array in native byte order, or where an op takes it bfloat16; op and name are for errors. On the
// host it is NumPy's, on the device lamina's view of what the caller gave, or a new one like that.
struct Array {
  const char* op;
  const char* name;
  py::array array;
  DType dtype;
  std::shared_ptr<DeviceArray> device = {};
  py::object given_as = {}, like = {};

  bool given() const { return array || device; }
  bool on_device() const { return static_cast<bool>(device); }
  int64_t rank() const { return device ? static_cast<int64_t>(device->shape.size()) : array.ndim(); }
  int64_t size(int64_t axis) const { return device ? device->shape[static_cast<size_t>(axis)] : array.shape(axis); }
  int64_t stride(int64_t axis) const { return device ? device->strides[static_cast<size_t>(axis)] : array.strides(axis); }
  Shape shape() const { return device ? device->shape : Shape(array.shape(), array.shape() + array.ndim()); }
  void* data() const { return device ? device->data : const_cast<void*>(array.data()); }
  int64_t itemsize() const { return device ? device->dtype.itemsize() : array.itemsize(); }
  bool writeable() const { return device ? device->writeable : array.writeable(); }
  py::dtype numpy_dtype() const { return device ? device->dtype : array.dtype(); }
  // As the caller's kind of array; None where there is none.
  py::object object() const;
};

// What the arrays of a call have in common.
struct Kind {
  DType dtype;
  bool on_device;
  Kind(DType dtype_, bool on_device_) : dtype(dtype_), on_device(on_device_) {}
  Kind(const Array& a) : dtype(a.dtype), on_device(a.on_device()) {}
};

Array array_in(const char* op, const char* name, py::handle object);
Array any_array_in(const char* op, const char* name, py::handle object);                      // ... or bfloat16, known by name
Array array_in(const char* op, const char* name, py::handle object, const Kind& kind);        // ... of this kind
Array array_in_place(const char* op, const char* name, py::handle object, const Kind& kind);  // ... and writeable
// None gives an array that is not `given()`, whose views are absent.
Array optional_in(const char* op, const char* name, py::handle object, const Kind& kind);
Array optional_in_place(const char* op, const char* name, py::handle object, const Kind& kind);

// New arrays where `like` is and of its kind; `like` may be of another dtype.
Array new_array(const char* op, const char* name, const Array& like, DType dtype, const Shape& shape);
Array new_host_array(const char* op, const char* name, DType dtype, const Shape& shape);
Array no_array(const char* op, const char* name, DType dtype);

// A result: new where `out` is None, else `out` after checking dtype, shape, layout, writability and that it shares no
// memory with the inputs (for element-wise ops it may be the very same array as one of them).
Array array_out(const char* op, const char* name, py::handle out, const Array& like, DType dtype, const Shape& shape,
                std::initializer_list<const Array*> inputs, bool may_be_input = false);
void check_apart(const Array& a, const Array& b);

// The items of `out` for an op with several results: a tuple of that many, or None for each.
std::vector<py::object> several_outs(const char* op, py::handle out, size_t count);

// Views of the data as T, after checking rank and layout.
void check_rank(const Array& a, int64_t rank);
void check_layout(const Array& a);  // unit column stride and rows apart; contiguous where the rank is not 2
template <class T>
Matrix<T> matrix_view(const Array& a) {
  if (!a.given()) return {};
  check_rank(a, 2);
  check_layout(a);
  const int64_t rows = a.size(0), columns = a.size(1);
  const int64_t stride = rows > 1 ? a.stride(0) / static_cast<int64_t>(sizeof(T)) : columns;
  return {static_cast<T*>(a.data()), rows, columns, stride};
}
template <class T>
Vector<T> vector_view(const Array& a) {
  if (!a.given()) return {};
  check_rank(a, 1);
  check_layout(a);
  return {static_cast<T*>(a.data()), a.size(0)};
}
// Any rank >= 1 as (first axis, product of the others).
template <class T>
Matrix<T> rows_view(const Array& a) {
  if (a.rank() == 2) return matrix_view<T>(a);
  check_layout(a);
  const int64_t rows = a.size(0);
  int64_t columns = 1;
  for (int64_t i = 1; i < a.rank(); ++i) columns *= a.size(i);
  return matrix(static_cast<T*>(a.data()), rows, columns);
}

// Labels held while native code reads them: int64 as they are, int32 widened into a new array (labels are small); anything
// else is refused.
struct Labels {
  py::array_t<int64_t> host;
  std::shared_ptr<DeviceArray> device;
  Vector<const int64_t> view() const;
};
Labels labels_in(const char* op, const char* name, py::handle object, bool on_device);
bool is_integer(py::handle object);

std::string shape_text(const Shape& shape);

// Calls f with a float or a double, by dtype.
template <class F>
decltype(auto) with_dtype(DType dtype, const F& f) {
  return dtype == DType::float32 ? f(float{}) : f(double{});
}

}  // namespace lamina
