// Sums of rows, which go to partial sums and a tree in the order of math/order.h.
#pragma once

#include <array>
#include <type_traits>

#include "kernels/loops-inl.h"

namespace lamina::LAMINA_ISA {

// Sum of a row in the order of math/order.h: element j goes to partial j mod 16 of its run.
template <class T>
struct RowSum {
  static constexpr int vectors = order::row_partials / lanes<T>;
  Vec<T> run[vectors], partial[vectors];
  LAMINA_INLINE RowSum() {
    for (int v = 0; v < vectors; ++v) run[v] = partial[v] = Vec<T>(T(0));
  }
  // Vectors are found by constants, so that they stay in registers.
  LAMINA_INLINE void add(int v, Vec<T> x) {
#pragma GCC unroll 16
    for (int u = 0; u < vectors; ++u) {
      if (vectors == 1 || u == v) run[u] = run[u] + x;
    }
  }
  LAMINA_INLINE void end_run() {
    for (int v = 0; v < vectors; ++v) {
      partial[v] = partial[v] + run[v];
      run[v] = Vec<T>(T(0));
    }
  }
  // After the last run, which for a row of one run is all.
  LAMINA_INLINE T total(bool one_run) {
    if (!one_run) {
      for (int v = 0; v < vectors; ++v) run[v] = partial[v] + run[v];
    }
    for (int half = vectors / 2; half >= 1; half /= 2) {
      for (int v = 0; v < half; ++v) run[v] = run[v] + run[v + half];
    }
    return tree_sum(run[0]);
  }
};

// x with 0 in the lanes beyond a row, as sums need it.
template <class T>
LAMINA_INLINE Vec<T> inside(Vec<T> x, Full) {
  return x;
}
template <class T>
LAMINA_INLINE Vec<T> inside(Vec<T> x, Partial<T> rest) {
  T kept[lanes<T>];
  store(kept, x, Full{});
  return load(kept, rest);
}

// of[s][r] = the sum of terms(r, i, lanes)[s] over row r, 0 in lanes beyond it; some rows at a time, for one row's chains of
// additions would wait for themselves.
template <class T, int rows, int count>
struct RowTotals {
  T of[count][rows];
};
template <class T, int rows, int count, class Terms>
LAMINA_INLINE RowTotals<T, rows, count> row_sums(int64_t n, const Terms& terms) {
  RowSum<T> sums[count][rows];
  const auto add = [&](int v, int64_t i, auto lanes) {
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) {
      const std::array<Vec<T>, count> term = terms(r, i, lanes);
      for (int s = 0; s < count; ++s) sums[s][r].add(v, term[s]);
    }
  };
  int64_t i = 0;
  const auto step = [&] {
#pragma GCC unroll 16
    for (int v = 0; v < RowSum<T>::vectors; ++v) add(v, i + v * lanes<T>, Full{});
    i += order::row_partials;
  };
  while (n - i > order::row_run) {
#pragma GCC unroll 4
    for (int64_t s = 0; s < order::row_run / order::row_partials; ++s) step();
    for (auto& of_rows : sums) {
      for (RowSum<T>& sum : of_rows) sum.end_run();
    }
  }
  while (n - i >= order::row_partials) step();
  over<T>(n - i, [&](int64_t rest, auto lanes_) { add(static_cast<int>(rest / lanes<T>), i + rest, lanes_); });
  RowTotals<T, rows, count> totals;
  for (int s = 0; s < count; ++s) {
    for (int r = 0; r < rows; ++r) totals.of[s][r] = sums[s][r].total(n <= order::row_run);
  }
  return totals;
}
template <class T, class Term>
LAMINA_INLINE T row_sum(int64_t n, const Term& term) {
  return row_sums<T, 1, 1>(n, [&](int, int64_t i, auto lanes) { return std::array{term(i, lanes)}; }).of[0][0];
}

}  // namespace lamina::LAMINA_ISA
