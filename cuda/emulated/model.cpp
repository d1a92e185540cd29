// The scheduler of a block's threads, its barriers and exchanges.
#include "cuda/emulated/model.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>

#include "cuda/emulated/fiber.h"

namespace lamina::emulated {
namespace {

struct Copy {
  void* to;
  const void* from;
  size_t bytes, size;
};

struct Thread {
  Place place{};
  unsigned number = 0;
  std::unique_ptr<Fiber> fiber;  // none before it starts and after it ends
  bool done = false;
  const uint64_t* waits_on = nullptr;  // until this generation has gone by
  uint64_t generation = 0;
  Location at;  // where it waits
  std::vector<Copy> begun;
  std::vector<std::vector<Copy>> groups;  // of copies under way, the oldest first

  bool runnable() const { return !done && (!waits_on || *waits_on != generation); }
};

// Lanes that meet: values of one generation stay until all have read them, which is when the next but one begins.
struct Meeting {
  unsigned mask = 0, arrived = 0, predicates[2] = {0, 0};
  uint64_t generation = 0;
  Words values[2][warp_size];
};

struct Release {
  void operator()(std::byte* p) const { ::operator delete[](p, std::align_val_t{1024}); }
};
using Shared = std::unique_ptr<std::byte[], Release>;
Shared shared_memory(size_t bytes) {
  Shared memory(new (std::align_val_t{1024}) std::byte[bytes + 1]);
  std::memset(memory.get(), 0xFF, bytes);
  return memory;
}

class Block;
thread_local Block* running = nullptr;
thread_local std::vector<std::unique_ptr<Fiber>> idle;

class Block {
 public:
  Block(dim3 size, size_t dynamic_bytes, Body body, const void* arguments)
      : size_(size),
        count_(size.x * size.y * size.z),
        body_(body),
        arguments_(arguments),
        threads_(count_),
        warps_((count_ + 31) / 32),
        dynamic_bytes_(dynamic_bytes) {}
  std::string run(uint3 index, dim3 grid, uint64_t order);
  void wait(const uint64_t& generation, const Location& at);
  void barrier(const Location& at);
  const Words* meet(unsigned mask, const Words& mine, bool predicate, unsigned* predicates, const Location& at);
  void* shared_variable(const void* identity, size_t bytes);
  std::byte* dynamic_shared() { return dynamic_.get(); }
  [[noreturn]] void stop(const std::string& why);
  Thread* current = nullptr;
  std::shared_ptr<void> kept;  // by other parts of the model

 private:
  static void fiber_main(void*);
  void resume(Thread& thread);
  std::string stuck() const;

  dim3 size_;
  unsigned count_;
  Body body_;
  const void* arguments_;
  std::vector<Thread> threads_;
  std::vector<std::vector<std::unique_ptr<Meeting>>> warps_;
  size_t dynamic_bytes_;
  Shared dynamic_;
  std::vector<std::pair<const void*, Shared>> variables_;
  Fiber scheduler_;
  uint64_t generation_ = 0;  // of the block's barrier
  unsigned arrived_ = 0;
  Location waiting_at_;
  char start_ = 0, meet_ = 0, end_ = 0;  // what ThreadSanitizer orders threads by
  std::string failure_;
};

uint64_t order_seed = 0;
std::mutex sites_mutex;
std::map<std::string, int> sites;
std::string skipped;

std::string name_of(const Location& at) {
  const std::string file = at.file_name();
  return file.substr(file.rfind('/') + 1) + ":" + std::to_string(at.line());
}
std::string Block::run(uint3 index, dim3 grid, uint64_t order) {
  std::vector<unsigned> turns(count_);
  for (unsigned i = 0; i < count_; ++i) {
    threads_[i] = Thread();
    threads_[i].place = {{i % size_.x, i / size_.x % size_.y, i / size_.x / size_.y}, index, size_, grid};
    threads_[i].number = i;
    turns[i] = i;
  }
  for (auto& meetings : warps_) meetings.clear();
  variables_.clear();
  kept.reset();
  dynamic_ = shared_memory(dynamic_bytes_);
  generation_ = arrived_ = 0;
  Block* const outer = running;
  running = this;
  happens_before(&start_);
  for (unsigned left = count_; left > 0 && failure_.empty();) {
    for (unsigned i = count_; order != 0 && i > 1; --i) {
      order ^= order << 13, order ^= order >> 7, order ^= order << 17;
      std::swap(turns[i - 1], turns[order % i]);
    }
    bool progress = false;
    for (const unsigned turn : turns) {
      Thread& thread = threads_[turn];
      if (!thread.runnable()) continue;
      progress = true;
      resume(thread);
      if (!failure_.empty()) break;
      if (thread.done) --left;
    }
    if (!progress) failure_ = stuck();
  }
  happens_after(&end_);
  running = outer;
  return failure_;
}

void Block::resume(Thread& thread) {
  if (!thread.fiber) {
    if (idle.empty()) idle.push_back(std::make_unique<Fiber>(fiber_main, nullptr));
    thread.fiber = std::move(idle.back());
    idle.pop_back();
  }
  thread.waits_on = nullptr;
  current = &thread;
  scheduler_.switch_to(*thread.fiber);
  if (!thread.done) return;
#if defined(LAMINA_TSAN)  // which takes a fiber for a thread: each is to be new
  thread.fiber.reset();
#else
  idle.push_back(std::move(thread.fiber));
#endif
}

void Block::fiber_main(void*) {
  for (;;) {
    Block& block = *running;
    Thread& thread = *block.current;
    Fiber& fiber = *thread.fiber;
    happens_after(&block.start_);
    block.body_(block.arguments_);
    happens_before(&block.end_);
    thread.done = true;
    fiber.switch_to(block.scheduler_);
  }
}

void Block::wait(const uint64_t& generation, const Location& at) {
  Thread& self = *current;
  self.waits_on = &generation;
  self.generation = generation;
  self.at = at;
  self.fiber->switch_to(scheduler_);
}

// Never comes back: a block that failed is not run on.
void Block::stop(const std::string& why) {
  failure_ = why;
  for (;;) current->fiber->switch_to(scheduler_);
}

void Block::barrier(const Location& at) {
  if (skips(at)) return;
  if (arrived_ > 0 && (at.line() != waiting_at_.line() || at.file_name() != waiting_at_.file_name())) {
    stop("some threads of a block wait at " + name_of(waiting_at_) + ", others at " + name_of(at));
  }
  waiting_at_ = at;
  happens_before(&meet_);
  if (++arrived_ == count_) {
    arrived_ = 0;
    ++generation_;
  } else {
    wait(generation_, at);
  }
  happens_after(&meet_);
}

const Words* Block::meet(unsigned mask, const Words& mine, bool predicate, unsigned* predicates, const Location& at) {
  const unsigned number = current->number, bit = 1u << number % 32;
  auto& meetings = warps_[number / 32];
  auto found = std::find_if(meetings.begin(), meetings.end(), [=](const auto& m) { return m->mask == mask; });
  if (found == meetings.end()) {
    found = meetings.insert(meetings.end(), std::make_unique<Meeting>());
    (*found)->mask = mask;
  }
  Meeting& meeting = **found;
  if (!(mask & bit)) stop("a lane meets others of its warp at " + name_of(at) + " under a mask that leaves it out");
  const int turn = static_cast<int>(meeting.generation & 1);
  if (meeting.arrived == 0) meeting.predicates[turn] = 0;
  meeting.values[turn][number % 32] = mine;
  if (predicate) meeting.predicates[turn] |= bit;
  meeting.arrived |= bit;
  happens_before(&meeting);
  if (meeting.arrived == mask) {
    meeting.arrived = 0;
    ++meeting.generation;
  } else {
    wait(meeting.generation, at);
  }
  happens_after(&meeting);
  *predicates = meeting.predicates[turn];
  return meeting.values[turn];
}

void* Block::shared_variable(const void* identity, size_t bytes) {
  for (const auto& [known, memory] : variables_) {
    if (known != identity) continue;
    happens_after(&variables_);
    return memory.get();
  }
  variables_.emplace_back(identity, shared_memory(bytes));
  happens_before(&variables_);
  return variables_.back().second.get();
}

std::string Block::stuck() const {
  unsigned ended = 0;
  std::map<std::string, unsigned> waiting;
  for (const Thread& thread : threads_) {
    if (thread.done) {
      ++ended;
    } else {
      ++waiting[name_of(thread.at)];
    }
  }
  std::ostringstream text;
  text << "a block is stuck: ";
  for (const auto& [site, count] : waiting) text << count << " of its threads wait at " << site << ", ";
  text << ended << " have ended";
  return text.str();
}

}  // namespace

const Place& place() { return running->current->place; }
unsigned lane() { return running->current->number % warp_size; }
void block_barrier(const Location& at) { running->barrier(at); }
const Words* meet(unsigned mask, const Words& mine, const Location& at) {
  unsigned predicates;
  return running->meet(mask, mine, false, &predicates, at);
}
uint64_t exchange(unsigned mask, uint64_t value, int source, const Location& at) {
  const Words* const all = meet(mask, {{value}}, at);
  return mask >> source & 1 ? all[source].at[0] : ~uint64_t{0};
}
unsigned ballot(unsigned mask, bool predicate, const Location& at) {
  unsigned predicates;
  running->meet(mask, {}, predicate, &predicates, at);
  return predicates;
}
std::shared_ptr<void>& kept_for_block() { return running->kept; }
unsigned thread_number() { return running->current->number; }
void sleep(const uint64_t& generation, const Location& at) { running->wait(generation, at); }
void stop(const std::string& why, const Location& at) { running->stop(why + " at " + name_of(at)); }
// Barriers come by the million: each place in the code is named once.
bool skips(const Location& at) {
  thread_local const char* last_file = nullptr;
  thread_local unsigned last_line = 0;
  if (skipped.empty() && last_file == at.file_name() && last_line == at.line()) return false;
  last_file = at.file_name();
  last_line = at.line();
  const std::lock_guard lock(sites_mutex);
  ++sites[name_of(at)];
  return name_of(at) == skipped;
}
void* shared_variable(const void* identity, size_t bytes) { return running->shared_variable(identity, bytes); }
std::byte* dynamic_shared() { return running->dynamic_shared(); }

void copy_later(void* to, const void* from, size_t bytes, size_t size) {
  std::memset(to, 0xFF, size);
  running->current->begun.push_back({to, from, bytes, size});
}
void commit_copies() {
  Thread& self = *running->current;
  self.groups.push_back(std::move(self.begun));
  self.begun.clear();
}
void wait_for_copies(size_t newest) {
  auto& groups = running->current->groups;
  for (; groups.size() > newest; groups.erase(groups.begin())) {
    for (const Copy& copy : groups.front()) {
      std::memcpy(copy.to, copy.from, copy.bytes);
      std::memset(static_cast<std::byte*>(copy.to) + copy.bytes, 0, copy.size - copy.bytes);
    }
  }
}

std::string run(dim3 grid, dim3 block, size_t dynamic_bytes, Body body, const void* arguments) {
  Block state(block, dynamic_bytes, body, arguments);
  uint64_t order = order_seed;
  const uint64_t blocks = uint64_t{grid.x} * grid.y * grid.z;
  for (uint64_t i = 0; i < blocks; ++i) {
    // With a seed the blocks too come in another order: from the last to the first.
    const uint64_t b = order_seed ? blocks - 1 - i : i;
    const uint3 index{static_cast<unsigned>(b % grid.x), static_cast<unsigned>(b / grid.x % grid.y),
                      static_cast<unsigned>(b / grid.x / grid.y)};
    if (order != 0) order = (order * 6364136223846793005u + 1442695040888963407u) | 1;
    if (std::string failure = state.run(index, grid, order); !failure.empty()) return failure;
  }
  return {};
}

void set_order(uint64_t seed) { order_seed = seed; }
std::vector<std::string> barriers() {
  const std::lock_guard lock(sites_mutex);
  std::vector<std::string> names;
  for (const auto& [name, count] : sites) names.push_back(name);
  return names;
}
void skip_barrier(const std::string& site) { skipped = site; }

}  // namespace lamina::emulated
