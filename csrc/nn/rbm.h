// A restricted Boltzmann machine that learns by contrastive divergence, plain or persistent.
#pragma once

#include <atomic>

#include "nn/batches.h"
#include "nn/parameter_buffer.h"
#include "nn/parameter_optimizer.h"
#include "nn/poll.h"
#include "nn/thread_choice.h"
#include "nn/training_lock.h"
#include "ops/rbm.h"

namespace lamina {

struct RbmSpec {
  int64_t visible, hidden;
  VisibleUnit visible_unit;
  HiddenUnit hidden_unit;
  RbmSparsity sparsity;
  uint64_t seed;
  uint32_t layer;
};

// How the chains of an epoch run: from the data, or if there are `persistent` ones, on from where they are.
struct GibbsOptions {
  int64_t k, persistent;
};

template <class T>
class RbmTrainer {
 public:
  RbmTrainer(const RbmSpec& spec, const OptimizerSpec& optimizer, const Device& device = {});

  const RbmSpec& spec() const { return spec_; }
  const ParameterBuffer<T>& parameters() const { return parameters_; }
  const ParameterOptimizer<T>& optimizer() const { return optimizer_; }

  // The mean over rows of half the squared distance to where the row's chain ends, 0 where chains are persistent; nothing when
  // `poll` stopped it.
  std::optional<double> run_epoch(const Context& context, Matrix<const T> x, int64_t batch_size, bool shuffle, double lr,
                                  const GibbsOptions& gibbs, const Poll& poll);

  // The hidden states of persistent chains, which start at 0.
  Matrix<T> chains() const { return matrix(chains_.data(), chain_count_, spec_.hidden); }
  void start_chains(const Context& context, int64_t count);

  uint32_t step = 0, sampled = 0, epoch = 0;  // updates and steps of Gibbs sampling so far, and finished epochs

 private:
  Rbm<T> rbm() const;
  void plan_memory(int64_t rows, const GibbsOptions& gibbs);
  void step_gradients(const Context& context, Matrix<const T> x, const GibbsOptions& gibbs, const RandomKey& key, double* value);

  Device device_;
  RbmSpec spec_;
  ParameterBuffer<T> parameters_;
  ParameterOptimizer<T> optimizer_;
  BatchMemory<T> batches_;
  ThreadChoice threads_;
  AlignedBuffer<T> visible_, hidden_, sums_, states_, chains_;
  AlignedBuffer<double> row_loss_;
  int64_t chain_count_ = 0;
  std::atomic<bool> busy_{false};
};

}  // namespace lamina
