// Whether the steps of a small net gain from more than one thread: measured while training, since it depends on how far
// apart the cores are and who else uses them. Results do not depend on it.
#pragma once

#include <algorithm>
#include <chrono>
#include <limits>

#include "base/context.h"

namespace lamina {

class ThreadChoice {
 public:
  // step(context) with all threads, or with one where that was faster the last time both were tried.
  template <class Step>
  void run(const Context& context, const Step& step) {
    const int turn = turn_;
    turn_ = (turn_ + 1) % period;
    if (turn == 0) together_ = alone_ = std::numeric_limits<double>::infinity();
    const bool tries_alone = turn >= tries && together_ < worth_trying;
    const bool alone = tries_alone && (turn < 2 * tries || alone_ < together_);
    Context chosen = context;
    if (alone) chosen.threads = 1;
    if (turn >= 2 * tries || context.threads == 1) return step(chosen);
    const auto start = std::chrono::steady_clock::now();
    step(chosen);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    double& best = alone ? alone_ : together_;
    best = std::min(best, seconds);
  }

 private:
  static constexpr int tries = 4, period = 500;   // steps
  static constexpr double worth_trying = 0.5e-3;  // seconds: threads always pay in longer steps
  int turn_ = 0;
  double together_ = 0, alone_ = 0;  // the fastest steps of this period's tries
};

}  // namespace lamina
