// A network's passes: checks, memory, and one training call at a time.
#include "nn/network.h"

#include "base/error.h"
#include "nn/epoch.h"
#include "nn/transfer.h"

namespace lamina {
namespace {

std::vector<LayerSpec> with_widths(std::vector<LayerSpec> layers) {
  resolve_widths("Network", layers);
  return layers;
}

bool any_foreign(const std::vector<LayerSpec>& layers) {
  const std::vector<const LayerSpec*> all = all_layers(layers);
  return std::any_of(all.begin(), all.end(), [](const LayerSpec* layer) { return std::holds_alternative<ForeignSpec>(layer->form); });
}

}  // namespace

template <class T>
Network<T>::Network(std::vector<LayerSpec> layers, bool fuse, const Device& device)
    : device_(device),
      layers_(with_widths(std::move(layers))),
      arrays_(all_layers(layers_), device),
      fuse_(fuse),
      foreign_(any_foreign(layers_)),
      chain_(std::make_shared<const Chain<T>>(layers_, fuse, arrays_, device)) {}

template <class T>
void Network<T>::check_input(const char* op, Matrix<const T> x) const {
  if (x.columns != in_features()) {
    fail(op, "x has shape (", x.rows, ", ", x.columns, "), the network takes ", in_features(), " features: they need to be equal");
  }
}

template <class T>
bool Network<T>::is_linear_weight(const ParameterEntry& entry) const {
  for (const LayerSpec* layer : all_layers(layers_)) {
    if (layer->id != entry.layer || entry.shape.size() != 2) continue;
    return std::visit([](const auto& spec) { return std::is_base_of_v<LinearSpec, std::decay_t<decltype(spec)>>; }, layer->form);
  }
  return false;
}

template <class T>
void Network<T>::freeze(const std::set<std::string>& names) {
  const TrainingLock lock(busy_, "freeze");
  std::set<int> ids;
  for (const LayerSpec* layer : all_layers(layers_)) {
    if (names.contains(layer->name)) ids.insert(layer->id);
  }
  if (ids == arrays_.frozen()) return;
  auto before = arrays_.freeze({std::move(ids), {}});
  std::shared_ptr<const Chain<T>> chain;
  try {
    chain = std::make_shared<const Chain<T>>(layers_, fuse_, arrays_, device_);
  } catch (...) {
    arrays_.freeze(std::move(before));
    throw;
  }
  arrays_.clear_gradients();
  {
    const std::lock_guard chain_lock(chain_mutex_);
    chain_ = std::move(chain);
  }
  layout_ = {};  // the gradients in flight may reach further down
  values_ = {};
  ++freezings_;
}

template <class T>
void Network<T>::plan_memory(int64_t rows) {
  if (rows <= layout_.rows && values_.data()) return;
  layout_ = {};  // the old memory goes first, and a failure leaves nothing planned
  values_ = {};
  TrainingLayout<T> layout(chain_->stages(), rows);
  row_loss_ = AlignedBuffer<double>(layout.rows, device_);
  values_ = AlignedBuffer<T>(layout.size, device_);
  layout_ = std::move(layout);
}

template <class T>
void Network<T>::count_batch() {
  for (const RunningStatistics<T>& statistics : arrays_.running_statistics()) {
    if (!frozen(statistics.layer)) ++*statistics.batches_seen;
  }
}

// Where a training pass fails, running statistics are as before. The first one may, by settings that an op does not take; later
// ones where a layer is computed outside of the library.
template <class T>
template <class Compute>
void Network<T>::guarded(const Context& context, const Pass& pass, const Compute& compute) {
  if (!pass.training || (passed_ && !foreign_)) return compute();
  const Vector<T> statistics = arrays_.all_statistics();
  const std::vector<T> before = on_host(context, Vector<const T>(statistics));
  try {
    compute();
  } catch (...) {
    const size_t bytes = before.size() * sizeof(T);
    context.device.memory->copy_in(statistics.data, before.data(), {1, bytes, bytes, bytes}, context.device.stream);
    throw;
  }
  passed_ = true;
}

template <class T>
void Network<T>::forward_training(const Context& context, Matrix<const T> x, const Pass& pass, Matrix<T> out) {
  check_input("forward", x);
  const TrainingLock lock(busy_, "forward");
  plan_memory(x.rows);
  guarded(context, pass, [&] { chain_->forward(context, memory(), x, pass, out); });
  count_batch();
}

template <class T>
double Network<T>::loss_and_gradients(const Context& context, Matrix<const T> x, const Targets<T>& targets, const Loss<T>& loss,
                                      Vector<const T> sample_weight, const Pass& pass) {
  check_input("loss_and_gradients", x);
  check<T>("loss_and_gradients", context.device, loss, {nullptr, x.rows, out_features(), out_features()}, targets, sample_weight);
  if (pass.watcher<T>() && chain()->stages().size() != layers_.size()) {
    fail("loss_and_gradients", "layers of this network are fused, a watcher needs fuse=False");
  }
  const TrainingLock lock(busy_, "loss_and_gradients");
  plan_memory(x.rows);
  const double value = number_on_host(context, [&](double* at) { step_gradients(context, x, targets, loss, sample_weight, pass, at); });
  if (pass.training) count_batch();
  return value;
}

template <class T>
void Network<T>::step_gradients(const Context& context, Matrix<const T> x, const Targets<T>& targets, const Loss<T>& loss,
                                Vector<const T> sample_weight, const Pass& pass, double* value) {
  const TrainingMemory<T> memory = this->memory();
  guarded(context, pass, [&] {
    const Matrix<const T> prediction = chain_->forward(context, memory, x, pass);
    const Matrix<T> gradient = memory.gradient(0, x.rows, out_features());
    lamina::loss<T>(context, loss, prediction, targets, sample_weight, gradient, {row_loss_.data(), x.rows}, value);
    chain_->backward(context, memory, x, pass, gradient);
  });
}

template <class T>
std::string Network<T>::explain(const Context& context, int64_t rows) const {
  check_batches("explain", rows, rows, has_batchnorm());
  return chain()->explain(context, rows);
}

template class Network<float>;
template class Network<double>;

}  // namespace lamina
