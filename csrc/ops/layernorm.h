// Layer normalisation: each row by its own mean and biased variance, then gamma and beta, both or neither.
#pragma once

#include "base/context.h"
#include "base/types.h"

namespace lamina {

// x (batch, features) -> y, which may be x, and what backward reads: mean, rstd (batch,).
template <class T>
void layernorm_forward(const Context& context, Matrix<const T> x, Vector<const T> gamma, Vector<const T> beta, double eps, Matrix<T> y,
                       Vector<T> mean, Vector<T> rstd);

// dx may be dy; dgamma and dbeta (features,) are there with gamma.
template <class T>
void layernorm_backward(const Context& context, Matrix<const T> dy, Matrix<const T> x, Vector<const T> gamma, Vector<const T> mean,
                        Vector<const T> rstd, Matrix<T> dx, Vector<T> dgamma, Vector<T> dbeta);

}  // namespace lamina
