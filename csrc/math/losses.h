// The catalogue of element-wise losses: one struct each with value and gradient, from the prediction (or logit) x and the
// target t, written once for scalars, SIMD vectors, host and device.
#pragma once

#include "math/elementary.h"
#include "math/type_list.h"

namespace lamina {

// log of a sum of e^(x - max): one term is 1. Below 2 it is taken from the sum of the others, whose digits the 1 swallows.
template <class V>
LAMINA_HD V log_of_sum(V sum, V others) {
  return select(sum < constant<V>(2), detail::log1p_of_fraction(others), log(sum));
}

// What a loss has unless it says otherwise: what errors call its arguments, whether it is averaged over a row's units (by
// the caller) or summed, and the name of the formula's constant c > 0, where it has one.
struct ElementwiseLoss {
  static constexpr const char *prediction_name = "prediction", *target_name = "target";
  static constexpr bool averaged = true;
  static constexpr const char* constant_name = nullptr;
};

// -t log s(x) - (1 - t) log(1 - s(x)) = max(x, 0) - x t + log(1 + e^-|x|), s the sigmoid; gradient s(x) - t.
// Both take e^-|x| from the same expression, which the compiler evaluates once.
struct SigmoidCrossEntropy : ElementwiseLoss {
  static constexpr const char* name = "sigmoid_cross_entropy";
  static constexpr const char *prediction_name = "logits", *target_name = "targets";
  static constexpr bool averaged = false;
  template <class V>
  LAMINA_HD static V value(V x, V t, V) {
    const V zero = constant<V>(0);
    return fnma(x, t, max(zero, x)) + detail::log1p_of_fraction(exp_of_negative(detail::negative(x)));
  }
  template <class V>
  LAMINA_HD static V gradient(V x, V t, V) {
    return sigmoid(x) - t;
  }
};

// (x - t)^2 / 2; gradient x - t.
struct SquaredError : ElementwiseLoss {
  static constexpr const char* name = "squared_error";
  static constexpr bool averaged = false;
  template <class V>
  LAMINA_HD static V value(V x, V t, V) {
    const V d = x - t;
    return constant<V>(0.5) * (d * d);
  }
  template <class V>
  LAMINA_HD static V gradient(V x, V t, V) {
    return x - t;
  }
};

// (x - t)^2; gradient 2 (x - t).
struct MeanSquaredError : ElementwiseLoss {
  static constexpr const char* name = "mean_squared_error";
  template <class V>
  LAMINA_HD static V value(V x, V t, V) {
    const V d = x - t;
    return d * d;
  }
  template <class V>
  LAMINA_HD static V gradient(V x, V t, V) {
    return constant<V>(2) * (x - t);
  }
};

// |x - t|; gradient the difference's sign, and the difference itself where that is 0 or NaN.
struct AbsoluteError : ElementwiseLoss {
  static constexpr const char* name = "absolute_error";
  template <class V>
  LAMINA_HD static V value(V x, V t, V) {
    return abs(x - t);
  }
  template <class V>
  LAMINA_HD static V gradient(V x, V t, V) {
    const V d = x - t, zero = constant<V>(0);
    return select(d > zero, constant<V>(1), select(d < zero, constant<V>(-1), d));
  }
};

// With d = x - t and m = min(|d|, c): m (|d| - m / 2), which is d^2 / 2 up to |d| = c and a line from there (Huber 1964);
// gradient d clipped to [-c, c].
struct Huber : ElementwiseLoss {
  static constexpr const char* name = "huber";
  static constexpr const char* constant_name = "delta";
  template <class V>
  LAMINA_HD static V value(V x, V t, V c) {
    const V distance = abs(x - t), m = min(c, distance);
    return m * fma(constant<V>(-0.5), m, distance);
  }
  template <class V>
  LAMINA_HD static V gradient(V x, V t, V c) {
    return max(constant<V>(0) - c, min(c, x - t));
  }
};

// e^x - t x, minus the log-likelihood of counts t for rates e^x but for log t!; gradient e^x - t.
struct PoissonNll : ElementwiseLoss {
  static constexpr const char* name = "poisson_nll";
  static constexpr const char* prediction_name = "log_rate";
  template <class V>
  LAMINA_HD static V value(V x, V t, V) {
    return fnma(t, x, exp(x));
  }
  template <class V>
  LAMINA_HD static V gradient(V x, V t, V) {
    return exp(x) - t;
  }
};

// A loss's place in this list is its number in kernels; adding one is a struct above and a name here.
using ElementwiseLosses = TypeList<SigmoidCrossEntropy, SquaredError, MeanSquaredError, AbsoluteError, Huber, PoissonNll>;

}  // namespace lamina
