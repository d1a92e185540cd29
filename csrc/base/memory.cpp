// The host's memory: two counters beside operator new.
#include "base/memory.h"

#include <atomic>
#include <cstring>
#include <new>

namespace lamina {
namespace {

std::atomic<int64_t> current{0}, peak{0};

class HostMemory final : public Memory {
 public:
  void* allocate(size_t bytes, size_t alignment, Stream) override { return lamina::allocate(bytes, alignment); }
  void release(void* memory, size_t bytes, size_t alignment, Stream) noexcept override { lamina::release(memory, bytes, alignment); }
  void zero(void* memory, size_t bytes, Stream) override { std::memset(memory, 0, bytes); }
  void copy_in(void* here, const void* host, const Rows& rows, Stream stream) override { copy(here, host, rows, stream); }
  void copy_out(void* host, const void* here, const Rows& rows, Stream stream) override { copy(host, here, rows, stream); }
  void copy(void* to, const void* from, const Rows& rows, Stream) override {
    if (rows.width == 0) return;
    for (size_t i = 0; i < rows.count; ++i) {
      std::memcpy(static_cast<std::byte*>(to) + i * rows.to_pitch, static_cast<const std::byte*>(from) + i * rows.from_pitch, rows.width);
    }
  }
};

}  // namespace

Memory& host_memory() {
  static HostMemory* const memory = new HostMemory;  // outlives whatever static objects hold of it
  return *memory;
}

void* allocate(size_t bytes, size_t alignment) {
  void* const memory = ::operator new(bytes, std::align_val_t{alignment});
  const int64_t now = current.fetch_add(static_cast<int64_t>(bytes)) + static_cast<int64_t>(bytes);
  for (int64_t most = peak.load(); most < now && !peak.compare_exchange_weak(most, now);) {
  }
  return memory;
}

void release(void* memory, size_t bytes, size_t alignment) noexcept {
  ::operator delete(memory, std::align_val_t{alignment});
  current.fetch_sub(static_cast<int64_t>(bytes));
}

MemoryUse memory_use() { return {current.load(), peak.load()}; }
void reset_peak_memory() { peak.store(current.load()); }

}  // namespace lamina
