// A network of laminae: owns parameters, statistics and memory, and the order in which ops are called.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "base/context.h"
#include "nn/network_memory.h"
#include "nn/parameter_buffer.h"
#include "nn/plan.h"
#include "nn/poll.h"
#include "nn/training_lock.h"
#include "ops/loss.h"

namespace lamina {

// What a batch-norm layer remembers for inference.
template <class T>
struct RunningStatistics {
  int layer;
  Vector<T> mean, var;                    // (features,)
  std::unique_ptr<int64_t> batches_seen;  // at an address that stays
};

template <class T>
class Network {
 public:
  // All its arrays are on the device for as long as it lives, and calls come with a context of that device.
  Network(std::vector<LayerSpec> layers, bool fuse, const Device& device = {});
  ~Network() { delete spare_.load(); }
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  const Device& device() const { return device_; }
  int64_t in_features() const { return layers_.front().in_features; }
  int64_t out_features() const { return layers_.back().out_features; }
  int64_t features_after(int layers) const;  // width of the output of the first `layers` layers
  int layer_count() const { return static_cast<int>(layers_.size()); }
  bool has_batchnorm() const { return !statistics_.empty(); }
  // Which layers are one lamina, and for a number of rows also how the products and passes of a training step run.
  std::string explain() const;
  std::string explain(const Context& context, int64_t rows) const;

  const ParameterBuffer<T>& parameters() const { return parameters_; }
  const std::vector<RunningStatistics<T>>& running_statistics() const { return statistics_; }

  void check_input(const char* op, Matrix<const T> x) const;

  // The output of the first `layers` layers in inference, in blocks of rows. May run beside other calls of its kind; beside
  // training it computes with weights that are being updated.
  // False when `poll` stopped it.
  bool infer(const Context& context, Matrix<const T> x, int layers, int64_t block_rows, Matrix<T> out, const Poll& poll = {}) const;

  // These three refuse to run beside a training call on the same network.
  void forward_training(const Context& context, Matrix<const T> x, const Pass& pass, Matrix<T> out);
  double loss_and_gradients(const Context& context, Matrix<const T> x, const Targets<T>& targets, const Loss<T>& loss,
                            Vector<const T> sample_weight, const Pass& pass);
  // The mean and unbiased variance of this batch-norm layer's input over all rows of x (S. Ioffe & C. Szegedy 2015,
  // algorithm 2, in one pass over the data instead of an average over batches).
  void set_batchnorm_statistics(const Context& context, int64_t layer, Matrix<const T> x);

  const void* memory_address() const { return memory_.address(); }  // another once it was planned anew
  void count_batch();                                               // that batch norm has seen
  // For a training loop, which holds the lock for many steps, plans the memory first and counts its batches.
  std::atomic<bool>& busy() { return busy_; }
  void plan_memory(int64_t rows) { memory_.ensure(stages_, rows, device_); }
  size_t activation_bytes(int64_t rows) const { return AlignedBuffer<T>::bytes(TrainingLayout<T>(stages_, rows).size); }
  size_t statistics_bytes() const { return AlignedBuffer<T>::bytes(statistics_buffer_.size()); }
  // The loss goes to where value points, on the device.
  void step_gradients(const Context& context, Matrix<const T> x, const Targets<T>& targets, const Loss<T>& loss,
                      Vector<const T> sample_weight, const Pass& pass, double* value);

 private:
  Matrix<const T> forward(const Context& context, Matrix<const T> x, const Pass& pass, Matrix<T> out);
  void forward_stage(const Context& context, const TrainingMemory<T>& memory, size_t stage, Matrix<const T> x, const Pass& pass,
                     Matrix<T> h) const;
  // What comes from above lies in the memory's gradient `turn`: the gradient of the last stage's output, or of the next
  // stage's pre-activation. Returns where this stage leaves that of its own.
  int backward_stage(const Context& context, const TrainingMemory<T>& memory, size_t stage, Matrix<const T> x, const Pass& pass,
                     int turn) const;
  std::unique_ptr<InferenceMemory<T>> borrow_memory(int64_t rows) const;
  void return_memory(std::unique_ptr<InferenceMemory<T>> memory) const;

  Device device_;
  std::vector<LayerSpec> layers_;
  std::vector<LaminaPlan> plan_;
  ParameterBuffer<T> parameters_;
  AlignedBuffer<T> statistics_buffer_;
  std::vector<RunningStatistics<T>> statistics_;
  std::vector<Stage<T>> stages_;
  size_t first_trained_ = 0;  // the first stage with parameters: backward ends there
  int64_t widest_ = 0;        // output of a stage
  TrainingMemory<T> memory_;
  std::atomic<bool> busy_{false};
  mutable std::atomic<InferenceMemory<T>*> spare_{nullptr};  // one kept between calls
};

}  // namespace lamina
