// One page-aligned block per thread, made at its first use.
#include "base/scratch.h"

#include <cstdlib>
#include <memory>
#include <new>

namespace lamina {

std::byte* thread_scratch() {
  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  thread_local std::unique_ptr<std::byte, Free> block;
  if (!block) block.reset(static_cast<std::byte*>(std::aligned_alloc(4096, scratch_bytes)));
  if (!block) throw std::bad_alloc();
  return block.get();
}

}  // namespace lamina
