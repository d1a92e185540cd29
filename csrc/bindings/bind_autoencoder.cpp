// Binding of the autoencoder: a module of greedy pre-training.
#include "bindings/bind_model.h"
#include "nn/autoencoder.h"

namespace lamina {
namespace {

struct PyAutoencoder {
  Home home;
  std::variant<std::shared_ptr<Autoencoder<float>>, std::shared_ptr<Autoencoder<double>>> form;
  Kind kind() const { return {form.index() == 0 ? DType::float32 : DType::float64, home.on_device()}; }
};

template <class F>
decltype(auto) with(const PyAutoencoder& autoencoder, const F& f) {
  if (autoencoder.form.index() == 0) return f(*std::get<0>(autoencoder.form), float{});
  return f(*std::get<1>(autoencoder.form), double{});
}

PyAutoencoder make_autoencoder(const py::object& visible, const py::object& hidden, const py::object& dtype, const py::object& activation,
                               const py::object& activation_parameters, const py::object& loss, const py::object& tied,
                               const py::object& corruption, const py::object& optimizer, const py::object& seed, const py::object& layer,
                               const py::object& device) {
  const char* op = "Autoencoder";
  const RandomKey key = key_in(op, seed, layer, py::int_(0), py::int_(0), 0);
  const AutoencoderSpec spec{integer_in(op, "n_visible", visible),
                             integer_in(op, "n_hidden", hidden),
                             activation_in(op, activation, dict_in(op, "activation_parameters", activation_parameters)),
                             loss_kind(op, text_in(op, "loss", loss).c_str()),
                             flag_in(op, "tied", tied),
                             number_in(op, "corruption", corruption),
                             key.seed,
                             key.layer};
  const OptimizerSpec update = optimizer_in(op, optimizer);
  const Home home(op, device);
  const auto make = [&](auto zero) -> PyAutoencoder {
    auto autoencoder = std::make_unique<Autoencoder<decltype(zero)>>(spec, update, home.device());
    return {home, home.own(std::move(autoencoder))};
  };
  return dtype_in(op, dtype) == DType::float32 ? make(float{}) : make(double{});
}

double loss_and_gradients(const PyAutoencoder& autoencoder, const py::object& x_, const py::object& seed, const py::object& step) {
  const char* op = "loss_and_gradients";
  const RandomKey key = seed_in(op, seed, step);
  const Array x = array_in(op, "x", x_, autoencoder.kind());
  return with(autoencoder, [&](auto& a, auto zero) {
    const auto in = matrix_view<const decltype(zero)>(x);
    const Native native(autoencoder.home);
    return a.loss_and_gradients(native.context, in, key.seed, key.step);
  });
}

double train_epoch(const PyAutoencoder& autoencoder, const py::object& x_, const py::object& batch_size_, const py::object& shuffle_,
                   const py::object& lr_) {
  const char* op = "run_epoch";
  const int64_t batch_size = integer_in(op, "batch_size", batch_size_);
  const bool shuffle = flag_in(op, "shuffle", shuffle_);
  const double lr = number_in(op, "lr", lr_);
  const Array x = array_in(op, "x", x_, autoencoder.kind());
  return with(autoencoder, [&](auto& a, auto zero) {
    const auto in = matrix_view<const decltype(zero)>(x);
    std::optional<double> loss;
    {
      const Native native(autoencoder.home);
      loss = a.run_epoch(native.context, in, batch_size, shuffle, lr, signal_poll);
    }
    return epoch_result(loss);
  });
}

py::object transform(const PyAutoencoder& autoencoder, const py::object& x_, bool reconstruct) {
  const char* op = reconstruct ? "reconstruct" : "encode";
  const Array x = array_in(op, "x", x_, autoencoder.kind());
  return with(autoencoder, [&](auto& a, auto zero) {
    using T = decltype(zero);
    const auto in = matrix_view<const T>(x);
    const Array out = new_array(op, "out", x, x.dtype, {x.size(0), reconstruct ? a.spec().visible : a.spec().hidden});
    const auto result = matrix_view<T>(out);
    {
      const Native native(autoencoder.home);
      reconstruct ? a.reconstruct(native.context, in, result) : a.encode(native.context, in, result);
    }
    return out.object();
  });
}

}  // namespace

void bind_autoencoder(py::module_& m) {
  py::class_<PyAutoencoder>(m, "Autoencoder", "A (denoising) autoencoder with one hidden layer and its optimizer.")
      .def(py::init(&make_autoencoder), py::arg("n_visible"), py::arg("n_hidden"), py::arg("dtype"), py::arg("activation"),
           py::arg("activation_parameters"), py::arg("loss"), py::arg("tied"), py::arg("corruption"), py::arg("optimizer"), py::arg("seed"),
           py::arg("layer"), py::arg("device") = "cpu")
      .def_property_readonly("device", [](const PyAutoencoder& a) { return a.home.on_device() ? "cuda" : "cpu"; })
      .def("parameters",
           [](const py::object& self) {
             return with(self.cast<const PyAutoencoder&>(), [&](auto& a, auto) {
               return entry_views(self.cast<const PyAutoencoder&>().home, a.parameters(), a.parameters().parameters(), self);
             });
           })
      .def("gradients",
           [](const py::object& self) {
             return with(self.cast<const PyAutoencoder&>(), [&](auto& a, auto) {
               return entry_views(self.cast<const PyAutoencoder&>().home, a.parameters(), a.parameters().gradients(), self);
             });
           })
      .def("state",
           [](const py::object& self) {
             return with(self.cast<const PyAutoencoder&>(),
                         [&](auto& a, auto) { return state_views(self.cast<const PyAutoencoder&>().home, a.optimizer(), self); });
           })
      .def("loss_and_gradients", &loss_and_gradients, py::arg("x"), py::arg("seed"), py::arg("step"))
      .def("run_epoch", &train_epoch, py::arg("x"), py::arg("batch_size"), py::arg("shuffle"), py::arg("lr"))
      .def(
          "encode", [](const PyAutoencoder& a, const py::object& x) { return transform(a, x, false); }, py::arg("x"))
      .def(
          "reconstruct", [](const PyAutoencoder& a, const py::object& x) { return transform(a, x, true); }, py::arg("x"))
      .def_property(
          "step", [](const PyAutoencoder& p) { return with(p, [](auto& a, auto) { return a.step; }); },
          [](const PyAutoencoder& p, const py::object& value) {
            with(p, [&](auto& a, auto) { a.step = counter_in("Autoencoder", "step", value); });
          })
      .def_property(
          "epoch", [](const PyAutoencoder& p) { return with(p, [](auto& a, auto) { return a.epoch; }); },
          [](const PyAutoencoder& p, const py::object& value) {
            with(p, [&](auto& a, auto) { a.epoch = counter_in("Autoencoder", "epoch", value); });
          });
}

}  // namespace lamina
