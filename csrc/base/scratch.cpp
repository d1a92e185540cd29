// One page-aligned block per thread, made at its first use.
#include "base/scratch.h"

#include <memory>

#include "base/memory.h"

namespace lamina {

std::byte* thread_scratch() {
  constexpr size_t page = 4096;
  struct Free {
    void operator()(std::byte* p) const { release(p, scratch_bytes, page); }
  };
  thread_local std::unique_ptr<std::byte, Free> block;
  if (!block) block.reset(static_cast<std::byte*>(allocate(scratch_bytes, page)));
  return block.get();
}

}  // namespace lamina
