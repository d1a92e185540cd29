// A training step on a device, told once and repeated: a small step's kernels take less time than telling them.
#pragma once

#include <array>
#include <bit>
#include <functional>
#include <memory>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/context.h"
#include "base/error.h"
#include "base/graph.h"
#include "nn/parameter_optimizer.h"
#include "nn/transfer.h"
#include "ops/step_clock.h"

namespace lamina {

// What differs from step to step of recorded work.
struct StepInputs {
  static constexpr size_t constant_words = sizeof(StepConstants) / sizeof(uint64_t);
  uint32_t step;
  std::vector<StepConstants> optimizer;

  // Words of 8 bytes, to lie on the device one step's after the other's.
  void append_to(std::vector<uint64_t>& words) const {
    words.push_back(step);
    for (const StepConstants& constants : optimizer) {
      const auto bits = std::bit_cast<std::array<uint64_t, constant_words>>(constants);
      words.insert(words.end(), bits.begin(), bits.end());
    }
  }
};

// Where recorded work finds them; null in work that is not recorded.
struct StepInputsPlace {
  const uint32_t* step = nullptr;
  const StepConstants* optimizer = nullptr;
};

template <class T>
class RecordedSteps {
 public:
  // The steps of an epoch: whose inputs they have, which of them `repeats`, where their batches begin in the order of rows.
  struct Epoch {
    std::vector<StepInputs> inputs;
    std::vector<bool> repeats;
    std::vector<int64_t> first;
    int64_t batch_rows;
    const int64_t* order;
    std::vector<uint64_t> made_of;  // addresses, sizes and strides that recorded work holds
    // Computes a step on the batch of these rows.
    std::function<void(const Context& context, Vector<const int64_t> rows, double* loss, const StepInputsPlace& inputs)> work;
  };

  void begin_epoch(const Context& context, Epoch epoch) {
    context_ = context;
    epoch_ = std::move(epoch);
    const auto steps = static_cast<int64_t>(epoch_.repeats.size());
    losses_.ensure(steps, context.device);
    repeats_ = 0;
    for (const bool repeats : epoch_.repeats) repeats_ += repeats;
    if (!worthwhile()) return;
    std::vector<uint64_t> inputs;
    for (const StepInputs& step : epoch_.inputs) step.append_to(inputs);
    words_ = static_cast<int64_t>(inputs.size()) / steps;
    inputs_.ensure(steps * words_, context.device);
    first_.ensure(steps, context.device);
    current_.ensure(words_, context.device);
    position_.ensure(1, context.device);
    rows_.ensure(epoch_.batch_rows, context.device);
    loss_.ensure(1, context.device);
    upload(inputs_.data(), inputs);
    upload(first_.data(), epoch_.first);
    for (const void* address : {static_cast<const void*>(inputs_.data()), static_cast<const void*>(first_.data()),
                                static_cast<const void*>(rows_.data()), static_cast<const void*>(losses_.data())}) {
      epoch_.made_of.push_back(reinterpret_cast<uintptr_t>(address));
    }
    epoch_.made_of.push_back(static_cast<uint64_t>(epoch_.batch_rows));
    if (epoch_.made_of != made_of_ || precision_ != context.precision) {
      graph_.reset();
      warm_ = false;
    }
    refused_ = false;
    made_of_ = epoch_.made_of;
    precision_ = context.precision;
    at_ = -1;
  }

  // Takes a step if it is one that repeats.
  bool replay(size_t step) {
    if (!worthwhile() || !epoch_.repeats[step]) return false;
    // The first step of its kind is taken as it comes: what it needs is loaded then.
    if (refused_ || !std::exchange(warm_, true)) return false;
    if (!graph_ && !record()) return false;
    const auto position = static_cast<int64_t>(step);
    if (at_ != position) upload(position_.data(), std::vector<int64_t>{position});
    graph_->launch(context_.device.stream);
    at_ = position + 1;
    return true;
  }

  double* loss(size_t step) const { return losses_.data() + step; }
  std::vector<double> losses() const {
    return on_host(context_, Vector<const double>{losses_.data(), static_cast<int64_t>(epoch_.repeats.size())});
  }
  void end_epoch() { epoch_ = {}; }  // what it refers to goes

 private:
  static constexpr int64_t least_repeats = 4;

  bool worthwhile() const { return context_.device.recorder && repeats_ >= least_repeats; }

  // Without success (no memory for a second scratch, another library in the way) steps are taken as they come.
  bool record() {
    const StepInputsPlace inputs{reinterpret_cast<const uint32_t*>(current_.data()),
                                 reinterpret_cast<const StepConstants*>(current_.data() + 1)};
    const StepClock clock{position_.data(), inputs_.data(), current_.data(),   words_,       epoch_.order,
                          first_.data(),    rows_.data(),   epoch_.batch_rows, loss_.data(), losses_.data()};
    try {
      graph_ = context_.device.recorder->record([&](Stream recording) {
        Context context = context_;
        context.device.stream = recording;
        begin_step(context, clock);
        epoch_.work(context, {rows_.data(), epoch_.batch_rows}, loss_.data(), inputs);
        end_step(context, clock);
      });
    } catch (const BackendError&) {
      refused_ = true;
    }
    return !refused_;
  }

  template <class E>
  void upload(void* to, const std::vector<E>& from) const {
    const size_t bytes = from.size() * sizeof(E);
    context_.device.memory->copy_in(to, from.data(), {1, bytes, bytes, bytes}, context_.device.stream);
  }

  Context context_;
  Epoch epoch_;
  int64_t repeats_ = 0, words_ = 0, at_ = -1;  // at_: what the device's clock shows
  bool warm_ = false, refused_ = false;
  AlignedBuffer<uint64_t> inputs_, current_;
  AlignedBuffer<int64_t> first_, position_, rows_;
  AlignedBuffer<double> loss_, losses_;
  std::vector<uint64_t> made_of_;
  Precision precision_ = Precision::highest;
  std::unique_ptr<Graph> graph_;  // goes first: it uses the rest
};

}  // namespace lamina
