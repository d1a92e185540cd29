// An average of weights that goes along with them, in place.
#pragma once

#include "base/context.h"
#include "base/types.h"

namespace lamina {

template <class T>
void average_step(const Context& context, Vector<T> average, Vector<const T> params, double weight);

}  // namespace lamina
