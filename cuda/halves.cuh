// The operands of a product on tensor cores: bfloat16 as it lies in memory, or what float32 becomes before the product.
#pragma once

#include "cuda/gemm_finish.cuh"
#include "cuda/gemm_wgmma.h"
#include "cuda/launch.h"
#include "cuda/tile.cuh"
#include "math/bfloat16.h"

namespace lamina::cuda {

inline constexpr int run = Run<bfloat16>::size;

// Rows of float32 or bfloat16 to rows of bfloat16 that lie a multiple of `run` apart.
template <class From>
__global__ void halve_kernel(Matrix<const From> from, bfloat16* high, bfloat16* low, int64_t stride) {
  const int64_t i = thread_number(), across = stride / run;
  if (i >= from.rows * across) return;
  const int64_t row = i / across, column = i % across * run, left = from.columns - column;
  From x[run];
  bfloat16 half[run];
  load_group(from.row(row) + column, static_cast<int>(left < run ? left : run), x);
  if constexpr (sizeof(From) == sizeof(float)) {
    if (low) {
      for (int j = 0; j < run; ++j) half[j] = low_half(x[j]);
      store_group(low + i * run, run, half);
    }
    for (int j = 0; j < run; ++j) half[j] = low ? high_half(x[j]) : to_bfloat16(x[j]);
  } else {
    for (int j = 0; j < run; ++j) half[j] = x[j];
  }
  store_group(high + i * run, run, half);
}

// An operand as the kernel reads it: in place where its rows begin at multiples of 16 bytes and
// do not overlap, else copied.
template <class From>
class Operand {
 public:
  Operand(const Context& context, Matrix<const From> from, int halves)
      : stride_(divide_up(from.columns, run) * run),
        in_place_(sizeof(From) == sizeof(bfloat16) && from.stride % run == 0 && from.stride >= from.columns &&
                  reinterpret_cast<uintptr_t>(from.data) % 16 == 0),
        copies_(context, in_place_ ? 0 : from.rows * stride_ * halves) {
    if (in_place_) {
      view_ = {reinterpret_cast<const bfloat16*>(from.data), nullptr, from.stride};
      return;
    }
    bfloat16* const high = copies_.data();
    bfloat16* const low = halves == 2 ? high + from.rows * stride_ : nullptr;
    launch_threads(context, "halve", from.rows * (stride_ / run), halve_kernel<From>, from, high, low, stride_);
    view_ = {high, low, stride_};
  }
  const Halves& view() const { return view_; }

 private:
  int64_t stride_;
  bool in_place_;
  Scratch<bfloat16> copies_;
  Halves view_{};
};

}  // namespace lamina::cuda
