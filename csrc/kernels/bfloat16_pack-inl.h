// Operands of bfloat16 products, rounded on the way into panels of pairs of depth steps.
#pragma once

#include "base/scratch.h"
#include "kernels/kernel_table.h"
#include "kernels/loops-inl.h"

namespace lamina::LAMINA_ISA {

// Panels hold 512 depth steps at most, padded with zeros to a multiple of 32; pairs of steps are one word.
inline constexpr int64_t chunk_depth = 512, chunk_pairs = chunk_depth / 2;
constexpr int64_t padded_pairs(int64_t depth) { return round_up(depth, 32) / 2; }

// Rows of a, an odd number of cache lines apart, so that they do not share sets; sizes in words. Some panels at a time: where
// rows lie across the memory, a single panel's would be read a line or two from each page.
struct PackedA {
  static constexpr int64_t stride = chunk_pairs + 16, rows = 128, half = rows * stride;
};
// Panels of 32 columns of b, pair by pair, again an odd number of cache lines apart.
struct PackedB {
  static constexpr int64_t columns = 32, half = columns * chunk_pairs + 16, most_columns = 1024;
  static constexpr int64_t block = most_columns / columns * half;  // of whole operands; half as many columns of split ones
};
static_assert((PackedB::block + 2 * PackedA::half) * sizeof(uint32_t) <= scratch_bytes);

// Lines (rows of a, columns of b) and their depth steps; one of the two strides is 1.
template <class S>
struct Lines {
  const S* data;
  int64_t line, depth;
};

// Where a pair of steps of a line goes: one of the first two is 1, and after every 32 lines comes the next panel.
struct Layout {
  int64_t line, pair, panel;
  uint32_t* at(uint32_t* to, int64_t first_line, int64_t first_pair) const {
    return to + first_line / PackedB::columns * panel + first_line % PackedB::columns * line + first_pair * pair;
  }
};

// Lines that lie along the depth, and are to.
template <Half half, class S>
void pack_along(const Lines<S>& in, int64_t lines, int64_t depth, uint32_t* to, const Layout& layout) {
  for (int64_t i = 0; i < lines; ++i) {
    const S* const line = in.data + i * in.line;
    uint32_t* const out = layout.at(to, i, 0);
    int64_t k = 0;
    for (; k + 32 <= depth; k += 32) store(out + k / 2, pairs_along<half>(line + k, 32));
    if (k < depth) store(out + k / 2, pairs_along<half>(line + k, depth - k));
  }
}
// Lines that lie across the depth, and are to: whole rows of memory at a time.
template <Half half, class S>
void pack_across(const Lines<S>& in, int64_t lines, int64_t depth, uint32_t* to, const Layout& layout) {
  constexpr int64_t ahead = 8;  // steps: hardware does not follow runs of memory this short and far apart
  for (int64_t pair = 0; pair < padded_pairs(depth); ++pair) {
    const int64_t steps = smaller(2, depth - 2 * pair);  // 0 or less in the padding
    const S* const even = in.data + (steps > 0 ? 2 * pair * in.depth : 0);
    for (int64_t first = 0; first < lines; first += 16) {
      const int64_t count = steps > 0 ? smaller(16, lines - first) : 0;
      __builtin_prefetch(even + first + ahead * in.depth);
      __builtin_prefetch(even + first + (ahead + 1) * in.depth);
      store(layout.at(to, first, pair), pairs_across<half>(even + first, steps == 2 ? even + in.depth + first : nullptr, count));
    }
  }
}
// The two that turn lines, in squares of 16 lines by 16 pairs.
template <Half half, class S>
LAMINA_INLINE void turn_square(const Lines<S>& in, int64_t first, int64_t lines, int64_t k, int64_t depth, uint32_t* to,
                               const Layout& layout) {
  const S* const from = in.data + first * in.line + k * in.depth;
  const int64_t count = smaller(16, lines - first), steps = smaller(32, depth - k);
  Pairs square[16];
  if (in.depth == 1) {
    const S* const soon = fetched_ahead(from, in.line, 16, k, depth, 128);
    for (int i = 0; i < count; ++i) {
      square[i] = pairs_along<half>(from + i * in.line, steps);
      __builtin_prefetch(soon + i * in.line);
      __builtin_prefetch(soon + i * in.line + 16);
    }
  } else {
    for (int i = 0; 2 * i < steps; ++i) {
      const S* const even = from + 2 * i * in.depth;
      square[i] = pairs_across<half>(even, 2 * i + 1 < steps ? even + in.depth : nullptr, count);
    }
  }
  transpose(square);
  uint32_t* const out = layout.at(to, first, k / 2);
  const int64_t step = layout.pair == 1 ? layout.line : layout.pair, vectors = layout.pair == 1 ? count : 16;
  for (int i = 0; i < vectors; ++i) store(out + i * step, square[i]);
}
template <Half half, class S>
void pack_turned(const Lines<S>& in, int64_t lines, int64_t depth, uint32_t* to, const Layout& layout) {
  const auto turn = [&](int64_t first, int64_t k) { turn_square<half>(in, first, lines, k, depth, to, layout); };
  if (in.depth == 1) {  // along the runs of memory
    for (int64_t first = 0; first < lines; first += 16) {
      for (int64_t k = 0; k < depth; k += 32) turn(first, k);
    }
  } else {
    for (int64_t k = 0; k < depth; k += 32) {
      for (int64_t first = 0; first < lines; first += 16) turn(first, k);
    }
  }
}
template <Half half, class S>
LAMINA_INLINE void pack(const Lines<S>& in, int64_t lines, int64_t depth, uint32_t* to, const Layout& layout) {
  if ((in.depth == 1) != (layout.pair == 1)) {
    pack_turned<half>(in, lines, depth, to, layout);
  } else if (in.depth == 1) {
    pack_along<half>(in, lines, depth, to, layout);
  } else {
    pack_across<half>(in, lines, depth, to, layout);
  }
}

// One operand of a product: float32, or bfloat16 where there is that; `half_step` from the high halves to the low ones.
LAMINA_INLINE void pack(const float* data, const bfloat16* rounded, int64_t line, int64_t depth_stride, int64_t first, int64_t lines,
                        int64_t k, int64_t depth, int halves, uint32_t* to, const Layout& layout, int64_t half_step) {
  const int64_t at = first * line + k * depth_stride;
  if (rounded) return pack<Half::nearest>(Lines<bfloat16>{rounded + at, line, depth_stride}, lines, depth, to, layout);
  const Lines<float> in{data + at, line, depth_stride};
  if (halves == 1) return pack<Half::nearest>(in, lines, depth, to, layout);
  pack<Half::high>(in, lines, depth, to, layout);
  pack<Half::low>(in, lines, depth, to + half_step, layout);
}
LAMINA_INLINE void pack_a(const Gemm<float>& g, int64_t row, int64_t rows, int64_t k, int64_t depth, int halves, uint32_t* to) {
  constexpr Layout layout{PackedA::stride, 1, PackedB::columns * PackedA::stride};  // row after row
  pack(g.a, g.a16, g.a_row, g.a_depth, row, rows, k, depth, halves, to, layout, PackedA::half);
}
LAMINA_INLINE void pack_b(const Gemm<float>& g, int64_t column, int64_t columns, int64_t k, int64_t depth, int halves, uint32_t* to) {
  const Layout layout{1, PackedB::columns, PackedB::half * halves};
  pack(g.b, g.b16, g.b_column, g.b_depth, column, columns, k, depth, halves, to, layout, PackedB::half);
}

}  // namespace lamina::LAMINA_ISA
