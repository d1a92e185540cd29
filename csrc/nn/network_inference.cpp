// A network in inference: blocks of rows through two buffers, safe beside other calls.
#include <algorithm>

#include "base/error.h"
#include "nn/network.h"
#include "nn/transfer.h"
#include "nn/unit_batchnorm.h"

namespace lamina {

template <class T>
std::unique_ptr<InferenceMemory<T>> Network<T>::borrow_memory(int64_t rows) const {
  const InferenceLayout layout = chain_.inference_layout(rows);
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
    copy_matrix(context, x, out);
    return true;
  }
  std::unique_ptr<InferenceMemory<T>> memory = borrow_memory(block_rows);
  PollClock clock(poll);
  bool stopped = false;
  for (int64_t first = 0; first < x.rows && !stopped; first += block_rows) {
    const int64_t rows = std::min(block_rows, x.rows - first);
    chain_.infer(context, *memory, x.slice(first, rows), layers, out.slice(first, rows));
    stopped = clock.stop();
  }
  return_memory(std::move(memory));
  return !stopped;
}

template <class T>
bool Network<T>::set_batchnorm_statistics(const Context& context, int64_t layer, Matrix<const T> x, int64_t block_rows, const Poll& poll) {
  const char* op = "set_batchnorm_statistics";
  check_input(op, x);
  const RunningStatistics<T>* const statistics = arrays_.statistics_of(static_cast<int>(layer));
  if (!statistics) fail(op, "layer ", layer, " is no batchnorm layer of this network");
  const TrainingLock lock(busy_, op);
  const int index = statistics->layer;
  const int64_t units = statistics->mean.size, width = chain_.features_after(index);
  const AlignedBuffer<T> inputs(x.rows * width, device_), found(4 * padded<T>(units), device_);
  const Matrix<T> input = matrix(inputs.data(), x.rows, width);
  if (!infer(context, x, index, block_rows, input, poll)) return false;

  // A training pass of this batch norm alone; with momentum 1 nothing of the old statistics remains.
  const auto row = [&](int i) { return Vector<T>{found.data() + i * padded<T>(units), units}; };
  const auto measure = [&](const auto& spec) {
    if constexpr (requires { spec.runs(); }) {
      const BatchNorm<T> norm{arrays_.value(index, 0), arrays_.value(index, 1), row(0), row(1), 1.0, spec.eps, spec.unbiased_running_var};
      for (const UnitRun& run : spec.runs()) {
        if (!run.normalised()) continue;
        Lamina<T> lamina;
        lamina.op = op;
        lamina.batchnorm = part_of(norm, run);
        const Matrix<T> columns = columns_of(input, run);
        lamina_forward<T>(context, lamina, columns, columns, {{}, {}, units_of(row(2), run), units_of(row(3), run)});
      }
    }
  };
  std::visit(measure, layers_[static_cast<size_t>(index)].form);
  copy_matrix<T>(context, matrix(row(0).data, 1, units), matrix(statistics->mean.data, 1, units));
  copy_matrix<T>(context, matrix(row(1).data, 1, units), matrix(statistics->var.data, 1, units));
  return true;
}

#define INSTANTIATE(T)                                                                                          \
  template std::unique_ptr<InferenceMemory<T>> Network<T>::borrow_memory(int64_t) const;                        \
  template void Network<T>::return_memory(std::unique_ptr<InferenceMemory<T>>) const;                           \
  template bool Network<T>::infer(const Context&, Matrix<const T>, int, int64_t, Matrix<T>, const Poll&) const; \
  template bool Network<T>::set_batchnorm_statistics(const Context&, int64_t, Matrix<const T>, int64_t, const Poll&);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace lamina
