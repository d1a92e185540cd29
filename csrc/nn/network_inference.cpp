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
AlignedBuffer<T> Network<T>::input_of(const Context& context, int layer, Matrix<const T> x) const {
  const Chain<T>* chain = chain_.get();
  AlignedBuffer<T> input;
  for (Matrix<const T> in = x;;) {
    const int place = chain->place_of(layer);
    const int64_t width = chain->features_after(place);
    AlignedBuffer<T> next(x.rows * width, device_);
    const Matrix<T> out = matrix(next.data(), x.rows, width);
    const InferenceMemory<T> memory(chain->inference_layout(statistics_block_rows), device_);
    for (int64_t first = 0; first < x.rows; first += statistics_block_rows) {
      const int64_t rows = std::min(statistics_block_rows, x.rows - first);
      chain->infer(context, memory, in.slice(first, rows), place, out.slice(first, rows));
    }
    input = std::move(next);
    if (chain->layers()[static_cast<size_t>(place)].id == layer) return input;
    in = out;
    chain = chain->inner(place);
  }
}

template <class T>
void Network<T>::set_batchnorm_statistics(const Context& context, const std::string& layer, Matrix<const T> x) {
  const char* op = "set_batchnorm_statistics";
  check_input(op, x);
  const auto& all = arrays_.running_statistics();
  const auto statistics = std::find_if(all.begin(), all.end(), [&](const auto& s) { return s.name == layer; });
  if (statistics == all.end()) fail(op, "layer ", layer, " is no batchnorm layer of this network");
  const TrainingLock lock(busy_, op);
  const int64_t width = statistics->mean.size;
  const AlignedBuffer<T> inputs = input_of(context, statistics->layer, x), found(4 * padded<T>(width), device_);
  const Matrix<T> input = matrix(inputs.data(), x.rows, width);

  // A training pass of this batch norm alone; with momentum 1 nothing of the old statistics remains.
  const auto row = [&](int i) { return Vector<T>{found.data() + i * padded<T>(width), width}; };
  const Vector<T> gamma = arrays_.value(statistics->layer, 0);
  Lamina<T> lamina;
  lamina.op = op;
  lamina.batchnorm = {gamma, gamma, row(0), row(1), 1.0, 0.0, true};
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
  template AlignedBuffer<T> Network<T>::input_of(const Context&, int, Matrix<const T>) const;                   \
  template void Network<T>::set_batchnorm_statistics(const Context&, const std::string&, Matrix<const T>);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace lamina
