// Bindings of the fused lamina and of batch norm by itself.
#include "bindings/bind.h"
#include "ops/lamina.h"

namespace lamina {
namespace {

// The arrays of batch norm; all absent without gamma.
struct NormArrays {
  Array gamma, beta, running_mean, running_var;

  // Training writes the running statistics, which therefore are nobody else's memory.
  NormArrays(const char* op, const Array& like, py::handle gamma_, py::handle beta_, py::handle mean_, py::handle var_, bool training,
             std::initializer_list<const Array*> inputs)
      : gamma(optional_in(op, "gamma", gamma_, like)),
        beta(optional_in(op, "beta", beta_, like)),
        running_mean(training ? optional_in_place(op, "running_mean", mean_, like) : optional_in(op, "running_mean", mean_, like)),
        running_var(training ? optional_in_place(op, "running_var", var_, like) : optional_in(op, "running_var", var_, like)) {
    if (gamma.given() != beta.given()) fail(op, "gamma and beta are needed both or not at all");
    if (running_mean.given() != running_var.given()) fail(op, "running_mean and running_var are needed both or not at all");
    if (running_mean.given() && !gamma.given()) fail(op, "running_mean and running_var go with gamma and beta");
    if (!training) return;
    check_apart(running_mean, running_var);
    for (const Array* running : {&running_mean, &running_var}) {
      check_apart(*running, gamma);
      check_apart(*running, beta);
      for (const Array* input : inputs) check_apart(*running, *input);
    }
  }

  template <class T>
  BatchNorm<T> view(double momentum, double eps, bool unbiased) const {
    return {vector_view<const T>(gamma),
            vector_view<const T>(beta),
            vector_view<T>(running_mean),
            vector_view<T>(running_var),
            momentum,
            eps,
            unbiased};
  }
};

Array optional_array(bool wanted, const char* op, const char* name, const Array& like, const Shape& shape) {
  return wanted ? new_array(op, name, like, like.dtype, shape) : no_array(op, name, like.dtype);
}

py::tuple lamina_forward_binding(py::object x_, py::object weight_, py::object bias_, py::object gamma_, py::object beta_, py::object mean_,
                                 py::object var_, py::object activation, const py::dict& parameters, py::object p, py::object seed,
                                 py::object layer, py::object step, py::object row_offset, py::object training_, py::object momentum_,
                                 py::object eps_, py::object unbiased_, py::object precision_, py::object out_) {
  const char* op = "lamina_forward";
  const auto precision = precision_in(op, precision_);
  const bool training = flag_in(op, "training", training_), unbiased = flag_in(op, "unbiased_running_var", unbiased_);
  const double momentum = number_in(op, "momentum", momentum_), eps = number_in(op, "eps", eps_);
  const Array x = array_in(op, "x", x_), weight = array_in(op, "weight", weight_, x), bias = optional_in(op, "bias", bias_, x);
  check_rank(x, 2);
  check_rank(weight, 2);
  const NormArrays norm(op, x, gamma_, beta_, mean_, var_, training, {&x, &weight, &bias});
  const Activation spec = activation_in(op, activation, parameters);
  const Dropout dropout{number_in(op, "p", p), key_in(op, seed, layer, step, row_offset, x.size(0))};
  const Shape shape{x.size(0), weight.size(0)};
  const Array h =
      array_out(op, "out", out_, x, x.dtype, shape, {&x, &weight, &bias, &norm.gamma, &norm.beta, &norm.running_mean, &norm.running_var});

  py::dict saved;
  with_dtype(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    Lamina<T> lamina;
    lamina.op = op;
    lamina.weight = matrix_view<const T>(weight);
    lamina.bias = vector_view<const T>(bias);
    lamina.batchnorm = norm.view<T>(momentum, eps, unbiased);
    lamina.activation = spec;
    lamina.dropout = dropout;
    lamina.training = training;
    const LaminaSaves needs = saves(lamina);
    const Array z = optional_array(needs.z, op, "z", x, shape), read = optional_array(needs.activation, op, "read", x, shape);
    const Array mean = optional_array(needs.statistics, op, "mean", x, {shape[1]});
    const Array rstd = optional_array(needs.statistics, op, "rstd", x, {shape[1]});
    const LaminaSaved<T> views{matrix_view<T>(z), matrix_view<T>(read), vector_view<T>(mean), vector_view<T>(rstd)};
    const auto xv = matrix_view<const T>(x);
    const auto hv = matrix_view<T>(h);
    {
      const Native native(x, precision);
      lamina_forward<T>(native.context, lamina, xv, hv, views);
    }
    const auto keep = [&](const char* key, const py::object& value) { saved[key] = value; };
    keep("x", x_), keep("weight", weight_), keep("bias", bias_), keep("gamma", gamma_), keep("beta", beta_), keep("h", h.object());
    keep("z", z.object()), keep("read", read.object()), keep("mean", mean.object()), keep("rstd", rstd.object());
    keep("activation", activation), keep("parameters", parameters), keep("p", p), keep("seed", seed);
    keep("layer", layer), keep("step", step), keep("row_offset", row_offset), keep("training", py::bool_(training)),
        keep("precision", precision_);
  });
  return py::make_tuple(h.object(), saved);
}

py::dict lamina_backward_binding(py::object dy_, py::object saved_, py::object need_dx_, py::object out_) {
  const char* op = "lamina_backward";
  if (!py::isinstance<py::dict>(saved_)) fail<TypeError>(op, "saved is not a dict, needs what lamina_forward returned");
  const auto saved = py::reinterpret_borrow<py::dict>(saved_);
  const bool need_dx = flag_in(op, "need_dx", need_dx_);
  const Array dy = array_in(op, "dy", dy_);
  const auto item = [&](const char* key) {
    if (!saved.contains(key)) fail(op, "saved has no '", key, "', needs what lamina_forward returned");
    return py::object(saved[key]);
  };
  const auto array = [&](const char* key) { return optional_in(op, key, item(key), dy); };
  const Array x = array("x"), weight = array("weight"), bias = array("bias"), gamma = array("gamma"), beta = array("beta"), h = array("h");
  const Array z = array("z"), read = array("read"), mean = array("mean"), rstd = array("rstd");
  check_rank(dy, 2);
  const auto expect = [&](const Array& a, const Shape& shape) {
    if (!a.given() || a.shape() != shape) {
      fail(op, "saved['", a.name, "'] is ", a.given() ? shape_text(a.shape()) : "None", ", needs ", shape_text(shape));
    }
  };
  for (const Array* a : {&x, &weight, &h}) {
    if (!a->given() || a->rank() != 2) fail(op, "saved['", a->name, "'] is no matrix, needs what lamina_forward returned");
  }
  if (dy.shape() != h.shape()) fail(op, "dy has shape ", shape_text(dy.shape()), ", needs ", shape_text(h.shape()));

  const auto precision = precision_in(op, item("precision"));
  if (!out_.is_none() && !py::isinstance<py::dict>(out_)) fail<TypeError>(op, "out is no dict, needs one of arrays by name");
  const py::dict outs = out_.is_none() ? py::dict() : py::reinterpret_borrow<py::dict>(out_);
  py::dict gradients;
  std::vector<Array> results;
  const auto gradient = [&](const char* key, bool wanted, const Shape& shape) {
    if (!wanted) return no_array(op, key, dy.dtype);
    const py::object out = outs.contains(key) ? py::object(outs[key]) : py::none();
    const Array a = array_out(op, key, out, dy, dy.dtype, shape, {&dy, &x, &weight, &bias, &gamma, &beta, &h, &z, &read, &mean, &rstd});
    for (const Array& other : results) check_apart(a, other);
    results.push_back(a);
    gradients[key] = a.object();
    return a;
  };
  const Array dx = gradient("x", need_dx, x.shape()), dw = gradient("weight", true, weight.shape());
  const Array db = gradient("bias", bias.given(), {weight.size(0)});
  const Array dgamma = gradient("gamma", gamma.given(), {weight.size(0)}), dbeta = gradient("beta", gamma.given(), {weight.size(0)});
  for (const auto& [key, value] : outs) {
    if (!gradients.contains(key)) fail(op, "out has ", std::string(py::repr(key)), ", which is no gradient of this lamina");
  }
  const Array dz = new_array(op, "dz", dy, dy.dtype, dy.shape());
  with_dtype(dy.dtype, [&](auto zero) {
    using T = decltype(zero);
    Lamina<T> lamina;
    lamina.op = op;
    lamina.weight = matrix_view<const T>(weight);
    lamina.bias = vector_view<const T>(bias);
    lamina.batchnorm.gamma = vector_view<const T>(gamma);
    lamina.batchnorm.beta = vector_view<const T>(beta);
    // Backward needs no running statistics; the saved mean stands in where the check asks for them.
    lamina.batchnorm.running_mean = lamina.batchnorm.running_var = vector_view<T>(mean);
    lamina.activation = activation_in(op, item("activation"), item("parameters").cast<py::dict>());
    lamina.dropout = {number_in(op, "p", item("p")), key_in(op, item("seed"), item("layer"), item("step"), item("row_offset"), x.size(0))};
    lamina.training = item("training").cast<bool>();
    const LaminaSaves needs = saves(lamina);
    if (needs.z) expect(z, dy.shape());
    if (needs.activation) expect(read, dy.shape());
    for (const Array* a : {&mean, &rstd}) {
      if (needs.statistics) expect(*a, {weight.size(0)});
    }
    const LaminaSaved<T> views{matrix_view<T>(z), matrix_view<T>(read), vector_view<T>(mean), vector_view<T>(rstd)};
    const LaminaGradients<T> into{matrix_view<T>(dw), vector_view<T>(db), vector_view<T>(dgamma), vector_view<T>(dbeta),
                                  matrix_view<T>(dx)};
    const auto dyv = matrix_view<const T>(dy), xv = matrix_view<const T>(x), hv = matrix_view<const T>(h);
    const auto dzv = matrix_view<T>(dz);
    const Native native(dy, precision);
    lamina_backward<T>(native.context, lamina, dyv, dzv, xv, hv, views, into);
  });
  return gradients;
}

// Batch norm by itself is a lamina without its other parts.
py::tuple batchnorm_forward(py::object x_, py::object gamma_, py::object beta_, py::object mean_, py::object var_, py::object training_,
                            py::object momentum_, py::object eps_, py::object unbiased_, py::object out_) {
  const char* op = "batchnorm_forward";
  const bool training = flag_in(op, "training", training_), unbiased = flag_in(op, "unbiased_running_var", unbiased_);
  const double momentum = number_in(op, "momentum", momentum_), eps = number_in(op, "eps", eps_);
  const Array x = array_in(op, "x", x_);
  check_rank(x, 2);
  if (gamma_.is_none() || beta_.is_none()) fail<TypeError>(op, "gamma or beta is None, needs NumPy arrays");
  const NormArrays norm(op, x, gamma_, beta_, mean_, var_, training, {&x});
  const auto outs = several_outs(op, out_, 3);
  const auto inputs = {&x, &norm.gamma, &norm.beta, &norm.running_mean, &norm.running_var};
  const Array y = array_out(op, "y", outs[0], x, x.dtype, x.shape(), inputs);
  const Array mean = array_out(op, "mean", outs[1], x, x.dtype, {x.size(1)}, inputs),
              rstd = array_out(op, "rstd", outs[2], x, x.dtype, {x.size(1)}, inputs);
  check_apart(y, mean);
  check_apart(y, rstd);
  check_apart(mean, rstd);
  with_dtype(x.dtype, [&](auto zero) {
    using T = decltype(zero);
    Lamina<T> lamina;
    lamina.op = op;
    lamina.batchnorm = norm.view<T>(momentum, eps, unbiased);
    lamina.training = training;
    const auto xv = matrix_view<const T>(x);
    const auto yv = matrix_view<T>(y);
    const LaminaSaved<T> saved{{}, {}, vector_view<T>(mean), vector_view<T>(rstd)};
    const Native native(x);
    lamina_forward<T>(native.context, lamina, xv, yv, saved);
  });
  return py::make_tuple(y.object(), mean.object(), rstd.object());
}

py::tuple batchnorm_backward(py::object dy_, py::object x_, py::object gamma_, py::object mean_, py::object rstd_, py::object training_,
                             py::object out_) {
  const char* op = "batchnorm_backward";
  const bool training = flag_in(op, "training", training_);
  const Array dy = array_in(op, "dy", dy_), x = array_in(op, "x", x_, dy), gamma = array_in(op, "gamma", gamma_, dy);
  const Array mean = array_in(op, "mean", mean_, dy), rstd = array_in(op, "rstd", rstd_, dy);
  check_rank(dy, 2);
  check_rank(x, 2);
  if (x.shape() != dy.shape()) fail(op, "x has shape ", shape_text(x.shape()), ", needs dy's ", shape_text(dy.shape()));
  for (const Array* a : {&gamma, &mean, &rstd}) {
    check_rank(*a, 1);
    if (a->size(0) != dy.size(1)) fail(op, a->name, " has ", a->size(0), " elements, needs ", dy.size(1));
  }
  const auto outs = several_outs(op, out_, 3);
  const auto inputs = {&dy, &x, &gamma, &mean, &rstd};
  const Array dx = array_out(op, "dx", outs[0], dy, dy.dtype, dy.shape(), inputs);
  const Array dgamma = array_out(op, "dgamma", outs[1], dy, dy.dtype, {dy.size(1)}, inputs),
              dbeta = array_out(op, "dbeta", outs[2], dy, dy.dtype, {dy.size(1)}, inputs);
  check_apart(dx, dgamma);
  check_apart(dx, dbeta);
  check_apart(dgamma, dbeta);
  with_dtype(dy.dtype, [&](auto zero) {
    using T = decltype(zero);
    Lamina<T> lamina;
    lamina.op = op;
    lamina.batchnorm.gamma = lamina.batchnorm.beta = vector_view<const T>(gamma);  // beta's values are not read
    lamina.batchnorm.running_mean = lamina.batchnorm.running_var = vector_view<T>(mean);
    lamina.training = training;
    const LaminaSaved<T> saved{{}, {}, vector_view<T>(mean), vector_view<T>(rstd)};
    const LaminaGradients<T> gradients{{}, {}, vector_view<T>(dgamma), vector_view<T>(dbeta), {}};
    const auto dyv = matrix_view<const T>(dy), xv = matrix_view<const T>(x);
    const auto dxv = matrix_view<T>(dx);
    const Native native(dy);
    lamina_backward<T>(native.context, lamina, dyv, dxv, xv, dxv, saved, gradients);
  });
  return py::make_tuple(dx.object(), dgamma.object(), dbeta.object());
}

}  // namespace

void bind_lamina(py::module_& m) {
  m.def("lamina_forward", lamina_forward_binding);
  m.def("lamina_backward", lamina_backward_binding);
  m.def("batchnorm_forward", batchnorm_forward);
  m.def("batchnorm_backward", batchnorm_backward);
}

}  // namespace lamina
