// A layer that runs by itself, between laminae: what it computes forward and backward.
#pragma once

#include <memory>

#include "base/context.h"
#include "nn/parameter_buffer.h"
#include "nn/plan.h"

namespace lamina {

// How a pass runs: batch statistics and random draws or not, and where these are in the counter space.
struct Pass {
  bool training = false;
  uint64_t seed = 0;
  uint32_t step = 0;
  const uint32_t* step_at = nullptr;  // in recorded work: where the device finds the step
};

template <class T>
class Box {
 public:
  virtual ~Box() = default;
  // What forward leaves for backward besides x and h, and scratch of backward: elements, for so many rows.
  virtual int64_t kept_size(int64_t /*rows*/) const { return 0; }
  // x (rows, in) -> h (rows, out).
  virtual void forward(const Context& context, const Pass& pass, Matrix<const T> x, Matrix<T> h, T* kept) const = 0;
  // The gradient of h becomes that of x, in place; those of the parameters go to the flat buffer.
  virtual void backward(const Context& context, const Pass& pass, Matrix<const T> x, Matrix<const T> h, T* kept,
                        Matrix<T> gradient) const = 0;
};

// What of the flat buffers belongs to this layer, in its own order.
std::vector<ParameterEntry> box_parameters(const LayerSpec& layer, int index);
template <class T>
std::unique_ptr<Box<T>> make_box(const LayerSpec& layer, int index, const ParameterBuffer<T>& parameters);

}  // namespace lamina
