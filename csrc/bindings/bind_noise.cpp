// Bindings of dropout's kin: noise on inputs, units and weights.
#include "bindings/bind.h"
#include "ops/noise.h"
#include "ops/random.h"

namespace lamina {
namespace {

// Where a draw happens, as Python gives it.
struct Where {
  py::handle seed, layer, step, row_offset;
  RandomKey in(const char* op, const Array& x) const { return key_in(op, seed, layer, step, row_offset, x.size(0)); }
};

// run(context, input, output) for an array and its result, which may be the array itself.
template <class Run>
py::object like_input(const Array& x, const py::object& out_, const Run& run) {
  const Array out = array_out(x.op, "out", out_, x, x.dtype, x.shape(), {&x}, true);
  with_dtype(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto xv = rows_view<const T>(x);
    const auto ov = rows_view<T>(out);
    const Native native(x);
    run(native.context, xv, ov);
  });
  return out.object();
}

// op is dropout_forward or dropout_backward: one kernel under two names.
py::object dropout_binding(const std::string& op_, const std::string& name, py::object x_, py::object p, py::object seed, py::object layer,
                           py::object step, py::object row_offset, py::object scaling_, py::object training_, py::object out_) {
  const char* op = op_.c_str();
  const Array x = array_in(op, name.c_str(), x_);
  Dropout spec = dropout_in(op, p, Where{seed, layer, step, row_offset}.in(op, x));
  const std::string scaling = text_in(op, "scaling", scaling_);
  if (scaling != "inverted" && scaling != "test") fail(op, "scaling is '", scaling, "', needs 'inverted' or 'test'");
  spec.inverted = scaling == "inverted";
  const bool training = flag_in(op, "training", training_);
  return like_input(x, out_, [&](const Context& context, auto in, auto out) {
    if (training) return dropout(context, spec, in, out);
    dropout_inference(context, spec, in, out);
  });
}

py::object masking_noise_binding(py::object x_, py::object p, py::object seed, py::object layer, py::object step, py::object row_offset,
                                 py::object out_) {
  const char* op = "masking_noise";
  const Array x = array_in(op, "x", x_);
  const Dropout spec = dropout_in(op, p, Where{seed, layer, step, row_offset}.in(op, x));
  return like_input(x, out_, [&](const Context& context, auto in, auto out) { masking_noise(context, spec, in, out); });
}

py::object gaussian_noise_binding(py::object x_, py::object std_, py::object seed, py::object layer, py::object step, py::object row_offset,
                                  py::object out_) {
  const char* op = "gaussian_noise";
  const Array x = array_in(op, "x", x_);
  const GaussianNoise noise{number_in(op, "std", std_), Where{seed, layer, step, row_offset}.in(op, x)};
  return like_input(x, out_, [&](const Context& context, auto in, auto out) { gaussian_noise(context, noise, in, out); });
}

py::object salt_and_pepper_binding(py::object x_, py::object p, py::object low, py::object high, py::object seed, py::object layer,
                                   py::object step, py::object row_offset, py::object out_) {
  const char* op = "salt_and_pepper";
  const Array x = array_in(op, "x", x_);
  const SaltAndPepper noise{number_in(op, "p", p), number_in(op, "low", low), number_in(op, "high", high),
                            Where{seed, layer, step, row_offset}.in(op, x)};
  return like_input(x, out_, [&](const Context& context, auto in, auto out) { salt_and_pepper(context, noise, in, out); });
}

template <bool backward>
py::object alpha_dropout_binding(py::object x_, py::object p, py::object seed, py::object layer, py::object step, py::object row_offset,
                                 py::object out_) {
  const char* op = backward ? "alpha_dropout_backward" : "alpha_dropout_forward";
  const Array x = array_in(op, backward ? "dy" : "x", x_);
  const Dropout spec = dropout_in(op, p, Where{seed, layer, step, row_offset}.in(op, x));
  return like_input(x, out_, [&](const Context& context, auto in, auto out) {
    if constexpr (backward) {
      alpha_dropout_backward(context, spec, in, out);
    } else {
      alpha_dropout_forward(context, spec, in, out);
    }
  });
}

void expect_shape_of(const Array& given, const Array& x) {
  if (given.shape() != x.shape()) fail(x.op, given.name, " has shape ", shape_text(given.shape()), ", needs ", shape_text(x.shape()));
}

py::object zoneout_forward_binding(py::object h_, py::object previous_, py::object p, py::object seed, py::object layer, py::object step,
                                   py::object row_offset, py::object training_, py::object out_) {
  const char* op = "zoneout_forward";
  const Array h = array_in(op, "h", h_), previous = array_in(op, "previous", previous_, h);
  expect_shape_of(previous, h);
  const Dropout spec = dropout_in(op, p, Where{seed, layer, step, row_offset}.in(op, h));
  const bool training = flag_in(op, "training", training_);
  const Array out = array_out(op, "out", out_, h, h.dtype, h.shape(), {&h, &previous}, true);
  with_dtype(h.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto hv = rows_view<const T>(h), pv = rows_view<const T>(previous);
    const auto ov = rows_view<T>(out);
    const Native native(h);
    zoneout_forward<T>(native.context, spec, training, hv, pv, ov);
  });
  return out.object();
}

py::tuple zoneout_backward_binding(py::object dy_, py::object p, py::object seed, py::object layer, py::object step, py::object row_offset,
                                   py::object training_, py::object out_) {
  const char* op = "zoneout_backward";
  const Array dy = array_in(op, "dy", dy_);
  const Dropout spec = dropout_in(op, p, Where{seed, layer, step, row_offset}.in(op, dy));
  const bool training = flag_in(op, "training", training_);
  const auto outs = several_outs(op, out_, 2);
  const Array dh = array_out(op, "dh", outs[0], dy, dy.dtype, dy.shape(), {&dy});
  const Array dprevious = array_out(op, "dprevious", outs[1], dy, dy.dtype, dy.shape(), {&dy});
  check_apart(dh, dprevious);
  with_dtype(dy.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto dyv = rows_view<const T>(dy);
    const auto dhv = rows_view<T>(dh), dpv = rows_view<T>(dprevious);
    const Native native(dy);
    zoneout_backward<T>(native.context, spec, training, dyv, dhv, dpv);
  });
  return py::make_tuple(dh.object(), dprevious.object());
}

py::object shakeout_binding(py::object weight_, py::object p, py::object c, py::object seed, py::object layer, py::object step,
                            py::object row_offset, py::object out_) {
  const char* op = "shakeout";
  const Array weight = array_in(op, "weight", weight_);
  const Shakeout noise{dropout_in(op, p, Where{seed, layer, step, row_offset}.in(op, weight)), number_in(op, "c", c)};
  return like_input(weight, out_, [&](const Context& context, auto in, auto out) { shakeout(context, noise, in, out); });
}

WhiteoutNoise whiteout_in(const char* op, py::handle std_, py::handle gamma, py::handle lam, const RandomKey& key) {
  return {number_in(op, "std", std_), number_in(op, "gamma", gamma), number_in(op, "lam", lam), key};
}

py::object whiteout_forward_binding(py::object weight_, py::object std_, py::object gamma, py::object lam, py::object seed,
                                    py::object layer, py::object step, py::object row_offset, py::object out_) {
  const char* op = "whiteout_forward";
  const Array weight = array_in(op, "weight", weight_);
  const WhiteoutNoise noise = whiteout_in(op, std_, gamma, lam, Where{seed, layer, step, row_offset}.in(op, weight));
  return like_input(weight, out_, [&](const Context& context, auto in, auto out) { whiteout_forward(context, noise, in, out); });
}

py::object whiteout_backward_binding(py::object dy_, py::object weight_, py::object std_, py::object gamma, py::object lam, py::object seed,
                                     py::object layer, py::object step, py::object row_offset, py::object out_) {
  const char* op = "whiteout_backward";
  const Array dy = array_in(op, "dy", dy_), weight = array_in(op, "weight", weight_, dy);
  expect_shape_of(weight, dy);
  const WhiteoutNoise noise = whiteout_in(op, std_, gamma, lam, Where{seed, layer, step, row_offset}.in(op, dy));
  const Array out = array_out(op, "out", out_, dy, dy.dtype, dy.shape(), {&dy, &weight}, true);
  with_dtype(dy.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto dyv = rows_view<const T>(dy), wv = rows_view<const T>(weight);
    const auto ov = rows_view<T>(out);
    const Native native(dy);
    whiteout_backward<T>(native.context, noise, dyv, wv, ov);
  });
  return out.object();
}

}  // namespace

void bind_noise(py::module_& m) {
  m.def("dropout", dropout_binding);
  m.def("masking_noise", masking_noise_binding);
  m.def("gaussian_noise", gaussian_noise_binding);
  m.def("salt_and_pepper", salt_and_pepper_binding);
  m.def("alpha_dropout_forward", alpha_dropout_binding<false>);
  m.def("alpha_dropout_backward", alpha_dropout_binding<true>);
  m.def("zoneout_forward", zoneout_forward_binding);
  m.def("zoneout_backward", zoneout_backward_binding);
  m.def("shakeout", shakeout_binding);
  m.def("whiteout_forward", whiteout_forward_binding);
  m.def("whiteout_backward", whiteout_backward_binding);
}

}  // namespace lamina
