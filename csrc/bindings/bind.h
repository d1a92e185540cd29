// What every binding file shares: the native scope, and specs read from Python values.
#pragma once

#include <pybind11/stl.h>

#include <optional>

#include "base/context.h"
#include "base/fp_environment.h"
#include "base/specs.h"
#include "bindings/arrays.h"
#include "ops/activation.h"
#include "ops/config.h"
#include "ops/explain.h"

namespace lamina {

// Entering native code: the GIL released, rounding settled, the context read once.
struct Native {
  py::gil_scoped_release release;
  FloatingPointScope rounding;
  Context context = calling_context();

  Native() = default;
  explicit Native(std::optional<Precision> precision) {
    if (precision) context.precision = *precision;
  }
};

// Scalars, refused under the op's name rather than by pybind11's list of signatures.
double number_in(const char* op, const char* name, py::handle value);
int64_t integer_in(const char* op, const char* name, py::handle value);
bool flag_in(const char* op, const char* name, py::handle value);
std::optional<Precision> precision_in(const char* op, py::handle value);  // None: the process's
std::string text_in(const char* op, const char* name, py::handle value);

Activation activation_in(const char* op, py::handle name, const py::dict& parameters);
// limits: 0 <= seed < 2**64, layer < 2**24, step < 2**32, rows from row_offset within 2**32.
RandomKey key_in(const char* op, py::handle seed, py::handle layer, py::handle step, py::handle row_offset, int64_t rows);

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
