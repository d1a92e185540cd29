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

template <class T>
__device__ double squares(const RowOfThread& at, int64_t columns, const T* x) {
  return row_sum<double>(at, columns, [&](int64_t i) { return double{x[i]} * double{x[i]}; });
}
// A chunk is a row.
template <class T>
__global__ void square_sums_kernel(const T* g, int64_t n, int64_t chunks, double* sums) {
  const RowOfThread at(chunks);
  const int64_t first = at.row * order::square_chunk, left = n - first;
  const double sum = squares(at, left < order::square_chunk ? left : order::square_chunk, g + first);
  if (at.inside && at.lane == 0) sums[at.row] = sum;
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
  const double factor = norm_scale(sqrt(squares(at, w.columns, row)), limit);
  if (factor != 1) over_row(at, w.columns, [&](int64_t i) { row[i] = static_cast<T>(row[i] * factor); });
}

template <class T>
void clip_by_value(const Context& context, T* g, int64_t n, double limit) {
  launch_threads(context, "clip_by_value", n, clip_by_value_kernel<T>, g, n, limit);
}
template <class T>
void square_sums(const Context& context, const T* g, int64_t n, double* sums) {
  const int64_t chunks = divide_up(n, order::square_chunk);
  launch_rows(context, "square_sums", chunks, square_sums_kernel<T>, g, n, chunks, sums);
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
