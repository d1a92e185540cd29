// The fork-join pool: one job at a time, published by its number, joined by whoever wakes in time.
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

// Who takes part in a job, in one word: the job's number, how many workers may, how many have entered, how many have left.
struct Turnout {
  uint64_t word;
  static constexpr int bits = 10;
  static constexpr uint64_t one_left = 1, one_entered = one_left << bits, one_allowed = one_entered << bits, mask = one_entered - 1;

  static Turnout open(uint32_t job, int allowed) { return {uint64_t{job} << 32 | static_cast<uint64_t>(allowed) * one_allowed}; }
  uint32_t job() const { return static_cast<uint32_t>(word >> 32); }
  int allowed() const { return static_cast<int>(word / one_allowed & mask); }
  int entered() const { return static_cast<int>(word / one_entered & mask); }
  int left() const { return static_cast<int>(word & mask); }
  Turnout closed() const { return {word - static_cast<uint64_t>(allowed() - entered()) * one_allowed}; }
};

struct Pool {
  using Call = void (*)(const void*, int64_t);

  std::atomic_flag busy;  // held by the caller whose job runs
  int workers = 0;        // started so far

  // The job, on one line, for a line takes long from core to core. Whoever takes part has a task of its own, the caller the
  // first; what is beyond those, `next` deals out.
  struct alignas(128) Job {
    std::atomic<uint32_t> number{0};  // what workers wait for
    int sharing = 0;
    std::atomic<uint64_t> turnout{0};
    Call call = nullptr;
    const void* task = nullptr;
    int64_t tasks = 0;
  } job;
  alignas(128) std::atomic<int64_t> next{0};
  alignas(128) std::atomic<int> sleeping{0}, callers_core{-1};  // the latter of whoever woke those who sleep

  void work(int64_t own) {
    job.call(job.task, own);
    if (job.tasks == job.sharing) return;
    for (int64_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < job.tasks;) job.call(job.task, i);
  }

  // This worker's place in the job of that number, from 1; 0 where there is none.
  int enter(uint32_t number) {
    uint64_t now = job.turnout.load(std::memory_order_acquire);
    for (;;) {
      const Turnout turnout{now};
      if (turnout.job() != number || turnout.entered() == turnout.allowed()) return 0;
      if (job.turnout.compare_exchange_weak(now, now + Turnout::one_entered, std::memory_order_acq_rel)) return turnout.entered() + 1;
    }
  }

  // Returns once the job's number differs from `seen`.
  void await(uint32_t seen) {
    for (Wait wait; job.number.load(std::memory_order_acquire) == seen;) {
      if (!wait.pass()) continue;
      sleeping.fetch_add(1);
      job.number.wait(seen);
      sleeping.fetch_sub(1);
      leave_core(callers_core.load());
      return;
    }
  }

  void worker() {
    const FloatingPointScope scope;
    try {
      thread_scratch();  // tasks never throw: what could fail, fails here
    } catch (const std::bad_alloc&) {
      return;
    }
    for (uint32_t seen = 0;;) {
      await(seen);
      seen = job.number.load(std::memory_order_acquire);
      const int place = enter(seen);
      if (place == 0) continue;
      work(place);
      job.turnout.fetch_add(Turnout::one_left, std::memory_order_release);
    }
  }

  // As many workers as can be had: the caller does what they do not.
  void start_workers(int wanted) {
    try {
      for (; workers < wanted; ++workers) std::thread(&Pool::worker, this).detach();
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
    const uint32_t number = job.number.load(std::memory_order_relaxed) + 1;
    job.sharing = threads;
    job.call = f;
    job.task = t;
    job.tasks = count;
    if (count > threads) next.store(threads, std::memory_order_relaxed);
    job.turnout.store(Turnout::open(number, threads - 1).word, std::memory_order_release);
    job.number.store(number, std::memory_order_release);
    // One who falls asleep at this moment may be overlooked; the caller then does this job's work, and the next job wakes.
    const bool wakes = sleeping.load(std::memory_order_relaxed) > 0;
    if (wakes) {
      callers_core.store(sched_getcpu());
      job.number.notify_all();
    }
    work(0);
    if (wakes && sleeping.load() > 0) sched_yield();  // to one who may be waiting for this core
    // Those who have not come by now stay outside, and their tasks are done here; the others are waited for.
    uint64_t now = job.turnout.load(std::memory_order_acquire);
    for (Wait wait; Turnout{now}.left() != Turnout{now}.allowed(); now = job.turnout.load(std::memory_order_acquire)) {
      const Turnout turnout{now};
      if (turnout.entered() == turnout.allowed()) {
        wait.pass();
      } else if (job.turnout.compare_exchange_strong(now, turnout.closed().word, std::memory_order_acq_rel)) {
        for (int place = turnout.entered() + 1; place < threads; ++place) f(t, place);
      }
    }
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
