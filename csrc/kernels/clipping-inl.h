// Gradients clipped by value and by norm, over flat buffers, and rows of weights by theirs.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/optimizer-inl.h"
#include "math/clipping.h"

namespace lamina::LAMINA_ISA {

template <class T>
void clip_by_value(const Context& context, T* g, int64_t n, double limit) {
  over_ranges(context, g, n, 0.15, [&](int64_t first, int64_t count) {
    const Vec<T> bound = constant<Vec<T>>(limit);
    over<T>(count, [=](int64_t i, auto lanes) { store(g + first + i, clip(load(g + first + i, lanes), bound), lanes); });
  });
}

// The sum of squares of a chunk or a row, as of a row (math/order.h), in float64. Plain C++, for the vocabulary has no vector of
// doubles from one of floats; compilers make vectors of it, since the partial sums do not meet.
template <class T>
LAMINA_INLINE double squares(const T* g, int64_t count) {
  constexpr int64_t width = order::row_partials;
  double partial[width] = {};
  for (int64_t first = 0; first < count; first += order::row_run) {
    const int64_t end = smaller(count, first + order::row_run);
    double run[width] = {};
    const auto add = [&](int64_t i, int64_t some) {
      for (int64_t j = 0; j < some; ++j) {
        const double x = g[i + j];
        run[j] += x * x;
      }
    };
    int64_t i = first;
    for (; i + width <= end; i += width) add(i, std::integral_constant<int64_t, width>());
    add(i, end - i);
    for (int64_t j = 0; j < width; ++j) partial[j] += run[j];
  }
  for (int64_t half = width / 2; half >= 1; half /= 2) {
    for (int64_t j = 0; j < half; ++j) partial[j] += partial[j + half];
  }
  return partial[0];
}

template <class T>
void square_sums(const Context& context, const T* g, int64_t n, double* sums) {
  constexpr int64_t chunk = order::square_chunk;
  const int64_t chunks = divide_up(n, chunk), run = smaller(512, larger(1, divide_up(chunks, context.threads)));
  context.parallel(divide_up(chunks, run), 0.15 * static_cast<double>(n), [=](int64_t task) {
    for (int64_t c = task * run; c < smaller(chunks, (task + 1) * run); ++c)
      sums[c] = squares(g + c * chunk, smaller(chunk, n - c * chunk));
  });
}

// In double, for a factor that is tiny in float would be 0 there.
template <class T>
LAMINA_INLINE void scale(T* x, int64_t count, double factor) {
  for (int64_t i = 0; i < count; ++i) x[i] = static_cast<T>(x[i] * factor);
}

template <class T>
void scale_to_norm(const Context& context, T* g, int64_t n, const double* sum, double limit, double* norm) {
  *norm = lamina::sqrt(*sum);
  const double factor = norm_scale(*norm, limit);
  if (factor == 1) return;
  over_ranges(context, g, n, 0.15, [&](int64_t first, int64_t count) { scale(g + first, count, factor); });
}

template <class T>
void max_norm(const Context& context, Matrix<T> w, double limit) {
  over_rows(context, w.rows, w.columns, 0.15, [&](int64_t first, int64_t count) {
    for (int64_t r = first; r < first + count; ++r) {
      const double factor = norm_scale(lamina::sqrt(squares(w.row(r), w.columns)), limit);
      if (factor != 1) scale(w.row(r), w.columns, factor);
    }
  });
}

}  // namespace lamina::LAMINA_ISA
