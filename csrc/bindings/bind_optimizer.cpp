// Bindings of the optimizer steps, in place on flat arrays, and optimizers read from dicts.
#include "bindings/bind_model.h"
#include "ops/averaging.h"
#include "ops/clipping.h"
#include "ops/optimizer.h"

namespace lamina {
namespace {

// An optimizer whose settings come from take(name, default).
template <class Optimizer, class Take>
Optimizer read(const Take& take) {
  Optimizer optimizer;
  Optimizer::settings(optimizer, [&](const char* name, auto& value, double = 0) { value = take(name, value); });
  return optimizer;
}

// The alternative of the variant that has this name.
template <size_t index = 0>
OptimizerSpec read_named(const char* op, const std::string& name, Settings& settings) {
  if constexpr (index == std::variant_size_v<OptimizerSpec>) {
    fail(op, "optimizer is '", name, "', which is unknown");
  } else {
    using Optimizer = std::variant_alternative_t<index, OptimizerSpec>;
    if (name == Optimizer::name) return read<Optimizer>([&](const char* key, auto value) { return settings.get(key, value); });
    return read_named<index + 1>(op, name, settings);
  }
}

// The settings follow in the order of the optimizer's list: keywords would cost a microsecond.
template <class Optimizer>
void step_binding(const py::object& params_, const py::object& grads_, const py::tuple& state_, const py::object& step_,
                  const py::args& values) {
  const char* op = Optimizer::op;
  const Array given = array_in(op, "params", params_), params = array_in_place(op, "params", params_, given);
  const Array grads = array_in(op, "grads", grads_, params);
  std::vector<Array> arrays{params, grads};
  for (size_t i = 0; i < Optimizer::state.size(); ++i) {
    const bool optional = i >= Optimizer{}.kept();
    arrays.push_back((optional ? optional_in_place : array_in_place)(op, Optimizer::state[i], state_[i], params));
  }
  for (size_t a = 0; a < arrays.size(); ++a) {
    for (size_t b = 0; b < a; ++b) check_apart(arrays[a], arrays[b]);
  }
  const int64_t step = integer_in(op, "step", step_);
  size_t taken = 0;
  const auto optimizer = read<Optimizer>([&](const char* name, auto otherwise) {
    const py::object value = values[taken++];
    if constexpr (std::is_same_v<decltype(otherwise), bool>) {
      return flag_in(op, name, value);
    } else {
      return number_in(op, name, value);
    }
  });
  with_dtype(grads.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto p = vector_view<T>(params);
    const auto g = vector_view<const T>(grads);
    OptimizerState<T> state;
    for (size_t i = 2; i < arrays.size(); ++i) state[i - 2] = vector_view<T>(arrays[i]);
    const Native native(grads);
    optimizer_step<T>(native.context, optimizer, step, p, g, state);
  });
}

void clip_by_value_binding(const py::object& grads_, const py::object& value_) {
  const char* op = "clip_by_value";
  const Array given = array_in(op, "grads", grads_), grads = array_in_place(op, "grads", grads_, given);
  const double value = number_in(op, "value", value_);
  with_dtype(grads.dtype, [&](auto zero) {
    const auto view = vector_view<decltype(zero)>(grads);
    const Native native(grads);
    clip_by_value(native.context, view, value);
  });
}

// The norm before; on the device it stays there, an array without dimensions.
py::object clip_by_norm_binding(const py::object& grads_, const py::object& norm_) {
  const char* op = "clip_by_norm";
  const Array given = array_in(op, "grads", grads_), grads = array_in_place(op, "grads", grads_, given);
  const double norm = number_in(op, "norm", norm_);
  double value = 0;
  const Array there = grads.on_device() ? new_array(op, "norm", grads, DType::float64, {}) : no_array(op, "norm", DType::float64);
  with_dtype(grads.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto view = vector_view<T>(grads);
    const Array scratch = new_array(op, "scratch", grads, DType::float64, {clip_scratch(view.size)});
    const auto sv = vector_view<double>(scratch);
    double* const before = there.given() ? static_cast<double*>(there.data()) : &value;
    const Native native(grads);
    clip_by_norm(native.context, view, norm, sv, before);
  });
  return there.given() ? there.object() : py::float_(value);
}

void max_norm_binding(const py::object& weight_, const py::object& norm_) {
  const char* op = "max_norm";
  const Array given = array_in(op, "weight", weight_), weight = array_in_place(op, "weight", weight_, given);
  const double norm = number_in(op, "norm", norm_);
  with_dtype(weight.dtype, [&](auto zero) {
    const auto view = matrix_view<decltype(zero)>(weight);
    const Native native(weight);
    max_norm(native.context, view, norm);
  });
}

void average_step_binding(const py::object& average_, const py::object& params_, const py::object& weight_) {
  const char* op = "average_step";
  const Array given = array_in(op, "average", average_), average = array_in_place(op, "average", average_, given);
  const Array params = array_in(op, "params", params_, average);
  check_apart(average, params);
  const double weight = number_in(op, "weight", weight_);
  with_dtype(params.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto a = vector_view<T>(average);
    const auto p = vector_view<const T>(params);
    const Native native(params);
    average_step<T>(native.context, a, p, weight);
  });
}

template <class... Optimizers>
void define_steps(py::module_& m, const std::variant<Optimizers...>&) {
  (m.def(Optimizers::op, &step_binding<Optimizers>), ...);
}

}  // namespace

OptimizerSpec optimizer_in(const char* op, py::handle dict) {
  Settings settings(op, "optimizer", dict_in(op, "optimizer", dict));
  const OptimizerSpec optimizer = read_named(op, settings.text("name"), settings);
  settings.finish();
  return optimizer;
}

void bind_optimizer(py::module_& m) {
  define_steps(m, OptimizerSpec{});
  m.def("clip_by_value", clip_by_value_binding);
  m.def("clip_by_norm", clip_by_norm_binding);
  m.def("max_norm", max_norm_binding);
  m.def("average_step", average_step_binding);
}

}  // namespace lamina
