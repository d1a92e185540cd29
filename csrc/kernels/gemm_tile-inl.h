// Register tiles of the matrix product: one chain of fma per element, in the order of math/order.h.
#pragma once

#include <utility>

#include "base/scratch.h"
#include "kernels/ahead-inl.h"
#include "kernels/kernel_table.h"

namespace lamina::LAMINA_ISA {

// A register tile is up to tile_rows rows by tile_vectors vectors of columns; it fills the registers of the instruction
// set, and is nearly square, counted in loads: one for each row and vector. Where there are fewer rows it is wider, so that
// enough chains of fma are under way.
inline constexpr int tile_rows = lanes<float> == 16 ? 9 : lanes<float> == 8 ? 6 : 4;
constexpr int tile_vectors(int64_t rows) {
  if (lanes<float> == 16) return rows <= 2 ? 8 : rows <= 6 ? 4 : 3;
  if (lanes<float> == 8) return rows <= 1 ? 8 : rows <= 3 ? 4 : 2;
  return 4;
}
// A panel of a lies row by row, this far apart (an odd number of cache lines, so that rows do not share sets), or depth
// step by depth step, this wide.
template <class T>
inline constexpr int64_t panel_stride = order::depth_chunk + cache_line / sizeof(T);
template <class T>
inline constexpr int64_t panel_width = round_up(tile_rows, lanes<T>);

// What becomes of a tile's chunk sum.
template <class T>
struct Finish {
  const T* earlier = nullptr;  // sum of the chunks before, or null in the first
  int64_t earlier_stride = 0;
  T* c = nullptr;
  int64_t c_stride = 0;
  T alpha = 1, beta = 0;  // these, old and bias come with the last chunk
  const T* old = nullptr;
  int64_t old_stride = 0;
  const T* bias = nullptr;

  // Of the tile of g at (row, column), in the first or the last chunk of the depth.
  Finish(const Gemm<T>& g, int64_t row, int64_t column, bool first, bool last) {
    const Matrix<T>& to = last ? g.c : g.partial;
    c = to.row(row) + column;
    c_stride = to.stride;
    if (!first) earlier = g.partial.row(row) + column, earlier_stride = g.partial.stride;
    if (!last) return;
    alpha = g.alpha, beta = g.beta;
    if (g.beta != 0) old = g.c.row(row) + column, old_stride = g.c.stride;
    if (g.bias) bias = g.bias + column;
  }
  bool scales() const { return alpha != T(1) || old; }
  // To the tile so many columns further on.
  LAMINA_INLINE void move(int64_t columns) {
    if (earlier) earlier += columns;
    if (old) old += columns;
    if (bias) bias += columns;
    c += columns;
  }
};

template <class T, class Lanes>
LAMINA_INLINE void finish_vector(Vec<T> sum, int64_t row, int64_t column, const Finish<T>& f, Lanes lanes) {
  if (f.earlier) sum = load(f.earlier + row * f.earlier_stride + column, lanes) + sum;
  if (f.alpha != T(1)) sum = Vec<T>(f.alpha) * sum;
  if (f.old) sum = fma(Vec<T>(f.beta), load(f.old + row * f.old_stride + column, lanes), sum);
  if (f.bias) sum = sum + load(f.bias + column, lanes);
  store(f.c + row * f.c_stride + column, sum, lanes);
}

// Stretches of a tile's depth: between two of them a row of its result and a share of what comes next are fetched.
constexpr int64_t stretches(int64_t rows, int64_t depth) { return depth > 128 ? rows : 1; }

// c tile (rows x vectors) = a panel times b panel, `depth` steps. a's element (row i, step k) is at i * panel_stride + k
// with `by_rows`, else at k * a_step + i.
template <class T, bool by_rows, int rows, int vectors>
void tile(int64_t depth, const T* a, int64_t a_step, const T* b, int64_t b_step, int64_t columns, const Finish<T>& to, Ahead& next) {
  constexpr int W = lanes<T>;
  Vec<T> sum[rows][vectors];
  const auto each = [&](auto part) {
#pragma GCC unroll 16
    for (int i = 0; i < rows; ++i) {
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) part(sum[i][v], i, v * W);
    }
  };
  each([](Vec<T>& s, int, int) { s = Vec<T>(T(0)); });

  const auto multiply = [&](int64_t steps, auto plain) {
#pragma GCC unroll 2
    for (int64_t k = 0; k < steps; ++k) {
      Vec<T> b_row[vectors];
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) {
        b_row[v] = load(b + v * W, Full{});
        if constexpr (plain) fetch(b + 8 * b_step + v * W);
      }
#pragma GCC unroll 16
      for (int i = 0; i < rows; ++i) {
        const Vec<T> a_element(by_rows ? a[i * panel_stride<T>] : a[i]);
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) sum[i][v] = fma(a_element, b_row[v], sum[i][v]);
      }
      a += by_rows ? 1 : a_step;
      b += b_step;
    }
  };
  const auto in_stretches = [&](auto plain) {
    const int64_t stretch = divide_up(depth, stretches(rows, depth));
    for (int64_t k = 0, i = 0; k < depth; k += stretch, ++i) {
#pragma GCC unroll 8
      for (int v = 0; v < vectors; ++v) fetch(to.c + i * to.c_stride + v * W);
      if (to.earlier && to.earlier != to.c) {
#pragma GCC unroll 8
        for (int v = 0; v < vectors; ++v) fetch(to.earlier + i * to.earlier_stride + v * W);
      }
      next.fetch_share();
      multiply(smaller(stretch, depth - k), plain);
    }
  };
  // Rows of b that were not packed lie too far apart for hardware to follow.
  if (rows > 1 && b_step != vectors * W && depth * b_step * sizeof(T) > (256 << 10)) {
    in_stretches(std::true_type{});
  } else {
    in_stretches(std::false_type{});
  }

  const Finish<T> finish = to;
  if (columns == vectors * W && !finish.scales()) {
    if (finish.earlier) {
      each([&](Vec<T>& s, int i, int c) { s = load(finish.earlier + i * finish.earlier_stride + c, Full{}) + s; });
    }
    if (finish.bias) each([&](Vec<T>& s, int, int c) { s = s + load(finish.bias + c, Full{}); });
    each([&](Vec<T>& s, int i, int c) { store(finish.c + i * finish.c_stride + c, s, Full{}); });
  } else {
    const Partial<T> rest(columns - (vectors - 1) * W);
    each([&](Vec<T>& s, int i, int c) {
      c == (vectors - 1) * W ? finish_vector<T>(s, i, c, finish, rest) : finish_vector<T>(s, i, c, finish, Full{});
    });
  }
}

template <class T>
using Tile = void (*)(int64_t, const T*, int64_t, const T*, int64_t, int64_t, const Finish<T>&, Ahead&);
template <class T, bool by_rows, int rows, int vectors>
constexpr Tile<T> tile_if_any() {
  if constexpr (vectors <= tile_vectors(rows)) {
    return tile<T, by_rows, rows, vectors>;
  } else {
    return nullptr;
  }
}
// The tile of `rows` rows and so many vectors.
template <class T, bool by_rows, int... row>
LAMINA_INLINE Tile<T> find_tile(int64_t rows, int64_t vectors, std::integer_sequence<int, row...>) {
  static constexpr Tile<T> table[][8] = {{tile_if_any<T, by_rows, row + 1, 1>(), tile_if_any<T, by_rows, row + 1, 2>(),
                                          tile_if_any<T, by_rows, row + 1, 3>(), tile_if_any<T, by_rows, row + 1, 4>(), nullptr, nullptr,
                                          nullptr, tile_if_any<T, by_rows, row + 1, 8>()}...};
  return table[rows - 1][vectors - 1];
}

}  // namespace lamina::LAMINA_ISA
