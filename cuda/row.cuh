// Half a warp owns a row: lane i holds partial i of the row's sum (math/order.h), and the partials are added as the tree
// there says.
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

template <class T>
__device__ T row_total(T partial) {
  for (int half = row_lanes / 2; half >= 1; half /= 2) partial = partial + __shfl_down_sync(all_lanes, partial, half, row_lanes);
  return __shfl_sync(all_lanes, partial, 0, row_lanes);
}
template <class T, class F>
__device__ T row_sum(const RowOfThread& at, int64_t columns, const F& term) {
  T partial = 0;
  over_row(at, columns, [&](int64_t i) { partial = partial + term(i); });
  return row_total(partial);
}

}  // namespace lamina::cuda
