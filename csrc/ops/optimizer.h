// One optimizer step over flat buffers, in place.
#pragma once

#include "base/context.h"
#include "base/types.h"

namespace lamina {

struct Sgd {
  double lr, momentum = 0, weight_decay = 0, l1 = 0;
  bool nesterov = false;
};
struct Adam {
  double lr, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0, l1 = 0;
  bool decoupled = false;
};

// velocity may be absent when momentum is 0.
template <class T>
void sgd_step(const Context& context, const Sgd& sgd, Vector<T> params, Vector<const T> grads, Vector<T> velocity);

// step counts from 1.
template <class T>
void adam_step(const Context& context, const Adam& adam, int64_t step, Vector<T> params, Vector<const T> grads, Vector<T> m, Vector<T> v);

void check(const char* op, const Sgd& sgd);
void check(const char* op, const Adam& adam);

}  // namespace lamina
