// Binding of the losses: one function, the loss by name.
#include "bindings/bind.h"
#include "ops/convert.h"
#include "ops/loss.h"

namespace lamina {
namespace {

Reduction reduction_in(const char* op, const std::string& name) {
  if (name == "mean") return Reduction::mean;
  if (name == "sum") return Reduction::sum;
  if (name == "none") return Reduction::none;
  fail(op, "reduction is '", name, "', needs mean, sum or none");
}

py::tuple loss_binding(const std::string& name, py::object prediction_, py::object targets_, py::object sample_weight_,
                       py::object class_weight_, py::object label_smoothing_, py::object reduction_, py::object out_) {
  const char* op = name.c_str();
  const double label_smoothing = number_in(op, "label_smoothing", label_smoothing_);
  const LossKind kind = loss_kind(op, op);
  const Reduction reduction = reduction_in(op, text_in(op, "reduction", reduction_));
  const Array prediction = array_in(op, kind == LossKind::softmax_cross_entropy ? "logits" : "prediction", prediction_);
  check_rank(prediction, 2);
  Labels labels;
  const bool labelled = kind == LossKind::softmax_cross_entropy && is_integer(targets_);
  if (labelled) labels = labels_in(op, "targets", targets_, prediction.on_device());
  const Array values = labelled ? no_array(op, "targets", prediction.dtype) : array_in(op, "targets", targets_, prediction);
  if (!labelled && kind == LossKind::softmax_cross_entropy && values.rank() == 1) {
    fail(op, "targets are one-dimensional but not int32 or int64: needs labels of such a dtype, or (batch, classes) probabilities");
  }
  const Array sample_weight = optional_in(op, "sample_weight", sample_weight_, prediction);
  const Array class_weight = optional_in(op, "class_weight", class_weight_, prediction);
  const Array out =
      array_out(op, "out", out_, prediction, prediction.dtype, prediction.shape(), {&prediction, &values, &sample_weight, &class_weight});
  const Array rows = new_array(op, "rows", prediction, DType::float64, {prediction.size(0)});
  const bool reduces = reduction != Reduction::none;
  // On the device the loss stays there, an array without dimensions.
  const Array sum =
      prediction.on_device() && reduces ? new_array(op, "loss", prediction, DType::float64, {}) : no_array(op, "loss", DType::float64);
  const Array row_losses =
      reduces ? no_array(op, "loss", prediction.dtype) : new_array(op, "loss", prediction, prediction.dtype, {prediction.size(0)});
  double value = 0;
  with_dtype(prediction.dtype, [&](auto zero) {
    using T = decltype(zero);
    const Loss<T> spec{kind, reduction, vector_view<const T>(class_weight), label_smoothing};
    const Targets<T> targets{labelled ? labels.view() : Vector<const int64_t>{}, matrix_view<const T>(values)};
    const auto pv = matrix_view<const T>(prediction);
    const auto wv = vector_view<const T>(sample_weight);
    const auto ov = matrix_view<T>(out);
    const auto rv = vector_view<double>(rows);
    const auto lv = vector_view<T>(row_losses);
    double* const to = sum.given() ? static_cast<double*>(sum.data()) : &value;
    const Native native(prediction);
    loss<T>(native.context, spec, pv, targets, wv, ov, rv, to);
    if (!reduces) convert(native.context, Vector<const double>(rv), lv);
  });
  if (reduces) return py::make_tuple(sum.given() ? sum.object() : py::float_(value), out.object());
  return py::make_tuple(row_losses.object(), out.object());
}

}  // namespace

void bind_loss(py::module_& m) { m.def("loss", loss_binding); }

}  // namespace lamina
