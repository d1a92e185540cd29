// Bindings of activations and softmax.
#include "bindings/bind.h"
#include "ops/softmax.h"

namespace lamina {
namespace {

py::dict activations() {
  py::dict all;
  for (int i = 0; i < activation_count(); ++i) {
    const ActivationInfo& info = activation_info(i);
    py::dict defaults;
    for (int k = 0; k < info.parameters; ++k) defaults[info.parameter_names[k]] = info.defaults[k];
    all[info.name] = defaults;
  }
  return all;
}

py::object activation_forward_binding(py::object x_, py::object activation, const py::dict& parameters, py::object out_) {
  const char* op = "activation_forward";
  const Array x = array_in(op, "x", x_), out = array_out(op, "out", out_, x, x.dtype, x.shape(), {&x}, true);
  const Activation spec = activation_in(op, activation, parameters);
  with_dtype(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto xv = rows_view<const T>(x);
    const auto ov = rows_view<T>(out);
    const Native native(x);
    activation_forward<T>(native.context, spec, xv, ov);
  });
  return out.object();
}

py::object activation_backward_binding(py::object dy_, py::object x_, py::object activation, const py::dict& parameters, py::object y_,
                                       py::object out_) {
  const char* op = "activation_backward";
  const Array dy = array_in(op, "dy", dy_), x = array_in(op, "x", x_, dy), given = optional_in(op, "y", y_, dy);
  const Activation spec = activation_in(op, activation, parameters);
  for (const Array* a : {&x, &given}) {
    if (a->given() && a->shape() != dy.shape())
      fail(op, a->name, " has shape ", shape_text(a->shape()), ", needs ", shape_text(dy.shape()));
  }
  const Array out = array_out(op, "out", out_, dy, dy.dtype, dy.shape(), {&dy, &x, &given}, true);
  const bool reads_output = activation_info(spec.index).reads_output;
  const bool computes = reads_output && !given.given() && spec.index != 0;
  const Array computed = computes ? new_array(op, "y", dy, dy.dtype, dy.shape()) : reads_output && given.given() ? given : x;
  with_dtype(dy.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto dyv = rows_view<const T>(dy), xv = rows_view<const T>(x);
    const auto ov = rows_view<T>(out), cv = rows_view<T>(computed);
    const Native native(dy);
    if (computes) activation_forward<T>(native.context, spec, xv, cv);
    activation_backward<T>(native.context, spec, dyv, cv, ov);
  });
  return out.object();
}

template <bool logarithm>
py::object softmax_forward_binding(py::object x_, py::object out_) {
  const char* op = logarithm ? "log_softmax_forward" : "softmax_forward";
  const Array x = array_in(op, "x", x_);
  check_rank(x, 2);
  const Array out = array_out(op, "out", out_, x, x.dtype, x.shape(), {&x});
  with_dtype(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto xv = matrix_view<const T>(x);
    const auto ov = matrix_view<T>(out);
    const Native native(x);
    if constexpr (logarithm) {
      log_softmax_forward<T>(native.context, xv, ov);
    } else {
      softmax_forward<T>(native.context, xv, ov);
    }
  });
  return out.object();
}

template <bool logarithm>
py::object softmax_backward_binding(py::object dy_, py::object y_, py::object out_) {
  const char* op = logarithm ? "log_softmax_backward" : "softmax_backward";
  const Array dy = array_in(op, "dy", dy_), y = array_in(op, "y", y_, dy);
  check_rank(dy, 2);
  check_rank(y, 2);
  const Array out = array_out(op, "out", out_, dy, dy.dtype, dy.shape(), {&dy, &y});
  with_dtype(dy.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto dyv = matrix_view<const T>(dy), yv = matrix_view<const T>(y);
    const auto ov = matrix_view<T>(out);
    const Native native(dy);
    if constexpr (logarithm) {
      log_softmax_backward<T>(native.context, dyv, yv, ov);
    } else {
      softmax_backward<T>(native.context, dyv, yv, ov);
    }
  });
  return out.object();
}

}  // namespace

void bind_elementwise(py::module_& m) {
  m.def("activations", activations);
  m.def("activation_forward", activation_forward_binding);
  m.def("activation_backward", activation_backward_binding);
  m.def("softmax_forward", softmax_forward_binding<false>);
  m.def("log_softmax_forward", softmax_forward_binding<true>);
  m.def("softmax_backward", softmax_backward_binding<false>);
  m.def("log_softmax_backward", softmax_backward_binding<true>);
}

}  // namespace lamina
