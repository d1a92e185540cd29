// The tail backward: dropout and activation undone with sums down each chunk of rows, the chunks merged in order, and for
// batch norm a second pass that writes the gradient.
#include "cuda/table.h"
#include "cuda/tail.cuh"
#include "cuda/tile.cuh"

namespace lamina::cuda {
namespace {

// Sums down the chunks of rows, (chunks, columns) each; those not wanted are null.
template <class T>
struct ChunkSums {
  T *dy = nullptr, *dy_xhat = nullptr;
};

// `writes`: whether anything happens to the gradient on the way from dh to d.
template <class T>
__global__ void undo_kernel(Tail<T> tail, Matrix<const T> dh, Matrix<T> d, Matrix<const T> saved, Matrix<const T> z, bool writes,
                            ChunkSums<T> sums) {
  const Tile tile(d.rows, d.columns);
  const TailColumn<T> column(tail, tile.inside ? tile.column : 0);
  T sum = 0, sum_xhat = 0;
  with_activation(tail.activation, Activations{}, [&](auto activation) {
    constexpr bool reads_all_of_h = decltype(activation)::flat_at_zero;
    const bool draws = tail.dropout && !reads_all_of_h;
    const uint32_t word = draws ? keep_word(tail.dropout, tile) : 0;
    for (int r = 0; r < tile.rows; ++r) {
      const bool keep = draws && kept(word, r, tile.lane);
      if (!tile.inside) continue;
      T g = dh.row(tile.row + r)[tile.column];
      if (writes) {
        g = column.undone(activation, g, tail.activation != 0 ? saved.row(tile.row + r)[tile.column] : T(0), keep);
        d.row(tile.row + r)[tile.column] = g;
      }
      sum = sum + g;
      if (sums.dy_xhat) sum_xhat = sum_xhat + g * normalise(z.row(tile.row + r)[tile.column], column.mean, column.rstd);
    }
  });
  if (!tile.inside) return;
  const int64_t at = tile.chunk() * d.columns + tile.column;
  if (sums.dy) sums.dy[at] = sum;
  if (sums.dy_xhat) sums.dy_xhat[at] = sum_xhat;
}

// What the second pass needs of each column.
template <class T>
struct ColumnConstants {
  T *scale, *mean_dy, *mean_dy_xhat;
};

template <class T>
__global__ void merge_gradients_kernel(ChunkSums<T> chunks, int64_t count, int64_t rows, int64_t columns, Tail<T> tail, TailSums<T> sums,
                                       ColumnConstants<T> out) {
  const int64_t c = thread_number();
  if (c >= columns) return;
  double total = 0, total_xhat = 0;
  for (int64_t i = 0; i < count; ++i) {
    total += chunks.dy[i * columns + c];
    total_xhat += chunks.dy_xhat[i * columns + c];
  }
  if (sums.beta) sums.beta[c] = static_cast<T>(total);
  if (sums.gamma) sums.gamma[c] = static_cast<T>(total_xhat);
  const double all = static_cast<double>(rows);
  out.scale[c] = tail.gamma[c] * tail.rstd[c];
  out.mean_dy[c] = sums.batch_statistics ? static_cast<T>(total / all) : T(0);
  out.mean_dy_xhat[c] = sums.batch_statistics ? static_cast<T>(total_xhat / all) : T(0);
}

template <class T>
__global__ void batchnorm_gradient_kernel(Tail<T> tail, Matrix<const T> dy, Matrix<const T> z, Matrix<T> d, ColumnConstants<T> constants,
                                          T* chunk_bias) {
  const Tile tile(d.rows, d.columns);
  if (!tile.inside) return;
  const T mean = tail.mean[tile.column], rstd = tail.rstd[tile.column], scale = constants.scale[tile.column];
  const T mean_dy = constants.mean_dy[tile.column], mean_dy_xhat = constants.mean_dy_xhat[tile.column];
  T sum = 0;
  for (int r = 0; r < tile.rows; ++r) {
    const T xhat = normalise(z.row(tile.row + r)[tile.column], mean, rstd);
    const T g = batchnorm_gradient(dy.row(tile.row + r)[tile.column], xhat, scale, mean_dy, mean_dy_xhat);
    d.row(tile.row + r)[tile.column] = g;
    sum = sum + g;
  }
  if (chunk_bias) chunk_bias[tile.chunk() * d.columns + tile.column] = sum;
}

template <class T>
__global__ void merge_columns_kernel(const T* chunk_sums, int64_t chunks, int64_t columns, T* out) {
  const int64_t c = thread_number();
  if (c >= columns) return;
  T total = 0;
  for (int64_t i = 0; i < chunks; ++i) total = total + chunk_sums[i * columns + c];
  out[c] = total;
}

}  // namespace

template <class T>
void merge_columns(const Context& context, const T* chunk_sums, int64_t chunks, int64_t columns, T* out) {
  launch_threads(context, "merge_columns", columns, merge_columns_kernel<T>, chunk_sums, chunks, columns, out);
}

template void merge_columns(const Context&, const float*, int64_t, int64_t, float*);
template void merge_columns(const Context&, const double*, int64_t, int64_t, double*);

namespace {

template <class T>
__global__ void column_sum_kernel(Matrix<const T> x, T* chunk_sums) {
  const Tile tile(x.rows, x.columns);
  if (!tile.inside) return;
  T sum = 0;
  for (int r = 0; r < tile.rows; ++r) sum = sum + x.row(tile.row + r)[tile.column];
  chunk_sums[tile.chunk() * x.columns + tile.column] = sum;
}

template <class T>
void column_sum(const Context& context, Matrix<const T> x, T* out) {
  const int64_t chunks = chunks_of(x.rows);
  const Scratch<T> sums(context, chunks * x.columns);
  launch_tiles(context, "column_sum", x.rows, x.columns, column_sum_kernel<T>, x, sums.data());
  merge_columns<T>(context, sums.data(), chunks, x.columns, out);
}

template <class T>
void tail_backward(const Context& context, const Tail<T>& tail, Matrix<const T> dh, Matrix<T> d, Matrix<const T> saved, Matrix<const T> z,
                   const TailSums<T>& sums, const Gemm<T>*, const Gemm<T>*) {
  const int64_t rows = d.rows, columns = d.columns, chunks = chunks_of(rows), all = chunks * columns;
  const bool writes = tail.dropout || tail.activation != 0 || (dh.data != d.data && !tail.mean);
  const auto undo = [&](const ChunkSums<T>& into) {
    launch_tiles(context, "tail_backward", rows, columns, undo_kernel<T>, tail, dh, d, saved, z, writes, into);
  };
  if (!tail.mean) {
    const Scratch<T> bias(context, sums.bias ? all : 0);
    if (writes || sums.bias) undo({sums.bias ? bias.data() : nullptr, nullptr});
    if (sums.bias) merge_columns<T>(context, bias.data(), chunks, columns, sums.bias);
    return;
  }
  const Scratch<T> scratch(context, 2 * all + 3 * columns);
  T *const dy = scratch.data(), *const dy_xhat = dy + all, *const rest = dy_xhat + all;
  const ColumnConstants<T> constants{rest, rest + columns, rest + 2 * columns};
  undo({dy, dy_xhat});
  launch_threads(context, "merge_gradients", columns, merge_gradients_kernel<T>, ChunkSums<T>{dy, dy_xhat}, chunks, rows, columns, tail,
                 sums, constants);
  T* const chunk_bias = sums.bias ? dy : nullptr;  // whose sums have been merged
  launch_tiles(context, "batchnorm_gradient", rows, columns, batchnorm_gradient_kernel<T>, tail, writes ? Matrix<const T>(d) : dh, z, d,
               constants, chunk_bias);
  if (sums.bias) merge_columns<T>(context, chunk_bias, chunks, columns, sums.bias);
}

}  // namespace

template <class T>
void fill_tail_backward(Kernels<T>& kernels) {
  kernels.tail_backward = tail_backward<T>;
  kernels.joins = [](const Context&, const Gemm<T>&, int64_t) { return false; };
  kernels.column_sum = column_sum<T>;
}

template void fill_tail_backward(Kernels<float>&);
template void fill_tail_backward(Kernels<double>&);

}  // namespace lamina::cuda
