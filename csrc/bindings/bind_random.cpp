// Bindings of the counter-based draws, of what makes orthogonal matrices of them, and of dropout's mask.
#include <algorithm>

#include "bindings/bind.h"
#include "ops/orthogonal.h"
#include "ops/random.h"

namespace lamina {
namespace {

// (..., 4) and (..., 2), already broadcast and contiguous by the Python side.
py::array_t<uint32_t> philox_binding(const py::array_t<uint32_t>& counter, const py::array_t<uint32_t>& key) {
  py::array_t<uint32_t> out(Shape{counter.shape(), counter.shape() + counter.ndim()});
  philox({counter.data(), counter.size()}, {key.data(), key.size()}, {out.mutable_data(), out.size()});
  return out;
}

// A result that is like no argument: where `device` says.
py::object new_of_type(const py::dtype& dtype, const Shape& shape, bool on_device, void*& data) {
  if (!on_device) {
    py::array array(dtype, shape);
    data = array.mutable_data();
    return array;
  }
  const auto array = DeviceArray::make(dtype, shape);
  data = array->data;
  return py::cast(array);
}
Matrix<std::byte> rows_of(const Shape& shape) {
  int64_t columns = 1;
  for (size_t i = 1; i < shape.size(); ++i) columns *= shape[i];
  return matrix<std::byte>(nullptr, shape[0], columns);
}

template <bool normal>
py::object random_binding(const Shape& shape, py::object seed, py::object layer, py::object step, py::object row_offset,
                          const std::string& dtype_, py::object device) {
  const char* op = normal ? "random_normal" : "random_uniform";
  if (dtype_ != "float32" && dtype_ != "float64") fail(op, "dtype is ", dtype_, ", needs float32 or float64");
  const DType dtype = dtype_ == "float32" ? DType::float32 : DType::float64;
  const RandomKey key = key_in(op, seed, layer, step, row_offset, shape[0]);
  const bool on_device = is_cuda(op, device);
  void* data = nullptr;
  const py::object out = new_of_type(py::dtype(dtype_), shape, on_device, data);
  with_dtype(dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto ov = matrix(static_cast<T*>(data), rows_of(shape).rows, rows_of(shape).columns);
    const Native native({dtype, on_device});
    if constexpr (normal) {
      random_normal<T>(native.context, key, ov);
    } else {
      random_uniform<T>(native.context, key, ov);
    }
  });
  return out;
}

py::array_t<int64_t> permutation_binding(py::object n_, py::object seed, py::object layer, py::object step) {
  const char* op = "random_permutation";
  const int64_t n = integer_in(op, "n", n_);
  if (n < 0) fail(op, "n is ", n, ", needs n >= 0");
  const RandomKey key = key_in(op, seed, layer, step, py::int_(0), n);
  py::array_t<int64_t> out(n);
  const Vector<int64_t> view{out.mutable_data(), n};
  {
    const Native native({DType::float32, false});
    random_permutation(native.context, key, view);
  }
  return out;
}

py::object orthonormal_rows_binding(const py::object& rows_) {
  const char* op = "orthonormal_rows";
  const Array rows = array_in(op, "rows", rows_, {DType::float64, false});
  const auto given = matrix_view<const double>(rows);
  const Array out = new_host_array(op, "out", DType::float64, rows.shape());
  const auto result = matrix_view<double>(out);
  {
    const Native native({DType::float64, false});
    for (int64_t r = 0; r < given.rows; ++r) std::copy_n(given.row(r), given.columns, result.row(r));
    orthonormal_rows(native.context, result);
  }
  return out.object();
}

py::object dropout_mask_binding(const Shape& shape, py::object p, py::object seed, py::object layer, py::object step, py::object row_offset,
                                py::object device) {
  const char* op = "dropout_mask";
  const Dropout dropout = dropout_in(op, p, key_in(op, seed, layer, step, row_offset, shape[0]));
  const bool on_device = is_cuda(op, device);
  void* data = nullptr;
  const py::object out = new_of_type(py::dtype::of<bool>(), shape, on_device, data);
  const Matrix<uint8_t> view = matrix(static_cast<uint8_t*>(data), rows_of(shape).rows, rows_of(shape).columns);
  {
    const Native native({DType::float32, on_device});
    dropout_mask(native.context, dropout, view);
  }
  return out;
}

}  // namespace

void bind_random(py::module_& m) {
  m.def("philox", philox_binding);
  m.def("random_uniform", random_binding<false>);
  m.def("random_normal", random_binding<true>);
  m.def("random_permutation", permutation_binding);
  m.def("orthonormal_rows", orthonormal_rows_binding, py::arg("rows"), "By Gram-Schmidt, from the first row to the last.");
  m.def("dropout_mask", dropout_mask_binding);
}

}  // namespace lamina
