// The instructions of tensor cores and of copies that go on by themselves; for the emulated device the same in C++.
#pragma once

#include <cuda_runtime.h>

#include "math/bfloat16.h"

namespace lamina::cuda {

#ifndef LAMINA_CUDA_EMULATED

__device__ inline unsigned shared_address(const void* shared) { return static_cast<unsigned>(__cvta_generic_to_shared(shared)); }

// Begins a copy of 16 bytes from device to shared memory, both at a multiple of 16: `bytes` of them are read, the rest is
// zero. It is done when the thread that began it has waited.
__device__ inline void copy_async(void* shared, const void* global, int bytes) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)), "l"(global), "r"(bytes) : "memory");
}
// Copies begun since the last call form a group, which may be empty.
__device__ inline void commit_copies() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// Waits for this thread's groups but the `newest` last ones.
template <int newest>
__device__ inline void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(newest) : "memory");
}

// Four matrices of 8 x 8 halfwords, lane 8 i + r giving the address of row r of matrix i; of each a lane gets the two
// elements from column 2 (lane mod 4) on in row lane / 4 of the matrix, or of its transpose.
__device__ inline void load_matrices(uint32_t (&out)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(shared_address(row))
               : "memory");
}
__device__ inline void load_transposed_matrices(uint32_t (&out)[4], const void* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(out[0]), "=r"(out[1]), "=r"(out[2]), "=r"(out[3])
               : "r"(shared_address(row))
               : "memory");
}

// sum += a b for a of 16 x 16, b of 16 x 8 bfloat16. A lane holds of the sums the two from column 2 (lane mod 4) on, `upper`
// in row lane / 4, `lower` 8 rows below; of a the four matrices (0, 0), (8, 0), (0, 8), (8, 8) as load_matrices gives them;
// of b the transposes of its upper and its lower half.
__device__ inline void multiply_add(float* upper, float* lower, const uint32_t (&a)[4], uint32_t b_upper, uint32_t b_lower) {
  asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
      : "+f"(upper[0]), "+f"(upper[1]), "+f"(lower[0]), "+f"(lower[1])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b_upper), "r"(b_lower));
}

#else

inline void copy_async(void* shared, const void* global, int bytes) {
  emulated::copy_later(shared, global, static_cast<size_t>(bytes), 16);
}
inline void commit_copies() { emulated::commit_copies(); }
template <int newest>
void wait_for_copies() {
  emulated::wait_for_copies(newest);
}

inline constexpr unsigned whole_warp = ~0u;

// Where each lane's row lies.
inline const emulated::Words* meet_with_row(const void* row, const emulated::Location& at) {
  return emulated::meet(whole_warp, {{reinterpret_cast<uintptr_t>(row)}}, at);
}
inline uint32_t element(const emulated::Words& row, unsigned column) { return reinterpret_cast<const uint16_t*>(row.at[0])[column]; }

inline void load_matrices(uint32_t (&out)[4], const void* row, const emulated::Location& at = emulated::Location::current()) {
  const emulated::Words* const rows = meet_with_row(row, at);
  const unsigned down = emulated::lane() / 4, across = emulated::lane() % 4 * 2;
  for (unsigned i = 0; i < 4; ++i) out[i] = element(rows[8 * i + down], across) | element(rows[8 * i + down], across + 1) << 16;
}
inline void load_transposed_matrices(uint32_t (&out)[4], const void* row, const emulated::Location& at = emulated::Location::current()) {
  const emulated::Words* const rows = meet_with_row(row, at);
  const unsigned down = emulated::lane() / 4, across = emulated::lane() % 4 * 2;
  for (unsigned i = 0; i < 4; ++i) out[i] = element(rows[8 * i + across], down) | element(rows[8 * i + across + 1], down) << 16;
}

// The products are exact; the device does not say how it rounds their sums, here they are rounded once.
inline void multiply_add(float* upper, float* lower, const uint32_t (&a)[4], uint32_t b_upper, uint32_t b_lower,
                         const emulated::Location& at = emulated::Location::current()) {
  const auto pair = [](uint32_t first, uint32_t second) { return uint64_t{second} << 32 | first; };
  const emulated::Words* const all = emulated::meet(whole_warp, {{pair(a[0], a[1]), pair(a[2], a[3]), pair(b_upper, b_lower)}}, at);
  const auto number = [](uint64_t word, unsigned halfword) {
    return double{to_float(bfloat16{static_cast<uint16_t>(word >> 16 * halfword)})};
  };
  const unsigned lane = emulated::lane(), row = lane / 4, column = lane % 4 * 2;
  for (unsigned half = 0; half < 2; ++half) {
    for (unsigned j = 0; j < 2; ++j) {
      float& sum = (half ? lower : upper)[j];
      double exact = sum;
      for (unsigned k = 0; k < 16; ++k) {
        const unsigned of_a = 4 * row + k % 8 / 2, of_b = 4 * (column + j) + k % 8 / 2;
        exact += number(all[of_a].at[k / 8], 2 * half + k % 2) * number(all[of_b].at[2], k / 8 * 2 + k % 2);
      }
      sum = static_cast<float>(exact);
    }
  }
}

#endif

}  // namespace lamina::cuda
