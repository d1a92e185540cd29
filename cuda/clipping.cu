// Gradients clipped by value and by norm, over flat buffers, and rows of weights by theirs: no norm leaves the device.
#include "cuda/launch.h"
#include "cuda/row.cuh"
#include "cuda/table.h"
#include "cuda/tile.cuh"
#include "math/clipping.h"
#include "math/order.h"

namespace lamina::cuda {
namespace {

template <class T>
__global__ void clip_by_value_kernel(T* g, int64_t n, double limit) {
  const int64_t i = thread_number();
  if (i < n) g[i] = clip(g[i], static_cast<T>(limit));
}

// Half a warp a chunk, each of its lanes a partial sum.
template <class T>
__global__ void square_sums_kernel(const T* g, int64_t n, double* sums) {
  constexpr int lanes = order::row_partials;
  const int64_t first = thread_number() / lanes * order::square_chunk;
  double partial = 0;
  for (int64_t i = first + threadIdx.x % lanes; i < n && i < first + order::square_chunk; i += lanes) {
    const double x = g[i];
    partial = partial + x * x;
  }
  for (int half = lanes / 2; half >= 1; half /= 2) partial = partial + __shfl_down_sync(all_lanes, partial, half, lanes);
  if (threadIdx.x % lanes == 0 && first < n) sums[first / order::square_chunk] = partial;
}

template <class T>
__global__ void scale_to_norm_kernel(T* g, int64_t n, const double* squares, double limit, double* norm) {
  const int64_t i = thread_number();
  const double found = sqrt(*squares), factor = norm_scale(found, limit);
  if (i == 0) *norm = found;
  if (i < n && factor != 1) g[i] = static_cast<T>(g[i] * factor);
}

template <class T>
__global__ void max_norm_kernel(Matrix<T> w, double limit) {
  const RowOfThread at(w.rows);
  T* const row = w.row(at.row);
  const double squares = row_sum<double>(at, w.columns, [&](int64_t i) { return double{row[i]} * double{row[i]}; });
  const double factor = norm_scale(sqrt(squares), limit);
  if (factor != 1) over_row(at, w.columns, [&](int64_t i) { row[i] = static_cast<T>(row[i] * factor); });
}

template <class T>
void clip_by_value(const Context& context, T* g, int64_t n, double limit) {
  launch_threads(context, "clip_by_value", n, clip_by_value_kernel<T>, g, n, limit);
}
template <class T>
void square_sums(const Context& context, const T* g, int64_t n, double* sums) {
  launch_threads(context, "square_sums", divide_up(n, order::square_chunk) * order::row_partials, square_sums_kernel<T>, g, n, sums);
}
template <class T>
void scale_to_norm(const Context& context, T* g, int64_t n, const double* squares, double limit, double* norm) {
  launch_threads(context, "scale_to_norm", n > 0 ? n : 1, scale_to_norm_kernel<T>, g, n, squares, limit, norm);
}

template <class T>
void max_norm(const Context& context, Matrix<T> w, double limit) {
  launch_rows(context, "max_norm", w.rows, max_norm_kernel<T>, w, limit);
}

}  // namespace

template <class T>
void fill_clipping(Kernels<T>& kernels) {
  kernels.clip_by_value = clip_by_value<T>;
  kernels.square_sums = square_sums<T>;
  kernels.scale_to_norm = scale_to_norm<T>;
  kernels.max_norm = max_norm<T>;
}

template void fill_clipping(Kernels<float>&);
template void fill_clipping(Kernels<double>&);

}  // namespace lamina::cuda
