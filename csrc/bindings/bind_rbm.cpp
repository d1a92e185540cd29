// Bindings of restricted Boltzmann machines: their ops, and the machine that learns.
#include "bindings/bind_model.h"
#include "nn/rbm.h"

namespace lamina {
namespace {

// The means of one layer given the other, or a draw.
template <bool of_hidden>
py::object units_binding(py::object given_, py::object weight_, py::object bias_, py::object unit_, py::object sample_, py::object seed,
                         py::object layer, py::object step, py::object row_offset, py::object out_) {
  const char* op = of_hidden ? "rbm_hidden" : "rbm_visible";
  const Array given = array_in(op, of_hidden ? "v" : "h", given_), weight = array_in(op, "weight", weight_, given);
  const Array bias = array_in(op, of_hidden ? "hidden_bias" : "visible_bias", bias_, given);
  const std::string unit = text_in(op, "unit", unit_);
  const bool sample = flag_in(op, "sample", sample_);
  check_rank(given, 2);
  check_rank(weight, 2);
  const RandomKey key = key_in(op, seed, layer, step, row_offset, given.size(0));
  const Shape shape{given.size(0), weight.size(of_hidden ? 0 : 1)};
  const Array out = array_out(op, "out", out_, given, given.dtype, shape, {&given, &weight, &bias});
  with_dtype(given.dtype, [&](auto zero) {
    using T = decltype(zero);
    Rbm<T> rbm{matrix_view<const T>(weight), {}, {}};
    if constexpr (of_hidden) {
      rbm.hidden = hidden_unit(op, "unit", unit);
      rbm.hidden_bias = vector_view<const T>(bias);
    } else {
      rbm.visible = visible_unit(op, "unit", unit);
      rbm.visible_bias = vector_view<const T>(bias);
    }
    const auto in = matrix_view<const T>(given);
    const auto ov = matrix_view<T>(out);
    const Native native(given);
    (of_hidden ? rbm_hidden<T> : rbm_visible<T>)(native.context, rbm, in, sample ? &key : nullptr, ov);
  });
  return out.object();
}

// A machine's arrays, as Python gives them.
struct RbmArrays {
  Array v, weight, visible_bias, hidden_bias;

  RbmArrays(const char* op, const py::object& v_, const py::object& weight_, const py::object& visible_bias_,
            const py::object& hidden_bias_)
      : v(array_in(op, "v", v_)),
        weight(array_in(op, "weight", weight_, v)),
        visible_bias(array_in(op, "visible_bias", visible_bias_, v)),
        hidden_bias(array_in(op, "hidden_bias", hidden_bias_, v)) {
    check_rank(v, 2);
    check_rank(weight, 2);
  }
  template <class T>
  Rbm<T> view(VisibleUnit visible, HiddenUnit hidden) const {
    return {matrix_view<const T>(weight), vector_view<const T>(visible_bias), vector_view<const T>(hidden_bias), visible, hidden};
  }
};

py::object free_energy_binding(py::object v_, py::object weight_, py::object visible_bias_, py::object hidden_bias_, py::object visible_,
                               py::object out_) {
  const char* op = "rbm_free_energy";
  const RbmArrays arrays(op, v_, weight_, visible_bias_, hidden_bias_);
  const Array& v = arrays.v;
  const VisibleUnit visible = visible_unit(op, "visible", text_in(op, "visible", visible_));
  const Array out = array_out(op, "out", out_, v, v.dtype, {v.size(0)}, {&v, &arrays.weight, &arrays.visible_bias, &arrays.hidden_bias});
  with_dtype(v.dtype, [&](auto zero) {
    using T = decltype(zero);
    const Rbm<T> rbm = arrays.view<T>(visible, HiddenUnit::bernoulli);
    const auto in = matrix_view<const T>(v);
    const auto ov = vector_view<T>(out);
    const Native native(v);
    rbm_free_energy<T>(native.context, rbm, in, ov);
  });
  return out.object();
}

py::tuple gradient_binding(py::object v_, py::object weight_, py::object visible_bias_, py::object hidden_bias_, py::object visible_,
                           py::object hidden_, py::object k_, py::object chains_, py::object seed, py::object layer, py::object step,
                           py::object row_offset, py::object out_) {
  const char* op = "rbm_gradient";
  const RbmArrays arrays(op, v_, weight_, visible_bias_, hidden_bias_);
  const Array &v = arrays.v, &weight = arrays.weight;
  const VisibleUnit visible = visible_unit(op, "visible", text_in(op, "visible", visible_));
  const HiddenUnit hidden = hidden_unit(op, "hidden", text_in(op, "hidden", hidden_));
  const Gibbs gibbs{integer_in(op, "k", k_), chains_.is_none(), true};
  const Array chains = optional_in(op, "chains", chains_, v);
  if (chains.given()) check_rank(chains, 2);
  const int64_t rows = v.size(0), count = chains.given() ? chains.size(0) : rows, units = weight.size(0), columns = weight.size(1);
  const RandomKey key = key_in(op, seed, layer, step, row_offset, count);
  const auto outs = several_outs(op, out_, 4);
  const std::array<const char*, 4> names{"dweight", "dvisible_bias", "dhidden_bias", "chains"};
  const std::array<Shape, 4> shapes{Shape{units, columns}, Shape{columns}, Shape{units}, Shape{count, units}};
  std::vector<Array> results;
  for (size_t i = 0; i < 4; ++i) {
    results.push_back(
        array_out(op, names[i], outs[i], v, v.dtype, shapes[i], {&v, &weight, &arrays.visible_bias, &arrays.hidden_bias, &chains}));
    for (size_t j = 0; j < i; ++j) check_apart(results[j], results[i]);
  }
  with_dtype(v.dtype, [&](auto zero) {
    using T = decltype(zero);
    const Rbm<T> rbm = arrays.view<T>(visible, hidden);
    const auto in = matrix_view<const T>(v);
    const auto from = matrix_view<const T>(chains);
    const auto states = matrix_view<T>(results[3]);
    const RbmGradients<T> gradients{matrix_view<T>(results[0]), vector_view<T>(results[1]), vector_view<T>(results[2])};
    const Native native(v);
    rbm_gradient<T>(native.context, rbm, in, from, states, gibbs, key, gradients);
  });
  return py::make_tuple(results[0].object(), results[1].object(), results[2].object(), results[3].object());
}

struct PyRbm {
  Home home;
  std::variant<std::shared_ptr<RbmTrainer<float>>, std::shared_ptr<RbmTrainer<double>>> form;
  Kind kind() const { return {form.index() == 0 ? DType::float32 : DType::float64, home.on_device()}; }
};

template <class F>
decltype(auto) with(const PyRbm& rbm, const F& f) {
  if (rbm.form.index() == 0) return f(*std::get<0>(rbm.form), float{});
  return f(*std::get<1>(rbm.form), double{});
}

PyRbm make_rbm(const py::object& visible, const py::object& hidden, const py::object& dtype, const py::object& visible_unit_,
               const py::object& hidden_unit_, const py::object& optimizer, const py::object& sparsity_target,
               const py::object& sparsity_cost, const py::object& seed, const py::object& layer, const py::object& device) {
  const char* op = "RBM";
  const RandomKey key = key_in(op, seed, layer, py::int_(0), py::int_(0), 0);
  const RbmSpec spec{integer_in(op, "n_visible", visible),
                     integer_in(op, "n_hidden", hidden),
                     visible_unit(op, "visible", text_in(op, "visible", visible_unit_)),
                     hidden_unit(op, "hidden", text_in(op, "hidden", hidden_unit_)),
                     {number_in(op, "sparsity_target", sparsity_target), number_in(op, "sparsity_cost", sparsity_cost)},
                     key.seed,
                     key.layer};
  const OptimizerSpec update = optimizer_in(op, optimizer);
  const Home home(op, device);
  const auto make = [&](auto zero) -> PyRbm {
    return {home, home.own(std::make_unique<RbmTrainer<decltype(zero)>>(spec, update, home.device()))};
  };
  return dtype_in(op, dtype) == DType::float32 ? make(float{}) : make(double{});
}

double train_epoch(const PyRbm& rbm, const py::object& x_, const py::object& batch_size_, const py::object& shuffle_, const py::object& lr_,
                   const py::object& k, const py::object& persistent) {
  const char* op = "run_epoch";
  const int64_t batch_size = integer_in(op, "batch_size", batch_size_);
  const bool shuffle = flag_in(op, "shuffle", shuffle_);
  const double lr = number_in(op, "lr", lr_);
  const GibbsOptions gibbs{integer_in(op, "k", k), integer_in(op, "persistent", persistent)};
  const Array x = array_in(op, "x", x_, rbm.kind());
  return with(rbm, [&](auto& r, auto zero) {
    const auto in = matrix_view<const decltype(zero)>(x);
    std::optional<double> loss;
    {
      const Native native(rbm.home);
      loss = r.run_epoch(native.context, in, batch_size, shuffle, lr, gibbs, signal_poll);
    }
    return epoch_result(loss);
  });
}

void start_chains(const PyRbm& rbm, const py::object& count_) {
  const int64_t count = integer_in("start_chains", "count", count_);
  with(rbm, [&](auto& r, auto) {
    const Native native(rbm.home);
    r.start_chains(native.context, count);
  });
}

}  // namespace

void bind_rbm(py::module_& m) {
  m.def("rbm_hidden", units_binding<true>);
  m.def("rbm_visible", units_binding<false>);
  m.def("rbm_free_energy", free_energy_binding);
  m.def("rbm_gradient", gradient_binding);

  const auto views = [](const py::object& self, const auto& of) {
    const auto& rbm = self.cast<const PyRbm&>();
    return with(rbm, [&](auto& r, auto) -> py::object { return of(rbm.home, r, self); });
  };
  auto machine = py::class_<PyRbm>(m, "RBM", "A restricted Boltzmann machine with its optimizer and its chains.");
  machine
      .def(py::init(&make_rbm), py::arg("n_visible"), py::arg("n_hidden"), py::arg("dtype"), py::arg("visible"), py::arg("hidden"),
           py::arg("optimizer"), py::arg("sparsity_target"), py::arg("sparsity_cost"), py::arg("seed"), py::arg("layer"),
           py::arg("device") = "cpu")
      .def_property_readonly("device", [](const PyRbm& r) { return r.home.on_device() ? "cuda" : "cpu"; })
      .def("parameters",
           [=](const py::object& self) {
             return views(self, [](auto& home, auto& r, auto& owner) {
               return entry_views(home, r.parameters(), r.parameters().parameters(), owner);
             });
           })
      .def("state",
           [=](const py::object& self) {
             return views(self, [](auto& home, auto& r, auto& owner) { return state_views(home, r.optimizer(), owner); });
           })
      .def("chains",
           [=](const py::object& self) {
             return views(self, [](auto& home, auto& r, auto& owner) {
               const auto chains = r.chains();
               return live_view(home, chains.data, {chains.rows, chains.columns}, owner);
             });
           })
      .def("start_chains", &start_chains, py::arg("count"))
      .def("run_epoch", &train_epoch, py::arg("x"), py::arg("batch_size"), py::arg("shuffle"), py::arg("lr"), py::arg("k"),
           py::arg("persistent"));
  const auto counter = [&](const char* name, auto member) {
    machine.def_property(
        name, [=](const PyRbm& p) { return with(p, [&](auto& r, auto) { return member(r); }); },
        [=](const PyRbm& p, const py::object& value) { with(p, [&](auto& r, auto) { member(r) = counter_in("RBM", name, value); }); });
  };
  counter("step", [](auto& r) -> uint32_t& { return r.step; });
  counter("sampled", [](auto& r) -> uint32_t& { return r.sampled; });
  counter("epoch", [](auto& r) -> uint32_t& { return r.epoch; });
}

}  // namespace lamina
