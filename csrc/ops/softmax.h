// Row-wise softmax and log-softmax.
#pragma once

#include "base/context.h"
#include "base/types.h"

namespace lamina {

template <class T>
void softmax_forward(const Context& context, Matrix<const T> x, Matrix<T> y);
template <class T>
void softmax_backward(const Context& context, Matrix<const T> dy, Matrix<const T> y, Matrix<T> dx);
template <class T>
void log_softmax_forward(const Context& context, Matrix<const T> x, Matrix<T> y);
template <class T>
void log_softmax_backward(const Context& context, Matrix<const T> dy, Matrix<const T> y, Matrix<T> dx);

}  // namespace lamina
