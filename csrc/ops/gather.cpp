// Rows by index.
#include "ops/gather.h"

#include "base/error.h"
#include "kernels/kernel_table.h"

namespace lamina {

template <class T>
void gather_rows(const Context& context, Matrix<const T> source, Vector<const int64_t> index, Matrix<T> out) {
  if (out.rows != index.size || out.columns != source.columns) {
    fail("gather_rows", "out has shape (", out.rows, ", ", out.columns, "), needs (", index.size, ", ", source.columns, ")");
  }
  for (int64_t i = 0; i < index.size; ++i) {
    if (index[i] < 0 || index[i] >= source.rows) fail("gather_rows", "index ", index[i], " at ", i, ", needs 0 to ", source.rows - 1);
  }
  context.table->kernels<T>().gather_rows(context, source, index.data, out);
}

template void gather_rows(const Context&, Matrix<const float>, Vector<const int64_t>, Matrix<float>);
template void gather_rows(const Context&, Matrix<const double>, Vector<const int64_t>, Matrix<double>);

}  // namespace lamina
