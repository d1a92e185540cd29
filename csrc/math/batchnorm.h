// Batch normalisation (Ioffe & Szegedy 2015): statistics that stay exact for mean >> deviation, and the two passes.
#pragma once

#include "math/order.h"
#include "math/scalar.h"

namespace lamina {

// Statistics of some rows of one column: their number, mean and sum of squared deviations, in float64.
struct Moments {
  double count = 0, mean = 0, squares = 0;
};

// A chunk of n rows: `sum` about `origin`, squares about `about`, which is the mean rounded to the data's type.
LAMINA_HD Moments chunk_moments(double n, double origin, double sum, double about, double squares) {
  const double mean = origin + sum / n, shift = mean - about;
  return {n, mean, fma(-n * shift, shift, squares)};
}

// Chan, Golub & LeVeque 1979: a takes in b.
LAMINA_HD void merge(Moments& a, const Moments& b) {
  const double total = a.count + b.count;
  const double delta = b.mean - a.mean;
  const double weight = b.count / total;
  a.mean = fma(delta, weight, a.mean);
  a.squares = a.squares + fma(delta * delta, a.count * weight, b.squares);
  a.count = total;
}

// rstd = 1 / sqrt(variance + eps), variance = squares / count (biased).
LAMINA_HD double reciprocal_deviation(double variance, double eps) { return 1.0 / sqrt(variance + eps); }

// running <- (1 - momentum) running + momentum batch, in float64.
LAMINA_HD double running_average(double running, double batch, double momentum) { return fma(momentum, batch, (1.0 - momentum) * running); }

template <class V>
LAMINA_HD V normalise(V x, V mean, V rstd) {
  return (x - mean) * rstd;
}

// y = gamma xhat + beta
template <class V>
LAMINA_HD V batchnorm_output(V x, V mean, V rstd, V gamma, V beta) {
  return fma(normalise(x, mean, rstd), gamma, beta);
}

// dx = gamma rstd (dy - mean(dy) - xhat mean(dy xhat)); scale = gamma rstd
template <class V>
LAMINA_HD V batchnorm_gradient(V dy, V xhat, V scale, V mean_dy, V mean_dy_xhat) {
  return scale * fnma(xhat, mean_dy_xhat, dy - mean_dy);
}

}  // namespace lamina
