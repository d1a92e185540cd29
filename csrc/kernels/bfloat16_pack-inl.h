// Operands of bfloat16 products, rounded on the way into panels of pairs of depth steps.
#pragma once

#include "base/scratch.h"
#include "kernels/kernel_table.h"
#include "kernels/loops-inl.h"

namespace lamina::LAMINA_ISA {

// Panels hold 512 depth steps at most, padded with zeros to a multiple of 32; pairs of steps are one word.
inline constexpr int64_t chunk_depth = 512, chunk_pairs = chunk_depth / 2;
constexpr int64_t padded_pairs(int64_t depth) { return round_up(depth, 32) / 2; }

// Rows of a, an odd number of cache lines apart, so that they do not share sets.
struct PackedA {
  static constexpr int64_t stride = chunk_pairs + 16, rows = 32, half = rows * stride;  // in words, as below
};
// Panels of 32 columns of b, pair by pair.
struct PackedB {
  static constexpr int64_t columns = 32, half = columns * chunk_pairs, block_columns = 512;
  static constexpr int64_t block = block_columns * chunk_pairs;  // of whole operands; half as many columns of split ones
};
static_assert((PackedB::block + 2 * PackedA::half) * sizeof(uint32_t) <= scratch_bytes);

// Lines (rows of a, columns of b) and their depth steps; one of the two strides is 1.
template <class S>
struct Lines {
  const S* data;
  int64_t line, depth;
};

// to[line * line_step + pair * pair_step], of which one is 1.
template <Half half, class S>
LAMINA_INLINE void pack(const Lines<S>& in, int64_t lines, int64_t depth, uint32_t* to, int64_t line_step, int64_t pair_step) {
  for (int64_t k = 0; k < depth; k += 32) {
    const int64_t steps = smaller(32, depth - k);
    for (int64_t first = 0; first < lines; first += 16) {
      const int64_t count = smaller(16, lines - first);
      const S* const from = in.data + first * in.line + k * in.depth;
      Pairs block[16];
      if (in.depth == 1) {  // a vector for each line
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) {
          if (i < count) {
            block[i] = pairs_along<half>(from + i * in.line, steps);
            __builtin_prefetch(from + i * in.line + 128);  // as many lines are more than hardware follows
          }
        }
      } else {  // a vector for each pair of steps
#pragma GCC unroll 16
        for (int i = 0; i < 16; ++i) {
          const S* const even = from + 2 * i * in.depth;
          if (2 * i < steps) block[i] = pairs_across<half>(even, 2 * i + 1 < steps ? even + in.depth : nullptr, count);
        }
      }
      if ((in.depth == 1) != (pair_step == 1)) transpose(block);
      const int64_t step = pair_step == 1 ? line_step : pair_step, vectors = pair_step == 1 ? count : 16;
      uint32_t* const out = to + first * line_step + k / 2 * pair_step;
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) {
        if (i < vectors) store(out + i * step, block[i]);
      }
    }
  }
}

// One operand of a product: float32, or bfloat16 where `rounded` says so; `halves` of it one after the other.
template <class Packed>
LAMINA_INLINE void pack(const float* data, const bfloat16* rounded, int64_t line, int64_t depth_stride, int64_t at, int64_t lines,
                        int64_t depth, int halves, uint32_t* to, int64_t line_step, int64_t pair_step) {
  if (rounded) {
    pack<Half::nearest>(Lines<bfloat16>{rounded + at, line, depth_stride}, lines, depth, to, line_step, pair_step);
  } else if (halves == 1) {
    pack<Half::nearest>(Lines<float>{data + at, line, depth_stride}, lines, depth, to, line_step, pair_step);
  } else {
    pack<Half::high>(Lines<float>{data + at, line, depth_stride}, lines, depth, to, line_step, pair_step);
    pack<Half::low>(Lines<float>{data + at, line, depth_stride}, lines, depth, to + Packed::half, line_step, pair_step);
  }
}

template <class T>
LAMINA_INLINE void pack_a(const Gemm<T>& g, int64_t row, int64_t rows, int64_t k, int64_t depth, int halves, uint32_t* to) {
  pack<PackedA>(g.a, g.a16, g.a_row, g.a_depth, row * g.a_row + k * g.a_depth, rows, depth, halves, to, PackedA::stride, 1);
}
template <class T>
LAMINA_INLINE void pack_b(const Gemm<T>& g, int64_t column, int64_t columns, int64_t k, int64_t depth, int halves, uint32_t* to) {
  pack<PackedB>(g.b, g.b16, g.b_column, g.b_depth, column * g.b_column + k * g.b_depth, columns, depth, halves, to, 1, PackedB::columns);
}

}  // namespace lamina::LAMINA_ISA
