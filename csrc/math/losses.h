// Element-wise losses with their gradients, from the prediction (or logit) x and the target t.
#pragma once

#include "math/elementary.h"

namespace lamina {

// -t log s(x) - (1 - t) log(1 - s(x)) = max(x, 0) - x t + log(1 + e^-|x|), s the sigmoid; gradient s(x) - t.
// Both take e^-|x| from the same expression, which the compiler evaluates once.
struct SigmoidCrossEntropy {
  template <class V>
  LAMINA_HD static V value(V x, V t) {
    return fma(constant<V>(0) - x, t, max(constant<V>(0), x)) + detail::log1p_of_fraction(detail::exp_of_negated(abs(x)));
  }
  template <class V>
  LAMINA_HD static V gradient(V x, V t) {
    return sigmoid(x) - t;
  }
};

// (x - t)^2 / 2; gradient x - t.
struct SquaredError {
  template <class V>
  LAMINA_HD static V value(V x, V t) {
    const V d = x - t;
    return constant<V>(0.5) * (d * d);
  }
  template <class V>
  LAMINA_HD static V gradient(V x, V t) {
    return x - t;
  }
};

// (x - t)^2, averaged over units by the caller; gradient 2 (x - t).
struct MeanSquaredError {
  template <class V>
  LAMINA_HD static V value(V x, V t) {
    const V d = x - t;
    return d * d;
  }
  template <class V>
  LAMINA_HD static V gradient(V x, V t) {
    return constant<V>(2) * (x - t);
  }
};

}  // namespace lamina
