// A residual connection: what its layers compute is added to what they are given.
#include "nn/chain.h"
#include "ops/add.h"

namespace lamina {
namespace {

template <class T>
class Residual final : public Box<T> {
 public:
  Residual(const std::vector<LayerSpec>& layers, const BoxPlace<T>& place) : chain_(layers, place.fuse, place.arrays, place.device) {}

  const Chain<T>* inner() const override { return &chain_; }
  // All that the layers keep, and the gradient that comes out of them.
  int64_t kept_size(int64_t rows) const override { return layout(rows).size + rows * chain_.in_features(); }
  void forward(const Context& context, const Pass& pass, Matrix<const T> x, Matrix<T> h, T* kept) const override {
    const TrainingLayout<T> inside = layout(x.rows);
    add<T>(context, x, chain_.forward(context, {inside, kept}, x, pass), h);
  }
  void backward(const Context& context, const Pass& pass, Matrix<const T> dh, Matrix<const T> x, Matrix<const T>, T* kept,
                Matrix<T> dx) const override {
    const TrainingLayout<T> inside = layout(x.rows);
    const Matrix<T> from_inside = matrix(kept + inside.size, x.rows, x.columns);
    chain_.backward(context, {inside, kept}, x, pass, dh, from_inside);
    add<T>(context, dh, from_inside, dx);
  }

 private:
  TrainingLayout<T> layout(int64_t rows) const { return TrainingLayout<T>(chain_.stages(), rows, true); }
  Chain<T> chain_;
};

}  // namespace

template <class T>
std::unique_ptr<Box<T>> ResidualSpec::make(const BoxPlace<T>& place) const {
  return std::make_unique<Residual<T>>(layers, place);
}
LAMINA_INSTANTIATE_BOX(ResidualSpec)

}  // namespace lamina
