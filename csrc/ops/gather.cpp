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
  context.table->kernels<T>().gather_rows(context, source, index.data, out);
}

void gather_labels(const Context& context, Vector<const int64_t> source, Vector<const int64_t> index, Vector<int64_t> out) {
  context.table->gather_labels(context, source.data, index.data, index.size, out.data);
}

template void gather_rows(const Context&, Matrix<const float>, Vector<const int64_t>, Matrix<float>);
template void gather_rows(const Context&, Matrix<const double>, Vector<const int64_t>, Matrix<double>);

}  // namespace lamina
