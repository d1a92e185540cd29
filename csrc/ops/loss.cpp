// Losses: targets and weights checked first, then one pass for values and gradients, summed in a fixed order.
#include "ops/loss.h"

#include <cmath>
#include <string>

#include "base/error.h"
#include "kernels/kernel_table.h"
#include "math/order.h"

namespace lamina {
namespace {

constexpr const char* names[] = {"softmax_cross_entropy", "sigmoid_cross_entropy", "squared_error", "mean_squared_error"};

template <class T>
void check_weights(const char* op, const char* name, Vector<const T> weights, int64_t size) {
  if (!weights) return;
  if (weights.size != size) fail(op, name, " has ", weights.size, " elements, needs ", size);
  for (int64_t i = 0; i < size; ++i) {
    if (!(weights[i] >= 0) || !std::isfinite(weights[i])) fail(op, name, " is ", weights[i], " at ", i, ", needs finite numbers >= 0");
  }
}

// f(i) summed over rows in chunks, in order.
template <class F>
double ordered_sum(int64_t rows, const F& f) {
  double total = 0;
  for (int64_t first = 0; first < rows; first += order::row_chunk) {
    const int64_t end = first + order::row_chunk < rows ? first + order::row_chunk : rows;
    double chunk = 0;
    for (int64_t i = first; i < end; ++i) chunk += f(i);
    total += chunk;
  }
  return total;
}

}  // namespace

template <class T>
void check(const char* op, const Loss<T>& loss, Matrix<const T> prediction, const Targets<T>& targets, Vector<const T> sample_weight) {
  const int64_t rows = prediction.rows, columns = prediction.columns;
  if (rows == 0 || columns == 0)
    fail(op, "got an empty prediction of shape (", rows, ", ", columns, "), needs at least one row and column");
  if (loss.kind == LossKind::softmax_cross_entropy) {
    if (!(loss.label_smoothing >= 0 && loss.label_smoothing < 1)) {
      fail(op, "label_smoothing is ", loss.label_smoothing, ", needs 0 <= label_smoothing < 1");
    }
    if (loss.class_weight && !targets.labels) fail(op, "class_weight goes with labels, got class probabilities");
    check_weights(op, "class_weight", loss.class_weight, columns);
  } else if (targets.labels) {
    fail<TypeError>(op, "got labels, needs float targets of shape (", rows, ", ", columns, ")");
  }
  if (targets.labels) {
    if (targets.labels.size != rows) fail(op, "got ", targets.labels.size, " labels for ", rows, " rows");
    check_labels(op, targets.labels, columns);
  } else if (targets.values.rows != rows || targets.values.columns != columns) {
    fail(op, "targets have shape (", targets.values.rows, ", ", targets.values.columns, "), needs (", rows, ", ", columns, ")");
  }
  check_weights(op, "sample_weight", sample_weight, rows);
}

LossKind loss_kind(const char* op, const char* name) {
  for (int i = 0; i < 4; ++i) {
    if (std::string(name) == names[i]) return static_cast<LossKind>(i);
  }
  fail(op, "loss is '", name, "', needs one of softmax_cross_entropy, sigmoid_cross_entropy, squared_error, mean_squared_error");
}

void check_labels(const char* op, Vector<const int64_t> labels, int64_t classes) {
  for (int64_t i = 0; i < labels.size; ++i) {
    if (labels[i] < 0 || labels[i] >= classes) fail(op, "label ", labels[i], " at row ", i, ", needs 0 to ", classes - 1);
  }
}

template <class T>
double loss(const Context& context, const Loss<T>& loss, Matrix<const T> prediction, const Targets<T>& targets,
            Vector<const T> sample_weight, Matrix<T> d_prediction, Vector<double> row_loss) {
  const char* op = names[static_cast<int>(loss.kind)];
  check(op, loss, prediction, targets, sample_weight);
  const int64_t rows = prediction.rows;

  RowWeights<T> weights{sample_weight.data, loss.class_weight.data, 1};
  if (loss.reduction == Reduction::mean) {
    double total = static_cast<double>(rows);
    if (sample_weight || loss.class_weight) {
      total = ordered_sum(rows, [&](int64_t i) {
        const double sample = sample_weight ? sample_weight[i] : 1.0;
        return loss.class_weight ? sample * loss.class_weight[targets.labels[i]] : sample;
      });
    }
    if (!(total > 0)) fail(op, "the weights sum to ", total, ", a mean needs a positive sum");
    weights.factor = 1 / total;
  }

  const Kernels<T>& kernels = context.table->kernels<T>();
  if (loss.kind == LossKind::softmax_cross_entropy) {
    kernels.softmax_cross_entropy(context, prediction, targets.labels.data, targets.values, static_cast<T>(loss.label_smoothing), weights,
                                  d_prediction, row_loss.data);
  } else {
    const bool averaged = loss.kind == LossKind::mean_squared_error;
    const auto kind = static_cast<ElementwiseLoss>(static_cast<int>(loss.kind) - 1);
    kernels.elementwise_loss(context, kind, prediction, targets.values, weights,
                             averaged ? T(1) / static_cast<T>(prediction.columns) : T(1), d_prediction, row_loss.data);
  }
  if (loss.reduction == Reduction::none) return 0;
  return ordered_sum(rows, [&](int64_t i) { return row_loss[i]; }) * weights.factor;
}

template void check(const char*, const Loss<float>&, Matrix<const float>, const Targets<float>&, Vector<const float>);
template void check(const char*, const Loss<double>&, Matrix<const double>, const Targets<double>&, Vector<const double>);
template double loss(const Context&, const Loss<float>&, Matrix<const float>, const Targets<float>&, Vector<const float>, Matrix<float>,
                     Vector<double>);
template double loss(const Context&, const Loss<double>&, Matrix<const double>, const Targets<double>&, Vector<const double>,
                     Matrix<double>, Vector<double>);

}  // namespace lamina
