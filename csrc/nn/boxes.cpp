// The layers that run by themselves.
#include "nn/box.h"
#include "ops/rectifiers.h"

namespace lamina {
namespace {

using Kind = LayerSpec::Kind;

template <class T>
class Prelu final : public Box<T> {
 public:
  Prelu(Vector<T> slopes, Vector<T> gradients, int64_t width) : slopes_(slopes), gradients_(gradients), width_(width) {}

  // One slope for all: the columns' sums, before they are added.
  int64_t kept_size(int64_t) const override { return slopes_.size == width_ ? 0 : width_; }
  void forward(const Context& context, const Pass&, Matrix<const T> x, Matrix<T> h, T*) const override {
    prelu_forward<T>(context, slopes_, x, h);
  }
  void backward(const Context& context, const Pass&, Matrix<const T> x, Matrix<const T>, T* kept, Matrix<T> gradient) const override {
    prelu_backward<T>(context, slopes_, gradient, x, gradient, gradients_, {kept, width_});
  }

 private:
  Vector<T> slopes_, gradients_;
  int64_t width_;
};

template <class T>
class Rrelu final : public Box<T> {
 public:
  explicit Rrelu(const RandomRectifier& rectifier) : rectifier_(rectifier) {}

  void forward(const Context& context, const Pass& pass, Matrix<const T> x, Matrix<T> h, T*) const override {
    rrelu<T>(context, at(pass), pass.training, x, x, h);
  }
  void backward(const Context& context, const Pass& pass, Matrix<const T> x, Matrix<const T>, T*, Matrix<T> gradient) const override {
    rrelu<T>(context, at(pass), pass.training, gradient, x, gradient);
  }

 private:
  RandomRectifier at(const Pass& pass) const {
    RandomRectifier rectifier = rectifier_;
    rectifier.key = {pass.seed, rectifier_.key.layer, pass.step, 0, pass.step_at};
    return rectifier;
  }
  RandomRectifier rectifier_;
};

}  // namespace

std::vector<ParameterEntry> box_parameters(const LayerSpec& layer, int index) {
  const std::string prefix = std::to_string(index);
  if (layer.kind == Kind::prelu) return {{prefix + ".weight", ParameterKind::slope, {layer.per_unit ? layer.in_features : 1}, index}};
  return {};
}

template <class T>
std::unique_ptr<Box<T>> make_box(const LayerSpec& layer, int index, const ParameterBuffer<T>& parameters) {
  if (layer.kind == Kind::prelu) {
    const ParameterEntry& slope = *parameters.find(index, ParameterKind::slope);
    return std::make_unique<Prelu<T>>(vector_at(parameters.parameters(), slope), vector_at(parameters.gradients(), slope),
                                      layer.in_features);
  }
  RandomKey key;
  key.layer = static_cast<uint32_t>(index);
  return std::make_unique<Rrelu<T>>(RandomRectifier{layer.lower, layer.upper, key});
}

template std::unique_ptr<Box<float>> make_box(const LayerSpec&, int, const ParameterBuffer<float>&);
template std::unique_ptr<Box<double>> make_box(const LayerSpec&, int, const ParameterBuffer<double>&);

}  // namespace lamina
