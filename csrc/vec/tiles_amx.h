// The tiles of AMX: sixteen rows of 64 bytes each.
#pragma once

#include "vec/bfloat16_avx512.h"

namespace lamina::LAMINA_ISA {

// While it lives, this thread's tiles are configured.
class Tiles {
 public:
  Tiles() {
    struct alignas(64) {
      uint8_t palette = 1, start_row = 0, reserved[14] = {};
      uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } const config;
    asm volatile("ldtilecfg %0" ::"m"(config));
  }
  ~Tiles() { _tile_release(); }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;

  // Assembly, since GCC's macros take literal tile numbers only and do not say what memory they read and write.
  template <int tile>
  LAMINA_INLINE void zero() {
    asm volatile("tilezero %%tmm%c0" ::"i"(tile));
  }
  template <int tile>
  LAMINA_INLINE void load(const uint32_t* p, int64_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(p), "r"(stride * 4), "i"(tile) : "memory");
  }
  // Past L1, where it would push out what is read again.
  template <int tile>
  LAMINA_INLINE void load_once(const uint32_t* p, int64_t stride) {
    asm volatile("tileloaddt1 (%0,%1,1), %%tmm%c2" ::"r"(p), "r"(stride * 4), "i"(tile) : "memory");
  }
  template <int tile>
  LAMINA_INLINE void store(float* p, int64_t stride) const {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(p), "r"(stride * 4), "i"(tile) : "memory");
  }
  template <int sum, int a, int b>
  LAMINA_INLINE void multiply() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(sum), "i"(a), "i"(b));
  }
};

}  // namespace lamina::LAMINA_ISA
