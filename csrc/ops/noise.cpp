// Noise: numbers checked, constants worked out.
#include "ops/noise.h"

#include <cmath>

#include "base/error.h"
#include "kernels/kernel_table.h"
#include "ops/prepare.h"
#include "ops/random.h"
#include "ops/shapes.h"

namespace lamina {
namespace {

// A constant in the data's type, where it has to be finite, too.
template <class T>
T constant_in(const char* op, const char* name, double value) {
  if (!std::isfinite(static_cast<T>(value))) fail(op, name, " is ", value, ", needs a finite number of the array's dtype");
  return static_cast<T>(value);
}
void check_not_negative(const char* op, const char* name, double value) {
  if (!(value >= 0) || !std::isfinite(value)) fail(op, name, " is ", value, ", needs a finite number >= 0");
}

template <class T>
void check_draw(const char* op, const RandomKey& key, Matrix<const T> x, Matrix<T> out) {
  check(op, key, x.rows);
  expect_shape(op, "out", out, x.rows, x.columns);
}

template <class T>
Whiteout<T> prepare(const char* op, const WhiteoutNoise& noise) {
  check(op, noise);
  return {constant_in<T>(op, "std", noise.deviation), constant_in<T>(op, "lam", std::sqrt(noise.lambda)),
          static_cast<T>(1 - noise.gamma / 2)};
}

}  // namespace

void check(const char* op, const GaussianNoise& noise) { check_not_negative(op, "std", noise.deviation); }

template <class T>
void gaussian_noise(const Context& context, const GaussianNoise& noise, Matrix<const T> x, Matrix<T> out) {
  const char* op = "gaussian_noise";
  check(op, noise);
  check_draw(op, noise.key, x, out);
  const T deviation = constant_in<T>(op, "std", noise.deviation);
  context.table->kernels<T>().gaussian_noise(context, prepare_draw(Purpose::gaussian_noise, noise.key), deviation, x, out);
}

void check(const char* op, const SaltAndPepper& noise) {
  check(op, Dropout{noise.p, noise.key});
  constant_in<double>(op, "low", noise.low);
  constant_in<double>(op, "high", noise.high);
}

template <class T>
void salt_and_pepper(const Context& context, const SaltAndPepper& noise, Matrix<const T> x, Matrix<T> out) {
  const char* op = "salt_and_pepper";
  check(op, noise);
  check_draw(op, noise.key, x, out);
  const T low = constant_in<T>(op, "low", noise.low), high = constant_in<T>(op, "high", noise.high);
  const Draw draw = prepare_dropout({noise.p, noise.key}, Purpose::salt_and_pepper);
  const uint32_t replaced = 65536 - draw.threshold, low_threshold = draw.threshold + (replaced + 1) / 2;
  context.table->kernels<T>().replace(context, draw, low_threshold, {T(1), -T(0), low, high}, x, out);
}

template <class T>
void alpha_dropout_forward(const Context& context, const Dropout& dropout, Matrix<const T> x, Matrix<T> out) {
  const char* op = "alpha_dropout_forward";
  check(op, dropout);
  check_draw(op, dropout.key, x, out);
  const AlphaDropout alpha(share_kept(dropout.p));
  const T dropped = static_cast<T>(alpha.dropped);
  const Replacement<T> replacement{static_cast<T>(alpha.scale), static_cast<T>(alpha.shift), dropped, dropped};
  const Draw draw = prepare_dropout(dropout);
  context.table->kernels<T>().replace(context, draw, draw.threshold, replacement, x, out);
}

template <class T>
void alpha_dropout_backward(const Context& context, const Dropout& dropout, Matrix<const T> dy, Matrix<T> out) {
  const char* op = "alpha_dropout_backward";
  check(op, dropout);
  check_draw(op, dropout.key, dy, out);
  Tail<T> tail;
  tail.dropout = prepare_dropout(dropout);
  tail.dropout.scale = AlphaDropout(share_kept(dropout.p)).scale;
  context.table->kernels<T>().tail_forward(context, tail, dy, {}, out);
}

template <class T>
void zoneout_forward(const Context& context, const Dropout& dropout, bool training, Matrix<const T> h, Matrix<const T> previous,
                     Matrix<T> out) {
  const char* op = "zoneout_forward";
  check(op, dropout);
  check_draw(op, dropout.key, h, out);
  expect_shape(op, "previous", previous, h.rows, h.columns);
  const Kernels<T>& kernels = context.table->kernels<T>();
  if (training) return kernels.choose(context, prepare_dropout(dropout), h, previous, out);
  const double share = share_kept(dropout.p);
  kernels.weighted_sum(context, static_cast<T>(share), h, static_cast<T>(1 - share), previous, out);
}

template <class T>
void zoneout_backward(const Context& context, const Dropout& dropout, bool training, Matrix<const T> dy, Matrix<T> dh,
                      Matrix<T> d_previous) {
  const char* op = "zoneout_backward";
  check(op, dropout);
  const double share = share_kept(dropout.p);
  const Draw draw = prepare_dropout(dropout);
  const Kernels<T>& kernels = context.table->kernels<T>();
  const auto part = [&](Matrix<T> out, Matrix<const T> kept, Matrix<const T> dropped, double weight) {
    if (!out) return;
    check_draw(op, dropout.key, dy, out);
    if (training) return kernels.choose(context, draw, kept, dropped, out);
    kernels.weighted_sum(context, static_cast<T>(weight), dy, 0, {}, out);
  };
  part(dh, dy, {}, share);
  part(d_previous, {}, dy, 1 - share);
}

void check(const char* op, const Shakeout& shakeout) {
  check(op, shakeout.dropout);
  check_not_negative(op, "c", shakeout.c);
}

template <class T>
void shakeout(const Context& context, const Shakeout& shakeout, Matrix<const T> weight, Matrix<T> out) {
  const char* op = "shakeout";
  check(op, shakeout);
  check_draw(op, shakeout.dropout.key, weight, out);
  const Draw draw = prepare_dropout(shakeout.dropout);
  const T c = constant_in<T>(op, "c", shakeout.c), rise = constant_in<T>(op, "c", shakeout.c * (draw.scale - 1));
  context.table->kernels<T>().shakeout(context, draw, c, rise, weight, out);
}

void check(const char* op, const WhiteoutNoise& noise) {
  check_not_negative(op, "std", noise.deviation);
  check_not_negative(op, "lam", noise.lambda);
  if (!(noise.gamma >= 0 && noise.gamma <= 2)) fail(op, "gamma is ", noise.gamma, ", needs 0 to 2");
}

template <class T>
void whiteout_forward(const Context& context, const WhiteoutNoise& noise, Matrix<const T> weight, Matrix<T> out) {
  const char* op = "whiteout_forward";
  const Whiteout<T> constants = prepare<T>(op, noise);
  check_draw(op, noise.key, weight, out);
  context.table->kernels<T>().whiteout_forward(context, prepare_draw(Purpose::whiteout, noise.key), constants, weight, out);
}

template <class T>
void whiteout_backward(const Context& context, const WhiteoutNoise& noise, Matrix<const T> dy, Matrix<const T> weight, Matrix<T> out) {
  const char* op = "whiteout_backward";
  const Whiteout<T> constants = prepare<T>(op, noise);
  check_draw(op, noise.key, dy, out);
  expect_shape(op, "weight", weight, dy.rows, dy.columns);
  context.table->kernels<T>().whiteout_backward(context, prepare_draw(Purpose::whiteout, noise.key), constants, dy, weight, out);
}

#define INSTANTIATE(T)                                                                                              \
  template void gaussian_noise(const Context&, const GaussianNoise&, Matrix<const T>, Matrix<T>);                   \
  template void salt_and_pepper(const Context&, const SaltAndPepper&, Matrix<const T>, Matrix<T>);                  \
  template void alpha_dropout_forward(const Context&, const Dropout&, Matrix<const T>, Matrix<T>);                  \
  template void alpha_dropout_backward(const Context&, const Dropout&, Matrix<const T>, Matrix<T>);                 \
  template void zoneout_forward(const Context&, const Dropout&, bool, Matrix<const T>, Matrix<const T>, Matrix<T>); \
  template void zoneout_backward(const Context&, const Dropout&, bool, Matrix<const T>, Matrix<T>, Matrix<T>);      \
  template void shakeout(const Context&, const Shakeout&, Matrix<const T>, Matrix<T>);                              \
  template void whiteout_forward(const Context&, const WhiteoutNoise&, Matrix<const T>, Matrix<T>);                 \
  template void whiteout_backward(const Context&, const WhiteoutNoise&, Matrix<const T>, Matrix<const T>, Matrix<T>);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace lamina
