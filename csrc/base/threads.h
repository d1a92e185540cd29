// A small fork-join pool: workers spin briefly for the next job, then sleep; rebuilt after fork.
#pragma once

#include <cstdint>

namespace lamina {

class ThreadPool {
 public:
  static ThreadPool& instance();

  // Runs task(i) for every i in [0, tasks) on up to `threads` threads, the caller among them, and returns when all
  // are done. When another caller holds the pool the tasks run here: no result depends on who runs them.
  template <class Task>
  void run(int threads, int64_t tasks, const Task& task) {
    run_erased(threads, tasks, [](const void* t, int64_t i) { (*static_cast<const Task*>(t))(i); }, &task);
  }

 private:
  using Call = void (*)(const void* task, int64_t index);
  void run_erased(int threads, int64_t tasks, Call call, const void* task);
};

int default_threads();  // LAMINA_NUM_THREADS, else OMP_NUM_THREADS, else the processors this process may use

}  // namespace lamina
