// Few rows by a b whose columns lie in memory, as in a net's prediction of one example: b is turned in registers and used at once.
#pragma once

#include "kernels/gemm_tile-inl.h"

namespace lamina::LAMINA_ISA {

inline constexpr int turned_rows = lanes<float> == 16 ? 4 : 3;  // more are faster with a b that is turned into memory

// A vector of columns of c. a's element (row i, step k) is at i * a_row + k * a_step, b's (step k, column c) at c * b_column + k.
template <class T, int rows>
void turned_tile(int64_t depth, const T* a, int64_t a_row, int64_t a_step, const T* b, int64_t b_column, int64_t columns,
                 const Finish<T>& finish) {
  constexpr int W = lanes<T>;
  Vec<T> sum[rows];
#pragma GCC unroll 4
  for (int i = 0; i < rows; ++i) sum[i] = Vec<T>(T(0));

  const auto multiply = [&](int64_t k, int64_t steps, auto lanes) {
    const T* const soon = fetched_ahead(b + k, b_column, W, k, depth, 4 * W);
    Vec<T> square[W];
#pragma GCC unroll 16
    for (int c = 0; c < W; ++c) {
      square[c] = c < columns ? load(b + c * b_column + k, lanes) : Vec<T>(T(0));
      __builtin_prefetch(soon + c * b_column);
    }
    transpose(square);
#pragma GCC unroll 16
    for (int j = 0; j < W; ++j) {
      if (j == steps) break;
#pragma GCC unroll 4
      for (int i = 0; i < rows; ++i) sum[i] = fma(Vec<T>(a[i * a_row + (k + j) * a_step]), square[j], sum[i]);
    }
  };
  const int64_t whole = depth / W * W;
  for (int64_t k = 0; k < whole; k += W) multiply(k, W, Full{});
  if (whole < depth) multiply(whole, depth - whole, Partial<T>(depth - whole));

#pragma GCC unroll 4
  for (int i = 0; i < rows; ++i) {
    columns == W ? finish_vector<T>(sum[i], i, 0, finish, Full{}) : finish_vector<T>(sum[i], i, 0, finish, Partial<T>(columns));
  }
}
template <class T, int... row>
LAMINA_INLINE auto find_turned_tile(int64_t rows, std::integer_sequence<int, row...>) {
  static constexpr decltype(&turned_tile<T, 1>) table[] = {turned_tile<T, row + 1>...};
  return table[rows - 1];
}

// A panel of c: tall rows, width columns.
template <class T>
LAMINA_INLINE void multiply_turned(int64_t tall, int64_t width, int64_t depth, const T* a, int64_t a_row, int64_t a_step, const T* b,
                                   int64_t b_column, Finish<T> finish) {
  constexpr int W = lanes<T>;
  const auto tile = find_turned_tile<T>(tall, std::make_integer_sequence<int, turned_rows>{});
  for (int64_t c = 0; c < width; c += W) {
    tile(depth, a, a_row, a_step, b + c * b_column, b_column, smaller(W, width - c), finish);
    finish.move(W);
  }
}

}  // namespace lamina::LAMINA_ISA
