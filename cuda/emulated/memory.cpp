// Memory that only the emulated device may touch, and copies to and from it in their stream's turn.
#include <sys/mman.h>

#include "cuda/emulated/device.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(memory, bytes) (static_cast<void>(memory), static_cast<void>(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(memory, bytes) (static_cast<void>(memory), static_cast<void>(bytes))
#endif

using namespace lamina::emulated;

namespace {

constexpr size_t page = 4096, huge_page = size_t{2} << 20;
size_t whole_pages(size_t bytes) { return (bytes + page - 1) / page * page; }

}  // namespace

namespace lamina::emulated {

void Open::protect(bool open) {
  for (const auto& [memory, bytes] : device().blocks) mprotect(memory, bytes, open ? PROT_READ | PROT_WRITE : PROT_NONE);
}

bool is_device(const void* memory) {
  const auto& blocks = device().blocks;
  auto next = blocks.upper_bound(static_cast<std::byte*>(const_cast<void*>(memory)));
  return next != blocks.begin() && (--next, static_cast<const std::byte*>(memory) < next->first + next->second);
}
bool is_pinned(const void* memory) {
  const auto& pinned = device().pinned;
  auto next = pinned.upper_bound(static_cast<std::byte*>(const_cast<void*>(memory)));
  return next != pinned.begin() && (--next, static_cast<const std::byte*>(memory) < next->first + next->second);
}

void mark(void* memory, size_t bytes, bool usable, cudaStream_t stream) {
  LOCK;
  give(stream, [=] {
    usable ? ASAN_UNPOISON_MEMORY_REGION(memory, bytes) : ASAN_POISON_MEMORY_REGION(memory, bytes);
    return std::string();
  });
}
void set_memory_limit(size_t bytes) {
  LOCK;
  device().limit = bytes;
}

}  // namespace lamina::emulated

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) {
  LOCK;
  *total = device().limit;
  *free = device().limit - device().used;
  return answer(cudaSuccess);
}
cudaError_t cudaMalloc(void** memory, size_t bytes) {
  LOCK;
  const size_t size = whole_pages(bytes ? bytes : 1);
  if (size > device().limit - device().used) return answer(cudaErrorMemoryAllocation);
  // In huge pages, whose rights change at once; behind them lies a page that nobody may touch.
  const size_t reserved = size + huge_page + page;
  void* const region = mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (region == MAP_FAILED) return answer(cudaErrorMemoryAllocation);
  auto* const start = reinterpret_cast<std::byte*>((reinterpret_cast<uintptr_t>(region) + huge_page - 1) / huge_page * huge_page);
  madvise(start, size, MADV_HUGEPAGE);
  mprotect(start, size, PROT_READ | PROT_WRITE);
  std::memset(start, 0xFF, size);
  if (device().open == 0) mprotect(start, size, PROT_NONE);
  device().blocks[start] = size;
  device().regions[start] = {region, reserved};
  device().used += size;
  *memory = start;
  return answer(cudaSuccess);
}
cudaError_t cudaFree(void* memory) {
  LOCK;
  if (!memory) return answer(cudaSuccess);
  const auto found = device().blocks.find(static_cast<std::byte*>(memory));
  if (found == device().blocks.end()) return answer(cudaErrorInvalidValue);
  finish_all();
  ASAN_UNPOISON_MEMORY_REGION(found->first, found->second);
  const auto [region, reserved] = device().regions.at(found->first);
  munmap(region, reserved);
  device().regions.erase(found->first);
  device().used -= found->second;
  device().blocks.erase(found);
  return answer(cudaSuccess);
}
cudaError_t cudaHostAlloc(void** memory, size_t bytes, unsigned) {
  LOCK;
  auto* const start = static_cast<std::byte*>(::operator new(bytes ? bytes : 1, std::align_val_t{page}));
  device().pinned[start] = bytes;
  *memory = start;
  return answer(cudaSuccess);
}
cudaError_t cudaFreeHost(void* memory) {
  LOCK;
  const auto found = device().pinned.find(static_cast<std::byte*>(memory));
  if (found == device().pinned.end()) return answer(cudaErrorInvalidValue);
  finish_all();
  ::operator delete(memory, std::align_val_t{page});
  device().pinned.erase(found);
  return answer(cudaSuccess);
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* memory) {
  LOCK;
  attributes->type = is_device(memory) ? cudaMemoryTypeDevice : is_pinned(memory) ? cudaMemoryTypeHost : cudaMemoryTypeUnregistered;
  attributes->device = 0;
  return answer(cudaSuccess);
}

// From ordinary host memory a copy is taken at once, to it the call waits; pinned memory is read and written in its turn.
cudaError_t cudaMemcpy2DAsync(void* to_, size_t to_pitch, const void* from_, size_t from_pitch, size_t width, size_t height,
                              cudaMemcpyKind kind, cudaStream_t stream) {
  LOCK;
  auto* const to = static_cast<std::byte*>(to_);
  auto* const from = static_cast<const std::byte*>(from_);
  const bool from_host = kind == cudaMemcpyHostToDevice, to_host = kind == cudaMemcpyDeviceToHost;
  if (width == 0 || height == 0) return answer(cudaSuccess);
  if (is_device(to) == to_host || is_device(from) == from_host) return answer(cudaErrorInvalidValue);
  const auto copy = [=](const std::byte* source, size_t pitch) {
    for (size_t row = 0; row < height; ++row) std::memcpy(to + row * to_pitch, source + row * pitch, width);
    return std::string();
  };
  // A recording would read or write ordinary memory when it is launched, long after the call.
  const bool ordinary = (from_host && !is_pinned(from)) || (to_host && !is_pinned(to));
  if (ordinary && of(stream).capturing) return spoil(of(stream), cudaErrorStreamCaptureUnsupported);
  if (from_host && !is_pinned(from)) {
    std::vector<std::byte> staged(width * height);
    for (size_t row = 0; row < height; ++row) std::memcpy(staged.data() + row * width, from + row * from_pitch, width);
    return give(stream, [copy, staged = std::move(staged), width] { return copy(staged.data(), width); });
  }
  if (to_host && !is_pinned(to)) {
    finish(of(stream));
    if (device().broken) return answer(cudaErrorLaunchFailure);
    const Open open;
    copy(from, from_pitch);
    return answer(cudaSuccess);
  }
  return give(stream, [=] { return copy(from, from_pitch); });
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t stream) {
  return cudaMemcpy2DAsync(to, bytes, from, bytes, bytes, 1, kind, stream);
}
cudaError_t cudaMemsetAsync(void* memory, int value, size_t bytes, cudaStream_t stream) {
  LOCK;
  if (!is_device(memory)) return answer(cudaErrorInvalidValue);
  return give(stream, [=] {
    std::memset(memory, value, bytes);
    return std::string();
  });
}
