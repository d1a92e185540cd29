// Matrix product of bfloat16 on Hopper's wgmma, summed in float32. A producer's copies of boxes fill a ring of stages in shared
// memory, two warpgroups multiply what is there; barriers tell who may go on. An element's sum is one thread's, in the order of
// the depth: of 64 steps the products of halves follow one another, the smallest first.
#include <algorithm>

#include "cuda/gemm_finish.cuh"
#include "cuda/gemm_wgmma.h"
#include "cuda/launch.h"
#include "cuda/ptx_hopper.cuh"
#include "cuda/tensor_map.h"
#include "cuda/tile.cuh"

namespace lamina::cuda {
namespace {

inline constexpr int stages = 4, slice_depth = 64, product_depth = 16;
inline constexpr int consumers = 2, group_rows = 64;  // warpgroups that multiply, and the rows of each
inline constexpr int threads = (1 + consumers) * warpgroup;
inline constexpr int box_lines = 64;                                     // of a row of 128 bytes, the widest that is swizzled
inline constexpr unsigned part_bytes = box_lines * slice_depth * 2;      // what 64 lines of an operand take
inline constexpr int producer_registers = 40, consumer_registers = 232;  // of 168 for all

// The boxes of an operand's slice. By line, rows of memory are steps, and a box is 64 lines wide; else rows are lines, and a
// box is 64 steps wide and as high as the slice. Either way 64 lines lie together, eight rows of 128 bytes in 1024.
template <int lines_, bool by_line_>
struct alignas(1024) Slice {
  static constexpr int lines = lines_;
  static constexpr bool by_line = by_line_;
  unsigned char at[lines / box_lines * part_bytes];

  __device__ void begin_load(const CUtensorMap& map, int line, int step, Barrier& barrier) {
    if constexpr (by_line) {
      for (int i = 0; i < lines / box_lines; ++i) copy_box(at + i * part_bytes, map, line + i * box_lines, step, barrier);
    } else {
      copy_box(at, map, step, line, barrier);
    }
  }
  // Of the 16 steps from `step` on, the lines from `line` on, a multiple of 64: where they begin, what lies between 64 lines
  // and the next (by line only), between eight rows and the next, and that 16 bytes of the rows of 128 have changed places.
  __device__ uint64_t descriptor(int line, int step) const {
    constexpr uint64_t leading = by_line ? part_bytes : 16, stride = 1024, swizzle_128 = 1;
    const uint64_t address = shared_address(at) + line / box_lines * part_bytes + step * (by_line ? 128 : 2);
    return address >> 4 | leading >> 4 << 16 | stride >> 4 << 32 | swizzle_128 << 62;
  }
};

template <int columns_, bool a_by_line, bool b_by_line>
struct Block {
  static constexpr int rows = consumers * group_rows, columns = columns_;
  struct Stage {
    Slice<rows, a_by_line> a;
    Slice<columns, b_by_line> b;
  };
  Stage at[stages];
  Barrier full[stages], empty[stages];
};
using Wide = Block<256, false, false>;
using Narrow = Block<128, false, false>;

// A place in the ring, and the parity of the phase in which its turn ends.
struct Turn {
  int stage = 0;
  unsigned parity = 0;
  __device__ void next() {
    if (++stage == stages) stage = 0, parity ^= 1;
  }
};

struct Maps {
  CUtensorMap a[2], b[2];  // high, low
};

template <class B>
__device__ void produce(B& shared, const Maps& maps, int row, int column, int depth, int products) {
  Turn turn;
  for (int step = 0; step < depth; step += slice_depth) {
    for (int product = 0; product < products; ++product) {
      Barrier& full = shared.full[turn.stage];
      wait_for_phase(shared.empty[turn.stage], turn.parity ^ 1);  // at once the first time around
      arrive_and_announce(full, sizeof(shared.at[0]));
      shared.at[turn.stage].a.begin_load(maps.a[products > 1 && product == 0], row, step, full);
      shared.at[turn.stage].b.begin_load(maps.b[products > 1 && product == 1], column, step, full);
      turn.next();
    }
  }
}

template <class B>
__device__ void consume(B& shared, int first_line, int count, float (&sums)[B::columns / 2]) {
  using Stage = typename B::Stage;
  for (float& x : sums) x = 0;
  Turn turn;
  int before = 0;  // the stage that is still being read
  for (int i = 0; i < count; ++i) {
    wait_for_phase(shared.full[turn.stage], turn.parity);
    const Stage& now = shared.at[turn.stage];
    fence_sums();
    for (int step = 0; step < slice_depth; step += product_depth) {
      begin_product<decltype(now.a)::by_line, decltype(now.b)::by_line>(sums, now.a.descriptor(first_line, step),
                                                                        now.b.descriptor(0, step));
    }
    commit_products();
    wait_for_products<1>();
    if (i > 0 && threadIdx.x % warp == 0) arrive(shared.empty[before]);
    before = turn.stage;
    turn.next();
  }
  wait_for_products<0>();
  take_sums(sums);
}

// The group of sums with this number, found by halving so that each is in registers that the code names.
template <int first, int count, int size>
__device__ void take_group(const float (&sums)[size], int number, float (&group)[group_columns]) {
  if constexpr (count == 1) {
    for (int j = 0; j < group_columns; ++j) group[j] = sums[first / 2 * 16 + j / 2 * 4 + first % 2 * 2 + j % 2];
  } else if (number < first + count / 2) {
    take_group<first, count / 2>(sums, number, group);
  } else {
    take_group<first + count / 2, count - count / 2>(sums, number, group);
  }
}

// Bands of so many blocks down are finished one after another, so that those at work together read the same operands.
inline constexpr int64_t band = 8;
struct BlockPlace {
  int64_t down, across;
  __device__ BlockPlace(int64_t number, int64_t blocks_down, int64_t blocks_across) {
    const int64_t first = number / (band * blocks_across) * band, left = blocks_down - first, rows = left < band ? left : band;
    const int64_t within = number - first * blocks_across;
    down = first + within % rows;
    across = within / rows;
  }
};

template <class B>
__global__ void __launch_bounds__(threads, 1)
    gemm_wgmma_kernel(Gemm<float> g, Tail<float> tail, bool has_tail, const __grid_constant__ Maps maps, int products) {
  LAMINA_DYNAMIC_SHARED(B, shared);
  const BlockPlace place(blockIdx.x, divide_up(g.c.rows, B::rows), divide_up(g.c.columns, B::columns));
  const int64_t block_row = place.down * B::rows, block_column = place.across * B::columns;
  if (threadIdx.x == 0) {
    for (int i = 0; i < stages; ++i) {
      init_barrier(shared->full[i], 1);
      init_barrier(shared->empty[i], consumers * warpgroup / warp);
    }
    show_barriers();
  }
  __syncthreads();
  if (threadIdx.x < warpgroup) {
    keep_fewer_registers<producer_registers>();
    if (threadIdx.x == 0) {
      produce(*shared, maps, static_cast<int>(block_row), static_cast<int>(block_column), static_cast<int>(g.depth), products);
    }
  } else {
    take_more_registers<consumer_registers>();
    float sums[B::columns / 2];
    const int lane = threadIdx.x % warp, first_line = (threadIdx.x / warpgroup - 1) * group_rows;
    consume(*shared, first_line, static_cast<int>(divide_up(g.depth, slice_depth)) * products, sums);
    const int64_t first_row = block_row + first_line + threadIdx.x % warpgroup / warp * 16 + lane / 4;
    const int64_t first_column = block_column + lane % 4 * group_columns;
#pragma unroll 1
    for (int i = 0; i < B::columns / 16; ++i) {
      float result[group_columns];
      take_group<0, B::columns / 16>(sums, i, result);
      gather_tile(result);
      const int64_t row = first_row + i % 2 * 8, column = first_column + i / 2 * warp;
      if (row < g.c.rows && column < g.c.columns) finish_group(g, tail, has_tail, row, column, result);
    }
  }
}

template <class B>
int64_t blocks_of(const Gemm<float>& g) {
  return divide_up(g.c.rows, B::rows) * divide_up(g.c.columns, B::columns);
}

template <class B>
void start(const Context& context, const Gemm<float>& g, const Halves& a, const Halves& b, int halves) {
  const bool has_tail = g.tail && !g.statistics, a_by_line = g.a_depth != 1, b_by_line = g.b_depth != 1;
  const Tail<float> tail = has_tail ? *g.tail : Tail<float>{};
  Maps maps{};
  const auto describe = [&](CUtensorMap(&to)[2], const Halves& from, int64_t lines, bool by_line, int slice_lines) {
    if (context.log) return;  // there is nothing at the addresses
    for (int i = 0; i < halves; ++i) {
      const bfloat16* const data = i == 0 ? from.high : from.low;
      to[i] =
          by_line ? tensor_map(data, g.depth, lines, from.stride, slice_depth) : tensor_map(data, lines, g.depth, from.stride, slice_lines);
    }
  };
  describe(maps.a, a, g.c.rows, a_by_line, B::rows);
  describe(maps.b, b, g.c.columns, b_by_line, B::columns);
  const auto with = [&](auto block) {
    using Chosen = typename decltype(block)::type;
    launch_with_memory(context, "gemm_wgmma", gemm_wgmma_kernel<Chosen>, blocks_of<B>(g), threads, sizeof(Chosen), g, tail, has_tail, maps,
                       2 * halves - 1);
  };
  if (a_by_line) {
    b_by_line ? with(std::type_identity<Block<B::columns, true, true>>{}) : with(std::type_identity<Block<B::columns, true, false>>{});
  } else {
    b_by_line ? with(std::type_identity<Block<B::columns, false, true>>{}) : with(std::type_identity<Block<B::columns, false, false>>{});
  }
}

// Wide blocks read the operands less often; they need results large enough to keep a device busy.
bool takes_wide(const Gemm<float>& g) {
  constexpr int64_t enough = 64;
  return blocks_of<Wide>(g) >= enough;
}

template <class B>
GemmPlanInfo describe(const Gemm<float>& g, int halves) {
  const int64_t down = divide_up(g.c.rows, B::rows), across = divide_up(g.c.columns, B::columns);
  return {down, across, B::rows, B::columns, group_rows, B::columns, g.depth, true, true, false, halves, "wgmma"};
}

}  // namespace

bool has_wgmma() {
  int major = 0, minor = 0;
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0), "asking for the device's capability");
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0), "asking for the device's capability");
  return major == 9 && minor == 0;
}

// Smaller blocks do better where there would be but a few of these; a copy's place in its matrix is an int.
bool takes_wgmma(const Gemm<float>& g) {
  constexpr int64_t enough = 16;
  if (g.c.rows <= group_rows || g.c.columns <= group_rows || g.depth < 2 * slice_depth || blocks_of<Narrow>(g) < enough) return false;
  return std::max({g.c.rows, g.c.columns, g.depth}) < INT32_MAX - Wide::columns && has_wgmma();
}

GemmPlanInfo describe_wgmma(const Gemm<float>& g, int halves) {
  return takes_wide(g) ? describe<Wide>(g, halves) : describe<Narrow>(g, halves);
}

void gemm_wgmma(const Context& context, const Gemm<float>& g, const Halves& a, const Halves& b, int halves) {
  takes_wide(g) ? start<Wide>(context, g, a, b, halves) : start<Narrow>(context, g, a, b, halves);
}

}  // namespace lamina::cuda
