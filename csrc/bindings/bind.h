// What every binding file shares: the native scope, and specs read from Python values.
#pragma once

#include <pybind11/stl.h>

#include <mutex>
#include <optional>

#include "base/context.h"
#include "base/fp_environment.h"
#include "base/specs.h"
#include "bindings/arrays.h"
#include "ops/activation.h"
#include "ops/config.h"
#include "ops/explain.h"

namespace lamina {

bool is_cuda(const char* op, py::handle device);  // "cpu" or "cuda", which there has to be then

// Where a model is: on a device with a stream of its own, which outlives it.
struct Home {
  StreamPointer stream;
  std::shared_ptr<DeviceBlock> users;  // of its arrays: the model itself, and streams that look at views

  Home(const char* op, py::handle device_) {
    if (!is_cuda(op, device_)) return;
    stream = std::make_shared<SharedStream>();
    users = std::make_shared<DeviceBlock>(nullptr, [] {});
    users->use(stream);
  }
  bool on_device() const { return static_cast<bool>(stream); }
  // The model's stream comes after whoever looked at its arrays: before they change, or go.
  void take_turn() const {
    if (users) users->use(stream);
  }
  // An owner of `model`, which goes when nobody looks at it any more.
  template <class Model>
  std::shared_ptr<Model> own(std::unique_ptr<Model> model) const {
    return {model.release(), [home = *this](Model* m) {
              try {
                home.take_turn();
              } catch (const std::exception&) {
                // A broken device, on which nothing runs any more.
              }
              delete m;
            }};
  }
  Device device() const {
    if (!stream) return {};
    Cuda& cuda = needed_cuda("cuda");
    return {&cuda.memory(), stream->get(), &cuda};
  }
};

// Entering native code: the GIL released, rounding settled, the context read once.
struct Native {
  py::gil_scoped_release release;
  FloatingPointScope rounding;
  Context context;

  explicit Native(const Kind& kind, std::optional<Precision> precision = std::nullopt)
      : context(kind.on_device ? device_context("cuda") : calling_context()) {
    if (precision) context.precision = *precision;
  }
  // Where a model is. On a device its calls take turns, and its stream comes after and before this thread's.
  explicit Native(const Home& home, std::optional<Precision> precision = std::nullopt)
      : Native(Kind{DType::float32, home.on_device()}, precision) {
    if (!home.on_device()) return;
    turn = std::unique_lock(home.stream->turn());
    context.device = home.device();
    needed_cuda("cuda").order(current_stream(), context.device.stream);
    home.take_turn();
  }
  ~Native() {
    if (!context.device.is_host() && context.device.stream != current_stream()) leave();
  }
  Native(const Native&) = delete;
  Native& operator=(const Native&) = delete;

 private:
  std::unique_lock<std::mutex> turn;
  void leave() noexcept;
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
Dropout dropout_in(const char* op, py::handle p, const RandomKey& key);

void bind_cuda(py::module_& m);
void bind_linear(py::module_& m);
void bind_lamina(py::module_& m);
void bind_layernorm(py::module_& m);
void bind_elementwise(py::module_& m);
void bind_encodings(py::module_& m);
void bind_rectifiers(py::module_& m);
void bind_random(py::module_& m);
void bind_noise(py::module_& m);
void bind_loss(py::module_& m);
void bind_optimizer(py::module_& m);
void bind_network(py::module_& m);
void bind_trainer(py::module_& m);
void bind_autoencoder(py::module_& m);
void bind_rbm(py::module_& m);

}  // namespace lamina
