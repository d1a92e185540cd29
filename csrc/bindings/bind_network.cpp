// Binding of the network: layers from dicts, live parameters, passes forward and backward.
#include "bindings/bind_model.h"
#include "bindings/python_layer.h"

namespace lamina {
namespace {

constexpr int64_t block_rows = 512;  // of an inference pass: a block's activations stay in cache

py::list list_in(const char* op, const char* name, py::handle value) {
  if (!py::isinstance<py::list>(value)) fail<TypeError>(op, name, " is ", std::string(py::repr(value)), ", needs a list");
  return py::reinterpret_borrow<py::list>(value);
}

template <class Form>
Form form_in(const char* op, Settings& settings);

LayerSpec layer_in(const char* op, const py::dict& dict);

std::vector<LayerSpec> layers_in(const char* op, py::handle dicts) {
  std::vector<LayerSpec> layers;
  for (const py::handle dict : list_in(op, "layers", dicts)) layers.push_back(layer_in(op, dict_in(op, "a layer", dict)));
  return layers;
}

// Reads a layer's settings into its spec; what is not given stays as the spec has it.
struct LayerReader {
  const char* op;
  Settings& settings;

  void operator()(const char* name, double& value) const { value = settings.number(name, value); }
  void operator()(const char* name, bool& value) const { value = settings.flag(name, value); }
  void operator()(const char* name, int64_t& value) const { value = settings.integer(name); }
  void operator()(const char* name, std::vector<int64_t>& values) const {
    const py::object list = settings.take(name);
    if (!py::isinstance<py::list>(list)) fail<TypeError>(op, name, " is ", std::string(py::repr(list)), ", needs a list");
    for (const py::handle value : list) values.push_back(integer_in(op, name, value));
  }
  void operator()(const char* name, std::vector<LayerSpec>& value) const { value = layers_in(op, settings.take(name)); }
  void operator()(const char* name, std::shared_ptr<const ForeignLayer>& value) const { value = python_layer(settings.take(name)); }
  void operator()(const char* name, Activation& value) const {
    value = activation_in(op, settings.take(name), dict_in(op, "parameters", settings.take("parameters", py::dict())));
  }
  void operator()(const char* name, std::vector<double>& value) const {
    for (const py::handle item : list_in(op, name, settings.take(name))) value.push_back(number_in(op, name, item));
  }
  void operator()(const char* name, std::vector<ColumnForm>& value) const {
    for (const py::handle item : list_in(op, name, settings.take(name))) {
      Settings part(op, name, dict_in(op, name, item));
      value.push_back(form_in<ColumnForm>(op, part));
    }
  }
};

// Tries the kinds of a catalogue from the nth on.
template <class Form, size_t nth = 0>
Form form_of_kind(const char* op, const std::string& kind, Settings& settings, std::string known = {}) {
  if constexpr (nth == std::variant_size_v<Form>) {
    fail(op, "kind is '", kind, "', needs one of ", known);
  } else {
    std::variant_alternative_t<nth, Form> spec;
    if (kind != spec.kind) return form_of_kind<Form, nth + 1>(op, kind, settings, known + (nth ? ", " : "") + spec.kind);
    spec.settings(spec, LayerReader{op, settings});
    return spec;
  }
}
template <class Form>
Form form_in(const char* op, Settings& settings) {
  Form form = form_of_kind<Form>(op, settings.text("kind"), settings);
  settings.finish();
  return form;
}

LayerSpec layer_in(const char* op, const py::dict& dict) {
  Settings settings(op, "layer", dict);
  return {form_in<LayerForm>(op, settings)};
}

PyNetwork make_network(const py::object& dicts, const py::object& dtype, const py::object& fuse_, const py::object& device) {
  const char* op = "Network";
  const bool fuse = flag_in(op, "fuse", fuse_);
  std::vector<LayerSpec> layers = layers_in(op, dicts);
  const Home home(op, device);
  const auto make = [&](auto zero) -> PyNetwork {
    auto network = std::make_unique<Network<decltype(zero)>>(std::move(layers), fuse, home.device());
    return {home, home.own(std::move(network))};
  };
  return dtype_in(op, dtype) == DType::float32 ? make(float{}) : make(double{});
}

// Calls f(network, zero of its type).
template <class F>
decltype(auto) with(const PyNetwork& network, const F& f) {
  if (network.form.index() == 0) return f(*std::get<0>(network.form), float{});
  return f(*std::get<1>(network.form), double{});
}

py::dict parameters(const py::object& self) {
  return with(self.cast<const PyNetwork&>(), [&](auto& net, auto) {
    return entry_views(self.cast<const PyNetwork&>().home, net.parameters(), net.parameters().parameters(), self);
  });
}
py::dict gradients(const py::object& self) {
  return with(self.cast<const PyNetwork&>(), [&](auto& net, auto) {
    return entry_views(self.cast<const PyNetwork&>().home, net.parameters(), net.parameters().gradients(), self);
  });
}
py::dict buffers(const py::object& self) {
  return with(self.cast<const PyNetwork&>(), [&](auto& net, auto) {
    py::dict views;
    for (const auto& statistics : net.running_statistics()) {
      const std::string& prefix = statistics.name;
      views[py::str(prefix + ".running_mean")] =
          live_view(self.cast<const PyNetwork&>().home, statistics.mean.data, {statistics.mean.size}, self);
      views[py::str(prefix + ".running_var")] =
          live_view(self.cast<const PyNetwork&>().home, statistics.var.data, {statistics.var.size}, self);
      views[py::str(prefix + ".num_batches_tracked")] = py::array(py::dtype::of<int64_t>(), Shape{}, statistics.batches_seen.get(), self);
    }
    return views;
  });
}

// The output of the first `layers` layers in inference, new or into `out`.
py::object infer(const char* op, const PyNetwork& network, const py::object& x_, int64_t layers, const py::object& out_, int64_t rows) {
  if (rows < 1) fail(op, "batch_size is ", rows, ", needs at least 1");
  const Array x = array_in(op, "x", x_, network.kind());
  check_rank(x, 2);
  return with(network, [&](auto& net, auto zero) {
    using T = decltype(zero);
    if (layers < 0 || layers > net.layer_count()) fail(op, "layers is ", layers, ", needs 0 to ", net.layer_count());
    const Matrix<const T> in = matrix_view<const T>(x);
    net.check_input(op, in);
    const int count = static_cast<int>(layers);
    const Array out = array_out(op, "out", out_, x, x.dtype, {x.size(0), net.features_after(count)}, {&x});
    const Matrix<T> result = matrix_view<T>(out);
    bool finished;
    {
      const Native native(network.home);
      finished = net.infer(native.context, in, count, rows, result, signal_poll);
    }
    if (!finished) throw py::error_already_set();
    return out.object();
  });
}
int64_t layer_count(const PyNetwork& network) {
  return with(network, [](auto& net, auto) -> int64_t { return net.layer_count(); });
}

py::object forward(const PyNetwork& network, const py::object& x_, const py::object& training, const py::object& seed,
                   const py::object& step) {
  const char* op = "forward";
  const RandomKey key = seed_in(op, seed, step);
  if (!flag_in(op, "training", training)) return infer(op, network, x_, layer_count(network), py::none(), block_rows);
  const Array x = array_in(op, "x", x_, network.kind());
  check_rank(x, 2);
  return with(network, [&](auto& net, auto zero) {
    using T = decltype(zero);
    const Matrix<const T> in = matrix_view<const T>(x);
    net.check_input(op, in);
    const Array out = new_array(op, "out", x, x.dtype, {x.size(0), net.out_features()});
    const Matrix<T> result = matrix_view<T>(out);
    {
      const Native native(network.home);
      net.forward_training(native.context, in, {true, key.seed, key.step}, result);
    }
    return out.object();
  });
}

double loss_and_gradients(const PyNetwork& network, const py::object& x, const py::object& targets, const py::object& loss_,
                          const py::object& sample_weight, const py::object& training_, const py::object& seed, const py::object& step) {
  const char* op = "loss_and_gradients";
  const bool training = flag_in(op, "training", training_);
  const RandomKey key = seed_in(op, seed, step);
  const DataArrays arrays(op, network.kind(), x, targets, sample_weight);
  return with(network, [&](auto& net, auto zero) {
    using T = decltype(zero);
    const OwnedLoss<T> loss = loss_in<T>(op, loss_, net.device());
    const DataSet<T> data = arrays.view<T>();
    const Native native(network.home);
    return net.loss_and_gradients(native.context, data.x, data.targets, loss.view(), data.sample_weight, {training, key.seed, key.step});
  });
}

// Copies what it sees to arrays, one for each layer by its id.
template <class T>
struct Copies final : Watcher<T> {
  Copies(const Context& context, const std::vector<Matrix<T>>& outputs, const std::vector<Matrix<T>>& gradients, std::vector<bool>& reached)
      : context(context), outputs(outputs), gradients(gradients), reached(reached) {}
  void output(int layer, Matrix<const T> h) const override { copy_matrix(context, h, outputs[static_cast<size_t>(layer)]); }
  void gradient(int layer, Matrix<const T> dh) const override {
    copy_matrix(context, dh, gradients[static_cast<size_t>(layer)]);
    reached[static_cast<size_t>(layer)] = true;
  }
  const Context& context;
  const std::vector<Matrix<T>>&outputs, &gradients;
  std::vector<bool>& reached;
};

// Also the output of each layer by its name and its gradient, None where there is none.
py::tuple layer_gradients(const PyNetwork& network, const py::object& x, const py::object& targets, const py::object& loss_,
                          const py::object& training_, const py::object& seed, const py::object& step) {
  const char* op = "layer_gradients";
  const bool training = flag_in(op, "training", training_);
  const RandomKey key = seed_in(op, seed, step);
  const DataArrays arrays(op, network.kind(), x, targets, py::none());
  return with(network, [&](auto& net, auto zero) {
    using T = decltype(zero);
    const OwnedLoss<T> loss = loss_in<T>(op, loss_, net.device());
    const DataSet<T> data = arrays.view<T>();
    const std::vector<const LayerSpec*> layers = all_layers(net.layers());
    std::vector<Array> arrays_of[2];
    std::vector<Matrix<T>> views[2];
    for (int which = 0; which < 2; ++which) {
      views[which].resize(layers.size());
      for (const LayerSpec* layer : layers) {
        arrays_of[which].push_back(
            new_array(op, which ? "gradient" : "output", arrays.x, arrays.x.dtype, {data.x.rows, layer->out_features}));
        views[which][static_cast<size_t>(layer->id)] = matrix_view<T>(arrays_of[which].back());
      }
    }
    std::vector<bool> reached(layers.size());
    double value;
    {
      const Native native(network.home);
      const Copies<T> copies(native.context, views[0], views[1], reached);
      Pass pass{training, key.seed, key.step};
      std::get<const Watcher<T>*>(pass.watchers) = &copies;
      value = net.loss_and_gradients(native.context, data.x, data.targets, loss.view(), {}, pass);
    }
    py::dict outputs, gradients;
    for (size_t i = 0; i < layers.size(); ++i) {
      const py::str name(layers[i]->name);
      outputs[name] = arrays_of[0][i].object();
      gradients[name] = reached[static_cast<size_t>(layers[i]->id)] ? arrays_of[1][i].object() : py::none();
    }
    return py::make_tuple(value, outputs, gradients);
  });
}

void set_batchnorm_statistics(const PyNetwork& network, const std::string& layer, const py::object& x_, const py::object& batch_size) {
  const char* op = "set_batchnorm_statistics";
  const int64_t rows = integer_in(op, "batch_size", batch_size);
  if (rows < 1) fail(op, "batch_size is ", rows, ", needs at least 1");
  const Array x = array_in(op, "x", x_, network.kind());
  with(network, [&](auto& net, auto zero) {
    const auto in = matrix_view<const decltype(zero)>(x);
    bool finished;
    {
      const Native native(network.home);
      finished = net.set_batchnorm_statistics(native.context, layer, in, rows, signal_poll);
    }
    if (!finished) throw py::error_already_set();
  });
}

}  // namespace

void bind_network(py::module_& m) {
  py::class_<PyNetwork>(m, "Network", "A network of laminae with its parameters, gradients and running statistics.")
      .def(py::init(&make_network), py::arg("layers"), py::arg("dtype"), py::arg("fuse") = true, py::arg("device") = "cpu")
      .def_property_readonly("dtype", [](const PyNetwork& n) { return n.dtype() == DType::float32 ? "float32" : "float64"; })
      .def_property_readonly("device", [](const PyNetwork& n) { return n.home.on_device() ? "cuda" : "cpu"; })
      .def_property_readonly("in_features", [](const PyNetwork& n) { return with(n, [](auto& net, auto) { return net.in_features(); }); })
      .def_property_readonly("out_features", [](const PyNetwork& n) { return with(n, [](auto& net, auto) { return net.out_features(); }); })
      .def_property_readonly("layer_count", &layer_count)
      .def(
          "layers",
          [](const PyNetwork& n) {
            py::dict all;
            with(n, [&](auto& net, auto) {
              for (const LayerSpec* layer : all_layers(net.layers()))
                all[py::str(layer->name)] = py::make_tuple(layer->id, layer->in_features);
            });
            return all;
          },
          "Of each layer by its name: the number by which it draws, and the columns of its input.")
      .def("parameters", &parameters, "Live views by name, in the order of the layers.")
      .def("gradients", &gradients, "Live views by name of what the last backward pass left.")
      .def("buffers", &buffers, "Live views of batch norm's running statistics.")
      .def(
          "explain",
          [](const PyNetwork& n, const py::object& batch_size) {
            return with(n, [&](auto& net, auto) {
              if (batch_size.is_none()) return net.explain();
              const int64_t rows = integer_in("explain", "batch_size", batch_size);
              return net.explain(n.home.on_device() ? device_context("explain") : current_context(), rows);
            });
          },
          py::arg("batch_size") = py::none())
      .def(
          "freeze",
          [](const PyNetwork& n, const std::set<std::string>& names) {
            const Native native(n.home);
            with(n, [&](auto& net, auto) { net.freeze(names); });
          },
          py::arg("names"), "From now on training leaves exactly these layers as they are.")
      .def("forward", &forward, py::arg("x"), py::arg("training"), py::arg("seed"), py::arg("step"))
      .def(
          "forward_to",
          [](const PyNetwork& n, const py::object& x, const py::object& layers) {
            return infer("forward_to", n, x, integer_in("forward_to", "layers", layers), py::none(), block_rows);
          },
          py::arg("x"), py::arg("layers"), "The output of the first layers in inference.")
      .def(
          "predict",
          [](const PyNetwork& n, const py::object& x, const py::object& out, const py::object& batch_size) {
            return infer("predict", n, x, layer_count(n), out, integer_in("predict", "batch_size", batch_size));
          },
          py::arg("x"), py::arg("out"), py::arg("batch_size"))
      .def("loss_and_gradients", &loss_and_gradients, py::arg("x"), py::arg("targets"), py::arg("loss"), py::arg("sample_weight"),
           py::arg("training"), py::arg("seed"), py::arg("step"))
      .def("layer_gradients", &layer_gradients, py::arg("x"), py::arg("targets"), py::arg("loss"), py::arg("training"), py::arg("seed"),
           py::arg("step"), "The loss, and of a net that is not fused each layer's output and its gradient.")
      .def("set_batchnorm_statistics", &set_batchnorm_statistics, py::arg("layer"), py::arg("x"), py::arg("batch_size") = block_rows,
           "Of the batch norm with this name.");
}

}  // namespace lamina
