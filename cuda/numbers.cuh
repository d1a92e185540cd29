// Random numbers for the elements of a matrix: a thread draws a counter.
#pragma once

#include "cuda/tile.cuh"
#include "math/random.h"

namespace lamina::cuda {

template <class T>
inline constexpr int64_t counter_numbers = 16 / sizeof(T);

// f(row, column, number) for the elements of this thread's counter.
template <class T, class Numbers, class F>
__device__ void over_numbers(const Draw& draw, int64_t rows, int64_t columns, const F& f) {
  constexpr int64_t each = counter_numbers<T>;
  const int64_t groups = divide_up(columns, each), i = thread_number(), row = i / groups, group = i % groups;
  if (row >= rows) return;
  T numbers[each];
  Numbers::of(random_words(draw, row, group).word, numbers);
  for (int64_t e = 0; e < each && group * each + e < columns; ++e) f(row, group * each + e, numbers[e]);
}
template <class T>
int64_t counters(Matrix<T> out) {
  return out.rows * divide_up(out.columns, counter_numbers<T>);
}

}  // namespace lamina::cuda
