// Noise on inputs, units and weights, in training; in place where `out` is the input.
#pragma once

#include "base/context.h"
#include "base/specs.h"
#include "base/types.h"

namespace lamina {

// x + deviation times a standard normal number; its gradient is the identity.
struct GaussianNoise {
  double deviation;
  RandomKey key;
};
void check(const char* op, const GaussianNoise& noise);
template <class T>
void gaussian_noise(const Context& context, const GaussianNoise& noise, Matrix<const T> x, Matrix<T> out);

// A share p of the elements becomes `low` or `high`, half each. The gradient is the same of dy, with 0 for both.
struct SaltAndPepper {
  double p, low, high;
  RandomKey key;
};
void check(const char* op, const SaltAndPepper& noise);
template <class T>
void salt_and_pepper(const Context& context, const SaltAndPepper& noise, Matrix<const T> x, Matrix<T> out);

// G. Klambauer et al. 2017, section "New dropout technique".
template <class T>
void alpha_dropout_forward(const Context& context, const Dropout& dropout, Matrix<const T> x, Matrix<T> out);
template <class T>
void alpha_dropout_backward(const Context& context, const Dropout& dropout, Matrix<const T> dy, Matrix<T> out);

// y = h where kept, else what was there before; in inference the mean of both (D. Krueger et al. 2017). In backward dh or dx
// may be absent.
template <class T>
void zoneout_forward(const Context& context, const Dropout& dropout, bool training, Matrix<const T> h, Matrix<const T> previous,
                     Matrix<T> out);
template <class T>
void zoneout_backward(const Context& context, const Dropout& dropout, bool training, Matrix<const T> dy, Matrix<T> dh,
                      Matrix<T> d_previous);

// Of a weight: r W + c (r - 1) sgn(W) with r = 0 or 1 / (share kept) (G. Kang et al. 2016); its gradient is dropout's.
struct Shakeout {
  Dropout dropout;
  double c;
};
void check(const char* op, const Shakeout& shakeout);
template <class T>
void shakeout(const Context& context, const Shakeout& shakeout, Matrix<const T> weight, Matrix<T> out);

// Of a weight: W (1 + e), e normal with variance deviation^2 |W|^-gamma + lambda (Y. Li, F. Liu 2016).
struct WhiteoutNoise {
  double deviation, gamma, lambda;
  RandomKey key;
};
void check(const char* op, const WhiteoutNoise& noise);
template <class T>
void whiteout_forward(const Context& context, const WhiteoutNoise& noise, Matrix<const T> weight, Matrix<T> out);
template <class T>
void whiteout_backward(const Context& context, const WhiteoutNoise& noise, Matrix<const T> dy, Matrix<const T> weight, Matrix<T> out);

}  // namespace lamina
