// Lends arrays to a layer written in Python.
#include "bindings/python_layer.h"

#include "nn/layer_specs.h"

namespace lamina {
namespace {

class PythonLayer final : public ForeignLayer {
 public:
  explicit PythonLayer(py::object layer) : layer_(std::move(layer)) {}
  ~PythonLayer() override {
    const py::gil_scoped_acquire gil;
    layer_.release().dec_ref();
  }

  int64_t takes() const override { return features("in_features"); }
  int64_t gives() const override { return features("out_features"); }
  std::string describe() const override {
    const py::gil_scoped_acquire gil;
    return py::str(py::type::of(layer_).attr("__name__"));
  }
  std::vector<ParameterSpec> parameters(int64_t in) const override {
    const py::gil_scoped_acquire gil;
    std::vector<ParameterSpec> specs;
    for (const auto& [name, array] : py::dict(layer_.attr("_initial")(in))) {
      const auto shape = array.attr("shape").cast<std::vector<int64_t>>();
      specs.push_back({py::str(name), shape, shape.size() > 1});
    }
    return specs;
  }

  void forward(const Call<float>& call) const override { run("_forward", call); }
  void forward(const Call<double>& call) const override { run("_forward", call); }
  void backward(const Call<float>& call) const override { run("_backward", call); }
  void backward(const Call<double>& call) const override { run("_backward", call); }

 private:
  int64_t features(const char* name) const {
    const py::gil_scoped_acquire gil;
    const py::object value = layer_.attr(name);
    return value.is_none() ? 0 : integer_in("Network", name, value);
  }

  // Of rows that begin `stride` elements apart, or of any shape without gaps.
  template <class T>
  static py::object lent(Matrix<T> m) {
    using Element = std::remove_const_t<T>;
    if (!m) return py::none();
    const auto item = static_cast<int64_t>(sizeof(T));
    const std::vector<int64_t> shape{m.rows, m.columns}, strides{m.stride * item, item};
    return py::array(py::dtype::of<Element>(), shape, strides, m.data, py::none());
  }

  template <class T>
  void run(const char* method, const Call<T>& call) const {
    const py::gil_scoped_acquire gil;
    py::dict values, gradients;
    for (const Parameter<T>& parameter : call.parameters) {
      values[py::str(parameter.name)] = py::array(py::dtype::of<T>(), parameter.shape, parameter.value, py::none());
      gradients[py::str(parameter.name)] = py::array(py::dtype::of<T>(), parameter.shape, parameter.gradient, py::none());
    }
    const py::tuple mode = py::make_tuple(call.pass.training, call.pass.seed, call.layer, call.pass.step);
    layer_.attr(method)(lent(call.x), lent(call.h), lent(call.dh), lent(call.dx), values, gradients, mode);
  }

  py::object layer_;
};

}  // namespace

std::shared_ptr<const ForeignLayer> python_layer(const py::object& layer) { return std::make_shared<PythonLayer>(layer); }

}  // namespace lamina
