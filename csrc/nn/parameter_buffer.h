// All parameters of a model in one flat buffer and all gradients in another; optimizer slots have the same layout.
#pragma once

#include <string>
#include <vector>

#include "base/aligned_buffer.h"

namespace lamina {

struct ParameterEntry {
  std::string name;
  std::vector<int64_t> shape;
  bool decays = false;  // weight decay and penalties touch it
  int layer = 0;
  int64_t offset = 0;  // elements from the start of a buffer; set by ParameterBuffer

  int64_t size() const;
};

// A run of the flat buffers that one optimizer call updates.
struct ParameterSegment {
  int64_t offset, size;
  bool decayed;
  double rate;         // what the learning rate is multiplied by
  int64_t missed = 0;  // steps that are not counted
};

// Every entry starts on a cache line and the padding stays zero. What decays comes first, so that weight decay splits
// the buffer in two; entries() keeps the order of the layers.
template <class T>
class ParameterBuffer {
 public:
  explicit ParameterBuffer(std::vector<ParameterEntry> entries, const Device& device = {});

  const std::vector<ParameterEntry>& entries() const { return entries_; }
  const ParameterEntry* find(int layer, int nth) const;  // of the layer's own, or null
  Vector<T> parameters() const { return parameters_.view(); }
  Vector<T> gradients() const { return gradients_.view(); }
  AlignedBuffer<T> make_slot() const { return AlignedBuffer<T>(parameters_.size(), device_); }

  // `rates` has what the learning rate is multiplied by for each entry, or is empty; an entry with 0 is in no segment.
  // merged: neighbours that are treated alike in one segment, padding included. Otherwise one per entry, without its padding.
  std::vector<ParameterSegment> segments(bool decay_all, bool merged, const std::vector<double>& rates,
                                         const std::vector<int64_t>& missed) const;

 private:
  std::vector<ParameterEntry> entries_;
  Device device_;
  AlignedBuffer<T> parameters_, gradients_;
};

template <class T>
Vector<T> vector_at(Vector<T> buffer, const ParameterEntry& entry) {
  return {buffer.data + entry.offset, entry.size()};
}
template <class T>
Matrix<T> matrix_at(Vector<T> buffer, const ParameterEntry& entry) {
  return matrix(buffer.data + entry.offset, entry.shape[0], entry.shape[1]);
}

}  // namespace lamina
