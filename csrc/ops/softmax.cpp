// Row-wise softmax and log-softmax: shapes checked, the table does the work.
#include "ops/softmax.h"

#include "base/error.h"
#include "kernels/kernel_table.h"

namespace lamina {
namespace {

template <class T>
void check(const char* op, const char* name, Matrix<const T> x, Matrix<const T> y) {
  if (x.rows != y.rows || x.columns != y.columns) {
    fail(op, name, " has shape (", y.rows, ", ", y.columns, "), needs (", x.rows, ", ", x.columns, ")");
  }
  if (x.rows > 0 && x.columns == 0) fail(op, "got rows without columns, needs at least one");
}

template <class T>
void forward(const char* op, const Context& context, Matrix<const T> x, Matrix<T> y, bool logarithm) {
  check<T>(op, "out", x, y);
  context.table->kernels<T>().softmax_forward(context, x, y, logarithm);
}
template <class T>
void backward(const char* op, const Context& context, Matrix<const T> dy, Matrix<const T> y, Matrix<T> dx, bool logarithm) {
  check<T>(op, "y", dy, y);
  check<T>(op, "out", dy, dx);
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
