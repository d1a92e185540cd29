// A network: owns a chain of layers with its arrays and memory, and says who may use them when.
#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "base/context.h"
#include "nn/chain.h"
#include "nn/poll.h"
#include "nn/training_lock.h"
#include "ops/loss.h"

namespace lamina {

template <class T>
class Network {
 public:
  // All its arrays are on the device for as long as it lives, and calls come with a context of that device.
  Network(std::vector<LayerSpec> layers, bool fuse, const Device& device);
  ~Network() { delete spare_.load(); }
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  const Device& device() const { return device_; }
  int64_t in_features() const { return layers_.front().in_features; }
  int64_t out_features() const { return layers_.back().out_features; }
  int64_t features_after(int layers) const { return chain()->features_after(layers); }
  const std::vector<LayerSpec>& layers() const { return layers_; }
  int layer_count() const { return static_cast<int>(layers_.size()); }
  // Whether training takes the statistics of batches.
  bool has_batchnorm() const {
    const auto& all = arrays_.running_statistics();
    return std::any_of(all.begin(), all.end(), [&](const auto& statistics) { return !frozen(statistics.layer); });
  }
  // Which layers are one lamina, and for a number of rows also how the products and passes of a training step run.
  std::string explain() const { return chain()->explain(); }
  std::string explain(const Context& context, int64_t rows) const;

  const ParameterBuffer<T>& parameters() const { return arrays_.parameters(); }
  bool is_linear_weight(const ParameterEntry& entry) const;

  // From now on training leaves exactly these layers as they are: parameters, whose gradients are 0 and are not computed, and
  // running statistics, which are normalised with. Layers by name; others are nobody's.
  void freeze(const std::set<std::string>& names);
  bool frozen(int layer) const { return arrays_.frozen(layer); }
  uint64_t freezings() const { return freezings_; }  // so far
  const std::vector<RunningStatistics<T>>& running_statistics() const { return arrays_.running_statistics(); }

  void check_input(const char* op, Matrix<const T> x) const;

  // The output of the first `layers` layers in inference, in blocks of rows. May run beside other calls of its kind; beside
  // training it computes with weights that are being updated.
  // False when `poll` stopped it.
  bool infer(const Context& context, Matrix<const T> x, int layers, int64_t block_rows, Matrix<T> out, const Poll& poll = {}) const;

  // These refuse to run beside a training call on the same network.
  void forward_training(const Context& context, Matrix<const T> x, const Pass& pass, Matrix<T> out);
  double loss_and_gradients(const Context& context, Matrix<const T> x, const Targets<T>& targets, const Loss<T>& loss,
                            Vector<const T> sample_weight, const Pass& pass);
  // The mean and variance of this batch-norm layer's input over all rows of x (S. Ioffe & C. Szegedy 2015, algorithm 2, in
  // one pass over the data instead of an average over batches). False when `poll` stopped it; nothing has changed then.
  bool set_batchnorm_statistics(const Context& context, const std::string& layer, Matrix<const T> x, int64_t block_rows, const Poll& poll);

  // Others once the memory was planned anew.
  std::vector<const void*> memory_addresses() const { return {values_.data(), row_loss_.data()}; }
  void count_batch();  // that batch norm has seen
  // For a training loop, which holds the lock for many steps, plans the memory first and counts its batches.
  std::atomic<bool>& busy() { return busy_; }
  void plan_memory(int64_t rows);
  size_t activation_bytes(int64_t rows) const { return AlignedBuffer<T>::bytes(TrainingLayout<T>(chain()->stages(), rows).size); }
  size_t statistics_bytes() const { return arrays_.statistics_bytes(); }
  // The loss goes to where value points, on the device.
  void step_gradients(const Context& context, Matrix<const T> x, const Targets<T>& targets, const Loss<T>& loss,
                      Vector<const T> sample_weight, const Pass& pass, double* value);

 private:
  // For what does not hold the training lock.
  std::shared_ptr<const Chain<T>> chain() const {
    const std::lock_guard lock(chain_mutex_);
    return chain_;
  }
  // The input of the layer with this id in inference, for all rows of x.
  struct LayerInput {
    const LayerSpec* layer = nullptr;
    AlignedBuffer<T> buffer;
    Matrix<T> values;
  };
  bool input_of(const Context& context, int layer, Matrix<const T> x, int64_t block_rows, const Poll& poll, LayerInput& found) const;
  TrainingMemory<T> memory() const { return {layout_, values_.data()}; }
  template <class Compute>
  void guarded(const Context& context, const Pass& pass, const Compute& compute);
  std::unique_ptr<InferenceMemory<T>> borrow_memory(int64_t rows) const;
  void return_memory(std::unique_ptr<InferenceMemory<T>> memory) const;

  Device device_;
  std::vector<LayerSpec> layers_;
  NetworkArrays<T> arrays_;
  bool fuse_;
  bool foreign_;                           // whether a layer is computed outside of the library
  bool passed_ = false;                    // whether a training pass has come to its end
  std::shared_ptr<const Chain<T>> chain_;  // another after freezing, while other calls may infer with this one
  mutable std::mutex chain_mutex_;
  uint64_t freezings_ = 0;
  TrainingLayout<T> layout_;  // of what is in values_
  AlignedBuffer<T> values_;
  AlignedBuffer<double> row_loss_;
  std::atomic<bool> busy_{false};
  mutable std::atomic<InferenceMemory<T>*> spare_{nullptr};  // one kept between calls
};

}  // namespace lamina
