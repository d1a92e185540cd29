// Straight to the table: nothing to check or to choose.
#include "ops/convert.h"

#include "kernels/kernel_table.h"

namespace lamina {

void convert(const Context& context, Matrix<const float> x, Matrix<bfloat16> out) { context.table->to_bfloat16(context, x, out); }
void convert(const Context& context, Matrix<const bfloat16> x, Matrix<float> out) { context.table->to_float32(context, x, out); }
void convert(const Context& context, Vector<const int32_t> x, Vector<int64_t> out) {
  context.table->widen_labels(context, x.data, x.size, out.data);
}
template <class T>
void convert(const Context& context, Vector<const double> x, Vector<T> out) {
  context.table->kernels<T>().from_double(context, x.data, x.size, out.data);
}
template void convert(const Context&, Vector<const double>, Vector<float>);
template void convert(const Context&, Vector<const double>, Vector<double>);

}  // namespace lamina
