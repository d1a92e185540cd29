// What follows the affine part: batch norm, activation and dropout, forward and backward, block by block in cache.
// Stages run one after another over a row of the block, so no code is made for each combination of them.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/loops-inl.h"
#include "kernels/philox-inl.h"
#include "math/activations.h"
#include "math/batchnorm.h"

namespace lamina::LAMINA_ISA {

template <class T>
using Span = void (*)(int64_t n, const T* in, T* out, const T* parameters);
template <class T>
using BackwardSpan = void (*)(int64_t n, const T* dy, const T* saved, T* dx, const T* parameters);

template <class T, class A>
void activation_span(int64_t n, const T* in, T* out, const T* parameters) {
  const ActivationParameters<Vec<T>> p{Vec<T>(parameters[0]), Vec<T>(parameters[1])};
  over<T>(n, [&](int64_t i, auto lanes) { store(out + i, A::forward(load(in + i, lanes), p), lanes); });
}
template <class T, class A>
void activation_backward_span(int64_t n, const T* dy, const T* saved, T* dx, const T* parameters) {
  const ActivationParameters<Vec<T>> p{Vec<T>(parameters[0]), Vec<T>(parameters[1])};
  over<T>(n, [&](int64_t i, auto lanes) { store(dx + i, A::backward(load(dy + i, lanes), load(saved + i, lanes), p), lanes); });
}
template <class T, class... A>
LAMINA_INLINE Span<T> forward_span(int index, TypeList<A...>) {
  static constexpr Span<T> table[] = {activation_span<T, A>...};
  return table[index];
}
template <class T, class... A>
LAMINA_INLINE BackwardSpan<T> backward_span(int index, TypeList<A...>) {
  static constexpr BackwardSpan<T> table[] = {activation_backward_span<T, A>...};
  return table[index];
}

template <class T>
LAMINA_INLINE void copy_span(int64_t n, const T* in, T* out) {
  if (in != out) over<T>(n, [&](int64_t i, auto lanes) { store(out + i, load(in + i, lanes), lanes); });
}
template <class T>
LAMINA_INLINE void dropout_span(int64_t n, const T* in, T* out, const uint8_t* bits, T scale) {
  over<T>(n, [&](int64_t i, auto lanes) {
    store(out + i, select(load_mask<T>(bits, i), load(in + i, lanes) * Vec<T>(scale), Vec<T>(T(0))), lanes);
  });
}
// column: the span's first column, where the tail's vectors are read.
template <class T>
LAMINA_INLINE void batchnorm_span(int64_t n, const Tail<T>& tail, int64_t column, const T* in, T* out) {
  over<T>(n, [&](int64_t i, auto lanes) {
    const int64_t c = column + i;
    store(out + i,
          batchnorm_output(load(in + i, lanes), load(tail.mean + c, lanes), load(tail.rstd + c, lanes), load(tail.gamma + c, lanes),
                           load(tail.beta + c, lanes)),
          lanes);
  });
}

// Copies a finished row to memory that nobody reads soon, without fetching it into the caches first.
template <class T>
LAMINA_INLINE void stream_span(int64_t n, const T* in, T* out) {
  constexpr int64_t W = lanes<T>, bytes = W * sizeof(T);
  const int64_t ahead = smaller(n, (bytes - static_cast<int64_t>(reinterpret_cast<uintptr_t>(out) % bytes)) % bytes / int64_t(sizeof(T)));
  if (ahead > 0) store(out, load(in, Partial<T>(ahead)), Partial<T>(ahead));
  int64_t i = ahead;
  for (; i + W <= n; i += W) stream(out + i, load(in + i, Full{}));
  if (i < n) store(out + i, load(in + i, Partial<T>(n - i)), Partial<T>(n - i));
}
inline constexpr int64_t stream_columns = 2048;
// Worth it for results that exceed the caches close to a core; in place the row is in cache already.
template <class T>
bool streams(Matrix<const T> z, Matrix<T> y, Matrix<T> h) {
  return !y && z.data != h.data && h.rows * h.columns * int64_t(sizeof(T)) >= (4 << 20);
}

// z, y (optional) and h are whole matrices; z may be h. With `streaming` (blocks up to stream_columns wide, no y) rows are
// finished in L1 and streamed to h.
template <class T>
void tail_block(const Tail<T>& tail, Matrix<const T> z, Matrix<T> y, Matrix<T> h, const Block& block, bool streaming = false) {
  const Span<T> activation = forward_span<T>(tail.activation, Activations{});
  alignas(64) T line[stream_columns];
  const auto rows = [&](auto&& finish) {
    for (int64_t r = 0; r < block.rows; ++r) {
      const T* in = z.row(block.row + r) + block.column;
      T* const h_row = h.row(block.row + r) + block.column;
      T* const out = streaming ? line : y ? y.row(block.row + r) + block.column : h_row;
      if (tail.mean) {
        batchnorm_span(block.columns, tail, block.column, in, out);
        in = out;
      }
      if (tail.activation != 0) {
        activation(block.columns, in, out, tail.parameters);
        in = out;
      }
      in = finish(r, in, out, streaming ? line : h_row);
      if (streaming) stream_span(block.columns, in, h_row);
    }
    if (streaming) stream_fence();
  };
  if (tail.dropout) {
    const KeepBits bits(tail.dropout, block);
    rows([&](int64_t r, const T* in, T* y_row, T* out) {
      if (y) copy_span(block.columns, in, y_row);
      dropout_span(block.columns, in, out, bits.row(r), static_cast<T>(tail.dropout.scale));
      return out;
    });
  } else {
    rows([&](int64_t, const T* in, T*, T* out) {
      if (streaming) return in;
      copy_span(block.columns, in, out);
      return static_cast<const T*>(out);
    });
  }
}

template <class T>
void tail_forward(const Context& context, const Tail<T>& tail, Matrix<const T> z, Matrix<T> y, Matrix<T> h) {
  const bool streaming = streams(z, y, h);
  over_blocks(context, h.rows, h.columns, streaming ? stream_columns : block_elements, 0.5,
              [&](const Block& block) { tail_block(tail, z, y, h, block, streaming); });
}

// Column sums over the rows of one chunk, term(r, c, lanes) being what is added: several columns' chains at a time.
template <class T, class Term, class Take>
LAMINA_INLINE void chunk_sums(int64_t rows, int64_t columns, const Term& term, const Take& take) {
  constexpr int W = lanes<T>, ahead = 4;
  int64_t c = 0;
  for (; c + ahead * W <= columns; c += ahead * W) {
    Vec<T> sum[ahead];
    for (int i = 0; i < ahead; ++i) sum[i] = Vec<T>(T(0));
    for (int64_t r = 0; r < rows; ++r) {
#pragma GCC unroll 4
      for (int i = 0; i < ahead; ++i) sum[i] = sum[i] + term(r, c + i * W, Full{});
    }
    for (int i = 0; i < ahead; ++i) take(c + i * W, sum[i], Full{});
  }
  over<T>(columns - c, [&](int64_t i, auto lanes) {
    Vec<T> sum(T(0));
    for (int64_t r = 0; r < rows; ++r) sum = sum + term(r, c + i, lanes);
    take(c + i, sum, lanes);
  });
}

// f(first, count) for the chunks of rows, in order.
template <class F>
LAMINA_INLINE void over_chunks(int64_t rows, const F& f) {
  for (int64_t r = 0; r < rows; r += order::row_chunk) f(r, smaller(order::row_chunk, rows - r));
}

template <class T>
void column_sum_strip(Matrix<const T> x, int64_t column, int64_t columns, T* out) {
  for (int64_t c = 0; c < columns; ++c) out[c] = 0;
  over_chunks(x.rows, [&](int64_t first, int64_t count) {
    chunk_sums<T>(
        count, columns, [&](int64_t r, int64_t c, auto lanes) { return load(x.row(first + r) + column + c, lanes); },
        [&](int64_t c, Vec<T> sum, auto lanes) { store(out + c, load(out + c, lanes) + sum, lanes); });
  });
}
template <class T>
void column_sum(const Context& context, Matrix<const T> x, T* out) {
  over_strips(context, x.rows, x.columns, 0.2,
              [&](int64_t column, int64_t columns) { column_sum_strip(x, column, columns, out + column); });
}

}  // namespace lamina::LAMINA_ISA
