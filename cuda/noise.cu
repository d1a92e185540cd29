// Noise on inputs, units and weights. Masks are drawn a tile at a time, normal numbers a counter by each thread.
#include "cuda/numbers.cuh"
#include "cuda/table.h"
#include "cuda/tile.cuh"
#include "math/noise.h"

namespace lamina::cuda {
namespace {

template <class T>
__global__ void replace_kernel(Draw draw, uint32_t low_threshold, Replacement<T> replacement, Matrix<const T> x, Matrix<T> out) {
  const Tile tile(out.rows, out.columns);
  const uint32_t keep_bits = keep_word(draw, tile);
  draw.threshold = low_threshold;
  const uint32_t low_bits = keep_word(draw, tile);
  for (int r = 0; r < tile.rows; ++r) {
    const bool keep = kept(keep_bits, r, tile.lane), low = kept(low_bits, r, tile.lane);
    if (tile.inside) out.row(tile.row + r)[tile.column] = replaced(x.row(tile.row + r)[tile.column], keep, low, replacement);
  }
}

template <class T>
__global__ void choose_kernel(Draw draw, Matrix<const T> whole, Matrix<const T> dropped, Matrix<T> out) {
  const Tile tile(out.rows, out.columns);
  const uint32_t word = keep_word(draw, tile);
  for (int r = 0; r < tile.rows; ++r) {
    const Matrix<const T> from = kept(word, r, tile.lane) ? whole : dropped;
    if (tile.inside) out.row(tile.row + r)[tile.column] = from ? from.row(tile.row + r)[tile.column] : T(0);
  }
}

template <class T>
__global__ void weighted_sum_kernel(T a, Matrix<const T> x, T b, Matrix<const T> y, Matrix<T> out) {
  const Tile tile(out.rows, out.columns);
  if (!tile.inside) return;
  for (int r = 0; r < tile.rows; ++r) {
    const T value = a * x.row(tile.row + r)[tile.column];
    out.row(tile.row + r)[tile.column] = y ? fma(b, y.row(tile.row + r)[tile.column], value) : value;
  }
}

template <class T>
__global__ void shakeout_kernel(Draw draw, T c, T rise, Matrix<const T> weight, Matrix<T> out) {
  const Tile tile(out.rows, out.columns);
  const uint32_t word = keep_word(draw, tile);
  for (int r = 0; r < tile.rows; ++r) {
    const bool keep = kept(word, r, tile.lane);
    if (!tile.inside) continue;
    out.row(tile.row + r)[tile.column] = lamina::shakeout(weight.row(tile.row + r)[tile.column], keep, static_cast<T>(draw.scale), rise, c);
  }
}

template <class T>
__global__ void gaussian_noise_kernel(Draw draw, T deviation, Matrix<const T> x, Matrix<T> out) {
  over_numbers<T, Normals>(draw, out.rows, out.columns, [=](int64_t row, int64_t column, T normal) {
    out.row(row)[column] = fma(deviation, normal, x.row(row)[column]);
  });
}

template <class T>
__global__ void whiteout_forward_kernel(Draw draw, Whiteout<T> whiteout, Matrix<const T> weight, Matrix<T> out) {
  over_numbers<T, Normals>(draw, out.rows, out.columns, [=](int64_t row, int64_t column, T normal) {
    const T w = weight.row(row)[column];
    T deviation, slope;
    whiteout.deviation(w, deviation, slope);
    out.row(row)[column] = fma(deviation, normal, w);
  });
}
template <class T>
__global__ void whiteout_backward_kernel(Draw draw, Whiteout<T> whiteout, Matrix<const T> dy, Matrix<const T> weight, Matrix<T> out) {
  over_numbers<T, Normals>(draw, out.rows, out.columns, [=](int64_t row, int64_t column, T normal) {
    T deviation, slope;
    whiteout.deviation(weight.row(row)[column], deviation, slope);
    out.row(row)[column] = dy.row(row)[column] * fma(slope, normal, T(1));
  });
}

}  // namespace

template <class T>
void fill_noise(Kernels<T>& kernels) {
  kernels.gaussian_noise = [](const Context& context, const Draw& draw, T deviation, Matrix<const T> x, Matrix<T> out) {
    launch_threads(context, "gaussian_noise", counters(out), gaussian_noise_kernel<T>, draw, deviation, x, out);
  };
  kernels.replace = [](const Context& context, const Draw& draw, uint32_t low_threshold, const Replacement<T>& replacement,
                       Matrix<const T> x, Matrix<T> out) {
    launch_tiles(context, "replace", out.rows, out.columns, replace_kernel<T>, draw, low_threshold, replacement, x, out);
  };
  kernels.choose = [](const Context& context, const Draw& draw, Matrix<const T> kept, Matrix<const T> dropped, Matrix<T> out) {
    launch_tiles(context, "choose", out.rows, out.columns, choose_kernel<T>, draw, kept, dropped, out);
  };
  kernels.weighted_sum = [](const Context& context, T a, Matrix<const T> x, T b, Matrix<const T> y, Matrix<T> out) {
    launch_tiles(context, "weighted_sum", out.rows, out.columns, weighted_sum_kernel<T>, a, x, b, y, out);
  };
  kernels.shakeout = [](const Context& context, const Draw& draw, T c, T rise, Matrix<const T> weight, Matrix<T> out) {
    launch_tiles(context, "shakeout", out.rows, out.columns, shakeout_kernel<T>, draw, c, rise, weight, out);
  };
  kernels.whiteout_forward = [](const Context& context, const Draw& draw, const Whiteout<T>& whiteout, Matrix<const T> weight,
                                Matrix<T> out) {
    launch_threads(context, "whiteout_forward", counters(out), whiteout_forward_kernel<T>, draw, whiteout, weight, out);
  };
  kernels.whiteout_backward = [](const Context& context, const Draw& draw, const Whiteout<T>& whiteout, Matrix<const T> dy,
                                 Matrix<const T> weight, Matrix<T> out) {
    launch_threads(context, "whiteout_backward", counters(out), whiteout_backward_kernel<T>, draw, whiteout, dy, weight, out);
  };
}

template void fill_noise(Kernels<float>&);
template void fill_noise(Kernels<double>&);

}  // namespace lamina::cuda
