// A network in inference: blocks of rows through two buffers, safe beside other calls.
#include <algorithm>

#include "base/error.h"
#include "nn/network.h"
#include "nn/transfer.h"
#include "nn/unit_batchnorm.h"

namespace lamina {

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
bool Network<T>::input_of(const Context& context, int layer, Matrix<const T> x, int64_t block_rows, const Poll& poll,
                          LayerInput& found) const {
  const Chain<T>* chain = chain_.get();
  PollClock clock(poll);
  for (Matrix<const T> in = x;;) {
    const int place = chain->place_of(layer);
    const int64_t width = chain->features_after(place);
    AlignedBuffer<T> next(x.rows * width, device_);
    const Matrix<T> out = matrix(next.data(), x.rows, width);
    const InferenceMemory<T> memory(chain->inference_layout(std::min(block_rows, x.rows)), device_);
    for (int64_t first = 0; first < x.rows; first += block_rows) {
      const int64_t rows = std::min(block_rows, x.rows - first);
      chain->infer(context, memory, in.slice(first, rows), place, out.slice(first, rows));
      if (clock.stop()) return false;
    }
    found = {&chain->layers()[static_cast<size_t>(place)], std::move(next), out};
    if (found.layer->id == layer) return true;
    in = out;
    chain = chain->inner(place);
  }
}

template <class T>
bool Network<T>::set_batchnorm_statistics(const Context& context, const std::string& layer, Matrix<const T> x, int64_t block_rows,
                                          const Poll& poll) {
  const char* op = "set_batchnorm_statistics";
  check_input(op, x);
  const auto& all = arrays_.running_statistics();
  const auto statistics = std::find_if(all.begin(), all.end(), [&](const auto& s) { return s.name == layer; });
  if (statistics == all.end()) fail(op, "layer ", layer, " is no batchnorm layer of this network");
  const TrainingLock lock(busy_, op);
  const int id = statistics->layer;
  LayerInput input;
  if (!input_of(context, id, x, block_rows, poll, input)) return false;

  // A training pass of this batch norm alone; with momentum 1 nothing of the old statistics remains.
  const int64_t units = statistics->mean.size;
  const AlignedBuffer<T> found(4 * padded<T>(units), device_);
  const auto row = [&](int i) { return Vector<T>{found.data() + i * padded<T>(units), units}; };
  const auto measure = [&](const auto& spec) {
    if constexpr (requires { spec.runs(); }) {
      const BatchNorm<T> norm{arrays_.value(id, 0), arrays_.value(id, 1), row(0), row(1), 1.0, 0.0, spec.unbiased_running_var};
      for (const UnitRun& run : spec.runs()) {
        if (!run.normalised()) continue;
        Lamina<T> lamina;
        lamina.op = op;
        lamina.batchnorm = part_of(norm, run);
        const Matrix<T> columns = columns_of(input.values, run);
        lamina_forward<T>(context, lamina, columns, columns, {{}, {}, units_of(row(2), run), units_of(row(3), run)});
      }
    }
  };
  std::visit(measure, input.layer->form);
  copy_matrix<T>(context, matrix(row(0).data, 1, units), matrix(statistics->mean.data, 1, units));
  copy_matrix<T>(context, matrix(row(1).data, 1, units), matrix(statistics->var.data, 1, units));
  return true;
}

#define INSTANTIATE(T)                                                                                               \
  template std::unique_ptr<InferenceMemory<T>> Network<T>::borrow_memory(int64_t) const;                             \
  template void Network<T>::return_memory(std::unique_ptr<InferenceMemory<T>>) const;                                \
  template bool Network<T>::infer(const Context&, Matrix<const T>, int, int64_t, Matrix<T>, const Poll&) const;      \
  template bool Network<T>::input_of(const Context&, int, Matrix<const T>, int64_t, const Poll&, LayerInput&) const; \
  template bool Network<T>::set_batchnorm_statistics(const Context&, const std::string&, Matrix<const T>, int64_t, const Poll&);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace lamina
