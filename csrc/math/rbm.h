// Units of a restricted Boltzmann machine, for one element.
#pragma once

#include "math/activations.h"

namespace lamina {

// 1 with probability p; u is uniform in [0, 1).
template <class V>
LAMINA_HD V bernoulli(V p, V u) {
  return select(u < p, constant<V>(1), constant<V>(0));
}

// A noisy rectified linear unit (Nair & Hinton 2010): the input a with normal noise of variance sigmoid(a), rectified.
template <class V>
LAMINA_HD V noisy_relu(V a, V normal) {
  return max(constant<V>(0), fma(sqrt(sigmoid(a)), normal, a));
}

// What a visible unit adds to the energy by itself: -c v, and v^2 / 2 where it is Gaussian (`half` is 1/2 then, else 0).
template <class V>
LAMINA_HD V visible_energy(V v, V c, V half) {
  return v * fma(half, v, constant<V>(0) - c);
}
// What a Bernoulli hidden unit of input a adds to the free energy: -log(1 + e^a).
template <class V>
LAMINA_HD V hidden_free_energy(V a) {
  return constant<V>(0) - Softplus::forward(a, ActivationParameters<V>{});
}

}  // namespace lamina
