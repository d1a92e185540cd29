// Binding of the losses: one function, the loss by name.
#include "bindings/bind.h"
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
  py::array_t<int64_t> labels(0);
  const bool labelled = kind == LossKind::softmax_cross_entropy && is_integer(targets_);
  if (labelled) labels = labels_in(op, "targets", targets_);
  if (!labelled && kind == LossKind::softmax_cross_entropy && py::isinstance<py::array>(targets_) &&
      py::reinterpret_borrow<py::array>(targets_).ndim() == 1) {
    fail(op, "targets are one-dimensional but not int32 or int64: needs labels of such a dtype, or (batch, classes) probabilities");
  }
  const Array values =
      labelled ? optional_in(op, "targets", py::none(), prediction.dtype) : array_in(op, "targets", targets_, prediction.dtype);
  const Array sample_weight = optional_in(op, "sample_weight", sample_weight_, prediction.dtype);
  const Array class_weight = optional_in(op, "class_weight", class_weight_, prediction.dtype);
  const Array out = array_out(op, "out", out_, prediction.dtype, prediction.shape(), {&prediction, &values, &sample_weight, &class_weight});
  py::array_t<double> rows(prediction.size(0));

  const double value = with_dtype(prediction.dtype, [&](auto zero) {
    using T = decltype(zero);
    const Loss<T> spec{kind, reduction, vector_view<const T>(class_weight), label_smoothing};
    const Targets<T> targets{labelled ? Vector<const int64_t>{labels.data(), labels.size()} : Vector<const int64_t>{},
                             matrix_view<const T>(values)};
    const auto pv = matrix_view<const T>(prediction);
    const auto wv = vector_view<const T>(sample_weight);
    const auto ov = matrix_view<T>(out);
    const Vector<double> row_loss{rows.mutable_data(), rows.size()};
    const Native native;
    return loss<T>(native.context, spec, pv, targets, wv, ov, row_loss);
  });
  if (reduction != Reduction::none) return py::make_tuple(value, out.array);
  return py::make_tuple(rows.attr("astype")(prediction.array.dtype()), out.array);
}

}  // namespace

void bind_loss(py::module_& m) { m.def("loss", loss_binding); }

}  // namespace lamina
