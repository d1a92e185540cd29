// Noise on units as layers that run by themselves: in training alone, but for what dropout scales in inference.
#include "nn/box.h"
#include "ops/noise.h"
#include "ops/random.h"

namespace lamina {
namespace {

// What a layer's op is called with, forward (x) and backward (dy).
template <class T>
struct Call {
  const Context& context;
  RandomKey key;
  Matrix<const T> in;
  Matrix<T> out;

  void copy() const {
    if (in.data != out.data) dropout<T>(context, {}, in, out);
  }
};

template <class T>
void forward(const TestScaledDropoutSpec& spec, const Call<T>& call) {
  dropout<T>(call.context, {spec.p, call.key, false}, call.in, call.out);
}
template <class T>
void backward(const TestScaledDropoutSpec& spec, const Call<T>& call) {
  forward(spec, call);
}
template <class T>
void inference(const TestScaledDropoutSpec& spec, const Call<T>& call) {
  dropout_inference<T>(call.context, {spec.p, call.key, false}, call.in, call.out);
}

template <class T>
void forward(const GaussianNoiseSpec& spec, const Call<T>& call) {
  gaussian_noise<T>(call.context, {spec.std, call.key}, call.in, call.out);
}
template <class T>
void backward(const GaussianNoiseSpec&, const Call<T>& call) {
  call.copy();
}

template <class T>
void forward(const MaskingNoiseSpec& spec, const Call<T>& call) {
  masking_noise<T>(call.context, {spec.p, call.key}, call.in, call.out);
}
template <class T>
void backward(const MaskingNoiseSpec& spec, const Call<T>& call) {
  forward(spec, call);
}

template <class T>
void forward(const SaltAndPepperSpec& spec, const Call<T>& call) {
  salt_and_pepper<T>(call.context, {spec.p, spec.low, spec.high, call.key}, call.in, call.out);
}
template <class T>
void backward(const SaltAndPepperSpec& spec, const Call<T>& call) {
  salt_and_pepper<T>(call.context, {spec.p, 0, 0, call.key}, call.in, call.out);
}

template <class T>
void forward(const AlphaDropoutSpec& spec, const Call<T>& call) {
  alpha_dropout_forward<T>(call.context, {spec.p, call.key}, call.in, call.out);
}
template <class T>
void backward(const AlphaDropoutSpec& spec, const Call<T>& call) {
  alpha_dropout_backward<T>(call.context, {spec.p, call.key}, call.in, call.out);
}

template <class Spec, class T>
void inference(const Spec&, const Call<T>& call) {
  call.copy();
}

template <class T, class Spec>
class UnitNoise final : public Box<T> {
 public:
  UnitNoise(const Spec& spec, int layer) : spec_(spec), layer_(layer) {}

  void forward(const Context& context, const Pass& pass, Matrix<const T> x, Matrix<T> h, T*) const override {
    const Call<T> call{context, pass.key(layer_), x, h};
    return pass.training ? lamina::forward(spec_, call) : inference(spec_, call);
  }
  void backward(const Context& context, const Pass& pass, Matrix<const T> dh, Matrix<const T>, Matrix<const T>, T*,
                Matrix<T> dx) const override {
    const Call<T> call{context, pass.key(layer_), dh, dx};
    return pass.training ? lamina::backward(spec_, call) : inference(spec_, call);
  }

 private:
  Spec spec_;
  int layer_;
};

}  // namespace

#define LAMINA_UNIT_NOISE(Spec)                                         \
  template <class T>                                                    \
  std::unique_ptr<Box<T>> Spec::make(const BoxPlace<T>& place) const {  \
    return std::make_unique<UnitNoise<T, Spec>>(*this, place.layer.id); \
  }                                                                     \
  LAMINA_INSTANTIATE_BOX(Spec)
LAMINA_UNIT_NOISE(TestScaledDropoutSpec)
LAMINA_UNIT_NOISE(GaussianNoiseSpec)
LAMINA_UNIT_NOISE(MaskingNoiseSpec)
LAMINA_UNIT_NOISE(SaltAndPepperSpec)
LAMINA_UNIT_NOISE(AlphaDropoutSpec)
#undef LAMINA_UNIT_NOISE

}  // namespace lamina
