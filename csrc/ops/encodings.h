// Encodings of numeric features (Gorishniy, Rubachev & Babenko 2022): periodic with learned frequencies, piecewise linear.
#pragma once

#include "base/context.h"
#include "base/types.h"

namespace lamina {

// x (batch, features), frequencies (features, count) -> y (batch, 2 features count): of each feature the sines of 2 pi c x,
// then the cosines.
template <class T>
void periodic_forward(const Context& context, Matrix<const T> x, Matrix<const T> frequencies, Matrix<T> y);
// y as forward left it; dx may be absent.
template <class T>
void periodic_backward(const Context& context, Matrix<const T> dy, Matrix<const T> x, Matrix<const T> frequencies, Matrix<const T> y,
                       Matrix<T> dx, Matrix<T> d_frequencies);

// x (batch, features), edges (features, bins + 1), finite and ascending -> y (batch, features bins): of each feature how much
// of each bin lies below x. On a device the edges are not checked.
template <class T>
void piecewise_linear_forward(const Context& context, Matrix<const T> x, Matrix<const T> edges, Matrix<T> y);
template <class T>
void piecewise_linear_backward(const Context& context, Matrix<const T> dy, Matrix<const T> x, Matrix<const T> edges, Matrix<T> dx);
template <class T>
void check_edges(const char* op, Matrix<const T> edges);

}  // namespace lamina
