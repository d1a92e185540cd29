// Embedding: rows of a table by code, and the sums of their gradients.
#pragma once

#include "base/context.h"
#include "base/types.h"

namespace lamina {

// y (batch, features) takes from table (rows, features) the row of each code. On the host a code outside of 0 ... rows - 1 is
// refused; on a device its row is NaN and it has no gradient.
template <class T>
void embedding_forward(const Context& context, Vector<const int64_t> codes, Matrix<const T> table, Matrix<T> y);
template <class T>
void embedding_backward(const Context& context, Matrix<const T> dy, Vector<const int64_t> codes, Matrix<T> d_table);

// The same for codes in a column of data (batch, 1), which have been checked where the data came in.
template <class T>
void embedding_forward(const Context& context, Matrix<const T> codes, Matrix<const T> table, Matrix<T> y);
template <class T>
void embedding_backward(const Context& context, Matrix<const T> dy, Matrix<const T> codes, Matrix<T> d_table);

}  // namespace lamina
