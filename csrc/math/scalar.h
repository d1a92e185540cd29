// The vocabulary that formulas are written in, for float and double on host and device; csrc/vec has it for vectors.
#pragma once

#include <cmath>
#include <cstdint>

#ifdef __CUDACC__
#define LAMINA_HD __host__ __device__ __forceinline__
#define LAMINA_UNROLL(count) _Pragma("unroll")
#else
#define LAMINA_HD [[gnu::always_inline]] inline
#define LAMINA_PRAGMA(text) _Pragma(#text)
#define LAMINA_UNROLL(count) LAMINA_PRAGMA(GCC unroll count)
#endif

namespace lamina {

// Element type, integers of the same width and number of lanes of a value that formulas compute with.
template <class V>
struct Traits;
template <>
struct Traits<float> {
  using Element = float;
  using Integer = int32_t;
};
template <>
struct Traits<double> {
  using Element = double;
  using Integer = int64_t;
};
template <class V>
using Element = typename Traits<V>::Element;
template <class V>
using Integer = typename Traits<V>::Integer;

// A constant in V's type: every lane the same.
template <class V>
LAMINA_HD V constant(double value) {
  return V(static_cast<Element<V>>(value));
}

LAMINA_HD float fma(float a, float b, float c) { return ::fmaf(a, b, c); }
LAMINA_HD double fma(double a, double b, double c) { return ::fma(a, b, c); }
LAMINA_HD float fnma(float a, float b, float c) { return ::fmaf(-a, b, c); }  // c - a b
LAMINA_HD double fnma(double a, double b, double c) { return ::fma(-a, b, c); }
LAMINA_HD float sqrt(float x) { return ::sqrtf(x); }
LAMINA_HD double sqrt(double x) { return ::sqrt(x); }
LAMINA_HD float abs(float x) { return ::fabsf(x); }
LAMINA_HD double abs(double x) { return ::fabs(x); }
LAMINA_HD float copysign(float x, float sign) { return ::copysignf(x, sign); }
LAMINA_HD double copysign(double x, double sign) { return ::copysign(x, sign); }

// Where either is NaN both return b: max(0, x) and min(hi, x) therefore let a NaN x through.
LAMINA_HD float max(float a, float b) { return a > b ? a : b; }
LAMINA_HD double max(double a, double b) { return a > b ? a : b; }
LAMINA_HD float min(float a, float b) { return a < b ? a : b; }
LAMINA_HD double min(double a, double b) { return a < b ? a : b; }

LAMINA_HD float select(bool condition, float yes, float no) { return condition ? yes : no; }
LAMINA_HD double select(bool condition, double yes, double no) { return condition ? yes : no; }

LAMINA_HD int32_t bits(float x) { return __builtin_bit_cast(int32_t, x); }
LAMINA_HD int64_t bits(double x) { return __builtin_bit_cast(int64_t, x); }
LAMINA_HD float from_bits(int32_t x) { return __builtin_bit_cast(float, x); }
LAMINA_HD double from_bits(int64_t x) { return __builtin_bit_cast(double, x); }
template <int count>
LAMINA_HD int32_t shift_left(int32_t x) {
  return static_cast<int32_t>(static_cast<uint32_t>(x) << count);
}
template <int count>
LAMINA_HD int64_t shift_left(int64_t x) {
  return static_cast<int64_t>(static_cast<uint64_t>(x) << count);
}

template <int count>
LAMINA_HD int32_t shift_right_arithmetic(int32_t x) {
  return x >> count;
}
template <int count>
LAMINA_HD int64_t shift_right_arithmetic(int64_t x) {
  return x >> count;
}
LAMINA_HD float to_floating(int32_t x) { return static_cast<float>(x); }
LAMINA_HD double to_floating(int64_t x) { return static_cast<double>(x); }

// base to a whole power by squaring, the same bits everywhere.
LAMINA_HD double integer_power(double base, int64_t exponent) {
  double result = 1.0;
  for (; exponent > 0; exponent >>= 1) {
    if (exponent & 1) result *= base;
    base *= base;
  }
  return result;
}

}  // namespace lamina
