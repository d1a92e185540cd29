// NumPy arrays as views: dtype, rank, layout and writability are checked, nothing is ever copied or cast.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/types.h"

namespace lamina {

namespace py = pybind11;
using Shape = std::vector<int64_t>;

// A float32 or float64 array in native byte order, or where an op takes it bfloat16; op and name are for errors.
struct Array {
  const char* op;
  const char* name;
  py::array array;
  DType dtype;

  bool given() const { return static_cast<bool>(array); }
  int64_t rank() const { return array.ndim(); }
  int64_t size(int axis) const { return array.shape(axis); }
  Shape shape() const { return {array.shape(), array.shape() + array.ndim()}; }
};
Array array_in(const char* op, const char* name, py::handle object);
Array any_array_in(const char* op, const char* name, py::handle object);                 // ... or bfloat16, known by name
Array array_in(const char* op, const char* name, py::handle object, DType dtype);        // ... of this dtype
Array array_in_place(const char* op, const char* name, py::handle object, DType dtype);  // ... and writeable
// None gives an array that is not `given()`, whose views are absent.
Array optional_in(const char* op, const char* name, py::handle object, DType dtype);
Array optional_in_place(const char* op, const char* name, py::handle object, DType dtype);

// A result: new where `out` is None, else `out` after checking dtype, shape, layout, writability and that it shares no
// memory with the inputs (for element-wise ops it may be the very same array as one of them).
Array array_out(const char* op, const char* name, py::handle out, DType dtype, const Shape& shape,
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
  const int64_t stride = rows > 1 ? a.array.strides(0) / static_cast<int64_t>(sizeof(T)) : columns;
  return {static_cast<T*>(const_cast<void*>(a.array.data())), rows, columns, stride};
}
template <class T>
Vector<T> vector_view(const Array& a) {
  if (!a.given()) return {};
  check_rank(a, 1);
  check_layout(a);
  return {static_cast<T*>(const_cast<void*>(a.array.data())), a.size(0)};
}
// Any rank >= 1 as (first axis, product of the others).
template <class T>
Matrix<T> rows_view(const Array& a) {
  if (a.rank() == 2) return matrix_view<T>(a);
  check_layout(a);
  const int64_t rows = a.size(0);
  int64_t columns = 1;
  for (int64_t i = 1; i < a.rank(); ++i) columns *= a.size(static_cast<int>(i));
  return matrix(static_cast<T*>(const_cast<void*>(a.array.data())), rows, columns);
}

// int64 labels as they are, int32 widened into a new array (labels are small); anything else is refused.
py::array_t<int64_t> labels_in(const char* op, const char* name, py::handle object);
bool is_integer(py::handle object);

py::array new_array(DType dtype, const Shape& shape);
std::string shape_text(const Shape& shape);

// Calls f with a float or a double, by dtype.
template <class F>
decltype(auto) with_dtype(DType dtype, const F& f) {
  return dtype == DType::float32 ? f(float{}) : f(double{});
}

}  // namespace lamina
