// Affine layers with noisy weights, and zoneout: layers that run by themselves.
#include "nn/box.h"
#include "ops/add.h"
#include "ops/gemm.h"
#include "ops/lamina.h"
#include "ops/noise.h"
#include "ops/random.h"
#include "ops/reduce.h"

namespace lamina {
namespace {

// The noisy weight, and the gradient of the noisy weight, in place, as that of the weight.
template <class T>
void disturb(const DropConnectSpec& spec, const Context& context, const RandomKey& key, Matrix<const T> weight, Matrix<T> noisy) {
  dropout<T>(context, {spec.p, key}, weight, noisy);
}
template <class T>
void settle(const DropConnectSpec& spec, const Context& context, const RandomKey& key, Matrix<const T>, Matrix<T> gradient) {
  dropout<T>(context, {spec.p, key}, gradient, gradient);
}

template <class T>
void disturb(const ShakeoutSpec& spec, const Context& context, const RandomKey& key, Matrix<const T> weight, Matrix<T> noisy) {
  shakeout<T>(context, {{spec.p, key}, spec.c}, weight, noisy);
}
template <class T>
void settle(const ShakeoutSpec& spec, const Context& context, const RandomKey& key, Matrix<const T>, Matrix<T> gradient) {
  dropout<T>(context, {spec.p, key}, gradient, gradient);
}

template <class T>
void disturb(const WhiteoutSpec& spec, const Context& context, const RandomKey& key, Matrix<const T> weight, Matrix<T> noisy) {
  whiteout_forward<T>(context, {spec.std, spec.gamma, spec.lam, key}, weight, noisy);
}
template <class T>
void settle(const WhiteoutSpec& spec, const Context& context, const RandomKey& key, Matrix<const T> weight, Matrix<T> gradient) {
  whiteout_backward<T>(context, {spec.std, spec.gamma, spec.lam, key}, gradient, weight, gradient);
}

// The arrays of an affine layer.
template <class T>
struct Affine {
  Matrix<T> weight, d_weight;
  Vector<T> bias, d_bias;  // absent without a bias

  explicit Affine(const BoxPlace<T>& place)
      : weight(of(place.value(0), place.layer)),
        d_weight(of(place.gradient(0), place.layer)),
        bias(place.value(1)),
        d_bias(place.gradient(1)) {}

 private:
  static Matrix<T> of(Vector<T> values, const LayerSpec& layer) { return matrix(values.data, layer.out_features, layer.in_features); }
};

template <class T, class Spec>
class NoisyAffine final : public Box<T> {
 public:
  NoisyAffine(const Spec& spec, const BoxPlace<T>& place) : spec_(spec), layer_(place.layer.id), affine_(place) {}

  // The noisy weight.
  int64_t kept_size(int64_t) const override { return affine_.weight.rows * affine_.weight.columns; }
  bool in_place() const override { return false; }
  void forward(const Context& context, const Pass& pass, Matrix<const T> x, Matrix<T> h, T* kept) const override {
    if (pass.training) disturb<T>(spec_, context, pass.key(layer_), affine_.weight, noisy(kept));
    gemm<T>(context, x, false, weight(pass, kept), true, 1, 0, h, affine_.bias);
  }
  void backward(const Context& context, const Pass& pass, Matrix<const T> dh, Matrix<const T> x, Matrix<const T>, T* kept,
                Matrix<T> dx) const override {
    gemm<T>(context, dh, true, x, false, 1, 0, affine_.d_weight);
    if (affine_.bias) column_sum<T>(context, dh, affine_.d_bias);
    if (pass.training) settle<T>(spec_, context, pass.key(layer_), affine_.weight, affine_.d_weight);
    if (dx) gemm<T>(context, dh, false, weight(pass, kept), false, 1, 0, dx);
  }

 private:
  Matrix<T> noisy(T* kept) const { return matrix(kept, affine_.weight.rows, affine_.weight.columns); }
  Matrix<const T> weight(const Pass& pass, T* kept) const { return pass.training ? noisy(kept) : affine_.weight; }

  Spec spec_;
  int layer_;
  Affine<T> affine_;
};

// h = g(x Wᵀ + b) where new, else x.
template <class T>
class Zoneout final : public Box<T> {
 public:
  Zoneout(const ZoneoutSpec& spec, const BoxPlace<T>& place)
      : p_(spec.p), layer_(place.layer.id), affine_(place), activation_(spec.activation) {}

  // The layer's own output, what its activation's backward reads, and the gradient of that output.
  int64_t kept_size(int64_t rows) const override { return 3 * part_size(rows); }
  bool in_place() const override { return false; }
  void forward(const Context& context, const Pass& pass, Matrix<const T> x, Matrix<T> h, T* kept) const override {
    const Matrix<T> own = part(kept, 0, x.rows);
    lamina_forward<T>(context, layer(pass), x, own, saved(kept, x.rows));
    zoneout_forward<T>(context, draw(pass), pass.training, own, x, h);
  }
  void backward(const Context& context, const Pass& pass, Matrix<const T> dh, Matrix<const T> x, Matrix<const T>, T* kept,
                Matrix<T> dx) const override {
    const Matrix<T> own = part(kept, 0, x.rows), d_own = part(kept, 2, x.rows);
    zoneout_backward<T>(context, draw(pass), pass.training, dh, d_own, {});
    const LaminaGradients<T> gradients{affine_.d_weight, affine_.d_bias, {}, {}, {}};
    lamina_backward<T>(context, layer(pass), d_own, d_own, x, own, saved(kept, x.rows), gradients);
    if (!dx) return;
    gemm<T>(context, d_own, false, affine_.weight, false, 1, 0, dx);
    zoneout_backward<T>(context, draw(pass), pass.training, dh, {}, own);  // which nobody reads any more
    add<T>(context, dx, own, dx);
  }

 private:
  int64_t part_size(int64_t rows) const { return padded<T>(rows * affine_.weight.rows); }
  Matrix<T> part(T* kept, int nth, int64_t rows) const { return matrix(kept + nth * part_size(rows), rows, affine_.weight.rows); }
  LaminaSaved<T> saved(T* kept, int64_t rows) const { return {{}, part(kept, 1, rows), {}, {}}; }
  Lamina<T> layer(const Pass& pass) const { return {"Network", affine_.weight, affine_.bias, {}, activation_, {}, pass.training}; }
  Dropout draw(const Pass& pass) const { return {p_, pass.key(layer_)}; }

  double p_;
  int layer_;
  Affine<T> affine_;
  Activation activation_;
};

}  // namespace

template <class T>
std::unique_ptr<Box<T>> DropConnectSpec::make(const BoxPlace<T>& place) const {
  return std::make_unique<NoisyAffine<T, DropConnectSpec>>(*this, place);
}
template <class T>
std::unique_ptr<Box<T>> ShakeoutSpec::make(const BoxPlace<T>& place) const {
  return std::make_unique<NoisyAffine<T, ShakeoutSpec>>(*this, place);
}
template <class T>
std::unique_ptr<Box<T>> WhiteoutSpec::make(const BoxPlace<T>& place) const {
  return std::make_unique<NoisyAffine<T, WhiteoutSpec>>(*this, place);
}
template <class T>
std::unique_ptr<Box<T>> ZoneoutSpec::make(const BoxPlace<T>& place) const {
  return std::make_unique<Zoneout<T>>(*this, place);
}

LAMINA_INSTANTIATE_BOX(DropConnectSpec)
LAMINA_INSTANTIATE_BOX(ShakeoutSpec)
LAMINA_INSTANTIATE_BOX(WhiteoutSpec)
LAMINA_INSTANTIATE_BOX(ZoneoutSpec)

}  // namespace lamina
