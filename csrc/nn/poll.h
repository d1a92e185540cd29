// A look now and then at whether a long call should stop, as on Ctrl-C.
#pragma once

#include <chrono>

namespace lamina {

// Answers whether to stop; without a function never.
struct Poll {
  bool (*call)(void* state) = nullptr;
  void* state = nullptr;
};

class PollClock {
 public:
  explicit PollClock(const Poll& poll) : poll_(poll), last_(Clock::now()) {}

  // Called after every piece of work, asks every `interval` at most: the answer may need the GIL.
  bool stop() {
    const auto now = Clock::now();
    if (now - last_ < interval) return false;
    last_ = now;
    return poll_.call && poll_.call(poll_.state);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr auto interval = std::chrono::milliseconds(50);
  Poll poll_;
  Clock::time_point last_;
};

}  // namespace lamina
