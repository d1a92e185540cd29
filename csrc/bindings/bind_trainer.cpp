// Binding of the trainer: epochs without the GIL.
#include "bindings/bind_model.h"

namespace lamina {

DType dtype_in(const char* op, py::handle name_) {
  const std::string name = text_in(op, "dtype", name_);
  if (name == "float32") return DType::float32;
  if (name == "float64") return DType::float64;
  fail(op, "dtype is '", name, "', needs float32 or float64");
}

uint32_t counter_in(const char* op, const char* name, py::handle value_) {
  const int64_t value = integer_in(op, name, value_);
  if (value < 0 || value >= int64_t{1} << 32) fail(op, name, " is ", value, ", needs 0 <= ", name, " < 2**32");
  return static_cast<uint32_t>(value);
}

namespace {

struct PyTrainer {
  Home home;
  std::variant<std::shared_ptr<Trainer<float>>, std::shared_ptr<Trainer<double>>> form;
  std::optional<Precision> precision;  // none: the process's
  Kind kind() const { return {form.index() == 0 ? DType::float32 : DType::float64, home.on_device()}; }
};

template <class F>
decltype(auto) with(const PyTrainer& trainer, const F& f) {
  if (trainer.form.index() == 0) return f(*std::get<0>(trainer.form), float{});
  return f(*std::get<1>(trainer.form), double{});
}

// None: not clipped.
double limit_in(const char* op, const char* name, const py::object& limit) {
  if (limit.is_none()) return 0;
  const double number = number_in(op, name, limit);
  if (!(number > 0)) fail(op, name, " is ", number, ", needs a finite number > 0, or None");
  return number;
}

Averaging averaging_in(const char* op, const py::object& dict) {
  Averaging averaging;
  if (dict.is_none()) return averaging;
  Settings settings(op, "average", dict_in(op, "average", dict));
  const std::string kind = settings.text("kind");
  if (kind == "exponential") {
    averaging.kind = Averaging::Kind::exponential;
    averaging.decay = settings.number("decay");
  } else if (kind == "equal") {
    averaging.kind = Averaging::Kind::equal;
    averaging.start = settings.integer("start");
    averaging.every = settings.integer("every");
  } else {
    fail(op, "average is '", kind, "', needs exponential or equal");
  }
  settings.finish();
  return averaging;
}

// Empty, or a number for each of the network's parameters.
std::vector<double> rates_by_parameter(const char* op, const py::object& given, size_t parameters) {
  std::vector<double> rates;
  for (const py::handle rate : py::reinterpret_borrow<py::sequence>(given)) rates.push_back(number_in(op, "rates", rate));
  if (!rates.empty() && rates.size() != parameters) fail(op, "rates has ", rates.size(), " numbers, needs ", parameters);
  return rates;
}

PyTrainer make_trainer(const PyNetwork& network, const py::dict& spec_, const py::object& loss, const py::object& seed,
                       const py::object& precision_) {
  const char* op = "Trainer";
  const auto precision = precision_in(op, precision_);
  const size_t parameters = std::visit([](const auto& net) { return net->parameters().entries().size(); }, network.form);
  Settings settings(op, "settings", spec_);
  const auto limit = [&](const char* name) { return limit_in(op, name, settings.take(name, py::none())); };
  const TrainingSpec spec{optimizer_in(op, settings.take("optimizer")),
                          rates_by_parameter(op, settings.take("rates", py::list()), parameters),
                          settings.flag("decay_all", false),
                          {limit("clip_value"), limit("clip_norm")},
                          limit("max_norm"),
                          averaging_in(op, settings.take("average", py::none()))};
  settings.finish();
  const uint64_t key = seed_in(op, seed).seed;
  return std::visit(
      [&](const auto& net) -> PyTrainer {
        using T = std::conditional_t<std::is_same_v<decltype(net), const std::shared_ptr<Network<float>>&>, float, double>;
        network.home.take_turn();
        auto trainer = std::make_unique<Trainer<T>>(net, spec, loss_in<T>(op, loss, net->device()), key);
        return {network.home, network.home.own(std::move(trainer)), precision};
      },
      network.form);
}

// A number, or an array with one for each step.
std::vector<double> rates_in(const char* op, const py::object& lr) {
  if (!py::isinstance<py::array>(lr)) return {number_in(op, "lr", lr)};
  const Array rates = array_in(op, "lr", lr, {DType::float64, false});
  const Vector<const double> view = vector_view<const double>(rates);
  return {view.data, view.data + view.size};
}

double train_epoch(const PyTrainer& trainer, const py::object& x, const py::object& targets, const py::object& sample_weight,
                   const py::object& batch_size_, const py::object& shuffle_, const py::object& lr_) {
  const char* op = "run_epoch";
  const int64_t batch_size = integer_in(op, "batch_size", batch_size_);
  const bool shuffle = flag_in(op, "shuffle", shuffle_);
  const std::vector<double> rates = rates_in(op, lr_);
  const DataArrays arrays(op, trainer.kind(), x, targets, sample_weight);
  return with(trainer, [&](auto& t, auto zero) {
    const auto data = arrays.view<decltype(zero)>();
    std::optional<double> loss;
    {
      const Native native(trainer.home, trainer.precision);
      loss = t.run_epoch(native.context, data, batch_size, shuffle, {rates.data(), static_cast<int64_t>(rates.size())}, signal_poll);
    }
    return epoch_result(loss);
  });
}

py::tuple evaluate(const PyTrainer& trainer, const py::object& x, const py::object& targets, const py::object& sample_weight,
                   const py::object& batch_size_) {
  const int64_t batch_size = integer_in("evaluate", "batch_size", batch_size_);
  const DataArrays arrays("evaluate", trainer.kind(), x, targets, sample_weight);
  const std::optional<Evaluation> found = with(trainer, [&](auto& t, auto zero) {
    const auto data = arrays.view<decltype(zero)>();
    const Native native(trainer.home, trainer.precision);
    return t.evaluate(native.context, data, batch_size, signal_poll);
  });
  if (!found) throw py::error_already_set();
  return py::make_tuple(found->loss, found->score);
}

int64_t steps(const PyTrainer& trainer, const py::object& rows, const py::object& batch_size) {
  const int64_t row_count = integer_in("steps", "rows", rows), batch = integer_in("steps", "batch_size", batch_size);
  return with(trainer, [&](auto& t, auto) { return t.steps(row_count, batch); });
}

py::dict memory(const PyTrainer& trainer, const py::object& rows, const py::object& batch_size) {
  const int64_t row_count = integer_in("memory", "rows", rows), batch = integer_in("memory", "batch_size", batch_size);
  const MemoryPlan plan = with(trainer, [&](auto& t, auto) { return t.memory(current_context(), row_count, batch); });
  py::dict bytes;
  bytes["parameters"] = plan.parameters;
  bytes["gradients"] = plan.gradients;
  bytes["optimizer_state"] = plan.optimizer_state;
  bytes["average"] = plan.average;
  bytes["statistics"] = plan.statistics;
  bytes["activations"] = plan.activations;
  bytes["batch"] = plan.batch;
  bytes["scratch"] = plan.scratch;
  return bytes;
}

}  // namespace

void bind_trainer(py::module_& m) {
  py::class_<PyTrainer>(m, "Trainer", "Trains a network: whole epochs in native code.")
      .def(py::init(&make_trainer), py::arg("network"), py::arg("settings"), py::arg("loss"), py::arg("seed"), py::arg("precision"))
      .def("run_epoch", &train_epoch, py::arg("x"), py::arg("targets"), py::arg("sample_weight"), py::arg("batch_size"), py::arg("shuffle"),
           py::arg("lr"), "Returns the loss; lr is a number, or an array with one for each step.")
      .def("evaluate", &evaluate, py::arg("x"), py::arg("targets"), py::arg("sample_weight"), py::arg("batch_size"))
      .def("steps", &steps, py::arg("rows"), py::arg("batch_size"), "Of an epoch.")
      .def("memory", &memory, py::arg("rows"), py::arg("batch_size"), "Planned bytes of an epoch by purpose.")
      .def(
          "state",
          [](const py::object& self) {
            return with(self.cast<const PyTrainer&>(),
                        [&](auto& t, auto) { return state_views(self.cast<const PyTrainer&>().home, t.optimizer(), self); });
          },
          "Live views of the optimizer's state, in the layout of the flat parameter buffer.")
      .def(
          "average",
          [](const py::object& self) {
            const Home& home = self.cast<const PyTrainer&>().home;
            return with(self.cast<const PyTrainer&>(), [&](auto& t, auto) {
              return t.average().kept() ? entry_views(home, t.network()->parameters(), t.average().values(), self) : py::dict();
            });
          },
          "Live views of the weights' average by parameter, empty where none is kept.")
      .def_property(
          "missed", [](const PyTrainer& p) { return with(p, [](auto& t, auto) { return t.missed(); }); },
          [](const PyTrainer& p, const std::vector<int64_t>& value) { with(p, [&](auto& t, auto) { t.set_missed(value); }); },
          "Of the updates, those that each parameter did not have.")
      .def_property(
          "averaged", [](const PyTrainer& p) { return with(p, [](auto& t, auto) { return t.average().count; }); },
          [](const PyTrainer& p, const py::object& value) {
            with(p, [&](auto& t, auto) { t.average().count = counter_in("Trainer", "averaged", value); });
          })
      .def_property(
          "step", [](const PyTrainer& p) { return with(p, [](auto& t, auto) { return t.step; }); },
          [](const PyTrainer& p, const py::object& value) {
            with(p, [&](auto& t, auto) { t.step = counter_in("Trainer", "step", value); });
          })
      .def_property(
          "epoch", [](const PyTrainer& p) { return with(p, [](auto& t, auto) { return t.epoch; }); },
          [](const PyTrainer& p, const py::object& value) {
            with(p, [&](auto& t, auto) { t.epoch = counter_in("Trainer", "epoch", value); });
          });
}

}  // namespace lamina
