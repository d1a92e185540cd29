// The box around a layer that is computed outside of the library.
#include "base/error.h"
#include "nn/box.h"
#include "nn/foreign_layer.h"

namespace lamina {
namespace {

template <class T>
class Foreign final : public Box<T> {
 public:
  Foreign(std::shared_ptr<const ForeignLayer> layer, const BoxPlace<T>& place) : layer_(std::move(layer)), id_(place.layer.id) {
    int nth = 0;
    for (const ParameterEntry& entry : place.arrays.parameters().entries()) {  // the user's class is not asked again
      if (entry.layer != id_) continue;
      const std::string name = entry.name.substr(entry.name.rfind('.') + 1);
      parameters_.push_back({name, entry.shape, place.value(nth).data, place.gradient(nth).data});
      ++nth;
    }
  }

  void forward(const Context& context, const Pass& pass, Matrix<const T> x, Matrix<T> h, T*) const override {
    if (context.log) return;
    layer_->forward({pass, id_, x, h, {}, {}, parameters_});
  }
  void backward(const Context& context, const Pass& pass, Matrix<const T> dh, Matrix<const T> x, Matrix<const T> h, T*,
                Matrix<T> dx) const override {
    if (context.log) return;
    const Matrix<T> output{const_cast<T*>(h.data), h.rows, h.columns, h.stride};
    layer_->backward({pass, id_, x, output, dh, dx, parameters_});
  }

 private:
  std::shared_ptr<const ForeignLayer> layer_;
  int id_;
  std::vector<ForeignLayer::Parameter<T>> parameters_;
};

}  // namespace

int64_t ForeignSpec::takes() const { return layer->takes(); }
int64_t ForeignSpec::gives() const { return layer->gives(); }
std::vector<ParameterSpec> ForeignSpec::parameters(int64_t in) const { return layer->parameters(in); }
std::string ForeignSpec::describe(int64_t) const { return layer->describe() + ", computed in Python"; }

template <class T>
std::unique_ptr<Box<T>> ForeignSpec::make(const BoxPlace<T>& place) const {
  if (!place.device.is_host())
    fail("Network", "layer ", place.layer.name, " (", layer->describe(), ") is computed in Python, needs a net on the CPU");
  return std::make_unique<Foreign<T>>(layer, place);
}
LAMINA_INSTANTIATE_BOX(ForeignSpec)

}  // namespace lamina
