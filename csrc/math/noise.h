// Noise on inputs, units and weights, for one element.
#pragma once

#include "math/elementary.h"

namespace lamina {

// What becomes of an element that is replaced or kept: scale x + shift, or one of two constants. With scale 1 and shift -0
// what is kept keeps its bits.
template <class V>
struct Replacement {
  V scale, shift, low, high;
};
template <class V, class M>
LAMINA_HD V replaced(V x, M keep, M take_low, const Replacement<V>& r) {
  return select(keep, fma(r.scale, x, r.shift), select(take_low, r.low, r.high));
}

// Alpha dropout (Klambauer 2017): dropped units take SELU's value at minus infinity, and an affine map keeps mean 0 and
// variance 1. `kept` is the share of units that are kept.
struct AlphaDropout {
  double scale, shift, dropped;

  LAMINA_HD explicit AlphaDropout(double kept) {
    constexpr double saturated = -1.7580993408473766;  // minus lambda times alpha
    scale = 1 / sqrt(kept + saturated * saturated * kept * (1 - kept));
    shift = -scale * saturated * (1 - kept);
    dropped = scale * saturated + shift;
  }
};

// Shakeout (Kang 2016): W becomes r W + c (r - 1) sgn(W), with r = scale where kept and 0 elsewhere; rise = c (scale - 1).
template <class V, class M>
LAMINA_HD V shakeout(V w, M keep, V scale, V rise, V c) {
  const V zero = constant<V>(0);
  const V sign = select(w == zero, zero, copysign(constant<V>(1), w));
  return select(keep, fma(scale, w, rise * sign), zero - c * sign);
}

// Whiteout (Li & Liu 2016): W becomes W (1 + e), e normal with variance sigma^2 |W|^-gamma + lambda; power = 1 - gamma / 2.
// Weights below 2^-50 count as that, so that nothing is divided by zero.
template <class V>
struct Whiteout {
  V sigma, root_lambda, power;

  // The deviation of W's noise, and its derivative.
  LAMINA_HD void deviation(V w, V& deviation, V& slope) const {
    const V least = constant<V>(0x1p-50), size = max(least, abs(w));
    const V adaptive = sigma * exp(power * log(size)), constant_part = root_lambda * size;
    const V square = adaptive * adaptive, rest = constant_part * constant_part;
    deviation = sqrt(square + rest);
    const V growth = fma(power, square, rest) / max(constant<V>(0x1p-120), size * deviation);
    slope = select(size <= least, constant<V>(0), copysign(growth, w));
  }
};

}  // namespace lamina
