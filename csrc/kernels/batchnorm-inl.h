// Batch statistics and the backward tail: work that runs down strips of columns, chunk of rows by chunk of rows.
#pragma once

#include "kernels/tail-inl.h"

namespace lamina::LAMINA_ISA {

// Mean and sum of squared deviations of a strip: each chunk's sum about its first row (so that mean >> deviation costs
// no digits), its squares about the mean in T, put right for that mean's rounding, and the chunks merged in float64
// about the column's first element.
template <class T>
void strip_statistics(Matrix<const T> z, int64_t column, int64_t columns, Moments* moments) {
  for (int64_t c = 0; c < columns; ++c) moments[c] = {};
  alignas(64) T sums[strip_columns], mean[strip_columns], squares[strip_columns];
  over_chunks(z.rows, [&](int64_t first, int64_t count) {
    const T* origin = z.row(first) + column;
    const auto at = [&](int64_t r, int64_t c, auto lanes) { return load(z.row(first + r) + column + c, lanes); };
    const Vec<T> reciprocal(T(1) / static_cast<T>(count));
    chunk_sums<T>(
        count, columns, [&](int64_t r, int64_t c, auto lanes) { return at(r, c, lanes) - load(origin + c, lanes); },
        [&](int64_t c, Vec<T> sum, auto lanes) {
          store(sums + c, sum, lanes);
          store(mean + c, fma(sum, reciprocal, load(origin + c, lanes)), lanes);
        });
    chunk_sums<T>(
        count, columns,
        [&](int64_t r, int64_t c, auto lanes) {
          const Vec<T> d = at(r, c, lanes) - load(mean + c, lanes);
          return d * d;
        },
        [&](int64_t c, Vec<T> sum, auto lanes) { store(squares + c, sum, lanes); });
    const double n = static_cast<double>(count);
    for (int64_t c = 0; c < columns; ++c) {
      const double base = z.data[column + c];
      merge(moments[c], chunk_moments(n, origin[c] - base, sums[c], mean[c] - base, squares[c]));
    }
  });
  for (int64_t c = 0; c < columns; ++c) moments[c].mean += z.data[column + c];
}

template <class T>
void batchnorm_forward(const Context& context, const Tail<T>& tail, const BatchStatistics<T>& statistics, Matrix<const T> z, Matrix<T> y,
                       Matrix<T> h) {
  const bool streaming = streams(z, y, h);
  over_strips(context, z.rows, z.columns, 1.0, [&](int64_t column, int64_t columns) {
    Moments moments[strip_columns];
    strip_statistics(z, column, columns, moments);
    for (int64_t c = 0; c < columns; ++c) {
      const Moments& m = moments[c];
      const double variance = m.squares / m.count;
      statistics.mean[column + c] = static_cast<T>(m.mean);
      statistics.rstd[column + c] = static_cast<T>(reciprocal_deviation(variance, statistics.eps));
      if (statistics.running_mean) {
        const double kept = statistics.unbiased_running_var ? m.squares / (m.count - 1) : variance;
        T &mean = statistics.running_mean[column + c], &var = statistics.running_var[column + c];
        mean = static_cast<T>(running_average(mean, m.mean, statistics.momentum));
        var = static_cast<T>(running_average(var, kept, statistics.momentum));
      }
    }
    over_chunks(z.rows, [&](int64_t first, int64_t count) { tail_block(tail, z, y, h, Block{first, count, column, columns}, streaming); });
  });
}

// Gradient dh of h -> gradient d of the activation's input, for one chunk of rows of a strip; d may be dh or saved.
template <class T>
void undo_dropout_and_activation(const Tail<T>& tail, Matrix<const T> dh, Matrix<T> d, Matrix<const T> saved, const Block& block) {
  const BackwardSpan<T> activation = backward_span<T>(tail.activation, Activations{});
  const auto row_of = [&](auto matrix, int64_t r) { return matrix.row(block.row + r) + block.column; };
  const auto undo = [&](int64_t r, const T* dy) {
    T* dx = row_of(d, r);
    if (tail.activation != 0) {
      activation(block.columns, dy, row_of(saved, r), dx, tail.parameters);
    } else {
      copy_span(block.columns, dy, dx);
    }
  };
  if (tail.dropout) {
    const KeepBits bits(tail.dropout, block);
    alignas(64) T undropped[strip_columns];  // not in d, which may be what the activation still has to read
    for (int64_t r = 0; r < block.rows; ++r) {
      dropout_span(block.columns, row_of(dh, r), undropped, bits.row(r), static_cast<T>(tail.dropout.scale));
      undo(r, undropped);
    }
  } else if (tail.activation != 0 || dh.data != d.data) {
    for (int64_t r = 0; r < block.rows; ++r) undo(r, row_of(dh, r));
  }
}

// Batch norm's part of a strip: d is the gradient of its output on entry, of z on return.
template <class T>
void batchnorm_backward_strip(const Tail<T>& tail, Matrix<T> d, Matrix<const T> z, const TailSums<T>& sums, int64_t column, int64_t columns,
                              const double* total, const double* total_xhat) {
  alignas(64) T scale[strip_columns], mean_d[strip_columns], mean_d_xhat[strip_columns];
  const double count = static_cast<double>(d.rows);
  for (int64_t c = 0; c < columns; ++c) {
    if (sums.beta) sums.beta[column + c] = static_cast<T>(total[c]);
    if (sums.gamma) sums.gamma[column + c] = static_cast<T>(total_xhat[c]);
    scale[c] = tail.gamma[column + c] * tail.rstd[column + c];
    mean_d[c] = sums.batch_statistics ? static_cast<T>(total[c] / count) : T(0);
    mean_d_xhat[c] = sums.batch_statistics ? static_cast<T>(total_xhat[c] / count) : T(0);
  }
  for (int64_t r = 0; r < d.rows; ++r) {
    T* row = d.row(r) + column;
    const T* z_row = z.row(r) + column;
    over<T>(columns, [&](int64_t i, auto lanes) {
      const Vec<T> xhat = normalise(load(z_row + i, lanes), load(tail.mean + column + i, lanes), load(tail.rstd + column + i, lanes));
      const Vec<T> dz =
          batchnorm_gradient(load(row + i, lanes), xhat, load(scale + i, lanes), load(mean_d + i, lanes), load(mean_d_xhat + i, lanes));
      store(row + i, dz, lanes);
    });
  }
}

template <class T>
void tail_backward(const Context& context, const Tail<T>& tail, Matrix<const T> dh, Matrix<T> d, Matrix<const T> saved, Matrix<const T> z,
                   const TailSums<T>& sums) {
  over_strips(context, d.rows, d.columns, 1.0, [&](int64_t column, int64_t columns) {
    double total[strip_columns], total_xhat[strip_columns];
    alignas(64) T chunk[strip_columns], chunk_xhat[strip_columns];
    if (tail.mean) {
      for (int64_t c = 0; c < columns; ++c) total[c] = total_xhat[c] = 0;
    }
    over_chunks(d.rows, [&](int64_t first, int64_t count) {
      undo_dropout_and_activation(tail, dh, d, saved, Block{first, count, column, columns});
      if (!tail.mean) return;
      const auto at = [&](int64_t r, int64_t c, auto lanes) { return load(d.row(first + r) + column + c, lanes); };
      chunk_sums<T>(count, columns, at, [&](int64_t c, Vec<T> sum, auto lanes) { store(chunk + c, sum, lanes); });
      chunk_sums<T>(
          count, columns,
          [&](int64_t r, int64_t c, auto lanes) {
            const Vec<T> x = load(z.row(first + r) + column + c, lanes);
            return at(r, c, lanes) * normalise(x, load(tail.mean + column + c, lanes), load(tail.rstd + column + c, lanes));
          },
          [&](int64_t c, Vec<T> sum, auto lanes) { store(chunk_xhat + c, sum, lanes); });
      for (int64_t c = 0; c < columns; ++c) {
        total[c] += chunk[c];
        total_xhat[c] += chunk_xhat[c];
      }
    });
    if (tail.mean) batchnorm_backward_strip(tail, d, z, sums, column, columns, total, total_xhat);
    if (sums.bias) column_sum_strip<T>(d, column, columns, sums.bias + column);
  });
}

}  // namespace lamina::LAMINA_ISA
