// The parts of a lamina as plain values: what the bindings build, the ops check and the kernels read.
#pragma once

#include <cstdint>

#include "base/types.h"

namespace lamina {

// Which activation (its place in the catalogue of math/activations.h) and its constants, at most two.
struct Activation {
  int index = 0;  // 0 is linear
  double parameters[2] = {0, 0};
};

// Where in the counter space of Philox a draw happens; see math/philox.h.
struct RandomKey {
  uint64_t seed = 0;
  uint32_t layer = 0;
  uint32_t step = 0;
  int64_t row_offset = 0;
  const uint32_t* step_at = nullptr;  // in recorded work: where a device finds the step instead
  uint32_t ahead = 0;                 // steps further on

  RandomKey plus(int64_t steps) const {
    RandomKey key = *this;
    key.ahead += static_cast<uint32_t>(steps);
    return key;
  }
};

struct Dropout {
  double p = 0;  // the share of units set to zero
  RandomKey key;
  bool inverted = true;  // the others are scaled in training, by 1 / (share kept); else all are in inference, by the share kept

  explicit operator bool() const { return p > 0; }
};

// A recorded step's place in its epoch, all on the device: what differs from step to step is brought to where the recorded
// work looks for it.
struct StepClock {
  int64_t* position;        // counts the steps
  const uint64_t* records;  // of each step, `words` long
  uint64_t* current;
  int64_t words;
  const int64_t* order;  // of all rows; `first` says for each step where its batch begins there
  const int64_t* first;
  int64_t* rows;  // of the batch, `count` of them
  int64_t count;
  const double* loss;
  double* losses;  // of each step
};

template <class T>
struct BatchNorm {
  Vector<const T> gamma, beta;          // (features,)
  Vector<T> running_mean, running_var;  // (features,) or absent; written in training, read in inference
  double momentum = 0.1;
  double eps = 1e-5;
  bool unbiased_running_var = true;
  bool frozen = false;  // in training too it reads the running statistics, and leaves them

  explicit operator bool() const { return static_cast<bool>(gamma); }
};

}  // namespace lamina
