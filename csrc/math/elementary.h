// exp, expm1, log, log1p, tanh, sigmoid: written once with explicit fma, so that every table returns the same bits.
// Largest errors in float32, over every seventh number: exp 0.92 ulp, expm1 1.54 (0.93 for x <= 0), log 0.92, log1p 1.44,
// tanh 1.99, sigmoid 1.61.
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
  static constexpr double normal_min = -88.0;                                       // e^x is below the normal numbers
  static constexpr double expm1_min = -87.0;                                        // beyond: -1
  // (e^r - 1 - r) / r^2 for |r| <= ln2 / 2, interpolated where e^r - 1 has the least relative error (1.5e-8; double: 2e-17);
  // and (2 atanh s - 2s) / s^3 for s^2 <= 1/9, at Chebyshev points.
  static constexpr double exp_series[] = {0.5, 0.16666542583221572, 0.04166651163452774, 0.008366639817804838, 0.0013930506922638433};
  static constexpr double atanh_series[] = {0.6666664033669923, 0.40007560644911205, 0.2823661980531048, 0.2685149802283715};
};
template <>
struct FloatFormat<double> {
  static constexpr int mantissa_bits = 52, bias = 1023;
  static constexpr double round_magic = 0x1.8p52;
  static constexpr double ln2_high = 0x1.62e42fefa38p-1, ln2_low = 0x1.ef35793c7673p-45;
  static constexpr double exp_min = -746.0, exp_max = 710.0;
  static constexpr double normal_min = -709.0;
  static constexpr double expm1_min = -708.0;
  static constexpr double exp_series[] = {0.5000000000000006,    0.1666666666666667,     0.041666666666572406,   0.008333333333326084,
                                          0.0013888888932744835, 0.00019841269874997539, 2.4801504022232965e-05, 2.7557255176003713e-06,
                                          2.762649230331981e-07, 2.5105310235689788e-08};
  static constexpr double atanh_series[] = {0.6666666666666666,  0.40000000000014585, 0.2857142856710876,  0.22222222717427864,
                                            0.18181789436132859, 0.15385570064958623, 0.13314144209654935, 0.12001072809590713,
                                            0.08800738486144674, 0.1616404561194353};
};
template <class V>
using Format = FloatFormat<Element<V>>;

namespace detail {

// Horner's rule on c_first + c_{first+1} x + ... + c_last x^(last-first), with Series<k>::value = c_k.
template <template <int> class Series, int first, int last, class V>
LAMINA_HD V polynomial(V x) {
  if constexpr (first == last) {
    return constant<V>(Series<first>::value);
  } else {
    return fma(polynomial<Series, first + 1, last>(x), x, constant<V>(Series<first>::value));
  }
}

// The polynomial whose coefficients are an array, from the constant on.
template <const auto& coefficients>
struct Coefficients {
  static constexpr int last = static_cast<int>(sizeof(coefficients) / sizeof(double)) - 1;
  template <int k>
  struct Series {
    static constexpr double value = coefficients[k];
  };
};
template <const auto& coefficients, class V>
LAMINA_HD V polynomial(V x) {
  using C = Coefficients<coefficients>;
  return polynomial<C::template Series, 0, C::last>(x);
}

// 2^n for a whole-valued n in the normal range, by writing the exponent field.
template <class V>
LAMINA_HD V power_of_two(V n) {
  using F = Format<V>;
  return from_bits(shift_left<F::mantissa_bits>(bits(n + constant<V>(F::round_magic + F::bias))));
}

// e 2^n for e in [1/2, 2) and whole n, rounded once: two factors, so that results in the subnormal range and just below
// overflow are right. An instruction set may have it as one instruction.
template <class V>
LAMINA_HD V scale(V e, V n) {
  const V magic = constant<V>(Format<V>::round_magic);
  const V half = fma(n, constant<V>(0.5), magic) - magic;
  return e * power_of_two(half) * power_of_two(n - half);
}

// x = n ln2 + rest with whole n and |rest| <= ln2 / 2; power is 2^n where that is a normal number, and 0 one below.
template <class V>
struct Reduced {
  V n, power, rest;
};
template <class V>
LAMINA_HD Reduced<V> reduce(V x) {
  using F = Format<V>;
  const V magic = constant<V>(F::round_magic + F::bias);  // leaves n as an exponent field has it
  const V shifted = fma(x, constant<V>(1.4426950408889634), magic), n = shifted - magic;
  const V rest = fma(n, constant<V>(-F::ln2_low), fma(n, constant<V>(-F::ln2_high), x));
  return {n, from_bits(shift_left<F::mantissa_bits>(bits(shifted))), rest};
}

// e^r for |r| <= ln2 / 2, and what it has beyond 1.
template <class V>
LAMINA_HD V exp_reduced(V r) {
  const V one = constant<V>(1);
  return fma(fma(polynomial<Format<V>::exp_series>(r), r, one), r, one);
}
template <class V>
LAMINA_HD V expm1_reduced(V r) {
  return fma(polynomial<Format<V>::exp_series>(r), r * r, r);
}

// -|x|
template <class V>
LAMINA_HD V negative(V x) {
  return copysign(x, constant<V>(-1));
}

}  // namespace detail

template <class V>
LAMINA_HD V exp(V x) {
  using F = Format<V>;
  const detail::Reduced<V> r = detail::reduce(min(constant<V>(F::exp_max), max(constant<V>(F::exp_min), x)));
  return detail::scale(detail::exp_reduced(r.rest), r.n);
}

// e^x for x <= 0, with fewer operations: 0 where the result would lie below the normal numbers.
template <class V>
LAMINA_HD V exp_of_negative(V x) {
  const detail::Reduced<V> r = detail::reduce(max(constant<V>(Format<V>::normal_min), x));
  return detail::exp_reduced(r.rest) * r.power;
}

// e^x - 1 for x <= 88 (double: 709), accurate near 0.
template <class V>
LAMINA_HD V expm1(V x) {
  const detail::Reduced<V> r = detail::reduce(max(constant<V>(Format<V>::expm1_min), x));
  const V result = fma(detail::expm1_reduced(r.rest), r.power, r.power - constant<V>(1));
  return copysign(result, x);  // which the sum of a zero would lose
}

// With e = e^-2|x| - 1: -e / (e + 2), numerator and denominator each rounded once.
template <class V>
LAMINA_HD V tanh(V x) {
  const V one = constant<V>(1);
  const detail::Reduced<V> r = detail::reduce(max(constant<V>(-40), detail::negative(x + x)));
  const V rest = detail::expm1_reduced(r.rest);
  return copysign(fma(rest, r.power, r.power - one) / fma(rest, r.power, r.power + one), x);
}

// With e = e^-|x| and q = e / (1 + e): 1 - q, and for x < 0 q itself as e (1 - q), which keeps its digits.
template <class V>
LAMINA_HD V sigmoid(V x) {
  const V e = exp_of_negative(detail::negative(x)), one = constant<V>(1);
  const V q = e / (one + e), whole = select(x < constant<V>(0), e, one);
  return fnma(whole, q, whole);
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
  const V series = polynomial<F::atanh_series>(s2);
  // log m = 2s + s^3 series, and 2s = f - s f exactly, which keeps the digits of f.
  const V tail = fma(s, series * s2 - f, fma(n, constant<V>(F::ln2_low), f));
  return fma(n, constant<V>(F::ln2_high), tail);
}

// What log(u) lacks where u is 1 + x rounded, to first order.
template <class V>
LAMINA_HD V log1p_correction(V x, V u) {
  return (x - (u - constant<V>(1))) / u;
}

// log(1 + x) for 0 <= x <= 1: 2 atanh s = 2s + s^3 series with s = x / (2 + x), and 2s = x - s x exactly, which keeps x's digits.
template <class V>
LAMINA_HD V log1p_of_fraction(V x) {
  const V s = x / (constant<V>(2) + x), s2 = s * s;
  return fnma(s, fnma(s2, polynomial<Format<V>::atanh_series>(s2), x), x);
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

}  // namespace lamina
