// exp, expm1, log, log1p, tanh, sincos: written once with explicit fma, so that every table returns the same bits.
// Series are the textbook ones (1/k!, 1/(2k+1)), cut where the next term falls below half an ulp of the result.
// Largest errors in float32, over every seventh number: exp 1.06 ulp, expm1 1.65 (0.86 for x <= 0), log 0.94, log1p 1.44,
// tanh 1.86, sigmoid 1.64.
#pragma once

#include "math/scalar.h"

namespace lamina {

template <class T>
struct FloatFormat;
template <>
struct FloatFormat<float> {
  static constexpr int mantissa_bits = 23, bias = 127;
  static constexpr double round_magic = 0x1.8p23;                                   // adding it rounds to a whole number
  static constexpr double ln2_high = 0x1.62e4p-1, ln2_low = 0x1.7f7d1cf79abcap-20;  // n * ln2_high is exact
  static constexpr double exp_min = -104.0, exp_max = 89.0;                         // beyond: 0 and infinity
  static constexpr double expm1_min = -87.0;                                        // beyond: -1
  static constexpr int exp_terms = 7, log_terms = 5, sine_terms = 5;
};
template <>
struct FloatFormat<double> {
  static constexpr int mantissa_bits = 52, bias = 1023;
  static constexpr double round_magic = 0x1.8p52;
  static constexpr double ln2_high = 0x1.62e42fefa38p-1, ln2_low = 0x1.ef35793c7673p-45;
  static constexpr double exp_min = -746.0, exp_max = 710.0;
  static constexpr double expm1_min = -708.0;
  static constexpr int exp_terms = 13, log_terms = 11, sine_terms = 9;
};
template <class V>
using Format = FloatFormat<Element<V>>;

namespace detail {

// 1/k!, rounded once: every k! used here is exact in a double.
template <int k>
inline constexpr double factorial = k * factorial<k - 1>;
template <>
inline constexpr double factorial<0> = 1;

// Horner's rule on c_first + c_{first+1} x + ... + c_last x^(last-first), with Series<k>::value = c_k.
template <template <int> class Series, int first, int last, class V>
LAMINA_HD V polynomial(V x) {
  if constexpr (first == last) {
    return constant<V>(Series<first>::value);
  } else {
    return fma(polynomial<Series, first + 1, last>(x), x, constant<V>(Series<first>::value));
  }
}

template <int k>
struct ExpSeries {  // x^k / k!
  static constexpr double value = 1 / factorial<k>;
};
template <int k>
struct AtanhSeries {  // 2 x^(2k+1) / (2k+1)
  static constexpr double value = 2.0 / (2 * k + 1);
};
template <int k>
struct SineSeries {  // (-1)^k x^(2k+1) / (2k+1)!
  static constexpr double value = (k % 2 ? -1 : 1) / factorial<2 * k + 1>;
};
template <int k>
struct CosineSeries {  // (-1)^k x^(2k) / (2k)!
  static constexpr double value = (k % 2 ? -1 : 1) / factorial<2 * k>;
};

// 2^n for a whole-valued n in the normal range, by writing the exponent field.
template <class V>
LAMINA_HD V power_of_two(V n) {
  using F = Format<V>;
  const V shifted = n + constant<V>(F::round_magic + F::bias);
  return from_bits(shift_left<F::mantissa_bits>(bits(shifted)));
}

// e 2^n for e in [1/2, 2) and whole n, rounded once: two factors, so that results in the subnormal range and just below
// overflow are right. An instruction set may have it as one instruction.
template <class V>
LAMINA_HD V scale(V e, V n) {
  const V magic = constant<V>(Format<V>::round_magic);
  const V half = fma(n, constant<V>(0.5), magic) - magic;
  return e * power_of_two(half) * power_of_two(n - half);
}

// x = n ln2 + r with |r| <= ln2 / 2; returns n.
template <class V>
LAMINA_HD V reduce(V x, V& r) {
  using F = Format<V>;
  const V magic = constant<V>(F::round_magic);
  const V n = fma(x, constant<V>(1.4426950408889634), magic) - magic;
  r = fma(n, constant<V>(-F::ln2_high), x);
  r = fma(n, constant<V>(-F::ln2_low), r);
  return n;
}

// e^r - 1 for |r| <= ln2 / 2.
template <class V>
LAMINA_HD V expm1_reduced(V r) {
  return fma(polynomial<ExpSeries, 2, Format<V>::exp_terms>(r), r * r, r);
}

// e^x, where x has been clamped as far as it needs to be.
template <class V>
LAMINA_HD V exp_in_range(V x) {
  V r;
  const V n = reduce(x, r);
  return scale(expm1_reduced(r) + constant<V>(1), n);
}

// e^-x for x >= 0.
template <class V>
LAMINA_HD V exp_of_negated(V x) {
  return exp_in_range(max(constant<V>(Format<V>::exp_min), constant<V>(0) - x));
}

// e^x - 1 for expm1_min <= x <= 88 (double: 709), where 2^n is a normal number. The sign of a zero is lost.
template <class V>
LAMINA_HD V expm1_in_range(V x) {
  V r;
  const V n = reduce(x, r);
  const V power = power_of_two(n);
  return fma(expm1_reduced(r), power, power - constant<V>(1));
}

}  // namespace detail

template <class V>
LAMINA_HD V exp(V x) {
  using F = Format<V>;
  return detail::exp_in_range(min(constant<V>(F::exp_max), max(constant<V>(F::exp_min), x)));
}

// e^x - 1 for x <= 88 (double: 709), accurate near 0.
template <class V>
LAMINA_HD V expm1(V x) {
  return copysign(detail::expm1_in_range(max(constant<V>(Format<V>::expm1_min), x)), x);
}

// tanh |x| = q = e / (e + 2) with e = e^2|x| - 1. For small x the same as e/2 (1 - q), where the roundings of the sum and
// the quotient count less.
template <class V>
LAMINA_HD V tanh(V x) {
  const V e = detail::expm1_in_range(constant<V>(2) * min(constant<V>(20), abs(x)));
  const V q = e / (e + constant<V>(2));
  const V half = e * constant<V>(0.5);
  return copysign(select(e > constant<V>(1), q, fma(constant<V>(0) - half, q, half)), x);
}

// With e = e^-|x| and q = e / (1 + e): 1 - q, and for x < 0 q itself as e (1 - q), which keeps its digits.
template <class V>
LAMINA_HD V sigmoid(V x) {
  const V e = detail::exp_of_negated(abs(x));
  const V q = e / (constant<V>(1) + e);
  return select(x < constant<V>(0), fma(constant<V>(0) - e, q, e), constant<V>(1) - q);
}

namespace detail {

// log x for normal x > 0: x = 2^n m with m in [sqrt(1/2), sqrt(2)), log m = 2 atanh((m - 1) / (m + 1)).
template <class V>
LAMINA_HD V log_of_normal(V x) {
  using F = Format<V>;
  // Subtracting the bits of sqrt(1/2) puts the cut between exponents there.
  const Integer<V> offset = bits(constant<V>(0.70710678118654752));
  const Integer<V> exponent = shift_right_arithmetic<F::mantissa_bits>(bits(x) - offset);
  const V m = from_bits(bits(x) - shift_left<F::mantissa_bits>(exponent));
  const V n = to_floating(exponent);
  const V f = m - constant<V>(1);
  const V s = f / (constant<V>(2) + f);
  const V s2 = s * s;
  const V series = polynomial<AtanhSeries, 1, F::log_terms>(s2);
  // log m = 2s + s^3 series, and 2s = f - s f exactly, which keeps the digits of f.
  const V tail = fma(s, series * s2 - f, fma(n, constant<V>(F::ln2_low), f));
  return fma(n, constant<V>(F::ln2_high), tail);
}

// What log(u) lacks where u is 1 + x rounded, to first order.
template <class V>
LAMINA_HD V log1p_correction(V x, V u) {
  return (x - (u - constant<V>(1))) / u;
}

// log(1 + x) for 0 <= x <= 1.
template <class V>
LAMINA_HD V log1p_of_fraction(V x) {
  const V u = constant<V>(1) + x;
  return log_of_normal(u) + log1p_correction(x, u);
}

}  // namespace detail

// log 0 = -inf, log of a negative number NaN; subnormals are taken as the smallest normal number.
template <class V>
LAMINA_HD V log(V x) {
  const V smallest = from_bits(shift_left<Format<V>::mantissa_bits>(Integer<V>(1)));
  const V result = detail::log_of_normal(max(smallest, x));
  const V infinity = constant<V>(__builtin_huge_val());
  const V finite = select(x == infinity, infinity, result);
  const V not_a_number = constant<V>(__builtin_nan(""));
  return select(x > constant<V>(0), finite, select(x == constant<V>(0), constant<V>(0) - infinity, not_a_number));
}

template <class V>
LAMINA_HD V log1p(V x) {
  const V u = constant<V>(1) + x;
  const V whole = log(u);
  return select(abs(whole) == constant<V>(__builtin_huge_val()), whole, whole + detail::log1p_correction(x, u));
}

namespace detail {

// sin and cos of so many quarter turns, 0 ... 4, and `rest` of a turn, |rest| <= 1/8.
template <class V>
LAMINA_HD void sincos_of_quarters(V quarter, V rest, V& sine, V& cosine) {
  using F = Format<V>;
  const V t = rest * constant<V>(6.283185307179586), t2 = t * t;
  const V s = fma(polynomial<SineSeries, 1, F::sine_terms>(t2) * t2, t, t);
  const V c = fma(polynomial<CosineSeries, 1, F::sine_terms + 1>(t2), t2, constant<V>(1));
  const auto swapped = (quarter == constant<V>(1)) | (quarter == constant<V>(3));
  const V sine_magnitude = select(swapped, c, s), cosine_magnitude = select(swapped, s, c);
  const auto sine_negative = (quarter == constant<V>(2)) | (quarter == constant<V>(3));
  const auto cosine_negative = (quarter == constant<V>(1)) | (quarter == constant<V>(2));
  sine = select(sine_negative, constant<V>(0) - sine_magnitude, sine_magnitude);
  cosine = select(cosine_negative, constant<V>(0) - cosine_magnitude, cosine_magnitude);
}

// The number of quarters in a few turns, to the nearest.
template <class V>
LAMINA_HD V nearest_quarter(V turns) {
  const V magic = constant<V>(Format<V>::round_magic);
  return fma(turns, constant<V>(4), magic) - magic;
}

}  // namespace detail

// sin and cos of 2 pi u for u in [0, 1): the quarter turns are cut off exactly.
template <class V>
LAMINA_HD void sincos_turns(V u, V& sine, V& cosine) {
  const V quarter = detail::nearest_quarter(u);
  detail::sincos_of_quarters(quarter, fma(quarter, constant<V>(-0.25), u), sine, cosine);
}

}  // namespace lamina
