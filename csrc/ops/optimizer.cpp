// Optimizer steps: constants of the step worked out in float64, the table updates the buffers.
#include "ops/optimizer.h"

#include <cstring>

#include "base/error.h"
#include "kernels/kernel_table.h"
#include "math/optimizers.h"

namespace lamina {
namespace {

void check_number(const char* op, const char* name, double value, double limit) {
  if (!(value >= 0) || !std::isfinite(value)) fail(op, name, " is ", value, ", needs a finite number >= 0");
  if (value >= limit) fail(op, name, " is ", value, ", needs 0 <= ", name, " < ", limit);
}

void check_size(const char* op, const char* name, int64_t size, int64_t needed) {
  if (size != needed) fail(op, name, " has ", size, " elements, params ", needed, ": they need to be equal");
}

SgdConstants<double> constants_of(const Sgd& sgd, int64_t) { return {sgd.lr, sgd.momentum, sgd.weight_decay, sgd.lr * sgd.l1}; }
AdagradConstants<double> constants_of(const Adagrad& adagrad, int64_t) {
  return {adagrad.lr, adagrad.eps, adagrad.weight_decay, adagrad.lr * adagrad.l1};
}
RmspropConstants<double> constants_of(const Rmsprop& rmsprop, int64_t) {
  return {rmsprop.lr, rmsprop.rho, 1 - rmsprop.rho, rmsprop.eps, rmsprop.momentum, rmsprop.weight_decay, rmsprop.lr * rmsprop.l1};
}
AdamConstants<double> constants_of(const Adam& adam, int64_t step) {
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
  return k;
}

template <class T>
void run(const Context& context, const Sgd& sgd, int64_t step, const StepBuffers<T>& buffers) {
  context.table->kernels<T>().sgd(context, buffers, constants_of(sgd, step), sgd.nesterov);
}
template <class T>
void run(const Context& context, const Adagrad& adagrad, int64_t step, const StepBuffers<T>& buffers) {
  context.table->kernels<T>().adagrad(context, buffers, constants_of(adagrad, step));
}
template <class T>
void run(const Context& context, const Rmsprop& rmsprop, int64_t step, const StepBuffers<T>& buffers) {
  context.table->kernels<T>().rmsprop(context, buffers, constants_of(rmsprop, step));
}
template <class T>
void run(const Context& context, const Adam& adam, int64_t step, const StepBuffers<T>& buffers) {
  context.table->kernels<T>().adam(context, buffers, constants_of(adam, step));
}

}  // namespace

void check(const char* op, const OptimizerSpec& spec) {
  const auto check_setting = [&](const char* name, auto value, double limit = HUGE_VAL) {
    if constexpr (std::is_same_v<decltype(value), double>) check_number(op, name, value, limit);
  };
  std::visit([&](const auto& s) { s.settings(s, check_setting); }, spec);
  const Sgd* sgd = std::get_if<Sgd>(&spec);
  if (sgd && sgd->nesterov && sgd->momentum == 0) fail(op, "nesterov=True with momentum 0, needs momentum > 0");
}

StepConstants step_constants(const OptimizerSpec& spec, int64_t step) {
  return std::visit(
      [&](const auto& optimizer) {
        const auto constants = constants_of(optimizer, step);
        static_assert(sizeof(constants) <= sizeof(StepConstants));
        StepConstants all{};
        std::memcpy(all.data(), &constants, sizeof(constants));
        return all;
      },
      spec);
}

template <class T>
void optimizer_step(const Context& context, const OptimizerSpec& spec, int64_t step, Vector<T> params, Vector<const T> grads,
                    const OptimizerState<T>& state, const double* constants) {
  std::visit(
      [&](const auto& optimizer) {
        const char* op = optimizer.op;
        check(op, spec);
        if (step < 1) fail(op, "step is ", step, ", needs to count from 1");
        check_size(op, "grads", grads.size, params.size);
        StepBuffers<T> buffers{params.size, params.data, grads.data, {}, constants};
        for (size_t i = 0; i < optimizer.state.size(); ++i) {
          const bool needed = i < optimizer.kept();
          if (needed && !state[i]) fail(op, optimizer.state[i], " is missing, momentum needs it: an array of params' size");
          if (state[i]) check_size(op, optimizer.state[i], state[i].size, params.size);
          buffers.state[i] = needed ? state[i].data : nullptr;
        }
        run(context, optimizer, step, buffers);
      },
      spec);
}

template void optimizer_step(const Context&, const OptimizerSpec&, int64_t, Vector<float>, Vector<const float>,
                             const OptimizerState<float>&, const double*);
template void optimizer_step(const Context&, const OptimizerSpec&, int64_t, Vector<double>, Vector<const double>,
                             const OptimizerState<double>&, const double*);

}  // namespace lamina
