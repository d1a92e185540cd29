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
};

struct Dropout {
  double p = 0;  // the share of units set to zero
  RandomKey key;

  explicit operator bool() const { return p > 0; }
};

template <class T>
struct BatchNorm {
  Vector<const T> gamma, beta;          // (features,)
  Vector<T> running_mean, running_var;  // (features,) or absent; written in training, read in inference
  double momentum = 0.1;
  double eps = 1e-5;
  bool unbiased_running_var = true;

  explicit operator bool() const { return static_cast<bool>(gamma); }
};

}  // namespace lamina
