// Losses with the gradient of the prediction in the same pass.
#pragma once

#include "base/context.h"
#include "base/types.h"
#include "math/losses.h"

namespace lamina {

// The losses over a row's softmax; behind them the element-wise ones in the order of their list.
enum class LossKind { softmax_cross_entropy, kl_divergence, first_elementwise };
template <class Formula>
inline constexpr LossKind kind_of =
    static_cast<LossKind>(static_cast<int>(LossKind::first_elementwise) + index_in<Formula>(ElementwiseLosses{}));

struct LossInfo {
  const char* name;
  const char *prediction_name, *target_name;  // what errors call the arguments
  bool averaged;                              // over a row's units, else summed
  const char* constant_name;                  // null where the formula has none
};
int loss_count();
const LossInfo& loss_info(LossKind kind);
LossKind loss_kind(const char* op, const char* name);  // by the public name; unknown names are refused

enum class Reduction { mean, sum, none };

template <class T>
struct Loss {
  LossKind kind;
  Reduction reduction = Reduction::mean;
  Vector<const T> class_weight;  // (classes,) or absent; softmax cross-entropy only
  double label_smoothing = 0;    // softmax cross-entropy only
  double constant = 1;           // of a formula that has one
};

// What is to be predicted: class labels, or a matrix of the prediction's shape.
template <class T>
struct Targets {
  Vector<const int64_t> labels;
  Matrix<const T> values;

  int64_t rows() const { return labels ? labels.size : values.rows; }
  Targets slice(int64_t first, int64_t count) const {
    if (labels) return {{labels.data + first, count}, {}};
    return {{}, values.slice(first, count)};
  }
};

// d_prediction is optional; row_loss (batch,) takes each row's weighted loss and is always needed; value takes their
// reduction, but for Reduction::none. Everything is checked before anything is written; on a device, labels and weights
// are taken as they are: a label out of range gives NaN.
template <class T>
void loss(const Context& context, const Loss<T>& loss, Matrix<const T> prediction, const Targets<T>& targets, Vector<const T> sample_weight,
          Matrix<T> d_prediction, Vector<double> row_loss, double* value);

// Of the prediction only the shape is read.
template <class T>
void check(const char* op, const Device& device, const Loss<T>& loss, Matrix<const T> prediction, const Targets<T>& targets,
           Vector<const T> sample_weight);
void check_labels(const char* op, Vector<const int64_t> labels, int64_t classes);

}  // namespace lamina
