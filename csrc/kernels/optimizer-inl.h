// Optimizer steps over flat buffers, and the gather of rows.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/loops-inl.h"
#include "math/optimizers.h"

namespace lamina::LAMINA_ISA {

// f(first, count) over ranges of a flat buffer, in parallel.
template <class F>
LAMINA_INLINE void over_ranges(const Context& context, int64_t n, double cost, const F& f) {
  constexpr int64_t range = 16384;
  context.parallel(divide_up(n, range), cost * static_cast<double>(n),
                   [&](int64_t task) { f(task * range, smaller(range, n - task * range)); });
}

template <class T, bool has_momentum, bool nesterov>
void sgd_with(const Context& context, int64_t n, T* p, const T* g, T* velocity, const SgdConstants<double>& c) {
  over_ranges(context, n, 0.2, [&](int64_t first, int64_t count) {
    const SgdConstants<Vec<T>> k{constant<Vec<T>>(c.lr), constant<Vec<T>>(c.momentum), constant<Vec<T>>(c.weight_decay),
                                 constant<Vec<T>>(c.threshold)};
    over<T>(count, [&](int64_t offset, auto lanes) {
      const int64_t i = first + offset;
      Vec<T> pi = load(p + i, lanes), vi(T(0));
      if constexpr (has_momentum) vi = load(velocity + i, lanes);
      sgd_update<has_momentum, nesterov>(pi, load(g + i, lanes), vi, k);
      if (c.threshold > 0) pi = soft_threshold(pi, k.threshold);
      store(p + i, pi, lanes);
      if constexpr (has_momentum) store(velocity + i, vi, lanes);
    });
  });
}
template <class T>
void sgd(const Context& context, int64_t n, T* p, const T* g, T* velocity, const SgdConstants<double>& c, bool nesterov) {
  if (!velocity) return sgd_with<T, false, false>(context, n, p, g, velocity, c);
  if (nesterov) return sgd_with<T, true, true>(context, n, p, g, velocity, c);
  sgd_with<T, true, false>(context, n, p, g, velocity, c);
}

template <class T>
void adam(const Context& context, int64_t n, T* p, const T* g, T* m, T* v, const AdamConstants<double>& c) {
  over_ranges(context, n, 0.4, [&](int64_t first, int64_t count) {
    const auto in = [](double x) { return constant<Vec<T>>(x); };
    const AdamConstants<Vec<T>> k{
        in(c.beta1), in(c.one_minus_beta1), in(c.beta2),  in(c.one_minus_beta2), in(c.step_size), in(c.inverse_root_correction),
        in(c.eps),   in(c.weight_decay),    in(c.shrink), in(c.threshold)};
    over<T>(count, [&](int64_t offset, auto lanes) {
      const int64_t i = first + offset;
      Vec<T> pi = load(p + i, lanes), mi = load(m + i, lanes), vi = load(v + i, lanes);
      adam_update(pi, load(g + i, lanes), mi, vi, k);
      if (c.threshold > 0) pi = soft_threshold(pi, k.threshold);
      store(p + i, pi, lanes);
      store(m + i, mi, lanes);
      store(v + i, vi, lanes);
    });
  });
}

template <class T>
void gather_rows(const Context& context, Matrix<const T> source, const int64_t* index, Matrix<T> out) {
  over_rows(context, out.rows, out.columns, 0.2, [&](int64_t first, int64_t count) {
    for (int64_t r = first; r < first + count; ++r) {
      const T* from = source.row(index[r]);
      T* to = out.row(r);
      over<T>(out.columns, [&](int64_t i, auto lanes) { store(to + i, load(from + i, lanes), lanes); });
    }
  });
}

}  // namespace lamina::LAMINA_ISA
