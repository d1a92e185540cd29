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
    dx.row(r)[feature] =
        row_sum<T>(count, [&](int64_t i, auto lanes) { return gradient_of_product(d, v, count, i, lanes) * load(c + i, lanes); });
  });
}

// f(feature, i, n, at) for the pieces of a strip of all features' frequencies: the n from the feature's i-th on, which are
// the strip's from `at` on.
template <class F>
LAMINA_INLINE void over_pieces(int64_t count, int64_t column, int64_t columns, const F& f) {
  for (int64_t at = 0; at < columns;) {
    const int64_t feature = (column + at) / count, i = (column + at) % count, n = smaller(count - i, columns - at);
    f(feature, i, n, at);
    at += n;
  }
}

template <class T>
void periodic_backward_frequencies(const Context& context, Matrix<const T> dy, Matrix<const T> x, Matrix<const T> y,
                                   Matrix<T> d_frequencies) {
  constexpr int64_t together = 8;  // rows, so that memory is read in long runs and sums stay in L1
  const int64_t count = d_frequencies.columns;
  over_strips(context, dy.rows, d_frequencies.rows * count, 0.5, [&](int64_t column, int64_t columns) {
    over_pieces(count, column, columns, [&](int64_t feature, int64_t i, int64_t n, int64_t) {
      for (int64_t c = i; c < i + n; ++c) d_frequencies.row(feature)[c] = 0;
    });
    over_chunks(dy.rows, [&](int64_t first, int64_t rows) {
      alignas(64) T sums[strip_columns];
      for (int64_t r = 0; r < rows; r += together) {
        over_pieces(count, column, columns, [&](int64_t feature, int64_t i, int64_t n, int64_t at) {
          const int64_t start = first + r, some = smaller(together, rows - r);
          const T *const d = dy.row(start) + 2 * feature * count + i, *const v = y.row(start) + 2 * feature * count + i;
          const T* const in = x.row(start) + feature;
          over<T>(n, [=, &sums, d_stride = dy.stride, v_stride = y.stride, stride = x.stride](int64_t c, auto lanes) {
            Vec<T> sum = r > 0 ? load(sums + at + c, lanes) : Vec<T>(T(0));
            for (int64_t k = 0; k < some; ++k) {
              sum = sum + gradient_of_product(d + k * d_stride, v + k * v_stride, count, c, lanes) * Vec<T>(in[k * stride]);
            }
            store(sums + at + c, sum, lanes);
          });
        });
      }
      over_pieces(count, column, columns, [&](int64_t feature, int64_t i, int64_t n, int64_t at) {
        T* const total = d_frequencies.row(feature) + i;
        over<T>(n, [&](int64_t c, auto lanes) { store(total + c, load(total + c, lanes) + load(sums + at + c, lanes), lanes); });
      });
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
