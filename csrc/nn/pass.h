// How a pass through layers runs.
#pragma once

#include <tuple>

#include "base/specs.h"
#include "base/types.h"

namespace lamina {

// Looks on while a pass goes through layers that are not fused, those inside of others too: `layer` is an id.
template <class T>
class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual void output(int layer, Matrix<const T> h) const = 0;
  virtual void gradient(int layer, Matrix<const T> dh) const = 0;  // of that output; none below the first layer that is trained
};

// Batch statistics and random draws or not, and where these are in the counter space.
struct Pass {
  bool training = false;
  uint64_t seed = 0;
  uint32_t step = 0;
  const uint32_t* step_at = nullptr;  // in recorded work: where the device finds the step

  std::tuple<const Watcher<float>*, const Watcher<double>*> watchers = {};

  template <class T>
  const Watcher<T>* watcher() const {
    return std::get<const Watcher<T>*>(watchers);
  }
  RandomKey key(int layer) const { return {seed, static_cast<uint32_t>(layer), step, 0, step_at}; }
};

}  // namespace lamina
