// Bindings of products: gemm, linear and the fused lamina.
#include "bindings/bind.h"
#include "ops/gemm.h"
#include "ops/lamina.h"

namespace lamina {
namespace {

py::array gemm_binding(py::object a_, py::object b_, py::object transpose_a_, py::object transpose_b_, py::object alpha_, py::object beta_,
                       py::object out_) {
  const char* op = "gemm";
  const bool transpose_a = flag_in(op, "transpose_a", transpose_a_), transpose_b = flag_in(op, "transpose_b", transpose_b_);
  const double alpha = number_in(op, "alpha", alpha_), beta = number_in(op, "beta", beta_);
  const Array a = array_in(op, "a", a_), b = array_in(op, "b", b_, a.dtype);
  if (beta != 0 && out_.is_none()) fail(op, "beta is ", beta, " without out, needs out");
  check_rank(a, 2);
  check_rank(b, 2);
  const Array out = array_out(op, "out", out_, a.dtype, {a.size(transpose_a ? 1 : 0), b.size(transpose_b ? 0 : 1)}, {&a, &b});
  with_dtype(a.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto av = matrix_view<const T>(a), bv = matrix_view<const T>(b);
    const auto ov = matrix_view<T>(out);
    const Native native;
    gemm<T>(native.context, av, transpose_a, bv, transpose_b, static_cast<T>(alpha), static_cast<T>(beta), ov);
  });
  return out.array;
}

py::array linear_forward(py::object x_, py::object weight_, py::object bias_, py::object activation, const py::dict& parameters,
                         py::object out_) {
  const char* op = "linear_forward";
  const Array x = array_in(op, "x", x_), weight = array_in(op, "weight", weight_, x.dtype), bias = optional_in(op, "bias", bias_, x.dtype);
  check_rank(x, 2);
  check_rank(weight, 2);
  const Array out = array_out(op, "out", out_, x.dtype, {x.size(0), weight.size(0)}, {&x, &weight, &bias});
  with_dtype(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    Lamina<T> lamina;
    lamina.op = op;
    lamina.weight = matrix_view<const T>(weight);
    lamina.bias = vector_view<const T>(bias);
    lamina.activation = activation_in(op, activation, parameters);
    const auto xv = matrix_view<const T>(x);
    const auto ov = matrix_view<T>(out);
    const Native native;
    lamina_forward<T>(native.context, lamina, xv, ov, {});
  });
  return out.array;
}

py::tuple linear_backward(py::object dy_, py::object x_, py::object weight_, py::object y_, py::object z_, py::object activation,
                          const py::dict& parameters, py::object need_dx_, py::object out_) {
  const char* op = "linear_backward";
  const bool need_dx = flag_in(op, "need_dx", need_dx_);
  const Array dy = array_in(op, "dy", dy_), x = array_in(op, "x", x_, dy.dtype), weight = array_in(op, "weight", weight_, dy.dtype);
  const Array y = optional_in(op, "y", y_, dy.dtype), z = optional_in(op, "z", z_, dy.dtype);
  const Activation spec = activation_in(op, activation, parameters);
  const ActivationInfo& info = activation_info(spec.index);
  const Array& saved = info.reads_output ? y : z;
  if (spec.index != 0 && !saved.given()) {
    fail(op, "the derivative of ", info.name, " follows from ", info.reads_output ? "its output: give y" : "the pre-activation: give z");
  }
  check_rank(dy, 2);
  check_rank(x, 2);
  check_rank(weight, 2);
  if (dy.size(0) != x.size(0) || dy.size(1) != weight.size(0) || x.size(1) != weight.size(1)) {
    fail(op, "dy has shape ", shape_text(dy.shape()), ", x ", shape_text(x.shape()), ", weight ", shape_text(weight.shape()),
         ": needs (batch, out), (batch, in), (out, in)");
  }
  if (spec.index != 0 && saved.shape() != dy.shape()) {
    fail(op, saved.name, " has shape ", shape_text(saved.shape()), ", needs ", shape_text(dy.shape()));
  }
  const auto outs = several_outs(op, out_, 3);
  const auto inputs = {&dy, &x, &weight, &y, &z};
  const Array dx = need_dx ? array_out(op, "dx", outs[0], dy.dtype, x.shape(), inputs) : optional_in(op, "dx", py::none(), dy.dtype);
  const Array dw = array_out(op, "dweight", outs[1], dy.dtype, weight.shape(), inputs);
  const Array db = array_out(op, "dbias", outs[2], dy.dtype, {weight.size(0)}, inputs);
  check_apart(dx, dw);
  check_apart(dx, db);
  check_apart(dw, db);
  const Array dz{op, "dz", new_array(dy.dtype, dy.shape()), dy.dtype};
  with_dtype(dy.dtype, [&](auto zero) {
    using T = decltype(zero);
    Lamina<T> lamina;
    lamina.op = op;
    lamina.weight = matrix_view<const T>(weight);
    lamina.bias = vector_view<const T>(db);  // present; its values are not read
    lamina.activation = spec;
    const auto dyv = matrix_view<const T>(dy), xv = matrix_view<const T>(x);
    const auto dzv = matrix_view<T>(dz);
    const auto yv = spec.index != 0 ? matrix_view<const T>(saved) : Matrix<const T>(dzv);
    const LaminaGradients<T> gradients{matrix_view<T>(dw), vector_view<T>(db), {}, {}, matrix_view<T>(dx)};
    const Native native;
    lamina_backward<T>(native.context, lamina, dyv, dzv, xv, yv, {}, gradients);
  });
  return py::make_tuple(need_dx ? py::object(dx.array) : py::none(), dw.array, db.array);
}

}  // namespace

void bind_linear(py::module_& m) {
  m.def("gemm", gemm_binding);
  m.def("linear_forward", linear_forward);
  m.def("linear_backward", linear_backward);
}

}  // namespace lamina
