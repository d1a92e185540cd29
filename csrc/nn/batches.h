// The batches of an epoch: the order of rows, the memory where shuffled ones are gathered, and which are left out.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/context.h"
#include "base/error.h"
#include "nn/recorded_steps.h"
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
  int64_t batches(int64_t rows) const {
    const int64_t rest = rows % batch_size;
    return rows / batch_size + (rest == 0 || (lone_row_joins && rest == 1 && rows > batch_size) ? 0 : 1);
  }
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
  const int64_t* index() const { return index_.data(); }  // the order on the device
  void add_addresses(std::vector<uint64_t>& to) const {
    for (const void* address :
         {static_cast<const void*>(index_.data()), static_cast<const void*>(labels_.data()), static_cast<const void*>(x_.data()),
          static_cast<const void*>(values_.data()), static_cast<const void*>(weights_.data())}) {
      to.push_back(reinterpret_cast<uintptr_t>(address));
    }
  }
  RecordedSteps<T>& recorded() { return recorded_; }
  const int64_t* order() const { return order_.empty() ? index_.data() : order_.data(); }  // on the host

  DataSet<T> gather(const Context& context, const DataSet<T>& data, int64_t first, int64_t count) const {
    return gather(context, data, {index_.data() + first, count});
  }
  DataSet<T> gather(const Context& context, const DataSet<T>& data, Vector<const int64_t> index) const {
    const int64_t count = index.size;
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
  RecordedSteps<T> recorded_;
  AlignedBuffer<int64_t> index_, labels_;
  AlignedBuffer<T> x_, values_, weights_;
};

// Numbers where the host can look at them: at the caller's, or at a copy of what is on a device.
template <class E>
class HostNumbers {
 public:
  HostNumbers(const Context& context, Vector<const E> numbers) : at_(numbers.data) {
    if (!numbers || context.device.is_host()) return;
    copy_ = on_host(context, numbers);
    at_ = copy_.data();
  }
  explicit operator bool() const { return at_ != nullptr; }
  E operator[](int64_t i) const { return at_[i]; }

 private:
  const E* at_;
  std::vector<E> copy_;
};

// The rows' weights, as a loss takes them: the sample's times its class's.
template <class T>
class HostWeights {
 public:
  HostWeights(const Context& context, const DataSet<T>& data, Vector<const T> class_weight)
      : samples_(context, data.sample_weight),
        classes_(context, class_weight),
        labels_(context, class_weight ? data.targets.labels : Vector<const int64_t>{}) {}
  // Of rows first, first + 1, ... in this order, or as they lie.
  bool all_zero(const int64_t* order, int64_t first, int64_t count) const {
    if (!samples_ && !labels_) return false;
    for (int64_t i = first; i < first + count; ++i) {
      if (weight(order ? order[i] : i) != 0) return false;
    }
    return true;
  }

 private:
  double weight(int64_t row) const { return (samples_ ? double{samples_[row]} : 1.0) * (labels_ ? double{classes_[labels_[row]]} : 1.0); }

  HostNumbers<T> samples_, classes_;
  HostNumbers<int64_t> labels_;
};

struct Batch {
  int64_t first, count;  // rows, in their order
  int64_t number;        // in the epoch, those that are left out counted too
};
// A batch whose weights are all zero says nothing and is left out.
template <class T>
std::vector<Batch> batches_of(int64_t rows, const EpochOptions& options, const HostWeights<T>& weights, const int64_t* order) {
  std::vector<Batch> batches;
  for (int64_t first = 0, count, number = 0; first < rows; first += count, ++number) {
    count = std::min(options.batch_size, rows - first);
    if (options.lone_row_joins && rows - first - count == 1) ++count;
    if (!weights.all_zero(order, first, count)) batches.push_back({first, count, number});
  }
  if (batches.empty()) fail("run_epoch", "the weights of all rows are zero, a mean needs a positive sum");
  return batches;
}

inline void check_batches(const char* op, int64_t rows, int64_t batch_size, bool has_batchnorm) {
  if (rows < 1) fail(op, "x has no rows, needs at least one");
  if (batch_size < 1) fail(op, "batch_size is ", batch_size, ", needs at least 1");
  if (has_batchnorm && batch_size == 1) fail(op, "batch_size is 1, batch norm in training needs at least 2 rows");
  if (has_batchnorm && rows == 1) fail(op, "x has 1 row, batch norm in training needs at least 2");
}

}  // namespace lamina
