// A (denoising) autoencoder with one hidden layer, tied or untied: the module that greedy pre-training stacks.
#pragma once

#include <atomic>

#include "nn/batches.h"
#include "nn/parameter_buffer.h"
#include "nn/parameter_optimizer.h"
#include "nn/poll.h"
#include "nn/thread_choice.h"
#include "nn/training_lock.h"
#include "ops/lamina.h"

namespace lamina {

struct AutoencoderSpec {
  int64_t visible, hidden;
  Activation activation;  // of the hidden units
  LossKind loss;          // sigmoid_cross_entropy: the output is sigmoid(r); squared_error: r itself
  bool tied;              // the decoder uses the encoder's weight
  double corruption;      // the share of inputs that masking noise sets to zero in training
  uint64_t seed;
  uint32_t layer;
};

// x~ = noise(x), h = g(x~ Wᵀ + b), r = h V + c with V = W when tied (P. Vincent et al., JMLR 11, 2010). An untied
// decoder's weight is stored as Vᵀ, (visible, hidden), like any linear layer's.
template <class T>
class Autoencoder {
 public:
  Autoencoder(const AutoencoderSpec& spec, const OptimizerSpec& optimizer, const Device& device = {});

  const Device& device() const { return device_; }
  const AutoencoderSpec& spec() const { return spec_; }
  const ParameterBuffer<T>& parameters() const { return parameters_; }
  const ParameterOptimizer<T>& optimizer() const { return optimizer_; }

  // The mean over rows of the loss summed over units; gradients go to the flat buffer.
  double loss_and_gradients(const Context& context, Matrix<const T> x, uint64_t seed, uint32_t step);
  // Nothing when `poll` stopped the epoch.
  std::optional<double> run_epoch(const Context& context, Matrix<const T> x, int64_t batch_size, bool shuffle, double lr, const Poll& poll);

  void encode(const Context& context, Matrix<const T> x, Matrix<T> out) const;       // out (rows, hidden)
  void reconstruct(const Context& context, Matrix<const T> x, Matrix<T> out) const;  // out (rows, visible)

  uint32_t step = 0, epoch = 0;  // updates so far, and finished epochs

 private:
  void check_input(const char* op, Matrix<const T> x) const;
  void plan_memory(int64_t rows);
  void step_gradients(const Context& context, Matrix<const T> x, const RandomKey& noise, double* value);
  Lamina<T> encoder() const;
  Lamina<T> decoder() const;  // untied
  void decode(const Context& context, Matrix<const T> h, Matrix<T> r) const;

  Device device_;
  AutoencoderSpec spec_;
  ParameterBuffer<T> parameters_;
  ParameterOptimizer<T> optimizer_;
  BatchMemory<T> batches_;
  ThreadChoice threads_;
  AlignedBuffer<T> corrupted_, h_, read_, r_, dr_, dh_;  // read_: by the activation's backward, where h_ does not serve
  AlignedBuffer<double> row_loss_;
  std::atomic<bool> busy_{false};
};

}  // namespace lamina
