// The process-wide choice of kernel table and thread count.
#include "ops/config.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "base/error.h"
#include "kernels/kernel_table.h"

namespace lamina {
namespace {

const KernelTable* find_table(const char* op, const std::string& name) {
  for (int i = 0; i < level_count; ++i) {
    const Level candidate = level(i);
    if (candidate.available && name == candidate.table->name) return candidate.table;
  }
  std::string known;
  for (const std::string& isa : available_isas()) known += (known.empty() ? "" : ", ") + isa;
  fail(op, "got '", name, "', this machine has ", known);
}

const KernelTable* initial_table() {
  if (const char* forced = std::getenv("LAMINA_ISA"); forced && *forced) return find_table("LAMINA_ISA", forced);
  const KernelTable* best = nullptr;
  for (int i = 0; i < level_count; ++i) {
    const Level next = level(i);
    if (next.available && next.listed && next.pays) best = next.table;
  }
  return best;
}

std::atomic<const KernelTable*>& table() {
  static std::atomic<const KernelTable*> current{initial_table()};
  return current;
}

std::atomic<int>& thread_count() {
  static std::atomic<int> current{default_threads()};
  return current;
}

// Half of the last cache: a result and what it is made of fit as long as neither is larger.
int64_t initial_stream_bytes() {
  long cache = 0;
#ifdef _SC_LEVEL3_CACHE_SIZE
  cache = sysconf(_SC_LEVEL3_CACHE_SIZE);
#endif
  return cache > 0 ? cache / 2 : int64_t{16} << 20;
}

std::atomic<int64_t>& stream_bytes() {
  static std::atomic<int64_t> current{initial_stream_bytes()};
  return current;
}

std::atomic<Precision>& precision() {
  static std::atomic<Precision> current{Precision::highest};
  return current;
}

thread_local bool alone = false;

}  // namespace

Context current_context() {
  Context context;
  context.table = table().load(std::memory_order_relaxed);
  context.threads = alone ? 1 : thread_count().load(std::memory_order_relaxed);
  context.stream_bytes = stream_bytes().load(std::memory_order_relaxed);
  context.precision = precision().load(std::memory_order_relaxed);
  return context;
}

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (int i = 0; i < level_count; ++i) {
    if (level(i).available && level(i).listed) names.push_back(level(i).table->name);
  }
  return names;
}

std::string get_isa() { return table().load()->name; }
void set_isa(const std::string& name) { table().store(find_table("set_isa", name)); }

int get_num_threads() { return thread_count().load(); }
void set_num_threads(int threads) {
  if (threads < 1 || threads > 1024) fail("set_num_threads", "got ", threads, ", needs 1 to 1024");
  thread_count().store(threads);
}

void work_alone() { alone = true; }

const char* precision_name(Precision p) { return p == Precision::highest ? "highest" : p == Precision::high ? "high" : "medium"; }
Precision find_precision(const char* op, const std::string& name) {
  for (const Precision p : {Precision::highest, Precision::high, Precision::medium}) {
    if (name == precision_name(p)) return p;
  }
  fail(op, "precision is '", name, "', needs one of highest, high, medium");
}
Precision get_precision() { return precision().load(); }
void set_precision(Precision p) { precision().store(p); }
std::string precision_unit(const KernelTable& table, Precision p) {
  const bool faster = table.bfloat16_unit && (p == Precision::medium || (p == Precision::high && table.high));
  return faster ? table.bfloat16_unit : "";
}

int64_t get_stream_bytes() { return stream_bytes().load(); }
void set_stream_bytes(int64_t bytes) { stream_bytes().store(bytes); }

}  // namespace lamina
