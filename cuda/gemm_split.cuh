// A product whose depth is split: where the result is too small to keep a device busy and the depth is large, as with the
// gradient of a small weight over a large batch, each chunk of the depth has blocks of its own, and a second kernel adds
// their sums in order.
#pragma once

#include "cuda/gemm_finish.cuh"
#include "cuda/tile.cuh"

namespace lamina::cuda {

// The sums of each chunk: groups of columns, row after row, chunk after chunk.
template <class T>
struct Partial {
  T* sums = nullptr;  // none: the product is not split
  int64_t chunk = 0;  // its depth
  __device__ T* group(const Gemm<T>& g, int64_t index, int64_t row, int64_t column) const {
    return sums + ((index * g.c.rows + row) * divide_up(g.c.columns, group_columns) + column / group_columns) * group_columns;
  }
  // Of the depth from `first` on, what belongs to that chunk.
  __device__ int64_t depth(const Gemm<T>& g, int64_t first) const { return sums && g.depth - first > chunk ? chunk : g.depth - first; }
};

template <class T>
__global__ void gemm_merge_kernel(Gemm<T> g, Tail<T> tail, bool has_tail, Partial<T> partial, int64_t chunks) {
  const int64_t across = divide_up(g.c.columns, group_columns), row = thread_number() / across;
  const int64_t column = thread_number() % across * group_columns;
  if (row >= g.c.rows) return;
  T total[group_columns], sum[group_columns];
  load_group(partial.group(g, 0, row, column), group_columns, total);
  for (int64_t i = 1; i < chunks; ++i) {
    load_group(partial.group(g, i, row, column), group_columns, sum);
    for (int j = 0; j < group_columns; ++j) total[j] = total[j] + sum[j];
  }
  finish_group(g, tail, has_tail, row, column, total);
}

// Chunks of the depth that have blocks of their own: all, while their sums fit in 64 MiB, or one.
template <class T>
int64_t split_chunks(const Gemm<T>& g, int64_t tiles, int64_t chunk) {
  constexpr int64_t enough = 128, most = int64_t{64} << 20;
  const int64_t chunks = divide_up(g.depth, chunk);
  const int64_t bytes = chunks * g.c.rows * divide_up(g.c.columns, group_columns) * group_columns * int64_t{sizeof(T)};
  return chunks > 1 && tiles < enough && bytes <= most ? chunks : 1;
}

// Starts the blocks of all chunks by start_blocks(chunks, partial), then what adds them.
template <class T, class Start>
void start_split(const Context& context, const Gemm<T>& g, const Tail<T>& tail, bool has_tail, int64_t chunks, int64_t chunk,
                 const Start& start_blocks) {
  if (chunks == 1) return start_blocks(int64_t{1}, Partial<T>{});
  const int64_t groups = g.c.rows * divide_up(g.c.columns, group_columns);
  const Scratch<T> sums(context, chunks * groups * group_columns);
  const Partial<T> partial{sums.data(), chunk};
  start_blocks(chunks, partial);
  launch_threads(context, "gemm_merge", groups, gemm_merge_kernel<T>, g, tail, has_tail, partial, chunks);
}

}  // namespace lamina::cuda
