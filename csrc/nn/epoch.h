// The loop over one epoch's batches, shared by networks and autoencoders: shuffle, gather, step, and a look at signals.
#pragma once

#include <optional>
#include <vector>

#include "nn/batches.h"
#include "nn/poll.h"
#include "nn/thread_choice.h"

namespace lamina {

// A step's batch, by its number in the epoch, and where the step leaves its loss; in recorded work, which is many a batch's,
// where it finds its inputs.
struct StepPlace {
  double* loss;
  int64_t number;
  StepInputsPlace inputs = {};
};

// The mean of the batches' losses, weighted by rows.
inline double mean_loss(const std::vector<double>& losses, const std::vector<Batch>& batches) {
  double total = 0, counted = 0;
  for (size_t i = 0; i < batches.size(); ++i) {
    total += losses[i] * static_cast<double>(batches[i].count);
    counted += static_cast<double>(batches[i].count);
  }
  return total / counted;
}

template <class T>
DataSet<T> rows_of(const Context& context, const DataSet<T>& data, const EpochOptions& options, const BatchMemory<T>& memory,
                   const Batch& batch) {
  return options.shuffle ? memory.gather(context, data, batch.first, batch.count) : data.slice(batch.first, batch.count);
}

inline uint64_t address_of(const void* memory) { return reinterpret_cast<uintptr_t>(memory); }

// What recorded steps of an epoch hold: where everything lies, and of what size.
template <class T, class Steps>
std::vector<uint64_t> made_of(const DataSet<T>& data, const BatchMemory<T>& memory, Steps& steps) {
  std::vector<uint64_t> numbers = steps.made_of();
  const auto holds = [&](const void* memory) { numbers.push_back(address_of(memory)); };
  const auto holds_matrix = [&](Matrix<const T> m) {
    holds(m.data);
    for (const int64_t n : {m.rows, m.columns, m.stride}) numbers.push_back(static_cast<uint64_t>(n));
  };
  memory.add_addresses(numbers);
  holds_matrix(data.x), holds_matrix(data.targets.values), holds(data.targets.labels.data), holds(data.sample_weight.data);
  return numbers;
}

// On a device the losses are looked at when the epoch is over, and whole batches of shuffled rows repeat a recorded step.
template <class T, class Steps>
std::optional<double> run_on_device(const Context& context, const DataSet<T>& data, const EpochOptions& options, BatchMemory<T>& memory,
                                    const std::vector<Batch>& batches, const Poll& poll, Steps& steps) {
  typename RecordedSteps<T>::Epoch epoch;
  for (const Batch& batch : batches) {
    epoch.inputs.push_back(steps.inputs(static_cast<int64_t>(epoch.inputs.size()), batch.number));
    epoch.repeats.push_back(options.shuffle && batch.count == options.batch_size);
    epoch.first.push_back(batch.first);
  }
  epoch.batch_rows = options.batch_size;
  epoch.order = memory.index();
  epoch.made_of = made_of(data, memory, steps);
  epoch.work = [&](const Context& recording, Vector<const int64_t> rows, double* loss, const StepInputsPlace& inputs) {
    steps.work(recording, memory.gather(recording, data, rows), {loss, 0, inputs});
  };
  RecordedSteps<T>& recorded = memory.recorded();
  recorded.begin_epoch(context, std::move(epoch));
  PollClock clock(poll);
  bool stopped = false;
  for (size_t i = 0; i < batches.size() && !stopped; ++i) {
    if (!recorded.replay(i))
      steps.work(context, rows_of(context, data, options, memory, batches[i]), {recorded.loss(i), batches[i].number});
    steps.advance();
    stopped = clock.stop();
  }
  const std::vector<double> losses = recorded.losses();
  recorded.end_epoch();
  if (stopped) return std::nullopt;
  return mean_loss(losses, batches);
}

// Takes all steps of an epoch, with the threads that `choice` settles on, and returns the mean of their losses, weighted by
// rows; nothing when `poll` stops it. Of a step `steps` has
//   work(context, batch, place)   everything that is computed,
//   inputs(ahead, number)         what differs from step to step of that, `ahead` steps from now on the batch of this number,
//   advance()                     what is counted, and
//   made_of()                     numbers that are others when recorded work is out of date: the addresses of what it works in.
template <class T, class Steps>
std::optional<double> run_epoch(const Context& context, const DataSet<T>& data, const EpochOptions& options, BatchMemory<T>& memory,
                                ThreadChoice& choice, const Poll& poll, Steps& steps, Vector<const T> class_weight = {}) {
  const HostWeights<T> weights(context, data, class_weight);
  if (options.shuffle) memory.shuffle(context, *options.shuffle, data.x.rows);
  const std::vector<Batch> batches = batches_of(data.x.rows, options, weights, options.shuffle ? memory.order() : nullptr);
  if (!context.device.is_host()) return run_on_device(context, data, options, memory, batches, poll, steps);
  PollClock clock(poll);
  std::vector<double> losses;
  losses.reserve(batches.size());
  for (const Batch& batch : batches) {
    double loss = 0;
    choice.run(context,
               [&](const Context& chosen) { steps.work(chosen, rows_of(chosen, data, options, memory, batch), {&loss, batch.number}); });
    steps.advance();
    losses.push_back(loss);
    if (clock.stop()) return std::nullopt;
  }
  return mean_loss(losses, batches);
}

}  // namespace lamina
