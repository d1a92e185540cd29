// Losses: targets and weights checked first, then one pass for values and gradients, summed in a fixed order.
#include "ops/loss.h"

#include <cmath>
#include <limits>
#include <string>

#include "base/aligned_buffer.h"
#include "base/error.h"
#include "kernels/kernel_table.h"

namespace lamina {
namespace {

template <class... Formulas>
const LossInfo& info_at(LossKind kind, TypeList<Formulas...>) {
  static constexpr LossInfo all[] = {
      {"softmax_cross_entropy", "logits", "targets", false, nullptr},
      {"kl_divergence", "logits", "probabilities", false, nullptr},
      {Formulas::name, Formulas::prediction_name, Formulas::target_name, Formulas::averaged, Formulas::constant_name}...};
  return all[static_cast<int>(kind)];
}

template <class T>
void check_weights(const char* op, const Device& device, const char* name, Vector<const T> weights, int64_t size) {
  if (!weights) return;
  if (weights.size != size) fail(op, name, " has ", weights.size, " elements, needs ", size);
  for (int64_t i = 0; i < size && device.is_host(); ++i) {
    if (!(weights[i] >= 0) || !std::isfinite(weights[i])) fail(op, name, " is ", weights[i], " at ", i, ", needs finite numbers >= 0");
  }
}

}  // namespace

template <class T>
void check(const char* op, const Device& device, const Loss<T>& loss, Matrix<const T> prediction, const Targets<T>& targets,
           Vector<const T> sample_weight) {
  const int64_t rows = prediction.rows, columns = prediction.columns;
  if (rows == 0 || columns == 0)
    fail(op, loss_info(loss.kind).prediction_name, " is empty, of shape (", rows, ", ", columns, "), needs at least one row and column");
  if (loss.kind == LossKind::softmax_cross_entropy) {
    if (!(loss.label_smoothing >= 0 && loss.label_smoothing < 1)) {
      fail(op, "label_smoothing is ", loss.label_smoothing, ", needs 0 <= label_smoothing < 1");
    }
    if (loss.class_weight && !targets.labels) fail(op, "class_weight goes with labels, got class probabilities");
    check_weights(op, device, "class_weight", loss.class_weight, columns);
  } else if (targets.labels) {
    fail<TypeError>(op, "got labels, needs float targets of shape (", rows, ", ", columns, ")");
  }
  if (const char* name = loss_info(loss.kind).constant_name) {
    using Limits = std::numeric_limits<T>;
    if (!(loss.constant >= double{Limits::min()} && loss.constant <= double{Limits::max()})) {
      fail(op, name, " is ", loss.constant, ", needs a finite number > 0, from ", Limits::min(), " to ", Limits::max());
    }
  }
  if (targets.labels) {
    if (targets.labels.size != rows) fail(op, "got ", targets.labels.size, " labels for ", rows, " rows");
    if (device.is_host()) check_labels(op, targets.labels, columns);
  } else if (targets.values.rows != rows || targets.values.columns != columns) {
    fail(op, loss_info(loss.kind).target_name, " has shape (", targets.values.rows, ", ", targets.values.columns, "), needs (", rows, ", ",
         columns, ")");
  }
  check_weights(op, device, "sample_weight", sample_weight, rows);
}

int loss_count() { return static_cast<int>(LossKind::first_elementwise) + ElementwiseLosses::size; }
const LossInfo& loss_info(LossKind kind) { return info_at(kind, ElementwiseLosses{}); }

LossKind loss_kind(const char* op, const char* name) {
  std::string known;
  for (int i = 0; i < loss_count(); ++i) {
    const LossKind kind = static_cast<LossKind>(i);
    if (std::string(name) == loss_info(kind).name) return kind;
    known += (known.empty() ? "" : ", ") + std::string(loss_info(kind).name);
  }
  fail(op, "loss is '", name, "', needs one of ", known);
}

void check_labels(const char* op, Vector<const int64_t> labels, int64_t classes) {
  for (int64_t i = 0; i < labels.size; ++i) {
    if (labels[i] < 0 || labels[i] >= classes) fail(op, "label ", labels[i], " at row ", i, ", needs 0 to ", classes - 1);
  }
}

template <class T>
void loss(const Context& context, const Loss<T>& loss, Matrix<const T> prediction, const Targets<T>& targets, Vector<const T> sample_weight,
          Matrix<T> d_prediction, Vector<double> row_loss, double* value) {
  const LossInfo& info = loss_info(loss.kind);
  const char* op = info.name;
  check(op, context.device, loss, prediction, targets, sample_weight);
  const int64_t rows = prediction.rows;
  const Kernels<T>& kernels = context.table->kernels<T>();

  RowWeights<T> weights{sample_weight.data, loss.class_weight.data, 1, nullptr, loss.class_weight.size};
  AlignedBuffer<double> total;
  if (loss.reduction == Reduction::mean && (sample_weight || loss.class_weight)) {
    total.ensure(1, context.device);
    kernels.total_weight(context, weights, targets.labels.data, rows, total.data());
    if (context.device.is_host() && !(*total.data() > 0)) {
      fail(op, "the weights sum to ", *total.data(), ", a mean needs a positive sum");
    }
    weights.total = total.data();
  } else if (loss.reduction == Reduction::mean) {
    weights.factor = 1 / static_cast<double>(rows);
  }

  if (loss.kind < LossKind::first_elementwise) {
    kernels.softmax_cross_entropy(context, prediction, targets.labels.data, targets.values, static_cast<T>(loss.label_smoothing),
                                  loss.kind == LossKind::kl_divergence, weights, d_prediction, row_loss.data);
  } else {
    const int index = static_cast<int>(loss.kind) - static_cast<int>(LossKind::first_elementwise);
    kernels.elementwise_loss(context, index, static_cast<T>(loss.constant), prediction, targets.values, weights,
                             info.averaged ? T(1) / static_cast<T>(prediction.columns) : T(1), d_prediction, row_loss.data);
  }
  if (loss.reduction != Reduction::none) context.table->sum_rows(context, row_loss.data, rows, weights.factor, weights.total, value);
}

#define INSTANTIATE(T)                                                                                                               \
  template void check(const char*, const Device&, const Loss<T>&, Matrix<const T>, const Targets<T>&, Vector<const T>);              \
  template void loss(const Context&, const Loss<T>&, Matrix<const T>, const Targets<T>&, Vector<const T>, Matrix<T>, Vector<double>, \
                     double*);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace lamina
