// What every binding file shares: the native scope, and specs read from Python values.
#pragma once

#include <pybind11/stl.h>

#include "base/context.h"
#include "base/fp_environment.h"
#include "base/specs.h"
#include "bindings/arrays.h"
#include "ops/activation.h"
#include "ops/config.h"

namespace lamina {

// Entering native code: the GIL released, rounding settled, the process's context read once.
struct Native {
  py::gil_scoped_release release;
  FloatingPointScope rounding;
  Context context = current_context();
};

inline Activation activation_in(const char* op, const std::string& name, const py::dict& parameters) {
  Activation activation = find_activation(op, name);
  const ActivationInfo& info = activation_info(activation.index);
  for (const auto& [key, value] : parameters) {
    const std::string given = py::str(key);
    int at = 0;
    while (at < info.parameters && given != info.parameter_names[at]) ++at;
    if (at == info.parameters) fail<TypeError>(op, "activation ", name, " has no parameter '", given, "'");
    if (!PyFloat_Check(value.ptr()) && !PyLong_Check(value.ptr()) && !PyIndex_Check(value.ptr()) && !py::hasattr(value, "__float__")) {
      fail<TypeError>(op, given, " is a ", std::string(py::str(py::type::of(value).attr("__name__"))), ", needs a number");
    }
    activation.parameters[at] = py::float_(py::reinterpret_borrow<py::object>(value));
  }
  check(op, activation);
  return activation;
}

inline RandomKey key_in(const char* op, const py::int_& seed, int64_t layer, int64_t step, int64_t row_offset) {
  const auto unsigned_in = [&](const char* name, int64_t value, int64_t limit, const char* limit_text) {
    if (value < 0 || value >= limit) fail(op, name, " is ", value, ", needs 0 <= ", name, " < ", limit_text);
  };
  unsigned_in("layer", layer, 1 << 24, "2**24");
  unsigned_in("step", step, int64_t{1} << 32, "2**32");
  unsigned_in("row_offset", row_offset, int64_t{1} << 32, "2**32");
  const uint64_t key = PyLong_AsUnsignedLongLong(seed.ptr());
  if (PyErr_Occurred()) {
    PyErr_Clear();
    fail(op, "seed is ", std::string(py::str(seed)), ", needs 0 <= seed < 2**64");
  }
  return {key, static_cast<uint32_t>(layer), static_cast<uint32_t>(step), row_offset};
}

void bind_linear(py::module_& m);
void bind_lamina(py::module_& m);
void bind_elementwise(py::module_& m);
void bind_random(py::module_& m);
void bind_loss(py::module_& m);
void bind_optimizer(py::module_& m);
void bind_network(py::module_& m);
void bind_trainer(py::module_& m);
void bind_autoencoder(py::module_& m);

}  // namespace lamina
