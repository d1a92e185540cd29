// Aligned memory whose bytes are counted: buffers and the threads' scratch are made of it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lamina {

void* allocate(size_t bytes, size_t alignment);
void release(void* memory, size_t bytes, size_t alignment);

struct MemoryUse {
  int64_t current, peak;  // bytes held at present, and at most since the start or the last reset
};
MemoryUse memory_use();
void reset_peak_memory();

}  // namespace lamina
