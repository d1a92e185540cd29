// Which layers run together as one lamina, and why a layer could not join.
#pragma once

#include <string>
#include <vector>

#include "nn/layer_specs.h"

namespace lamina {

// Layers [first, last) as one lamina; a part that is absent is -1, otherwise its layer.
struct LaminaPlan {
  int first = 0, last = 0;
  int linear = -1, batchnorm = -1, activation = -1, dropout = -1;
  int box = -1;  // a layer that runs by itself
  int64_t in_features = 0, out_features = 0;
  std::string reason;  // why its first layer could not join the lamina before
};

// fuse = false gives each layer a lamina of its own, for tests and measurements.
std::vector<LaminaPlan> make_plan(const std::vector<LayerSpec>& layers, bool fuse);

// One line on the k-th lamina.
std::string explain(const std::vector<LayerSpec>& layers, const std::vector<LaminaPlan>& plan, size_t k);

}  // namespace lamina
