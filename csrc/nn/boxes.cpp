// The layers that run by themselves.
#include "nn/box.h"
#include "ops/layernorm.h"
#include "ops/rectifiers.h"

namespace lamina {
namespace {

using Kind = LayerSpec::Kind;

template <class T>
class Prelu final : public Box<T> {
 public:
  Prelu(Vector<T> slopes, Vector<T> gradients, int64_t width) : slopes_(slopes), gradients_(gradients), width_(width) {}

  // One slope for all: the columns' sums, before they are added.
  int64_t kept_size(int64_t) const override { return slopes_.size == 1 ? width_ : 0; }
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

template <class T>
class LayerNorm final : public Box<T> {
 public:
  LayerNorm(double eps, Vector<T> gamma, Vector<T> beta, Vector<T> d_gamma, Vector<T> d_beta)
      : eps_(eps), gamma_(gamma), beta_(beta), d_gamma_(d_gamma), d_beta_(d_beta) {}

  int64_t kept_size(int64_t rows) const override { return 2 * padded<T>(rows); }
  void forward(const Context& context, const Pass&, Matrix<const T> x, Matrix<T> h, T* kept) const override {
    layernorm_forward<T>(context, x, gamma_, beta_, eps_, h, mean(kept, x.rows), rstd(kept, x.rows));
  }
  void backward(const Context& context, const Pass&, Matrix<const T> x, Matrix<const T>, T* kept, Matrix<T> gradient) const override {
    layernorm_backward<T>(context, gradient, x, gamma_, mean(kept, x.rows), rstd(kept, x.rows), gradient, d_gamma_, d_beta_);
  }

 private:
  static Vector<T> mean(T* kept, int64_t rows) { return {kept, rows}; }
  static Vector<T> rstd(T* kept, int64_t rows) { return {kept + padded<T>(rows), rows}; }

  double eps_;
  Vector<T> gamma_, beta_, d_gamma_, d_beta_;  // absent without scale and shift
};

}  // namespace

std::vector<ParameterEntry> box_parameters(const LayerSpec& layer, int index) {
  const std::string prefix = std::to_string(index);
  if (layer.kind == Kind::prelu) return {{prefix + ".weight", ParameterKind::slope, {layer.per_unit ? layer.in_features : 1}, index}};
  if (layer.kind == Kind::layernorm && layer.affine) {
    return {{prefix + ".weight", ParameterKind::batchnorm, {layer.in_features}, index},
            {prefix + ".bias", ParameterKind::batchnorm, {layer.in_features}, index}};
  }
  return {};
}

template <class T>
std::unique_ptr<Box<T>> make_box(const LayerSpec& layer, int index, const ParameterBuffer<T>& parameters) {
  if (layer.kind == Kind::prelu) {
    const ParameterEntry& slope = *parameters.find(index, ParameterKind::slope);
    return std::make_unique<Prelu<T>>(vector_at(parameters.parameters(), slope), vector_at(parameters.gradients(), slope),
                                      layer.in_features);
  }
  if (layer.kind == Kind::layernorm) {
    const auto at = [&](Vector<T> buffer, int nth) {
      return layer.affine ? vector_at(buffer, *parameters.find(index, ParameterKind::batchnorm, nth)) : Vector<T>{};
    };
    const Vector<T> values = parameters.parameters(), gradients = parameters.gradients();
    return std::make_unique<LayerNorm<T>>(layer.eps, at(values, 0), at(values, 1), at(gradients, 0), at(gradients, 1));
  }
  RandomKey key;
  key.layer = static_cast<uint32_t>(index);
  return std::make_unique<Rrelu<T>>(RandomRectifier{layer.lower, layer.upper, key});
}

template std::unique_ptr<Box<float>> make_box(const LayerSpec&, int, const ParameterBuffer<float>&);
template std::unique_ptr<Box<double>> make_box(const LayerSpec&, int, const ParameterBuffer<double>&);

}  // namespace lamina
