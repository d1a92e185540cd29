// Half a warp owns a row: lane i sums partial i of the row's runs (math/order.h), and the partials are added as the tree there
// says.
#pragma once

#include "cuda/tile.cuh"

namespace lamina::cuda {

inline constexpr int row_lanes = order::row_partials, block_rows = block_threads / row_lanes;

// The row of this thread; lanes beyond the last row take part in sums with nothing.
struct RowOfThread {
  int64_t row;
  int lane;
  bool inside;
  __device__ explicit RowOfThread(int64_t rows)
      : row(int64_t{blockIdx.x} * block_rows + threadIdx.x / row_lanes), lane(threadIdx.x % row_lanes), inside(row < rows) {}
};
template <class... P, class... A>
void launch_rows(const Context& context, const char* name, int64_t rows, void (*kernel)(P...), A&&... arguments) {
  if (rows > 0) launch(context, name, kernel, divide_up(rows, block_rows), block_threads, std::forward<A>(arguments)...);
}

// f(i) for the lane's elements of a row.
template <class F>
__device__ void over_row(const RowOfThread& at, int64_t columns, const F& f) {
  for (int64_t i = at.lane; at.inside && i < columns; i += row_lanes) f(i);
}

// The sums of all terms(i).of[s] over the row, in every lane.
template <class T, int count>
struct Sums {
  T of[count];
};
template <class T, int count, class F>
__device__ Sums<T, count> row_sums(const RowOfThread& at, int64_t columns, const F& terms) {
  Sums<T, count> partial{};
  for (int64_t i = at.lane; at.inside && i < columns;) {
    Sums<T, count> run{};
    const int64_t left = columns - i, end = left < order::row_run ? columns : i + order::row_run;
    for (; i < end; i += row_lanes) {
      const Sums<T, count> term = terms(i);
      for (int s = 0; s < count; ++s) run.of[s] = run.of[s] + term.of[s];
    }
    for (int s = 0; s < count; ++s) partial.of[s] = partial.of[s] + run.of[s];
  }
  for (T& sum : partial.of) {
    for (int half = row_lanes / 2; half >= 1; half /= 2) sum = sum + __shfl_down_sync(all_lanes, sum, half, row_lanes);
    sum = __shfl_sync(all_lanes, sum, 0, row_lanes);
  }
  return partial;
}
template <class T, class F>
__device__ T row_sum(const RowOfThread& at, int64_t columns, const F& term) {
  return row_sums<T, 1>(at, columns, [&](int64_t i) { return Sums<T, 1>{term(i)}; }).of[0];
}

}  // namespace lamina::cuda
