// Bindings of the optimizer steps, in place on flat arrays.
#include "bindings/bind.h"
#include "ops/optimizer.h"

namespace lamina {
namespace {

void check_all_apart(std::initializer_list<const Array*> arrays) {
  for (auto a = arrays.begin(); a != arrays.end(); ++a) {
    for (auto b = arrays.begin(); b != a; ++b) check_apart(**a, **b);
  }
}

void sgd_binding(py::object params_, py::object grads_, py::object velocity_, py::object lr, py::object momentum, py::object nesterov,
                 py::object weight_decay, py::object l1) {
  const char* op = "sgd_step";
  const Array grads = array_in(op, "grads", grads_), params = array_in_place(op, "params", params_, grads.dtype);
  const Array velocity = optional_in_place(op, "velocity", velocity_, grads.dtype);
  check_all_apart({&params, &grads, &velocity});
  const Sgd sgd{number_in(op, "lr", lr), number_in(op, "momentum", momentum), number_in(op, "weight_decay", weight_decay),
                number_in(op, "l1", l1), flag_in(op, "nesterov", nesterov)};
  with_dtype(grads.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto p = vector_view<T>(params), v = vector_view<T>(velocity);
    const auto g = vector_view<const T>(grads);
    const Native native;
    sgd_step<T>(native.context, sgd, p, g, v);
  });
}

void adam_binding(py::object params_, py::object grads_, py::object m_, py::object v_, py::object lr, py::object step_, py::object beta1,
                  py::object beta2, py::object eps, py::object weight_decay, py::object l1, py::object decoupled) {
  const char* op = "adam_step";
  const Array grads = array_in(op, "grads", grads_), params = array_in_place(op, "params", params_, grads.dtype);
  const Array m = array_in_place(op, "m", m_, grads.dtype), v = array_in_place(op, "v", v_, grads.dtype);
  check_all_apart({&params, &grads, &m, &v});
  const int64_t step = integer_in(op, "step", step_);
  const Adam adam{number_in(op, "lr", lr),
                  number_in(op, "beta1", beta1),
                  number_in(op, "beta2", beta2),
                  number_in(op, "eps", eps),
                  number_in(op, "weight_decay", weight_decay),
                  number_in(op, "l1", l1),
                  flag_in(op, "decoupled", decoupled)};
  with_dtype(grads.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto pv = vector_view<T>(params), mv = vector_view<T>(m), vv = vector_view<T>(v);
    const auto g = vector_view<const T>(grads);
    const Native native;
    adam_step<T>(native.context, adam, step, pv, g, mv, vv);
  });
}

}  // namespace

void bind_optimizer(py::module_& m) {
  m.def("sgd_step", sgd_binding);
  m.def("adam_step", adam_binding);
}

}  // namespace lamina
