// Units of restricted Boltzmann machines: drawn, pulled towards a sparsity target, and their free energy.
#pragma once

#include "kernels/philox-inl.h"
#include "kernels/rows-inl.h"
#include "math/rbm.h"

namespace lamina::LAMINA_ISA {

template <class T>
void bernoulli(const Context& context, const Draw& draw, Matrix<const T> p, Matrix<T> out) {
  over_random<T, Uniforms>(context, draw, out.rows, out.columns, 1.2, [=](int64_t row, int64_t column, int64_t count, const T* uniform) {
    const T* const in = p.row(row) + column;
    T* const to = out.row(row) + column;
    over_apart<T>(count, to, {in},
                  [&](int64_t i, auto lanes) { store(to + i, lamina::bernoulli(load(in + i, lanes), load(uniform + i, lanes)), lanes); });
  });
}

template <class T>
void noisy_relu(const Context& context, const Draw& draw, Matrix<const T> a, Matrix<T> out) {
  over_random<T, Normals>(context, draw, out.rows, out.columns, 2.5, [=](int64_t row, int64_t column, int64_t count, const T* normal) {
    const T* const in = a.row(row) + column;
    T* const to = out.row(row) + column;
    over_apart<T>(count, to, {in},
                  [&](int64_t i, auto lanes) { store(to + i, lamina::noisy_relu(load(in + i, lanes), load(normal + i, lanes)), lanes); });
  });
}

template <class T>
void pull(const Context& context, T* g, const T* x, int64_t n, T target, T cost) {
  over_ranges(context, g, n, 0.2, [=](int64_t first, int64_t count) {
    over<T>(count, [=](int64_t i, auto lanes) {
      T* const to = g + first + i;
      store(to, fma(Vec<T>(cost), load(x + first + i, lanes) - Vec<T>(target), load(to, lanes)), lanes);
    });
  });
}

template <class T>
void rbm_free_energy(const Context& context, Matrix<const T> v, const T* visible_bias, T half, Matrix<const T> a, T* out) {
  over_rows(context, v.rows, v.columns + a.columns, 1.0, [&](int64_t first, int64_t count) {
    for (int64_t r = first; r < first + count; ++r) {
      const T *const visible = v.row(r), *const input = a.row(r);
      const T own = row_sum<T>(v.columns, [&](int64_t i, auto lanes) {
        return inside(visible_energy(load(visible + i, lanes), load(visible_bias + i, lanes), Vec<T>(half)), lanes);
      });
      out[r] =
          own + row_sum<T>(a.columns, [&](int64_t i, auto lanes) { return inside(hidden_free_energy(load(input + i, lanes)), lanes); });
    }
  });
}

}  // namespace lamina::LAMINA_ISA
