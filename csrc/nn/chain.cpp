// Builds the stages of a chain and runs them forward and backward.
#include "nn/chain.h"

#include <algorithm>

#include "nn/transfer.h"
#include "ops/explain.h"
#include "ops/gemm.h"

namespace lamina {
namespace {

// The stage as this pass runs it.
template <class T>
Lamina<T> for_pass(const Lamina<T>& lamina, const Pass& pass) {
  Lamina<T> result = lamina;
  result.training = pass.training;
  result.dropout.key = pass.key(static_cast<int>(lamina.dropout.key.layer));
  return result;
}

// What is left of a lamina when the layers from `layers` on are cut off; it is used for inference alone.
template <class T>
Lamina<T> cut(const Stage<T>& stage, int layers) {
  Lamina<T> lamina = stage.lamina;
  lamina.training = false;
  if (stage.plan.batchnorm >= layers) lamina.batchnorm = {};
  if (stage.plan.activation >= layers) lamina.activation = {};
  return lamina;
}

template <class T>
std::unique_ptr<Box<T>> make_box(const BoxPlace<T>& place) {
  return std::visit(
      [&](const auto& spec) -> std::unique_ptr<Box<T>> {
        if constexpr (requires { spec.template make<T>(place); }) return spec.template make<T>(place);
        return nullptr;
      },
      place.layer.form);
}

// Whether training moves anything of a layer.
template <class T>
bool moves(const LayerSpec& layer, const NetworkArrays<T>& arrays) {
  if (arrays.value(layer.id, 0) && !arrays.frozen(layer.id)) return true;
  const std::vector<LayerSpec>* const within = layer.inner();
  return within && std::ranges::any_of(*within, [&](const LayerSpec& inside) { return moves(inside, arrays); });
}

template <class T>
Matrix<T> weight_matrix(Vector<T> values, const LayerSpec& layer) {
  return matrix(values.data, layer.out_features, layer.in_features);
}

}  // namespace

template <class T>
Chain<T>::Chain(std::vector<LayerSpec> layers, bool fuse, const NetworkArrays<T>& arrays, const Device& device)
    : layers_(std::move(layers)), plan_(make_plan(layers_, fuse)) {
  first_trained_ = plan_.size();
  for (const LaminaPlan& plan : plan_) {
    stages_.push_back(make_stage(plan, fuse, arrays, device));
    if (stages_.back().trained) first_trained_ = std::min(first_trained_, stages_.size() - 1);
  }
}

template <class T>
Stage<T> Chain<T>::make_stage(const LaminaPlan& plan, bool fuse, const NetworkArrays<T>& arrays, const Device& device) const {
  Stage<T> stage;
  stage.plan = plan;
  stage.lamina.op = "Network";
  if (plan.linear >= 0) {
    const LayerSpec& linear = layer(plan.linear);
    stage.lamina.weight = weight_matrix(arrays.value(linear.id, 0), linear);
    stage.lamina.bias = arrays.value(linear.id, 1);
    if (!arrays.frozen(linear.id)) stage.gradients.weight = weight_matrix(arrays.gradient(linear.id, 0), linear);
    stage.gradients.bias = arrays.gradient(linear.id, 1);
  }
  if (plan.batchnorm >= 0) {
    const int id = layer(plan.batchnorm).id;
    const auto& spec = std::get<BatchNormSpec>(layer(plan.batchnorm).form);
    const RunningStatistics<T>& running = *arrays.statistics_of(id);
    stage.lamina.batchnorm = {arrays.value(id, 0),       arrays.value(id, 1), running.mean, running.var, spec.momentum, spec.eps,
                              spec.unbiased_running_var, arrays.frozen(id)};
    stage.gradients.gamma = arrays.gradient(id, 0);
    stage.gradients.beta = arrays.gradient(id, 1);
  }
  if (plan.activation >= 0) stage.lamina.activation = std::get<ActivationSpec>(layer(plan.activation).form).activation;
  if (plan.dropout >= 0) {
    stage.lamina.dropout.p = std::get<DropoutSpec>(layer(plan.dropout).form).p;
    stage.lamina.dropout.key.layer = static_cast<uint32_t>(layer(plan.dropout).id);
  }
  if (plan.box >= 0) stage.box = make_box(BoxPlace<T>{layer(plan.box), arrays, device, fuse});
  for (int i = plan.first; i < plan.last; ++i) stage.trained = stage.trained || moves(layer(i), arrays);
  return stage;
}

template <class T>
int64_t Chain<T>::features_after(int layers) const {
  return layers == 0 ? in_features() : layer(layers - 1).out_features;
}

template <class T>
int Chain<T>::place_of(int id) const {
  const auto is_or_has = [&](const LayerSpec& layer, const auto& self) -> bool {
    const std::vector<LayerSpec>* const within = layer.inner();
    return layer.id == id || (within && std::any_of(within->begin(), within->end(), [&](const auto& l) { return self(l, self); }));
  };
  int place = 0;
  while (!is_or_has(layer(place), is_or_has)) ++place;
  return place;
}

template <class T>
const Chain<T>* Chain<T>::inner(int place) const {
  for (const Stage<T>& stage : stages_) {
    if (stage.plan.box == place) return stage.box->inner();
  }
  return nullptr;
}

template <class T>
void Chain<T>::forward_stage(const Context& context, const TrainingMemory<T>& memory, size_t index, Matrix<const T> x, const Pass& pass,
                             Matrix<T> h) const {
  const Stage<T>& stage = stages_[index];
  if (stage.box) {
    stage.box->forward(context, pass, input(memory, index, x), h, memory.kept(index));
  } else {
    lamina_forward<T>(context, for_pass(stage.lamina, pass), input(memory, index, x), h, memory.saved(index, x.rows));
  }
  if (const Watcher<T>* const watcher = pass.watcher<T>()) watcher->output(layer(stage.plan.first).id, h);
}

template <class T>
Matrix<const T> Chain<T>::forward(const Context& context, const TrainingMemory<T>& memory, Matrix<const T> x, const Pass& pass,
                                  Matrix<T> out) const {
  const size_t last = stages_.size() - 1;
  for (size_t i = 0; i < last; ++i) forward_stage(context, memory, i, x, pass, memory.h(i, x.rows));
  const Matrix<T> result = out ? out : memory.h(last, x.rows);
  forward_stage(context, memory, last, x, pass, result);
  return result;
}

template <class T>
void Chain<T>::backward_stage(const Context& context, const TrainingMemory<T>& memory, size_t index, Matrix<const T> x, const Pass& pass,
                              Downward& down, Matrix<T> dx) const {
  const Stage<T>& stage = stages_[index];
  const int64_t rows = x.rows, in = stage.plan.in_features, out = stage.plan.out_features;
  const Matrix<const T> from = input(memory, index, x), h = memory.h(index, rows);
  const bool lowest = index == 0 || (!dx && index == first_trained_);
  if (down.above.dz) ++down.turn;
  const Matrix<T> place = memory.gradient(down.turn, rows, out);
  if (stage.box) {
    if (down.above.dz) gemm<T>(context, down.above.dz, false, down.above.weight, false, 1, 0, place);
    const Matrix<const T> dh = down.above.dz ? Matrix<const T>(place) : down.dh;
    const Matrix<T> to = lowest && dx                         ? dx
                         : in == out && stage.box->in_place() ? place
                         : lowest                             ? Matrix<T>{}
                                                              : memory.gradient(++down.turn, rows, in);
    stage.box->backward(context, pass, dh, from, h, memory.kept(index), to);
    down.dh = to, down.above = {};
    return;
  }
  const bool affine = static_cast<bool>(stage.lamina.weight);
  const Matrix<T> dz = lowest && dx && !affine ? dx : place;
  lamina_backward<T>(context, for_pass(stage.lamina, pass), down.above.dz ? Matrix<const T>(dz) : down.dh, dz, from, h,
                     memory.saved(index, rows), stage.gradients, down.above);
  down.dh = dz;
  down.above = affine ? Above<T>{dz, stage.lamina.weight} : Above<T>{};
  if (lowest && dx && affine) gemm<T>(context, dz, false, stage.lamina.weight, false, 1, 0, dx);
}

template <class T>
void Chain<T>::backward(const Context& context, const TrainingMemory<T>& memory, Matrix<const T> x, const Pass& pass, Matrix<const T> dh,
                        Matrix<T> dx) const {
  const Watcher<T>* const watcher = pass.watcher<T>();
  Downward down{dh, {}};
  for (size_t i = stages_.size(); i-- > (dx ? 0 : first_trained_);) {
    if (watcher && down.above.dz) {
      const Matrix<T> place = memory.gradient(++down.turn, x.rows, stages_[i].plan.out_features);
      gemm<T>(context, down.above.dz, false, down.above.weight, false, 1, 0, place);
      down.dh = place, down.above = {};
    }
    if (watcher) watcher->gradient(layer(stages_[i].plan.first).id, down.dh);
    backward_stage(context, memory, i, x, pass, down, dx);
  }
}

template <class T>
InferenceLayout Chain<T>::inference_layout(int64_t rows) const {
  InferenceLayout layout{rows, 0, 0};
  for (const Stage<T>& stage : stages_) {
    layout.width = std::max(layout.width, stage.plan.out_features);
    if (stage.box) layout.kept = std::max(layout.kept, stage.box->inference_size(rows));
  }
  return layout;
}

template <class T>
void Chain<T>::infer(const Context& context, const InferenceMemory<T>& memory, Matrix<const T> x, int layers, Matrix<T> out) const {
  size_t count = 0;
  while (count < stages_.size() && stages_[count].plan.first < layers) ++count;
  if (count == 0) copy_matrix(context, x, out);
  Matrix<const T> input = x;
  for (size_t i = 0; i < count; ++i) {
    const Stage<T>& stage = stages_[i];
    const int64_t width = stage.plan.out_features;
    const Matrix<T> h = i + 1 == count ? out : matrix(memory.outputs[i & 1].data(), x.rows, width);
    if (stage.box) {
      stage.box->forward(context, {}, input, h, memory.kept.data());
    } else {
      // The tail works in place: h is its own pre-activation.
      lamina_forward<T>(context, cut(stage, layers), input, h, {{}, {}, {memory.mean.data(), width}, {memory.rstd.data(), width}});
    }
    input = h;
  }
}

template <class T>
std::string Chain<T>::explain() const {
  std::string text;
  for (size_t i = 0; i < plan_.size(); ++i) text.append(i ? "\n" : "").append(lamina::explain(layers_, plan_, i));
  return text;
}

template <class T>
std::string Chain<T>::explain(const Context& context, int64_t rows) const {
  const TrainingLayout<T> layout(stages_, rows);
  const TrainingMemory<T> memory(layout, reinterpret_cast<T*>(uintptr_t{1} << 32));  // addresses with nothing behind them
  const Matrix<const T> x = matrix(reinterpret_cast<const T*>(cache_line), rows, in_features());
  const Pass pass{true, 0, 0};
  std::vector<std::string> backward(stages_.size(), "  nothing from here down is trained");
  Downward down{memory.gradient(0, rows, out_features()), {}};
  for (size_t i = stages_.size(); i-- > first_trained_;) {
    Explanation explanation(context, "  ");
    backward_stage(explanation.context(), memory, i, x, pass, down, {});
    backward[i] = explanation.text();
  }
  std::string text;
  for (size_t i = 0; i < stages_.size(); ++i) {
    Explanation forward(context, "  ");
    forward_stage(forward.context(), memory, i, x, pass, memory.h(i, rows));
    text.append(i ? "\n" : "").append(lamina::explain(layers_, plan_, i));
    text.append("\n forward\n").append(forward.text());
    text.append("\n backward\n").append(backward[i]);
  }
  return text;
}

template class Chain<float>;
template class Chain<double>;

}  // namespace lamina
