// Checks a product's shapes and hands it to the table.
#include "ops/gemm.h"

#include "base/aligned_buffer.h"
#include "base/error.h"
#include "kernels/kernel_table.h"
#include "math/order.h"

namespace lamina {

int64_t product_depth(const char* op, const ProductShape& a, const ProductShape& b, const ProductShape& out) {
  const int64_t rows = a.transposed ? a.columns : a.rows, depth = a.transposed ? a.rows : a.columns;
  const int64_t b_rows = b.transposed ? b.columns : b.rows, columns = b.transposed ? b.rows : b.columns;
  if (depth != b_rows) {
    fail(op, "a has shape (", a.rows, ", ", a.columns, ")", a.transposed ? " transposed" : "", ", b (", b.rows, ", ", b.columns, ")",
         b.transposed ? " transposed" : "", ": the inner dimensions ", depth, " and ", b_rows, " need to be equal");
  }
  if (out.rows != rows || out.columns != columns) {
    fail(op, "out has shape (", out.rows, ", ", out.columns, "), needs (", rows, ", ", columns, ")");
  }
  return depth;
}

template <class T>
void gemm(const Context& context, Matrix<const T> a, bool transpose_a, Matrix<const T> b, bool transpose_b, T alpha, T beta, Matrix<T> out,
          Vector<const T> bias) {
  const int64_t rows = out.rows, columns = out.columns;
  const int64_t depth = product_depth("gemm", {a.rows, a.columns, transpose_a}, {b.rows, b.columns, transpose_b}, {rows, columns});
  if (bias && bias.size != columns) fail("gemm", "bias has ", bias.size, " elements, needs ", columns);
  if (rows == 0 || columns == 0) return;

  Gemm<T> g{a.data, transpose_a ? 1 : a.stride, transpose_a ? a.stride : 1, b.data, transpose_b ? 1 : b.stride, transpose_b ? b.stride : 1,
            out,    alpha == T(0) ? 0 : depth};
  g.alpha = alpha;
  g.beta = beta;
  g.bias = bias.data;
  g.partial = out;
  AlignedBuffer<T> partial;  // c still holds what beta multiplies while chunk sums gather
  if (beta != T(0) && g.depth > order::depth_chunk) {
    partial.ensure(rows * columns, context.device);
    g.partial = matrix(partial.data(), rows, columns);
  }
  context.table->kernels<T>().gemm(context, g);
}

template void gemm(const Context&, Matrix<const float>, bool, Matrix<const float>, bool, float, float, Matrix<float>, Vector<const float>);
template void gemm(const Context&, Matrix<const double>, bool, Matrix<const double>, bool, double, double, Matrix<double>,
                   Vector<const double>);

}  // namespace lamina
