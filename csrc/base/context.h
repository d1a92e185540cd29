// What every kernel and op is told about where it runs: the kernel table, the number of threads, the device's stream.
#pragma once

#include <cstdint>

#include "base/memory.h"
#include "base/threads.h"

namespace lamina {

struct KernelTable;

// How a kernel's work was split: into tasks, shared by so many threads; `cost` as of Context::parallel.
struct Split {
  int64_t tasks;
  int threads;
  double cost;
};
class SplitLog {
 public:
  virtual void note(const Split& split) = 0;

 protected:
  ~SplitLog() = default;
};

// Of float32 products: `highest` keeps the order of math/order.h; `high` multiplies bfloat16 halves, three products for
// one; `medium` rounds to bfloat16. Where a machine has no faster unit for a precision, it computes at `highest`.
enum class Precision { highest, high, medium };

struct Context {
  const KernelTable* table = nullptr;
  int threads = 1;
  int64_t stream_bytes = 0;  // results larger than this go past the caches to memory
  Precision precision = Precision::highest;
  Device device;            // where all arrays are; results and scratch go there
  SplitLog* log = nullptr;  // where `parallel` notes its work instead of doing it, for explain()

  // Runs task(i) for i in [0, tasks), on the pool where that pays. `cost` is the work's rough serial time in
  // nanoseconds: below the fork-join's own price everything runs on the calling thread.
  template <class Task>
  void parallel(int64_t tasks, double cost, const Task& task) const {
    const int sharing = threads_for(tasks, cost);
    if (log) {
      log->note({tasks, sharing, cost});
    } else if (sharing == 1) {
      for (int64_t i = 0; i < tasks; ++i) task(i);
    } else {
      ThreadPool::instance().run(sharing, tasks, task);
    }
  }

  [[gnu::always_inline]] int threads_for(int64_t tasks, double cost) const {
    return tasks <= 1 || cost < worthwhile_cost ? 1 : static_cast<int>(tasks < threads ? tasks : threads);
  }

  static constexpr double worthwhile_cost = 3000;  // nanoseconds, measured on training steps of 5 to 70 microseconds
};

}  // namespace lamina
