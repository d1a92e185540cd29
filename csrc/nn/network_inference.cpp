// A network in inference: blocks of rows through two buffers, safe beside other calls.
#include <algorithm>

#include "base/error.h"
#include "nn/network.h"

namespace lamina {
namespace {

// What is left of a lamina when the layers from `layers` on are cut off; it is used for inference alone.
template <class T>
Lamina<T> cut(const Stage<T>& stage, int layers) {
  Lamina<T> lamina = stage.lamina;
  lamina.training = false;
  if (stage.plan.batchnorm >= layers) lamina.batchnorm = {};
  if (stage.plan.activation >= layers) lamina.activation = {};
  return lamina;
}

constexpr int64_t statistics_block_rows = 512;

}  // namespace

template <class T>
std::unique_ptr<InferenceMemory<T>> Network<T>::borrow_memory(int64_t rows) const {
  int64_t kept = 0;
  for (const Stage<T>& stage : stages_) kept = std::max(kept, stage.box ? stage.box->kept_size(rows) : 0);
  std::unique_ptr<InferenceMemory<T>> memory(spare_.exchange(nullptr));
  if (memory && !memory->fits(rows, widest_, kept)) memory.reset();
  if (!memory) memory = std::make_unique<InferenceMemory<T>>(rows, widest_, kept, device_);
  return memory;
}

template <class T>
void Network<T>::return_memory(std::unique_ptr<InferenceMemory<T>> memory) const {
  delete spare_.exchange(memory.release());
}

template <class T>
bool Network<T>::infer(const Context& context, Matrix<const T> x, int layers, int64_t block_rows, Matrix<T> out, const Poll& poll) const {
  block_rows = std::min(block_rows, x.rows);
  if (block_rows == 0) return true;
  size_t count = 0;
  while (count < stages_.size() && stages_[count].plan.first < layers) ++count;
  if (count == 0) {
    const auto bytes = [](int64_t elements) { return static_cast<size_t>(elements) * sizeof(T); };
    const Memory::Rows rows{static_cast<size_t>(x.rows), bytes(x.columns), bytes(out.stride), bytes(x.stride)};
    context.device.memory->copy(out.data, x.data, rows, context.device.stream);
    return true;
  }
  std::unique_ptr<InferenceMemory<T>> memory = borrow_memory(block_rows);
  PollClock clock(poll);
  bool stopped = false;
  for (int64_t first = 0; first < x.rows && !stopped; first += block_rows) {
    const int64_t rows = std::min(block_rows, x.rows - first);
    Matrix<const T> input = x.slice(first, rows);
    for (size_t i = 0; i < count; ++i) {
      const int64_t width = stages_[i].plan.out_features;
      const Matrix<T> h = i + 1 == count ? out.slice(first, rows) : matrix(memory->outputs[i & 1].data(), rows, width);
      if (const Box<T>* const box = stages_[i].box.get()) {
        box->forward(context, {}, input, h, memory->kept.data());
        input = h;
        continue;
      }
      // The tail works in place: h is its own pre-activation.
      lamina_forward<T>(context, cut(stages_[i], layers), input, h, {{}, {}, {memory->mean.data(), width}, {memory->rstd.data(), width}});
      input = h;
    }
    stopped = clock.stop();
  }
  return_memory(std::move(memory));
  return !stopped;
}

template <class T>
void Network<T>::set_batchnorm_statistics(const Context& context, int64_t layer, Matrix<const T> x) {
  const char* op = "set_batchnorm_statistics";
  check_input(op, x);
  const auto statistics = std::find_if(statistics_.begin(), statistics_.end(), [&](const auto& s) { return s.layer == layer; });
  if (statistics == statistics_.end()) fail(op, "layer ", layer, " is no batchnorm layer of this network");
  const TrainingLock lock(busy_, op);
  const int64_t width = statistics->mean.size;
  const AlignedBuffer<T> inputs(x.rows * width, device_), found(4 * padded<T>(width), device_);
  const Matrix<T> input = matrix(inputs.data(), x.rows, width);
  const int layer_index = statistics->layer;
  infer(context, x, layer_index, statistics_block_rows, input);

  // A training pass of this batch norm alone; with momentum 1 nothing of the old statistics remains.
  const auto row = [&](int i) { return Vector<T>{found.data() + i * padded<T>(width), width}; };
  const LayerSpec& spec = layers_[static_cast<size_t>(layer_index)];
  const Vector<T> gamma = vector_at(parameters_.parameters(), *parameters_.find(layer_index, ParameterKind::batchnorm, 0));
  Lamina<T> lamina;
  lamina.op = op;
  lamina.batchnorm = {gamma, gamma, row(0), row(1), 1.0, spec.eps, true};
  lamina_forward<T>(context, lamina, input, input, {{}, {}, row(2), row(3)});
  const size_t bytes = static_cast<size_t>(width) * sizeof(T);
  const Memory::Rows whole{1, bytes, bytes, bytes};
  device_.memory->copy(statistics->mean.data, row(0).data, whole, context.device.stream);
  device_.memory->copy(statistics->var.data, row(1).data, whole, context.device.stream);
}

#define INSTANTIATE(T)                                                                                          \
  template std::unique_ptr<InferenceMemory<T>> Network<T>::borrow_memory(int64_t) const;                        \
  template void Network<T>::return_memory(std::unique_ptr<InferenceMemory<T>>) const;                           \
  template bool Network<T>::infer(const Context&, Matrix<const T>, int, int64_t, Matrix<T>, const Poll&) const; \
  template void Network<T>::set_batchnorm_statistics(const Context&, int64_t, Matrix<const T>);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace lamina
