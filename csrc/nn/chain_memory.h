// Everything a pass through a chain writes, in one allocation planned for a number of rows.
#pragma once

#include <memory>
#include <vector>

#include "base/aligned_buffer.h"
#include "nn/box.h"
#include "nn/plan.h"
#include "ops/lamina.h"

namespace lamina {

// One lamina of a chain: its plan, the op's view of its parameters, and where its gradients go. Or a box.
template <class T>
struct Stage {
  LaminaPlan plan;
  Lamina<T> lamina;
  LaminaGradients<T> gradients;  // without x
  std::unique_ptr<Box<T>> box = {};
  bool trained = false;  // has parameters that are not frozen
};

// Where it lies: what forward keeps for backward, and the two gradients in flight, in elements from the start. Every matrix
// starts on a cache line; a pass of fewer rows uses the beginning of each.
template <class T>
struct TrainingLayout {
  static constexpr int64_t absent = -1;
  struct Part {
    int64_t width, h, z, activation, mean, rstd, kept;
  };

  TrainingLayout() = default;
  // The gradients in flight reach down to the first stage that is trained, or to all of them.
  TrainingLayout(const std::vector<Stage<T>>& stages, int64_t rows, bool all_gradients = false);

  int64_t rows = 0, size = 0;
  std::vector<Part> parts;
  int64_t gradients[2] = {0, 0};
};

// A view of that memory.
template <class T>
class TrainingMemory {
 public:
  TrainingMemory(const TrainingLayout<T>& layout, T* start) : layout_(layout), start_(start) {}

  Matrix<T> h(size_t stage, int64_t rows) const { return matrix(at(layout_.parts[stage].h), rows, layout_.parts[stage].width); }
  LaminaSaved<T> saved(size_t stage, int64_t rows) const;
  T* kept(size_t stage) const { return at(layout_.parts[stage].kept); }  // by a box
  // Two that take turns: the gradient of a lamina's output and that of its input.
  Matrix<T> gradient(int turn, int64_t rows, int64_t columns) const { return matrix(at(layout_.gradients[turn & 1]), rows, columns); }

 private:
  T* at(int64_t offset) const { return offset == TrainingLayout<T>::absent ? nullptr : start_ + offset; }

  const TrainingLayout<T>& layout_;
  T* start_;
};

// Inference keeps nothing: two outputs that take turns, batch norm's constants, and what a box writes beside its output.
struct InferenceLayout {
  int64_t rows, width, kept;
};
template <class T>
struct InferenceMemory {
  InferenceMemory(const InferenceLayout& layout, const Device& device)
      : outputs{AlignedBuffer<T>(layout.rows * layout.width, device), AlignedBuffer<T>(layout.rows * layout.width, device)},
        mean(layout.width, device),
        rstd(layout.width, device),
        kept(layout.kept, device) {}

  bool fits(const InferenceLayout& layout) const {
    return outputs[0].size() >= layout.rows * layout.width && mean.size() >= layout.width && kept.size() >= layout.kept;
  }

  AlignedBuffer<T> outputs[2], mean, rstd, kept;
};

}  // namespace lamina
