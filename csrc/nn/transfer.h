// What moves on a device, and small things on their way from there to the host.
#pragma once

#include <vector>

#include "base/aligned_buffer.h"
#include "base/context.h"

namespace lamina {

template <class T>
void copy_matrix(const Context& context, Matrix<const T> from, Matrix<T> to) {
  const auto bytes = [](int64_t elements) { return static_cast<size_t>(elements) * sizeof(T); };
  const Memory::Rows rows{static_cast<size_t>(from.rows), bytes(from.columns), bytes(to.stride), bytes(from.stride)};
  context.device.memory->copy(to.data, from.data, rows, context.device.stream);
}

template <class T>
std::vector<T> on_host(const Context& context, Matrix<const T> there) {
  std::vector<T> here(static_cast<size_t>(there.rows * there.columns));
  const auto bytes = [](int64_t elements) { return static_cast<size_t>(elements) * sizeof(T); };
  const Memory::Rows rows{static_cast<size_t>(there.rows), bytes(there.columns), bytes(there.columns), bytes(there.stride)};
  context.device.memory->copy_out(here.data(), there.data, rows, context.device.stream);
  return here;
}
template <class T>
std::vector<T> on_host(const Context& context, Vector<const T> there) {
  return on_host(context, matrix(there.data, there.data ? 1 : 0, there.size));
}

// The number that compute(value) writes where the device can.
template <class Compute>
double number_on_host(const Context& context, const Compute& compute) {
  double value = 0;
  if (context.device.is_host()) {
    compute(&value);
    return value;
  }
  const AlignedBuffer<double> there(1, context.device);
  compute(there.data());
  return on_host(context, Vector<const double>(there.view()))[0];
}

}  // namespace lamina
