// Layer norm: half a warp measures and writes a row; gradients of gamma and beta are sums down tiles, merged in order.
#include "cuda/row.cuh"
#include "cuda/table.h"
#include "math/layernorm.h"

namespace lamina::cuda {
namespace {

template <class T>
__global__ void layernorm_forward_kernel(Matrix<const T> x, const T* gamma, const T* beta, double eps, Matrix<T> y, T* mean, T* rstd) {
  const RowOfThread at(x.rows);
  const T* const in = x.row(at.row);
  T* const out = y.row(at.row);
  const T origin = at.inside ? in[0] : T(0);
  const T about = mean_about(origin, row_sum<T>(at, x.columns, [&](int64_t i) { return in[i] - origin; }), x.columns);
  const auto sums = row_sums<T, 2>(at, x.columns, [&](int64_t i) {
    const T d = in[i] - about;
    return Sums<T, 2>{d, d * d};
  });
  const RowStatistics<T> measured = row_statistics(x.columns, about, sums.of[0], sums.of[1], eps);
  if (at.inside && at.lane == 0) {
    mean[at.row] = measured.mean;
    rstd[at.row] = measured.rstd;
  }
  over_row(at, x.columns, [&](int64_t i) {
    out[i] = gamma ? layernorm_output(in[i], measured.mean, measured.rstd, gamma[i], beta[i])
                   : layernorm_output(in[i], measured.mean, measured.rstd);
  });
}

template <class T>
__global__ void layernorm_backward_kernel(Matrix<const T> dy, Matrix<const T> x, const T* gamma, const T* mean, const T* rstd,
                                          Matrix<T> dx) {
  const RowOfThread at(x.rows);
  const T *const d = dy.row(at.row), *const in = x.row(at.row);
  T* const out = dx.row(at.row);
  const T m = at.inside ? mean[at.row] : T(0), s = at.inside ? rstd[at.row] : T(0), count = static_cast<T>(x.columns);
  const auto g = [&](int64_t i) { return gamma ? d[i] * gamma[i] : d[i]; };
  const auto sums = row_sums<T, 2>(at, x.columns, [&](int64_t i) {
    const T gi = g(i);
    return Sums<T, 2>{gi, gi * normalise(in[i], m, s)};
  });
  const T mean_g = sums.of[0] / count, mean_g_xhat = sums.of[1] / count;
  over_row(at, x.columns, [&](int64_t i) { out[i] = layernorm_gradient(g(i), normalise(in[i], m, s), s, mean_g, mean_g_xhat); });
}

template <class T>
__global__ void layernorm_sums_kernel(Matrix<const T> dy, Matrix<const T> x, const T* mean, const T* rstd, T* chunk_gamma, T* chunk_beta) {
  const Tile tile(x.rows, x.columns);
  if (!tile.inside) return;
  T sum = 0, sum_xhat = 0;
  for (int r = 0; r < tile.rows; ++r) {
    const int64_t row = tile.row + r;
    const T d = dy.row(row)[tile.column];
    sum = sum + d;
    sum_xhat = sum_xhat + d * normalise(x.row(row)[tile.column], mean[row], rstd[row]);
  }
  const int64_t at = tile.chunk() * x.columns + tile.column;
  chunk_gamma[at] = sum_xhat;
  chunk_beta[at] = sum;
}

template <class T>
void layernorm_forward(const Context& context, Matrix<const T> x, const T* gamma, const T* beta, double eps, Matrix<T> y, T* mean,
                       T* rstd) {
  launch_rows(context, "layernorm_forward", x.rows, layernorm_forward_kernel<T>, x, gamma, beta, eps, y, mean, rstd);
}

template <class T>
void layernorm_backward(const Context& context, Matrix<const T> dy, Matrix<const T> x, const T* gamma, const T* mean, const T* rstd,
                        Matrix<T> dx, T* dgamma, T* dbeta) {
  if (dgamma) {  // first: dx may be dy
    const int64_t chunks = chunks_of(x.rows), all = chunks * x.columns;
    const Scratch<T> sums(context, 2 * all);
    launch_tiles(context, "layernorm_sums", x.rows, x.columns, layernorm_sums_kernel<T>, dy, x, mean, rstd, sums.data(), sums.data() + all);
    merge_columns<T>(context, sums.data(), chunks, x.columns, dgamma);
    merge_columns<T>(context, sums.data() + all, chunks, x.columns, dbeta);
  }
  launch_rows(context, "layernorm_backward", x.rows, layernorm_backward_kernel<T>, dy, x, gamma, mean, rstd, dx);
}

}  // namespace

template <class T>
void fill_layernorm(Kernels<T>& kernels) {
  kernels.layernorm_forward = layernorm_forward<T>;
  kernels.layernorm_backward = layernorm_backward<T>;
}

template void fill_layernorm(Kernels<float>&);
template void fill_layernorm(Kernels<double>&);

}  // namespace lamina::cuda
