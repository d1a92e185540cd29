// One or two calls of the optimizer's op per step.
#include "nn/parameter_optimizer.h"

#include <cmath>

#include "base/error.h"

namespace lamina {
namespace {

template <class T>
Vector<T> part(Vector<T> buffer, const ParameterSegment& segment) {
  return {buffer.data + segment.offset, segment.size};
}

}  // namespace

template <class T>
ParameterOptimizer<T>::ParameterOptimizer(const char* op, const OptimizerSpec& spec, const ParameterBuffer<T>& buffer, bool decay_all)
    : decayed_(spec), spared_(spec), buffer_(buffer) {
  std::visit([](auto& s) { s.lr = 0; }, decayed_);
  check(op, decayed_);
  std::visit([](auto& s) { s.weight_decay = s.l1 = s.lr = 0; }, spared_);
  std::visit(
      [&](const auto& s) {
        // Weights and the rest merge when they are updated alike; padding is left out where it would not stay 0.
        segments_ = buffer.segments(decay_all || (s.weight_decay == 0 && s.l1 == 0), s.keeps_zero());
        for (size_t i = 0; i < s.kept(); ++i) state_.emplace_back(s.state[i], buffer.make_slot());
      },
      spec);
}

template <class T>
OptimizerInputs ParameterOptimizer<T>::inputs(double lr, int64_t step) {
  for (OptimizerSpec* spec : {&decayed_, &spared_}) std::visit([&](auto& s) { s.lr = lr; }, *spec);
  return {step_constants(decayed_, step), step_constants(spared_, step)};
}

template <class T>
void ParameterOptimizer<T>::update(const Context& context, double lr, int64_t step, const OptimizerInputs* there) {
  for (const ParameterSegment& segment : segments_) {
    OptimizerSpec& spec = segment.decayed ? decayed_ : spared_;
    std::visit([&](auto& s) { s.lr = lr; }, spec);
    OptimizerState<T> state;
    for (size_t i = 0; i < state_.size(); ++i) state[i] = part(state_[i].second.view(), segment);
    optimizer_step<T>(context, spec, step, part(buffer_.parameters(), segment), part(buffer_.gradients(), segment), state,
                      !there            ? nullptr
                      : segment.decayed ? there->decayed.data()
                                        : there->spared.data());
  }
}

void check_learning_rate(const char* op, double lr) {
  if (!(lr >= 0) || !std::isfinite(lr)) fail(op, "lr is ", lr, ", needs a finite number >= 0");
}

void check_rates(const char* op, Vector<const double> rates, int64_t steps) {
  if (rates.size != steps && rates.size != 1) fail(op, "lr has ", rates.size, " numbers, needs one, or one for each of ", steps, " steps");
  for (int64_t i = 0; i < rates.size; ++i) check_learning_rate(op, rates[i]);
}

template class ParameterOptimizer<float>;
template class ParameterOptimizer<double>;

}  // namespace lamina
