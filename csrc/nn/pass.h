// How a pass through layers runs.
#pragma once

#include "base/specs.h"

namespace lamina {

// Batch statistics and random draws or not, and where these are in the counter space.
struct Pass {
  bool training = false;
  uint64_t seed = 0;
  uint32_t step = 0;
  const uint32_t* step_at = nullptr;  // in recorded work: where the device finds the step

  RandomKey key(int layer) const { return {seed, static_cast<uint32_t>(layer), step, 0, step_at}; }
};

}  // namespace lamina
