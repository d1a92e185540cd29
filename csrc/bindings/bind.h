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
  Context context;

  explicit Native(const Kind& kind, std::optional<Precision> precision = std::nullopt)
      : context(kind.on_device ? device_context("cuda") : calling_context()) {
    if (precision) context.precision = *precision;
  }
  // On a model's device, whose stream takes its turn after and before this thread's.
  explicit Native(const Device& device, std::optional<Precision> precision = std::nullopt)
      : Native(Kind{DType::float32, !device.is_host()}, precision) {
    if (!device.is_host()) needed_cuda("cuda").order(context.device.stream, device.stream);
    context.device = device;
  }
  ~Native() {
    if (!context.device.is_host() && context.device.stream != current_stream()) leave();
  }
  Native(const Native&) = delete;
  Native& operator=(const Native&) = delete;

 private:
  void leave() noexcept;
};

// Scalars, refused under the op's name rather than by pybind11's list of signatures.
double number_in(const char* op, const char* name, py::handle value);
int64_t integer_in(const char* op, const char* name, py::handle value);
bool flag_in(const char* op, const char* name, py::handle value);
std::optional<Precision> precision_in(const char* op, py::handle value);  // None: the process's
std::string text_in(const char* op, const char* name, py::handle value);
bool is_cuda(const char* op, py::handle device);  // "cpu" or "cuda", which there has to be then

Activation activation_in(const char* op, py::handle name, const py::dict& parameters);
// limits: 0 <= seed < 2**64, layer < 2**24, step < 2**32, rows from row_offset within 2**32.
RandomKey key_in(const char* op, py::handle seed, py::handle layer, py::handle step, py::handle row_offset, int64_t rows);

void bind_cuda(py::module_& m);
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
