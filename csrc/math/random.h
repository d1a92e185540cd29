// Numbers from the four words of a Philox counter.
#pragma once

#include "math/elementary.h"
#include "math/philox.h"
#include "math/sincos.h"

namespace lamina {

// In [0, 1): four floats or two doubles.
struct Uniforms {
  LAMINA_HD static void of(const uint32_t (&w)[4], float* u) {
    for (int i = 0; i < 4; ++i) u[i] = uniform_float(w[i]);
  }
  LAMINA_HD static void of(const uint32_t (&w)[4], double* u) {
    for (int i = 0; i < 2; ++i) u[i] = uniform_double(w[2 * i], w[2 * i + 1]);
  }
};

// Box & Muller 1958: sqrt(-2 ln u1) (cos 2 pi u2, sin 2 pi u2), with u1 in (0, 1].
struct Normals {
  template <class V>
  LAMINA_HD static void pair(V u1, V u2, V* n) {
    const V radius = sqrt(constant<V>(-2) * log(u1));
    V sine, cosine;
    sincos_turns(u2, sine, cosine);
    n[0] = radius * cosine;
    n[1] = radius * sine;
  }
  LAMINA_HD static void of(const uint32_t (&w)[4], float* n) {
    for (int i = 0; i < 4; i += 2) pair(uniform_float(w[i]) + 0x1p-24f, uniform_float(w[i + 1]), n + i);
  }
  LAMINA_HD static void of(const uint32_t (&w)[4], double* n) { pair(uniform_double(w[0], w[1]) + 0x1p-53, uniform_double(w[2], w[3]), n); }
};

}  // namespace lamina
