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
  std::visit([&](auto& s) { s.lr = 0, check(op, s); }, decayed_);
  std::visit([](auto& s) { s.weight_decay = s.l1 = s.lr = 0; }, spared_);
  const Adam* adam = std::get_if<Adam>(&spec);
  // Weights and the rest merge when they are updated alike; padding is left out where 0 / (0 + eps) would not stay 0.
  const bool alike = std::visit([](const auto& s) { return s.weight_decay == 0 && s.l1 == 0; }, spec);
  segments_ = buffer.segments(decay_all || alike, !adam || adam->eps > 0);
  const auto add = [&](const char* name) { state_.emplace_back(name, buffer.make_slot()); };
  if (adam) {
    add("m");
    add("v");
  } else if (std::get<Sgd>(spec).momentum > 0) {
    add("velocity");
  }
}

template <class T>
void ParameterOptimizer<T>::update(const Context& context, double lr, int64_t step) {
  const Vector<T> parameters = buffer_.parameters();
  const Vector<const T> gradients = buffer_.gradients();
  for (const ParameterSegment& segment : segments_) {
    OptimizerSpec& spec = segment.decayed ? decayed_ : spared_;
    if (Adam* adam = std::get_if<Adam>(&spec)) {
      adam->lr = lr;
      adam_step<T>(context, *adam, step, part(parameters, segment), part(gradients, segment), part(state_[0].second.view(), segment),
                   part(state_[1].second.view(), segment));
    } else {
      Sgd& sgd = std::get<Sgd>(spec);
      sgd.lr = lr;
      sgd_step<T>(context, sgd, part(parameters, segment), part(gradients, segment),
                  state_.empty() ? Vector<T>{} : part(state_[0].second.view(), segment));
    }
  }
}

void check_learning_rate(const char* op, double lr) {
  if (!(lr >= 0) || !std::isfinite(lr)) fail(op, "lr is ", lr, ", needs a finite number >= 0");
}

template class ParameterOptimizer<float>;
template class ParameterOptimizer<double>;

}  // namespace lamina
