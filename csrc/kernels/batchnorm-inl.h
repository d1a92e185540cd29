// Batch statistics: work that runs down strips of columns, chunk of rows by chunk of rows.
#pragma once

#include "kernels/columns-inl.h"
#include "kernels/tail-inl.h"

namespace lamina::LAMINA_ISA {

// Mean and sum of squared deviations of the columns of a strip, in float64.
struct StripMoments {
  double count = 0;
  alignas(64) double mean[strip_columns], squares[strip_columns];
};

// Each chunk's sum is taken about its first row (so that mean >> deviation costs no digits), its squares about the mean
// in T, put right for that mean's rounding, and the chunks are merged in float64 about the column's first element.
template <class T>
void strip_statistics(Matrix<const T> z, int64_t column, int64_t columns, StripMoments& total) {
  for (int64_t c = 0; c < columns; ++c) total.mean[c] = total.squares[c] = 0;
  alignas(64) T sums[strip_columns], mean[strip_columns], squares[strip_columns];
  const T* const base = z.data + column;
  over_chunks(z.rows, [&](int64_t first, int64_t rows) {
    const T* const origin = z.row(first) + column;
    chunk_sums<T, 1>(origin, rows, columns, {sums}, [=, stride = z.stride](int64_t r, int64_t c, auto lanes) {
      return std::array{load(origin + r * stride + c, lanes) - load(origin + c, lanes)};
    });
    const Vec<T> reciprocal(T(1) / static_cast<T>(rows));
    over<T>(columns,
            [&](int64_t c, auto lanes) { store(mean + c, fma(load(sums + c, lanes), reciprocal, load(origin + c, lanes)), lanes); });
    chunk_sums<T, 1>(origin, rows, columns, {squares}, [=, stride = z.stride, about = &mean[0]](int64_t r, int64_t c, auto lanes) {
      const Vec<T> d = load(origin + r * stride + c, lanes) - load(about + c, lanes);
      return std::array{d * d};
    });
    const double n = static_cast<double>(rows), before = total.count;
    for (int64_t c = 0; c < columns; ++c) {
      const double zero = base[c];
      Moments merged{before, total.mean[c], total.squares[c]};
      merge(merged, chunk_moments(n, origin[c] - zero, sums[c], mean[c] - zero, squares[c]));
      total.mean[c] = merged.mean;
      total.squares[c] = merged.squares;
    }
    total.count = before + n;
  });
  for (int64_t c = 0; c < columns; ++c) total.mean[c] += base[c];
}

// Measures a strip and writes what inference and backward need of it.
template <class T>
void measure_strip(const BatchStatistics<T>& statistics, Matrix<const T> z, int64_t column, int64_t columns) {
  StripMoments moments;
  strip_statistics(z, column, columns, moments);
  for (int64_t c = 0; c < columns; ++c) {
    const double variance = moments.squares[c] / moments.count;
    statistics.mean[column + c] = static_cast<T>(moments.mean[c]);
    statistics.rstd[column + c] = static_cast<T>(reciprocal_deviation(variance, statistics.eps));
  }
  if (!statistics.running_mean) return;
  const double kept = statistics.unbiased_running_var ? moments.count - 1 : moments.count;
  for (int64_t c = 0; c < columns; ++c) {
    T &mean = statistics.running_mean[column + c], &var = statistics.running_var[column + c];
    mean = static_cast<T>(running_average(mean, moments.mean[c], statistics.momentum));
    var = static_cast<T>(running_average(var, moments.squares[c] / kept, statistics.momentum));
  }
}

// A strip of z measured and taken to h while it is in this core's cache.
template <class T>
void batchnorm_strip(const Tail<T>& tail, const BatchStatistics<T>& statistics, Matrix<const T> z, Matrix<T> saved, Matrix<T> h,
                     int64_t column, int64_t columns) {
  measure_strip(statistics, z, column, columns);
  const Place place = place_of_strip<T>(z.rows, columns);
  over_chunks(z.rows, [&](int64_t first, int64_t rows) { tail_block(tail, z, saved, h, Block{first, rows, column, columns}, place); });
}

template <class T>
void batchnorm_forward(const Context& context, const Tail<T>& tail, const BatchStatistics<T>& statistics, Matrix<const T> z,
                       Matrix<T> saved, Matrix<T> h) {
  constexpr int64_t cached = 1 << 20;  // beyond a core's own cache whole rows are faster than strips
  const bool in_cache = z.rows * z.columns * int64_t(sizeof(T)) <= cached;
  over_strips(context, z.rows, z.columns, 1.0, [&](int64_t column, int64_t columns) {
    if (in_cache) {
      batchnorm_strip(tail, statistics, z, saved, h, column, columns);
    } else {
      measure_strip(statistics, z, column, columns);
    }
  });
  if (!in_cache) tail_forward(context, tail, z, saved, h);
}

template <class T>
void inference_statistics(const Context&, const T* running_mean, const T* running_var, double eps, int64_t columns, T* mean, T* rstd) {
  for (int64_t c = 0; c < columns; ++c) {
    mean[c] = running_mean[c];
    rstd[c] = static_cast<T>(reciprocal_deviation(running_var[c], eps));
  }
}

}  // namespace lamina::LAMINA_ISA
