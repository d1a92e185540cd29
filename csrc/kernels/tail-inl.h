// What follows the affine part: batch norm, activation and dropout, forward and backward, block by block in cache.
// Stages run one after another over a row of the block, so no code is made for each combination of them.
#pragma once

#include "base/scratch.h"
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
  over_apart<T>(n, out, {in}, [&](int64_t i, auto lanes) { store(out + i, A::forward(load(in + i, lanes), p), lanes); });
}
template <class T, class A>
void activation_backward_span(int64_t n, const T* dy, const T* saved, T* dx, const T* parameters) {
  const ActivationParameters<Vec<T>> p{Vec<T>(parameters[0]), Vec<T>(parameters[1])};
  over_apart<T>(n, dx, {dy, saved},
                [&](int64_t i, auto lanes) { store(dx + i, A::backward(load(dy + i, lanes), load(saved + i, lanes), p), lanes); });
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

template <class... A>
LAMINA_INLINE bool flat_at_zero(int index, TypeList<A...>) {
  static constexpr bool table[] = {A::flat_at_zero...};
  return table[index];
}

template <class... A>
LAMINA_INLINE bool reads_input(int index, TypeList<A...>) {
  static constexpr bool table[] = {A::reads == Reads::input...};
  return table[index];
}

template <class T>
LAMINA_INLINE void copy_span(int64_t n, const T* in, T* out) {
  if (in != out) over<T>(n, [&](int64_t i, auto lanes) { store(out + i, load(in + i, lanes), lanes); });
}
template <class T>
LAMINA_INLINE void dropout_span(int64_t n, const T* in, T* out, const uint8_t* bits, T scale) {
  over_apart<T, false>(n, out, {in}, [&](int64_t i, auto lanes) {
    store(out + i, select(load_mask<T>(bits, i), load(in + i, lanes) * Vec<T>(scale), Vec<T>(T(0))), lanes);
  });
}
// Batch norm of some rows of a block from `in` to `out`, which may be the same; `column` is their first.
template <class T>
LAMINA_INLINE void batchnorm_rows(int64_t rows, int64_t columns, const Tail<T>& tail, int64_t column, const T* in, int64_t in_stride,
                                  T* out, int64_t out_stride) {
  const T *mean = tail.mean + column, *rstd = tail.rstd + column, *gamma = tail.gamma + column, *beta = tail.beta + column;
  const auto normalise_group = [=](int64_t first, auto together, int64_t c, auto lanes) {
    const Vec<T> m = load(mean + c, lanes), s = load(rstd + c, lanes), g = load(gamma + c, lanes), b = load(beta + c, lanes);
    Vec<T> x[together];
    for (int64_t r = 0; r < together; ++r) x[r] = batchnorm_output(load(in + (first + r) * in_stride + c, lanes), m, s, g, b);
    for (int64_t r = 0; r < together; ++r) store(out + (first + r) * out_stride + c, x[r], lanes);
  };
  if (columns < long_row<T>) {
    over_row_groups<4>(rows, columns, out, {in}, normalise_group);
  } else {
    over_row_groups<1>(rows, columns, out, {in}, normalise_group);
  }
}

// Copies a finished row to memory that nobody reads soon, without fetching it into the caches first.
template <class T>
LAMINA_INLINE void stream_span(int64_t n, const T* in, T* out) {
  constexpr int64_t W = lanes<T>;
  const int64_t ahead = smaller(n, before_aligned(out));
  if (ahead > 0) store(out, load(in, Partial<T>(ahead)), Partial<T>(ahead));
  int64_t i = ahead;
  for (; i + W <= n; i += W) stream(out + i, load(in + i, Full{}));
  if (i < n) store(out + i, load(in + i, Partial<T>(n - i)), Partial<T>(n - i));
}
inline constexpr int64_t stream_columns = 2048;
// Worth it for results that exceed the caches; in place the row is in cache already.
template <class T>
bool streams(const Context& context, Matrix<const T> z, Matrix<T> saved, Matrix<T> h) {
  return !saved && z.data != h.data && h.rows * h.columns * int64_t(sizeof(T)) > context.stream_bytes;
}

// Fetches what lies at least 1024 elements further on than a piece of dropout to come, some lines between two rounds of
// its random numbers: all at once they would wait for each other.
template <class T>
struct FetchAhead {
  const T* from;  // the block's first element, moved
  int64_t stride;
  FetchAhead(Matrix<const T> x, const Block& block)
      : from(x.row(block.row + divide_up(1024, larger(x.columns, 1))) + block.column), stride(x.stride) {}

  LAMINA_INLINE void operator()(int64_t row, int64_t column, int round) const {
    constexpr int64_t line = cache_line / sizeof(T), lines = divide_up(kept_piece / line, 8);
    if (round >= 8) return;
    const T* const at = from + row * stride + column + round * lines * line;
#pragma GCC unroll 4
    for (int64_t i = 0; i < lines; ++i) fetch(at + i * line);
  }
};

// Where a block's operands lie: in memory they are fetched ahead of the long computation that dropout is; results
// streamed past the caches (blocks up to stream_columns wide, nothing saved) are finished in L1 first.
enum class Place { cache, memory, memory_streamed };
template <class T>
Place place_of_strip(int64_t rows, int64_t columns) {
  return rows * columns * int64_t(sizeof(T)) > (256 << 10) ? Place::memory : Place::cache;
}

// z, saved (optional: what the activation's backward reads) and h are whole matrices; z may be h.
template <class T>
void tail_block(const Tail<T>& tail, Matrix<const T> z, Matrix<T> saved, Matrix<T> h, const Block& block, Place place = Place::cache) {
  const Span<T> activation = forward_span<T>(tail.activation, Activations{});
  const bool streaming = place == Place::memory_streamed, saves_input = saved && reads_input(tail.activation, Activations{});
  constexpr int64_t together = 4;  // rows normalised at a time, still in L1 for the stages that follow
  alignas(64) T lines[together * stream_columns];
  const int64_t out_stride = saved ? saved.stride : streaming ? stream_columns : h.stride;
  const auto piece = [&](int64_t row, int64_t column, int64_t count, const uint8_t* bits) {
    const int64_t r = block.row + row, c = block.column + column;
    const T* in = z.row(r) + c;
    T* const result = h.row(r) + c;
    T* const h_piece = streaming ? lines + row % together * stream_columns + column : result;
    T* const out = saved ? saved.row(r) + c : h_piece;
    if (tail.mean) {
      if (column == 0 && row % together == 0) {
        batchnorm_rows(smaller(together, block.rows - row), block.columns, tail, c, in, z.stride, out, out_stride);
      }
      in = out;
    }
    if (saves_input) {
      copy_span(count, in, out);
      activation(count, out, h_piece, tail.parameters);
      in = h_piece;
    } else if (tail.activation != 0) {
      activation(count, in, out, tail.parameters);
      in = out;
    }
    if (bits) {
      dropout_span(count, in, h_piece, bits, static_cast<T>(tail.dropout.scale));
      in = h_piece;
    } else if (!streaming) {
      copy_span(count, in, h_piece);
    }
    if (streaming) stream_span(count, in, result);
  };
  if (tail.dropout && place != Place::cache) {
    const FetchAhead<T> fetch_z(z, block), fetch_h(h, block);
    over_kept(tail.dropout, block, piece,
              [&](int64_t row, int64_t column, int round) { fetch_z(row, column, round), fetch_h(row, column, round); });
  } else if (tail.dropout) {
    over_kept(tail.dropout, block, piece);
  } else {
    for (int64_t row = 0; row < block.rows; ++row) piece(row, 0, block.columns, nullptr);
  }
  if (streaming) stream_fence();
}

template <class T>
void tail_forward(const Context& context, const Tail<T>& tail, Matrix<const T> z, Matrix<T> saved, Matrix<T> h) {
  const Place place = streams(context, z, saved, h) ? Place::memory_streamed : place_of_strip<T>(h.rows, h.columns);
  over_blocks(context, h.rows, h.columns, place == Place::memory ? block_elements : stream_columns, 0.5,
              [&](const Block& block) { tail_block(tail, z, saved, h, block, place); });
}

}  // namespace lamina::LAMINA_ISA
