// Units of restricted Boltzmann machines: drawn, a counter by each thread, and their free energy, a row by half a warp.
#include "cuda/numbers.cuh"
#include "cuda/row.cuh"
#include "cuda/table.h"
#include "math/rbm.h"

namespace lamina::cuda {
namespace {

template <class T>
__global__ void bernoulli_kernel(Draw draw, Matrix<const T> p, Matrix<T> out) {
  over_numbers<T, Uniforms>(draw, out.rows, out.columns,
                            [=](int64_t row, int64_t column, T u) { out.row(row)[column] = bernoulli(p.row(row)[column], u); });
}

template <class T>
__global__ void noisy_relu_kernel(Draw draw, Matrix<const T> a, Matrix<T> out) {
  over_numbers<T, Normals>(draw, out.rows, out.columns,
                           [=](int64_t row, int64_t column, T normal) { out.row(row)[column] = noisy_relu(a.row(row)[column], normal); });
}

template <class T>
__global__ void pull_kernel(T* g, const T* x, int64_t n, T target, T cost) {
  const int64_t i = thread_number();
  if (i < n) g[i] = fma(cost, x[i] - target, g[i]);
}

template <class T>
__global__ void rbm_free_energy_kernel(Matrix<const T> v, const T* visible_bias, T half, Matrix<const T> a, T* out) {
  const RowOfThread at(v.rows);
  const T *const visible = v.row(at.row), *const input = a.row(at.row);
  const T own = row_sum<T>(at, v.columns, [&](int64_t i) { return visible_energy(visible[i], visible_bias[i], half); });
  const T hidden = row_sum<T>(at, a.columns, [&](int64_t i) { return hidden_free_energy(input[i]); });
  if (at.inside && at.lane == 0) out[at.row] = own + hidden;
}

}  // namespace

template <class T>
void fill_rbm(Kernels<T>& kernels) {
  kernels.bernoulli = [](const Context& context, const Draw& draw, Matrix<const T> p, Matrix<T> out) {
    launch_threads(context, "bernoulli", counters(out), bernoulli_kernel<T>, draw, p, out);
  };
  kernels.noisy_relu = [](const Context& context, const Draw& draw, Matrix<const T> a, Matrix<T> out) {
    launch_threads(context, "noisy_relu", counters(out), noisy_relu_kernel<T>, draw, a, out);
  };
  kernels.pull = [](const Context& context, T* g, const T* x, int64_t n, T target, T cost) {
    launch_threads(context, "pull", n, pull_kernel<T>, g, x, n, target, cost);
  };
  kernels.rbm_free_energy = [](const Context& context, Matrix<const T> v, const T* visible_bias, T half, Matrix<const T> a, T* out) {
    launch_rows(context, "rbm_free_energy", v.rows, rbm_free_energy_kernel<T>, v, visible_bias, half, a, out);
  };
}

template void fill_rbm(Kernels<float>&);
template void fill_rbm(Kernels<double>&);

}  // namespace lamina::cuda
