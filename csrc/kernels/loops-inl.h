// Loops over spans of elements, a vector at a time with one partial vector at the end, and their split over threads.
#pragma once

#include <initializer_list>
#include <type_traits>

#include "base/context.h"
#include "base/types.h"
#include "math/order.h"

namespace lamina::LAMINA_ISA {

constexpr int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t round_up(int64_t a, int64_t b) { return divide_up(a, b) * b; }
constexpr int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
constexpr int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

// f(i, lanes) for vectors of elements starting at i; lanes is Full or Partial.
template <class T, class F>
LAMINA_INLINE void over(int64_t n, const F& f) {
  int64_t i = 0;
  for (; i + lanes<T> <= n; i += lanes<T>) f(i, Full{});
  if (i < n) f(i, Partial<T>(n - i));
}

// The elements between `at`, which is aligned to elements, and the next place that is aligned to vectors.
template <class T>
LAMINA_INLINE int64_t before_aligned(const T* at) {
  constexpr uintptr_t bytes = lanes<T> * sizeof(T);
  return static_cast<int64_t>((bytes - reinterpret_cast<uintptr_t>(at) % bytes) % bytes / sizeof(T));
}

// From here on rows are long enough to be walked by themselves, in aligned vectors.
template <class T>
inline constexpr int64_t long_row = 16 * lanes<T>;

using Inputs = std::initializer_list<const void*>;
// Whether loads from one of `ins` soon after a vector was stored to `out` wait for it: processors compare the low bits of addresses
// first, 12 or 20 of them, and those are alike where `out` lies just behind, but for a multiple of so much.
LAMINA_INLINE bool just_behind(const void* out, Inputs ins) {
  bool any = false;
  for (const void* const in : ins) {
    const uintptr_t apart = (reinterpret_cast<uintptr_t>(out) - reinterpret_cast<uintptr_t>(in)) % 4096;
    any = any || (apart > 0 && apart < 1024);
  }
  return any;
}
// As over, in any order. If `apart`, sixteen vectors are visited by steps of seven (the last of a span backward): between two that
// touch lie others, so that what one stores is there when the other is loaded. Whole vectors begin `head` elements on.
template <class T, class F>
LAMINA_INLINE void over_any_order(int64_t head, int64_t n, bool apart, const F& f) {
  constexpr int64_t W = lanes<T>, group = 16, far = 7;
  if (head > 0) f(0, Partial<T>(head));
  int64_t i = head;
  if (apart) {
    for (int64_t left = (n - head) / W; left > 0; left -= group) {
      const int64_t count = smaller(group, left), step = count == group ? far : count - 1;
#pragma GCC unroll 1
      for (int64_t j = 0, at = 0; j < count; ++j, at += at + step < count ? step : step - count) f(i + at * W, Full{});
      i += count * W;
    }
  }
  for (; i + W <= n; i += W) f(i, Full{});
  if (i < n) f(i, Partial<T>(n - i));
}
// As over, from `ins` to `out` in any order. Whole vectors are aligned in `out`, where that pays and they may begin anywhere.
template <class T, bool anywhere = true, class F>
LAMINA_INLINE void over_apart(int64_t n, const T* out, Inputs ins, const F& f) {
  over_any_order<T>(anywhere && n >= long_row<T> ? before_aligned(out) : 0, n, just_behind(out, ins), f);
}

// f(first, together, c, lanes) for the vectors of groups of `count` rows, one row at a time at the end: what belongs to
// their columns is loaded once for all rows of a group. Each group's as over_apart, which is told of the first row.
template <int64_t count, class T, class F>
LAMINA_INLINE void over_row_groups(int64_t rows, int64_t columns, const T* out, Inputs ins, const F& f) {
  const auto walk = [=](int64_t first, auto together) {
    over_apart<T>(columns, out, ins, [=](int64_t c, auto lanes) { f(first, together, c, lanes); });
  };
  int64_t r = 0;
  for (; r + count <= rows; r += count) walk(r, std::integral_constant<int64_t, count>{});
  for (; r < rows; ++r) walk(r, std::integral_constant<int64_t, 1>{});
}

// A block is what one task works on, sized to lie in cache with its operands: at most 32 rows (a chunk of
// math/order.h) and `block_elements`. Column starts are multiples of 64, so that vectors and dropout's groups of 8
// never straddle.
inline constexpr int64_t block_rows = order::row_chunk, block_elements = 16384, strip_columns = 512;

struct Block {
  int64_t row, rows, column, columns;
};

// f(block) over all blocks of a matrix, in parallel; `cost` is nanoseconds per element. Blocks are wide (`widest` at
// most) and low, so that memory is walked through in order.
template <class F>
void over_blocks(const Context& context, int64_t rows, int64_t columns, int64_t widest, double cost, const F& f) {
  const int64_t width = smaller(larger(columns, 1), widest), height = smaller(block_rows, block_elements / width);
  const int64_t across = divide_up(columns, width), blocks = across * divide_up(rows, height);
  // Several blocks in a row a task: long runs suit memory.
  const int64_t run = larger(1, smaller(8, blocks / (4 * context.threads)));
  context.parallel(divide_up(blocks, run), cost * static_cast<double>(rows * columns), [&](int64_t task) {
    for (int64_t block = task * run; block < smaller(blocks, (task + 1) * run); ++block) {
      const int64_t row = block / across * height, column = block % across * width;
      f(Block{row, smaller(height, rows - row), column, smaller(width, columns - column)});
    }
  });
}

// Strips of columns, for work that runs down the rows in order, start at multiples of strip_step: dropout's groups.
inline constexpr int64_t strip_step = 8;
inline int64_t strip_width(const Context& context, int64_t columns) {
  return smaller(strip_columns, larger(strip_step, round_up(divide_up(columns, context.threads), strip_step)));
}

// f(column, columns) over strips of columns, in parallel.
template <class F>
void over_strips(const Context& context, int64_t rows, int64_t columns, double cost, const F& f) {
  const int64_t width = strip_width(context, columns);
  context.parallel(divide_up(columns, width), cost * static_cast<double>(rows * columns),
                   [&](int64_t task) { f(task * width, smaller(width, columns - task * width)); });
}

// f(first, count) over ranges of rows, in parallel; `cost` is nanoseconds per element, beside some for each row.
template <class F>
void over_rows(const Context& context, int64_t rows, int64_t columns, double cost, const F& f) {
  constexpr double row_cost = 10;
  const int64_t most = larger(8, 16384 / larger(1, columns)), share = round_up(divide_up(rows, context.threads), 8);
  const int64_t count = larger(8, smaller(most, share));
  context.parallel(divide_up(rows, count), (cost * static_cast<double>(columns) + row_cost) * static_cast<double>(rows),
                   [&](int64_t task) { f(task * count, smaller(count, rows - task * count)); });
}

// As many lines as are turned at a time are more than hardware follows: what is `ahead` numbers further on, in these lines or,
// after the last of their depth steps, in as many that come next. `in` is at step k of the first line.
template <class T>
LAMINA_INLINE const T* fetched_ahead(const T* in, int64_t stride, int64_t lines, int64_t k, int64_t depth, int64_t ahead) {
  return k + ahead < depth ? in + ahead : in + lines * stride + ahead - depth;
}

}  // namespace lamina::LAMINA_ISA
