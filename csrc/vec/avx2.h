// The SIMD vocabulary on AVX2 with FMA and BMI2: 8 floats or 4 doubles.
#pragma once

#include <immintrin.h>

#include "math/philox.h"
#include "math/scalar.h"

#define LAMINA_ISA avx2
#define LAMINA_INLINE [[gnu::always_inline]] inline

namespace lamina {
namespace avx2 {

template <class T>
struct Vec;
template <class T>
struct Int;
template <class T>
inline constexpr int lanes = 32 / sizeof(T);

template <>
struct Int<float> {
  __m256i v;
  Int() = default;
  LAMINA_INLINE Int(__m256i x) : v(x) {}
  LAMINA_INLINE explicit Int(int32_t x) : v(_mm256_set1_epi32(x)) {}
};
template <>
struct Int<double> {
  __m256i v;
  Int() = default;
  LAMINA_INLINE Int(__m256i x) : v(x) {}
  LAMINA_INLINE explicit Int(int64_t x) : v(_mm256_set1_epi64x(x)) {}
};
template <>
struct Vec<float> {
  __m256 v;
  Vec() = default;
  LAMINA_INLINE Vec(__m256 x) : v(x) {}
  LAMINA_INLINE explicit Vec(float x) : v(_mm256_set1_ps(x)) {}
};
template <>
struct Vec<double> {
  __m256d v;
  Vec() = default;
  LAMINA_INLINE Vec(__m256d x) : v(x) {}
  LAMINA_INLINE explicit Vec(double x) : v(_mm256_set1_pd(x)) {}
};
template <class T>
struct Mask {  // all bits of a lane set or none
  Vec<T> m;
};

struct Full {};  // all lanes
template <class T>
struct Partial;  // the first lanes
template <>
struct Partial<float> {
  __m256i mask;
  LAMINA_INLINE explicit Partial(int64_t count)
      : mask(_mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))) {}
};
template <>
struct Partial<double> {
  __m256i mask;
  LAMINA_INLINE explicit Partial(int64_t count) : mask(_mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_setr_epi64x(0, 1, 2, 3))) {}
};

using F = Vec<float>;
using D = Vec<double>;
LAMINA_INLINE F operator+(F a, F b) { return _mm256_add_ps(a.v, b.v); }
LAMINA_INLINE D operator+(D a, D b) { return _mm256_add_pd(a.v, b.v); }
LAMINA_INLINE F operator-(F a, F b) { return _mm256_sub_ps(a.v, b.v); }
LAMINA_INLINE D operator-(D a, D b) { return _mm256_sub_pd(a.v, b.v); }
LAMINA_INLINE F operator*(F a, F b) { return _mm256_mul_ps(a.v, b.v); }
LAMINA_INLINE D operator*(D a, D b) { return _mm256_mul_pd(a.v, b.v); }
LAMINA_INLINE F operator/(F a, F b) { return _mm256_div_ps(a.v, b.v); }
LAMINA_INLINE D operator/(D a, D b) { return _mm256_div_pd(a.v, b.v); }
LAMINA_INLINE F fma(F a, F b, F c) { return _mm256_fmadd_ps(a.v, b.v, c.v); }
LAMINA_INLINE D fma(D a, D b, D c) { return _mm256_fmadd_pd(a.v, b.v, c.v); }
LAMINA_INLINE F fnma(F a, F b, F c) { return _mm256_fnmadd_ps(a.v, b.v, c.v); }  // c - a b
LAMINA_INLINE D fnma(D a, D b, D c) { return _mm256_fnmadd_pd(a.v, b.v, c.v); }
LAMINA_INLINE F sqrt(F a) { return _mm256_sqrt_ps(a.v); }
LAMINA_INLINE D sqrt(D a) { return _mm256_sqrt_pd(a.v); }
LAMINA_INLINE F abs(F a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a.v); }
LAMINA_INLINE D abs(D a) { return _mm256_andnot_pd(_mm256_set1_pd(-0.0), a.v); }
LAMINA_INLINE F max(F a, F b) { return _mm256_max_ps(a.v, b.v); }  // b where either is NaN
LAMINA_INLINE D max(D a, D b) { return _mm256_max_pd(a.v, b.v); }
LAMINA_INLINE F min(F a, F b) { return _mm256_min_ps(a.v, b.v); }
LAMINA_INLINE D min(D a, D b) { return _mm256_min_pd(a.v, b.v); }
LAMINA_INLINE F copysign(F x, F s) { return _mm256_or_ps(abs(x).v, _mm256_and_ps(_mm256_set1_ps(-0.0f), s.v)); }
LAMINA_INLINE D copysign(D x, D s) { return _mm256_or_pd(abs(x).v, _mm256_and_pd(_mm256_set1_pd(-0.0), s.v)); }

LAMINA_INLINE Mask<float> operator|(Mask<float> a, Mask<float> b) { return {_mm256_or_ps(a.m.v, b.m.v)}; }
LAMINA_INLINE Mask<double> operator|(Mask<double> a, Mask<double> b) { return {_mm256_or_pd(a.m.v, b.m.v)}; }
LAMINA_INLINE Mask<float> operator>(F a, F b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_GT_OQ)}; }
LAMINA_INLINE Mask<double> operator>(D a, D b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_GT_OQ)}; }
LAMINA_INLINE Mask<float> operator<(F a, F b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LT_OQ)}; }
LAMINA_INLINE Mask<double> operator<(D a, D b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_LT_OQ)}; }
LAMINA_INLINE Mask<float> operator<=(F a, F b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_LE_OQ)}; }
LAMINA_INLINE Mask<double> operator<=(D a, D b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_LE_OQ)}; }
LAMINA_INLINE Mask<float> operator==(F a, F b) { return {_mm256_cmp_ps(a.v, b.v, _CMP_EQ_OQ)}; }
LAMINA_INLINE Mask<double> operator==(D a, D b) { return {_mm256_cmp_pd(a.v, b.v, _CMP_EQ_OQ)}; }
LAMINA_INLINE F select(Mask<float> m, F yes, F no) { return _mm256_blendv_ps(no.v, yes.v, m.m.v); }
LAMINA_INLINE D select(Mask<double> m, D yes, D no) { return _mm256_blendv_pd(no.v, yes.v, m.m.v); }

LAMINA_INLINE Int<float> bits(F x) { return _mm256_castps_si256(x.v); }
LAMINA_INLINE Int<double> bits(D x) { return _mm256_castpd_si256(x.v); }
LAMINA_INLINE F from_bits(Int<float> x) { return _mm256_castsi256_ps(x.v); }
LAMINA_INLINE D from_bits(Int<double> x) { return _mm256_castsi256_pd(x.v); }
LAMINA_INLINE Int<float> operator-(Int<float> a, Int<float> b) { return _mm256_sub_epi32(a.v, b.v); }
LAMINA_INLINE Int<double> operator-(Int<double> a, Int<double> b) { return _mm256_sub_epi64(a.v, b.v); }
template <int count>
LAMINA_INLINE Int<float> shift_left(Int<float> x) {
  return _mm256_slli_epi32(x.v, count);
}
template <int count>
LAMINA_INLINE Int<double> shift_left(Int<double> x) {
  return _mm256_slli_epi64(x.v, count);
}
template <int count>
LAMINA_INLINE Int<float> shift_right_arithmetic(Int<float> x) {
  return _mm256_srai_epi32(x.v, count);
}
// AVX2 has no 64-bit arithmetic shift: the sign is fetched from the upper half.
template <int count>
LAMINA_INLINE Int<double> shift_right_arithmetic(Int<double> x) {
  const __m256i sign = _mm256_cmpgt_epi64(_mm256_setzero_si256(), x.v);
  return _mm256_or_si256(_mm256_srli_epi64(x.v, count), _mm256_slli_epi64(sign, 64 - count));
}
LAMINA_INLINE F to_floating(Int<float> x) { return _mm256_cvtepi32_ps(x.v); }
// Exact for |x| < 2^51, which is all that formulas ask for (exponents).
LAMINA_INLINE D to_floating(Int<double> x) {
  const __m256d magic = _mm256_set1_pd(0x1.8p52);
  return _mm256_sub_pd(_mm256_castsi256_pd(_mm256_add_epi64(x.v, _mm256_castpd_si256(magic))), magic);
}

LAMINA_INLINE F load(const float* p, Full) { return _mm256_loadu_ps(p); }
LAMINA_INLINE D load(const double* p, Full) { return _mm256_loadu_pd(p); }
LAMINA_INLINE F load(const float* p, Partial<float> k) { return _mm256_maskload_ps(p, k.mask); }
LAMINA_INLINE D load(const double* p, Partial<double> k) { return _mm256_maskload_pd(p, k.mask); }
// Lanes beyond the end take `fill`.
LAMINA_INLINE F load(const float* p, Full, F) { return _mm256_loadu_ps(p); }
LAMINA_INLINE D load(const double* p, Full, D) { return _mm256_loadu_pd(p); }
LAMINA_INLINE F load(const float* p, Partial<float> k, F fill) {
  return _mm256_blendv_ps(fill.v, _mm256_maskload_ps(p, k.mask), _mm256_castsi256_ps(k.mask));
}
LAMINA_INLINE D load(const double* p, Partial<double> k, D fill) {
  return _mm256_blendv_pd(fill.v, _mm256_maskload_pd(p, k.mask), _mm256_castsi256_pd(k.mask));
}
LAMINA_INLINE void store(float* p, F x, Full) { _mm256_storeu_ps(p, x.v); }
LAMINA_INLINE void store(double* p, D x, Full) { _mm256_storeu_pd(p, x.v); }
LAMINA_INLINE void store(float* p, F x, Partial<float> k) { _mm256_maskstore_ps(p, k.mask, x.v); }
LAMINA_INLINE void store(double* p, D x, Partial<double> k) { _mm256_maskstore_pd(p, k.mask, x.v); }

// Stores past the caches, to addresses aligned to a vector; a fence ends a run of them.
LAMINA_INLINE void stream(float* p, F x) { _mm256_stream_ps(p, x.v); }
LAMINA_INLINE void stream(double* p, D x) { _mm256_stream_pd(p, x.v); }
LAMINA_INLINE void stream_fence() { _mm_sfence(); }
// Brings a cache line near. Assembly, since GCC drops calls of functions that only prefetch, as if they did nothing.
LAMINA_INLINE void fetch(const void* p) { asm volatile("prefetcht0 %a0" ::"p"(p)); }

// Lane i takes lane i + lanes/2, then + lanes/4, ... + 1: the tree of math/order.h.
LAMINA_INLINE float tree_sum(F x) {
  __m128 q = _mm_add_ps(_mm256_castps256_ps128(x.v), _mm256_extractf128_ps(x.v, 1));
  q = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
LAMINA_INLINE double tree_sum(D x) {
  const __m128d q = _mm_add_pd(_mm256_castpd256_pd128(x.v), _mm256_extractf128_pd(x.v, 1));
  return _mm_cvtsd_f64(_mm_add_sd(q, _mm_unpackhi_pd(q, q)));
}
LAMINA_INLINE float largest(F x) {
  __m128 q = _mm_max_ps(_mm256_castps256_ps128(x.v), _mm256_extractf128_ps(x.v, 1));
  q = _mm_max_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_max_ss(q, _mm_movehdup_ps(q)));
}
LAMINA_INLINE double largest(D x) {
  const __m128d q = _mm_max_pd(_mm256_castpd256_pd128(x.v), _mm256_extractf128_pd(x.v, 1));
  return _mm_cvtsd_f64(_mm_max_sd(q, _mm_unpackhi_pd(q, q)));
}

// Eight random words at a time, even and odd lanes apart, each in the low half of 64 bits: so the wide multiplication
// needs no shuffles. The high halves hold whatever arithmetic leaves there until the words are merged.
struct Words {
  static constexpr int lanes = 8;
  __m256i even, odd;
  Words() = default;
  LAMINA_INLINE Words(__m256i e, __m256i o) : even(e), odd(o) {}
  LAMINA_INLINE explicit Words(uint32_t x) : even(_mm256_set1_epi32(static_cast<int>(x))), odd(even) {}
  LAMINA_INLINE static Words load(const uint32_t* p) {
    const __m256i v = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    return {v, _mm256_srli_epi64(v, 32)};
  }
  LAMINA_INLINE __m256i merged() const { return _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA); }
  LAMINA_INLINE void store(uint32_t* p) const { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), merged()); }
};
LAMINA_INLINE Words operator^(Words a, Words b) { return {_mm256_xor_si256(a.even, b.even), _mm256_xor_si256(a.odd, b.odd)}; }
LAMINA_INLINE Words operator+(Words a, uint32_t b) {
  const __m256i more = _mm256_set1_epi32(static_cast<int>(b));
  return {_mm256_add_epi32(a.even, more), _mm256_add_epi32(a.odd, more)};
}
// Where x has reached `end` it goes back by `length`, and y one up; x, end < 2^31.
LAMINA_INLINE void carry(Words& x, Words& y, uint32_t end, uint32_t length) {
  const __m256i last = _mm256_set1_epi32(static_cast<int>(end - 1)), back = _mm256_set1_epi32(static_cast<int>(length));
  const __m256i even = _mm256_cmpgt_epi32(x.even, last), odd = _mm256_cmpgt_epi32(x.odd, last);  // all ones is -1
  x = {_mm256_sub_epi32(x.even, _mm256_and_si256(even, back)), _mm256_sub_epi32(x.odd, _mm256_and_si256(odd, back))};
  y = {_mm256_sub_epi32(y.even, even), _mm256_sub_epi32(y.odd, odd)};
}
LAMINA_INLINE void multiply_wide(Words a, uint32_t b, Words& low, Words& high) {
  const __m256i factor = _mm256_set1_epi64x(b);
  low = {_mm256_mul_epu32(a.even, factor), _mm256_mul_epu32(a.odd, factor)};
  high = {_mm256_srli_epi64(low.even, 32), _mm256_srli_epi64(low.odd, 32)};
}

// One byte a lane: bit e tells whether the e-th 16-bit half of the lane's four words is below the threshold.
LAMINA_INLINE void keep_bits(const PhiloxBlock<Words>& block, uint32_t threshold, uint8_t* bytes) {
  uint64_t kept_bits = 0;
  // threshold - 1 fits 16 bits even where everything is kept.
  const __m256i last = _mm256_set1_epi16(static_cast<short>(threshold - 1));
#pragma GCC unroll 4
  for (int w = 0; w < 4; ++w) {
    const __m256i word = block.word[w].merged(), kept = _mm256_cmpeq_epi16(_mm256_min_epu16(word, last), word);
    // The byte mask has two bits per half; every second one is enough.
    const uint64_t halves = _pext_u32(static_cast<uint32_t>(_mm256_movemask_epi8(kept)), 0x55555555u);
    kept_bits |= _pdep_u64(halves, 0x0303030303030303u << (2 * w));
  }
  __builtin_memcpy(bytes, &kept_bits, 8);
}
// Lanes of one vector at `column`, a multiple of the lanes; bit c of the row's bytes belongs to column c.
template <class T>
LAMINA_INLINE Mask<T> load_mask(const uint8_t* bytes, int64_t column) {
  if constexpr (sizeof(T) == 4) {
    const __m256i lane_bit = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
    const __m256i kept = _mm256_and_si256(_mm256_set1_epi32(bytes[column / 8]), lane_bit);
    return {_mm256_castsi256_ps(_mm256_cmpeq_epi32(kept, lane_bit))};
  } else {
    const __m256i lane_bit = _mm256_setr_epi64x(1, 2, 4, 8);
    const __m256i kept = _mm256_and_si256(_mm256_set1_epi64x(bytes[column / 8] >> (column % 8)), lane_bit);
    return {_mm256_castsi256_pd(_mm256_cmpeq_epi64(kept, lane_bit))};
  }
}

// Transposes a square of lanes x lanes held in registers.
LAMINA_INLINE void transpose(F (&r)[8]) {
  __m256 t[8], u[8];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    t[2 * i] = _mm256_unpacklo_ps(r[2 * i].v, r[2 * i + 1].v);
    t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i].v, r[2 * i + 1].v);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      u[4 * i + 2 * j] = _mm256_shuffle_ps(t[4 * i + j], t[4 * i + 2 + j], 0x44);
      u[4 * i + 2 * j + 1] = _mm256_shuffle_ps(t[4 * i + j], t[4 * i + 2 + j], 0xEE);
    }
  }
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    r[c] = _mm256_permute2f128_ps(u[c], u[4 + c], 0x20);
    r[4 + c] = _mm256_permute2f128_ps(u[c], u[4 + c], 0x31);
  }
}
LAMINA_INLINE void transpose(D (&r)[4]) {
  const __m256d t0 = _mm256_unpacklo_pd(r[0].v, r[1].v), t1 = _mm256_unpackhi_pd(r[0].v, r[1].v);
  const __m256d t2 = _mm256_unpacklo_pd(r[2].v, r[3].v), t3 = _mm256_unpackhi_pd(r[2].v, r[3].v);
  r[0] = _mm256_permute2f128_pd(t0, t2, 0x20);
  r[1] = _mm256_permute2f128_pd(t1, t3, 0x20);
  r[2] = _mm256_permute2f128_pd(t0, t2, 0x31);
  r[3] = _mm256_permute2f128_pd(t1, t3, 0x31);
}

}  // namespace avx2

template <class T>
struct Traits<avx2::Vec<T>> {
  using Element = T;
  using Integer = avx2::Int<T>;
};

}  // namespace lamina
