// An optimizer with its state for one model's flat buffers.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/context.h"
#include "nn/parameter_buffer.h"
#include "ops/optimizer.h"

namespace lamina {

template <class T>
class ParameterOptimizer {
 public:
  // The spec's lr is not used: it comes with each step. `rates` has what it is multiplied by for each of the buffer's entries,
  // or is empty: 1 for all.
  ParameterOptimizer(const char* op, const OptimizerSpec& spec, const ParameterBuffer<T>& buffer, bool decay_all,
                     const std::vector<double>& rates = {});

  // `missed`: of the steps so far, those that an entry did without. Its own are counted, as Adam's first ones are like no others.
  void set_rates(const std::vector<double>& rates, const std::vector<int64_t>& missed = {});

  // step counts from 1. Recorded work finds the constants on the device instead.
  void update(const Context& context, double lr, int64_t step, const StepConstants* there = nullptr) const;
  // Of the step's calls, one after the other.
  std::vector<StepConstants> constants(double lr, int64_t step) const;
  // The state by its names in the spec, in the layout of the flat parameter buffer.
  const std::vector<std::pair<std::string, AlignedBuffer<T>>>& state() const { return state_; }

 private:
  OptimizerSpec spec_for(const ParameterSegment& segment, double lr) const;

  OptimizerSpec decayed_, spared_;  // spared_ is without weight decay and L1
  const ParameterBuffer<T>& buffer_;
  bool decay_all_;
  std::vector<ParameterSegment> segments_;
  std::vector<std::pair<std::string, AlignedBuffer<T>>> state_;
};

void check_learning_rate(const char* op, double lr);
void check_rates(const char* op, Vector<const double> rates, int64_t steps);  // a learning rate for each step, or one

}  // namespace lamina
