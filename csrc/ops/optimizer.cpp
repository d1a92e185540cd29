// Optimizer steps: constants of the step worked out in float64, the table updates the buffers.
#include "ops/optimizer.h"

#include <cmath>

#include "base/error.h"
#include "kernels/kernel_table.h"
#include "math/optimizers.h"

namespace lamina {
namespace {

void check_number(const char* op, const char* name, double value, double limit = HUGE_VAL) {
  if (!(value >= 0) || !std::isfinite(value)) fail(op, name, " is ", value, ", needs a finite number >= 0");
  if (value >= limit) fail(op, name, " is ", value, ", needs 0 <= ", name, " < ", limit);
}

void check_size(const char* op, const char* name, int64_t size, int64_t needed) {
  if (size != needed) fail(op, name, " has ", size, " elements, params ", needed, ": they need to be equal");
}

}  // namespace

void check(const char* op, const Sgd& sgd) {
  check_number(op, "lr", sgd.lr);
  check_number(op, "momentum", sgd.momentum);
  check_number(op, "weight_decay", sgd.weight_decay);
  check_number(op, "l1", sgd.l1);
  if (sgd.nesterov && sgd.momentum == 0) fail(op, "nesterov=True with momentum 0, needs momentum > 0");
}

void check(const char* op, const Adam& adam) {
  check_number(op, "lr", adam.lr);
  check_number(op, "beta1", adam.beta1, 1);
  check_number(op, "beta2", adam.beta2, 1);
  check_number(op, "eps", adam.eps);
  check_number(op, "weight_decay", adam.weight_decay);
  check_number(op, "l1", adam.l1);
}

template <class T>
void sgd_step(const Context& context, const Sgd& sgd, Vector<T> params, Vector<const T> grads, Vector<T> velocity) {
  const char* op = "sgd_step";
  check(op, sgd);
  check_size(op, "grads", grads.size, params.size);
  if (sgd.momentum > 0 && !velocity) fail(op, "momentum is ", sgd.momentum, " without velocity, needs an array of params' size");
  if (velocity) check_size(op, "velocity", velocity.size, params.size);
  const SgdConstants<double> constants{sgd.lr, sgd.momentum, sgd.weight_decay, sgd.lr * sgd.l1};
  context.table->kernels<T>().sgd(context, params.size, params.data, grads.data, sgd.momentum > 0 ? velocity.data : nullptr, constants,
                                  sgd.nesterov);
}

template <class T>
void adam_step(const Context& context, const Adam& adam, int64_t step, Vector<T> params, Vector<const T> grads, Vector<T> m, Vector<T> v) {
  const char* op = "adam_step";
  check(op, adam);
  if (step < 1) fail(op, "step is ", step, ", needs to count from 1");
  check_size(op, "grads", grads.size, params.size);
  check_size(op, "m", m.size, params.size);
  check_size(op, "v", v.size, params.size);
  AdamConstants<double> k;
  k.beta1 = adam.beta1;
  k.one_minus_beta1 = 1 - adam.beta1;
  k.beta2 = adam.beta2;
  k.one_minus_beta2 = 1 - adam.beta2;
  k.step_size = adam.lr / (1 - integer_power(adam.beta1, step));
  k.inverse_root_correction = 1 / lamina::sqrt(1 - integer_power(adam.beta2, step));
  k.eps = adam.eps;
  k.weight_decay = adam.decoupled ? 0 : adam.weight_decay;
  k.shrink = adam.decoupled ? 1 - adam.lr * adam.weight_decay : 1;
  k.threshold = adam.lr * adam.l1;
  context.table->kernels<T>().adam(context, params.size, params.data, grads.data, m.data, v.data, k);
}

#define INSTANTIATE(T)                                                                       \
  template void sgd_step(const Context&, const Sgd&, Vector<T>, Vector<const T>, Vector<T>); \
  template void adam_step(const Context&, const Adam&, int64_t, Vector<T>, Vector<const T>, Vector<T>, Vector<T>);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace lamina
