// Clips a model's gradients between the backward pass and the update.
#pragma once

#include "base/aligned_buffer.h"
#include "base/context.h"
#include "ops/clipping.h"

namespace lamina {

template <class T>
class GradientClipping {
 public:
  // Of `size` gradients, in one flat buffer whose padding is 0, and stays it.
  GradientClipping(const char* op, const Clipping& clipping, int64_t size, const Device& device) : clipping_(clipping) {
    if (clipping.value != 0) check_limit<T>(op, "clip_value", clipping.value);
    if (clipping.norm == 0) return;
    check_limit<T>(op, "clip_norm", clipping.norm);
    scratch_ = AlignedBuffer<double>(clip_scratch(size), device);
    norm_ = AlignedBuffer<double>(1, device);
  }

  void apply(const Context& context, Vector<T> gradients) const {
    if (clipping_.value > 0) clip_by_value<T>(context, gradients, clipping_.value);
    if (clipping_.norm > 0) clip_by_norm<T>(context, gradients, clipping_.norm, scratch_.view(), norm_.data());
  }

  size_t bytes() const { return clipping_.norm > 0 ? scratch_.bytes(scratch_.size()) + norm_.bytes(1) : 0; }

 private:
  Clipping clipping_;
  AlignedBuffer<double> scratch_, norm_;  // made once: recorded steps hold their addresses
};

}  // namespace lamina
