// Batch statistics: each chunk of rows measured by itself, the chunks merged in float64 in order.
#include "cuda/table.h"
#include "cuda/tile.cuh"
#include "math/batchnorm.h"

namespace lamina::cuda {
namespace {

// Mean and squares of a chunk about the column's first element, (chunks, columns).
struct ChunkMoments {
  double *mean, *squares;
};

// The chunk's sum is taken about its first row, its squares about the mean in T.
template <class T>
__global__ void measure_chunks_kernel(Matrix<const T> z, ChunkMoments out) {
  const Tile tile(z.rows, z.columns);
  if (!tile.inside) return;
  const double zero = z.row(0)[tile.column];
  const T origin = z.row(tile.row)[tile.column];
  T sum = 0, squares = 0;
  for (int r = 0; r < tile.rows; ++r) sum = sum + (z.row(tile.row + r)[tile.column] - origin);
  const T mean = fma(sum, T(1) / static_cast<T>(tile.rows), origin);
  for (int r = 0; r < tile.rows; ++r) {
    const T d = z.row(tile.row + r)[tile.column] - mean;
    squares = squares + d * d;
  }
  const Moments moments = chunk_moments(tile.rows, origin - zero, sum, mean - zero, squares);
  const int64_t at = tile.chunk() * z.columns + tile.column;
  out.mean[at] = moments.mean;
  out.squares[at] = moments.squares;
}

template <class T>
__global__ void merge_moments_kernel(ChunkMoments chunks, Matrix<const T> z, BatchStatistics<T> out) {
  const int64_t c = thread_number();
  if (c >= z.columns) return;
  Moments total;
  for (int64_t first = 0, i = c; first < z.rows; first += tile_rows, i += z.columns) {
    const int64_t rows = z.rows - first < tile_rows ? z.rows - first : tile_rows;
    merge(total, Moments{static_cast<double>(rows), chunks.mean[i], chunks.squares[i]});
  }
  const double mean = total.mean + z.row(0)[c];
  out.mean[c] = static_cast<T>(mean);
  out.rstd[c] = static_cast<T>(reciprocal_deviation(total.squares / total.count, out.eps));
  if (!out.running_mean) return;
  const double kept = out.unbiased_running_var ? total.count - 1 : total.count;
  out.running_mean[c] = static_cast<T>(running_average(out.running_mean[c], mean, out.momentum));
  out.running_var[c] = static_cast<T>(running_average(out.running_var[c], total.squares / kept, out.momentum));
}

template <class T>
__global__ void inference_statistics_kernel(const T* running_mean, const T* running_var, double eps, int64_t columns, T* mean, T* rstd) {
  const int64_t c = thread_number();
  if (c >= columns) return;
  mean[c] = running_mean[c];
  rstd[c] = static_cast<T>(reciprocal_deviation(running_var[c], eps));
}

template <class T>
void inference_statistics(const Context& context, const T* running_mean, const T* running_var, double eps, int64_t columns, T* mean,
                          T* rstd) {
  launch_threads(context, "inference_statistics", columns, inference_statistics_kernel<T>, running_mean, running_var, eps, columns, mean,
                 rstd);
}

}  // namespace

template <class T>
void batchnorm_forward(const Context& context, const Tail<T>& tail, const BatchStatistics<T>& statistics, Matrix<const T> z,
                       Matrix<T> saved, Matrix<T> h) {
  const int64_t all = chunks_of(z.rows) * z.columns;
  const Scratch<double> scratch(context, 2 * all);
  const ChunkMoments chunks{scratch.data(), scratch.data() + all};
  launch_tiles(context, "measure_chunks", z.rows, z.columns, measure_chunks_kernel<T>, z, chunks);
  launch_threads(context, "merge_moments", z.columns, merge_moments_kernel<T>, chunks, z, statistics);
  tail_forward(context, tail, z, saved, h);
}

template <class T>
void fill_batchnorm(Kernels<T>& kernels) {
  kernels.batchnorm_forward = batchnorm_forward<T>;
  kernels.inference_statistics = inference_statistics<T>;
}

#define INSTANTIATE(T)                                                                                                               \
  template void batchnorm_forward(const Context&, const Tail<T>&, const BatchStatistics<T>&, Matrix<const T>, Matrix<T>, Matrix<T>); \
  template void fill_batchnorm(Kernels<T>&);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace lamina::cuda
