// Matrix product: register tiles over packed (or, where that pays, plain) operands, in the order of math/order.h.
// Per 512 columns and 256 depth steps: a block of b lies in L2, a panel of a in L1, a tile of c in registers.
#pragma once

#include <utility>

#include "base/scratch.h"
#include "kernels/tail-inl.h"

namespace lamina::LAMINA_ISA {

// A register tile is tile_rows rows by tile_vectors vectors of columns; it fills the registers of the instruction set.
inline constexpr int tile_rows = lanes<float> == 16 ? 14 : lanes<float> == 8 ? 6 : 4;
inline constexpr int tile_vectors = lanes<float> == 1 ? 4 : 2;
template <class T>
inline constexpr int64_t tile_columns = tile_vectors * lanes<T>;
// Packed panels of a are this wide, so that whole squares can be transposed into them.
template <class T>
inline constexpr int64_t panel_rows = round_up(tile_rows, lanes<T>);

// What becomes of a tile's chunk sum.
template <class T>
struct Finish {
  const T* earlier = nullptr;  // sum of the chunks before, or null in the first
  int64_t earlier_stride = 0;
  T* c = nullptr;
  int64_t c_stride = 0;
  bool last = false;  // alpha, beta and bias come with the last chunk
  T alpha = 1, beta = 0;
  const T* old = nullptr;
  int64_t old_stride = 0;
  const T* bias = nullptr;
};

template <class T, class Lanes>
LAMINA_INLINE void finish_vector(Vec<T> sum, int64_t row, int64_t column, const Finish<T>& f, Lanes lanes) {
  if (f.earlier) sum = load(f.earlier + row * f.earlier_stride + column, lanes) + sum;
  if (f.last) {
    if (f.alpha != T(1)) sum = Vec<T>(f.alpha) * sum;
    if (f.old) sum = fma(Vec<T>(f.beta), load(f.old + row * f.old_stride + column, lanes), sum);
    if (f.bias) sum = sum + load(f.bias + column, lanes);
  }
  store(f.c + row * f.c_stride + column, sum, lanes);
}

// c tile (rows x vectors) = a panel (depth steps of `rows` consecutive elements) times b panel.
template <class T, int rows, int vectors>
void tile(int64_t depth, const T* a, int64_t a_step, const T* b, int64_t b_step, int64_t columns, const Finish<T>& finish) {
  constexpr int W = lanes<T>;
  Vec<T> sum[rows][vectors];
#pragma GCC unroll 16
  for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) sum[i][v] = Vec<T>(T(0));
  }
  for (int64_t k = 0; k < depth; ++k) {
    Vec<T> b_row[vectors];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) b_row[v] = load(b + v * W, Full{});
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
      const Vec<T> a_element(a[i]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) sum[i][v] = fma(a_element, b_row[v], sum[i][v]);
    }
    a += a_step;
    b += b_step;
  }
  if (columns == vectors * W) {
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) finish_vector<T>(sum[i][v], i, v * W, finish, Full{});
    }
  } else {
    const Partial<T> rest(columns - (vectors - 1) * W);
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 4
      for (int v = 0; v < vectors - 1; ++v) finish_vector<T>(sum[i][v], i, v * W, finish, Full{});
      finish_vector<T>(sum[i][vectors - 1], i, (vectors - 1) * W, finish, rest);
    }
  }
}

template <class T>
using Tile = void (*)(int64_t, const T*, int64_t, const T*, int64_t, int64_t, const Finish<T>&);
template <class T, int... index>
LAMINA_INLINE Tile<T> find_tile(int64_t rows, int64_t vectors, std::integer_sequence<int, index...>) {
  static constexpr Tile<T> table[] = {tile<T, index / tile_vectors + 1, index % tile_vectors + 1>...};
  return table[(rows - 1) * tile_vectors + vectors - 1];
}
template <class T>
LAMINA_INLINE Tile<T> find_tile(int64_t rows, int64_t vectors) {
  return find_tile<T>(rows, vectors, std::make_integer_sequence<int, tile_rows * tile_vectors>{});
}

// out[k * step + i] = in[i * stride + k] for `count` lines i and `depth` steps k; lines up to `step` are zero.
template <class T>
LAMINA_INLINE void pack_transposed(const T* in, int64_t stride, int64_t count, int64_t depth, T* out, int64_t step) {
  constexpr int W = lanes<T>;
  for (int64_t first = 0; first < step; first += W) {
    for (int64_t k = 0; k < depth; k += W) {
      Vec<T> square[W];
      const auto read = [&](auto lanes) {
#pragma GCC unroll 16
        for (int i = 0; i < W; ++i) square[i] = first + i < count ? load(in + (first + i) * stride + k, lanes) : Vec<T>(T(0));
      };
      if (k + W <= depth) {
        read(Full{});
      } else {
        read(Partial<T>(depth - k));
      }
      transpose(square);
      const int64_t steps = smaller(W, depth - k);
      for (int64_t i = 0; i < steps; ++i) store(out + (k + i) * step + first, square[i], Full{});
    }
  }
}
// out[k * step + i] = in[k * stride + i], zero for i from `count` to `step`.
template <class T>
LAMINA_INLINE void pack_rows(const T* in, int64_t stride, int64_t count, int64_t depth, T* out, int64_t step) {
  constexpr int W = lanes<T>;
  for (int64_t k = 0; k < depth; ++k) {
    for (int64_t i = 0; i < step; i += W) {
      Vec<T> x(T(0));
      if (i + W <= count) {
        x = load(in + k * stride + i, Full{});
      } else if (i < count) {
        x = load(in + k * stride + i, Partial<T>(count - i));
      }
      store(out + k * step + i, x, Full{});
    }
  }
}

template <class T>
struct GemmPlan {
  static constexpr int64_t block_bytes = 512 << 10;  // of b, in L2
  static constexpr int64_t columns = block_bytes / (order::depth_chunk * sizeof(T)), depth = order::depth_chunk;
  static_assert(block_bytes + panel_rows<T> * depth * sizeof(T) <= scratch_bytes);
  bool pack_a, pack_b;
  int64_t panel;  // rows a tile, as even as can be

  GemmPlan(const Gemm<T>& g, int64_t rows) {
    panel = divide_up(rows, divide_up(rows, tile_rows));
    // Contiguous along the tile's own direction: packing only saves cache lines and pages, so reuse must pay for it.
    pack_a = g.a_row != 1 || (g.c.columns >= 4 * tile_columns<T> && g.depth > 64);
    pack_b = g.b_column != 1 || (rows >= 6 * tile_rows && g.depth * g.b_depth * int64_t(sizeof(T)) > (64 << 10));
  }
};

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
      const T* const b = g.b + k * g.b_depth + first_column * g.b_column;
      const auto packed_panel = [&](int64_t c) { return b_block + c * depth; };
      // A last panel that ends inside a vector is always packed: its lanes beyond the matrix are zero.
      const auto packed = [&](int64_t width) { return plan.pack_b || width % W != 0; };
      for (int64_t c = 0; c < block; c += tile_columns<T>) {
        const int64_t width = smaller(tile_columns<T>, block - c), step = round_up(width, W);
        if (g.b_column != 1) {
          pack_transposed(b + c * g.b_column, g.b_column, width, depth, packed_panel(c), step);
        } else if (packed(width)) {
          pack_rows(b + c, g.b_depth, width, depth, packed_panel(c), step);
        }
      }
      for (int64_t i = row; i < row + rows; i += plan.panel) {
        const int64_t tall = smaller(plan.panel, row + rows - i);
        const T* a = g.a + i * g.a_row + k * g.a_depth;
        int64_t a_step = g.a_depth;
        if (plan.pack_a) {
          a_step = panel_rows<T>;
          if (g.a_row == 1) {
            pack_rows(a, g.a_depth, tall, depth, a_panel, a_step);
          } else {
            pack_transposed(a, g.a_row, tall, depth, a_panel, a_step);
          }
          a = a_panel;
        }
        Finish<T> finish;
        finish.last = last;
        finish.alpha = g.alpha;
        finish.beta = g.beta;
        for (int64_t c = 0; c < block; c += tile_columns<T>) {
          const int64_t width = smaller(tile_columns<T>, block - c), at = first_column + c;
          const Matrix<T>& to = last ? g.c : g.partial;
          finish.c = to.row(i) + at;
          finish.c_stride = to.stride;
          if (k > 0) finish.earlier = g.partial.row(i) + at, finish.earlier_stride = g.partial.stride;
          if (last && g.beta != 0) finish.old = g.c.row(i) + at, finish.old_stride = g.c.stride;
          finish.bias = g.bias ? g.bias + at : nullptr;
          find_tile<T>(tall, divide_up(width, W))(depth, a, a_step, packed(width) ? packed_panel(c) : b + c,
                                                  packed(width) ? round_up(width, W) : g.b_depth, width, finish);
        }
        if (last && g.tail) {
          tail_block(*g.tail, Matrix<const T>(g.c), g.y, g.c, Block{i, tall, first_column, block});
        }
      }
    }
  }
}

template <class T>
void gemm(const Context& context, const Gemm<T>& g) {
  const int64_t rows = g.c.rows, columns = g.c.columns;
  const double nanoseconds = 0.004 * sizeof(T) * static_cast<double>(rows * columns) * static_cast<double>(g.depth + 8);
  // Columns are split first: then no task packs what another packs too, but for a's small panels.
  const int64_t width = smaller(GemmPlan<T>::columns, round_up(divide_up(columns, context.threads), 64));
  const int64_t across = divide_up(columns, width);
  const int64_t height = across >= context.threads ? rows : larger(tile_rows, round_up(divide_up(rows, context.threads), tile_rows));
  const int64_t down = divide_up(rows, height);
  context.parallel(across * down, nanoseconds, [&](int64_t task) {
    const int64_t column = task % across * width, row = task / across * height;
    gemm_part(g, row, smaller(height, rows - row), column, smaller(width, columns - column));
  });
}

}  // namespace lamina::LAMINA_ISA
