// Keeps a second training call away from a model that is being trained.
#pragma once

#include <atomic>

#include "base/error.h"

namespace lamina {

class TrainingLock {
 public:
  TrainingLock(std::atomic<bool>& busy, const char* op) : busy_(busy) {
    if (busy_.exchange(true, std::memory_order_acquire)) {
      fail<BackendError>(op, "the model is in training by another call, needs to wait for its end or a model of its own");
    }
  }
  ~TrainingLock() { busy_.store(false, std::memory_order_release); }
  TrainingLock(const TrainingLock&) = delete;
  TrainingLock& operator=(const TrainingLock&) = delete;

 private:
  std::atomic<bool>& busy_;
};

}  // namespace lamina
