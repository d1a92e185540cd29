// Matrix product: register tiles over packed (or, where that pays, plain) operands, in the order of math/order.h.
// Per 512 columns or so and 256 depth steps: a block of b lies in L2, a panel of a in L1, a tile of c in registers.
#pragma once

#include "kernels/batchnorm-inl.h"
#include "kernels/gemm_pack-inl.h"
#include "kernels/gemm_turned-inl.h"

namespace lamina::LAMINA_ISA {

template <class T>
struct GemmPlan {
  static constexpr int64_t depth = order::depth_chunk;
  static constexpr int64_t columns = round_up((512 << 10) / (depth * sizeof(T)), tile_vectors(tile_rows) * lanes<T>);
  static constexpr int64_t block_bytes = columns * depth * sizeof(T);  // of b, in L2
  static_assert(block_bytes + tile_rows * panel_stride<T> * sizeof(T) <= scratch_bytes);
  static constexpr int64_t most_panels = 16;
  static_assert(block_bytes + most_panels * panels_apart<T>(tile_rows, depth) * sizeof(T) <= scratch_bytes);
  static constexpr int64_t reuse = lanes<float> == 16 ? 80 : 36;  // rows that pay for a packed b whose vectors cross lines
  bool by_rows, pack_a, pack_b, fetch_a, turn_b;
  int64_t panels;        // of a packed at a time: of a large one whose rows lie across the memory, a line is read once
  int64_t panel;         // rows a tile, as even as can be
  int64_t tile_columns;  // and columns
  bool once;             // a single panel of rows: nothing packed of b is read again

  GemmPlan(const Gemm<T>& g, int64_t rows) {
    panel = divide_up(rows, divide_up(rows, tile_rows));
    once = rows <= tile_rows;
    tile_columns = (tile_vectors(once ? panel : tile_rows))*lanes<T>;
    // Contiguous along the tile's own direction: packing only saves cache lines and pages, so reuse must pay for it.
    by_rows = g.a_row != 1;
    pack_a = by_rows || (g.c.columns >= 4 * tile_columns && g.depth > 64);
    panels = pack_a && !by_rows && g.depth * g.a_depth * int64_t(sizeof(T)) > (1 << 20) ? most_panels : 1;
    fetch_a = (by_rows || panels > 1) && rows * g.depth * int64_t(sizeof(T)) > (64 << 10);
    const int64_t bytes = g.depth * g.b_depth * int64_t(sizeof(T));
    const bool in_lines = (reinterpret_cast<uintptr_t>(g.b) | g.b_depth * sizeof(T)) % cache_line == 0;
    turn_b = g.b_column != 1 && rows <= turned_rows && lanes<T> > 1;
    pack_b = !turn_b && (g.b_column != 1 || bytes > (4 << 20) || (rows >= reuse * (in_lines ? 2 : 1) && bytes > (64 << 10)));
  }
};

// Rows of a and some of their depth steps, as they lie in memory.
template <class S, class T>
Matrix<const S> piece_of_a(const S* a, const Gemm<T>& g, int64_t row, int64_t rows, int64_t k, int64_t depth) {
  const S* const at = a + row * g.a_row + k * g.a_depth;
  return g.a_row == 1 ? Matrix<const S>{at, depth, rows, g.a_depth} : Matrix<const S>{at, rows, depth, g.a_row};
}

// Tiles of one panel of a (tall rows) against one of b (width columns), the widest first.
template <class T>
LAMINA_INLINE void multiply_panel(bool by_rows, int64_t tall, int64_t width, int64_t depth, const T* a, int64_t a_step, const T* b,
                                  int64_t b_step, Finish<T> finish, Ahead& next) {
  constexpr int64_t W = lanes<T>;
  constexpr auto rows = std::make_integer_sequence<int, tile_rows>{};
  for (int64_t c = 0; c < width;) {
    const int64_t vectors = divide_up(width - c, W);
    const int64_t size = vectors >= 8 ? 8 : smaller(4, vectors), columns = smaller(W * size, width - c);
    (by_rows ? find_tile<T, true>(tall, size, rows) : find_tile<T, false>(tall, size, rows))(depth, a, a_step, b + c, b_step, columns,
                                                                                             finish, next);
    finish.move(columns);
    c += columns;
  }
}

// The share of one task: rows of c from `row`, columns from `column`.
template <class T>
void gemm_part(const Gemm<T>& g, int64_t row, int64_t rows, int64_t column, int64_t columns) {
  using Plan = GemmPlan<T>;
  constexpr int W = lanes<T>;
  const Plan plan(g, rows);
  T* const b_block = reinterpret_cast<T*>(thread_scratch());
  T* const a_panel = b_block + Plan::block_bytes / sizeof(T);

  for (int64_t first_column = column; first_column < column + columns; first_column += Plan::columns) {
    const int64_t block = smaller(Plan::columns, column + columns - first_column);
    for (int64_t k = 0; k == 0 || k < g.depth; k += Plan::depth) {
      const int64_t depth = smaller(Plan::depth, g.depth - k);
      const bool last = k + depth == g.depth;
      const bool packed_by_rows = plan.pack_b && g.b_column == 1;
      if (packed_by_rows) pack_block(g.b + k * g.b_depth + first_column, g.b_depth, block, depth, plan.tile_columns, b_block);
      const int64_t tiles = divide_up(block, plan.tile_columns), group = plan.panels * plan.panel;
      Ahead next;  // rows of a that are packed together
      for (int64_t i = row; i < row + rows; i += plan.panel) {
        const int64_t tall = smaller(plan.panel, row + rows - i);
        const T* a = g.a + i * g.a_row + k * g.a_depth;
        int64_t a_step = g.a_depth;
        if (plan.by_rows) {
          copy_rows(a, g.a_row, tall, depth, a_panel);
          a = a_panel;
        } else if (plan.pack_a) {
          if (plan.panels == 1) {
            a_step = panel_width<T>;
            pack_rows(a, g.a_depth, tall, depth, a_panel, a_step);
            a = a_panel;
          } else {
            const int64_t at = (i - row) / plan.panel % plan.panels;
            if (at == 0) pack_panels(a, g.a_depth, smaller(group, row + rows - i), depth, plan.panel, a_panel);
            a = a_panel + at * panels_apart<T>(plan.panel, depth);
            a_step = plan.panel;
          }
        }
        const int64_t left = row + rows - i - group;
        if (plan.fetch_a && (i - row) % group == 0 && left > 0) {
          next = Ahead(piece_of_a(g.a, g, i + group, smaller(group, left), k, depth), plan.panels * tiles * stretches(tall, depth));
        }
        for (int64_t c = 0; c < block; c += plan.tile_columns) {
          const int64_t width = smaller(plan.tile_columns, block - c), step = round_up(width, W), at = first_column + c;
          const T* b = g.b + k * g.b_depth + at * g.b_column;
          int64_t b_step = g.b_depth;
          if (plan.turn_b) {
            multiply_turned(tall, width, depth, a, plan.by_rows ? panel_stride<T> : 1, a_step, b, g.b_column,
                            Finish<T>(g, i, at, k == 0, last));
            continue;
          }
          // A last panel that ends inside a vector is always packed: its lanes beyond the matrix are zero.
          if (plan.pack_b || width != step) {
            T* const packed = plan.once && !packed_by_rows ? b_block : b_block + c * depth;
            if (i > row || packed_by_rows) {
              // done
            } else if (g.b_column != 1) {
              pack_transposed(b, g.b_column, width, depth, packed, step);
            } else {
              pack_rows(b, g.b_depth, width, depth, packed, step);
            }
            b = packed;
            b_step = step;
          }
          multiply_panel(plan.by_rows, tall, width, depth, a, a_step, b, b_step, Finish<T>(g, i, at, k == 0, last), next);
        }
        if (last && g.tail && !g.statistics) {
          tail_block(*g.tail, Matrix<const T>(g.c), g.saved, g.c, Block{i, tall, first_column, block});
        }
      }
    }
  }
}

// Nanoseconds on one thread: the multiplications, and b brought in from memory once.
template <class T>
double gemm_cost(const Gemm<T>& g) {
  const double columns = static_cast<double>(g.c.columns), depth = static_cast<double>(g.depth);
  return sizeof(T) * columns * (0.004 * static_cast<double>(g.c.rows) * (depth + 8) + 0.02 * depth);
}

// How a product is split into tasks, whose widths are multiples of `step` columns, `widest` at most, or at least `lowest`
// rows high.
struct GemmSplit {
  int64_t width, height, across, down;

  template <class T>
  static GemmSplit of(const Context& context, const Gemm<T>& g, int64_t step, int64_t widest, int64_t lowest, bool rows_first = false) {
    const int64_t rows = g.c.rows, columns = g.c.columns;
    const auto split = [&](int64_t width, int64_t height) {
      return GemmSplit{width, height, divide_up(columns, width), divide_up(rows, height)};
    };
    if (g.statistics) widest = smaller(widest, strip_columns);
    // Many rows are cut, so that a core that is held back takes fewer of them; but b is packed for each cut.
    constexpr int64_t pays = 1024;
    const int64_t tallest = context.threads > 1 && rows >= 2 * pays ? divide_up(rows, rows / pays) : rows;
    // By columns no task packs what another packs too, but for a's small panels.
    const int64_t width = smaller(widest, round_up(divide_up(columns, context.threads), step));
    if (g.statistics) return split(width, rows);  // which need whole columns
    const GemmSplit by_columns = split(width, tallest);
    // By rows the shares of few columns are more even; and first where packing a takes longer, unless less even.
    const int64_t height = larger(lowest, smaller(tallest, divide_up(rows, context.threads)));
    const GemmSplit by_rows = split(smaller(widest, round_up(columns, lanes<T>)), rows_first ? round_up(height, lowest) : height);
    const auto largest_share = [&](const GemmSplit& s) {
      return divide_up(s.across * s.down, context.threads) * s.height * round_up(s.width, lanes<T>);
    };
    return largest_share(by_rows) * 20 < largest_share(by_columns) * (rows_first ? 21 : 19) ? by_rows : by_columns;
  }
  template <class T>
  static GemmSplit of(const Context& context, const Gemm<T>& g) {
    return of(context, g, g.statistics ? strip_step : larger(strip_step, lanes<T>), GemmPlan<T>::columns, tile_rows);
  }
};

// part(row, rows, column, columns) over all tasks, each with the batch statistics of its columns behind it.
template <class T, class Part>
void over_parts(const Context& context, const Gemm<T>& g, const GemmSplit& split, double cost, const Part& part) {
  context.parallel(split.across * split.down, cost, [&](int64_t task) {
    const int64_t row = task / split.across * split.height, column = task % split.across * split.width;
    const int64_t columns = smaller(split.width, g.c.columns - column);
    part(row, smaller(split.height, g.c.rows - row), column, columns);
    if (g.statistics) batchnorm_strip(*g.tail, *g.statistics, Matrix<const T>(g.c), g.saved, g.h, column, columns);
  });
}

template <class T>
void gemm(const Context& context, const Gemm<T>& g) {
  over_parts(context, g, GemmSplit::of(context, g), gemm_cost(g),
             [&](int64_t row, int64_t rows, int64_t column, int64_t columns) { gemm_part(g, row, rows, column, columns); });
}

template <class T>
GemmPlanInfo describe_gemm(const Context& context, const Gemm<T>& g) {
  const GemmSplit split = GemmSplit::of(context, g);
  const int64_t height = smaller(split.height, g.c.rows), width = smaller(split.width, g.c.columns);
  const GemmPlan<T> plan(g, height);
  const int64_t tile_columns = smaller(plan.tile_columns, round_up(width, lanes<T>));
  GemmPlanInfo info{split.down, split.across, height, width, plan.panel, tile_columns, GemmPlan<T>::depth, plan.pack_a, plan.pack_b};
  info.turn_b = plan.turn_b;
  info.pack_edge = !plan.pack_b && !plan.turn_b && g.c.columns % lanes<T> != 0;
  return info;
}

}  // namespace lamina::LAMINA_ISA
