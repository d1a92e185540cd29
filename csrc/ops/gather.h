// Moves rows of a data set into a batch.
#pragma once

#include "base/context.h"
#include "base/types.h"

namespace lamina {

// Indices are rows of the source.
template <class T>
void gather_rows(const Context& context, Matrix<const T> source, Vector<const int64_t> index, Matrix<T> out);

void gather_labels(const Context& context, Vector<const int64_t> source, Vector<const int64_t> index, Vector<int64_t> out);

}  // namespace lamina
