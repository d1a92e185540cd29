// Which layers run together as one lamina, and why a layer could not join.
#pragma once

#include <string>
#include <vector>

#include "base/specs.h"

namespace lamina {

// One layer as the user listed it. The order of the kinds is the order of the parts of a lamina; those behind dropout run by
// themselves.
struct LayerSpec {
  enum class Kind { linear, batchnorm, activation, dropout, prelu, rrelu, layernorm };
  Kind kind;
  int64_t in_features = 0, out_features = 0;  // of activation and dropout: settled by `resolve_widths`
  bool bias = true;                           // linear
  double momentum = 0.1, eps = 1e-5;          // batchnorm; layernorm has eps, too
  bool affine = true;                         // layernorm: scale and shift
  Activation activation;
  double p = 0;                 // dropout
  bool per_unit = false;        // prelu: a slope for each unit
  double lower = 0, upper = 0;  // rrelu

  bool alone() const { return kind > Kind::dropout; }
};

// Checks that each layer takes what the one before it gives, and settles the width of layers that keep it.
void resolve_widths(const char* op, std::vector<LayerSpec>& layers);

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
