// Matrix product of bfloat16 on tensor cores, summed in float32: as it is in memory, or what is left of float32 operands
// when they are rounded (medium) or split in two halves (high: three products for one). Slices of the depth are on their
// way to shared memory while earlier ones are multiplied. An element's sum is one thread's, in the order of the depth; only
// the gradient of a weight, whose depth is the batch, may be split.
#include "cuda/gemm_finish.cuh"
#include "cuda/gemm_split.cuh"
#include "cuda/gemm_wgmma.h"
#include "cuda/halves.cuh"
#include "cuda/launch.h"
#include "cuda/mma_slice.cuh"
#include "cuda/ptx.cuh"
#include "cuda/table.h"
#include "cuda/tile.cuh"
#include "math/bfloat16.h"

namespace lamina::cuda {
namespace {

inline constexpr int stages = 3;  // slices of the depth that are multiplied or on their way

// A block computes so many rows and columns of the result, its warps an equal share each, 32 columns wide: two blocks of
// either shape find room on a multiprocessor, in registers and in shared memory.
template <int rows_, int columns_, int warps_down_>
struct Shape {
  static constexpr int rows = rows_, columns = columns_, across = columns / warp, threads = warps_down_ * across * warp;
  static constexpr int warp_rows = rows / warps_down_, tiles_down = warp_rows / 16, tiles_across = warp / 8;
};
using Large = Shape<128, 128, 2>;
using Small = Shape<64, 64, 2>;

template <class S, bool a_by_line, bool b_by_line>
__global__ void __launch_bounds__(S::threads, 2)
    gemm_mma_kernel(Gemm<float> g, Tail<float> tail, bool has_tail, Halves a, Halves b, int products, Partial<float> partial) {
  using SliceA = Slice<S::rows, a_by_line>;
  using SliceB = Slice<S::columns, b_by_line>;
  struct Stage {
    SliceA a;
    SliceB b;
  };
  struct Stages {
    Stage at[stages];
  };
  LAMINA_SHARED(Stages, shared);
  const int64_t across = divide_up(g.c.columns, S::columns), tiles = divide_up(g.c.rows, S::rows) * across;
  const int64_t tile = blockIdx.x % tiles, chunk = blockIdx.x / tiles, first_step = chunk * partial.chunk;
  const int64_t end = first_step + partial.depth(g, first_step);
  const int64_t block_row = tile / across * S::rows, block_column = tile % across * S::columns;
  const int lane = threadIdx.x % warp, index = threadIdx.x / warp;
  const int warp_row = index / S::across * S::warp_rows, warp_column = index % S::across * warp;

  // Products of a slice follow one another, the smallest first: low high, high low, high high.
  int64_t load_step = first_step;
  int load_product = 0, load_stage = 0;
  const auto begin_next = [&] {
    if (load_step < end) {
      Stage& stage = shared.at[load_stage];
      const bfloat16* const a_half = products > 1 && load_product == 0 ? a.low : a.high;
      const bfloat16* const b_half = products > 1 && load_product == 1 ? b.low : b.high;
      const int64_t left = end - load_step;
      stage.a.template begin_load<S::threads>(a_half + (a_by_line ? load_step * a.stride + block_row : block_row * a.stride + load_step),
                                              a.stride, g.c.rows - block_row, left);
      stage.b.template begin_load<S::threads>(
          b_half + (b_by_line ? load_step * b.stride + block_column : block_column * b.stride + load_step), b.stride,
          g.c.columns - block_column, left);
      if (++load_product == products) load_product = 0, load_step += slice_depth;
      if (++load_stage == stages) load_stage = 0;
    }
    commit_copies();
  };

  float sums[2 * S::tiles_down][2 * S::tiles_across];  // rows 8 apart; two columns of each tile
  for (auto& row : sums) {
    for (float& x : row) x = 0;
  }
  for (int i = 0; i < stages - 1; ++i) begin_next();
  const int64_t count = divide_up(end - first_step, slice_depth) * products;
  int stage = 0;
  for (int64_t i = 0; i < count; ++i) {
    wait_for_copies<stages - 2>();
    __syncthreads();  // all have waited, and nobody reads the slices any more that the next ones replace
    begin_next();
    const Stage& now = shared.at[stage];
#pragma unroll 1  // two steps at once spill registers on sm_90a
    for (int step = 0; step < slice_depth; step += 16) {
      uint32_t a_matrices[S::tiles_down][4], b_matrices[S::tiles_across / 2][4];
      for (int m = 0; m < S::tiles_down; ++m) now.a.load(warp_row + 16 * m, step, a_matrices[m]);
      for (int n = 0; n < S::tiles_across / 2; ++n) now.b.load(warp_column + 16 * n, step, b_matrices[n]);
      for (int m = 0; m < S::tiles_down; ++m) {
        for (int n = 0; n < S::tiles_across; ++n) {
          const uint32_t(&tile)[4] = b_matrices[n / 2];
          multiply_add(sums[2 * m] + 2 * n, sums[2 * m + 1] + 2 * n, a_matrices[m], tile[n % 2], tile[n % 2 + 2]);
        }
      }
    }
    if (++stage == stages) stage = 0;
  }

  // The rows come one after another to where the first one was, so that the code below is there but once.
  const int64_t first_row = block_row + warp_row + lane / 4, column = block_column + warp_column + lane % 4 * group_columns;
#pragma unroll 1
  for (int i = 0; i < 2 * S::tiles_down; ++i) {
    float result[group_columns];
    for (int j = 0; j < group_columns; ++j) result[j] = sums[0][j];
    gather_tile(result);
    const int64_t row = first_row + 8 * i;
    if (row < g.c.rows && column < g.c.columns) {
      if (partial.sums) {
        store_group(partial.group(g, chunk, row, column), group_columns, result);
      } else {
        finish_group(g, tail, has_tail, row, column, result);
      }
    }
    for (int m = 0; m + 1 < 2 * S::tiles_down; ++m) {
      for (int j = 0; j < group_columns; ++j) sums[m][j] = sums[m + 1][j];
    }
  }
}

template <class S>
int64_t tiles_of(const Gemm<float>& g) {
  return divide_up(g.c.rows, S::rows) * divide_up(g.c.columns, S::columns);
}

// Elsewhere the bits of a row would depend on how many rows there are.
inline constexpr int64_t split_depth = 512;
template <class S>
int64_t chunks_for(const Gemm<float>& g) {
  return g.a_depth == 1 ? 1 : split_chunks(g, tiles_of<S>(g), split_depth);
}

template <class S>
void start(const Context& context, const Gemm<float>& g, const Halves& a, const Halves& b, int halves) {
  const bool has_tail = g.tail && !g.statistics;
  const Tail<float> tail = has_tail ? *g.tail : Tail<float>{};
  const auto with = [&](auto kernel) {
    start_split(context, g, tail, has_tail, chunks_for<S>(g), split_depth, [&](int64_t chunks, const Partial<float>& partial) {
      launch(context, "gemm_mma", kernel, tiles_of<S>(g) * chunks, S::threads, g, tail, has_tail, a, b, 2 * halves - 1, partial);
    });
  };
  if (g.a_depth == 1) {
    g.b_depth == 1 ? with(gemm_mma_kernel<S, false, false>) : with(gemm_mma_kernel<S, false, true>);
  } else {
    g.b_depth == 1 ? with(gemm_mma_kernel<S, true, false>) : with(gemm_mma_kernel<S, true, true>);
  }
}

// Large blocks read the operands less often; they need results large enough to keep a device busy.
bool takes_large(const Gemm<float>& g) {
  constexpr int64_t enough = 64;
  return tiles_of<Large>(g) >= enough;
}

// How many halves of its operands a product multiplies: 0 where it is computed at highest. Shape and precision decide.
int halves_of(const Context& context, const Gemm<float>& g) {
  if (g.a16 && g.b16) return 1;
  if (g.c.rows < 32 || g.c.columns < 32 || g.depth < 64) return 0;
  return context.precision == Precision::medium ? 1 : context.precision == Precision::high ? 2 : 0;
}

template <class From>
void multiply(const Context& context, const Gemm<float>& g, const From* a_, const From* b_, int halves) {
  const auto in_memory = [](const From* data, int64_t lines, int64_t depth, int64_t line_stride, int64_t depth_stride) {
    return depth_stride == 1 ? Matrix<const From>{data, lines, depth, line_stride} : Matrix<const From>{data, depth, lines, depth_stride};
  };
  const Operand<From> a(context, in_memory(a_, g.c.rows, g.depth, g.a_row, g.a_depth), halves);
  const Operand<From> b(context, in_memory(b_, g.c.columns, g.depth, g.b_column, g.b_depth), halves);
  if (takes_wgmma(g)) return gemm_wgmma(context, g, a.view(), b.view(), halves);
  takes_large(g) ? start<Large>(context, g, a.view(), b.view(), halves) : start<Small>(context, g, a.view(), b.view(), halves);
}

void gemm_at_precision(const Context& context, const Gemm<float>& g) {
  const int halves = halves_of(context, g);
  if (halves == 0) return gemm(context, g);
  if (g.a16 && g.b16) {
    multiply(context, g, g.a16, g.b16, halves);
  } else {
    multiply(context, g, g.a, g.b, halves);
  }
  if (g.statistics) batchnorm_forward<float>(context, *g.tail, *g.statistics, Matrix<const float>(g.c), g.saved, g.h);
}

template <class S>
GemmPlanInfo describe(const Gemm<float>& g, int halves) {
  const int64_t down = divide_up(g.c.rows, S::rows), across = divide_up(g.c.columns, S::columns);
  GemmPlanInfo info{down, across, S::rows, S::columns, S::warp_rows, warp, g.depth, true, true, false, halves, "mma.sync"};
  info.chunks_apart = chunks_for<S>(g) > 1;
  if (info.chunks_apart) info.depth_step = split_depth;
  return info;
}

}  // namespace

void fill_gemm_mma(KernelTable& table) {
  table.f32.gemm = gemm_at_precision;
  table.f32.describe_gemm = [](const Context& context, const Gemm<float>& g) {
    const int halves = halves_of(context, g);
    if (halves > 0 && takes_wgmma(g)) return describe_wgmma(g, halves);
    return halves == 0 ? describe_gemm(context, g) : takes_large(g) ? describe<Large>(g, halves) : describe<Small>(g, halves);
  };
  table.bfloat16_unit = has_wgmma() ? "wgmma" : "mma.sync";
  table.high = true;
}

}  // namespace lamina::cuda
