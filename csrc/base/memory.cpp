// Two counters beside operator new.
#include "base/memory.h"

#include <atomic>
#include <new>

namespace lamina {
namespace {

std::atomic<int64_t> current{0}, peak{0};

}  // namespace

void* allocate(size_t bytes, size_t alignment) {
  void* const memory = ::operator new(bytes, std::align_val_t{alignment});
  const int64_t now = current.fetch_add(static_cast<int64_t>(bytes)) + static_cast<int64_t>(bytes);
  for (int64_t most = peak.load(); most < now && !peak.compare_exchange_weak(most, now);) {
  }
  return memory;
}

void release(void* memory, size_t bytes, size_t alignment) {
  ::operator delete(memory, std::align_val_t{alignment});
  current.fetch_sub(static_cast<int64_t>(bytes));
}

MemoryUse memory_use() { return {current.load(), peak.load()}; }
void reset_peak_memory() { peak.store(current.load()); }

}  // namespace lamina
