// Clipping: squares summed by chunks, the chunks as rows are, then one scale for all.
#include "ops/clipping.h"

#include <cmath>

#include "base/error.h"
#include "kernels/kernel_table.h"

namespace lamina {

template <class T>
void check_limit(const char* op, const char* name, double limit) {
  const auto rounded = static_cast<T>(limit);
  if (rounded > 0 && std::isfinite(rounded)) return;
  fail(op, name, " is ", limit, ", needs a finite number > 0", sizeof(T) == 4 ? " in float32" : "");
}

template <class T>
void clip_by_value(const Context& context, Vector<T> grads, double value) {
  check_limit<T>("clip_by_value", "value", value);
  context.table->kernels<T>().clip_by_value(context, grads.data, grads.size, value);
}

template <class T>
void clip_by_norm(const Context& context, Vector<T> grads, double norm, Vector<double> scratch, double* before) {
  const char* op = "clip_by_norm";
  check_limit<T>(op, "norm", norm);
  const int64_t needed = clip_scratch(grads.size);
  if (scratch.size < needed) fail(op, "scratch has ", scratch.size, " elements, needs ", needed);
  const auto& kernels = context.table->kernels<T>();
  double *const chunks = scratch.data, *const squares = chunks + needed - 1;
  kernels.square_sums(context, grads.data, grads.size, chunks);
  context.table->sum_rows(context, chunks, needed - 1, 1, nullptr, squares);
  kernels.scale_to_norm(context, grads.data, grads.size, squares, norm, before);
}

template <class T>
void max_norm(const Context& context, Matrix<T> weight, double norm) {
  check_limit<T>("max_norm", "norm", norm);
  context.table->kernels<T>().max_norm(context, weight, norm);
}

#define INSTANTIATE(T)                                                                    \
  template void check_limit<T>(const char*, const char*, double);                         \
  template void clip_by_value(const Context&, Vector<T>, double);                         \
  template void clip_by_norm(const Context&, Vector<T>, double, Vector<double>, double*); \
  template void max_norm(const Context&, Matrix<T>, double);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace lamina
