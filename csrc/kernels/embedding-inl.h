// Rows of a table by code, and their gradient.
#pragma once

#include "kernels/columns-inl.h"
#include "kernels/kernel_table.h"

namespace lamina::LAMINA_ISA {

template <class T>
void embedding_forward(const Context& context, const Codes<T>& codes, Matrix<const T> table, Matrix<T> y) {
  const int64_t columns = y.columns;
  over_rows(context, y.rows, columns, 0.1, [=](int64_t first, int64_t count) {
    for (int64_t r = first; r < first + count; ++r) {
      const int64_t code = codes.at(r, table.rows);
      T* const to = y.row(r);
      if (code >= 0) {
        const T* const from = table.row(code);
        over<T>(columns, [=](int64_t c, auto lanes) { store(to + c, load(from + c, lanes), lanes); });
      } else {
        over<T>(columns, [=](int64_t c, auto lanes) { store(to + c, constant<Vec<T>>(__builtin_nan("")), lanes); });
      }
    }
  });
}

// A task owns some codes and some columns. Of each chunk of rows it gathers the sums of the codes that are there.
template <class T>
struct EmbeddingBackward {
  static constexpr int64_t width = 64;
  Matrix<const T> dy;
  const Codes<T>& codes;
  Matrix<T> d_table;

  void own(int64_t first_code, int64_t code_count, int64_t column, int64_t columns) const {
    for (int64_t code = first_code; code < first_code + code_count; ++code) {
      for (int64_t c = column; c < column + columns; ++c) d_table.row(code)[c] = 0;
    }
    over_chunks(dy.rows, [&](int64_t first, int64_t count) {
      alignas(64) T sums[order::row_chunk][width];
      int64_t seen[order::row_chunk], distinct = 0;
      for (int64_t r = first; r < first + count; ++r) {
        const int64_t code = codes.at(r, d_table.rows);
        if (code < first_code || code >= first_code + code_count) continue;
        int64_t place = 0;
        while (place < distinct && seen[place] != code) ++place;
        T* const sum = sums[place];
        if (place == distinct) {
          seen[distinct++] = code;
          for (int64_t c = 0; c < columns; ++c) sum[c] = 0;
        }
        add(dy.row(r) + column, columns, sum);
      }
      for (int64_t place = 0; place < distinct; ++place) add(sums[place], columns, d_table.row(seen[place]) + column);
    });
  }
  static void add(const T* x, int64_t columns, T* sum) {
    over<T>(columns, [=](int64_t c, auto lanes) { store(sum + c, load(sum + c, lanes) + load(x + c, lanes), lanes); });
  }
};

template <class T>
void embedding_backward(const Context& context, Matrix<const T> dy, const Codes<T>& codes, Matrix<T> d_table) {
  const EmbeddingBackward<T> backward{dy, codes, d_table};
  const int64_t across = divide_up(d_table.columns, backward.width);
  const double cost = 0.1 * static_cast<double>(d_table.rows * d_table.columns) +
                      static_cast<double>(dy.rows) * (10 + 0.3 * static_cast<double>(dy.columns));
  // Every task looks at all codes: there are no more of them than threads need.
  const int64_t parts = larger(1, context.threads_for(d_table.rows, cost)), share = divide_up(d_table.rows, parts);
  context.parallel(parts * across, cost, [&](int64_t task) {
    const int64_t first = smaller(d_table.rows, task / across * share), column = task % across * backward.width;
    backward.own(first, smaller(share, d_table.rows - first), column, smaller(backward.width, d_table.columns - column));
  });
}

}  // namespace lamina::LAMINA_ISA
