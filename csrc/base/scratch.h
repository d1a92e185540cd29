// Fixed aligned working memory, one block per thread, so that kernels never allocate.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lamina {

inline constexpr size_t cache_line = 64;
inline constexpr size_t scratch_bytes = size_t{2} << 20;

// This thread's block; `scratch_bytes` long, aligned to a page.
std::byte* thread_scratch();

}  // namespace lamina
