// One optimizer step over flat buffers, in place.
#pragma once

#include <array>
#include <cmath>
#include <variant>

#include "base/context.h"
#include "base/types.h"

namespace lamina {

// Each optimizer says what it is called, which arrays it keeps from step to step (optional ones last), and its
// settings in the order of the bindings: f(name, value), or f(name, value, limit) for a number below a limit.
struct Sgd {
  static constexpr const char *name = "sgd", *op = "sgd_step";
  static constexpr std::array state = {"velocity"};
  double lr = 0, momentum = 0, weight_decay = 0, l1 = 0;
  bool nesterov = false;

  size_t kept() const { return momentum > 0 ? 1 : 0; }  // how many of `state`
  bool keeps_zero() const { return true; }              // a parameter of 0 with gradients of 0 stays 0
  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    f("lr", self.lr), f("momentum", self.momentum), f("nesterov", self.nesterov);
    f("weight_decay", self.weight_decay), f("l1", self.l1);
  }
};

struct Adagrad {
  static constexpr const char *name = "adagrad", *op = "adagrad_step";
  static constexpr std::array state = {"square_sum"};
  double lr = 0, eps = 1e-10, weight_decay = 0, l1 = 0;

  size_t kept() const { return 1; }
  bool keeps_zero() const { return eps > 0; }
  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    f("lr", self.lr), f("eps", self.eps), f("weight_decay", self.weight_decay), f("l1", self.l1);
  }
};

struct Rmsprop {
  static constexpr const char *name = "rmsprop", *op = "rmsprop_step";
  static constexpr std::array state = {"square_avg", "velocity"};
  double lr = 0, rho = 0.99, eps = 1e-8, momentum = 0, weight_decay = 0, l1 = 0;

  size_t kept() const { return momentum > 0 ? 2 : 1; }
  bool keeps_zero() const { return eps > 0; }
  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    f("lr", self.lr), f("rho", self.rho, 1.0), f("eps", self.eps), f("momentum", self.momentum);
    f("weight_decay", self.weight_decay), f("l1", self.l1);
  }
};

struct Adam {
  static constexpr const char *name = "adam", *op = "adam_step";
  static constexpr std::array state = {"m", "v"};
  double lr = 0, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0, l1 = 0;
  bool decoupled = false;

  size_t kept() const { return 2; }
  bool keeps_zero() const { return eps > 0; }
  template <class Self, class F>
  static void settings(Self& self, const F& f) {
    f("lr", self.lr), f("beta1", self.beta1, 1.0), f("beta2", self.beta2, 1.0), f("eps", self.eps);
    f("weight_decay", self.weight_decay), f("l1", self.l1), f("decoupled", self.decoupled);
  }
};

using OptimizerSpec = std::variant<Sgd, Adagrad, Rmsprop, Adam>;

void check(const char* op, const OptimizerSpec& spec);

// The constants of a step as the kernels take them, to be laid out in a device's memory for recorded steps.
using StepConstants = std::array<double, 10>;
StepConstants step_constants(const OptimizerSpec& spec, int64_t step);

// step counts from 1; state in the spec's order, absent where it keeps fewer arrays. `constants` lie on the device, and are
// taken instead of those of the spec and the step.
template <class T>
using OptimizerState = std::array<Vector<T>, 2>;
template <class T>
void optimizer_step(const Context& context, const OptimizerSpec& spec, int64_t step, Vector<T> params, Vector<const T> grads,
                    const OptimizerState<T>& state, const double* constants = nullptr);

}  // namespace lamina
