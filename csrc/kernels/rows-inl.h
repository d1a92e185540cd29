// Sums of rows, which go to partial sums and a tree in the order of math/order.h.
#pragma once

#include <array>
#include <type_traits>

#include "kernels/loops-inl.h"

namespace lamina::LAMINA_ISA {

// Sum of a row in the order of math/order.h: element j goes to partial j mod 16.
template <class T>
struct RowSum {
  static constexpr int vectors = order::row_partials / lanes<T>;
  Vec<T> partial[vectors];
  LAMINA_INLINE RowSum() {
    for (int v = 0; v < vectors; ++v) partial[v] = Vec<T>(T(0));
  }
  // x holds elements i, i + 1, ...; lanes beyond the row must be +0.
  LAMINA_INLINE void add(int64_t i, Vec<T> x) {
    Vec<T>& p = partial[i / lanes<T> % vectors];
    p = p + x;
  }
  LAMINA_INLINE void add(int64_t i, Vec<T> x, Full) { add(i, x); }
  LAMINA_INLINE void add(int64_t i, Vec<T> x, Partial<T> rest) {
    T kept[lanes<T>];
    store(kept, x, Full{});
    add(i, load(kept, rest));
  }
  LAMINA_INLINE T total() {
    for (int half = vectors / 2; half >= 1; half /= 2) {
      for (int v = 0; v < half; ++v) partial[v] = partial[v] + partial[v + half];
    }
    return tree_sum(partial[0]);
  }
};

// of[s][r] = the sum of terms(r, i, lanes)[s] over row r, for some rows at a time: one row's chains of additions would wait
// for themselves.
template <class T, int rows, int count>
struct RowTotals {
  T of[count][rows];
};
template <class T, int rows, int count, class Terms>
LAMINA_INLINE RowTotals<T, rows, count> row_sums(int64_t n, const Terms& terms) {
  RowSum<T> sums[count][rows];
  int64_t i = 0;
  for (; i + order::row_partials <= n; i += order::row_partials) {
#pragma GCC unroll 16
    for (int v = 0; v < RowSum<T>::vectors; ++v) {
#pragma GCC unroll 4
      for (int r = 0; r < rows; ++r) {
        const std::array<Vec<T>, count> term = terms(r, i + v * lanes<T>, Full{});
        for (int s = 0; s < count; ++s) sums[s][r].partial[v] = sums[s][r].partial[v] + term[s];
      }
    }
  }
  over<T>(n - i, [&](int64_t rest, auto lanes) {
    for (int r = 0; r < rows; ++r) {
      const std::array<Vec<T>, count> term = terms(r, i + rest, lanes);
      for (int s = 0; s < count; ++s) sums[s][r].add(rest, term[s], lanes);
    }
  });
  RowTotals<T, rows, count> totals;
  for (int s = 0; s < count; ++s) {
    for (int r = 0; r < rows; ++r) totals.of[s][r] = sums[s][r].total();
  }
  return totals;
}

}  // namespace lamina::LAMINA_ISA
