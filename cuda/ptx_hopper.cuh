// The instructions that only Hopper (sm_90a) has: barriers that count bytes, copies of boxes, products of warpgroups; for the
// emulated device the same in C++. Addresses are those of a block's shared memory.
#pragma once

#include <cuda.h>

#include "cuda/ptx.cuh"

#ifdef LAMINA_CUDA_EMULATED
#include "cuda/emulated/hopper.h"
#endif

namespace lamina::cuda {

inline constexpr int warpgroup = 128;

// A barrier in shared memory. Its phases follow one another; a phase is over when all have arrived that it was made for,
// and all bytes that were announced in it.
struct Barrier {
  uint64_t state;
};

#ifndef LAMINA_CUDA_EMULATED

__device__ inline void init_barrier(Barrier& barrier, unsigned arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(&barrier)), "r"(arrivals) : "memory");
}
// Shows copies what barriers were made; the threads of the block still need to wait for one another.
__device__ inline void show_barriers() {
  asm volatile("fence.mbarrier_init.release.cluster;\n\tfence.proxy.async.shared::cta;" ::: "memory");
}
__device__ inline void arrive(Barrier& barrier) {
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(&barrier)) : "memory");
}
__device__ inline void arrive_and_announce(Barrier& barrier, unsigned bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(&barrier)), "r"(bytes) : "memory");
}
// Until the phase of this parity is over, of the current one and the one before it; before the first there is an odd one.
__device__ inline void wait_for_phase(Barrier& barrier, unsigned parity) {
  unsigned over = 0;
  while (!over) {
    asm volatile("{\n\t.reg .pred p;\n\tmbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n\tselp.u32 %0, 1, 0, p;\n\t}"
                 : "=r"(over)
                 : "r"(shared_address(&barrier)), "r"(parity)
                 : "memory");
  }
}

// Begins the copy of a box at column x and row y of a matrix, zero beyond it; the barrier counts all the bytes of the box.
__device__ inline void copy_box(void* shared, const CUtensorMap& map, int x, int y, Barrier& barrier) {
  asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4}], [%2];" ::"r"(
                   shared_address(shared)),
               "l"(&map), "r"(shared_address(&barrier)), "r"(x), "r"(y)
               : "memory");
}

// A warpgroup's registers are taken from and given to others of the block: `count` for a thread from now on.
template <int count>
__device__ inline void keep_fewer_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(count));
}
template <int count>
__device__ inline void take_more_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(count));
}

// Before products use sums that were written otherwise.
__device__ inline void fence_sums() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
// Products begun since the last call form a group.
__device__ inline void commit_products() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
// Waits for all groups but the `newest` last ones.
template <int newest>
__device__ inline void wait_for_products() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(newest) : "memory");
}

#define LAMINA_TEN(t) "%" #t "0, %" #t "1, %" #t "2, %" #t "3, %" #t "4, %" #t "5, %" #t "6, %" #t "7, %" #t "8, %" #t "9, "
#define LAMINA_4(i) "+f"(sums[i]), "+f"(sums[i + 1]), "+f"(sums[i + 2]), "+f"(sums[i + 3])
#define LAMINA_16(i) LAMINA_4(i), LAMINA_4(i + 4), LAMINA_4(i + 8), LAMINA_4(i + 12)
#define LAMINA_64(i) LAMINA_16(i), LAMINA_16(i + 16), LAMINA_16(i + 32), LAMINA_16(i + 48)

// sums += a b for a of 64 x 16, b of 16 x `columns` bfloat16, both in shared memory as their descriptors say; by_line:
// neighbouring lines (rows of a, columns of b) are neighbours there. Warp w of the warpgroup holds rows 16 w to 16 w + 15, of
// each eight columns as the sums of mma.sync: two of row lane / 4, then the two below them in row lane / 4 + 8.
template <bool a_by_line, bool b_by_line>
__device__ inline void begin_product(float (&sums)[64], uint64_t a, uint64_t b) {
  asm volatile(
      "{\n\t.reg .pred p;\n\tsetp.ne.b32 p, %66, 0;\n\t"
      "wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {" LAMINA_TEN() LAMINA_TEN(1) LAMINA_TEN(2) LAMINA_TEN(3) LAMINA_TEN(4)
          LAMINA_TEN(5) "%60, %61, %62, %63}, %64, %65, p, 1, 1, %67, %68;\n\t}"
      : LAMINA_64(0)
      : "l"(a), "l"(b), "r"(1), "n"(a_by_line), "n"(b_by_line));
}
template <bool a_by_line, bool b_by_line>
__device__ inline void begin_product(float (&sums)[128], uint64_t a, uint64_t b) {
  asm volatile(
      "{\n\t.reg .pred p;\n\tsetp.ne.b32 p, %130, 0;\n\t"
      "wgmma.mma_async.sync.aligned.m64n256k16.f32.bf16.bf16 {" LAMINA_TEN() LAMINA_TEN(1) LAMINA_TEN(2) LAMINA_TEN(3) LAMINA_TEN(4)
          LAMINA_TEN(5) LAMINA_TEN(6) LAMINA_TEN(7) LAMINA_TEN(8) LAMINA_TEN(9) LAMINA_TEN(10)
              LAMINA_TEN(11) "%120, %121, %122, %123, %124, %125, %126, %127}, %128, %129, p, 1, 1, %131, %132;\n\t}"
      : LAMINA_64(0), LAMINA_64(64)
      : "l"(a), "l"(b), "r"(1), "n"(a_by_line), "n"(b_by_line));
}

#undef LAMINA_64
#undef LAMINA_16
#undef LAMINA_4
#undef LAMINA_TEN

// The compiler does not know that sums are written between a product and the wait for it: after the wait, before they are read.
template <int count>
__device__ inline void take_sums(float (&sums)[count]) {
#pragma unroll
  for (float& x : sums) asm volatile("" : "+f"(x)::"memory");
}

#else

// Within the block's dynamic shared memory.
inline unsigned shared_address(const void* shared) {
  return static_cast<unsigned>(static_cast<const std::byte*>(shared) - emulated::dynamic_shared());
}

inline void init_barrier(Barrier& barrier, unsigned arrivals, const emulated::Location& at = emulated::Location::current()) {
  emulated::init_barrier(&barrier, arrivals, at);
}
inline void show_barriers() { emulated::show_barriers(); }
inline void arrive(Barrier& barrier, const emulated::Location& at = emulated::Location::current()) { emulated::arrive(&barrier, 0, at); }
inline void arrive_and_announce(Barrier& barrier, unsigned bytes, const emulated::Location& at = emulated::Location::current()) {
  emulated::arrive(&barrier, bytes, at);
}
inline void wait_for_phase(Barrier& barrier, unsigned parity, const emulated::Location& at = emulated::Location::current()) {
  emulated::wait_for_phase(&barrier, parity, at);
}
inline void copy_box(void* shared, const CUtensorMap& map, int x, int y, Barrier& barrier,
                     const emulated::Location& at = emulated::Location::current()) {
  emulated::copy_box_later(shared, map, x, y, &barrier, at);
}
template <int count>
void keep_fewer_registers() {}
template <int count>
void take_more_registers() {}
inline void fence_sums() { emulated::fence_sums(); }
inline void commit_products() { emulated::commit_products(); }
template <int newest>
void wait_for_products(const emulated::Location& at = emulated::Location::current()) {
  emulated::wait_for_products(newest, at);
}
template <bool a_by_line, bool b_by_line, int count>
void begin_product(float (&sums)[count], uint64_t a, uint64_t b, const emulated::Location& at = emulated::Location::current()) {
  emulated::multiply_later({a, b, a_by_line, b_by_line, 2 * count, sums}, at);
}
template <int count>
void take_sums(float (&)[count]) {}

#endif

}  // namespace lamina::cuda
