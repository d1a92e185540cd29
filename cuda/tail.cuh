// The stages of a tail for one element of a column.
#pragma once

#include "cuda/launch.h"
#include "kernels/kernel_table.h"
#include "math/activations.h"
#include "math/batchnorm.h"

namespace lamina::cuda {

// What the activation's backward reads.
template <class Activation, class T>
__device__ T saved_of(T input, T output) {
  return Activation::reads == Reads::input ? input : output;
}

template <class T>
struct TailColumn {
  bool norm, drops;
  T mean{}, rstd{}, gamma{}, beta{}, scale;
  ActivationParameters<T> parameters;

  __device__ TailColumn(const Tail<T>& tail, int64_t column)
      : norm(tail.mean), drops(static_cast<bool>(tail.dropout)), scale(static_cast<T>(tail.dropout.scale)) {
    parameters = {tail.parameters[0], tail.parameters[1]};
    if (norm) mean = tail.mean[column], rstd = tail.rstd[column], gamma = tail.gamma[column], beta = tail.beta[column];
  }
  __device__ T normalised(T z) const { return norm ? batchnorm_output(z, mean, rstd, gamma, beta) : z; }
  __device__ T dropped(T y, bool keep) const { return !drops ? y : keep ? y * scale : T(0); }

  // The gradient of h becomes that of the activation's input; `saved` is what the activation's backward reads. Where that is
  // h and flat at zero, its zeros tell what was dropped: nothing was drawn then.
  template <class Activation>
  __device__ T undone(Activation, T dh, T saved, bool keep) const {
    if (!drops) return Activation::backward(dh, saved, parameters);
    if constexpr (Activation::flat_at_zero) return Activation::backward(dh, saved, parameters) * scale;
    return Activation::backward(dropped(dh, keep), saved, parameters);
  }
};

}  // namespace lamina::cuda
