// Matrix product with fma, for any shape and any strides: blocks of the result in registers, operands through shared memory.
// An element's chain is the contract's (math/order.h): per 256 depth steps one chain of fma from +0, the sums added in
// order, nothing padded.
#include "cuda/gemm_finish.cuh"
#include "cuda/gemm_split.cuh"
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

// A thread's share of bringing an operand to shared memory, slice after slice: elements (line, step) with these strides, zero
// beyond its lines. What lies beyond the depth is not computed with.
template <class T, int lines, int depth, int threads, bool paired>
class Loader {
 public:
  __device__ Loader(const T* from, int64_t line_stride, int64_t step_stride, int64_t lines_left) {
    const int thread = static_cast<int>(threadIdx.x);
    const bool by_line = line_stride == 1;  // neighbouring lines are neighbours in memory; otherwise neighbouring steps are
    const int line = by_line ? thread % lines : thread / depth, line_move = by_line ? 0 : threads / depth;
    step_ = by_line ? thread / lines : thread % depth;
    step_move_ = by_line ? threads / lines : 0;
    from_ = from + line * line_stride + step_ * step_stride;
    move_ = line_move * line_stride + step_move_ * step_stride;
    next_ = depth * step_stride;
    to_ = step_ * lines + place(line);
    to_move_ = step_move_ * lines + place(line + line_move) - place(line);
    for (int i = 0; i < each; ++i) inside_ |= static_cast<unsigned>(line + i * line_move < lines_left) << i;
  }
  __device__ void load(int64_t steps_left) {
    const int steps = static_cast<int>(steps_left < depth ? steps_left : depth);
    for (int i = 0; i < each; ++i) {
      values_[i] = (inside_ >> i & 1) && step_ + i * step_move_ < steps ? from_[i * move_] : T(0);
    }
    from_ += next_;
  }
  __device__ void store(Slice<T, lines, depth>& slice) const {
    for (int i = 0; i < each; ++i) (&slice.at[0][0])[to_ + i * to_move_] = values_[i];
  }

 private:
  static constexpr int each = lines * depth / threads;
  static_assert(lines * depth % threads == 0 && threads % lines == 0 && threads % (16 * depth) == 0);
  __device__ static int place(int line) { return paired ? Slice<T, lines, depth>::place(line) : line; }

  const T* from_;
  int64_t move_, next_;
  int step_, step_move_, to_, to_move_;
  unsigned inside_ = 0;
  T values_[each];
};

// Two blocks of float on a multiprocessor; doubles need the registers.
template <class T, class S>
__global__ void __launch_bounds__(S::threads, sizeof(T) == 4 ? 2 : 1)
    gemm_kernel(Gemm<T> g, Tail<T> tail, bool has_tail, Partial<T> partial) {
  using SliceA = Slice<T, S::rows, S::depth>;
  using SliceB = Slice<T, S::columns, S::depth>;
  LAMINA_SHARED(SliceA, a_slice);
  LAMINA_SHARED(SliceB, b_slice);
  const int64_t across = divide_up(g.c.columns, S::columns), tiles = divide_up(g.c.rows, S::rows) * across;
  const int64_t tile = blockIdx.x % tiles, chunk = blockIdx.x / tiles, first_step = chunk * order::depth_chunk;
  const int64_t depth = partial.depth(g, first_step);
  const int64_t block_row = tile / across * S::rows, block_column = tile % across * S::columns;
  const int thread_row = threadIdx.x / S::across * S::thread_rows, thread_column = threadIdx.x % S::across * thread_columns;
  const T* a = g.a + block_row * g.a_row + first_step * g.a_depth;
  const T* b = g.b + block_column * g.b_column + first_step * g.b_depth;
  const int64_t rows_left = g.c.rows - block_row, columns_left = g.c.columns - block_column;

  // The totals are touched every 256 steps: volatile keeps them out of the registers, which the sums and what is on its way need.
  volatile T total[S::thread_rows][thread_columns];
  T sum[S::thread_rows][thread_columns];
  for (int i = 0; i < S::thread_rows; ++i) {
    for (int j = 0; j < thread_columns; ++j) total[i][j] = sum[i][j] = 0;
  }
  Loader<T, S::rows, S::depth, S::threads, false> a_loader(a, g.a_row, g.a_depth, rows_left);
  Loader<T, S::columns, S::depth, S::threads, true> b_loader(b, g.b_column, g.b_depth, columns_left);
  a_loader.load(depth);
  b_loader.load(depth);
  int steps = 0;  // of the chunk
  bool first = true;
  for (int64_t left = depth; left > 0; left -= S::depth) {
    a_loader.store(a_slice);
    b_loader.store(b_slice);
    __syncthreads();
    if (left > S::depth) {  // the next slice is on its way while this one is multiplied
      a_loader.load(left - S::depth);
      b_loader.load(left - S::depth);
    }
    const auto multiply = [&](int step) {
      T b_row[thread_columns];
      for (int j = 0; j < thread_columns; ++j) b_row[j] = b_slice.at[step][SliceB::place(thread_column + j)];
      for (int i = 0; i < S::thread_rows; ++i) {
        const T a_element = a_slice.at[step][thread_row + i];
        for (int j = 0; j < thread_columns; ++j) sum[i][j] = fma(a_element, b_row[j], sum[i][j]);
      }
    };
    if (left >= S::depth) {
      for (int step = 0; step < S::depth; ++step) multiply(step);
    } else {
      for (int step = 0; step < left; ++step) multiply(step);
    }
    __syncthreads();
    steps += S::depth;
    if (steps == order::depth_chunk || left <= S::depth) {
      for (int i = 0; i < S::thread_rows; ++i) {
        for (int j = 0; j < thread_columns; ++j) {
          total[i][j] = first ? sum[i][j] : total[i][j] + sum[i][j];
          sum[i][j] = 0;
        }
      }
      first = false;
      steps = 0;
    }
  }
  if (thread_column >= columns_left) return;

  for (int i = 0; i < S::thread_rows; ++i) {
    if (thread_row + i >= rows_left) continue;
    T result[thread_columns];
    for (int j = 0; j < thread_columns; ++j) result[j] = total[i][j];
    const int64_t row = block_row + thread_row + i, column = block_column + thread_column;
    if (partial.sums) {
      store_group(partial.group(g, chunk, row, column), group_columns, result);
    } else {
      finish_group(g, tail, has_tail, row, column, result);
    }
  }
}

template <class T>  // what the registers hold
using Large = Shape<sizeof(T) == 4 ? 128 : 64, 128, sizeof(T) == 4 ? 8 : 4>;
using Small = Shape<32, 64, 2>;

template <class T, class S>
int64_t tiles_of(const Gemm<T>& g) {
  return divide_up(g.c.rows, S::rows) * divide_up(g.c.columns, S::columns);
}

template <class T, class S>
int64_t chunks_for(const Gemm<T>& g) {
  return split_chunks(g, tiles_of<T, S>(g), order::depth_chunk);
}

template <class T, class S>
void start(const Context& context, const Gemm<T>& g, const Tail<T>& tail, bool has_tail) {
  start_split(context, g, tail, has_tail, chunks_for<T, S>(g), order::depth_chunk, [&](int64_t chunks, const Partial<T>& partial) {
    launch(context, "gemm", gemm_kernel<T, S>, tiles_of<T, S>(g) * chunks, S::threads, g, tail, has_tail, partial);
  });
}

// Large blocks read the operands less often; they need results large enough to keep a device busy.
template <class T>
bool takes_large(const Gemm<T>& g) {
  constexpr int64_t enough = 64;
  return tiles_of<T, Large<T>>(g) >= enough;
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
  info.chunks_apart = chunks_for<T, S>(g) > 1;
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
  if (g.statistics) batchnorm_forward<T>(context, *g.tail, *g.statistics, Matrix<const T>(g.c), g.saved, g.h);
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
