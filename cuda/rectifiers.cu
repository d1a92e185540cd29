// Leaky rectifiers whose slope is learned (PReLU) or drawn for each element (RReLU).
#include "cuda/numbers.cuh"
#include "cuda/table.h"
#include "cuda/tile.cuh"

namespace lamina::cuda {
namespace {

template <class T>
__device__ T slope_at(const Slopes<T>& slopes, const Tile& tile) {
  return slopes.at[slopes.each && tile.inside ? tile.column : 0];
}

template <class T>
__global__ void prelu_forward_kernel(Slopes<T> slopes, Matrix<const T> z, Matrix<T> y) {
  const Tile tile(z.rows, z.columns);
  if (!tile.inside) return;
  const T slope = slope_at(slopes, tile);
  for (int r = 0; r < tile.rows; ++r) {
    const T x = z.row(tile.row + r)[tile.column];
    y.row(tile.row + r)[tile.column] = leaky(x, x, slope);
  }
}

template <class T>
__global__ void prelu_backward_kernel(Slopes<T> slopes, Matrix<const T> dy, Matrix<const T> z, Matrix<T> dz, T* chunk_sums) {
  const Tile tile(z.rows, z.columns);
  if (!tile.inside) return;
  const T slope = slope_at(slopes, tile);
  T sum = 0;
  for (int r = 0; r < tile.rows; ++r) {
    const T g = dy.row(tile.row + r)[tile.column], x = z.row(tile.row + r)[tile.column];
    dz.row(tile.row + r)[tile.column] = leaky(g, x, slope);
    sum = sum + leaky_slope_gradient(g, x);
  }
  chunk_sums[tile.chunk() * z.columns + tile.column] = sum;
}

template <class T>
__global__ void rrelu_kernel(Draw draw, T lower, T range, Matrix<const T> values, Matrix<const T> z, Matrix<T> out) {
  over_numbers<T, Uniforms>(draw, out.rows, out.columns, [=](int64_t row, int64_t column, T u) {
    out.row(row)[column] = leaky(values.row(row)[column], z.row(row)[column], fma(range, u, lower));
  });
}

}  // namespace

template <class T>
void fill_rectifiers(Kernels<T>& kernels) {
  kernels.prelu_forward = [](const Context& context, const Slopes<T>& slopes, Matrix<const T> z, Matrix<T> y) {
    launch_tiles(context, "prelu_forward", z.rows, z.columns, prelu_forward_kernel<T>, slopes, z, y);
  };
  kernels.prelu_backward = [](const Context& context, const Slopes<T>& slopes, Matrix<const T> dy, Matrix<const T> z, Matrix<T> dz,
                              T* d_slopes) {
    const Scratch<T> sums(context, chunks_of(z.rows) * z.columns);
    launch_tiles(context, "prelu_backward", z.rows, z.columns, prelu_backward_kernel<T>, slopes, dy, z, dz, sums.data());
    merge_columns<T>(context, sums.data(), chunks_of(z.rows), z.columns, d_slopes);
  };
  kernels.rrelu = [](const Context& context, const Draw& draw, T lower, T range, Matrix<const T> values, Matrix<const T> z, Matrix<T> out) {
    launch_threads(context, "rrelu", counters(out), rrelu_kernel<T>, draw, lower, range, values, z, out);
  };
}

template void fill_rectifiers(Kernels<float>&);
template void fill_rectifiers(Kernels<double>&);

}  // namespace lamina::cuda
