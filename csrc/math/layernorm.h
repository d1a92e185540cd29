// Layer normalisation (Ba, Kiros & Hinton 2016): batch norm's formulas with a row's own statistics.
#pragma once

#include "math/batchnorm.h"

namespace lamina {

// The mean of n elements from their sum about `origin`, the first of them: what a second pass measures deviations about.
template <class T>
LAMINA_HD T mean_about(T origin, T sum, int64_t n) {
  return fma(sum, T(1) / static_cast<T>(n), origin);
}

template <class T>
struct RowStatistics {
  T mean, rstd;
};
// From the sum and the squares of deviations from `about`, whose own error the sum tells: the origin may lie far out.
template <class T>
LAMINA_HD RowStatistics<T> row_statistics(int64_t n, T about, T sum, T squares, double eps) {
  const double share = 1.0 / static_cast<double>(n), shift = sum * share;
  const double variance = fma(-shift, shift, squares * share);  // rounding may make 0 negative
  return {static_cast<T>(about + shift), static_cast<T>(reciprocal_deviation(max(0.0, variance), eps))};
}

// y = xhat, or gamma xhat + beta
template <class V>
LAMINA_HD V layernorm_output(V x, V mean, V rstd) {
  return normalise(x, mean, rstd);
}
template <class V>
LAMINA_HD V layernorm_output(V x, V mean, V rstd, V gamma, V beta) {
  return batchnorm_output(x, mean, rstd, gamma, beta);
}

// dx = rstd (g - mean_row(g) - xhat mean_row(g xhat)), g = dy gamma
template <class V>
LAMINA_HD V layernorm_gradient(V g, V xhat, V rstd, V mean_g, V mean_g_xhat) {
  return batchnorm_gradient(g, xhat, rstd, mean_g, mean_g_xhat);
}

}  // namespace lamina
