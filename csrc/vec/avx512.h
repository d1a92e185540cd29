// The SIMD vocabulary on AVX-512 (F, BW, DQ, VL): 16 floats or 8 doubles.
#pragma once

#include <immintrin.h>

#include <type_traits>

#include "math/philox.h"
#include "math/scalar.h"

#ifndef LAMINA_ISA  // levels with more than AVX-512 have namespaces of their own
#define LAMINA_ISA avx512
#endif
#define LAMINA_INLINE [[gnu::always_inline]] inline

namespace lamina {
namespace LAMINA_ISA {

template <class T>
struct Vec;
template <class T>
struct Int;
template <class T>
inline constexpr int lanes = 64 / sizeof(T);

struct Full {};  // all lanes
template <class T>
struct Partial {  // the first lanes
  uint32_t mask;
  explicit Partial(int64_t count) : mask((1u << count) - 1) {}
};

template <>
struct Int<float> {
  __m512i v;
  Int() = default;
  LAMINA_INLINE Int(__m512i x) : v(x) {}
  LAMINA_INLINE explicit Int(int32_t x) : v(_mm512_set1_epi32(x)) {}
};
template <>
struct Int<double> {
  __m512i v;
  Int() = default;
  LAMINA_INLINE Int(__m512i x) : v(x) {}
  LAMINA_INLINE explicit Int(int64_t x) : v(_mm512_set1_epi64(x)) {}
};
template <class T>
struct Mask {
  uint32_t m;
};
template <class T>
LAMINA_INLINE Mask<T> operator|(Mask<T> a, Mask<T> b) {
  return {a.m | b.m};
}

template <>
struct Vec<float> {
  __m512 v;
  Vec() = default;
  LAMINA_INLINE Vec(__m512 x) : v(x) {}
  LAMINA_INLINE explicit Vec(float x) : v(_mm512_set1_ps(x)) {}
};
template <>
struct Vec<double> {
  __m512d v;
  Vec() = default;
  LAMINA_INLINE Vec(__m512d x) : v(x) {}
  LAMINA_INLINE explicit Vec(double x) : v(_mm512_set1_pd(x)) {}
};

using F = Vec<float>;
using D = Vec<double>;
LAMINA_INLINE F operator+(F a, F b) { return _mm512_add_ps(a.v, b.v); }
LAMINA_INLINE D operator+(D a, D b) { return _mm512_add_pd(a.v, b.v); }
LAMINA_INLINE F operator-(F a, F b) { return _mm512_sub_ps(a.v, b.v); }
LAMINA_INLINE D operator-(D a, D b) { return _mm512_sub_pd(a.v, b.v); }
LAMINA_INLINE F operator*(F a, F b) { return _mm512_mul_ps(a.v, b.v); }
LAMINA_INLINE D operator*(D a, D b) { return _mm512_mul_pd(a.v, b.v); }
LAMINA_INLINE F operator/(F a, F b) { return _mm512_div_ps(a.v, b.v); }
LAMINA_INLINE D operator/(D a, D b) { return _mm512_div_pd(a.v, b.v); }
LAMINA_INLINE F fma(F a, F b, F c) { return _mm512_fmadd_ps(a.v, b.v, c.v); }
LAMINA_INLINE D fma(D a, D b, D c) { return _mm512_fmadd_pd(a.v, b.v, c.v); }
LAMINA_INLINE F fnma(F a, F b, F c) { return _mm512_fnmadd_ps(a.v, b.v, c.v); }  // c - a b
LAMINA_INLINE D fnma(D a, D b, D c) { return _mm512_fnmadd_pd(a.v, b.v, c.v); }
LAMINA_INLINE F sqrt(F a) { return _mm512_sqrt_ps(a.v); }
LAMINA_INLINE D sqrt(D a) { return _mm512_sqrt_pd(a.v); }
LAMINA_INLINE F abs(F a) { return _mm512_abs_ps(a.v); }
LAMINA_INLINE D abs(D a) { return _mm512_abs_pd(a.v); }
LAMINA_INLINE F max(F a, F b) { return _mm512_max_ps(a.v, b.v); }  // b where either is NaN
LAMINA_INLINE D max(D a, D b) { return _mm512_max_pd(a.v, b.v); }
LAMINA_INLINE F min(F a, F b) { return _mm512_min_ps(a.v, b.v); }
LAMINA_INLINE D min(D a, D b) { return _mm512_min_pd(a.v, b.v); }
LAMINA_INLINE F copysign(F x, F s) {
  const __m512i sign = _mm512_set1_epi32(INT32_MIN);
  return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(sign, _mm512_castps_si512(s.v), _mm512_castps_si512(x.v), 0xCA));
}
LAMINA_INLINE D copysign(D x, D s) {
  const __m512i sign = _mm512_set1_epi64(INT64_MIN);
  return _mm512_castsi512_pd(_mm512_ternarylogic_epi64(sign, _mm512_castpd_si512(s.v), _mm512_castpd_si512(x.v), 0xCA));
}

LAMINA_INLINE Mask<float> operator>(F a, F b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_GT_OQ)}; }
LAMINA_INLINE Mask<double> operator>(D a, D b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_GT_OQ)}; }
LAMINA_INLINE Mask<float> operator<(F a, F b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ)}; }
LAMINA_INLINE Mask<double> operator<(D a, D b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_LT_OQ)}; }
LAMINA_INLINE Mask<float> operator<=(F a, F b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_LE_OQ)}; }
LAMINA_INLINE Mask<double> operator<=(D a, D b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_LE_OQ)}; }
LAMINA_INLINE Mask<float> operator==(F a, F b) { return {_mm512_cmp_ps_mask(a.v, b.v, _CMP_EQ_OQ)}; }
LAMINA_INLINE Mask<double> operator==(D a, D b) { return {_mm512_cmp_pd_mask(a.v, b.v, _CMP_EQ_OQ)}; }
LAMINA_INLINE F select(Mask<float> m, F yes, F no) { return _mm512_mask_blend_ps(static_cast<__mmask16>(m.m), no.v, yes.v); }
LAMINA_INLINE D select(Mask<double> m, D yes, D no) { return _mm512_mask_blend_pd(static_cast<__mmask8>(m.m), no.v, yes.v); }

LAMINA_INLINE Int<float> bits(F x) { return _mm512_castps_si512(x.v); }
LAMINA_INLINE Int<double> bits(D x) { return _mm512_castpd_si512(x.v); }
LAMINA_INLINE F from_bits(Int<float> x) { return _mm512_castsi512_ps(x.v); }
LAMINA_INLINE D from_bits(Int<double> x) { return _mm512_castsi512_pd(x.v); }
LAMINA_INLINE Int<float> operator-(Int<float> a, Int<float> b) { return _mm512_sub_epi32(a.v, b.v); }
LAMINA_INLINE Int<double> operator-(Int<double> a, Int<double> b) { return _mm512_sub_epi64(a.v, b.v); }
template <int count>
LAMINA_INLINE Int<float> shift_left(Int<float> x) {
  return _mm512_slli_epi32(x.v, count);
}
template <int count>
LAMINA_INLINE Int<double> shift_left(Int<double> x) {
  return _mm512_slli_epi64(x.v, count);
}
template <int count>
LAMINA_INLINE Int<float> shift_right_arithmetic(Int<float> x) {
  return _mm512_srai_epi32(x.v, count);
}
template <int count>
LAMINA_INLINE Int<double> shift_right_arithmetic(Int<double> x) {
  return _mm512_srai_epi64(x.v, count);
}
LAMINA_INLINE F to_floating(Int<float> x) { return _mm512_cvtepi32_ps(x.v); }
LAMINA_INLINE D to_floating(Int<double> x) { return _mm512_cvtepi64_pd(x.v); }

LAMINA_INLINE F scale(F e, F n) { return _mm512_scalef_ps(e.v, n.v); }
LAMINA_INLINE D scale(D e, D n) { return _mm512_scalef_pd(e.v, n.v); }

LAMINA_INLINE F load(const float* p, Full) { return _mm512_loadu_ps(p); }
LAMINA_INLINE D load(const double* p, Full) { return _mm512_loadu_pd(p); }
LAMINA_INLINE F load(const float* p, Partial<float> k) { return _mm512_maskz_loadu_ps(static_cast<__mmask16>(k.mask), p); }
LAMINA_INLINE D load(const double* p, Partial<double> k) { return _mm512_maskz_loadu_pd(static_cast<__mmask8>(k.mask), p); }
// Lanes beyond the end take `fill`.
LAMINA_INLINE F load(const float* p, Full, F) { return _mm512_loadu_ps(p); }
LAMINA_INLINE D load(const double* p, Full, D) { return _mm512_loadu_pd(p); }
LAMINA_INLINE F load(const float* p, Partial<float> k, F fill) { return _mm512_mask_loadu_ps(fill.v, static_cast<__mmask16>(k.mask), p); }
LAMINA_INLINE D load(const double* p, Partial<double> k, D fill) { return _mm512_mask_loadu_pd(fill.v, static_cast<__mmask8>(k.mask), p); }
LAMINA_INLINE void store(float* p, F x, Full) { _mm512_storeu_ps(p, x.v); }
LAMINA_INLINE void store(double* p, D x, Full) { _mm512_storeu_pd(p, x.v); }
LAMINA_INLINE void store(float* p, F x, Partial<float> k) { _mm512_mask_storeu_ps(p, static_cast<__mmask16>(k.mask), x.v); }
LAMINA_INLINE void store(double* p, D x, Partial<double> k) { _mm512_mask_storeu_pd(p, static_cast<__mmask8>(k.mask), x.v); }

// Stores past the caches, to addresses aligned to a vector; a fence ends a run of them.
LAMINA_INLINE void stream(float* p, F x) { _mm512_stream_ps(p, x.v); }
LAMINA_INLINE void stream(double* p, D x) { _mm512_stream_pd(p, x.v); }
LAMINA_INLINE void stream_fence() { _mm_sfence(); }
// Brings a cache line near. Assembly, since GCC drops calls of functions that only prefetch, as if they did nothing.
LAMINA_INLINE void fetch(const void* p) { asm volatile("prefetcht0 %a0" ::"p"(p)); }

// Lane i takes lane i + lanes/2, then + lanes/4, ... + 1: the tree of math/order.h.
LAMINA_INLINE float tree_sum(F x) {
  __m256 h = _mm256_add_ps(_mm512_castps512_ps256(x.v), _mm512_extractf32x8_ps(x.v, 1));
  __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
  q = _mm_add_ps(q, _mm_movehl_ps(q, q));
  return _mm_cvtss_f32(_mm_add_ss(q, _mm_movehdup_ps(q)));
}
LAMINA_INLINE double tree_sum(D x) {
  __m256d h = _mm256_add_pd(_mm512_castpd512_pd256(x.v), _mm512_extractf64x4_pd(x.v, 1));
  __m128d q = _mm_add_pd(_mm256_castpd256_pd128(h), _mm256_extractf128_pd(h, 1));
  return _mm_cvtsd_f64(_mm_add_sd(q, _mm_unpackhi_pd(q, q)));
}
LAMINA_INLINE float largest(F x) { return _mm512_reduce_max_ps(x.v); }
LAMINA_INLINE double largest(D x) { return _mm512_reduce_max_pd(x.v); }

// Random words, 32 at a time so that enough multiplications are under way: four times eight, each in the low half of 64
// bits, where the wide multiplication takes them; the high halves hold whatever arithmetic leaves there. Their order,
// 0 4 1 5 2 6 3 7, 8 12 9 13 ..., is what keep_bits needs to find its bits side by side.
struct Words {
  static constexpr int lanes = 32, parts = 4;
  __m512i v[parts];
  Words() = default;
  LAMINA_INLINE explicit Words(uint32_t x) {
    for (__m512i& part : v) part = _mm512_set1_epi32(static_cast<int>(x));
  }
  LAMINA_INLINE static Words load(const uint32_t* p) {
    const __m512i low = _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7), high = _mm512_add_epi64(low, _mm512_set1_epi64(8));
    Words x;
    for (int i = 0; i < parts; ++i) x.v[i] = _mm512_permutexvar_epi32(i % 2 ? high : low, _mm512_loadu_si512(p + i / 2 * 16));
    return x;
  }
  LAMINA_INLINE void store(uint32_t* p) const {
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 2, 6, 10, 14, 16, 20, 24, 28, 18, 22, 26, 30);
    for (int i = 0; i < parts; i += 2) _mm512_storeu_si512(p + i * 8, _mm512_permutex2var_epi32(v[i], order, v[i + 1]));
  }
};
template <class F>
LAMINA_INLINE Words each_part(const F& f) {
  Words x;
#pragma GCC unroll 4
  for (int i = 0; i < Words::parts; ++i) x.v[i] = f(i);
  return x;
}
LAMINA_INLINE Words operator^(const Words& x, const Words& y) {
  return each_part([&](int i) { return _mm512_xor_si512(x.v[i], y.v[i]); });
}
LAMINA_INLINE Words operator+(const Words& x, uint32_t y) {
  const __m512i more = _mm512_set1_epi32(static_cast<int>(y));
  return each_part([&](int i) { return _mm512_add_epi32(x.v[i], more); });
}
// Where x has reached `end` it goes back by `length`, and y one up.
LAMINA_INLINE void carry(Words& x, Words& y, uint32_t end, uint32_t length) {
  const __m512i ends = _mm512_set1_epi32(static_cast<int>(end)), back = _mm512_set1_epi32(static_cast<int>(length));
#pragma GCC unroll 4
  for (int i = 0; i < Words::parts; ++i) {
    const __mmask16 over = _mm512_cmpge_epu32_mask(x.v[i], ends);
    x.v[i] = _mm512_mask_sub_epi32(x.v[i], over, x.v[i], back);
    y.v[i] = _mm512_mask_add_epi32(y.v[i], over, y.v[i], _mm512_set1_epi32(1));
  }
}
LAMINA_INLINE void multiply_wide(const Words& x, uint32_t y, Words& low, Words& high) {
  const __m512i factor = _mm512_set1_epi64(y);
  low = each_part([&](int i) { return _mm512_mul_epu32(x.v[i], factor); });
  high = each_part([&](int i) { return _mm512_srli_epi64(low.v[i], 32); });
}

// One byte a lane: bit e tells whether the e-th 16-bit half of the lane's four words is below the threshold. Gathering
// each lane's four words in 128 bits puts its byte together.
LAMINA_INLINE void keep_bits(const PhiloxBlock<Words>& block, uint32_t threshold, uint8_t* bytes) {
  // threshold - 1 fits 16 bits even where everything is kept.
  const __m512i last = _mm512_set1_epi16(static_cast<short>(threshold - 1));
  const auto pick = [](__m512i x, __m512i y, auto odd) {
    return _mm512_castps_si512(_mm512_shuffle_ps(_mm512_castsi512_ps(x), _mm512_castsi512_ps(y), odd ? 0xDD : 0x88));
  };
  constexpr std::false_type even;
  constexpr std::true_type odd;
#pragma GCC unroll 4
  for (int i = 0; i < Words::parts; ++i) {
    const __m512i words01 = pick(block.word[0].v[i], block.word[1].v[i], even);
    const __m512i words23 = pick(block.word[2].v[i], block.word[3].v[i], even);
    const __mmask32 kept[2] = {_mm512_cmple_epu16_mask(pick(words01, words23, even), last),
                               _mm512_cmple_epu16_mask(pick(words01, words23, odd), last)};
    __builtin_memcpy(bytes + 8 * i, kept, 8);
  }
}
// Lanes of one vector at `column`, a multiple of the lanes; bit c of the row's bytes belongs to column c.
template <class T>
LAMINA_INLINE Mask<T> load_mask(const uint8_t* bytes, int64_t column) {
  if constexpr (sizeof(T) == 4) {
    uint16_t kept;
    __builtin_memcpy(&kept, bytes + column / 8, 2);
    return {kept};
  } else {
    return {bytes[column / 8]};
  }
}

// Transposes a square of lanes x lanes held in registers.
LAMINA_INLINE void transpose(F (&r)[16]) {
  __m512 t[16];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    t[2 * i] = _mm512_unpacklo_ps(r[2 * i].v, r[2 * i + 1].v);
    t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i].v, r[2 * i + 1].v);
  }
  __m512 u[16];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      const __m512d a = _mm512_castps_pd(t[4 * i + j]), b = _mm512_castps_pd(t[4 * i + 2 + j]);
      u[4 * i + 2 * j] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, b));
      u[4 * i + 2 * j + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, b));
    }
  }
  // u[4i + c] holds, in its 128-bit part q, column 4q + c of rows 4i ... 4i+3.
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    const __m512 low0 = _mm512_shuffle_f32x4(u[c], u[4 + c], 0x88), high0 = _mm512_shuffle_f32x4(u[c], u[4 + c], 0xDD);
    const __m512 low1 = _mm512_shuffle_f32x4(u[8 + c], u[12 + c], 0x88), high1 = _mm512_shuffle_f32x4(u[8 + c], u[12 + c], 0xDD);
    r[c] = _mm512_shuffle_f32x4(low0, low1, 0x88);
    r[4 + c] = _mm512_shuffle_f32x4(high0, high1, 0x88);
    r[8 + c] = _mm512_shuffle_f32x4(low0, low1, 0xDD);
    r[12 + c] = _mm512_shuffle_f32x4(high0, high1, 0xDD);
  }
}
LAMINA_INLINE void transpose(D (&r)[8]) {
  __m512d t[8];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    t[2 * i] = _mm512_unpacklo_pd(r[2 * i].v, r[2 * i + 1].v);
    t[2 * i + 1] = _mm512_unpackhi_pd(r[2 * i].v, r[2 * i + 1].v);
  }
  // t[2i + c] holds, in its 128-bit part q, column 2q + c of rows 2i, 2i+1.
#pragma GCC unroll 2
  for (int c = 0; c < 2; ++c) {
    const __m512d low0 = _mm512_shuffle_f64x2(t[c], t[2 + c], 0x88), high0 = _mm512_shuffle_f64x2(t[c], t[2 + c], 0xDD);
    const __m512d low1 = _mm512_shuffle_f64x2(t[4 + c], t[6 + c], 0x88), high1 = _mm512_shuffle_f64x2(t[4 + c], t[6 + c], 0xDD);
    r[c] = _mm512_shuffle_f64x2(low0, low1, 0x88);
    r[2 + c] = _mm512_shuffle_f64x2(high0, high1, 0x88);
    r[4 + c] = _mm512_shuffle_f64x2(low0, low1, 0xDD);
    r[6 + c] = _mm512_shuffle_f64x2(high0, high1, 0xDD);
  }
}

}  // namespace LAMINA_ISA

template <class T>
struct Traits<LAMINA_ISA::Vec<T>> {
  using Element = T;
  using Integer = LAMINA_ISA::Int<T>;
};

}  // namespace lamina
