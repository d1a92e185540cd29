// A network in inference: blocks of rows through two buffers, safe beside other calls.
#include <algorithm>

#include "base/error.h"
#include "nn/network.h"

namespace lamina {
namespace {

constexpr int64_t statistics_block_rows = 512;

}  // namespace

template <class T>
std::unique_ptr<InferenceMemory<T>> Network<T>::borrow_memory(int64_t rows) const {
  const InferenceLayout layout = chain()->inference_layout(rows);
  std::unique_ptr<InferenceMemory<T>> memory(spare_.exchange(nullptr));
  if (memory && !memory->fits(layout)) memory.reset();
  if (!memory) memory = std::make_unique<InferenceMemory<T>>(layout, device_);
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
  if (layers == 0) {
    const auto bytes = [](int64_t elements) { return static_cast<size_t>(elements) * sizeof(T); };
    const Memory::Rows rows{static_cast<size_t>(x.rows), bytes(x.columns), bytes(out.stride), bytes(x.stride)};
    context.device.memory->copy(out.data, x.data, rows, context.device.stream);
    return true;
  }
  std::unique_ptr<InferenceMemory<T>> memory = borrow_memory(block_rows);
  const std::shared_ptr<const Chain<T>> chain = this->chain();
  PollClock clock(poll);
  bool stopped = false;
  for (int64_t first = 0; first < x.rows && !stopped; first += block_rows) {
    const int64_t rows = std::min(block_rows, x.rows - first);
    chain->infer(context, *memory, x.slice(first, rows), layers, out.slice(first, rows));
    stopped = clock.stop();
  }
  return_memory(std::move(memory));
  return !stopped;
}

template <class T>
void Network<T>::set_batchnorm_statistics(const Context& context, int64_t layer, Matrix<const T> x) {
  const char* op = "set_batchnorm_statistics";
  check_input(op, x);
  const RunningStatistics<T>* const statistics = arrays_.statistics_of(static_cast<int>(layer));
  if (!statistics) fail(op, "layer ", layer, " is no batchnorm layer of this network");
  const TrainingLock lock(busy_, op);
  const int64_t width = statistics->mean.size;
  const AlignedBuffer<T> inputs(x.rows * width, device_), found(4 * padded<T>(width), device_);
  const Matrix<T> input = matrix(inputs.data(), x.rows, width);
  const int layer_index = statistics->layer;
  infer(context, x, layer_index, statistics_block_rows, input);

  // A training pass of this batch norm alone; with momentum 1 nothing of the old statistics remains.
  const auto row = [&](int i) { return Vector<T>{found.data() + i * padded<T>(width), width}; };
  const double eps = std::get<BatchNormSpec>(layers_[static_cast<size_t>(layer_index)].form).eps;
  const Vector<T> gamma = arrays_.value(layer_index, 0);
  Lamina<T> lamina;
  lamina.op = op;
  lamina.batchnorm = {gamma, gamma, row(0), row(1), 1.0, eps, true};
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
