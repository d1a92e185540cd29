// Encodings of numeric features: shapes and edges checked, the table of kernels does the work.
#include "ops/encodings.h"

#include <cmath>

#include "base/error.h"
#include "kernels/kernel_table.h"
#include "ops/shapes.h"

namespace lamina {

template <class T>
void periodic_forward(const Context& context, Matrix<const T> x, Matrix<const T> frequencies, Matrix<T> y) {
  const char* op = "periodic_forward";
  expect_shape(op, "frequencies", frequencies, x.columns, frequencies.columns);
  expect_shape(op, "out", y, x.rows, 2 * x.columns * frequencies.columns);
  context.table->kernels<T>().periodic_forward(context, x, frequencies, y);
}

template <class T>
void periodic_backward(const Context& context, Matrix<const T> dy, Matrix<const T> x, Matrix<const T> frequencies, Matrix<const T> y,
                       Matrix<T> dx, Matrix<T> d_frequencies) {
  const char* op = "periodic_backward";
  expect_shape(op, "frequencies", frequencies, x.columns, frequencies.columns);
  expect_shape(op, "dy", dy, x.rows, 2 * x.columns * frequencies.columns);
  expect_shape(op, "y", y, x.rows, dy.columns);
  if (dx) expect_shape(op, "dx", dx, x.rows, x.columns);
  expect_shape(op, "dfrequencies", d_frequencies, x.columns, frequencies.columns);
  context.table->kernels<T>().periodic_backward(context, dy, x, frequencies, y, dx, d_frequencies);
}

template <class T>
void check_edges(const char* op, Matrix<const T> edges) {
  if (edges.columns < 2) fail(op, "edges has ", edges.columns, " columns, needs at least 2");
  for (int64_t feature = 0; feature < edges.rows; ++feature) {
    const T* const row = edges.row(feature);
    for (int64_t i = 0; i < edges.columns; ++i) {
      if (!std::isfinite(row[i])) fail(op, "edge ", i, " of feature ", feature, " is ", row[i], ", needs a finite number");
      if (i > 0 && row[i] <= row[i - 1]) {
        fail(op, "edges ", i - 1, " and ", i, " of feature ", feature, " are ", row[i - 1], " and ", row[i], ", need to ascend");
      }
    }
  }
}

namespace {

template <class T>
void check_bins(const char* op, const Context& context, Matrix<const T> x, Matrix<const T> edges) {
  expect_shape(op, "edges", edges, x.columns, edges.columns);
  if (edges.columns < 2) fail(op, "edges has ", edges.columns, " columns, needs at least 2");
  if (context.device.is_host()) check_edges(op, edges);
}

}  // namespace

template <class T>
void piecewise_linear_forward(const Context& context, Matrix<const T> x, Matrix<const T> edges, Matrix<T> y) {
  const char* op = "piecewise_linear_forward";
  check_bins(op, context, x, edges);
  expect_shape(op, "out", y, x.rows, x.columns * (edges.columns - 1));
  context.table->kernels<T>().piecewise_linear_forward(context, x, edges, y);
}

template <class T>
void piecewise_linear_backward(const Context& context, Matrix<const T> dy, Matrix<const T> x, Matrix<const T> edges, Matrix<T> dx) {
  const char* op = "piecewise_linear_backward";
  check_bins(op, context, x, edges);
  expect_shape(op, "dy", dy, x.rows, x.columns * (edges.columns - 1));
  expect_shape(op, "dx", dx, x.rows, x.columns);
  context.table->kernels<T>().piecewise_linear_backward(context, dy, x, edges, dx);
}

#define INSTANTIATE(T)                                                                                                           \
  template void periodic_forward(const Context&, Matrix<const T>, Matrix<const T>, Matrix<T>);                                   \
  template void periodic_backward(const Context&, Matrix<const T>, Matrix<const T>, Matrix<const T>, Matrix<const T>, Matrix<T>, \
                                  Matrix<T>);                                                                                    \
  template void piecewise_linear_forward(const Context&, Matrix<const T>, Matrix<const T>, Matrix<T>);                           \
  template void piecewise_linear_backward(const Context&, Matrix<const T>, Matrix<const T>, Matrix<const T>, Matrix<T>);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace lamina
