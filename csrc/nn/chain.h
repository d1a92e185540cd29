// Layers in a row as laminae and boxes, over arrays and memory of their owner's: which op is called when, forward and backward.
#pragma once

#include <string>
#include <vector>

#include "nn/chain_memory.h"

namespace lamina {

template <class T>
class Chain {
 public:
  // Of layers whose widths are settled.
  Chain(std::vector<LayerSpec> layers, bool fuse, const NetworkArrays<T>& arrays, const Device& device);

  const std::vector<LayerSpec>& layers() const { return layers_; }
  const std::vector<Stage<T>>& stages() const { return stages_; }
  int64_t in_features() const { return layers_.front().in_features; }
  int64_t out_features() const { return layers_.back().out_features; }
  int64_t features_after(int layers) const;                // width of the output of the first `layers` layers
  size_t first_trained() const { return first_trained_; }  // of the stages
  int place_of(int id) const;                              // of the layer with this id, or of the one that it is in
  const Chain<T>* inner(int place) const;                  // of the layer at this place, or null

  // The output of the last stage: `out`, or in memory.
  Matrix<const T> forward(const Context& context, const TrainingMemory<T>& memory, Matrix<const T> x, const Pass& pass,
                          Matrix<T> out = {}) const;
  // dh is the gradient of the last stage's output and may be the memory's gradient 0. Those of the parameters go to the flat
  // buffer, that of x to dx if it is given; otherwise backward ends at the first stage that is trained.
  // Nothing is joined with the gradients that a watcher sees; the bits are the same.
  void backward(const Context& context, const TrainingMemory<T>& memory, Matrix<const T> x, const Pass& pass, Matrix<const T> dh,
                Matrix<T> dx = {}) const;

  // In inference, the first `layers` layers on one block of rows.
  InferenceLayout inference_layout(int64_t rows) const;
  void infer(const Context& context, const InferenceMemory<T>& memory, Matrix<const T> x, int layers, Matrix<T> out) const;

  std::string explain() const;
  std::string explain(const Context& context, int64_t rows) const;

 private:
  // On the way down: the gradient of a stage's output, or what it is yet to be computed from, the affine part above; and
  // which of the memory's two gradients is in use.
  struct Downward {
    Matrix<const T> dh;
    Above<T> above;
    int turn = 0;
  };

  Stage<T> make_stage(const LaminaPlan& plan, bool fuse, const NetworkArrays<T>& arrays, const Device& device) const;
  const LayerSpec& layer(int index) const { return layers_[static_cast<size_t>(index)]; }
  Matrix<const T> input(const TrainingMemory<T>& memory, size_t stage, Matrix<const T> x) const {
    return stage == 0 ? x : Matrix<const T>(memory.h(stage - 1, x.rows));
  }
  void forward_stage(const Context& context, const TrainingMemory<T>& memory, size_t stage, Matrix<const T> x, const Pass& pass,
                     Matrix<T> h) const;
  void backward_stage(const Context& context, const TrainingMemory<T>& memory, size_t stage, Matrix<const T> x, const Pass& pass,
                      Downward& down, Matrix<T> dx) const;

  std::vector<LayerSpec> layers_;
  std::vector<LaminaPlan> plan_;
  std::vector<Stage<T>> stages_;
  size_t first_trained_ = 0;
};

}  // namespace lamina
