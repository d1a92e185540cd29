// Products of bfloat16 arrays, summed in float32: as at precision `medium` where the machine has a unit for them, else
// widened and computed at `highest`.
#pragma once

#include "base/context.h"
#include "base/specs.h"
#include "base/types.h"

namespace lamina {

// out = alpha op(a) op(b) + beta out, as of ops/gemm.h.
void gemm(const Context& context, Matrix<const bfloat16> a, bool transpose_a, Matrix<const bfloat16> b, bool transpose_b, float alpha,
          float beta, Matrix<float> out);

// y = g(x Wᵀ + b); bias may be absent.
void linear_forward(const Context& context, const Activation& activation, Matrix<const bfloat16> x, Matrix<const bfloat16> weight,
                    Vector<const float> bias, Matrix<float> y);
// dy becomes the gradient of the pre-activation, which the products take rounded to `rounded`; absent gradients are not
// computed. `saved` is what the activation's backward reads.
void linear_backward(const Context& context, const Activation& activation, Matrix<float> dy, Matrix<const float> saved,
                     Matrix<bfloat16> rounded, Matrix<const bfloat16> x, Matrix<const bfloat16> weight, Matrix<float> dx, Matrix<float> dw,
                     Vector<float> db);

void convert(const Context& context, Matrix<const float> x, Matrix<bfloat16> out);
void convert(const Context& context, Matrix<const bfloat16> x, Matrix<float> out);

}  // namespace lamina
