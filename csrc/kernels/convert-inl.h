// From one type to another; the compiler makes vectors of these loops.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/loops-inl.h"
#include "math/bfloat16.h"

namespace lamina::LAMINA_ISA {

LAMINA_INLINE void convert(float x, bfloat16& out) { out = to_bfloat16(x); }
LAMINA_INLINE void convert(bfloat16 x, float& out) { out = to_float(x); }

template <class From, class To>
LAMINA_INLINE void convert_row(const From* from, int64_t count, To* to) {
  for (int64_t i = 0; i < count; ++i) convert(from[i], to[i]);
}

template <class From, class To>
void convert(const Context& context, Matrix<const From> x, Matrix<To> out) {
  over_rows(context, x.rows, x.columns, 0.3, [&](int64_t first, int64_t count) {
    for (int64_t i = first; i < first + count; ++i) convert_row(x.row(i), x.columns, out.row(i));
  });
}

template <class From, class To>
void convert_all(const Context&, const From* from, int64_t count, To* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = static_cast<To>(from[i]);
}

}  // namespace lamina::LAMINA_ISA
