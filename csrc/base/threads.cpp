// The fork-join pool: one job at a time, published by a generation counter, joined by whoever wakes in time.
#include "base/threads.h"

#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <new>
#include <system_error>
#include <thread>

#include "base/error.h"
#include "base/fp_environment.h"
#include "base/scratch.h"

namespace lamina {
namespace {

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Whoever waits keeps the core at first: what is awaited comes within microseconds, and a core once yielded to another
// process is gone for milliseconds. Then others go first, the awaited one perhaps; and a worker without a job sleeps.
constexpr auto keep_time = std::chrono::microseconds(20), spin_time = std::chrono::microseconds(100);

class Wait {
 public:
  // Spends a moment; true once spin_time has passed.
  bool pass() {
    relax();
    if (++looks_ % 64 != 0) return false;
    const auto now = std::chrono::steady_clock::now();
    if (looks_ == 64) start_ = now;
    if (now - start_ > keep_time) sched_yield();
    return now - start_ > spin_time;
  }

 private:
  int64_t looks_ = 0;
  std::chrono::steady_clock::time_point start_;
};

// A worker that was woken may have been given the caller's core, where it would wait for its turn until the system moves one
// of the two, often after ten milliseconds: it goes to another at once.
void leave_core(int core) {
  cpu_set_t all;
  if (core < 0 || sched_getcpu() != core || sched_getaffinity(0, sizeof all, &all) != 0) return;
  cpu_set_t others = all;
  CPU_CLR(core, &others);
  if (sched_setaffinity(0, sizeof others, &others) == 0) sched_setaffinity(0, sizeof all, &all);
}

struct Pool {
  using Call = void (*)(const void*, int64_t);

  std::atomic_flag busy;  // held by the caller whose job runs
  int workers = 0;        // started so far

  // The job; written before `inside` opens, read after entering.
  Call call = nullptr;
  const void* task = nullptr;
  int64_t tasks = 0;
  int helpers = 0;  // workers with a smaller index may take part
  alignas(64) std::atomic<int64_t> next{0};
  alignas(64) std::atomic<int> inside{-1};  // workers in the job; -1 while it is closed
  alignas(64) std::atomic<uint32_t> generation{0};
  std::atomic<int> sleeping{0}, callers_core{-1};  // the latter of whoever woke those who sleep

  void work() {
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < tasks;) call(task, i);
  }

  bool enter() {
    int n = inside.load(std::memory_order_acquire);
    while (n >= 0 && !inside.compare_exchange_weak(n, n + 1, std::memory_order_acq_rel)) {
    }
    return n >= 0;
  }

  // Returns once the generation differs from `seen`.
  void await(uint32_t seen) {
    for (Wait wait; generation.load(std::memory_order_acquire) == seen;) {
      if (!wait.pass()) continue;
      sleeping.fetch_add(1);
      generation.wait(seen);
      sleeping.fetch_sub(1);
      leave_core(callers_core.load());
      return;
    }
  }

  void worker(int index) {
    const FloatingPointScope scope;
    try {
      thread_scratch();  // tasks never throw: what could fail, fails here
    } catch (const std::bad_alloc&) {
      return;
    }
    for (uint32_t seen = 0;;) {
      await(seen);
      seen = generation.load(std::memory_order_acquire);
      if (!enter()) continue;
      if (index < helpers) work();
      inside.fetch_sub(1, std::memory_order_release);
    }
  }

  // As many workers as can be had: the caller does what they do not.
  void start_workers(int wanted) {
    try {
      for (; workers < wanted; ++workers) std::thread(&Pool::worker, this, workers).detach();
    } catch (const std::system_error&) {
    }
  }

  void run(int threads, int64_t count, Call f, const void* t) {
    thread_scratch();
    if (busy.test_and_set(std::memory_order_acquire)) {
      for (int64_t i = 0; i < count; ++i) f(t, i);
      return;
    }
    threads = static_cast<int>(std::min<int64_t>(threads, count));
    start_workers(threads - 1);
    call = f;
    task = t;
    tasks = count;
    helpers = threads - 1;
    next.store(0, std::memory_order_relaxed);
    inside.store(0, std::memory_order_release);
    generation.fetch_add(1);
    const bool wakes = sleeping.load() > 0;
    if (wakes) {
      callers_core.store(sched_getcpu());
      generation.notify_all();
    }
    work();
    if (wakes && sleeping.load() > 0) sched_yield();  // to one who may be waiting for this core
    // Close the job once the last worker has left it; one that comes later stays outside.
    int none = 0;
    for (Wait wait; !inside.compare_exchange_weak(none, -1, std::memory_order_acq_rel); none = 0) wait.pass();
    busy.clear(std::memory_order_release);
  }
};

// Never destroyed: workers may still wait on it when the process ends. A forked child has no workers and starts anew.
std::atomic<Pool*> pool{nullptr};

Pool& current_pool() {
  Pool* p = pool.load(std::memory_order_acquire);
  if (p) return *p;
  static const int registered = pthread_atfork(nullptr, nullptr, [] { pool.store(nullptr); });
  (void)registered;
  Pool* fresh = new Pool;
  if (pool.compare_exchange_strong(p, fresh)) return *fresh;
  delete fresh;
  return *p;
}

// 0 where the variable is not set; OpenMP's own may hold what only OpenMP understands.
int from_environment(const char* name, bool ours) {
  const char* text = std::getenv(name);
  if (!text || !*text) return 0;
  const int value = std::atoi(text);
  if (value >= 1 && value <= 1024) return value;
  if (ours) fail(name, "is '", text, "', needs 1 to 1024");
  return 0;
}

}  // namespace

ThreadPool& ThreadPool::instance() {
  static ThreadPool facade;
  return facade;
}

void ThreadPool::run_erased(int threads, int64_t tasks, Call call, const void* task) { current_pool().run(threads, tasks, call, task); }

int default_threads() {
  if (const int n = from_environment("LAMINA_NUM_THREADS", true)) return n;
  if (const int n = from_environment("OMP_NUM_THREADS", false)) return n;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::clamp(CPU_COUNT(&set), 1, 1024);
  return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, 1024);
}

}  // namespace lamina
