// A tile is a warp's share of a matrix: a chunk of rows (math/order.h) of 32 columns, a lane a column. Sums down a chunk
// are then a lane's own, and the 32 lanes draw the tile's random bits together.
#pragma once

#include "cuda/launch.h"
#include "kernels/kernel_table.h"
#include "math/activations.h"
#include "math/order.h"
#include "math/philox.h"

namespace lamina::cuda {

inline constexpr int warp = 32, tile_columns = warp, tile_rows = order::row_chunk, tile_warps = 8;
inline constexpr unsigned all_lanes = ~0u;
static_assert(tile_rows == warp, "a lane draws for a row");

struct Tile {
  int64_t row, column;  // its first row, this lane's column
  int rows;             // 0 beyond the end of the matrix
  int lane;
  bool inside;  // this lane's column is one

  __device__ Tile(int64_t rows_, int64_t columns) {
    const int64_t across = divide_up(columns, tile_columns), index = int64_t{blockIdx.x} * tile_warps + threadIdx.x / warp;
    lane = threadIdx.x % warp;
    row = index / across * tile_rows;
    column = index % across * tile_columns + lane;
    rows = static_cast<int>(row + tile_rows <= rows_ ? tile_rows : row < rows_ ? rows_ - row : 0);
    inside = column < columns && rows > 0;
  }
  __device__ int64_t chunk() const { return row / tile_rows; }
};
inline int64_t chunks_of(int64_t rows) { return divide_up(rows, tile_rows); }

// Starts a kernel with a warp for each tile of a matrix.
template <class... P, class... A>
void launch_tiles(const Context& context, const char* name, int64_t rows, int64_t columns, void (*kernel)(P...), A&&... arguments) {
  const int64_t tiles = chunks_of(rows) * divide_up(columns, tile_columns);
  if (tiles > 0) launch(context, name, kernel, divide_up(tiles, tile_warps), tile_warps * warp, std::forward<A>(arguments)...);
}
// ... or a thread for each of `count`.
inline constexpr int block_threads = 256;
template <class... P, class... A>
void launch_threads(const Context& context, const char* name, int64_t count, void (*kernel)(P...), A&&... arguments) {
  if (count > 0) launch(context, name, kernel, divide_up(count, block_threads), block_threads, std::forward<A>(arguments)...);
}
__device__ inline int64_t thread_number() { return int64_t{blockIdx.x} * block_threads + threadIdx.x; }

__device__ inline uint32_t step_of(const Draw& draw) { return draw.step_at ? *draw.step_at + draw.ahead : draw.step; }

__device__ inline PhiloxBlock<uint32_t> random_words(const Draw& draw, int64_t row, int64_t group) {
  return philox(PhiloxBlock<uint32_t>{{static_cast<uint32_t>(group), static_cast<uint32_t>(row) + draw.row_offset, step_of(draw),
                                       draw.purpose_and_layer}},
                PhiloxKeys(draw.seed));
}

// Which of the eight elements of (row, group) are kept, in the lowest bits.
__device__ inline uint32_t keep_bits(const Draw& draw, int64_t row, int64_t group) {
  const PhiloxBlock<uint32_t> block = random_words(draw, row, group);
  uint32_t kept = 0;
  for (int e = 0; e < 8; ++e) kept |= static_cast<uint32_t>((block.word[e / 2] >> (e % 2 * 16) & 0xFFFF) < draw.threshold) << e;
  return kept;
}
// Of the tile's row that has this lane's number: a bit for each column.
__device__ inline uint32_t keep_word(const Draw& draw, const Tile& tile) {
  uint32_t kept = 0;
  const int64_t group = (tile.column - tile.lane) / 8;
  for (int g = 0; g < tile_columns / 8; ++g) kept |= keep_bits(draw, tile.row + tile.lane, group + g) << 8 * g;
  return kept;
}
__device__ inline bool kept(uint32_t word, int row, int lane) { return __shfl_sync(all_lanes, word, row) >> lane & 1; }

// f(activation) for the one that has this index.
template <class F, class... A>
__device__ void with_activation(int index, TypeList<A...>, const F& f) {
  int i = 0;
  ((i++ == index ? f(A{}) : void()), ...);
}

}  // namespace lamina::cuda
