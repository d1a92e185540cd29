// Philox: uniforms, normals and dropout's mask. A thread draws a counter.
#include "cuda/launch.h"
#include "cuda/table.h"
#include "cuda/tile.cuh"
#include "math/elementary.h"
#include "math/philox.h"
#include "math/random.h"

namespace lamina::cuda {
namespace {

template <class T, class Numbers>
__global__ void random_kernel(Draw draw, Matrix<T> out) {
  constexpr int64_t each = 16 / sizeof(T);  // numbers of a counter
  const int64_t groups = divide_up(out.columns, each), i = thread_number(), row = i / groups, group = i % groups;
  if (row >= out.rows) return;
  T numbers[each];
  Numbers::of(random_words(draw, row, group).word, numbers);
  for (int64_t e = 0; e < each && group * each + e < out.columns; ++e) out.row(row)[group * each + e] = numbers[e];
}
template <class T, class Numbers>
void fill(const Context& context, const Draw& draw, Matrix<T> out) {
  const int64_t groups = divide_up(out.columns, int64_t{16 / sizeof(T)});
  launch_threads(context, "random", out.rows * groups, random_kernel<T, Numbers>, draw, out);
}

__global__ void dropout_mask_kernel(Draw draw, Matrix<uint8_t> keep) {
  const Tile tile(keep.rows, keep.columns);
  const uint32_t word = keep_word(draw, tile);
  for (int r = 0; r < tile.rows; ++r) {
    const bool kept_here = kept(word, r, tile.lane);
    if (tile.inside) keep.row(tile.row + r)[tile.column] = kept_here;
  }
}

}  // namespace

template <class T>
void fill_random(Kernels<T>& kernels) {
  kernels.random_uniform = fill<T, Uniforms>;
  kernels.random_normal = fill<T, Normals>;
}
void fill_masks(KernelTable& table) {
  table.dropout_mask = [](const Context& context, const Draw& draw, Matrix<uint8_t> keep) {
    launch_tiles(context, "dropout_mask", keep.rows, keep.columns, dropout_mask_kernel, draw, keep);
  };
}

template void fill_random(Kernels<float>&);
template void fill_random(Kernels<double>&);

}  // namespace lamina::cuda
