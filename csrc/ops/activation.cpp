// The catalogue of activations read off math/activations.h, and activations by themselves.
#include "ops/activation.h"

#include <cmath>

#include "base/error.h"
#include "kernels/kernel_table.h"
#include "math/activations.h"
#include "ops/prepare.h"
#include "ops/shapes.h"

namespace lamina {
namespace {

template <class A>
constexpr ActivationInfo describe() {
  return {A::name,
          A::parameters,
          {A::parameter_names[0], A::parameter_names[1]},
          {A::defaults[0], A::defaults[1]},
          A::reads == Reads::output,
          A::sign_only};
}

template <class... A>
const ActivationInfo& at(int index, TypeList<A...>) {
  static constexpr ActivationInfo all[] = {describe<A>()...};
  return all[index];
}

// What no tail of a lamina can do: ops/rectifiers.h.
constexpr const char* by_themselves[] = {"prelu", "rrelu"};

}  // namespace

int activation_count() { return Activations::size; }
const ActivationInfo& activation_info(int index) { return at(index, Activations{}); }

Activation find_activation(const char* op, const std::string& name) {
  std::string known;
  for (int i = 0; i < activation_count(); ++i) {
    const ActivationInfo& info = activation_info(i);
    if (name == info.name) return {i, {info.defaults[0], info.defaults[1]}};
    known += (known.empty() ? "" : ", ") + std::string(info.name);
  }
  for (const char* rectifier : by_themselves) {
    if (name == rectifier) {
      fail(op, "activation is '", name, "', which learns or draws its slopes and is no part of a lamina: needs a call of ",
           "activation_forward and activation_backward by itself, or in a net the layer PReLU or RReLU");
    }
  }
  fail(op, "activation is '", name, "', needs one of ", known, "; or by themselves, not in a lamina, prelu and rrelu");
}

void check(const char* op, const Activation& activation) {
  const ActivationInfo& info = activation_info(activation.index);
  for (int i = 0; i < info.parameters; ++i) {
    const double value = activation.parameters[i];
    if (!(value >= 0) || !std::isfinite(value)) fail(op, info.parameter_names[i], " is ", value, ", needs a finite number >= 0");
  }
}

template <class T>
void activation_forward(const Context& context, const Activation& activation, Matrix<const T> x, Matrix<T> y) {
  const char* op = "activation_forward";
  check(op, activation);
  expect_shape(op, "out", y, x.rows, x.columns);
  context.table->kernels<T>().tail_forward(context, prepare_tail<T>(activation, {}), x, {}, y);
}

template <class T>
void activation_backward(const Context& context, const Activation& activation, Matrix<const T> dy, Matrix<const T> saved, Matrix<T> dx) {
  const char* op = "activation_backward";
  check(op, activation);
  expect_shape(op, "x or y", saved, dy.rows, dy.columns);
  expect_shape(op, "out", dx, dy.rows, dy.columns);
  context.table->kernels<T>().tail_backward(context, prepare_tail<T>(activation, {}), dy, dx, saved, {}, {}, nullptr, nullptr);
}

#define INSTANTIATE(T)                                                                             \
  template void activation_forward(const Context&, const Activation&, Matrix<const T>, Matrix<T>); \
  template void activation_backward(const Context&, const Activation&, Matrix<const T>, Matrix<const T>, Matrix<T>);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace lamina
