// Restricted Boltzmann machines: conditionals, free energy, and the gradient of contrastive divergence.
#pragma once

#include <string>

#include "base/context.h"
#include "base/specs.h"
#include "base/types.h"

namespace lamina {

enum class VisibleUnit { bernoulli, gaussian };  // Gaussian ones have variance 1
enum class HiddenUnit { bernoulli, relu };
// By name; unknown ones are refused, `argument` says whose they are.
VisibleUnit visible_unit(const char* op, const char* argument, const std::string& name);
HiddenUnit hidden_unit(const char* op, const char* argument, const std::string& name);

// E(v, h) = -h W v - c v - b h, and v v / 2 more where the visible units are Gaussian.
template <class T>
struct Rbm {
  Matrix<const T> weight;  // (hidden, visible)
  Vector<const T> visible_bias, hidden_bias;
  VisibleUnit visible = VisibleUnit::bernoulli;
  HiddenUnit hidden = HiddenUnit::bernoulli;
};

// Given the other layer: the means, or a draw if there is a key.
template <class T>
void rbm_hidden(const Context& context, const Rbm<T>& rbm, Matrix<const T> v, const RandomKey* key, Matrix<T> h);
template <class T>
void rbm_visible(const Context& context, const Rbm<T>& rbm, Matrix<const T> h, const RandomKey* key, Matrix<T> v);

// -log sum_h e^-E(v, h) of each row, (rows,); of Bernoulli hidden units.
template <class T>
void rbm_free_energy(const Context& context, const Rbm<T>& rbm, Matrix<const T> v, Vector<T> out);

// Where the gradient works: data and the chains' ends, and their hidden means times 1 / rows, those of the data negated.
template <class T>
struct RbmMemory {
  Matrix<T> visible, hidden;  // (rows of v + chains, units)
  Vector<T> sums;             // as long as the wider layer
};
template <class T>
struct RbmGradients {
  Matrix<T> weight;
  Vector<T> visible_bias, hidden_bias;
};

// Pulls the mean of each hidden unit over the data towards a target: the gradient of its bias has cost (mean - target) added
// (Lee, Ekanadham & Ng 2008).
struct RbmSparsity {
  double target = 0, cost = 0;
};
void check(const char* op, const RbmSparsity& sparsity);

// How a gradient's chains run: k steps of Gibbs sampling, from hidden states drawn given the data (contrastive divergence),
// or from those that chains have; if they go on, what they end in is drawn, too.
struct Gibbs {
  int64_t k = 1;
  bool from_data = true, goes_on = false;
};

// The gradient of the mean negative log-likelihood, its second term from the chains' ends. States are (chains, hidden), a row
// for each of v's if they are from the data. Step j draws at key + j, what chains end in at key + k.
template <class T>
void rbm_gradient(const Context& context, const Rbm<T>& rbm, Matrix<const T> v, Matrix<T> states, const Gibbs& gibbs, const RandomKey& key,
                  const RbmSparsity& sparsity, const RbmMemory<T>& memory, const RbmGradients<T>& gradients);
// In memory of its own, and the chains at first as in `from`, which is absent where they are from the data.
template <class T>
void rbm_gradient(const Context& context, const Rbm<T>& rbm, Matrix<const T> v, Matrix<const T> from, Matrix<T> states, const Gibbs& gibbs,
                  const RandomKey& key, const RbmGradients<T>& gradients);

}  // namespace lamina
