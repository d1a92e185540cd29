// Adds up what each lamina saves and hands out the places.
#include "nn/network_memory.h"

#include <algorithm>

namespace lamina {

template <class T>
void TrainingMemory<T>::ensure(const std::vector<Stage<T>>& stages, int64_t rows) {
  rows = std::max<int64_t>(rows, 1);
  if (rows <= rows_) return;
  int64_t end = 0, widest = 0;
  const auto place = [&](bool wanted, int64_t elements) {
    const int64_t offset = wanted ? end : absent;
    if (wanted) end += padded<T>(elements);
    return offset;
  };
  std::vector<Part> parts;
  for (const Stage<T>& stage : stages) {
    const int64_t width = stage.plan.out_features;
    const LaminaSaves needs = saves(stage.lamina);
    Part part;
    part.width = width;
    part.h = place(true, rows * width);
    part.z = place(needs.z, rows * width);
    part.y = place(needs.y, rows * width);
    part.mean = place(needs.statistics, width);
    part.rstd = place(needs.statistics, width);
    parts.push_back(part);
    widest = std::max({widest, width, stage.plan.in_features});
  }
  const int64_t gradients[] = {place(true, rows * widest), place(true, rows * widest)};
  // Nothing is changed before both allocations have succeeded.
  AlignedBuffer<T> values(end);
  AlignedBuffer<double> row_loss(rows);
  values_ = std::move(values);
  row_loss_ = std::move(row_loss);
  parts_ = std::move(parts);
  std::copy(gradients, gradients + 2, gradients_);
  rows_ = rows;
}

template <class T>
LaminaSaved<T> TrainingMemory<T>::saved(size_t stage, int64_t rows) const {
  const Part& part = parts_[stage];
  const auto rows_at = [&](int64_t offset) { return offset == absent ? Matrix<T>{} : matrix(at(offset), rows, part.width); };
  const auto row_at = [&](int64_t offset) { return offset == absent ? Vector<T>{} : Vector<T>{at(offset), part.width}; };
  return {rows_at(part.z), rows_at(part.y), row_at(part.mean), row_at(part.rstd)};
}

template class TrainingMemory<float>;
template class TrainingMemory<double>;

}  // namespace lamina
