// A step of an average: checked, then the table's loop.
#include "ops/averaging.h"

#include "base/error.h"
#include "kernels/kernel_table.h"

namespace lamina {

template <class T>
void average_step(const Context& context, Vector<T> average, Vector<const T> params, double weight) {
  const char* op = "average_step";
  if (average.size != params.size) fail(op, "average has ", average.size, " elements, params ", params.size, ": they need to be equal");
  if (!(weight >= 0 && weight <= 1)) fail(op, "weight is ", weight, ", needs 0 <= weight <= 1");
  context.table->kernels<T>().average(context, average.data, params.data, average.size, weight);
}

template void average_step(const Context&, Vector<float>, Vector<const float>, double);
template void average_step(const Context&, Vector<double>, Vector<const double>, double);

}  // namespace lamina
