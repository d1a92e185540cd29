// How good predictions are, as people read it: accuracy for classes, R² for values.
#pragma once

#include "base/types.h"
#include "ops/loss.h"

namespace lamina {

// Cross-entropies and kl_divergence: the (weighted) share of right predictions: the largest logit against the label or the
// largest probability, or for sigmoid_cross_entropy each unit's logit > 0 against target > 1/2, averaged over units.
// Losses of values: R² = 1 - Σ w (t - p)² / Σ w (t - mean)², averaged over outputs, of poisson_nll for the rates p = e^x; an
// output whose target is constant counts 1 if predicted exactly and 0 otherwise.
template <class T>
double score(LossKind kind, Matrix<const T> prediction, const Targets<T>& targets, Vector<const T> sample_weight);

}  // namespace lamina
