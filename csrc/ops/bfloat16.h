// Products of bfloat16 arrays, summed in float32: as at precision `medium` where the machine has a unit for them, else
// widened and computed at `highest`.
#pragma once

#include "base/context.h"
#include "base/specs.h"
#include "base/types.h"

namespace lamina {

// A result, and its sums: in `rounded`, where that is given, it ends as bfloat16.
struct Result16 {
  Matrix<float> sums;
  Matrix<bfloat16> rounded;
};

// out = alpha op(a) op(b) + beta out, as of ops/gemm.h; what is in `rounded` is read where beta asks for it.
void gemm(const Context& context, Matrix<const bfloat16> a, bool transpose_a, Matrix<const bfloat16> b, bool transpose_b, float alpha,
          float beta, const Result16& out);

// y = g(x Wᵀ + b); bias may be absent.
void linear_forward(const Context& context, const Activation& activation, Matrix<const bfloat16> x, Matrix<const bfloat16> weight,
                    Vector<const float> bias, const Result16& y);
// dy becomes the gradient dz of the pre-activation, which the products take rounded; an absent dx is not computed. `saved`
// is what the activation's backward reads.
void linear_backward(const Context& context, const Activation& activation, Matrix<const bfloat16> dy, Matrix<const float> saved,
                     const Result16& dz, Matrix<const bfloat16> x, Matrix<const bfloat16> weight, const Result16& dx, const Result16& dw,
                     const Result16& db);

}  // namespace lamina
