// Fills a kernel table with this instruction set's kernels.
#pragma once

#include "kernels/averaging-inl.h"
#include "kernels/batchnorm-inl.h"
#include "kernels/clipping-inl.h"
#include "kernels/convert-inl.h"
#include "kernels/embedding-inl.h"
#include "kernels/encodings-inl.h"
#include "kernels/gemm-inl.h"
#include "kernels/layernorm-inl.h"
#include "kernels/loss-inl.h"
#include "kernels/noise-inl.h"
#include "kernels/optimizer-inl.h"
#include "kernels/rbm-inl.h"
#include "kernels/rectifiers-inl.h"
#include "kernels/tail_backward-inl.h"

namespace lamina::LAMINA_ISA {

template <class T>
void fill(Kernels<T>& k) {
  k.gemm = gemm<T>;
  k.describe_gemm = describe_gemm<T>;
  k.streams = streams<T>;
  k.tail_forward = tail_forward<T>;
  k.batchnorm_forward = batchnorm_forward<T>;
  k.tail_backward = tail_backward<T>;
  k.joins = joins<T>;
  k.prelu_forward = prelu_forward<T>;
  k.prelu_backward = prelu_backward<T>;
  k.rrelu = rrelu<T>;
  k.gaussian_noise = gaussian_noise<T>;
  k.replace = replace<T>;
  k.choose = choose<T>;
  k.weighted_sum = weighted_sum<T>;
  k.shakeout = shakeout<T>;
  k.whiteout_forward = whiteout_forward<T>;
  k.whiteout_backward = whiteout_backward<T>;
  k.bernoulli = bernoulli<T>;
  k.noisy_relu = noisy_relu<T>;
  k.pull = pull<T>;
  k.rbm_free_energy = rbm_free_energy<T>;
  k.inference_statistics = inference_statistics<T>;
  k.column_sum = column_sum<T>;
  k.layernorm_forward = layernorm_forward<T>;
  k.layernorm_backward = layernorm_backward<T>;
  k.embedding_forward = embedding_forward<T>;
  k.embedding_backward = embedding_backward<T>;
  k.periodic_forward = periodic_forward<T>;
  k.periodic_backward = periodic_backward<T>;
  k.piecewise_linear_forward = piecewise_linear_forward<T>;
  k.piecewise_linear_backward = piecewise_linear_backward<T>;
  k.softmax_forward = softmax_forward<T>;
  k.softmax_backward = softmax_backward<T>;
  k.total_weight = total_weight<T>;
  k.softmax_cross_entropy = softmax_cross_entropy<T>;
  k.elementwise_loss = elementwise_loss<T>;
  k.sgd = sgd<T>;
  k.adagrad = adagrad<T>;
  k.rmsprop = rmsprop<T>;
  k.adam = adam<T>;
  k.clip_by_value = clip_by_value<T>;
  k.square_sums = square_sums<T>;
  k.scale_to_norm = scale_to_norm<T>;
  k.max_norm = max_norm<T>;
  k.average = average<T>;
  k.random_uniform = random_uniform<T>;
  k.random_normal = random_normal<T>;
  k.from_double = convert_all<double, T>;
  k.gather_rows = gather_rows<T>;
}

inline void fill(KernelTable& table, const char* name) {
  table.name = name;
  fill(table.f32);
  fill(table.f64);
  table.dropout_mask = dropout_mask;
  table.sum_rows = sum_rows;
  table.gather_labels = gather_labels;
  table.widen_labels = convert_all<int32_t, int64_t>;
  table.philox_blocks = philox_blocks;
  table.random_words = random_words;
  table.to_bfloat16 = convert<float, bfloat16>;
  table.to_float32 = convert<bfloat16, float>;
}

}  // namespace lamina::LAMINA_ISA
