// The loop over one epoch's batches, shared by networks and autoencoders: shuffle, gather, step, and a look at signals.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/context.h"
#include "base/error.h"
#include "nn/poll.h"
#include "nn/thread_choice.h"
#include "nn/transfer.h"
#include "ops/config.h"
#include "ops/gather.h"
#include "ops/loss.h"
#include "ops/random.h"

namespace lamina {

template <class T>
struct DataSet {
  Matrix<const T> x;
  Targets<T> targets;             // absent for autoencoders
  Vector<const T> sample_weight;  // or absent

  DataSet slice(int64_t first, int64_t count) const {
    DataSet part{x.slice(first, count), {}, {}};
    if (targets.labels || targets.values) part.targets = targets.slice(first, count);
    if (sample_weight) part.sample_weight = {sample_weight.data + first, count};
    return part;
  }
};

struct EpochOptions {
  int64_t batch_size;
  bool lone_row_joins;  // a last batch of one row joins the batch before it
  std::optional<RandomKey> shuffle;

  int64_t largest_batch(int64_t rows) const { return batch_size >= rows ? rows : batch_size + (lone_row_joins ? 1 : 0); }
};

// Elements of what shuffled batches are gathered into; of the data the shapes alone count.
struct BatchLayout {
  int64_t index, x, labels = 0, values = 0, weights = 0;

  template <class T>
  BatchLayout(const DataSet<T>& data, const EpochOptions& options) : index(data.x.rows) {
    const int64_t rows = options.largest_batch(data.x.rows);
    x = rows * data.x.columns;
    if (data.targets.labels) labels = rows;
    if (data.targets.values) values = rows * data.targets.values.columns;
    if (data.sample_weight) weights = rows;
  }
};

// Where shuffled batches are gathered; kept from epoch to epoch.
template <class T>
class BatchMemory {
 public:
  void plan(const Device& device, const DataSet<T>& data, const EpochOptions& options) {
    const BatchLayout layout(data, options);
    each(*this, layout, [&](auto& buffer, int64_t size) { buffer.ensure(size, device); });
  }
  static size_t bytes(const BatchLayout& layout) {
    size_t sum = 0;
    BatchMemory none;
    each(none, layout, [&](const auto& buffer, int64_t size) { sum += buffer.bytes(size); });
    return sum;
  }
  // The order of rows is drawn on the host.
  void shuffle(const Context& context, const RandomKey& key, int64_t rows) {
    if (context.device.is_host()) return random_permutation(context, key, {index_.data(), rows});
    order_.resize(static_cast<size_t>(rows));
    random_permutation(current_context(), key, {order_.data(), rows});
    const size_t bytes = order_.size() * sizeof(int64_t);
    context.device.memory->copy_in(index_.data(), order_.data(), {1, bytes, bytes, bytes}, context.device.stream);
  }
  const int64_t* order() const { return order_.empty() ? index_.data() : order_.data(); }  // on the host

  DataSet<T> gather(const Context& context, const DataSet<T>& data, int64_t first, int64_t count) const {
    const Vector<const int64_t> index{index_.data() + first, count};
    DataSet<T> batch;
    const auto rows = [&](Matrix<const T> source, const AlignedBuffer<T>& place) {
      const Matrix<T> out = matrix(place.data(), count, source.columns);
      gather_rows<T>(context, source, index, out);
      return out;
    };
    batch.x = rows(data.x, x_);
    if (data.targets.values) batch.targets.values = rows(data.targets.values, values_);
    if (data.targets.labels) {
      gather_labels(context, data.targets.labels, index, {labels_.data(), count});
      batch.targets.labels = {labels_.data(), count};
    }
    if (data.sample_weight) {
      gather_rows<T>(context, {data.sample_weight.data, data.sample_weight.size, 1, 1}, index, {weights_.data(), count, 1, 1});
      batch.sample_weight = {weights_.data(), count};
    }
    return batch;
  }

 private:
  // f(buffer, size) for those that are needed.
  template <class F>
  static void each(BatchMemory& memory, const BatchLayout& layout, const F& f) {
    const auto one = [&](auto& buffer, int64_t size) {
      if (size > 0) f(buffer, size);
    };
    one(memory.index_, layout.index), one(memory.labels_, layout.labels);
    one(memory.x_, layout.x), one(memory.values_, layout.values), one(memory.weights_, layout.weights);
  }
  std::vector<int64_t> order_;  // for a device
  AlignedBuffer<int64_t> index_, labels_;
  AlignedBuffer<T> x_, values_, weights_;
};

// The rows' weights where the host can look at them: at the caller's, or at a copy of what is on a device.
template <class T>
class HostWeights {
 public:
  HostWeights(const Context& context, Vector<const T> weights) : weights_(weights.data) {
    if (!weights || context.device.is_host()) return;
    copy_ = on_host(context, weights);
    weights_ = copy_.data();
  }
  // Of rows first, first + 1, ... in this order, or as they lie.
  bool all_zero(const int64_t* order, int64_t first, int64_t count) const {
    for (int64_t i = first; weights_ && i < first + count; ++i) {
      if (weights_[order ? order[i] : i] != 0) return false;
    }
    return weights_ != nullptr;
  }

 private:
  const T* weights_;
  std::vector<T> copy_;
};

// Runs step(context, batch, loss) for every batch, with the threads that `choice` settles on, and returns the mean of the
// losses that it writes, weighted by rows; nothing when `poll` stops it.
// A batch whose sample weights are all zero says nothing and is left out.
template <class T, class Step>
std::optional<double> run_epoch(const Context& context, const DataSet<T>& data, const EpochOptions& options, BatchMemory<T>& memory,
                                ThreadChoice& choice, const Poll& poll, const Step& step) {
  const int64_t rows = data.x.rows;
  const Device& device = context.device;
  const HostWeights<T> weights(context, data.sample_weight);
  if (options.shuffle) memory.shuffle(context, *options.shuffle, rows);
  const int64_t* const order = options.shuffle ? memory.order() : nullptr;
  PollClock clock(poll);
  double total = 0, value = 0;
  int64_t counted = 0;
  AlignedBuffer<double> there;  // the losses on a device, looked at when the epoch is over
  if (!device.is_host()) there.ensure((rows + options.batch_size - 1) / options.batch_size, device);
  std::vector<int64_t> counts;
  for (int64_t first = 0, count; first < rows; first += count) {
    count = std::min(options.batch_size, rows - first);
    if (options.lone_row_joins && rows - first - count == 1) ++count;
    if (weights.all_zero(order, first, count)) continue;
    double* const loss = device.is_host() ? &value : there.data() + counts.size();
    choice.run(context, [&](const Context& chosen) {
      step(chosen, options.shuffle ? memory.gather(chosen, data, first, count) : data.slice(first, count), loss);
    });
    counted += count;
    if (device.is_host()) {
      total += value * static_cast<double>(count);
    } else {
      counts.push_back(count);
    }
    if (clock.stop()) return std::nullopt;
  }
  if (counted == 0) fail("run_epoch", "the sample weights are all zero, a mean needs a positive sum");
  if (!device.is_host()) {
    const std::vector<double> losses = on_host(context, Vector<const double>{there.data(), static_cast<int64_t>(counts.size())});
    for (size_t i = 0; i < losses.size(); ++i) total += losses[i] * static_cast<double>(counts[i]);
  }
  return total / static_cast<double>(counted);
}

inline void check_batches(const char* op, int64_t rows, int64_t batch_size, bool has_batchnorm) {
  if (rows < 1) fail(op, "x has no rows, needs at least one");
  if (batch_size < 1) fail(op, "batch_size is ", batch_size, ", needs at least 1");
  if (has_batchnorm && batch_size == 1) fail(op, "batch_size is 1, batch norm in training needs at least 2 rows");
  if (has_batchnorm && rows == 1) fail(op, "x has 1 row, batch norm in training needs at least 2");
}

}  // namespace lamina
