// Column sums.
#include "ops/reduce.h"

#include "base/error.h"
#include "kernels/kernel_table.h"

namespace lamina {

template <class T>
void column_sum(const Context& context, Matrix<const T> x, Vector<T> out) {
  if (out.size != x.columns) fail("column_sum", "out has ", out.size, " elements, needs ", x.columns);
  context.table->kernels<T>().column_sum(context, x, out.data);
}

template void column_sum(const Context&, Matrix<const float>, Vector<float>);
template void column_sum(const Context&, Matrix<const double>, Vector<double>);

}  // namespace lamina
