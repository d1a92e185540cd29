// Groups layers greedily: a layer joins while its kind comes later in a lamina than the kinds before it.
#include "nn/plan.h"

#include <sstream>

#include "base/error.h"
#include "ops/activation.h"
#include "ops/random.h"
#include "ops/rectifiers.h"

namespace lamina {
namespace {

using Kind = LayerSpec::Kind;

const char* kind_name(Kind kind) {
  constexpr const char* names[] = {"linear", "batchnorm", "activation", "dropout", "prelu", "rrelu", "layernorm"};
  return names[static_cast<int>(kind)];
}

bool has_width(const LayerSpec& layer) {
  return layer.kind == Kind::linear || layer.kind == Kind::batchnorm || layer.kind == Kind::layernorm;
}

void check_numbers(const char* op, size_t index, const LayerSpec& layer) {
  constexpr int64_t widest = int64_t{1} << 30;  // so that sizes of matrices fit 64 bits
  if (has_width(layer) && (layer.in_features < 1 || layer.out_features < 1 || layer.in_features > widest || layer.out_features > widest)) {
    fail(op, "layer ", index, " (", kind_name(layer.kind), ") is ", layer.in_features, " wide in and ", layer.out_features,
         " out, needs 1 to 2**30");
  }
  if ((layer.kind == Kind::batchnorm || layer.kind == Kind::layernorm) && (!(layer.eps >= 0) || layer.eps > 1e30)) {
    fail(op, "layer ", index, ": eps is ", layer.eps, ", needs a finite number >= 0");
  }
  if (layer.kind == Kind::batchnorm && !(layer.momentum >= 0 && layer.momentum <= 1)) {
    fail(op, "layer ", index, ": momentum is ", layer.momentum, ", needs 0 to 1");
  }
  if (layer.kind == Kind::dropout) check(op, Dropout{layer.p, {}});
  if (layer.kind == Kind::rrelu) check(op, RandomRectifier{layer.lower, layer.upper, {}});
}

std::string describe(const LayerSpec& layer) {
  std::ostringstream text;
  switch (layer.kind) {
    case Kind::linear:
      text << "linear(" << layer.in_features << " -> " << layer.out_features << (layer.bias ? "" : ", no bias") << ")";
      break;
    case Kind::activation: {
      const ActivationInfo& info = activation_info(layer.activation.index);
      text << info.name;
      for (int i = 0; i < info.parameters; ++i) {
        text << (i ? ", " : "(") << info.parameter_names[i] << "=" << layer.activation.parameters[i]
             << (i + 1 == info.parameters ? ")" : "");
      }
      break;
    }
    case Kind::dropout:
      text << "dropout(" << layer.p << ")";
      break;
    case Kind::batchnorm:
      text << "batchnorm(" << layer.in_features << ")";
      break;
    case Kind::prelu:
      text << "prelu(" << (layer.per_unit ? layer.in_features : 1) << ")";
      break;
    case Kind::rrelu:
      text << "rrelu(" << layer.lower << ", " << layer.upper << ")";
      break;
    case Kind::layernorm:
      text << "layernorm(" << layer.in_features << (layer.affine ? "" : ", no scale and shift") << ")";
  }
  return text.str();
}

int& part_of(LaminaPlan& lamina, Kind kind) {
  int* parts[] = {&lamina.linear, &lamina.batchnorm, &lamina.activation, &lamina.dropout};
  return kind > Kind::dropout ? lamina.box : *parts[static_cast<int>(kind)];
}

}  // namespace

void resolve_widths(const char* op, std::vector<LayerSpec>& layers) {
  if (layers.empty()) fail(op, "got no layers, needs at least one");
  int64_t width = 0;
  for (size_t i = 0; i < layers.size(); ++i) {
    check_numbers(op, i, layers[i]);
    if (width == 0 && has_width(layers[i])) width = layers[i].in_features;  // as wide as the first layer that says so
  }
  if (width == 0) fail(op, "no layer says how wide it is, needs at least one linear or batchnorm layer");
  for (size_t i = 0; i < layers.size(); ++i) {
    LayerSpec& layer = layers[i];
    if (!has_width(layer)) layer.in_features = layer.out_features = width;
    if (layer.in_features != width) {
      fail(op, "layer ", i, " (", kind_name(layer.kind), ") takes ", layer.in_features, " features, ",
           i ? "the layer before it gives " : "the input has ", width, ": they need to be equal");
    }
    width = layer.out_features;
  }
}

std::vector<LaminaPlan> make_plan(const std::vector<LayerSpec>& layers, bool fuse) {
  std::vector<LaminaPlan> plan;
  for (int i = 0; i < static_cast<int>(layers.size()); ++i) {
    const LayerSpec& layer = layers[static_cast<size_t>(i)];
    const LayerSpec* const before = i > 0 ? &layers[static_cast<size_t>(i) - 1] : nullptr;
    const bool follows = before && !layer.alone() && before->kind < layer.kind;
    if (!follows || !fuse) {
      LaminaPlan lamina;
      lamina.first = i;
      lamina.in_features = layer.in_features;
      if (i > 0 && !fuse) {
        lamina.reason = "fuse=False";
      } else if (before && (layer.alone() || before->alone())) {
        lamina.reason = std::string(kind_name(layer.alone() ? layer.kind : before->kind)) + " runs by itself";
      } else if (before) {
        lamina.reason = std::string(kind_name(layer.kind)) + " cannot follow " + kind_name(before->kind) +
                        " in a lamina: its order is linear, batchnorm, activation, dropout";
      }
      plan.push_back(lamina);
    }
    LaminaPlan& lamina = plan.back();
    lamina.last = i + 1;
    lamina.out_features = layer.out_features;
    part_of(lamina, layer.kind) = i;
  }
  return plan;
}

std::string explain(const std::vector<LayerSpec>& layers, const std::vector<LaminaPlan>& plan, size_t k) {
  const LaminaPlan& lamina = plan[k];
  std::ostringstream text;
  text << "lamina " << k << ", (batch, " << lamina.in_features << ") -> (batch, " << lamina.out_features << "), layer"
       << (lamina.last - lamina.first > 1 ? "s " : " ") << lamina.first;
  if (lamina.last - lamina.first > 1) text << "-" << lamina.last - 1;
  text << ": ";
  for (int i = lamina.first; i < lamina.last; ++i) text << (i > lamina.first ? " + " : "") << describe(layers[static_cast<size_t>(i)]);
  if (!lamina.reason.empty()) text << "; starts anew: " << lamina.reason;
  return text.str();
}

}  // namespace lamina
