// PReLU, RReLU, layer norm and softmax as layers that run by themselves.
#include "nn/box.h"
#include "ops/layernorm.h"
#include "ops/rectifiers.h"
#include "ops/softmax.h"

namespace lamina {
namespace {

template <class T>
class Prelu final : public Box<T> {
 public:
  explicit Prelu(const BoxPlace<T>& place) : slopes_(place.value(0)), gradients_(place.gradient(0)), width_(place.in_features()) {}

  // One slope for all: the columns' sums, before they are added.
  int64_t kept_size(int64_t) const override { return slopes_.size == 1 ? width_ : 0; }
  void forward(const Context& context, const Pass&, Matrix<const T> x, Matrix<T> h, T*) const override {
    prelu_forward<T>(context, slopes_, x, h);
  }
  void backward(const Context& context, const Pass&, Matrix<const T> dh, Matrix<const T> x, Matrix<const T>, T* kept,
                Matrix<T> dx) const override {
    prelu_backward<T>(context, slopes_, dh, x, dx, gradients_, {kept, width_});
  }

 private:
  Vector<T> slopes_, gradients_;
  int64_t width_;
};

template <class T>
class Rrelu final : public Box<T> {
 public:
  Rrelu(const RreluSpec& spec, int layer) : spec_(spec), layer_(layer) {}

  void forward(const Context& context, const Pass& pass, Matrix<const T> x, Matrix<T> h, T*) const override {
    rrelu<T>(context, {spec_.lower, spec_.upper, pass.key(layer_)}, pass.training, x, x, h);
  }
  void backward(const Context& context, const Pass& pass, Matrix<const T> dh, Matrix<const T> x, Matrix<const T>, T*,
                Matrix<T> dx) const override {
    rrelu<T>(context, {spec_.lower, spec_.upper, pass.key(layer_)}, pass.training, dh, x, dx);
  }

 private:
  RreluSpec spec_;
  int layer_;
};

template <class T>
class LayerNorm final : public Box<T> {
 public:
  LayerNorm(double eps, const BoxPlace<T>& place)
      : eps_(eps), gamma_(place.value(0)), beta_(place.value(1)), d_gamma_(place.gradient(0)), d_beta_(place.gradient(1)) {}

  int64_t kept_size(int64_t rows) const override { return 2 * padded<T>(rows); }
  void forward(const Context& context, const Pass&, Matrix<const T> x, Matrix<T> h, T* kept) const override {
    layernorm_forward<T>(context, x, gamma_, beta_, eps_, h, mean(kept, x.rows), rstd(kept, x.rows));
  }
  void backward(const Context& context, const Pass&, Matrix<const T> dh, Matrix<const T> x, Matrix<const T>, T* kept,
                Matrix<T> dx) const override {
    layernorm_backward<T>(context, dh, x, gamma_, mean(kept, x.rows), rstd(kept, x.rows), dx, d_gamma_, d_beta_);
  }

 private:
  static Vector<T> mean(T* kept, int64_t rows) { return {kept, rows}; }
  static Vector<T> rstd(T* kept, int64_t rows) { return {kept + padded<T>(rows), rows}; }

  double eps_;
  Vector<T> gamma_, beta_, d_gamma_, d_beta_;  // absent without scale and shift
};

template <class T>
class Softmax final : public Box<T> {
 public:
  explicit Softmax(bool logarithm) : logarithm_(logarithm) {}

  void forward(const Context& context, const Pass&, Matrix<const T> x, Matrix<T> h, T*) const override {
    (logarithm_ ? log_softmax_forward<T> : softmax_forward<T>)(context, x, h);
  }
  void backward(const Context& context, const Pass&, Matrix<const T> dh, Matrix<const T>, Matrix<const T> h, T*,
                Matrix<T> dx) const override {
    (logarithm_ ? log_softmax_backward<T> : softmax_backward<T>)(context, dh, h, dx);
  }

 private:
  bool logarithm_;
};

}  // namespace

template <class T>
std::unique_ptr<Box<T>> PreluSpec::make(const BoxPlace<T>& place) const {
  return std::make_unique<Prelu<T>>(place);
}
template <class T>
std::unique_ptr<Box<T>> RreluSpec::make(const BoxPlace<T>& place) const {
  return std::make_unique<Rrelu<T>>(*this, place.layer.id);
}
template <class T>
std::unique_ptr<Box<T>> LayerNormSpec::make(const BoxPlace<T>& place) const {
  return std::make_unique<LayerNorm<T>>(eps, place);
}
template <class T>
std::unique_ptr<Box<T>> SoftmaxSpec::make(const BoxPlace<T>&) const {
  return std::make_unique<Softmax<T>>(logarithm);
}

LAMINA_INSTANTIATE_BOX(PreluSpec)
LAMINA_INSTANTIATE_BOX(RreluSpec)
LAMINA_INSTANTIATE_BOX(LayerNormSpec)
LAMINA_INSTANTIATE_BOX(SoftmaxSpec)

}  // namespace lamina
