// One fused layer, forward and backward: affine -> batch norm -> activation -> dropout, every part optional.
#pragma once

#include "base/context.h"
#include "base/specs.h"
#include "base/types.h"

namespace lamina {

template <class T>
struct Lamina {
  const char* op = "lamina";  // whose name errors carry
  Matrix<const T> weight;     // (out, in); absent: no affine part, in == out
  Vector<const T> bias;       // (out,) or absent
  BatchNorm<T> batchnorm;
  Activation activation;
  Dropout dropout;
  bool training = true;  // batch statistics and dropout; otherwise running statistics and none
};

// What backward reads besides x and h. `saves` tells which matrices a lamina needs; the caller owns them.
// Without an affine part z is x itself; where `activation` is not saved, h serves, or x if that is the activation's input.
template <class T>
struct LaminaSaved {
  Matrix<T> z;           // (batch, out) the pre-activation, before batch norm
  Matrix<T> activation;  // (batch, out) what the activation's backward reads: its input, or its output before dropout
  Vector<T> mean, rstd;  // (out,) when there is batch norm
};
struct LaminaSaves {
  bool z, activation, statistics;
};
template <class T>
LaminaSaves saves(const Lamina<T>& lamina);

// x (batch, in) -> h (batch, out)
template <class T>
void lamina_forward(const Context& context, const Lamina<T>& lamina, Matrix<const T> x, Matrix<T> h, const LaminaSaved<T>& saved);

// Absent gradients are not computed.
template <class T>
struct LaminaGradients {
  Matrix<T> weight;  // (out, in)
  Vector<T> bias;    // (out,)
  Vector<T> gamma, beta;
  Matrix<T> x;  // (batch, in)
};

// The affine part of the lamina above, which takes h for its x: its gradient dz, and its weight.
template <class T>
struct Above {
  Matrix<const T> dz, weight;
};

// dh, the gradient of h, becomes dz, that of the pre-activation; dz (batch, out) may be dh. Given what is above instead,
// dh = above.dz above.weight is computed on the way, into dz. Without an affine part dz is the gradient of x, and
// gradients.x is not written.
template <class T>
void lamina_backward(const Context& context, const Lamina<T>& lamina, Matrix<const T> dh, Matrix<T> dz, Matrix<const T> x,
                     Matrix<const T> h, const LaminaSaved<T>& saved, const LaminaGradients<T>& gradients, const Above<T>& above = {});

}  // namespace lamina
