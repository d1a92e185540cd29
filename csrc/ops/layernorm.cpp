// Layer normalisation: shapes checked, the table does the work.
#include "ops/layernorm.h"

#include "base/error.h"
#include "kernels/kernel_table.h"
#include "ops/shapes.h"

namespace lamina {
namespace {

template <class T>
void check_size(const char* op, const char* name, Vector<T> vector, int64_t size) {
  if (vector.size != size) fail(op, name, " has ", vector.size, " elements, needs ", size);
}

}  // namespace

template <class T>
void layernorm_forward(const Context& context, Matrix<const T> x, Vector<const T> gamma, Vector<const T> beta, double eps, Matrix<T> y,
                       Vector<T> mean, Vector<T> rstd) {
  const char* op = "layernorm_forward";
  expect_rows_like<T>(op, "y", x, y);
  if (static_cast<bool>(gamma) != static_cast<bool>(beta)) fail(op, "gamma and beta are needed both or not at all");
  if (gamma) check_size(op, "gamma", gamma, x.columns);
  if (beta) check_size(op, "beta", beta, x.columns);
  check_size(op, "mean", mean, x.rows);
  check_size(op, "rstd", rstd, x.rows);
  if (!(eps >= 0) || eps > 1e30) fail(op, "eps is ", eps, ", needs a finite number >= 0");
  if (x.rows == 0) return;
  context.table->kernels<T>().layernorm_forward(context, x, gamma.data, beta.data, eps, y, mean.data, rstd.data);
}

template <class T>
void layernorm_backward(const Context& context, Matrix<const T> dy, Matrix<const T> x, Vector<const T> gamma, Vector<const T> mean,
                        Vector<const T> rstd, Matrix<T> dx, Vector<T> dgamma, Vector<T> dbeta) {
  const char* op = "layernorm_backward";
  expect_rows_like<T>(op, "x", dy, x);
  expect_rows_like<T>(op, "dx", dy, dx);
  check_size(op, "mean", mean, dy.rows);
  check_size(op, "rstd", rstd, dy.rows);
  if (gamma) {
    check_size(op, "gamma", gamma, dy.columns);
    check_size(op, "dgamma", dgamma, dy.columns);
    check_size(op, "dbeta", dbeta, dy.columns);
  }
  if (dy.columns == 0) return;
  T* const sums[] = {gamma ? dgamma.data : nullptr, gamma ? dbeta.data : nullptr};
  context.table->kernels<T>().layernorm_backward(context, dy, x, gamma.data, mean.data, rstd.data, dx, sums[0], sums[1]);
}

#define INSTANTIATE(T)                                                                                                                  \
  template void layernorm_forward(const Context&, Matrix<const T>, Vector<const T>, Vector<const T>, double, Matrix<T>, Vector<T>,      \
                                  Vector<T>);                                                                                           \
  template void layernorm_backward(const Context&, Matrix<const T>, Matrix<const T>, Vector<const T>, Vector<const T>, Vector<const T>, \
                                   Matrix<T>, Vector<T>, Vector<T>);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace lamina
