// An optimizer with its state for one model's flat buffers.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/context.h"
#include "nn/parameter_buffer.h"
#include "ops/optimizer.h"

namespace lamina {

// The constants of one step.
struct OptimizerInputs {
  StepConstants decayed, spared;
};

template <class T>
class ParameterOptimizer {
 public:
  // The spec's lr is not used: it comes with each step.
  ParameterOptimizer(const char* op, const OptimizerSpec& spec, const ParameterBuffer<T>& buffer, bool decay_all);

  // step counts from 1.
  void update(const Context& context, double lr, int64_t step) { update(context, lr, step, nullptr); }
  // Recorded work finds the constants on the device instead.
  OptimizerInputs inputs(double lr, int64_t step);
  void update(const Context& context, double lr, int64_t step, const OptimizerInputs* there);
  // The state by its names in the spec, in the layout of the flat parameter buffer.
  const std::vector<std::pair<std::string, AlignedBuffer<T>>>& state() const { return state_; }

 private:
  OptimizerSpec decayed_, spared_;  // spared_ is without weight decay and L1
  const ParameterBuffer<T>& buffer_;
  std::vector<ParameterSegment> segments_;
  std::vector<std::pair<std::string, AlignedBuffer<T>>> state_;
};

void check_learning_rate(const char* op, double lr);
void check_rates(const char* op, Vector<const double> rates, int64_t steps);  // a learning rate for each step, or one

}  // namespace lamina
