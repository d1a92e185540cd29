// The average of a model's weights that training keeps beside them.
#pragma once

#include "base/error.h"
#include "nn/parameter_buffer.h"
#include "ops/averaging.h"

namespace lamina {

struct Averaging {
  enum class Kind { none, exponential, equal };
  Kind kind = Kind::none;
  double decay = 0;              // exponential: what of the average stays at each step
  int64_t start = 1, every = 1;  // equal: the mean over the ends of these epochs, which count from 1
};

template <class T>
class WeightAverage {
 public:
  WeightAverage(const char* op, const Averaging& averaging, const ParameterBuffer<T>& weights) : averaging_(averaging), weights_(weights) {
    if (!(averaging.decay >= 0 && averaging.decay < 1)) fail(op, "decay is ", averaging.decay, ", needs 0 <= decay < 1");
    if (averaging.start < 1) fail(op, "start is ", averaging.start, ", needs at least 1");
    if (averaging.every < 1) fail(op, "every is ", averaging.every, ", needs at least 1");
    if (averaging.kind != Averaging::Kind::none) average_ = weights.make_slot();
  }

  // An exponential average begins with the weights before the first step.
  void before_epoch(const Context& context) {
    if (averaging_.kind == Averaging::Kind::exponential && count == 0) add(context, 1);
  }
  void after_step(const Context& context) const {
    if (averaging_.kind == Averaging::Kind::exponential) step(context, 1 - averaging_.decay);
  }
  void after_epoch(const Context& context, int64_t epoch) {
    if (averaging_.kind != Averaging::Kind::equal || epoch < averaging_.start || (epoch - averaging_.start) % averaging_.every != 0) return;
    add(context, 1 / (1 + static_cast<double>(count)));
  }

  bool kept() const { return averaging_.kind != Averaging::Kind::none; }
  Vector<T> values() const { return average_.view(); }  // in the layout of the flat parameter buffer
  size_t bytes() const { return kept() ? average_.bytes(average_.size()) : 0; }
  uint32_t count = 0;  // of what an equal mean is of; 1 once an exponential average has begun

 private:
  void step(const Context& context, double weight) const { average_step<T>(context, values(), weights_.parameters(), weight); }
  void add(const Context& context, double weight) {
    step(context, weight);
    ++count;
  }

  Averaging averaging_;
  const ParameterBuffer<T>& weights_;
  AlignedBuffer<T> average_;
};

}  // namespace lamina
