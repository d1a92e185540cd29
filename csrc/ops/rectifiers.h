// Leaky rectifiers whose slope is learned (PReLU) or drawn for each element (RReLU).
#pragma once

#include "base/context.h"
#include "base/specs.h"
#include "base/types.h"

namespace lamina {

// y = z where z > 0, slope z otherwise; slopes of one element, or one a column (K. He et al. 2015).
template <class T>
void prelu_forward(const Context& context, Vector<const T> slopes, Matrix<const T> z, Matrix<T> y);
// dz may be dy; column_sums is scratch of a row of z, needed where one slope serves all columns.
template <class T>
void prelu_backward(const Context& context, Vector<const T> slopes, Matrix<const T> dy, Matrix<const T> z, Matrix<T> dz, Vector<T> d_slopes,
                    Vector<T> column_sums);

// The slope of each element is drawn from [lower, upper) in training (B. Xu et al. 2015); in inference it is their mean.
struct RandomRectifier {
  double lower, upper;
  RandomKey key;
  const char* op = "rrelu";  // whose name errors carry
};
void check(const char* op, const RandomRectifier& rectifier);
// out = values where z > 0, else slope times values: with values = z forward, with dy backward. out may be an input.
template <class T>
void rrelu(const Context& context, const RandomRectifier& rectifier, bool training, Matrix<const T> values, Matrix<const T> z,
           Matrix<T> out);

}  // namespace lamina
