// Matrix product on a unit that multiplies bfloat16 and adds in float32: operands rounded, or split in two halves, while
// they are packed. Each element takes its chunks of depth in order, so that threads change nothing.
#pragma once

#include "kernels/bfloat16_pack-inl.h"
#include "kernels/convert-inl.h"
#include "kernels/gemm-inl.h"

namespace lamina::LAMINA_ISA {

// How many halves of its operands a product multiplies: 0 where it is computed at highest. Shape and precision decide.
template <class Unit>
int halves_of(const Context& context, const Gemm<float>& g) {
  if (g.a16 && g.b16) return 1;
  if (g.c.rows < Unit::least_rows || g.c.columns < Unit::least_columns || g.depth < Unit::least_depth) return 0;
  return Unit::halves(context.precision);
}

// What a tile's chunk sums become, by way of L1.
LAMINA_INLINE void finish_tile(const Finish<float>& finish, const float* sums, int64_t tall, int64_t width) {
  if (width == PackedB::columns && !finish.scales()) {
    for (int64_t i = 0; i < tall; ++i) {
      for (int64_t c = 0; c < PackedB::columns; c += lanes<float>) {
        Vec<float> sum = load(sums + i * PackedB::columns + c, Full{});
        if (finish.earlier) sum = load(finish.earlier + i * finish.earlier_stride + c, Full{}) + sum;
        if (finish.bias) sum = sum + load(finish.bias + c, Full{});
        store(finish.c + i * finish.c_stride + c, sum, Full{});
      }
    }
    return;
  }
  for (int64_t i = 0; i < tall; ++i) {
    over<float>(width,
                [&](int64_t c, auto lanes) { finish_vector<float>(load(sums + i * PackedB::columns + c, lanes), i, c, finish, lanes); });
  }
}

// What is fetched between steps of a tile: sums of earlier chunks, or where this one's go, and rows of a that are packed next.
struct Soon {
  Ahead sums, a;
  LAMINA_INLINE void fetch_share() { sums.fetch_share(), a.fetch_share(); }
};
constexpr int64_t pairs_a_step = 16;

// The share of one task: rows of c from `row`, columns from `column`. A product of no depth comes as one of float32.
template <class Unit>
void bfloat16_part(const Gemm<float>& g, int halves, int64_t row, int64_t rows, int64_t column, int64_t columns) {
  static_assert(Unit::rows <= 32 && Unit::block_columns(1) <= PackedB::most_columns);
  uint32_t* const b_block = reinterpret_cast<uint32_t*>(thread_scratch());
  uint32_t* const a_panels = b_block + PackedB::block;
  const int64_t block_columns = Unit::block_columns(g.depth) / halves;
  const int64_t height = Unit::panel(rows), group = PackedA::rows / height * height;
  alignas(64) float sums[32 * PackedB::columns];
  Unit unit;

  for (int64_t first_column = column; first_column < column + columns; first_column += block_columns) {
    const int64_t block = smaller(block_columns, column + columns - first_column);
    for (int64_t k = 0; k < g.depth; k += chunk_depth) {
      const int64_t depth = smaller(chunk_depth, g.depth - k);
      const int64_t steps = padded_pairs(depth) / pairs_a_step * (2 * halves - 1);
      const bool last = k + depth == g.depth;
      Soon soon;
      const auto multiply_panel = [&](int64_t i, int64_t tall, const uint32_t* a) {
        for (int64_t c = 0; c < block; c += PackedB::columns) {
          const int64_t width = smaller(PackedB::columns, block - c), at = first_column + c;
          const Finish<float> finish(g, i, at, k == 0, last);
          soon.sums = finish.earlier ? Ahead(Matrix<const float>{finish.earlier, tall, width, finish.earlier_stride}, steps)
                                     : Ahead(Matrix<const float>{finish.c, tall, width, finish.c_stride}, steps);
          unit.multiply(tall, width, padded_pairs(depth), halves, a, b_block + c / PackedB::columns * PackedB::half * halves, sums, soon);
          finish_tile(finish, sums, tall, width);
        }
        if (last && g.tail && !g.statistics) {
          tail_block(*g.tail, Matrix<const float>(g.c), g.saved, g.c, Block{i, tall, first_column, block});
        }
        if (last && g.rounded) {
          for (int64_t r = i; r < i + tall; ++r) convert_row(g.c.row(r) + first_column, block, g.rounded.row(r) + first_column);
        }
      };
      pack_b(g, first_column, block, k, depth, halves, b_block);
      for (int64_t first = row; first < row + rows; first += group) {
        const int64_t count = smaller(group, row + rows - first);
        pack_a(g, first, count, k, depth, halves, a_panels);
        const int64_t left = row + rows - first - group;
        if (left > 0) {
          const int64_t shares = divide_up(count, height) * divide_up(block, PackedB::columns) * steps;
          const auto next = [&](auto* a) { return Ahead(piece_of_a(a, g, first + group, smaller(group, left), k, depth), shares); };
          soon.a = g.a16 ? next(g.a16) : next(g.a);
        }
        for (int64_t i = 0; i < count; i += height) {
          multiply_panel(first + i, smaller(height, count - i), a_panels + i * PackedA::stride);
        }
      }
    }
  }
}

// The table's entries: each sends what this precision and shape do not take to those of the level below.
template <class Unit>
struct Bfloat16 {
  static inline Kernels<float> below;

  static GemmSplit split_of(const Context& context, const Gemm<float>& g) {
    const bool turns_a = g.a_row == 1 && g.b_column == 1;
    return GemmSplit::of(context, g, PackedB::columns, Unit::block_columns(g.depth), Unit::rows, turns_a);
  }
  static void gemm(const Context& context, const Gemm<float>& g) {
    const int halves = halves_of<Unit>(context, g);
    if (halves == 0) return below.gemm(context, g);
    over_parts(
        context, g, split_of(context, g), Unit::cost * (2 * halves - 1) * gemm_cost(g),
        [&](int64_t row, int64_t rows, int64_t column, int64_t columns) { bfloat16_part<Unit>(g, halves, row, rows, column, columns); });
  }
  static GemmPlanInfo describe_gemm(const Context& context, const Gemm<float>& g) {
    const int halves = halves_of<Unit>(context, g);
    if (halves == 0) return below.describe_gemm(context, g);
    const GemmSplit split = split_of(context, g);
    const int64_t height = smaller(split.height, g.c.rows), width = smaller(split.width, g.c.columns);
    return {split.down, split.across, height, width, Unit::panel(height), smaller(PackedB::columns, width), chunk_depth,
            true,       true,         false,  halves};
  }
  // Strips of a product would each pack the same operand anew: it is computed in one piece.
  static bool joins(const Context& context, const Gemm<float>& g, int64_t columns) {
    return halves_of<Unit>(context, g) == 0 && below.joins(context, g, columns);
  }

  static void fill(KernelTable& table, const char* name) {
    below = table.f32;
    table.name = name;
    table.f32.gemm = gemm;
    table.f32.describe_gemm = describe_gemm;
    table.f32.joins = joins;
    table.bfloat16_unit = Unit::name;
    table.high = Unit::halves(Precision::high) != 0;
  }
};

}  // namespace lamina::LAMINA_ISA
