// Optimizer steps over flat buffers, and the gather of rows.
#pragma once

#include "base/scratch.h"
#include "kernels/kernel_table.h"
#include "kernels/loops-inl.h"
#include "math/optimizers.h"

namespace lamina::LAMINA_ISA {

// f(first, count) over ranges of a flat buffer, in parallel. All but the first range start on a cache line of p: stores
// across two lines take a third longer, and NumPy's large arrays start 16 bytes past one.
template <class T, class F>
LAMINA_INLINE void over_ranges(const Context& context, const T* p, int64_t n, double cost, const F& f) {
  // Long runs suit memory; small nets need as many as there are threads.
  const int64_t range = smaller(1 << 19, larger(1 << 12, round_up(divide_up(n, context.threads), cache_line / sizeof(T))));
  const int64_t past = static_cast<int64_t>(reinterpret_cast<uintptr_t>(p) % 64 / sizeof(T));
  context.parallel(divide_up(n + past, range), cost * static_cast<double>(n), [&](int64_t task) {
    const int64_t first = larger(0, task * range - past), end = smaller(n, (task + 1) * range - past);
    f(first, end - first);
  });
}

// update(p, g, moments..., constants) on all elements, one moment from each array of the state, then the step of L1.
template <class T, template <class> class Constants, class Update, class... State>
LAMINA_INLINE void optimizer_step(const Context& context, const StepBuffers<T>& b, double cost, const Constants<double>& c,
                                  const Update& update, State*... state) {
  over_ranges(context, b.params, b.size, cost, [&](int64_t first, int64_t count) {
    const auto k = constants_in<Vec<T>>(c);
    const bool proximal = c.threshold > 0;
    T* const params = b.params;
    const T* const grads = b.grads;
    const bool apart = (just_behind(state, {params, grads, state...}) || ... || just_behind(params, {grads, state...}));
    over_any_order<T>(0, count, apart, [=](int64_t offset, auto lanes) {
      const int64_t i = first + offset;
      const auto update_loaded = [&](Vec<T> p, auto... moments) {
        update(p, load(grads + i, lanes), moments..., k);
        if (proximal) p = soft_threshold(p, k.threshold);
        store(params + i, p, lanes);
        (store(state + i, moments, lanes), ...);
      };
      update_loaded(load(params + i, lanes), load(state + i, lanes)...);
    });
  });
}

template <class T>
void sgd(const Context& context, const StepBuffers<T>& b, const SgdConstants<double>& c, bool nesterov) {
  T* velocity = b.state[0];
  if (!velocity)
    optimizer_step(context, b, 0.2, c, [](auto&&... x) { sgd_update(x...); });
  else if (nesterov)
    optimizer_step(context, b, 0.2, c, [](auto&&... x) { momentum_update<true>(x...); }, velocity);
  else
    optimizer_step(context, b, 0.2, c, [](auto&&... x) { momentum_update<false>(x...); }, velocity);
}

template <class T>
void adagrad(const Context& context, const StepBuffers<T>& b, const AdagradConstants<double>& c) {
  optimizer_step(context, b, 0.3, c, [](auto&&... x) { adagrad_update(x...); }, b.state[0]);
}

template <class T>
void rmsprop(const Context& context, const StepBuffers<T>& b, const RmspropConstants<double>& c) {
  const auto update = [](auto&&... x) { rmsprop_update(x...); };
  T *square_avg = b.state[0], *velocity = b.state[1];
  if (velocity)
    optimizer_step(context, b, 0.4, c, update, square_avg, velocity);
  else
    optimizer_step(context, b, 0.3, c, update, square_avg);
}

template <class T>
void adam(const Context& context, const StepBuffers<T>& b, const AdamConstants<double>& c) {
  optimizer_step(context, b, 0.4, c, [](auto&&... x) { adam_update(x...); }, b.state[0], b.state[1]);
}

template <class T>
void gather_rows(const Context& context, Matrix<const T> source, const int64_t* index, Matrix<T> out) {
  over_rows(context, out.rows, out.columns, 0.2, [&](int64_t first, int64_t count) {
    constexpr int64_t ahead = 8, line = cache_line / sizeof(T);
    for (int64_t r = first; r < first + count; ++r) {
      const T* from = source.row(index[r]);
      T* to = out.row(r);
      if (r + ahead < first + count) {
        const T* later = source.row(index[r + ahead]);
        for (int64_t i = 0; i < smaller(out.columns, 16 * line); i += line) __builtin_prefetch(later + i);
      }
      over<T>(out.columns, [&](int64_t i, auto lanes) { store(to + i, load(from + i, lanes), lanes); });
    }
  });
}

inline void gather_labels(const Context&, const int64_t* source, const int64_t* index, int64_t count, int64_t* out) {
  for (int64_t i = 0; i < count; ++i) out[i] = source[index[i]];
}

}  // namespace lamina::LAMINA_ISA
