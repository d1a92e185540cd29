// Lays entries out on cache lines, those that decay before the rest.
#include "nn/parameter_buffer.h"

#include <algorithm>

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
std::vector<ParameterSegment> ParameterBuffer<T>::segments(bool decay_all, bool merged, const std::vector<double>& rates,
                                                           const std::vector<int64_t>& missed) const {
  std::vector<ParameterSegment> result;
  for (size_t i = 0; i < entries_.size(); ++i) {
    const ParameterEntry& entry = entries_[i];
    const double rate = rates.empty() ? 1 : rates[i];
    const int64_t size = merged ? padded<T>(entry.size()) : entry.size();
    if (rate != 0 && size != 0) result.push_back({entry.offset, size, decay_all || entry.decays, rate, missed.empty() ? 0 : missed[i]});
  }
  if (!merged || result.empty()) return result;
  std::ranges::sort(result, {}, &ParameterSegment::offset);
  size_t last = 0;
  for (size_t i = 1; i < result.size(); ++i) {
    ParameterSegment& before = result[last];
    const ParameterSegment& next = result[i];
    const bool alike = before.decayed == next.decayed && before.rate == next.rate && before.missed == next.missed;
    if (before.offset + before.size == next.offset && alike) {
      before.size += next.size;
    } else {
      result[++last] = next;
    }
  }
  result.resize(last + 1);
  return result;
}

template class ParameterBuffer<float>;
template class ParameterBuffer<double>;

}  // namespace lamina
