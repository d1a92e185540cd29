// Lays entries out on cache lines, those that decay before the rest.
#include "nn/parameter_buffer.h"

namespace lamina {

int64_t ParameterEntry::size() const {
  int64_t product = 1;
  for (const int64_t n : shape) product *= n;
  return product;
}

template <class T>
ParameterBuffer<T>::ParameterBuffer(std::vector<ParameterEntry> entries, const Device& device)
    : entries_(std::move(entries)), device_(device) {
  int64_t end = 0;
  const auto place = [&](bool decays) {
    for (ParameterEntry& entry : entries_) {
      if (entry.decays != decays) continue;
      entry.offset = end;
      end += padded<T>(entry.size());
    }
  };
  place(true);
  decayed_end_ = end;
  place(false);
  parameters_ = AlignedBuffer<T>(end, device);
  gradients_ = AlignedBuffer<T>(end, device);
}

template <class T>
const ParameterEntry* ParameterBuffer<T>::find(int layer, int nth) const {
  for (const ParameterEntry& entry : entries_) {
    if (entry.layer == layer && nth-- == 0) return &entry;
  }
  return nullptr;
}

template <class T>
std::vector<ParameterSegment> ParameterBuffer<T>::segments(bool decay_all, bool merged) const {
  std::vector<ParameterSegment> result;
  if (!merged) {
    for (const ParameterEntry& entry : entries_) result.push_back({entry.offset, entry.size(), decay_all || entry.decays});
  } else if (decay_all) {
    result.push_back({0, parameters_.size(), true});
  } else {
    result.push_back({0, decayed_end_, true});
    result.push_back({decayed_end_, parameters_.size() - decayed_end_, false});
  }
  std::erase_if(result, [](const ParameterSegment& segment) { return segment.size == 0; });
  return result;
}

template class ParameterBuffer<float>;
template class ParameterBuffer<double>;

}  // namespace lamina
