// Sums of columns, which run down chunks of rows in the order of math/order.h.
#pragma once

#include <array>

#include "kernels/loops-inl.h"

namespace lamina::LAMINA_ISA {

// f(first, count) for the chunks of rows, in order.
template <class F>
LAMINA_INLINE void over_chunks(int64_t rows, const F& f) {
  for (int64_t r = 0; r < rows; r += order::row_chunk) f(r, smaller(order::row_chunk, rows - r));
}

// sums[s][c] = the chain of terms(r, c, lanes)[s] over the rows of one chunk. Some rows at a time, so that memory is read
// in long runs and sums stay in L1. Vectors are aligned in the rows that begin as `at` does.
template <class T, size_t count, class Terms>
LAMINA_INLINE void chunk_sums(const T* at, int64_t rows, int64_t columns, const std::array<T*, count>& sums, const Terms& terms) {
  over_row_groups<8>(rows, columns, at, {}, [=](int64_t first, auto together, int64_t c, auto lanes) {
    Vec<T> sum[count];
    for (size_t s = 0; s < count; ++s) sum[s] = first > 0 ? load(sums[s] + c, lanes) : Vec<T>(T(0));
    for (int64_t r = 0; r < together; ++r) {
      const std::array<Vec<T>, count> term = terms(first + r, c, lanes);
      for (size_t s = 0; s < count; ++s) sum[s] = sum[s] + term[s];
    }
    for (size_t s = 0; s < count; ++s) store(sums[s] + c, sum[s], lanes);
  });
}

// Adds the sums of a chunk of rows (of a strip of columns) to total.
template <class T>
LAMINA_INLINE void add_chunk(Matrix<const T> x, int64_t row, int64_t rows, int64_t column, int64_t columns, T* total) {
  alignas(64) T sums[strip_columns];
  const T* const from = x.row(row) + column;
  chunk_sums<T, 1>(from, rows, columns, {sums},
                   [=, stride = x.stride](int64_t r, int64_t c, auto lanes) { return std::array{load(from + r * stride + c, lanes)}; });
  over<T>(columns, [&](int64_t c, auto lanes) { store(total + c, load(total + c, lanes) + load(sums + c, lanes), lanes); });
}

template <class T>
void column_sum(const Context& context, Matrix<const T> x, T* out) {
  over_strips(context, x.rows, x.columns, 0.2, [&](int64_t column, int64_t columns) {
    for (int64_t c = 0; c < columns; ++c) out[column + c] = 0;
    over_chunks(x.rows, [&](int64_t first, int64_t count) { add_chunk(x, first, count, column, columns, out + column); });
  });
}

}  // namespace lamina::LAMINA_ISA
