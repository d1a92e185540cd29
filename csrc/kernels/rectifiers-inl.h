// Leaky rectifiers whose slope is learned (PReLU) or drawn for each element (RReLU).
#pragma once

#include "kernels/columns-inl.h"
#include "kernels/philox-inl.h"
#include "math/activations.h"

namespace lamina::LAMINA_ISA {

// The slopes of a column's neighbours: one for each, or the same for all.
template <class T, class Lanes>
LAMINA_INLINE Vec<T> load_slopes(const Slopes<T>& slopes, int64_t c, Lanes lanes) {
  return slopes.each ? load(slopes.at + c, lanes) : Vec<T>(*slopes.at);
}

template <class T>
void prelu_forward(const Context& context, const Slopes<T>& slopes, Matrix<const T> z, Matrix<T> y) {
  over_blocks(context, z.rows, z.columns, block_elements, 0.3, [&](const Block& block) {
    for (int64_t r = block.row; r < block.row + block.rows; ++r) {
      const T* const in = z.row(r) + block.column;
      T* const out = y.row(r) + block.column;
      over_apart<T>(block.columns, out, {in}, [&](int64_t i, auto lanes) {
        const Vec<T> x = load(in + i, lanes);
        store(out + i, leaky(x, x, load_slopes(slopes, block.column + i, lanes)), lanes);
      });
    }
  });
}

template <class T>
void prelu_backward(const Context& context, const Slopes<T>& slopes, Matrix<const T> dy, Matrix<const T> z, Matrix<T> dz, T* d_slopes) {
  over_strips(context, z.rows, z.columns, 0.6, [&](int64_t column, int64_t columns) {
    T* const total = d_slopes + column;
    for (int64_t c = 0; c < columns; ++c) total[c] = 0;
    over_chunks(z.rows, [&](int64_t first, int64_t rows) {
      alignas(64) T sums[strip_columns];
      const T *const g = dy.row(first) + column, *const x = z.row(first) + column;
      T* const out = dz.row(first) + column;
      const int64_t g_stride = dy.stride, x_stride = z.stride, out_stride = dz.stride;
      chunk_sums<T, 1>(x, rows, columns, {sums}, [=, &slopes](int64_t r, int64_t c, auto lanes) {
        const Vec<T> gradient = load(g + r * g_stride + c, lanes), input = load(x + r * x_stride + c, lanes);
        store(out + r * out_stride + c, leaky(gradient, input, load_slopes(slopes, column + c, lanes)), lanes);
        return std::array{leaky_slope_gradient(gradient, input)};
      });
      over<T>(columns, [&](int64_t c, auto lanes) { store(total + c, load(total + c, lanes) + load(sums + c, lanes), lanes); });
    });
  });
}

template <class T>
void rrelu(const Context& context, const Draw& draw, T lower, T range, Matrix<const T> values, Matrix<const T> z, Matrix<T> out) {
  over_random<T, Uniforms>(context, draw, out.rows, out.columns, 1.5, [=](int64_t row, int64_t column, int64_t count, const T* uniform) {
    const T *const v = values.row(row) + column, *const x = z.row(row) + column;
    T* const to = out.row(row) + column;
    over_apart<T>(count, to, {v, x}, [&](int64_t e, auto lanes) {
      const Vec<T> slope = fma(Vec<T>(range), load(uniform + e, lanes), Vec<T>(lower));
      store(to + e, leaky(load(v + e, lanes), load(x + e, lanes), slope), lanes);
    });
  });
}

}  // namespace lamina::LAMINA_ISA
