// Sine and cosine of turns: the textbook series, cut where the next term falls below half an ulp of the result.
#pragma once

#include "math/elementary.h"

namespace lamina {
namespace detail {

// 1/k!, rounded once: every k! used here is exact in a double.
template <int k>
inline constexpr double factorial = k * factorial<k - 1>;
template <>
inline constexpr double factorial<0> = 1;

template <int k>
struct SineSeries {  // (-1)^k x^(2k+1) / (2k+1)!
  static constexpr double value = (k % 2 ? -1 : 1) / factorial<2 * k + 1>;
};
template <int k>
struct CosineSeries {  // (-1)^k x^(2k) / (2k)!
  static constexpr double value = (k % 2 ? -1 : 1) / factorial<2 * k>;
};

template <class V>
inline constexpr int sine_terms = sizeof(Element<V>) == sizeof(float) ? 5 : 9;

// sin and cos of so many quarter turns, 0 ... 4, and `rest` of a turn, |rest| <= 1/8.
template <class V>
LAMINA_HD void sincos_of_quarters(V quarter, V rest, V& sine, V& cosine) {
  const V t = rest * constant<V>(6.283185307179586), t2 = t * t;
  const V s = fma(polynomial<SineSeries, 1, sine_terms<V>>(t2) * t2, t, t);
  const V c = fma(polynomial<CosineSeries, 1, sine_terms<V> + 1>(t2), t2, constant<V>(1));
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
