// What every kernel and op is told about where it runs: the kernel table and the number of threads.
#pragma once

#include <cstdint>

#include "base/threads.h"

namespace lamina {

struct KernelTable;

struct Context {
  const KernelTable* table = nullptr;
  int threads = 1;
  int64_t stream_bytes = 0;  // results larger than this go past the caches to memory

  // Runs task(i) for i in [0, tasks), on the pool where that pays. `cost` is the work's rough serial time in
  // nanoseconds: below the fork-join's own price everything runs on the calling thread.
  template <class Task>
  void parallel(int64_t tasks, double cost, const Task& task) const {
    if (threads == 1 || tasks == 1 || cost < worthwhile_cost) {
      for (int64_t i = 0; i < tasks; ++i) task(i);
    } else {
      ThreadPool::instance().run(threads, tasks, task);
    }
  }

  static constexpr double worthwhile_cost = 2500;  // nanoseconds, measured on training steps of 5 to 70 microseconds
};

}  // namespace lamina
