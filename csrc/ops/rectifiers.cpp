// PReLU's slopes checked, RReLU's drawn or their mean.
#include "ops/rectifiers.h"

#include <cmath>

#include "base/error.h"
#include "kernels/kernel_table.h"
#include "ops/activation.h"
#include "ops/prepare.h"
#include "ops/reduce.h"
#include "ops/shapes.h"

namespace lamina {
namespace {

template <class T>
Slopes<T> checked(const char* op, Vector<const T> slopes, int64_t columns) {
  if (slopes.size != 1 && slopes.size != columns) fail(op, "weight has ", slopes.size, " elements, needs 1 or ", columns);
  return {slopes.data, slopes.size != 1};
}

}  // namespace

template <class T>
void prelu_forward(const Context& context, Vector<const T> slopes, Matrix<const T> z, Matrix<T> y) {
  const char* op = "activation_forward";
  expect_shape(op, "out", y, z.rows, z.columns);
  context.table->kernels<T>().prelu_forward(context, checked(op, slopes, z.columns), z, y);
}

template <class T>
void prelu_backward(const Context& context, Vector<const T> slopes, Matrix<const T> dy, Matrix<const T> z, Matrix<T> dz, Vector<T> d_slopes,
                    Vector<T> column_sums) {
  const char* op = "activation_backward";
  expect_shape(op, "dy", dy, z.rows, z.columns);
  expect_shape(op, "dx", dz, z.rows, z.columns);
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
  expect_shape(op, "values", values, z.rows, z.columns);
  expect_shape(op, "out", out, z.rows, z.columns);
  if (training) {
    const Draw draw = prepare_draw(Purpose::rrelu, rectifier.key);
    const double range = rectifier.upper - rectifier.lower;
    context.table->kernels<T>().rrelu(context, draw, static_cast<T>(rectifier.lower), static_cast<T>(range), values, z, out);
    return;
  }
  // A leaky rectifier's backward looks at a sign alone, which z has like its output; with z for dy it is the forward.
  Activation leaky = find_activation(op, "leaky_relu");
  leaky.parameters[0] = rectifier.lower + (rectifier.upper - rectifier.lower) / 2;
  activation_backward<T>(context, leaky, values, z, out);
}

#define INSTANTIATE(T)                                                                                                              \
  template void prelu_forward(const Context&, Vector<const T>, Matrix<const T>, Matrix<T>);                                         \
  template void prelu_backward(const Context&, Vector<const T>, Matrix<const T>, Matrix<const T>, Matrix<T>, Vector<T>, Vector<T>); \
  template void rrelu(const Context&, const RandomRectifier&, bool, Matrix<const T>, Matrix<const T>, Matrix<T>);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace lamina
