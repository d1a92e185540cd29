// Bindings of layer norm.
#include "bindings/bind.h"
#include "ops/layernorm.h"

namespace lamina {
namespace {

py::tuple layernorm_forward_binding(py::object x_, py::object gamma_, py::object beta_, py::object eps_, py::object out_) {
  const char* op = "layernorm_forward";
  const double eps = number_in(op, "eps", eps_);
  const Array x = array_in(op, "x", x_), gamma = optional_in(op, "gamma", gamma_, x), beta = optional_in(op, "beta", beta_, x);
  check_rank(x, 2);
  if (gamma.given() != beta.given()) fail(op, "gamma and beta are needed both or not at all");
  const auto outs = several_outs(op, out_, 3);
  const auto inputs = {&x, &gamma, &beta};
  const Array y = array_out(op, "y", outs[0], x, x.dtype, x.shape(), inputs);
  const Array mean = array_out(op, "mean", outs[1], x, x.dtype, {x.size(0)}, inputs),
              rstd = array_out(op, "rstd", outs[2], x, x.dtype, {x.size(0)}, inputs);
  check_apart(y, mean);
  check_apart(y, rstd);
  check_apart(mean, rstd);
  with_dtype(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto xv = matrix_view<const T>(x);
    const auto gv = vector_view<const T>(gamma), bv = vector_view<const T>(beta);
    const auto yv = matrix_view<T>(y);
    const auto mv = vector_view<T>(mean), rv = vector_view<T>(rstd);
    const Native native(x);
    layernorm_forward<T>(native.context, xv, gv, bv, eps, yv, mv, rv);
  });
  return py::make_tuple(y.object(), mean.object(), rstd.object());
}

py::tuple layernorm_backward_binding(py::object dy_, py::object x_, py::object gamma_, py::object mean_, py::object rstd_,
                                     py::object out_) {
  const char* op = "layernorm_backward";
  const Array dy = array_in(op, "dy", dy_), x = array_in(op, "x", x_, dy), gamma = optional_in(op, "gamma", gamma_, dy);
  const Array mean = array_in(op, "mean", mean_, dy), rstd = array_in(op, "rstd", rstd_, dy);
  check_rank(dy, 2);
  check_rank(x, 2);
  const auto outs = several_outs(op, out_, 3);
  const auto inputs = {&dy, &x, &gamma, &mean, &rstd};
  const Array dx = array_out(op, "dx", outs[0], dy, dy.dtype, dy.shape(), inputs);
  const auto sum_out = [&](const char* name, const py::object& out) {
    if (gamma.given()) return array_out(op, name, out, dy, dy.dtype, {dy.size(1)}, inputs);
    if (!out.is_none()) fail(op, "out has an array for ", name, ", needs None where there is no gamma");
    return no_array(op, name, dy.dtype);
  };
  const Array dgamma = sum_out("dgamma", outs[1]), dbeta = sum_out("dbeta", outs[2]);
  check_apart(dx, dgamma);
  check_apart(dx, dbeta);
  check_apart(dgamma, dbeta);
  with_dtype(dy.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto dyv = matrix_view<const T>(dy), xv = matrix_view<const T>(x);
    const auto gv = vector_view<const T>(gamma), mv = vector_view<const T>(mean), rv = vector_view<const T>(rstd);
    const auto dxv = matrix_view<T>(dx);
    const auto dgv = vector_view<T>(dgamma), dbv = vector_view<T>(dbeta);
    const Native native(dy);
    layernorm_backward<T>(native.context, dyv, xv, gv, mv, rv, dxv, dgv, dbv);
  });
  return py::make_tuple(dx.object(), dgamma.object(), dbeta.object());
}

}  // namespace

void bind_layernorm(py::module_& m) {
  m.def("layernorm_forward", layernorm_forward_binding);
  m.def("layernorm_backward", layernorm_backward_binding);
}

}  // namespace lamina
