// A layer given the other is a product with a tail, then a draw; the gradient is one product over data and chains.
#include "ops/rbm.h"

#include <algorithm>
#include <cmath>

#include "base/aligned_buffer.h"
#include "base/error.h"
#include "kernels/kernel_table.h"
#include "ops/activation.h"
#include "ops/gemm.h"
#include "ops/prepare.h"
#include "ops/random.h"
#include "ops/reduce.h"
#include "ops/shapes.h"

namespace lamina {
namespace {

constexpr int64_t block_rows = 1024;

template <class T>
void expect_size(const char* op, const char* name, Vector<const T> given, int64_t size) {
  if (given.size != size) fail(op, name, " has ", given.size, " elements, needs ", size);
}
template <class T>
void check(const char* op, const Rbm<T>& rbm) {
  expect_size(op, "visible_bias", rbm.visible_bias, rbm.weight.columns);
  expect_size(op, "hidden_bias", rbm.hidden_bias, rbm.weight.rows);
}

template <class T>
void check(const Rbm<T>& rbm, Matrix<const T> v, Matrix<const T> states, const Gibbs& gibbs, const RandomKey& key) {
  const char* op = "rbm_gradient";
  check(op, rbm);
  if (v.rows < 1) fail(op, "v has no rows, needs at least one");
  if (states.rows < 1) fail(op, "chains has no rows, needs at least one");
  if (gibbs.k < 1) fail(op, "k is ", gibbs.k, ", needs at least 1");
  expect_shape(op, "v", v, v.rows, rbm.weight.columns);
  expect_shape(op, "chains", states, gibbs.from_data ? v.rows : states.rows, rbm.weight.rows);
  lamina::check(op, key, states.rows);
}

// out = g(in W^T + b), or with W itself where it is not transposed.
template <class T>
void affine(const Context& context, Matrix<const T> in, Matrix<const T> weight, bool transposed, Vector<const T> bias,
            const char* activation, Matrix<T> out) {
  if (out.rows == 0 || out.columns == 0) return;
  Gemm<T> g{in.data, in.stride, 1, weight.data, transposed ? 1 : weight.stride, transposed ? weight.stride : 1, out, in.columns};
  const Tail<T> tail = prepare_tail<T>(find_activation("rbm", activation), {});
  g.bias = bias.data;
  g.partial = out;
  if (!tail.identity()) g.tail = &tail;
  context.table->kernels<T>().gemm(context, g);
}

// Hidden means given v, and beside them or instead of them (`draw` may be `mean`) a draw.
template <class T>
void hidden(const Context& context, const Rbm<T>& rbm, Matrix<const T> v, Matrix<T> mean, const RandomKey& key, Matrix<T> draw) {
  const Kernels<T>& kernels = context.table->kernels<T>();
  const bool bernoulli = rbm.hidden == HiddenUnit::bernoulli;
  affine<T>(context, v, rbm.weight, true, rbm.hidden_bias, bernoulli ? "sigmoid" : draw ? "linear" : "relu", mean);
  if (!draw) return;
  const Draw place = prepare_draw(Purpose::rbm_hidden, key);
  if (bernoulli) return kernels.bernoulli(context, place, mean, draw);
  kernels.noisy_relu(context, place, mean, draw);
  if (draw.data != mean.data) activation_forward<T>(context, find_activation("rbm", "relu"), mean, mean);
}

template <class T>
void visible(const Context& context, const Rbm<T>& rbm, Matrix<const T> h, const RandomKey* key, Matrix<T> v) {
  const Kernels<T>& kernels = context.table->kernels<T>();
  const bool bernoulli = rbm.visible == VisibleUnit::bernoulli;
  affine<T>(context, h, rbm.weight, false, rbm.visible_bias, bernoulli ? "sigmoid" : "linear", v);
  if (!key) return;
  const Draw place = prepare_draw(Purpose::rbm_visible, *key);
  bernoulli ? kernels.bernoulli(context, place, v, v) : kernels.gaussian_noise(context, place, T(1), v, v);
}

}  // namespace

VisibleUnit visible_unit(const char* op, const char* argument, const std::string& name) {
  if (name != "bernoulli" && name != "gaussian") fail(op, argument, " is '", name, "', needs 'bernoulli' or 'gaussian'");
  return name == "gaussian" ? VisibleUnit::gaussian : VisibleUnit::bernoulli;
}
HiddenUnit hidden_unit(const char* op, const char* argument, const std::string& name) {
  if (name != "bernoulli" && name != "relu") fail(op, argument, " is '", name, "', needs 'bernoulli' or 'relu'");
  return name == "relu" ? HiddenUnit::relu : HiddenUnit::bernoulli;
}

void check(const char* op, const RbmSparsity& sparsity) {
  if (!(sparsity.cost >= 0) || !std::isfinite(sparsity.cost)) fail(op, "sparsity_cost is ", sparsity.cost, ", needs a finite number >= 0");
  if (!(sparsity.target >= 0) || !std::isfinite(sparsity.target))
    fail(op, "sparsity_target is ", sparsity.target, ", needs a finite number >= 0");
}

template <class T>
void rbm_hidden(const Context& context, const Rbm<T>& rbm, Matrix<const T> v, const RandomKey* key, Matrix<T> h) {
  const char* op = "rbm_hidden";
  expect_size(op, "hidden_bias", rbm.hidden_bias, rbm.weight.rows);
  expect_shape(op, "v", v, v.rows, rbm.weight.columns);
  expect_shape(op, "out", h, v.rows, rbm.weight.rows);
  if (key) lamina::check(op, *key, v.rows);
  hidden<T>(context, rbm, v, h, key ? *key : RandomKey{}, key ? h : Matrix<T>{});
}

template <class T>
void rbm_visible(const Context& context, const Rbm<T>& rbm, Matrix<const T> h, const RandomKey* key, Matrix<T> v) {
  const char* op = "rbm_visible";
  expect_size(op, "visible_bias", rbm.visible_bias, rbm.weight.columns);
  expect_shape(op, "h", h, h.rows, rbm.weight.rows);
  expect_shape(op, "out", v, h.rows, rbm.weight.columns);
  if (key) lamina::check(op, *key, h.rows);
  visible<T>(context, rbm, h, key, v);
}

template <class T>
void rbm_free_energy(const Context& context, const Rbm<T>& rbm, Matrix<const T> v, Vector<T> out) {
  const char* op = "rbm_free_energy";
  check(op, rbm);
  expect_shape(op, "v", v, v.rows, rbm.weight.columns);
  expect_size(op, "out", Vector<const T>(out), v.rows);
  const int64_t block = std::min(block_rows, v.rows), units = rbm.weight.rows;
  const AlignedBuffer<T> inputs(block * units, context.device);
  for (int64_t first = 0, rows; first < v.rows; first += rows) {
    rows = std::min(block, v.rows - first);
    const Matrix<T> a = matrix(inputs.data(), rows, units);
    affine<T>(context, v.slice(first, rows), rbm.weight, true, rbm.hidden_bias, "linear", a);
    const T half = rbm.visible == VisibleUnit::gaussian ? T(0.5) : T(0);
    context.table->kernels<T>().rbm_free_energy(context, v.slice(first, rows), rbm.visible_bias.data, half, a, out.data + first);
  }
}

template <class T>
void rbm_gradient(const Context& context, const Rbm<T>& rbm, Matrix<const T> v, Matrix<T> states, const Gibbs& gibbs, const RandomKey& key,
                  const RbmSparsity& sparsity, const RbmMemory<T>& memory, const RbmGradients<T>& gradients) {
  check<T>(rbm, v, states, gibbs, key);
  check("rbm_gradient", sparsity);
  const int64_t rows = v.rows, chains = states.rows;
  const Kernels<T>& kernels = context.table->kernels<T>();
  const Matrix<T> data = memory.visible.slice(0, rows), ends = memory.visible.slice(rows, chains);
  const Matrix<T> given_data = memory.hidden.slice(0, rows), given_ends = memory.hidden.slice(rows, chains);

  kernels.weighted_sum(context, 1, v, 0, {}, data);
  hidden<T>(context, rbm, data, given_data, key, gibbs.from_data ? states : Matrix<T>{});
  for (int64_t j = 0; j < gibbs.k; ++j) {
    const RandomKey now = key.plus(j);
    visible<T>(context, rbm, states, &now, ends);
    hidden<T>(context, rbm, ends, given_ends, key.plus(j + 1), gibbs.goes_on || j + 1 < gibbs.k ? states : Matrix<T>{});
  }

  const T of_data = T(-1) / static_cast<T>(rows), of_ends = T(1) / static_cast<T>(chains);
  kernels.weighted_sum(context, of_data, given_data, 0, {}, given_data);
  kernels.weighted_sum(context, of_ends, given_ends, 0, {}, given_ends);
  gemm<T>(context, memory.hidden, true, memory.visible, false, 1, 0, gradients.weight);
  column_sum<T>(context, memory.hidden, gradients.hidden_bias);
  if (sparsity.cost > 0) {  // the sums are the negated means
    column_sum<T>(context, given_data, {memory.sums.data, rbm.weight.rows});
    kernels.pull(context, gradients.hidden_bias.data, memory.sums.data, rbm.weight.rows, static_cast<T>(-sparsity.target),
                 static_cast<T>(-sparsity.cost));
  }
  const Vector<T> sums{memory.sums.data, rbm.weight.columns};
  column_sum<T>(context, data, sums);
  column_sum<T>(context, ends, gradients.visible_bias);
  const auto row = [](Vector<T> x) { return matrix(x.data, 1, x.size); };
  kernels.weighted_sum(context, of_ends, row(gradients.visible_bias), of_data, row(sums), row(gradients.visible_bias));
}

template <class T>
void rbm_gradient(const Context& context, const Rbm<T>& rbm, Matrix<const T> v, Matrix<const T> from, Matrix<T> states, const Gibbs& gibbs,
                  const RandomKey& key, const RbmGradients<T>& gradients) {
  check<T>(rbm, v, states, gibbs, key);
  if (from) expect_shape("rbm_gradient", "chains", from, states.rows, rbm.weight.rows);
  const int64_t rows = v.rows + states.rows, columns = rbm.weight.columns, units = rbm.weight.rows;
  const AlignedBuffer<T> visible(rows * columns, context.device), hidden(rows * units, context.device);
  const AlignedBuffer<T> sums(std::max(columns, units), context.device);
  if (from) context.table->kernels<T>().weighted_sum(context, 1, from, 0, {}, states);
  const RbmMemory<T> memory{matrix(visible.data(), rows, columns), matrix(hidden.data(), rows, units), sums.view()};
  rbm_gradient<T>(context, rbm, v, states, gibbs, key, {}, memory, gradients);
}

#define INSTANTIATE(T)                                                                                                                   \
  template void rbm_hidden(const Context&, const Rbm<T>&, Matrix<const T>, const RandomKey*, Matrix<T>);                                 \
  template void rbm_visible(const Context&, const Rbm<T>&, Matrix<const T>, const RandomKey*, Matrix<T>);                                \
  template void rbm_free_energy(const Context&, const Rbm<T>&, Matrix<const T>, Vector<T>);                                              \
  template void rbm_gradient(const Context&, const Rbm<T>&, Matrix<const T>, Matrix<T>, const Gibbs&, const RandomKey&,                  \
                             const RbmSparsity&, const RbmMemory<T>&, const RbmGradients<T>&);                                           \
  template void rbm_gradient(const Context&, const Rbm<T>&, Matrix<const T>, Matrix<const T>, Matrix<T>, const Gibbs&, const RandomKey&, \
                             const RbmGradients<T>&);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace lamina
