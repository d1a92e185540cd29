// Matrix product with fma, for any shape and any strides: blocks of the result in registers, operands through shared memory.
// An element's chain is the contract's (math/order.h): per 256 depth steps one chain of fma from +0, the sums added in
// order, nothing padded.
#include "cuda/gemm_finish.cuh"
#include "cuda/launch.h"
#include "cuda/table.h"
#include "cuda/tile.cuh"

namespace lamina::cuda {
namespace {

inline constexpr int thread_columns = group_columns;  // of a thread's part of the result

// A block of threads computes so many rows and columns of the result; a thread thread_rows x 8 of them.
template <int rows_, int columns_, int thread_rows_>
struct Shape {
  static constexpr int rows = rows_, columns = columns_, thread_rows = thread_rows_, depth = 8;
  static constexpr int across = columns / thread_columns, threads = across * (rows / thread_rows);
  static_assert(order::depth_chunk % depth == 0 && threads % warp == 0);
};

// A slice of an operand in shared memory, element (line, step) at [step][place(line)].
template <class T, int lines, int depth>
struct Slice {
  T at[depth][lines];
  // Eight neighbours of a thread lie in two runs of four, so that the threads of a warp read without conflicts.
  __device__ static constexpr int place(int line) { return line / 4 % 2 * (lines / 2) + line / 8 * 4 + line % 4; }
};

// A thread's share of loading a slice: elements (line, step) of an operand with these strides, zero beyond its lines. What
// lies beyond the depth is not computed with.
template <class T, int lines, int depth, int threads, bool paired>
struct Loader {
  static constexpr int each = lines * depth / threads;
  static_assert(lines * depth % threads == 0);
  T values[each];

  __device__ static void place_of(int i, bool by_line, int& line, int& step) {
    const int element = i * threads + static_cast<int>(threadIdx.x);
    line = by_line ? element % lines : element / depth;
    step = by_line ? element / lines : element % depth;
  }
  // by_line: neighbouring lines are neighbours in memory; otherwise neighbouring steps are.
  __device__ void load(const T* from, int64_t line_stride, int64_t step_stride, int64_t lines_left, int64_t steps_left) {
    const bool by_line = line_stride == 1;
    for (int i = 0; i < each; ++i) {
      int line, step;
      place_of(i, by_line, line, step);
      values[i] = line < lines_left && step < steps_left ? from[line * line_stride + step * step_stride] : T(0);
    }
  }
  template <class To>
  __device__ void store(To& slice, bool by_line) const {
    for (int i = 0; i < each; ++i) {
      int line, step;
      place_of(i, by_line, line, step);
      slice.at[step][paired ? To::place(line) : line] = values[i];
    }
  }
};

template <class T, class S>
__global__ void __launch_bounds__(S::threads) gemm_kernel(Gemm<T> g, Tail<T> tail, bool has_tail) {
  using SliceA = Slice<T, S::rows, S::depth>;
  using SliceB = Slice<T, S::columns, S::depth>;
  LAMINA_SHARED(SliceA, a_slice);
  LAMINA_SHARED(SliceB, b_slice);
  const int64_t across = divide_up(g.c.columns, S::columns);
  const int64_t block_row = blockIdx.x / across * S::rows, block_column = blockIdx.x % across * S::columns;
  const int thread_row = threadIdx.x / S::across * S::thread_rows, thread_column = threadIdx.x % S::across * thread_columns;
  const T* a = g.a + block_row * g.a_row;
  const T* b = g.b + block_column * g.b_column;
  const int64_t rows_left = g.c.rows - block_row, columns_left = g.c.columns - block_column;

  T total[S::thread_rows][thread_columns], sum[S::thread_rows][thread_columns];
  for (auto& row : sum) {
    for (T& x : row) x = 0;
  }
  Loader<T, S::rows, S::depth, S::threads, false> a_loader;
  Loader<T, S::columns, S::depth, S::threads, true> b_loader;
  a_loader.load(a, g.a_row, g.a_depth, rows_left, g.depth);
  b_loader.load(b, g.b_column, g.b_depth, columns_left, g.depth);
  for (int64_t k = 0; k < g.depth; k += S::depth) {
    a_loader.store(a_slice, g.a_row == 1);
    b_loader.store(b_slice, g.b_column == 1);
    __syncthreads();
    const int64_t next = k + S::depth;
    if (next < g.depth) {  // on its way while this slice is multiplied
      a_loader.load(a + next * g.a_depth, g.a_row, g.a_depth, rows_left, g.depth - next);
      b_loader.load(b + next * g.b_depth, g.b_column, g.b_depth, columns_left, g.depth - next);
    }
    const auto multiply = [&](int step) {
      T b_row[thread_columns];
      for (int j = 0; j < thread_columns; ++j) b_row[j] = b_slice.at[step][SliceB::place(thread_column + j)];
      for (int i = 0; i < S::thread_rows; ++i) {
        const T a_element = a_slice.at[step][thread_row + i];
        for (int j = 0; j < thread_columns; ++j) sum[i][j] = fma(a_element, b_row[j], sum[i][j]);
      }
    };
    if (next <= g.depth) {
      for (int step = 0; step < S::depth; ++step) multiply(step);
    } else {
      for (int step = 0; step < g.depth - k; ++step) multiply(step);
    }
    __syncthreads();
    if (next % order::depth_chunk == 0 || next >= g.depth) {
      const bool first = k < order::depth_chunk;
      for (int i = 0; i < S::thread_rows; ++i) {
        for (int j = 0; j < thread_columns; ++j) {
          total[i][j] = first ? sum[i][j] : total[i][j] + sum[i][j];
          sum[i][j] = 0;
        }
      }
    }
  }
  if (thread_column >= columns_left) return;

  for (int i = 0; i < S::thread_rows; ++i) {
    if (thread_row + i >= rows_left) continue;
    T result[thread_columns];
    for (int j = 0; j < thread_columns; ++j) result[j] = g.depth == 0 ? T(0) : total[i][j];
    finish_group(g, tail, has_tail, block_row + thread_row + i, block_column + thread_column, result);
  }
}

template <class T>  // what the registers hold
using Large = Shape<sizeof(T) == 4 ? 128 : 64, 128, sizeof(T) == 4 ? 8 : 4>;
using Small = Shape<32, 64, 2>;

template <class T, class S>
void start(const Context& context, const Gemm<T>& g, const Tail<T>& tail, bool has_tail) {
  const int64_t blocks = divide_up(g.c.rows, S::rows) * divide_up(g.c.columns, S::columns);
  launch(context, "gemm", gemm_kernel<T, S>, blocks, S::threads, g, tail, has_tail);
}

// Large blocks read the operands less often; they need results large enough to keep a device busy.
template <class T>
bool takes_large(const Gemm<T>& g) {
  constexpr int64_t enough = 64;
  return divide_up(g.c.rows, Large<T>::rows) * divide_up(g.c.columns, Large<T>::columns) >= enough;
}

template <class T, class S>
GemmPlanInfo describe(const Gemm<T>& g) {
  GemmPlanInfo info{};
  info.down = divide_up(g.c.rows, S::rows);
  info.across = divide_up(g.c.columns, S::columns);
  info.height = S::rows;
  info.width = S::columns;
  info.tile_rows = S::thread_rows;
  info.tile_columns = thread_columns;
  info.depth_step = order::depth_chunk;
  info.pack_a = info.pack_b = true;
  return info;
}

}  // namespace

template <class T>
void gemm(const Context& context, const Gemm<T>& g) {
  const bool has_tail = g.tail && !g.statistics;
  const Tail<T> tail = has_tail ? *g.tail : Tail<T>{};
  if (takes_large(g)) {
    start<T, Large<T>>(context, g, tail, has_tail);
  } else {
    start<T, Small>(context, g, tail, has_tail);
  }
  if (g.statistics) batchnorm_forward<T>(context, *g.tail, *g.statistics, Matrix<const T>(g.c), g.y, g.h);
}

template <class T>
GemmPlanInfo describe_gemm(const Context&, const Gemm<T>& g) {
  return takes_large(g) ? describe<T, Large<T>>(g) : describe<T, Small>(g);
}

template <class T>
void fill_gemm(Kernels<T>& kernels) {
  kernels.gemm = gemm<T>;
  kernels.describe_gemm = describe_gemm<T>;
}

#define INSTANTIATE(T)                                                 \
  template void gemm(const Context&, const Gemm<T>&);                  \
  template GemmPlanInfo describe_gemm(const Context&, const Gemm<T>&); \
  template void fill_gemm(Kernels<T>&);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace lamina::cuda
