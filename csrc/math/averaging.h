// Averages of weights, element by element.
#pragma once

#include "math/scalar.h"

namespace lamina {

// a <- (1 - weight) a + weight p; an average that is p already stays it.
template <class V>
LAMINA_HD V averaged(V a, V p, V weight) {
  return fma(weight, p - a, a);
}

}  // namespace lamina
