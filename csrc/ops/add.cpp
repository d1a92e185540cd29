// Checks the shapes of a sum.
#include "ops/add.h"

#include "kernels/kernel_table.h"
#include "ops/shapes.h"

namespace lamina {

template <class T>
void add(const Context& context, Matrix<const T> a, Matrix<const T> b, Matrix<T> out) {
  expect_shape("add", "b", b, a.rows, a.columns);
  expect_shape("add", "out", out, a.rows, a.columns);
  context.table->kernels<T>().weighted_sum(context, 1, a, 1, b, out);
}

template void add(const Context&, Matrix<const float>, Matrix<const float>, Matrix<float>);
template void add(const Context&, Matrix<const double>, Matrix<const double>, Matrix<double>);

}  // namespace lamina
