// Groups layers greedily: a layer joins while its kind comes later in a lamina than the kinds before it.
#include "nn/plan.h"

#include <sstream>

namespace lamina {
namespace {

int& part_of(LaminaPlan& lamina, const LayerSpec& layer) {
  int* parts[] = {&lamina.linear, &lamina.batchnorm, &lamina.activation, &lamina.dropout};
  return layer.runs_by_itself() ? lamina.box : *parts[layer.form.index()];
}

}  // namespace

std::vector<LaminaPlan> make_plan(const std::vector<LayerSpec>& layers, bool fuse) {
  std::vector<LaminaPlan> plan;
  for (int i = 0; i < static_cast<int>(layers.size()); ++i) {
    const LayerSpec& layer = layers[static_cast<size_t>(i)];
    const LayerSpec* const before = i > 0 ? &layers[static_cast<size_t>(i) - 1] : nullptr;
    const bool follows = before && !layer.runs_by_itself() && before->form.index() < layer.form.index();
    if (!follows || !fuse) {
      LaminaPlan lamina;
      lamina.first = i;
      lamina.in_features = layer.in_features;
      if (i > 0 && !fuse) {
        lamina.reason = "fuse=False";
      } else if (before && (layer.runs_by_itself() || before->runs_by_itself())) {
        lamina.reason = std::string((layer.runs_by_itself() ? layer : *before).kind()) + " runs by itself";
      } else if (before) {
        lamina.reason = std::string(layer.kind()) + " cannot follow " + before->kind() +
                        " in a lamina: its order is linear, batchnorm, activation, dropout";
      }
      plan.push_back(lamina);
    }
    LaminaPlan& lamina = plan.back();
    lamina.last = i + 1;
    lamina.out_features = layer.out_features;
    part_of(lamina, layer) = i;
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
  for (int i = lamina.first; i < lamina.last; ++i) text << (i > lamina.first ? " + " : "") << layers[static_cast<size_t>(i)].describe();
  if (!lamina.reason.empty()) text << "; starts anew: " << lamina.reason;
  return text.str();
}

}  // namespace lamina
