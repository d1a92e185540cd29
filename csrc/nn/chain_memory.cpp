// Adds up what each lamina saves and hands out the places.
#include "nn/chain_memory.h"

#include <algorithm>

namespace lamina {

template <class T>
TrainingLayout<T>::TrainingLayout(const std::vector<Stage<T>>& stages, int64_t rows_, bool all_gradients)
    : rows(std::max<int64_t>(rows_, 1)) {
  const auto place = [&](bool wanted, int64_t elements) {
    const int64_t offset = wanted ? size : absent;
    if (wanted) size += padded<T>(elements);
    return offset;
  };
  const Stage<T>* const top = &stages.back();  // whose gradient is there even if nothing is trained
  int64_t widest = 0;                          // gradient
  for (const Stage<T>& stage : stages) {
    const int64_t width = stage.plan.out_features;
    const LaminaSaves needs = saves(stage.lamina);
    Part part;
    part.width = width;
    part.h = place(true, rows * width);
    part.z = place(needs.z, rows * width);
    part.activation = place(needs.activation, rows * width);
    part.mean = place(needs.statistics, width);
    part.rstd = place(needs.statistics, width);
    const int64_t kept = stage.box ? stage.box->kept_size(rows) : 0;
    part.kept = place(kept > 0, kept);
    parts.push_back(part);
    if (all_gradients || widest > 0 || stage.trained || &stage == top) widest = std::max(widest, width);
  }
  for (int64_t& gradient : gradients) gradient = place(true, rows * widest);
}

template <class T>
LaminaSaved<T> TrainingMemory<T>::saved(size_t stage, int64_t rows) const {
  const auto& part = layout_.parts[stage];
  const auto matrix_at = [&](int64_t offset) { return offset < 0 ? Matrix<T>{} : matrix(at(offset), rows, part.width); };
  const auto vector_at = [&](int64_t offset) { return offset < 0 ? Vector<T>{} : Vector<T>{at(offset), part.width}; };
  return {matrix_at(part.z), matrix_at(part.activation), vector_at(part.mean), vector_at(part.rstd)};
}

template struct TrainingLayout<float>;
template struct TrainingLayout<double>;
template class TrainingMemory<float>;
template class TrainingMemory<double>;

}  // namespace lamina
