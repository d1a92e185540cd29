// Pairs of bfloat16 in plain C++, for tests without AVX512_BF16.
#pragma once

#include "math/bfloat16.h"

namespace lamina::LAMINA_ISA {

// Two consecutive depth steps of one line, the even one in the low half, for sixteen lines or sixteen pairs of steps.
struct Pairs {
  uint32_t v[16] = {};
};

enum class Half { nearest, high, low };
template <Half half>
LAMINA_INLINE uint32_t half_of(float x) {
  return (half == Half::nearest ? to_bfloat16(x) : half == Half::high ? high_half(x) : low_half(x)).bits;
}
template <Half half>
LAMINA_INLINE uint32_t half_of(bfloat16 x) {
  return x.bits;
}

// `count` elements, at most 32, one after the other; the rest is zero.
template <Half half, class S>
LAMINA_INLINE Pairs pairs_along(const S* p, int64_t count) {
  Pairs pairs;
  for (int64_t i = 0; i < count; ++i) pairs.v[i / 2] |= half_of<half>(p[i]) << (i % 2 * 16);
  return pairs;
}
// `count` elements, at most 16, each with the one below it, if any.
template <Half half, class S>
LAMINA_INLINE Pairs pairs_across(const S* even, const S* odd, int64_t count) {
  Pairs pairs;
  for (int64_t i = 0; i < count; ++i) pairs.v[i] = half_of<half>(even[i]) | (odd ? half_of<half>(odd[i]) << 16 : 0);
  return pairs;
}
LAMINA_INLINE void store(uint32_t* p, const Pairs& x) {
  for (int i = 0; i < 16; ++i) p[i] = x.v[i];
}
LAMINA_INLINE void transpose(Pairs (&r)[16]) {
  for (int i = 0; i < 16; ++i) {
    for (int j = 0; j < i; ++j) {
      const uint32_t x = r[i].v[j];
      r[i].v[j] = r[j].v[i];
      r[j].v[i] = x;
    }
  }
}

}  // namespace lamina::LAMINA_ISA
