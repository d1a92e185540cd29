// Bindings of PReLU and RReLU, which activation_forward and activation_backward lead to by name.
#include "bindings/bind.h"
#include "ops/rectifiers.h"

namespace lamina {
namespace {

constexpr const char* forward_op = "activation_forward";
constexpr const char* backward_op = "activation_backward";

// Slopes as a number, which is one for all, or an array (1,) or (columns,).
Array slopes_in(const char* op, const py::object& weight, const Array& x) {
  const bool array = py::isinstance<py::array>(weight) || py::hasattr(weight, "__dlpack_device__") || !PyNumber_Check(weight.ptr());
  if (array) return array_in(op, "weight", weight, x);
  const double slope = number_in(op, "weight", weight);
  const Array host = new_host_array(op, "weight", x.dtype, {1});
  with_dtype(x.dtype, [&](auto zero) { *vector_view<decltype(zero)>(host).data = static_cast<decltype(zero)>(slope); });
  return x.on_device() ? array_in(op, "weight", py::cast(to_device(host.array)), x) : host;
}

py::object prelu_forward_binding(py::object x_, py::object weight, py::object out_) {
  const Array x = array_in(forward_op, "x", x_);
  check_rank(x, 2);
  const Array slopes = slopes_in(forward_op, weight, x);
  const Array out = array_out(forward_op, "out", out_, x, x.dtype, x.shape(), {&x, &slopes}, true);
  with_dtype(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto xv = matrix_view<const T>(x);
    const auto sv = vector_view<const T>(slopes);
    const auto ov = matrix_view<T>(out);
    const Native native(x);
    prelu_forward<T>(native.context, sv, xv, ov);
  });
  return out.object();
}

py::tuple prelu_backward_binding(py::object dy_, py::object x_, py::object weight, py::object out_) {
  const Array dy = array_in(backward_op, "dy", dy_), x = array_in(backward_op, "x", x_, dy);
  check_rank(dy, 2);
  check_rank(x, 2);
  const Array slopes = slopes_in(backward_op, weight, dy);
  const auto outs = several_outs(backward_op, out_, 2);
  const auto inputs = {&dy, &x, &slopes};
  const Array dx = array_out(backward_op, "dx", outs[0], dy, dy.dtype, dy.shape(), inputs, true);
  const Array dw = array_out(backward_op, "dweight", outs[1], dy, dy.dtype, slopes.shape(), inputs);
  check_apart(dx, dw);
  const bool shared = slopes.size(0) == 1;
  const Array sums = shared ? new_array(backward_op, "sums", dy, dy.dtype, {x.size(1)}) : dw;
  with_dtype(dy.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto dyv = matrix_view<const T>(dy), xv = matrix_view<const T>(x);
    const auto sv = vector_view<const T>(slopes);
    const auto dxv = matrix_view<T>(dx);
    const auto dwv = vector_view<T>(dw), scratch = vector_view<T>(sums);
    const Native native(dy);
    prelu_backward<T>(native.context, sv, dyv, xv, dxv, dwv, scratch);
  });
  return py::make_tuple(dx.object(), dw.object());
}

// dy is None forward.
py::object rrelu_binding(py::object dy_, py::object x_, py::object lower, py::object upper, py::object training_, py::object seed,
                         py::object layer, py::object step, py::object row_offset, py::object out_) {
  const char* op = dy_.is_none() ? forward_op : backward_op;
  const Array x = array_in(op, "x", x_), dy = dy_.is_none() ? x : array_in(op, "dy", dy_, x);
  if (dy.shape() != x.shape()) fail(op, "dy has shape ", shape_text(dy.shape()), ", needs ", shape_text(x.shape()));
  const bool training = flag_in(op, "training", training_);
  const RandomRectifier rectifier{number_in(op, "lower", lower), number_in(op, "upper", upper),
                                  key_in(op, seed, layer, step, row_offset, x.size(0)), op};
  check(op, rectifier);
  const Array out = array_out(op, "out", out_, x, x.dtype, x.shape(), {&x, &dy}, true);
  with_dtype(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto xv = rows_view<const T>(x), dyv = rows_view<const T>(dy);
    const auto ov = rows_view<T>(out);
    const Native native(x);
    rrelu<T>(native.context, rectifier, training, dyv, xv, ov);
  });
  return out.object();
}

}  // namespace

void bind_rectifiers(py::module_& m) {
  m.def("prelu_forward", prelu_forward_binding);
  m.def("prelu_backward", prelu_backward_binding);
  m.def("rrelu", rrelu_binding, py::arg("dy"), py::arg("x"), py::arg("lower"), py::arg("upper"), py::arg("training"), py::arg("seed"),
        py::arg("layer"), py::arg("step"), py::arg("row_offset"), py::arg("out"));
}

}  // namespace lamina
