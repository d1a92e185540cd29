// PReLU's slopes checked, RReLU's drawn or their mean.
#include "ops/rectifiers.h"

#include <cmath>

#include "base/error.h"
#include "kernels/kernel_table.h"
#include "ops/prepare.h"
#include "ops/reduce.h"

namespace lamina {
namespace {

template <class T>
Slopes<T> checked(const char* op, Vector<const T> slopes, int64_t columns) {
  if (slopes.size != 1 && slopes.size != columns) fail(op, "weight has ", slopes.size, " elements, needs 1 or ", columns);
  return {slopes.data, slopes.size != 1};
}

template <class T>
void check_shapes(const char* op, const char* name, Matrix<const T> a, Matrix<const T> z) {
  if (a.rows != z.rows || a.columns != z.columns) {
    fail(op, name, " has shape (", a.rows, ", ", a.columns, "), needs (", z.rows, ", ", z.columns, ")");
  }
}

}  // namespace

template <class T>
void prelu_forward(const Context& context, Vector<const T> slopes, Matrix<const T> z, Matrix<T> y) {
  const char* op = "activation_forward";
  check_shapes<T>(op, "out", y, z);
  context.table->kernels<T>().prelu_forward(context, checked(op, slopes, z.columns), z, y);
}

template <class T>
void prelu_backward(const Context& context, Vector<const T> slopes, Matrix<const T> dy, Matrix<const T> z, Matrix<T> dz, Vector<T> d_slopes,
                    Vector<T> column_sums) {
  const char* op = "activation_backward";
  check_shapes<T>(op, "dy", dy, z);
  check_shapes<T>(op, "dx", dz, z);
  const Slopes<T> each = checked(op, slopes, z.columns);
  if (d_slopes.size != slopes.size) fail(op, "dweight has ", d_slopes.size, " elements, needs ", slopes.size);
  const Vector<T> sums = each.each ? d_slopes : column_sums;
  if (sums.size != z.columns || (!sums && z.columns > 0))
    fail(op, "the scratch has ", sums ? sums.size : 0, " elements, needs ", z.columns);
  context.table->kernels<T>().prelu_backward(context, each, dy, z, dz, sums.data);
  if (!each.each) column_sum<T>(context, {sums.data, sums.size, 1, 1}, d_slopes);
}

void check(const char* op, const RandomRectifier& rectifier) {
  const double lower = rectifier.lower, upper = rectifier.upper;
  if (!(lower >= 0) || !(lower <= upper) || !std::isfinite(upper)) {
    fail(op, "lower is ", lower, " and upper ", upper, ", needs 0 <= lower <= upper, finite");
  }
}

template <class T>
void rrelu(const Context& context, const RandomRectifier& rectifier, bool training, Matrix<const T> values, Matrix<const T> z,
           Matrix<T> out) {
  const char* op = rectifier.op;
  check(op, rectifier);
  if (!std::isfinite(static_cast<T>(rectifier.upper))) fail(op, "upper is ", rectifier.upper, ", needs a number of the array's dtype");
  check_shapes<T>(op, "values", values, z);
  check_shapes<T>(op, "out", out, z);
  const double range = rectifier.upper - rectifier.lower;
  const Draw draw = prepare_draw(Purpose::rrelu, rectifier.key);
  // In inference nothing is drawn: a range of zero about the mean.
  const T lower = static_cast<T>(training ? rectifier.lower : rectifier.lower + range / 2);
  context.table->kernels<T>().rrelu(context, draw, lower, training ? static_cast<T>(range) : T(0), values, z, out);
}

#define INSTANTIATE(T)                                                                                                              \
  template void prelu_forward(const Context&, Vector<const T>, Matrix<const T>, Matrix<T>);                                         \
  template void prelu_backward(const Context&, Vector<const T>, Matrix<const T>, Matrix<const T>, Matrix<T>, Vector<T>, Vector<T>); \
  template void rrelu(const Context&, const RandomRectifier&, bool, Matrix<const T>, Matrix<const T>, Matrix<T>);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace lamina
