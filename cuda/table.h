// The CUDA table, a function a file: for float and double, and what has no element type.
#pragma once

#include <cuda_runtime.h>

#include "kernels/kernel_table.h"

namespace lamina::cuda {

template <class T>
void fill_gemm(Kernels<T>& kernels);
template <class T>
void fill_tail(Kernels<T>& kernels);
template <class T>
void fill_tail_backward(Kernels<T>& kernels);
template <class T>
void fill_batchnorm(Kernels<T>& kernels);
template <class T>
void fill_layernorm(Kernels<T>& kernels);
template <class T>
void fill_embedding(Kernels<T>& kernels);
template <class T>
void fill_encodings(Kernels<T>& kernels);
template <class T>
void fill_rows(Kernels<T>& kernels);
template <class T>
void fill_optimizers(Kernels<T>& kernels);
template <class T>
void fill_rectifiers(Kernels<T>& kernels);
template <class T>
void fill_noise(Kernels<T>& kernels);
template <class T>
void fill_rbm(Kernels<T>& kernels);
template <class T>
void fill_clipping(Kernels<T>& kernels);
template <class T>
void fill_random(Kernels<T>& kernels);
void fill_row_sums(KernelTable& table);
void fill_masks(KernelTable& table);
void fill_moves(KernelTable& table);
cudaError_t kernels_usable();            // whether the binary holds code that the current device runs
void fill_gemm_mma(KernelTable& table);  // over what fill_gemm left there

template <class T>
void fill(Kernels<T>& kernels) {
  fill_gemm(kernels);
  fill_tail(kernels);
  fill_tail_backward(kernels);
  fill_batchnorm(kernels);
  fill_layernorm(kernels);
  fill_embedding(kernels);
  fill_encodings(kernels);
  fill_rows(kernels);
  fill_optimizers(kernels);
  fill_rectifiers(kernels);
  fill_noise(kernels);
  fill_rbm(kernels);
  fill_clipping(kernels);
  fill_random(kernels);
}
inline void fill_shared(KernelTable& table) {
  fill_row_sums(table);
  fill_masks(table);
  fill_moves(table);
  fill_gemm_mma(table);
}

// Parts of one file's kernels that another's launcher goes on with.
template <class T>
void gemm(const Context& context, const Gemm<T>& g);
template <class T>
GemmPlanInfo describe_gemm(const Context& context, const Gemm<T>& g);
// The sums of each chunk of rows, (chunks, columns), added in order.
template <class T>
void merge_columns(const Context& context, const T* chunk_sums, int64_t chunks, int64_t columns, T* out);
template <class T>
void tail_forward(const Context& context, const Tail<T>& tail, Matrix<const T> z, Matrix<T> saved, Matrix<T> h);
template <class T>
void batchnorm_forward(const Context& context, const Tail<T>& tail, const BatchStatistics<T>& statistics, Matrix<const T> z,
                       Matrix<T> saved, Matrix<T> h);

}  // namespace lamina::cuda
