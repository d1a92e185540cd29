// From one type to another, element by element.
#pragma once

#include "base/context.h"
#include "base/types.h"

namespace lamina {

void convert(const Context& context, Matrix<const float> x, Matrix<bfloat16> out);
void convert(const Context& context, Matrix<const bfloat16> x, Matrix<float> out);
void convert(const Context& context, Vector<const int32_t> x, Vector<int64_t> out);
template <class T>
void convert(const Context& context, Vector<const double> x, Vector<T> out);

}  // namespace lamina
