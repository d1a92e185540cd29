// Embedding: shapes and codes checked, the table of kernels does the work.
#include "ops/embedding.h"

#include "base/error.h"
#include "kernels/kernel_table.h"
#include "ops/shapes.h"

namespace lamina {
namespace {

constexpr const char *forward_op = "embedding_forward", *backward_op = "embedding_backward";

template <class T>
Codes<T> checked(const char* op, const Context& context, Vector<const int64_t> codes, int64_t batch, int64_t rows) {
  if (codes.size != batch) fail(op, "codes has ", codes.size, " elements, needs ", batch);
  if (!context.device.is_host()) return {codes.data, nullptr, 1};
  const auto is_wrong = [&](int64_t i) { return static_cast<uint64_t>(codes[i]) >= static_cast<uint64_t>(rows); };
  bool wrong = false;  // all are looked at without a branch
  for (int64_t i = 0; i < codes.size; ++i) wrong |= is_wrong(i);
  for (int64_t i = 0; wrong; ++i) {
    if (is_wrong(i)) fail(op, "code ", codes[i], " at row ", i, ", needs 0 to ", rows - 1);
  }
  return {codes.data, nullptr, 1};
}
template <class T>
Codes<T> checked(const char* op, const Context&, Matrix<const T> codes, int64_t batch, int64_t) {
  expect_shape(op, "codes", codes, batch, 1);
  return {nullptr, codes.data, codes.stride};
}

template <class T, class Given>
void forward(const Context& context, Given codes, Matrix<const T> table, Matrix<T> y) {
  expect_shape(forward_op, "out", y, y.rows, table.columns);
  context.table->kernels<T>().embedding_forward(context, checked<T>(forward_op, context, codes, y.rows, table.rows), table, y);
}
template <class T, class Given>
void backward(const Context& context, Matrix<const T> dy, Given codes, Matrix<T> d_table) {
  expect_shape(backward_op, "out", d_table, d_table.rows, dy.columns);
  context.table->kernels<T>().embedding_backward(context, dy, checked<T>(backward_op, context, codes, dy.rows, d_table.rows), d_table);
}

}  // namespace

template <class T>
void embedding_forward(const Context& context, Vector<const int64_t> codes, Matrix<const T> table, Matrix<T> y) {
  forward(context, codes, table, y);
}
template <class T>
void embedding_backward(const Context& context, Matrix<const T> dy, Vector<const int64_t> codes, Matrix<T> d_table) {
  backward(context, dy, codes, d_table);
}
template <class T>
void embedding_forward(const Context& context, Matrix<const T> codes, Matrix<const T> table, Matrix<T> y) {
  forward(context, codes, table, y);
}
template <class T>
void embedding_backward(const Context& context, Matrix<const T> dy, Matrix<const T> codes, Matrix<T> d_table) {
  backward(context, dy, codes, d_table);
}

#define INSTANTIATE(T)                                                                                 \
  template void embedding_forward(const Context&, Vector<const int64_t>, Matrix<const T>, Matrix<T>);  \
  template void embedding_backward(const Context&, Matrix<const T>, Vector<const int64_t>, Matrix<T>); \
  template void embedding_forward(const Context&, Matrix<const T>, Matrix<const T>, Matrix<T>);        \
  template void embedding_backward(const Context&, Matrix<const T>, Matrix<const T>, Matrix<T>);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace lamina
