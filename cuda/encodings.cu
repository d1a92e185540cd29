// Periodic and piecewise-linear encodings: a thread an element, half a warp a feature's gradient, sums down tiles.
#include "cuda/row.cuh"
#include "cuda/table.h"
#include "math/encodings.h"

namespace lamina::cuda {
namespace {

template <class T>
__global__ void periodic_forward_kernel(Matrix<const T> x, Matrix<const T> frequencies, Matrix<T> y) {
  const int64_t count = frequencies.columns, columns = x.columns * count, i = thread_number(), row = i / columns;
  if (row >= x.rows) return;
  const int64_t feature = i % columns / count, j = i % count;
  T sine, cosine;
  sincos_of_product(frequencies.row(feature)[j], x.row(row)[feature], sine, cosine);
  T* const to = y.row(row) + 2 * feature * count + j;
  to[0] = sine;
  to[count] = cosine;
}

// The gradient of c x for a frequency, from the columns of dy and y where its sine is.
template <class T>
__device__ T gradient_of_product(const T* dy, const T* y, int64_t count) {
  return periodic_gradient(dy[0], dy[count], y[0], y[count]);
}

template <class T>
__global__ void periodic_backward_x_kernel(Matrix<const T> dy, Matrix<const T> frequencies, Matrix<const T> y, Matrix<T> dx) {
  const RowOfThread at(dx.rows * dx.columns);
  const int64_t count = frequencies.columns, row = at.row / dx.columns, feature = at.row % dx.columns, column = 2 * feature * count;
  const T *const d = dy.row(row) + column, *const v = y.row(row) + column, *const c = frequencies.row(feature);
  const T sum = row_sum<T>(at, count, [&](int64_t i) { return gradient_of_product(d + i, v + i, count) * c[i]; });
  if (at.inside && at.lane == 0) dx.row(row)[feature] = sum;
}

template <class T>
__global__ void periodic_sums_kernel(Matrix<const T> dy, Matrix<const T> x, Matrix<const T> y, int64_t count, T* chunk_sums) {
  const int64_t columns = x.columns * count;
  const Tile tile(x.rows, columns);
  if (!tile.inside) return;
  const int64_t feature = tile.column / count, column = tile.column + feature * count;
  T sum = 0;
  for (int64_t row = tile.row; row < tile.row + tile.rows; ++row) {
    sum = sum + gradient_of_product(dy.row(row) + column, y.row(row) + column, count) * x.row(row)[feature];
  }
  chunk_sums[tile.chunk() * columns + tile.column] = sum;
}

template <class T>
__global__ void periodic_merge_kernel(const T* chunk_sums, int64_t chunks, Matrix<T> d_frequencies) {
  const int64_t i = thread_number(), all = d_frequencies.rows * d_frequencies.columns;
  if (i >= all) return;
  T total = 0;
  for (int64_t chunk = 0; chunk < chunks; ++chunk) total = total + chunk_sums[chunk * all + i];
  d_frequencies.row(i / d_frequencies.columns)[i % d_frequencies.columns] = total;
}

template <class T>
__global__ void piecewise_linear_forward_kernel(Matrix<const T> x, Matrix<const T> edges, Matrix<T> y) {
  const int64_t bins = edges.columns - 1, i = thread_number(), row = i / y.columns, column = i % y.columns;
  if (row >= y.rows) return;
  const int64_t feature = column / bins, bin = column % bins;
  const T* const low = edges.row(feature) + bin;
  y.row(row)[column] = share_of_bin(x.row(row)[feature], low[0], low[1], bin == 0, bin == bins - 1);
}

template <class T>
__global__ void piecewise_linear_backward_kernel(Matrix<const T> dy, Matrix<const T> x, Matrix<const T> edges, Matrix<T> dx) {
  const int64_t bins = edges.columns - 1, i = thread_number(), row = i / x.columns, feature = i % x.columns;
  if (row >= x.rows) return;
  const T* const low = edges.row(feature);
  const int64_t bin = bin_of(x.row(row)[feature], low, bins);
  dx.row(row)[feature] = dy.row(row)[feature * bins + bin] / (low[bin + 1] - low[bin]);
}

template <class T>
void periodic_forward(const Context& context, Matrix<const T> x, Matrix<const T> frequencies, Matrix<T> y) {
  launch_threads(context, "periodic_forward", x.rows * x.columns * frequencies.columns, periodic_forward_kernel<T>, x, frequencies, y);
}

template <class T>
void periodic_backward(const Context& context, Matrix<const T> dy, Matrix<const T> x, Matrix<const T> frequencies, Matrix<const T> y,
                       Matrix<T> dx, Matrix<T> d_frequencies) {
  if (dx) launch_rows(context, "periodic_backward", dx.rows * dx.columns, periodic_backward_x_kernel<T>, dy, frequencies, y, dx);
  const int64_t count = frequencies.columns, columns = x.columns * count, chunks = chunks_of(x.rows);
  const Scratch<T> sums(context, chunks * columns);
  launch_tiles(context, "periodic_sums", x.rows, columns, periodic_sums_kernel<T>, dy, x, y, count, sums.data());
  launch_threads(context, "periodic_merge", columns, periodic_merge_kernel<T>, sums.data(), chunks, d_frequencies);
}

template <class T>
void piecewise_linear_forward(const Context& context, Matrix<const T> x, Matrix<const T> edges, Matrix<T> y) {
  launch_threads(context, "piecewise_linear_forward", y.rows * y.columns, piecewise_linear_forward_kernel<T>, x, edges, y);
}

template <class T>
void piecewise_linear_backward(const Context& context, Matrix<const T> dy, Matrix<const T> x, Matrix<const T> edges, Matrix<T> dx) {
  launch_threads(context, "piecewise_linear_backward", x.rows * x.columns, piecewise_linear_backward_kernel<T>, dy, x, edges, dx);
}

}  // namespace

template <class T>
void fill_encodings(Kernels<T>& kernels) {
  kernels.periodic_forward = periodic_forward<T>;
  kernels.periodic_backward = periodic_backward<T>;
  kernels.piecewise_linear_forward = piecewise_linear_forward<T>;
  kernels.piecewise_linear_backward = piecewise_linear_backward<T>;
}

template void fill_encodings(Kernels<float>&);
template void fill_encodings(Kernels<double>&);

}  // namespace lamina::cuda
