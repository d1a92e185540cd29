// Rows of a table by code, and their gradient, without atomics: the sums of each chunk of rows first, then across chunks.
#include "cuda/table.h"
#include "cuda/tile.cuh"

namespace lamina::cuda {
namespace {

template <class T>
__global__ void embedding_forward_kernel(Codes<T> codes, Matrix<const T> table, Matrix<T> y) {
  const int64_t i = thread_number(), row = i / y.columns, column = i % y.columns;
  if (row >= y.rows) return;
  const int64_t code = codes.at(row, table.rows);
  y.row(row)[column] = code >= 0 ? table.row(code)[column] : static_cast<T>(__builtin_nan(""));
}

template <class T>
__global__ void zero_kernel(Matrix<T> x) {
  const int64_t i = thread_number();
  if (i < x.rows * x.columns) x.row(i / x.columns)[i % x.columns] = 0;
}

// Which rows of the chunk that begins at `first` have this code, a bit each.
template <class T>
__device__ unsigned rows_with(int64_t code, const Codes<T>& codes, int64_t first, int64_t batch, int64_t table_rows) {
  const int64_t row = first + threadIdx.x % warp;
  return __ballot_sync(all_lanes, row < batch && codes.at(row, table_rows) == code);
}

// The sum of a code's rows in a tile, left where the first of them is.
template <class T>
__global__ void embedding_chunks_kernel(Matrix<const T> dy, Codes<T> codes, int64_t table_rows, T* chunk_sums) {
  const Tile tile(dy.rows, dy.columns);
  for (int r = 0; r < tile.rows; ++r) {
    const int64_t code = codes.at(tile.row + r, table_rows);
    unsigned same = rows_with(code, codes, tile.row, dy.rows, table_rows);
    if (code < 0 || __ffs(same) - 1 != r) continue;
    T sum = 0;
    for (; same && tile.inside; same &= same - 1) sum = sum + dy.row(tile.row + __ffs(same) - 1)[tile.column];
    if (tile.inside) chunk_sums[(tile.row + r) * dy.columns + tile.column] = sum;
  }
}

// A warp for each row of the batch and 32 columns: the row that has its code first adds up the chunks' sums.
template <class T>
__global__ void embedding_merge_kernel(Codes<T> codes, int64_t batch, const T* chunk_sums, Matrix<T> d_table) {
  const int64_t columns = d_table.columns, across = divide_up(columns, warp), index = thread_number() / warp, row = index / across;
  const int64_t column = index % across * warp + threadIdx.x % warp;
  if (row >= batch) return;
  const int64_t code = codes.at(row, d_table.rows), chunk = row / tile_rows * tile_rows;
  if (code < 0 || chunk + __ffs(rows_with(code, codes, chunk, batch, d_table.rows)) - 1 != row) return;
  for (int64_t before = chunk - tile_rows; before >= 0; before -= tile_rows) {
    if (rows_with(code, codes, before, batch, d_table.rows)) return;
  }
  T total = 0;
  for (int64_t at = chunk; at < batch; at += tile_rows) {
    const unsigned same = rows_with(code, codes, at, batch, d_table.rows);
    if (same && column < columns) total = total + chunk_sums[(at + __ffs(same) - 1) * columns + column];
  }
  if (column < columns) d_table.row(code)[column] = total;
}

template <class T>
void embedding_forward(const Context& context, const Codes<T>& codes, Matrix<const T> table, Matrix<T> y) {
  launch_threads(context, "embedding_forward", y.rows * y.columns, embedding_forward_kernel<T>, codes, table, y);
}

template <class T>
void embedding_backward(const Context& context, Matrix<const T> dy, const Codes<T>& codes, Matrix<T> d_table) {
  const Scratch<T> sums(context, dy.rows * dy.columns);
  launch_threads(context, "zero", d_table.rows * d_table.columns, zero_kernel<T>, d_table);
  launch_tiles(context, "embedding_chunks", dy.rows, dy.columns, embedding_chunks_kernel<T>, dy, codes, d_table.rows, sums.data());
  launch_threads(context, "embedding_merge", dy.rows * divide_up(dy.columns, warp) * warp, embedding_merge_kernel<T>, codes, dy.rows,
                 sums.data(), d_table);
}

}  // namespace

template <class T>
void fill_embedding(Kernels<T>& kernels) {
  kernels.embedding_forward = embedding_forward<T>;
  kernels.embedding_backward = embedding_backward<T>;
}

template void fill_embedding(Kernels<float>&);
template void fill_embedding(Kernels<double>&);

}  // namespace lamina::cuda
