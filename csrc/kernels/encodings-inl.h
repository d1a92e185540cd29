// Periodic and piecewise-linear encodings: each feature of a row becomes several columns of their own.
#pragma once

#include "kernels/columns-inl.h"
#include "kernels/rows-inl.h"
#include "math/encodings.h"

namespace lamina::LAMINA_ISA {

// f(row, feature), in parallel; `cost` is nanoseconds for each.
template <class F>
void over_features(const Context& context, int64_t rows, int64_t features, double cost, const F& f) {
  over_rows(context, rows, features, cost, [&](int64_t first, int64_t count) {
    for (int64_t r = first; r < first + count; ++r) {
      for (int64_t feature = 0; feature < features; ++feature) f(r, feature);
    }
  });
}

// frequencies: (features, count); of a feature's columns in y the sines come first, then the cosines.
template <class T>
void periodic_forward(const Context& context, Matrix<const T> x, Matrix<const T> frequencies, Matrix<T> y) {
  const int64_t count = frequencies.columns;
  over_features(context, x.rows, x.columns, 2.0 * static_cast<double>(count), [&](int64_t r, int64_t feature) {
    const Vec<T> at(x.row(r)[feature]);
    const T* const c = frequencies.row(feature);
    T* const to = y.row(r) + 2 * feature * count;
    over<T>(count, [=](int64_t i, auto lanes) {
      Vec<T> sine, cosine;
      sincos_of_product(load(c + i, lanes), at, sine, cosine);
      store(to + i, sine, lanes);
      store(to + count + i, cosine, lanes);
    });
  });
}

// The gradient of c x for neighbouring frequencies, from a feature's columns of dy and y. Lanes beyond the end are +0.
template <class T, class Lanes>
LAMINA_INLINE Vec<T> gradient_of_product(const T* dy, const T* y, int64_t count, int64_t i, Lanes lanes) {
  return periodic_gradient(load(dy + i, lanes), load(dy + count + i, lanes), load(y + i, lanes), load(y + count + i, lanes));
}

template <class T>
void periodic_backward_x(const Context& context, Matrix<const T> dy, Matrix<const T> frequencies, Matrix<const T> y, Matrix<T> dx) {
  const int64_t count = frequencies.columns;
  over_features(context, dx.rows, dx.columns, 0.5 * static_cast<double>(count), [&](int64_t r, int64_t feature) {
    const int64_t column = 2 * feature * count;
    const T *const d = dy.row(r) + column, *const v = y.row(r) + column, *const c = frequencies.row(feature);
    RowSum<T> sum;
    over<T>(count, [&](int64_t i, auto lanes) { sum.add(i, gradient_of_product(d, v, count, i, lanes) * load(c + i, lanes)); });
    dx.row(r)[feature] = sum.total();
  });
}

template <class T>
void periodic_backward_frequencies(const Context& context, Matrix<const T> dy, Matrix<const T> x, Matrix<const T> y,
                                   Matrix<T> d_frequencies) {
  const int64_t count = d_frequencies.columns, features = d_frequencies.rows;
  const int64_t width = features < context.threads ? strip_width(context, count) : strip_columns, across = divide_up(count, width);
  context.parallel(features * across, 0.5 * static_cast<double>(dy.rows * features * count), [&](int64_t task) {
    const int64_t feature = task / across, first = task % across * width, columns = smaller(width, count - first);
    T* const total = d_frequencies.row(feature) + first;
    for (int64_t c = 0; c < columns; ++c) total[c] = 0;
    over_chunks(dy.rows, [&](int64_t row, int64_t rows) {
      alignas(64) T sums[strip_columns];
      chunk_sums<T, 1>(rows, columns, {sums}, [&](int64_t r, int64_t c, auto lanes) {
        const int64_t column = 2 * feature * count + first;
        const Vec<T> d = gradient_of_product(dy.row(row + r) + column, y.row(row + r) + column, count, c, lanes);
        return std::array{d * Vec<T>(x.row(row + r)[feature])};
      });
      over<T>(columns, [&](int64_t c, auto lanes) { store(total + c, load(total + c, lanes) + load(sums + c, lanes), lanes); });
    });
  });
}

template <class T>
void periodic_backward(const Context& context, Matrix<const T> dy, Matrix<const T> x, Matrix<const T> frequencies, Matrix<const T> y,
                       Matrix<T> dx, Matrix<T> d_frequencies) {
  if (dx) periodic_backward_x(context, dy, frequencies, y, dx);
  periodic_backward_frequencies(context, dy, x, y, d_frequencies);
}

template <class T>
void piecewise_linear_forward(const Context& context, Matrix<const T> x, Matrix<const T> edges, Matrix<T> y) {
  const int64_t bins = edges.columns - 1;
  over_features(context, x.rows, x.columns, static_cast<double>(bins), [&](int64_t r, int64_t feature) {
    const T at = x.row(r)[feature];
    const T* const low = edges.row(feature);
    T* const to = y.row(r) + feature * bins;
    over<T>(bins, [=](int64_t i, auto lanes) {
      store(to + i, share_of_bin(Vec<T>(at), load(low + i, lanes), load(low + 1 + i, lanes), false, false), lanes);
    });
    to[0] = share_of_bin(at, low[0], low[1], true, bins == 1);
    to[bins - 1] = share_of_bin(at, low[bins - 1], low[bins], bins == 1, true);
  });
}

template <class T>
void piecewise_linear_backward(const Context& context, Matrix<const T> dy, Matrix<const T> x, Matrix<const T> edges, Matrix<T> dx) {
  const int64_t bins = edges.columns - 1;
  over_features(context, x.rows, x.columns, 10, [&](int64_t r, int64_t feature) {
    const T* const low = edges.row(feature);
    const int64_t bin = bin_of(x.row(r)[feature], low, bins);
    dx.row(r)[feature] = dy.row(r)[feature * bins + bin] / (low[bin + 1] - low[bin]);
  });
}

}  // namespace lamina::LAMINA_ISA
