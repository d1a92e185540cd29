// Philox: uniforms, normals and dropout's mask.
#include "cuda/numbers.cuh"
#include "cuda/table.h"

namespace lamina::cuda {
namespace {

template <class T, class Numbers>
__global__ void random_kernel(Draw draw, Matrix<T> out) {
  over_numbers<T, Numbers>(draw, out.rows, out.columns, [=](int64_t row, int64_t column, T number) { out.row(row)[column] = number; });
}
template <class T, class Numbers>
void fill(const Context& context, const Draw& draw, Matrix<T> out) {
  launch_threads(context, "random", counters(out), random_kernel<T, Numbers>, draw, out);
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
