// A step of an average over flat buffers.
#pragma once

#include "kernels/optimizer-inl.h"
#include "math/averaging.h"

namespace lamina::LAMINA_ISA {

template <class T>
void average(const Context& context, T* average, const T* params, int64_t n, double weight) {
  over_ranges(context, average, n, 0.15, [&](int64_t first, int64_t count) {
    const Vec<T> w = constant<Vec<T>>(weight);
    T* const a = average + first;
    const T* const p = params + first;
    over_apart<T>(count, a, {p}, [=](int64_t i, auto lanes) { store(a + i, averaged(load(a + i, lanes), load(p + i, lanes), w), lanes); });
  });
}

}  // namespace lamina::LAMINA_ISA
