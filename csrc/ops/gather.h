// Moves rows of a data set into a batch.
#pragma once

#include "base/context.h"
#include "base/types.h"

namespace lamina {

template <class T>
void gather_rows(const Context& context, Matrix<const T> source, Vector<const int64_t> index, Matrix<T> out);

}  // namespace lamina
