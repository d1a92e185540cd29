// Uses every formula of csrc/math for one element type, so that a compiler has to instantiate them all.
#pragma once

#include "math/activations.h"
#include "math/averaging.h"
#include "math/batchnorm.h"
#include "math/bfloat16.h"
#include "math/clipping.h"
#include "math/elementary.h"
#include "math/encodings.h"
#include "math/layernorm.h"
#include "math/losses.h"
#include "math/noise.h"
#include "math/normal.h"
#include "math/optimizers.h"
#include "math/order.h"
#include "math/philox.h"
#include "math/random.h"
#include "math/rbm.h"
#include "math/scalar.h"
#include "math/sincos.h"
#include "math/type_list.h"

namespace lamina_test {

template <class T, class Activation>
LAMINA_HD T activation(T x) {
  const lamina::ActivationParameters<T> parameters{T(Activation::defaults[0]), T(Activation::defaults[1])};
  return Activation::backward(x, Activation::forward(x, parameters), parameters);
}

template <class T, class... Members>
LAMINA_HD T activations(T x, lamina::TypeList<Members...>) {
  return (activation<T, Members>(x) + ...);
}

template <class T, class... Members>
LAMINA_HD T losses(T x, T target, lamina::TypeList<Members...>) {
  return (Members::value(x, target, T(1)) + ...) + (Members::gradient(x, target, T(1)) + ...);
}

template <class T>
LAMINA_HD T elementary(T x) {
  using namespace lamina;
  T sine, cosine;
  sincos_turns(x, sine, cosine);
  return lamina::exp(x) + lamina::expm1(x) + lamina::log(x) + lamina::log1p(x) + lamina::tanh(x) + sigmoid(x) + sine + cosine +
         normal_tail(x, gaussian(x));
}

template <class T>
LAMINA_HD T optimizers(T x) {
  T p = x, g = x, m = x, v = x;
  const lamina::SgdConstants<T> sgd{T(.1), T(.9), T(0), T(0)};
  lamina::sgd_update(p, g, sgd);
  lamina::momentum_update<true>(p, g, v, sgd);
  lamina::momentum_update<false>(p, g, v, sgd);
  lamina::adagrad_update(p, g, v, lamina::AdagradConstants<T>{T(.1), T(1e-10), T(0), T(0)});
  const lamina::RmspropConstants<T> rmsprop{T(.1), T(.99), T(.01), T(1e-8), T(.9), T(0), T(0)};
  lamina::rmsprop_update(p, g, v, rmsprop);
  lamina::rmsprop_update(p, g, v, m, rmsprop);
  const lamina::AdamConstants<T> adam{T(.9), T(.1), T(.999), T(.001), T(.1), T(1), T(1e-8), T(0), T(1), T(0)};
  lamina::adam_update(p, g, m, v, adam);
  return lamina::soft_threshold(p, T(.1)) + lamina::averaged(m, v, T(.5)) +
         lamina::clip(g, T(5)) * static_cast<T>(lamina::norm_scale(g, 1));
}

template <class T>
LAMINA_HD T batchnorm(T x) {
  lamina::Moments moments{1, double(x), 0};
  lamina::merge(moments, lamina::Moments{32, 1, 2});
  const T rstd = T(lamina::reciprocal_deviation(moments.squares / moments.count, 1e-5));
  const T mean = T(lamina::running_average(0, moments.mean, .1));
  return lamina::batchnorm_output(x, mean, rstd, T(1), T(0)) + lamina::batchnorm_gradient(x, x, rstd, mean, mean);
}

template <class T>
LAMINA_HD T layernorm(T x) {
  const lamina::RowStatistics<T> row = lamina::row_statistics(2, lamina::mean_about(x, x, 2), T(0), x, 1e-5);
  return lamina::layernorm_output(x, row.mean, row.rstd) + lamina::layernorm_output(x, row.mean, row.rstd, T(1), T(0)) +
         lamina::layernorm_gradient(x, x, row.rstd, row.mean, row.mean);
}

template <class T>
LAMINA_HD T encodings(T x) {
  T sine, cosine;
  lamina::sincos_of_product(x, x, sine, cosine);
  const T edges[] = {T(0), T(1), T(2)};
  return lamina::periodic_gradient(x, x, sine, cosine) + lamina::share_of_bin(x, T(0), T(1), true, false) +
         static_cast<T>(lamina::bin_of(x, edges, 2));
}

template <class T>
LAMINA_HD T random(T x) {
  lamina::PhiloxBlock<uint32_t> block{{1, 2, 3, lamina::purpose_word(lamina::Purpose::dropout, 4)}};
  block = lamina::philox(block, lamina::PhiloxKeys(5));
  const bool kept = (block.word[0] & 0xffff) < lamina::keep_threshold(0.5);
  const T scale = kept ? T(lamina::keep_scale(0.5)) : T(0);
  return x * scale + T(lamina::uniform_float(block.word[1])) + T(lamina::uniform_double(block.word[2], block.word[3]));
}

template <class T>
LAMINA_HD T noise(T x) {
  T deviation, slope;
  lamina::Whiteout<T>{T(.1), T(.1), T(.5)}.deviation(x, deviation, slope);
  const lamina::AlphaDropout alpha(lamina::share_kept(0.5));
  const lamina::Replacement<T> replacement{T(alpha.scale), T(alpha.shift), T(alpha.dropped), T(alpha.dropped)};
  return deviation + slope + lamina::shakeout(x, true, T(2), T(1), T(1)) + lamina::replaced(x, true, false, replacement);
}

template <class T>
LAMINA_HD T rbm(T x) {
  return lamina::bernoulli(x, T(.5)) + lamina::noisy_relu(x, T(1)) + lamina::visible_energy(x, x, T(.5)) + lamina::hidden_free_energy(x);
}

template <class T>
LAMINA_HD T halves(T x) {
  const float y = float(x);
  return T(lamina::to_float(lamina::to_bfloat16(y)) + lamina::to_float(lamina::high_half(y)) + lamina::to_float(lamina::low_half(y)));
}

template <class T>
LAMINA_HD T everything(T x) {
  return activations(x, lamina::Activations{}) + losses(x, x, lamina::ElementwiseLosses{}) + elementary(x) + optimizers(x) + batchnorm(x) +
         layernorm(x) + encodings(x) + random(x) + noise(x) + rbm(x) + T(lamina::integer_power(.9, 7)) + halves(x);
}

}  // namespace lamina_test
