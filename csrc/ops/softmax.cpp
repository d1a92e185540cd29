// Row-wise softmax and log-softmax: shapes checked, the table does the work.
#include "ops/softmax.h"

#include "base/error.h"
#include "kernels/kernel_table.h"
#include "ops/shapes.h"

namespace lamina {
namespace {

template <class T>
void forward(const char* op, const Context& context, Matrix<const T> x, Matrix<T> y, bool logarithm) {
  expect_rows_like<T>(op, "out", x, y);
  context.table->kernels<T>().softmax_forward(context, x, y, logarithm);
}
template <class T>
void backward(const char* op, const Context& context, Matrix<const T> dy, Matrix<const T> y, Matrix<T> dx, bool logarithm) {
  expect_rows_like<T>(op, "y", dy, y);
  expect_rows_like<T>(op, "out", dy, dx);
  context.table->kernels<T>().softmax_backward(context, dy, y, dx, logarithm);
}

}  // namespace

template <class T>
void softmax_forward(const Context& context, Matrix<const T> x, Matrix<T> y) {
  forward("softmax_forward", context, x, y, false);
}
template <class T>
void log_softmax_forward(const Context& context, Matrix<const T> x, Matrix<T> y) {
  forward("log_softmax_forward", context, x, y, true);
}
template <class T>
void softmax_backward(const Context& context, Matrix<const T> dy, Matrix<const T> y, Matrix<T> dx) {
  backward("softmax_backward", context, dy, y, dx, false);
}
template <class T>
void log_softmax_backward(const Context& context, Matrix<const T> dy, Matrix<const T> y, Matrix<T> dx) {
  backward("log_softmax_backward", context, dy, y, dx, true);
}

#define INSTANTIATE(T)                                                                         \
  template void softmax_forward(const Context&, Matrix<const T>, Matrix<T>);                   \
  template void log_softmax_forward(const Context&, Matrix<const T>, Matrix<T>);               \
  template void softmax_backward(const Context&, Matrix<const T>, Matrix<const T>, Matrix<T>); \
  template void log_softmax_backward(const Context&, Matrix<const T>, Matrix<const T>, Matrix<T>);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace lamina
