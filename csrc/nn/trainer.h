// Trains a network on its loss with one optimizer: whole epochs and evaluation.
#pragma once

#include <memory>
#include <vector>

#include "nn/batches.h"
#include "nn/gradient_clipping.h"
#include "nn/network.h"
#include "nn/parameter_optimizer.h"
#include "nn/poll.h"
#include "nn/thread_choice.h"
#include "nn/weight_average.h"
#include "ops/score.h"

namespace lamina {

// A loss that owns its class weights, on the net's device.
template <class T>
struct OwnedLoss {
  LossKind kind = LossKind::softmax_cross_entropy;
  double label_smoothing = 0, constant = 1;
  AlignedBuffer<T> class_weight;

  Loss<T> view() const { return {kind, Reduction::mean, class_weight.view(), label_smoothing, constant}; }
};

// What training does besides gradients and their loss.
struct TrainingSpec {
  OptimizerSpec optimizer;
  std::vector<double> rates;  // what the learning rate is multiplied by for each parameter, or empty
  bool decay_all = false;     // biases and the like too
  Clipping clipping;
  double max_norm = 0;  // of the rows of linear layers' weights; 0: no limit
  Averaging averaging;
};

// Bytes that training holds, by purpose.
struct MemoryPlan {
  size_t parameters;
  size_t gradients;  // and the sums for their norm, when they are clipped by it
  size_t optimizer_state;
  size_t average;      // of the weights
  size_t statistics;   // running ones of batch norm
  size_t activations;  // what forward keeps for backward, and the gradients in flight
  size_t batch;        // the rows gathered for a step, their losses, the order of all rows
  size_t scratch;      // of the threads
};

struct Evaluation {
  double loss, score;
};

template <class T>
class Trainer {
 public:
  Trainer(std::shared_ptr<Network<T>> network, const TrainingSpec& spec, OwnedLoss<T> loss, uint64_t seed);

  // The row-weighted mean of the batches' losses before their updates; nothing when `poll` stopped the epoch. `rates` has
  // the learning rate of each step, or one for all.
  std::optional<double> run_epoch(const Context& context, const DataSet<T>& data, int64_t batch_size, bool shuffle,
                                  Vector<const double> rates, const Poll& poll);
  int64_t steps(int64_t rows, int64_t batch_size) const;  // of an epoch
  std::optional<Evaluation> evaluate(const Context& context, const DataSet<T>& data, int64_t batch_size, const Poll& poll) const;

  // Of an epoch over `rows` rows in shuffled batches, without sample weights; classes are given as labels.
  MemoryPlan memory(const Context& context, int64_t rows, int64_t batch_size) const;

  const std::shared_ptr<Network<T>>& network() const { return network_; }
  const ParameterOptimizer<T>& optimizer() const { return optimizer_; }
  WeightAverage<T>& average() { return average_; }
  // Updates so far, and finished epochs: the `step` of masks and of shuffles.
  uint32_t step = 0, epoch = 0;
  // Of the updates, those that each parameter did not have.
  const std::vector<int64_t>& missed() const { return missed_; }
  void set_missed(std::vector<int64_t> missed);

 private:
  void choose_parameters();  // those that move, which freezing may change between epochs
  void check_data(const char* op, const Context& context, const DataSet<T>& data) const;

  std::shared_ptr<Network<T>> network_;
  std::vector<double> rates_;  // of each parameter
  std::vector<int64_t> missed_;
  std::vector<size_t> resting_;  // which parameters do not move
  uint64_t freezings_ = 0;       // of the network that are taken into account
  ParameterOptimizer<T> optimizer_;
  GradientClipping<T> clipping_;
  std::vector<Matrix<T>> bounded_;  // weights whose rows have a largest norm
  double max_norm_;
  WeightAverage<T> average_;
  OwnedLoss<T> loss_;
  uint64_t seed_;
  BatchMemory<T> batches_;
  ThreadChoice threads_;
};

}  // namespace lamina
