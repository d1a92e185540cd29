// Update rules, element by element; L2 joins the gradient unless decoupled, L1 is the proximal step afterwards.
#pragma once

#include <utility>

#include "math/order.h"
#include "math/scalar.h"

namespace lamina {

// Constants of one step in the data's type, nothing but values of V; host code computes them in double.
// threshold = lr * l1.
template <class V>
struct SgdConstants {
  V lr, momentum, weight_decay, threshold;
};
template <class V>
struct AdagradConstants {
  V lr, eps, weight_decay, threshold;
};
template <class V>
struct RmspropConstants {
  V lr, rho, one_minus_rho, eps, momentum, weight_decay, threshold;
};
template <class V>
struct AdamConstants {
  V beta1, one_minus_beta1, beta2, one_minus_beta2;
  V step_size;                  // lr / (1 - beta1^t)
  V inverse_root_correction;    // 1 / sqrt(1 - beta2^t)
  V eps, weight_decay, shrink;  // shrink = 1 - lr * weight_decay when decoupled
  V threshold;
};

// Constants of a step as values of V: C<double> holds doubles only, C<V> the same members.
template <class V, template <class> class C>
LAMINA_HD C<V> constants_in(const C<double>& c) {
  constexpr int count = sizeof(C<double>) / sizeof(double);
  struct Values {
    double at[count];
  };
  const auto values = __builtin_bit_cast(Values, c);
  return [&]<int... i>(std::integer_sequence<int, i...>) {
    return C<V>{constant<V>(values.at[i])...};
  }(std::make_integer_sequence<int, count>());
}

template <class V>
LAMINA_HD V drop_tiny(V moment) {
  return select(abs(moment) < constant<V>(order::smallest_moment), constant<V>(0), moment);
}

// The proximal step of threshold * |p|: moves p towards 0 and stops there.
template <class V>
LAMINA_HD V soft_threshold(V p, V threshold) {
  return copysign(max(constant<V>(0), abs(p) - threshold), p);
}

// p <- p - lr direction
template <class V>
LAMINA_HD V descend(V p, V lr, V direction) {
  return fnma(lr, direction, p);
}

template <class V>
LAMINA_HD void sgd_update(V& p, V g, const SgdConstants<V>& c) {
  p = descend(p, c.lr, fma(c.weight_decay, p, g));
}

// velocity <- momentum velocity + g;  p <- p - lr velocity, or with Nesterov p - lr (g + momentum velocity).
template <bool nesterov, class V>
LAMINA_HD void momentum_update(V& p, V g, V& velocity, const SgdConstants<V>& c) {
  g = fma(c.weight_decay, p, g);
  velocity = drop_tiny(fma(c.momentum, velocity, g));
  p = descend(p, c.lr, nesterov ? fma(c.momentum, velocity, g) : velocity);
}

// Duchi, Hazan & Singer 2011.
template <class V>
LAMINA_HD void adagrad_update(V& p, V g, V& square_sum, const AdagradConstants<V>& c) {
  g = fma(c.weight_decay, p, g);
  square_sum = drop_tiny(fma(g, g, square_sum));
  p = descend(p, c.lr, g / (sqrt(square_sum) + c.eps));
}

// The gradient over the root of its mean square: Tieleman & Hinton 2012, with epsilon outside the root.
template <class V>
LAMINA_HD V rmsprop_direction(V p, V g, V& square_avg, const RmspropConstants<V>& c) {
  g = fma(c.weight_decay, p, g);
  square_avg = drop_tiny(fma(c.rho, square_avg, c.one_minus_rho * (g * g)));
  return g / (sqrt(square_avg) + c.eps);
}
template <class V>
LAMINA_HD void rmsprop_update(V& p, V g, V& square_avg, const RmspropConstants<V>& c) {
  p = descend(p, c.lr, rmsprop_direction(p, g, square_avg, c));
}
template <class V>
LAMINA_HD void rmsprop_update(V& p, V g, V& square_avg, V& velocity, const RmspropConstants<V>& c) {
  velocity = drop_tiny(fma(c.momentum, velocity, rmsprop_direction(p, g, square_avg, c)));
  p = descend(p, c.lr, velocity);
}

// Kingma & Ba 2015, with epsilon outside the root; decoupled weight decay as in Loshchilov & Hutter 2019.
template <class V>
LAMINA_HD void adam_update(V& p, V g, V& m, V& v, const AdamConstants<V>& c) {
  g = fma(c.weight_decay, p, g);
  p = c.shrink * p;
  m = drop_tiny(fma(c.beta1, m, c.one_minus_beta1 * g));
  v = drop_tiny(fma(c.beta2, v, c.one_minus_beta2 * (g * g)));
  const V denominator = fma(sqrt(v), c.inverse_root_correction, c.eps);
  p = p - c.step_size * (m / denominator);
}

}  // namespace lamina
