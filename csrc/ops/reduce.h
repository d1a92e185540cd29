// Sums in the fixed order of math/order.h.
#pragma once

#include "base/context.h"
#include "base/types.h"

namespace lamina {

template <class T>
void column_sum(const Context& context, Matrix<const T> x, Vector<T> out);  // (rows, columns) -> (columns,)

}  // namespace lamina
