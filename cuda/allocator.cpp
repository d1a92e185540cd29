// Best fit among a stream's free blocks; neighbours that are free become one again.
#include "cuda/allocator.h"

#include <algorithm>

#include "base/error.h"
#include "cuda/runtime.h"

namespace lamina::cuda {
namespace {

// AddressSanitizer is told what an array may touch of the emulated device's memory; a stream tells it in its turn.
#if defined(__SANITIZE_ADDRESS__)
void mark(void* memory, size_t bytes, bool usable, Stream stream) { emulated::mark(memory, bytes, usable, of(stream)); }
#else
void mark(void*, size_t, bool, Stream) {}
#endif

}  // namespace

void* Allocator::allocate(size_t bytes, Stream stream) {
  const std::lock_guard lock(mutex_);
  const size_t size = (std::max<size_t>(bytes, 1) + grain - 1) / grain * grain;
  if (const auto owner = owners_.find(stream); owner != owners_.end()) stream = owner->second;
  Block* block = find_free(size, stream);
  if (!block) block = from_driver(size, stream);
  free_[stream].erase(block);
  split(*block, size);
  block->used = true;
  in_use_ += block->bytes;
  if (!set_aside_.count(stream)) mark(block->memory, bytes, true, stream);
  return block->memory;
}

Allocator::Block* Allocator::find_free(size_t bytes, Stream stream) {
  const Free& free = free_[stream];
  const auto found = free.lower_bound(bytes);
  // Much larger ones are kept for larger requests.
  if (found == free.end() || (*found)->bytes > std::max(2 * bytes, segment_bytes)) return nullptr;
  return &blocks_.at((*found)->memory);
}

Allocator::Block* Allocator::from_driver(size_t bytes, Stream stream) {
  const size_t size = bytes <= small_bytes ? segment_bytes : (bytes + segment_bytes - 1) / segment_bytes * segment_bytes;
  void* memory = nullptr;
  cudaError_t error = cudaMalloc(&memory, size);
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    release_unused_locked();
    error = cudaMalloc(&memory, size);
  }
  if (error == cudaErrorMemoryAllocation) {
    cudaGetLastError();
    size_t free = 0, total = 0;
    check(cudaMemGetInfo(&free, &total), "asking for the memory left");
    fail<BackendError>("cuda", "out of memory: ", bytes, " bytes were asked for, ", free, " of ", total, " are free, lamina holds ", held_,
                       " and uses ", in_use_, " of them");
  }
  check(error, "allocating memory");
  held_ += size;
  auto* const start = static_cast<std::byte*>(memory);
  Block& block = blocks_[start] = {start, size, stream, false, nullptr, nullptr};
  free_[stream].insert(&block);
  return &block;
}

void Allocator::split(Block& block, size_t bytes) {
  if (block.bytes < bytes + grain) return;
  std::byte* const rest = block.memory + bytes;
  Block& other = blocks_[rest] = {rest, block.bytes - bytes, block.stream, false, block.memory, block.after};
  if (block.after) blocks_.at(block.after).before = rest;
  block.after = rest;
  block.bytes = bytes;
  free_[block.stream].insert(&other);
}

void Allocator::join(Block& block, std::byte* after) {
  if (!after || blocks_.at(after).used) return;
  const Block& other = blocks_.at(after);
  free_[block.stream].erase(&other);
  block.bytes += other.bytes;
  block.after = other.after;
  if (block.after) blocks_.at(block.after).before = block.memory;
  blocks_.erase(after);
}

void Allocator::release(void* memory) noexcept {
  const std::lock_guard lock(mutex_);
  Block* block = &blocks_.at(static_cast<std::byte*>(memory));
  in_use_ -= block->bytes;
  if (!set_aside_.count(block->stream)) mark(block->memory, block->bytes, false, block->stream);
  block->used = false;
  join(*block, block->after);
  if (block->before && !blocks_.at(block->before).used) {
    Block& before = blocks_.at(block->before);
    free_[before.stream].erase(&before);
    join(before, block->memory);
    block = &before;
  }
  free_[block->stream].insert(block);
}

void Allocator::release_unused_locked() {
  for (auto& [stream, free] : free_) {
    if (!set_aside_.count(stream)) release_stream(free);
  }
}
void Allocator::release_stream(Free& free) {
  for (auto i = free.begin(); i != free.end();) {
    const Block& block = **i;
    if (block.before || block.after) {
      ++i;
      continue;
    }
    cudaFree(block.memory);  // waits for whatever still uses it
    held_ -= block.bytes;
    std::byte* const memory = block.memory;
    i = free.erase(i);
    blocks_.erase(memory);
  }
}
void Allocator::release_unused() {
  const std::lock_guard lock(mutex_);
  release_unused_locked();
}
void Allocator::forget(Stream stream) {
  const std::lock_guard lock(mutex_);
  for (auto& [memory, block] : blocks_) {
    if (block.stream == stream) block.stream = nullptr;
  }
  free_[nullptr].merge(free_[stream]);
  free_.erase(stream);
  set_aside_.erase(stream);
}

Cuda::Bytes Allocator::bytes() {
  const std::lock_guard lock(mutex_);
  Cuda::Bytes bytes{held_, in_use_, 0, 0};
  check(cudaMemGetInfo(&bytes.free, &bytes.total), "asking for the memory left");
  return bytes;
}

}  // namespace lamina::cuda
