// Gradients kept in bounds, element by element.
#pragma once

#include "math/scalar.h"

namespace lamina {

// NaN stays NaN, infinities go to the bounds.
template <class V>
LAMINA_HD V clip(V g, V limit) {
  return min(limit, max(constant<V>(0) - limit, g));
}

// What gradients are multiplied by for a norm of at most `limit`. Of a norm that is no finite number nothing is known, and
// they stay as they are: 0 would hide that they are broken.
LAMINA_HD double norm_scale(double norm, double limit) { return norm > limit && norm < __builtin_huge_val() ? limit / norm : 1.0; }

}  // namespace lamina
