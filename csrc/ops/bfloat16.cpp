// The table's unit takes bfloat16 as it is; without one, widened copies go the way of float32.
#include "ops/bfloat16.h"

#include "base/aligned_buffer.h"
#include "base/error.h"
#include "kernels/kernel_table.h"
#include "math/order.h"
#include "ops/activation.h"
#include "ops/convert.h"
#include "ops/gemm.h"
#include "ops/prepare.h"

namespace lamina {
namespace {

struct Operand {
  Matrix<const bfloat16> matrix;
  bool transposed;
  ProductShape shape() const { return {matrix.rows, matrix.columns, transposed}; }
};

// g, which has everything but its operands, whose shapes fit, and its result.
void multiply(const Context& context, Gemm<float> g, const Operand& a, const Operand& b, const Result16& out) {
  if (out.sums.rows == 0 || out.sums.columns == 0) return;
  g.c = out.sums;
  if (!g.partial) g.partial = g.c;
  const Kernels<float>& kernels = context.table->f32;
  AlignedBuffer<float> wide_a, wide_b;
  const auto widened = [&](const Operand& x, AlignedBuffer<float>& wide) {
    wide.ensure(x.matrix.rows * x.matrix.columns, context.device);
    const auto copy = matrix(wide.data(), x.matrix.rows, x.matrix.columns);
    convert(context, x.matrix, copy);
    return copy;
  };
  int64_t a_stride = a.matrix.stride, b_stride = b.matrix.stride;
  if (context.table->bfloat16_unit && g.depth > 0) {
    g.a16 = a.matrix.data;
    g.b16 = b.matrix.data;
    g.rounded = out.rounded;
  } else if (g.depth > 0) {
    const auto a32 = widened(a, wide_a), b32 = widened(b, wide_b);
    g.a = a32.data;
    g.b = b32.data;
    a_stride = a32.stride;
    b_stride = b32.stride;
  }
  g.a_row = a.transposed ? 1 : a_stride;
  g.a_depth = a.transposed ? a_stride : 1;
  g.b_depth = b.transposed ? 1 : b_stride;
  g.b_column = b.transposed ? b_stride : 1;
  kernels.gemm(context, g);
  if (out.rounded && !g.rounded) convert(context, Matrix<const float>(out.sums), out.rounded);
}

void check_layer(const char* op, Matrix<const bfloat16> x, Matrix<const bfloat16> weight) {
  if (weight.columns != x.columns) {
    fail(op, "weight has shape (", weight.rows, ", ", weight.columns, "), x (", x.rows, ", ", x.columns,
         "): weight needs as many columns as x");
  }
}

}  // namespace

void gemm(const Context& context, Matrix<const bfloat16> a_, bool transpose_a, Matrix<const bfloat16> b_, bool transpose_b, float alpha,
          float beta, const Result16& out) {
  const Operand a{a_, transpose_a}, b{b_, transpose_b};
  const int64_t rows = out.sums.rows, columns = out.sums.columns;
  const int64_t depth = product_depth("gemm", a.shape(), b.shape(), {rows, columns});
  Gemm<float> g;
  g.depth = alpha == 0 ? 0 : depth;
  g.alpha = alpha;
  g.beta = beta;
  if (beta != 0 && out.rounded) convert(context, Matrix<const bfloat16>(out.rounded), out.sums);
  AlignedBuffer<float> partial;  // the sums still hold what beta multiplies while those of chunks gather
  if (beta != 0 && g.depth > order::depth_chunk) {
    partial.ensure(rows * columns, context.device);
    g.partial = matrix(partial.data(), rows, columns);
  }
  multiply(context, g, a, b, out);
}

void linear_forward(const Context& context, const Activation& activation, Matrix<const bfloat16> x, Matrix<const bfloat16> weight,
                    Vector<const float> bias, const Result16& y) {
  const char* op = "linear_forward";
  check(op, activation);
  check_layer(op, x, weight);
  if (bias && bias.size != weight.rows) fail(op, "bias has ", bias.size, " elements, needs ", weight.rows);
  if (y.sums.rows != x.rows || y.sums.columns != weight.rows) {
    fail(op, "out has shape (", y.sums.rows, ", ", y.sums.columns, "), needs (", x.rows, ", ", weight.rows, ")");
  }
  const Tail<float> tail = prepare_tail<float>(activation, {});
  Gemm<float> g;
  g.depth = x.columns;
  g.bias = bias.data;
  if (!tail.identity()) g.tail = &tail;
  multiply(context, g, {x, false}, {weight, true}, y);
}

void linear_backward(const Context& context, const Activation& activation, Matrix<const bfloat16> dy, Matrix<const float> saved,
                     const Result16& dz, Matrix<const bfloat16> x, Matrix<const bfloat16> weight, const Result16& dx, const Result16& dw,
                     const Result16& db) {
  const char* op = "linear_backward";
  check(op, activation);
  check_layer(op, x, weight);
  const auto expect = [&](const char* name, int64_t rows, int64_t columns, int64_t needed_rows, int64_t needed_columns) {
    if (rows != needed_rows || columns != needed_columns) {
      fail(op, name, " has shape (", rows, ", ", columns, "), needs (", needed_rows, ", ", needed_columns, ")");
    }
  };
  expect("dy", dy.rows, dy.columns, x.rows, weight.rows);
  expect("y or z", saved.rows, saved.columns, x.rows, weight.rows);
  expect("dweight", dw.sums.rows, dw.sums.columns, weight.rows, weight.columns);
  expect("dbias", db.sums.rows, db.sums.columns, 1, weight.rows);
  if (dx.sums) expect("dx", dx.sums.rows, dx.sums.columns, x.rows, x.columns);
  convert(context, dy, dz.sums);
  TailSums<float> sums;
  sums.bias = db.sums.data;
  context.table->f32.tail_backward(context, prepare_tail<float>(activation, {}), dz.sums, dz.sums, saved, {}, sums, nullptr, nullptr);
  if (db.rounded) convert(context, Matrix<const float>(db.sums), db.rounded);
  convert(context, Matrix<const float>(dz.sums), dz.rounded);
  Gemm<float> g;
  g.depth = x.rows;
  multiply(context, g, {dz.rounded, true}, {x, false}, dw);  // (out, in) = dzᵀ x
  g.depth = weight.rows;
  if (dx.sums) multiply(context, g, {dz.rounded, false}, {weight, false}, dx);  // (batch, in) = dz W
}

}  // namespace lamina
