// Binding of the losses: one function, the loss by name; and their names.
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

std::vector<std::string> losses() {
  std::vector<std::string> names;
  for (int i = 0; i < loss_count(); ++i) names.emplace_back(loss_info(static_cast<LossKind>(i)).name);
  return names;
}

py::tuple loss_binding(const std::string& name, py::object prediction_, py::object targets_, py::object sample_weight_,
                       py::object reduction_, py::object class_weight_, py::object label_smoothing_, py::object constant_,
                       py::object out_) {
  const char* op = name.c_str();
  const LossKind kind = loss_kind(op, op);
  const LossInfo& info = loss_info(kind);
  const double label_smoothing = number_in(op, "label_smoothing", label_smoothing_);
  const double constant = number_in(op, info.constant_name ? info.constant_name : "constant", constant_);
  const Reduction reduction = reduction_in(op, text_in(op, "reduction", reduction_));
  const Array prediction = array_in(op, info.prediction_name, prediction_);
  check_rank(prediction, 2);
  Labels labels;
  const bool labelled = kind == LossKind::softmax_cross_entropy && is_integer(targets_);
  if (labelled) labels = labels_in(op, info.target_name, targets_, prediction.on_device());
  const Array values = labelled ? no_array(op, info.target_name, prediction.dtype) : array_in(op, info.target_name, targets_, prediction);
  if (!labelled && kind == LossKind::softmax_cross_entropy && values.rank() == 1) {
    fail(op, "targets are one-dimensional but not int32 or int64: needs labels of such a dtype, or (batch, classes) probabilities");
  }
  const Array sample_weight = optional_in(op, "sample_weight", sample_weight_, prediction);
  const Array class_weight = optional_in(op, "class_weight", class_weight_, prediction);
  const bool reduces = reduction != Reduction::none;
  const auto outs = reduces ? std::vector<py::object>{py::none(), out_} : several_outs(op, out_, 2);
  const auto inputs = {&prediction, &values, &sample_weight, &class_weight};
  const Array gradient = array_out(op, "out", outs[1], prediction, prediction.dtype, prediction.shape(), inputs);
  const Array rows = new_array(op, "rows", prediction, DType::float64, {prediction.size(0)});
  // On the device the loss stays there, an array without dimensions.
  const Array sum =
      prediction.on_device() && reduces ? new_array(op, "loss", prediction, DType::float64, {}) : no_array(op, "loss", DType::float64);
  const Array row_losses = reduces ? no_array(op, "loss", prediction.dtype)
                                   : array_out(op, "loss", outs[0], prediction, prediction.dtype, {prediction.size(0)}, inputs);
  check_apart(row_losses, gradient);
  double value = 0;
  with_dtype(prediction.dtype, [&](auto zero) {
    using T = decltype(zero);
    const Loss<T> spec{kind, reduction, vector_view<const T>(class_weight), label_smoothing, constant};
    const Targets<T> targets{labelled ? labels.view() : Vector<const int64_t>{}, matrix_view<const T>(values)};
    const auto pv = matrix_view<const T>(prediction);
    const auto wv = vector_view<const T>(sample_weight);
    const auto gv = matrix_view<T>(gradient);
    const auto rv = vector_view<double>(rows);
    const auto lv = vector_view<T>(row_losses);
    double* const to = sum.given() ? static_cast<double*>(sum.data()) : &value;
    const Native native(prediction);
    loss<T>(native.context, spec, pv, targets, wv, gv, rv, to);
    if (!reduces) convert(native.context, Vector<const double>(rv), lv);
  });
  if (reduces) return py::make_tuple(sum.given() ? sum.object() : py::float_(value), gradient.object());
  return py::make_tuple(row_losses.object(), gradient.object());
}

}  // namespace

void bind_loss(py::module_& m) {
  m.def("losses", losses);
  m.def("loss", loss_binding, py::arg("name"), py::arg("prediction"), py::arg("targets"), py::arg("sample_weight"), py::arg("reduction"),
        py::arg("class_weight") = py::none(), py::arg("label_smoothing") = 0.0, py::arg("constant") = 1.0, py::arg("out") = py::none());
}

}  // namespace lamina
