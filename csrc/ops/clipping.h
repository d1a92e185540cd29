// Clipped in place: gradients by value and by their norm, weights by the norm of each row.
#pragma once

#include "base/context.h"
#include "base/types.h"
#include "math/order.h"

namespace lamina {

// What gradients are clipped to; 0 means not at all.
struct Clipping {
  double value = 0, norm = 0;

  explicit operator bool() const { return value > 0 || norm > 0; }
};

// A number to clip to has to be positive and finite, in the gradients' type too.
template <class T>
void check_limit(const char* op, const char* name, double limit);

template <class T>
void clip_by_value(const Context& context, Vector<T> grads, double value);

// Doubles that clip_by_norm works in, where the gradients are.
constexpr int64_t clip_scratch(int64_t size) { return (size + order::square_chunk - 1) / order::square_chunk + 1; }

// The norm before goes where `before` says, which is where the gradients are.
template <class T>
void clip_by_norm(const Context& context, Vector<T> grads, double norm, Vector<double> scratch, double* before);

template <class T>
void max_norm(const Context& context, Matrix<T> weight, double norm);  // weight (out, in)

}  // namespace lamina
