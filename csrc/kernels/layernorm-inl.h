// Layer norm: a few rows at a time go through all their passes while they are in cache, and those to come are fetched.
#pragma once

#include "kernels/columns-inl.h"
#include "kernels/rows-inl.h"
#include "kernels/tail-inl.h"
#include "math/layernorm.h"

namespace lamina::LAMINA_ISA {

// f(row, together) for the rows of a range; two at a time, since one chain of additions waits for itself, or singly.
template <class F>
LAMINA_INLINE void over_few_rows(int64_t first, int64_t count, bool pairs, const F& f) {
  int64_t r = 0;
  for (; pairs && r + 2 <= count; r += 2) f(first + r, std::integral_constant<int, 2>{});
  for (; r < count; ++r) f(first + r, std::integral_constant<int, 1>{});
}

// Measures some rows: their sums about their first elements, then deviations from the means that these give.
template <class T, int rows>
LAMINA_INLINE void measure_rows(Matrix<const T> x, int64_t row, double eps, T* mean, T* rstd) {
  const T* const in = x.row(row);
  const int64_t n = x.columns, stride = x.stride;
  T about[rows];
  for (int r = 0; r < rows; ++r) about[r] = in[r * stride];
  const auto deviation = [&](int r, int64_t i, auto lanes) {
    const Vec<T> origin(about[r]);
    return load(in + r * stride + i, lanes, origin) - origin;
  };
  const auto first = row_sums<T, rows, 1>(n, [&](int r, int64_t i, auto lanes) { return std::array{deviation(r, i, lanes)}; });
  for (int r = 0; r < rows; ++r) about[r] = mean_about(about[r], first.of[0][r], n);
  const auto second = row_sums<T, rows, 2>(n, [&](int r, int64_t i, auto lanes) {
    fetch(in + (rows + r) * stride + i);
    const Vec<T> d = deviation(r, i, lanes);
    return std::array{d, d * d};
  });
  for (int r = 0; r < rows; ++r) {
    const RowStatistics<T> measured = row_statistics(n, about[r], second.of[0][r], second.of[1][r], eps);
    mean[row + r] = measured.mean;
    rstd[row + r] = measured.rstd;
  }
}

// A piece of a measured row from `in` to `out`, which may be the same; gamma and beta point at its columns.
template <class T>
LAMINA_INLINE void normalise_span(int64_t n, const T* in, T mean_, T rstd_, const T* gamma, const T* beta, T* out) {
  const Vec<T> mean(mean_), rstd(rstd_);
  if (gamma) {
    over_apart<T>(n, out, {in}, [=](int64_t i, auto lanes) {
      store(out + i, layernorm_output(load(in + i, lanes), mean, rstd, load(gamma + i, lanes), load(beta + i, lanes)), lanes);
    });
  } else {
    over_apart<T>(n, out, {in}, [=](int64_t i, auto lanes) { store(out + i, layernorm_output(load(in + i, lanes), mean, rstd), lanes); });
  }
}

// Writes a row piece by piece: span(column, n, to). What goes past the caches is finished in L1 first.
template <class T, class F>
LAMINA_INLINE void write_row(int64_t columns, T* out, bool streaming, const F& span) {
  if (!streaming) return span(0, columns, out);
  alignas(64) T piece[stream_columns];
  for (int64_t c = 0; c < columns; c += stream_columns) {
    const int64_t n = smaller(stream_columns, columns - c);
    span(c, n, piece);
    stream_span(n, piece, out + c);
  }
}

// Lines that a row to be streamed shares with its neighbours are written through the caches, and all that is streamed would
// wait for them.
template <class T>
LAMINA_INLINE void fetch_ends(Matrix<T> out, int64_t row, int64_t rows) {
  for (int64_t r = row; r < row + rows; ++r) {
    for (const T* const end : {out.row(r), out.row(r) + out.columns}) {
      if (reinterpret_cast<uintptr_t>(end) % cache_line != 0) fetch(end);
    }
  }
}

template <class T>
void layernorm_forward(const Context& context, Matrix<const T> x, const T* gamma, const T* beta, double eps, Matrix<T> y, T* mean,
                       T* rstd) {
  const bool streaming = streams(context, x, {}, y);
  over_rows(context, x.rows, x.columns, 0.5, [&](int64_t first, int64_t count) {
    over_few_rows(first, count, true, [&](int64_t row, auto together) {
      if (streaming) fetch_ends(y, row, together);
      measure_rows<T, together>(x, row, eps, mean, rstd);
      for (int64_t r = row; r < row + together; ++r) {
        write_row(x.columns, y.row(r), streaming, [&](int64_t c, int64_t n, T* to) {
          normalise_span(n, x.row(r) + c, mean[r], rstd[r], gamma ? gamma + c : nullptr, gamma ? beta + c : nullptr, to);
        });
      }
    });
    if (streaming) stream_fence();
  });
}

template <class T>
struct LayernormBackward {
  Matrix<const T> dy, x;
  const T *gamma, *mean, *rstd;
  Matrix<T> dx;  // may be dy
  bool streaming;

  // Two sums a row, then the gradient; if `summing`, for which there has to be gamma, the rows' terms of its gradient and
  // of beta's are added to `sums`.
  template <int rows, bool summing>
  LAMINA_INLINE void some_rows(int64_t row, T* sums) const {
    if (streaming) fetch_ends(dx, row, rows);
    const T *const d = dy.row(row), *const in = x.row(row), *const scale = gamma;
    const int64_t n = x.columns, d_stride = dy.stride, in_stride = x.stride;
    Vec<T> m[rows], s[rows];
    for (int r = 0; r < rows; ++r) {
      m[r] = Vec<T>(mean[row + r]);
      s[r] = Vec<T>(rstd[row + r]);
    }
    const auto totals = row_sums<T, rows, 2>(n, [&](int r, int64_t i, auto lanes) {
      const Vec<T> di = load(d + r * d_stride + i, lanes), g = summing || scale ? di * load(scale + i, lanes) : di;
      return std::array{g, g * normalise(load(in + r * in_stride + i, lanes), m[r], s[r])};
    });
    for (int r = 0; r < rows; ++r) {
      const Vec<T> mr = m[r], sr = s[r], mean_g(totals.of[0][r] / static_cast<T>(n)), mean_g_xhat(totals.of[1][r] / static_cast<T>(n));
      const T *const dr = d + r * d_stride, *const xr = in + r * in_stride;
      const bool fetches = streaming;
      write_row(n, dx.row(row + r), streaming, [=](int64_t c, int64_t count, T* to) {
        over<T>(count, [=](int64_t k, auto lanes) {
          const int64_t i = c + k;
          if (fetches) {
            fetch(dr + rows * d_stride + i);
            fetch(xr + rows * in_stride + i);
          }
          const Vec<T> di = load(dr + i, lanes), xhat = normalise(load(xr + i, lanes), mr, sr);
          if (summing) {
            store(sums + i, load(sums + i, lanes) + di * xhat, lanes);
            store(sums + n + i, load(sums + n + i, lanes) + di, lanes);
          }
          const Vec<T> g = summing || scale ? di * load(scale + i, lanes) : di;
          store(to + k, layernorm_gradient(g, xhat, sr, mean_g, mean_g_xhat), lanes);
        });
      });
    }
  }
  template <bool summing>
  void rows(int64_t first, int64_t count, T* sums) const {
    const bool pairs = x.columns * int64_t(sizeof(T)) <= 2048;  // long rows stream from memory better in their order
    over_few_rows(first, count, pairs, [&](int64_t row, auto together) { some_rows<together, summing>(row, sums); });
    if (streaming) stream_fence();
  }
  void chunk_of_rows(int64_t first, T* sums) const {
    for (int64_t i = 0; i < 2 * x.columns; ++i) sums[i] = 0;
    rows<true>(first, smaller(order::row_chunk, x.rows - first), sums);
  }
  void all_rows(const Context& context) const {
    over_rows(context, x.rows, x.columns, 0.7, [&](int64_t first, int64_t count) { rows<false>(first, count, nullptr); });
  }

  // dgamma and dbeta by themselves.
  void strip_sums(int64_t column, int64_t columns, T* dgamma, T* dbeta) const {
    for (int64_t c = column; c < column + columns; ++c) dgamma[c] = dbeta[c] = 0;
    over_chunks(x.rows, [&](int64_t first, int64_t count) {
      alignas(64) T chunk[2][strip_columns];
      const T *const d = dy.row(first) + column, *const in = x.row(first) + column, *const m = mean + first, *const s = rstd + first;
      chunk_sums<T, 2>(in, count, columns, {chunk[0], chunk[1]},
                       [=, d_stride = dy.stride, stride = x.stride](int64_t r, int64_t c, auto lanes) {
                         const Vec<T> di = load(d + r * d_stride + c, lanes);
                         return std::array{di * normalise(load(in + r * stride + c, lanes), Vec<T>(m[r]), Vec<T>(s[r])), di};
                       });
      add_sums(columns, chunk[0], dgamma + column);
      add_sums(columns, chunk[1], dbeta + column);
    });
  }
  static void add_sums(int64_t columns, const T* sums, T* total) {
    over<T>(columns, [=](int64_t c, auto lanes) { store(total + c, load(total + c, lanes) + load(sums + c, lanes), lanes); });
  }
};

// A chunk of rows is a task, which leaves its sums in this thread's scratch; when that is full they are added in order.
// Where there are too few chunks for the threads, or a chunk's sums do not fit, the sums have a pass of their own.
template <class T>
void layernorm_backward(const Context& context, Matrix<const T> dy, Matrix<const T> x, const T* gamma, const T* mean, const T* rstd,
                        Matrix<T> dx, T* dgamma, T* dbeta) {
  const LayernormBackward<T> backward{dy, x, gamma, mean, rstd, dx, streams(context, dy, {}, dx)};
  if (!dgamma) return backward.all_rows(context);
  const int64_t columns = x.columns, chunks = divide_up(x.rows, order::row_chunk);
  const int64_t fit = static_cast<int64_t>(scratch_bytes / sizeof(T)) / (2 * larger(1, columns));
  if (smaller(fit, chunks) < (context.threads > 1 ? 2 * context.threads : 1)) {
    over_strips(context, x.rows, columns, 0.3,
                [&](int64_t column, int64_t width) { backward.strip_sums(column, width, dgamma, dbeta); });  // first: dx may be dy
    return backward.all_rows(context);
  }
  T* const sums = reinterpret_cast<T*>(thread_scratch());
  for (int64_t start = 0; start < chunks; start += fit) {
    const int64_t count = smaller(fit, chunks - start);
    context.parallel(count, 0.8 * static_cast<double>(count * order::row_chunk * columns),
                     [&](int64_t task) { backward.chunk_of_rows((start + task) * order::row_chunk, sums + task * 2 * columns); });
    over_strips(context, 2 * count, columns, 0.1, [&](int64_t column, int64_t width) {
      for (int64_t c = column; start == 0 && c < column + width; ++c) dgamma[c] = dbeta[c] = 0;
      for (int64_t i = 0; i < count; ++i) {
        const T* const chunk = sums + i * 2 * columns + column;
        backward.add_sums(width, chunk, dgamma + column);
        backward.add_sums(width, chunk + columns, dbeta + column);
      }
    });
  }
}

}  // namespace lamina::LAMINA_ISA
