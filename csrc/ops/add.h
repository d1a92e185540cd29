// The sum of two matrices: what a residual connection adds.
#pragma once

#include "base/context.h"
#include "base/types.h"

namespace lamina {

// out, of the shape of both, may be one of them.
template <class T>
void add(const Context& context, Matrix<const T> a, Matrix<const T> b, Matrix<T> out);

}  // namespace lamina
