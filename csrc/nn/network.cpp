// Builds the laminae of a network and runs them forward and backward.
#include "nn/network.h"

#include <algorithm>

#include "base/error.h"
#include "nn/epoch.h"
#include "nn/transfer.h"
#include "ops/explain.h"
#include "ops/gemm.h"

namespace lamina {
namespace {

std::vector<LayerSpec> with_widths(std::vector<LayerSpec> layers) {
  resolve_widths("Network", layers);
  return layers;
}

// Named like torch's: "0.weight", "0.bias"; batch norm's gamma is its weight, beta its bias.
std::vector<ParameterEntry> parameter_entries(const std::vector<LayerSpec>& layers) {
  std::vector<ParameterEntry> entries;
  for (int i = 0; i < static_cast<int>(layers.size()); ++i) {
    const LayerSpec& layer = layers[static_cast<size_t>(i)];
    const std::string prefix = std::to_string(i);
    if (layer.kind == LayerSpec::Kind::linear) {
      entries.push_back({prefix + ".weight", ParameterKind::weight, {layer.out_features, layer.in_features}, i});
      if (layer.bias) entries.push_back({prefix + ".bias", ParameterKind::bias, {layer.out_features}, i});
    } else if (layer.kind == LayerSpec::Kind::batchnorm) {
      entries.push_back({prefix + ".weight", ParameterKind::batchnorm, {layer.in_features}, i});
      entries.push_back({prefix + ".bias", ParameterKind::batchnorm, {layer.in_features}, i});
    } else {
      for (ParameterEntry& entry : box_parameters(layer, i)) entries.push_back(std::move(entry));
    }
  }
  return entries;
}

template <class T>
void fill_ones(const Device& device, Vector<T> v) {
  const std::vector<T> ones(static_cast<size_t>(v.size), T(1));
  const size_t bytes = ones.size() * sizeof(T);
  device.memory->copy_in(v.data, ones.data(), {1, bytes, bytes, bytes}, device.stream);
}

// The stage as this pass runs it.
template <class T>
Lamina<T> for_pass(const Lamina<T>& lamina, const Pass& pass) {
  Lamina<T> result = lamina;
  result.training = pass.training;
  result.dropout.key.seed = pass.seed;
  result.dropout.key.step = pass.step;
  result.dropout.key.step_at = pass.step_at;
  return result;
}

}  // namespace

template <class T>
Network<T>::Network(std::vector<LayerSpec> layers, bool fuse, const Device& device)
    : device_(device),
      layers_(with_widths(std::move(layers))),
      plan_(make_plan(layers_, fuse)),
      parameters_(parameter_entries(layers_), device) {
  int64_t end = 0;
  for (const LayerSpec& layer : layers_) {
    if (layer.kind == LayerSpec::Kind::batchnorm) end += 2 * padded<T>(layer.in_features);
  }
  statistics_buffer_ = AlignedBuffer<T>(end, device);
  end = 0;
  first_trained_ = plan_.size();
  const Vector<T> values = parameters_.parameters(), gradients = parameters_.gradients();
  for (const LaminaPlan& plan : plan_) {
    Stage<T> stage;
    stage.plan = plan;
    stage.lamina.op = "Network";
    if (plan.linear >= 0) {
      const ParameterEntry& weight = *parameters_.find(plan.linear, ParameterKind::weight);
      stage.lamina.weight = matrix_at(values, weight);
      stage.gradients.weight = matrix_at(gradients, weight);
      if (const ParameterEntry* bias = parameters_.find(plan.linear, ParameterKind::bias)) {
        stage.lamina.bias = vector_at(values, *bias);
        stage.gradients.bias = vector_at(gradients, *bias);
      }
    }
    if (plan.batchnorm >= 0) {
      const LayerSpec& layer = layers_[static_cast<size_t>(plan.batchnorm)];
      const ParameterEntry& gamma = *parameters_.find(plan.batchnorm, ParameterKind::batchnorm, 0);
      const ParameterEntry& beta = *parameters_.find(plan.batchnorm, ParameterKind::batchnorm, 1);
      const Vector<T> mean{statistics_buffer_.data() + end, layer.in_features}, var{mean.data + padded<T>(mean.size), layer.in_features};
      end += 2 * padded<T>(mean.size);
      fill_ones(device, vector_at(values, gamma));
      fill_ones(device, var);
      stage.lamina.batchnorm = {vector_at(values, gamma), vector_at(values, beta), mean, var, layer.momentum, layer.eps, true};
      stage.gradients.gamma = vector_at(gradients, gamma);
      stage.gradients.beta = vector_at(gradients, beta);
      statistics_.push_back({plan.batchnorm, mean, var, std::make_unique<int64_t>(0)});
    }
    if (plan.activation >= 0) stage.lamina.activation = layers_[static_cast<size_t>(plan.activation)].activation;
    if (plan.dropout >= 0) {
      stage.lamina.dropout.p = layers_[static_cast<size_t>(plan.dropout)].p;
      stage.lamina.dropout.key.layer = static_cast<uint32_t>(plan.dropout);
    }
    if (plan.box >= 0) {
      stage.box = make_box<T>(layers_[static_cast<size_t>(plan.box)], plan.box, parameters_);
      if (const ParameterEntry* scale = parameters_.find(plan.box, ParameterKind::batchnorm, 0))
        fill_ones(device, vector_at(values, *scale));
    }
    stage.trained = plan.linear >= 0 || plan.batchnorm >= 0 ||
                    (plan.box >= 0 && !box_parameters(layers_[static_cast<size_t>(plan.box)], plan.box).empty());
    if (stage.trained) first_trained_ = std::min(first_trained_, stages_.size());
    widest_ = std::max(widest_, plan.out_features);
    stages_.push_back(std::move(stage));
  }
}

template <class T>
int64_t Network<T>::features_after(int layers) const {
  return layers == 0 ? in_features() : layers_[static_cast<size_t>(layers) - 1].out_features;
}

template <class T>
void Network<T>::check_input(const char* op, Matrix<const T> x) const {
  if (x.columns != in_features()) {
    fail(op, "x has shape (", x.rows, ", ", x.columns, "), the network takes ", in_features(), " features: they need to be equal");
  }
}

template <class T>
void Network<T>::forward_stage(const Context& context, const TrainingMemory<T>& memory, size_t stage, Matrix<const T> x, const Pass& pass,
                               Matrix<T> h) const {
  const Matrix<const T> input = stage == 0 ? x : Matrix<const T>(memory.h(stage - 1, x.rows));
  if (const Box<T>* const box = stages_[stage].box.get()) return box->forward(context, pass, input, h, memory.kept(stage));
  lamina_forward<T>(context, for_pass(stages_[stage].lamina, pass), input, h, memory.saved(stage, x.rows));
}

template <class T>
int Network<T>::backward_stage(const Context& context, const TrainingMemory<T>& memory, size_t index, Matrix<const T> x, const Pass& pass,
                               int turn) const {
  const Stage<T>& stage = stages_[index];
  const int64_t rows = x.rows;
  Above<T> above;  // whose affine part turns its gradient into this stage's
  if (index + 1 < stages_.size() && stages_[index + 1].lamina.weight) {
    const Stage<T>& next = stages_[index + 1];
    above = {memory.gradient(turn, rows, next.plan.out_features), next.lamina.weight};
    ++turn;
  }
  const Matrix<T> dh = memory.gradient(turn, rows, stage.plan.out_features);
  const Matrix<const T> input = index == 0 ? x : Matrix<const T>(memory.h(index - 1, rows));
  if (stage.box) {
    if (above.dz) gemm<T>(context, above.dz, false, above.weight, false, 1, 0, dh);
    stage.box->backward(context, pass, input, memory.h(index, rows), memory.kept(index), dh);
    return turn;
  }
  lamina_backward<T>(context, for_pass(stage.lamina, pass), dh, dh, input, memory.h(index, rows), memory.saved(index, rows),
                     stage.gradients, above);
  return turn;
}

template <class T>
Matrix<const T> Network<T>::forward(const Context& context, Matrix<const T> x, const Pass& pass, Matrix<T> out) {
  for (size_t i = 0; i + 1 < stages_.size(); ++i) forward_stage(context, memory_, i, x, pass, memory_.h(i, x.rows));
  const size_t last = stages_.size() - 1;
  const Matrix<T> prediction = out ? out : memory_.h(last, x.rows);
  forward_stage(context, memory_, last, x, pass, prediction);
  return prediction;
}

template <class T>
void Network<T>::count_batch() {
  for (const RunningStatistics<T>& statistics : statistics_) ++*statistics.batches_seen;
}

template <class T>
void Network<T>::forward_training(const Context& context, Matrix<const T> x, const Pass& pass, Matrix<T> out) {
  check_input("forward", x);
  const TrainingLock lock(busy_, "forward");
  plan_memory(x.rows);
  forward(context, x, pass, out);
  count_batch();
}

template <class T>
double Network<T>::loss_and_gradients(const Context& context, Matrix<const T> x, const Targets<T>& targets, const Loss<T>& loss,
                                      Vector<const T> sample_weight, const Pass& pass) {
  check_input("loss_and_gradients", x);
  check<T>("loss_and_gradients", context.device, loss, {nullptr, x.rows, out_features(), out_features()}, targets, sample_weight);
  const TrainingLock lock(busy_, "loss_and_gradients");
  plan_memory(x.rows);
  if (pass.training) count_batch();
  return number_on_host(context, [&](double* value) { step_gradients(context, x, targets, loss, sample_weight, pass, value); });
}

template <class T>
void Network<T>::step_gradients(const Context& context, Matrix<const T> x, const Targets<T>& targets, const Loss<T>& loss,
                                Vector<const T> sample_weight, const Pass& pass, double* value) {
  const int64_t rows = x.rows;
  const Matrix<const T> prediction = forward(context, x, pass, {});
  int turn = 0;
  lamina::loss<T>(context, loss, prediction, targets, sample_weight, memory_.gradient(turn, rows, out_features()), memory_.row_loss(rows),
                  value);
  for (size_t i = stages_.size(); i-- > first_trained_;) turn = backward_stage(context, memory_, i, x, pass, turn);
}

template <class T>
std::string Network<T>::explain() const {
  std::string text;
  for (size_t i = 0; i < plan_.size(); ++i) text.append(i ? "\n" : "").append(lamina::explain(layers_, plan_, i));
  return text;
}

template <class T>
std::string Network<T>::explain(const Context& context, int64_t rows) const {
  check_batches("explain", rows, rows, has_batchnorm());
  const TrainingMemory<T> memory = TrainingMemory<T>::unbacked(stages_, rows);
  const Matrix<const T> x = matrix(reinterpret_cast<const T*>(cache_line), rows, in_features());
  const Pass pass{true, 0, 0};
  std::string text;
  for (size_t i = 0; i < stages_.size(); ++i) {
    Explanation forward(context, "  "), backward(context, "  ");
    forward_stage(forward.context(), memory, i, x, pass, memory.h(i, rows));
    if (i >= first_trained_) backward_stage(backward.context(), memory, i, x, pass, 0);
    text.append(i ? "\n" : "").append(lamina::explain(layers_, plan_, i));
    text.append("\n forward\n").append(forward.text());
    text.append("\n backward\n").append(i < first_trained_ ? "  nothing from here down is trained" : backward.text());
  }
  return text;
}

template class Network<float>;
template class Network<double>;

}  // namespace lamina
