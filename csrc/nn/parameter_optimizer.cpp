// A call of the optimizer's op per step and run of parameters that are treated alike.
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
ParameterOptimizer<T>::ParameterOptimizer(const char* op, const OptimizerSpec& spec, const ParameterBuffer<T>& buffer, bool decay_all,
                                          const std::vector<double>& rates)
    : decayed_(spec), spared_(spec), buffer_(buffer), decay_all_(decay_all) {
  std::visit([](auto& s) { s.lr = 0; }, decayed_);
  check(op, decayed_);
  std::visit([](auto& s) { s.weight_decay = s.l1 = s.lr = 0; }, spared_);
  for (const double rate : rates) {
    if (!(rate >= 0) || !std::isfinite(rate)) fail(op, "a parameter's rate is ", rate, ", needs a finite number >= 0");
  }
  std::visit(
      [&](const auto& s) {
        for (size_t i = 0; i < s.kept(); ++i) state_.emplace_back(s.state[i], buffer.make_slot());
      },
      spec);
  set_rates(rates);
}

template <class T>
void ParameterOptimizer<T>::set_rates(const std::vector<double>& rates, const std::vector<int64_t>& missed) {
  // Weights and the rest merge when they are updated alike; padding is left out where it would not stay 0.
  const auto [alike, merged] =
      std::visit([](const auto& s) { return std::pair(s.weight_decay == 0 && s.l1 == 0, s.keeps_zero()); }, decayed_);
  segments_ = buffer_.segments(decay_all_ || alike, merged, rates, missed);
}

template <class T>
OptimizerSpec ParameterOptimizer<T>::spec_for(const ParameterSegment& segment, double lr) const {
  OptimizerSpec spec = segment.decayed ? decayed_ : spared_;
  std::visit([&](auto& s) { s.lr = lr * segment.rate; }, spec);
  return spec;
}

template <class T>
std::vector<StepConstants> ParameterOptimizer<T>::constants(double lr, int64_t step) const {
  std::vector<StepConstants> all;
  all.reserve(segments_.size());
  for (const ParameterSegment& segment : segments_) all.push_back(step_constants(spec_for(segment, lr), step - segment.missed));
  return all;
}

template <class T>
void ParameterOptimizer<T>::update(const Context& context, double lr, int64_t step, const StepConstants* there) const {
  for (const ParameterSegment& segment : segments_) {
    OptimizerState<T> state;
    for (size_t i = 0; i < state_.size(); ++i) state[i] = part(state_[i].second.view(), segment);
    optimizer_step<T>(context, spec_for(segment, lr), step - segment.missed, part(buffer_.parameters(), segment),
                      part(buffer_.gradients(), segment), state, there ? there++->data() : nullptr);
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
