// Bindings of the counter-based draws, of what makes orthogonal matrices of them, and of dropout's mask.
#include <algorithm>

#include "bindings/bind.h"
#include "ops/orthogonal.h"
#include "ops/random.h"

namespace lamina {
namespace {

// A result that is like no argument: `out`, or new where `device` says. Of any dtype: what it is in C++ is not looked at.
Array drawn(const char* op, const py::object& out, const py::dtype& dtype, const Shape& shape, bool on_device) {
  Array a = no_array(op, "out", DType::float32);
  if (out.is_none()) {
    if (on_device) {
      a.device = DeviceArray::make(dtype, shape);
    } else {
      a.array = py::array(dtype, shape);
    }
    return a;
  }
  if (py::isinstance<py::array>(out)) {
    a.array = py::reinterpret_borrow<py::array>(out);
  } else if (a.device = device_array_from(op, "out", out); a.device) {
    a.given_as = out;
  } else {
    fail<TypeError>(op, "out is no NumPy array nor one on the CUDA device");
  }
  const auto told = [](const py::dtype& type, const Shape& lengths, bool device) {
    return std::string(py::str(type)) + " of shape " + shape_text(lengths) + (device ? " on the CUDA device" : " on the CPU");
  };
  if (!a.numpy_dtype().equal(dtype) || a.shape() != shape || a.on_device() != on_device) {
    fail(op, "out is ", told(a.numpy_dtype(), a.shape(), a.on_device()), ", needs ", told(dtype, shape, on_device));
  }
  if (!a.writeable()) fail(op, "out is read-only, needs to be writeable");
  const auto itemsize = static_cast<uintptr_t>(a.itemsize());
  if (reinterpret_cast<uintptr_t>(a.data()) % itemsize != 0)
    fail(op, "out is misaligned, needs data at a multiple of ", itemsize, " bytes");
  return a;
}

// (..., 4) and (..., 2), contiguous, already broadcast by the Python side; or one key for all.
py::object philox_binding(const py::array_t<uint32_t>& counter, const py::array_t<uint32_t>& key, py::object out_) {
  const char* op = "philox";
  const Array out = drawn(op, out_, py::dtype::of<uint32_t>(), {counter.shape(), counter.shape() + counter.ndim()}, false);
  if (!(out.array.flags() & py::array::c_style)) fail(op, "out needs to be contiguous (C order)");
  check_apart(out, {op, "counter", counter, out.dtype});
  check_apart(out, {op, "key", key, out.dtype});
  const Vector<const uint32_t> counters{counter.data(), counter.size()}, keys{key.data(), key.size()};
  const Vector<uint32_t> words{static_cast<uint32_t*>(out.data()), counter.size()};
  {
    const Native native({DType::float32, false});
    philox(native.context, counters, keys, words);
  }
  return out.object();
}

template <bool normal>
py::object random_binding(const Shape& shape, py::object seed, py::object layer, py::object step, py::object row_offset,
                          const std::string& dtype_, py::object device, py::object out_) {
  const char* op = normal ? "random_normal" : "random_uniform";
  if (dtype_ != "float32" && dtype_ != "float64") fail(op, "dtype is ", dtype_, ", needs float32 or float64");
  const DType dtype = dtype_ == "float32" ? DType::float32 : DType::float64;
  const RandomKey key = key_in(op, seed, layer, step, row_offset, shape[0]);
  const bool on_device = is_cuda(op, device);
  const Array out = drawn(op, out_, py::dtype(dtype_), shape, on_device);
  with_dtype(dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto ov = rows_view<T>(out);
    const Native native({dtype, on_device});
    if constexpr (normal) {
      random_normal<T>(native.context, key, ov);
    } else {
      random_uniform<T>(native.context, key, ov);
    }
  });
  return out.object();
}

py::object permutation_binding(py::object n_, py::object seed, py::object layer, py::object step, py::object out_) {
  const char* op = "random_permutation";
  const int64_t n = integer_in(op, "n", n_);
  if (n < 0) fail(op, "n is ", n, ", needs n >= 0");
  const RandomKey key = key_in(op, seed, layer, step, py::int_(0), n);
  const Array out = drawn(op, out_, py::dtype::of<int64_t>(), {n}, false);
  const auto view = vector_view<int64_t>(out);
  {
    const Native native({DType::float32, false});
    random_permutation(native.context, key, view);
  }
  return out.object();
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
                                py::object device, py::object out_) {
  const char* op = "dropout_mask";
  const Dropout dropout = dropout_in(op, p, key_in(op, seed, layer, step, row_offset, shape[0]));
  const bool on_device = is_cuda(op, device);
  const Array out = drawn(op, out_, py::dtype::of<bool>(), shape, on_device);
  const auto view = rows_view<uint8_t>(out);
  {
    const Native native({DType::float32, on_device});
    dropout_mask(native.context, dropout, view);
  }
  return out.object();
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
