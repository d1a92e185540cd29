// Lays out the arrays of all layers, and starts those that start at something else than 0.
#include "nn/network_arrays.h"

namespace lamina {
namespace {

std::vector<ParameterEntry> entries_of(const std::vector<const LayerSpec*>& layers) {
  std::vector<ParameterEntry> entries;
  for (const LayerSpec* layer : layers) {
    for (const ParameterSpec& spec : layer->parameters())
      entries.push_back({layer->name + "." + spec.name, spec.shape, spec.decays, layer->id});
  }
  return entries;
}

template <class T>
void fill(const Device& device, Vector<T> v, double value) {
  const std::vector<T> values(static_cast<size_t>(v.size), static_cast<T>(value));
  const size_t bytes = values.size() * sizeof(T);
  device.memory->copy_in(v.data, values.data(), {1, bytes, bytes, bytes}, device.stream);
}

}  // namespace

template <class T>
NetworkArrays<T>::NetworkArrays(const std::vector<const LayerSpec*>& layers, const Device& device)
    : device_(device), parameters_(entries_of(layers), device) {
  int64_t end = 0;
  for (const LayerSpec* layer : layers) end += 2 * padded<T>(layer->running_statistics());
  statistics_buffer_ = AlignedBuffer<T>(end, device);
  end = 0;
  for (const LayerSpec* layer : layers) {
    int nth = 0;
    for (const ParameterSpec& spec : layer->parameters()) {
      const Vector<T> parameter = value(layer->id, nth++);
      if (spec.start != 0) fill(device, parameter, spec.start);
    }
    const int64_t features = layer->running_statistics();
    if (features == 0) continue;
    const Vector<T> mean{statistics_buffer_.data() + end, features}, var{mean.data + padded<T>(features), features};
    end += 2 * padded<T>(features);
    fill(device, var, 1);
    statistics_.push_back({layer->id, layer->name, mean, var, std::make_unique<int64_t>(0)});
  }
}

template <class T>
void NetworkArrays<T>::clear_gradients() {
  const Vector<T> gradients = parameters_.gradients();
  device_.memory->zero(gradients.data, static_cast<size_t>(gradients.size) * sizeof(T), device_.stream);
}

template <class T>
Vector<T> NetworkArrays<T>::box_gradient(int layer, int nth) const {
  const Vector<T> value = this->value(layer, nth);
  if (!value || !frozen(layer)) return gradient(layer, nth);
  return frozen_.unseen.emplace_back(value.size, device_).view();
}

template <class T>
const RunningStatistics<T>* NetworkArrays<T>::statistics_of(int layer) const {
  for (const RunningStatistics<T>& statistics : statistics_) {
    if (statistics.layer == layer) return &statistics;
  }
  return nullptr;
}

template class NetworkArrays<float>;
template class NetworkArrays<double>;

}  // namespace lamina
