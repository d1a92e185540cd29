// Pairs of bfloat16 on AVX512_BF16.
#pragma once

#include "math/bfloat16.h"
#include "vec/avx512.h"

namespace lamina::LAMINA_ISA {

// Two consecutive depth steps of one line, the even one in the low half, for sixteen lines or sixteen pairs of steps.
struct Pairs {
  __m512i v = _mm512_setzero_si512();
  Pairs() = default;
  LAMINA_INLINE Pairs(__m512i x) : v(x) {}
};

enum class Half { nearest, high, low };
// What rounding to bfloat16 is to take: x itself, or its half, which bfloat16 holds exactly or nearly (math/bfloat16.h).
template <Half half>
LAMINA_INLINE __m512 half_of(__m512 x) {
  if constexpr (half == Half::nearest) return x;
  const __m512i u = _mm512_castps_si512(x), last = _mm512_set1_epi32(0x7FFF);
  const __m512i tie = _mm512_and_si512(_mm512_srli_epi32(u, 16), _mm512_set1_epi32(1));
  const __m512i nearest = _mm512_slli_epi32(_mm512_srli_epi32(_mm512_add_epi32(_mm512_add_epi32(u, last), tie), 16), 16);
  constexpr int not_finite = 0x99, infinite = 0x18;  // of _mm512_fpclass: quiet or signaling NaN, either infinity
  const __mmask16 special = _mm512_fpclass_ps_mask(x, not_finite);
  const __mmask16 overflow = _mm512_fpclass_ps_mask(_mm512_castsi512_ps(nearest), infinite);
  __m512i high = _mm512_mask_sub_epi32(nearest, overflow, nearest, _mm512_set1_epi32(0x10000));
  high = _mm512_mask_mov_epi32(high, special, u);
  if constexpr (half == Half::high) return _mm512_castsi512_ps(high);
  return _mm512_maskz_sub_ps(static_cast<__mmask16>(~special), x, _mm512_castsi512_ps(high));
}
LAMINA_INLINE __mmask16 first_lanes(int64_t count) {
  return static_cast<__mmask16>(count >= 16 ? 0xFFFF : count <= 0 ? 0 : (1u << count) - 1);
}
template <Half half>
LAMINA_INLINE __m512i rounded(__m512 low, __m512 high) {
  return __builtin_bit_cast(__m512i, _mm512_cvtne2ps_pbh(half_of<half>(high), half_of<half>(low)));
}

// `count` elements, at most 32, one after the other; the rest is zero.
template <Half half>
LAMINA_INLINE Pairs pairs_along(const float* p, int64_t count) {
  return rounded<half>(_mm512_maskz_loadu_ps(first_lanes(count), p), _mm512_maskz_loadu_ps(first_lanes(count - 16), p + 16));
}
template <Half half>
LAMINA_INLINE Pairs pairs_along(const bfloat16* p, int64_t count) {
  return _mm512_maskz_loadu_epi16(count >= 32 ? ~__mmask32{0} : (__mmask32{1} << count) - 1, p);
}
// The lower 16 halves and the upper 16, one of each in turn.
LAMINA_INLINE Pairs interleaved(__m512i x) {
  const __m512i turns = _mm512_add_epi16(
      _mm512_set1_epi32(16 << 16),
      _mm512_mullo_epi32(_mm512_set1_epi32(0x10001), _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
  return _mm512_permutexvar_epi16(turns, x);
}
// `count` elements, at most 16, each with the one below it, if any.
template <Half half>
LAMINA_INLINE Pairs pairs_across(const float* even, const float* odd, int64_t count) {
  const __mmask16 some = first_lanes(count);
  return interleaved(rounded<half>(_mm512_maskz_loadu_ps(some, even), odd ? _mm512_maskz_loadu_ps(some, odd) : _mm512_setzero_ps()));
}
template <Half half>
LAMINA_INLINE Pairs pairs_across(const bfloat16* even, const bfloat16* odd, int64_t count) {
  const __mmask16 some = first_lanes(count);
  const __m256i low = _mm256_maskz_loadu_epi16(some, even), high = odd ? _mm256_maskz_loadu_epi16(some, odd) : _mm256_setzero_si256();
  return interleaved(_mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1));
}
LAMINA_INLINE void store(uint32_t* p, Pairs x) { _mm512_storeu_si512(p, x.v); }
LAMINA_INLINE void transpose(Pairs (&r)[16]) {
  F square[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) square[i] = _mm512_castsi512_ps(r[i].v);
  transpose(square);
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) r[i] = _mm512_castps_si512(square[i].v);
}

// sum += the pair's two products with each lane's pair
LAMINA_INLINE F multiply_pairs(F sum, uint32_t pair, const uint32_t* pairs) {
  const __m512i b = _mm512_loadu_si512(pairs), a = _mm512_set1_epi32(static_cast<int>(pair));
  return _mm512_dpbf16_ps(sum.v, __builtin_bit_cast(__m512bh, a), __builtin_bit_cast(__m512bh, b));
}

}  // namespace lamina::LAMINA_ISA
