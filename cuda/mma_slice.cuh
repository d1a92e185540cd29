// A slice of an operand of tensor cores on its way through shared memory: copied in runs of 16 bytes, read as matrices.
#pragma once

#include "cuda/halves.cuh"
#include "cuda/ptx.cuh"

namespace lamina::cuda {

inline constexpr int slice_depth = 32;

// As its rows lie in memory: by_line, a row is a step; otherwise it is a line.
// Runs of a row change places such that eight rows' runs of one place lie in different banks.
template <int lines_, bool by_line_>
struct Slice {
  static constexpr bool by_line = by_line_;
  static constexpr int lines = lines_, rows = by_line ? slice_depth : lines, across = (by_line ? lines : slice_depth) / run;
  Run<bfloat16> at[rows * across];

  __device__ static constexpr int place(int row, int i) { return row * across + (by_line ? i ^ row % 8 : i ^ row / 2 % 4); }
  // From where the slice starts; zero beyond the operand's lines and steps.
  template <int threads>
  __device__ void begin_load(const bfloat16* from, int64_t stride, int64_t lines_left, int64_t steps_left) {
    const int64_t rows_left = by_line ? steps_left : lines_left, columns_left = by_line ? lines_left : steps_left;
    static_assert(rows * across % threads == 0);
    for (int i = 0; i < rows * across / threads; ++i) {
      const int index = i * threads + static_cast<int>(threadIdx.x), row = index / across, column = index % across * run;
      const int64_t left = row < rows_left ? columns_left - column : 0;
      const int count = static_cast<int>(left < 0 ? 0 : left < run ? left : run);
      copy_async(&at[place(row, column / run)], count > 0 ? from + row * stride + column : from, count * 2);
    }
  }
  // 16 lines by 16 steps as the four matrices (line, step) (0, 0), (8, 0), (0, 8), (8, 8).
  __device__ void load(int line, int step, uint32_t (&matrices)[4]) const {
    const int matrix = threadIdx.x % warp / 8, row = threadIdx.x % 8;
    line += matrix % 2 * 8;
    step += matrix / 2 * 8;
    if constexpr (by_line) {
      load_transposed_matrices(matrices, &at[place(step + row, line / run)]);
    } else {
      load_matrices(matrices, &at[place(line + row, step / run)]);
    }
  }
};

}  // namespace lamina::cuda
