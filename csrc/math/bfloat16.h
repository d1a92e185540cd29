// bfloat16: eight bits of precision, float32's exponents.
#pragma once

#include "base/types.h"
#include "math/scalar.h"

namespace lamina {

LAMINA_HD float to_float(bfloat16 x) { return from_bits(static_cast<int32_t>(static_cast<uint32_t>(x.bits) << 16)); }

// To nearest, ties to even; beyond the largest to infinity; NaN stays one.
LAMINA_HD bfloat16 to_bfloat16(float x) {
  const uint32_t u = static_cast<uint32_t>(bits(x));
  const uint32_t rounded = (u + 0x7FFF + (u >> 16 & 1)) >> 16, quiet = u >> 16 | 0x40;
  return {static_cast<uint16_t>(x == x ? rounded : quiet)};
}

// x = high + low + an error below 2^-17 |x|: finite for every finite x. An infinity or NaN is all in `high`.
LAMINA_HD bfloat16 high_half(float x) {
  const bfloat16 nearest = to_bfloat16(x);
  const bool overflow = (nearest.bits & 0x7FFF) == 0x7F80 && abs(x) <= 3.40282347e38f;
  return {static_cast<uint16_t>(overflow ? nearest.bits - 1 : nearest.bits)};
}
LAMINA_HD bfloat16 low_half(float x) { return abs(x) <= 3.40282347e38f ? to_bfloat16(x - to_float(high_half(x))) : bfloat16{0}; }

}  // namespace lamina
