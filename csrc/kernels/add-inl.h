// The sum of two matrices.
#pragma once

#include "kernels/loops-inl.h"

namespace lamina::LAMINA_ISA {

template <class T>
void add(const Context& context, Matrix<const T> a, Matrix<const T> b, Matrix<T> out) {
  over_blocks(context, out.rows, out.columns, block_elements, 0.3, [&](const Block& block) {
    for (int64_t r = block.row; r < block.row + block.rows; ++r) {
      const T *const x = a.row(r) + block.column, *const y = b.row(r) + block.column;
      T* const to = out.row(r) + block.column;
      over<T>(block.columns, [&](int64_t i, auto lanes) { store(to + i, load(x + i, lanes) + load(y + i, lanes), lanes); });
    }
  });
}

}  // namespace lamina::LAMINA_ISA
