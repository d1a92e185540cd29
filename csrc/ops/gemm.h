// General matrix product with the order of arithmetic fixed by math/order.h.
#pragma once

#include "base/context.h"
#include "base/types.h"

namespace lamina {

// out = alpha op(a) op(b) + beta out + bias; beta == 0 never reads out, alpha == 0 never reads a and b; bias (columns,)
// may be absent.
template <class T>
void gemm(const Context& context, Matrix<const T> a, bool transpose_a, Matrix<const T> b, bool transpose_b, T alpha, T beta, Matrix<T> out,
          Vector<const T> bias = {});

// The depth of op(a) op(b), after checking that the shapes fit each other and the result.
struct ProductShape {
  int64_t rows, columns;
  bool transposed = false;
};
int64_t product_depth(const char* op, const ProductShape& a, const ProductShape& b, const ProductShape& out);

}  // namespace lamina
