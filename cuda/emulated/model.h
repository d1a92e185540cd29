// CUDA's execution model on the CPU: a block is as many fibers as it has threads, all on the calling thread, which run one
// at a time from barrier to barrier. What a missing barrier breaks then breaks here at every run, in the same way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <source_location>
#include <string>
#include <type_traits>
#include <vector>

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
  constexpr operator uint3() const { return {x, y, z}; }
};

namespace lamina::emulated {

using Location = std::source_location;

// What a thread sees of itself.
struct Place {
  uint3 thread, block;
  dim3 block_size, grid_size;
};
const Place& place();

void block_barrier(const Location& at);

// All lanes of `mask` meet; what each of the warp's lanes brought, to be read before this lane meets others again.
inline constexpr int warp_size = 32;
struct Words {
  uint64_t at[3];
};
const Words* meet(unsigned mask, const Words& mine, const Location& at);
// ... then the value that lane `source` of them brought is returned; a lane outside has none to give.
uint64_t exchange(unsigned mask, uint64_t value, int source, const Location& at);
unsigned lane();
// The lanes of `mask` whose predicate holds.
unsigned ballot(unsigned mask, bool predicate, const Location& at);

// A block's shared memory starts as NaNs. A variable is known by the address of something that its declaration owns.
void* shared_variable(const void* identity, size_t bytes);
std::byte* dynamic_shared();

// A thread's copies to shared memory that go on by themselves. They land when the thread waits for them, all but the `newest`
// groups, and not before: until then NaNs are there. `size` bytes are written, `bytes` of them copied, the others zero.
void copy_later(void* to, const void* from, size_t bytes, size_t size);
void commit_copies();
void wait_for_copies(size_t newest);

// For other parts of the model: what they keep for a block until it has ended; a thread's number in its block; sleep until
// `generation` is another than it is now; an end to the block that says why; whether a test passes over this place.
std::shared_ptr<void>& kept_for_block();
unsigned thread_number();
void sleep(const uint64_t& generation, const Location& at);
[[noreturn]] void stop(const std::string& why, const Location& at);
bool skips(const Location& at);

// Runs body() for every thread of every block; what went wrong, or nothing.
using Body = void (*)(const void* arguments);
std::string run(dim3 grid, dim3 block, size_t dynamic_bytes, Body body, const void* arguments);

// For tests. Threads run in the order of their numbers, or with a seed in an order shuffled anew at each barrier.
void set_order(uint64_t seed);
// Barriers of blocks and waits for what is under way, met so far, as "file:line"; and one that is passed over as if it were
// not there (empty: none).
std::vector<std::string> barriers();
void skip_barrier(const std::string& site);

template <class T>
T shuffle(unsigned mask, T value, int source, const Location& at) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);
  uint64_t word = 0;
  std::memcpy(&word, &value, sizeof(T));
  word = exchange(mask, word, source, at);
  std::memcpy(&value, &word, sizeof(T));
  return value;
}

}  // namespace lamina::emulated

#define __global__
#define __device__
#define __host__
#define __grid_constant__
#define __forceinline__ [[gnu::always_inline]] inline
#define __launch_bounds__(...)

#define threadIdx (::lamina::emulated::place().thread)
#define blockIdx (::lamina::emulated::place().block)
#define blockDim (::lamina::emulated::place().block_size)
#define gridDim (::lamina::emulated::place().grid_size)

inline void __syncthreads(const lamina::emulated::Location& at = lamina::emulated::Location::current()) {
  lamina::emulated::block_barrier(at);
}
inline void __syncwarp(unsigned mask = ~0u, const lamina::emulated::Location& at = lamina::emulated::Location::current()) {
  lamina::emulated::ballot(mask, false, at);
}
inline unsigned __ballot_sync(unsigned mask, bool predicate, const lamina::emulated::Location& at = lamina::emulated::Location::current()) {
  return lamina::emulated::ballot(mask, predicate, at);
}
inline int __ffs(unsigned bits) { return __builtin_ffs(static_cast<int>(bits)); }
// `width` lanes form a group; beyond its end a lane keeps its own value.
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = 32,
              const lamina::emulated::Location& at = lamina::emulated::Location::current()) {
  const int first = static_cast<int>(lamina::emulated::lane()) / width * width;
  return lamina::emulated::shuffle(mask, value, first + source % width, at);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned distance, int width = 32,
                   const lamina::emulated::Location& at = lamina::emulated::Location::current()) {
  const int lane = static_cast<int>(lamina::emulated::lane()), source = lane + static_cast<int>(distance);
  return lamina::emulated::shuffle(mask, value, source / width == lane / width ? source : lane, at);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32,
                  const lamina::emulated::Location& at = lamina::emulated::Location::current()) {
  const int lane = static_cast<int>(lamina::emulated::lane()), source = lane ^ bits;
  return lamina::emulated::shuffle(mask, value, source / width <= lane / width ? source : lane, at);
}
