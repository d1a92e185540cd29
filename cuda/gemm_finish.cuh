// What becomes of a product's sums: alpha, beta, bias, the tail. A thread finishes eight neighbouring columns of a row, a
// group of dropout.
#pragma once

#include "cuda/tail.cuh"
#include "cuda/tile.cuh"
#include "math/bfloat16.h"

namespace lamina::cuda {

inline constexpr int group_columns = 8;

// Sixteen bytes, which are moved at once.
template <class T>
struct alignas(16) Run {
  static constexpr int size = 16 / sizeof(T);
  T at[size];
};
template <class T>
__device__ bool in_runs(const T* group, int columns) {
  return columns == group_columns && reinterpret_cast<uintptr_t>(group) % alignof(Run<T>) == 0;
}

// The first `columns` of a group; the others are zero.
template <class T>
__device__ void load_group(const T* from, int columns, T (&to)[group_columns]) {
  if (in_runs(from, columns)) {
    for (int r = 0; r < group_columns / Run<T>::size; ++r) {
      const Run<T> run = reinterpret_cast<const Run<T>*>(from)[r];
      for (int j = 0; j < Run<T>::size; ++j) to[r * Run<T>::size + j] = run.at[j];
    }
  } else {
    for (int j = 0; j < group_columns; ++j) to[j] = j < columns ? from[j] : T{};
  }
}
template <class T>
__device__ void store_group(T* to, int columns, const T (&from)[group_columns]) {
  if (in_runs(to, columns)) {
    for (int r = 0; r < group_columns / Run<T>::size; ++r) {
      Run<T> run;
      for (int j = 0; j < Run<T>::size; ++j) run.at[j] = from[r * Run<T>::size + j];
      reinterpret_cast<Run<T>*>(to)[r] = run;
    }
  } else {
    for (int j = 0; j < group_columns; ++j) {
      if (j < columns) to[j] = from[j];
    }
  }
}

// Drops the first of a group and adds one behind the last: every element comes to the front in turn, so that a loop over them
// needs neither registers with changing numbers nor its body eight times.
template <class T>
__device__ void move_up(T (&group)[group_columns], T last) {
  for (int j = 0; j + 1 < group_columns; ++j) group[j] = group[j + 1];
  group[group_columns - 1] = last;
}

// Four lanes hold two columns each of four tiles in a row; afterwards each lane holds the eight columns of one tile.
__device__ inline void gather_tile(float (&sums)[group_columns]) {
  const int lane = threadIdx.x % 4;
  for (int distance = 1; distance <= 2; distance *= 2) {
    const bool second = lane & distance;
    for (int i = 0; i < group_columns; ++i) {
      if (i / 2 & distance) continue;
      float &here = sums[i], &there = sums[i + 2 * distance];
      const float other = __shfl_xor_sync(all_lanes, second ? here : there, distance);
      (second ? here : there) = other;
    }
  }
}

template <class T>
__device__ void finish_group(const Gemm<T>& g, const Tail<T>& tail, bool has_tail, int64_t row, int64_t column,
                             T (&result)[group_columns]) {
  const int columns = static_cast<int>(g.c.columns - column < group_columns ? g.c.columns - column : group_columns);
  T* const c = g.c.row(row) + column;
  T other[group_columns];
  if (g.alpha != T(1)) {
    for (int j = 0; j < group_columns; ++j) result[j] = g.alpha * result[j];
  }
  if (g.beta != T(0)) {
    load_group(c, columns, other);
    for (int j = 0; j < group_columns; ++j) result[j] = fma(g.beta, other[j], result[j]);
  }
  if (g.bias) {
    load_group(g.bias + column, columns, other);
    for (int j = 0; j < group_columns; ++j) result[j] = result[j] + other[j];
  }
  if (has_tail) {
    const uint32_t bits = tail.dropout ? keep_bits(tail.dropout, row, column / group_columns) : 0;
    with_activation(tail.activation, Activations{}, [&](auto activation) {
#pragma unroll 1
      for (int j = 0; j < group_columns; ++j) {
        const TailColumn<T> stages(tail, column + (j < columns ? j : 0));
        using A = decltype(activation);
        const T input = stages.normalised(result[0]), y = A::forward(input, stages.parameters);
        move_up(other, saved_of<A>(input, y));
        move_up(result, stages.dropped(y, bits >> j & 1));
      }
    });
    if (g.saved) store_group(g.saved.row(row) + column, columns, other);
  }
  store_group(c, columns, result);
  if constexpr (sizeof(T) == sizeof(float)) {
    if (!g.rounded) return;
    bfloat16 rounded[group_columns];
    for (int j = 0; j < group_columns; ++j) rounded[j] = to_bfloat16(result[j]);
    store_group(g.rounded.row(row) + column, columns, rounded);
  }
}

}  // namespace lamina::cuda
