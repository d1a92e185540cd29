// The arrays of a network's layers: parameters and gradients in flat buffers, and what batch norm remembers for inference.
#pragma once

#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "base/aligned_buffer.h"
#include "nn/layer_specs.h"
#include "nn/parameter_buffer.h"

namespace lamina {

template <class T>
struct RunningStatistics {
  int layer;
  std::string name;                       // the layer's
  Vector<T> mean, var;                    // (features,)
  std::unique_ptr<int64_t> batches_seen;  // at an address that stays
};

// Layers are known by their ids.
template <class T>
class NetworkArrays {
 public:
  NetworkArrays(const std::vector<const LayerSpec*>& layers, const Device& device);

  const ParameterBuffer<T>& parameters() const { return parameters_; }
  // The nth parameter of a layer, or its gradient; absent where there are fewer, and a frozen layer's gradients.
  Vector<T> value(int layer, int nth) const { return at(parameters_.parameters(), layer, nth); }
  Vector<T> gradient(int layer, int nth) const { return frozen(layer) ? Vector<T>{} : at(parameters_.gradients(), layer, nth); }
  // For boxes, which cannot but compute it: a frozen layer's goes where nobody looks.
  Vector<T> box_gradient(int layer, int nth) const;

  // Training leaves exactly these layers as they are; gives back what was frozen before, to be put back if need be.
  struct Frozen {
    std::set<int> layers;
    std::vector<AlignedBuffer<T>> unseen;  // gradients of their boxes
  };
  Frozen freeze(Frozen frozen) { return std::exchange(frozen_, std::move(frozen)); }
  bool frozen(int layer) const { return frozen_.layers.contains(layer); }
  const std::set<int>& frozen() const { return frozen_.layers; }
  void clear_gradients();

  const std::vector<RunningStatistics<T>>& running_statistics() const { return statistics_; }
  const RunningStatistics<T>* statistics_of(int layer) const;
  Vector<T> all_statistics() { return statistics_buffer_.view(); }
  size_t statistics_bytes() const { return AlignedBuffer<T>::bytes(statistics_buffer_.size()); }

 private:
  Vector<T> at(Vector<T> buffer, int layer, int nth) const {
    const ParameterEntry* const entry = parameters_.find(layer, nth);
    return entry ? vector_at(buffer, *entry) : Vector<T>{};
  }

  Device device_;
  ParameterBuffer<T> parameters_;
  mutable Frozen frozen_;
  AlignedBuffer<T> statistics_buffer_;
  std::vector<RunningStatistics<T>> statistics_;
};

}  // namespace lamina
