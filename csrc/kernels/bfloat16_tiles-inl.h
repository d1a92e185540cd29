// A tile unit (AMX, or its likeness in plain C++): 2 x 2 tiles of sums, two of a, two of b.
#pragma once

#include "kernels/bfloat16_gemm-inl.h"

namespace lamina::LAMINA_ISA {

class TileUnit {
 public:
  static constexpr const char* name = "AMX";
  static constexpr int64_t rows = 32;
  static constexpr int64_t panel(int64_t all) { return smaller(rows, all); }
  // What a block of b leaves of an L2 of 2 MiB, sums of earlier chunks take.
  static constexpr int64_t block_columns(int64_t depth) { return depth <= chunk_depth ? 1024 : 512; }
  static constexpr double cost = 0.15;  // of a product at highest
  static constexpr int64_t least_rows = 16, least_columns = 16, least_depth = 32;
  static constexpr int halves(Precision precision) { return precision == Precision::medium ? 1 : precision == Precision::high ? 2 : 0; }

  void multiply(int64_t tall, int64_t width, int64_t pairs, int halves, const uint32_t* a, const uint32_t* b, float* sums, Soon& soon) {
    if (tall > 16) {
      width > 16 ? tiles<2, 2>(pairs, halves, a, b, sums, soon) : tiles<2, 1>(pairs, halves, a, b, sums, soon);
    } else {
      width > 16 ? tiles<1, 2>(pairs, halves, a, b, sums, soon) : tiles<1, 1>(pairs, halves, a, b, sums, soon);
    }
  }

 private:
  Tiles tiles_;

  template <int down, int across>
  LAMINA_INLINE void tiles(int64_t pairs, int halves, const uint32_t* a, const uint32_t* b, float* sums, Soon& soon) {
    tiles_.zero<0>(), tiles_.zero<1>(), tiles_.zero<2>(), tiles_.zero<3>();
    // Of two halves: low a high b, high a low b, high a high b. The product of the low ones is below the error.
    if (halves == 2) {
      add<down, across>(pairs, a + PackedA::half, b, soon);
      add<down, across>(pairs, a, b + PackedB::half, soon);
    }
    add<down, across>(pairs, a, b, soon);
    constexpr int64_t stride = PackedB::columns;
    tiles_.store<0>(sums, stride);
    if constexpr (down == 2) tiles_.store<1>(sums + 16 * stride, stride);
    if constexpr (across == 2) tiles_.store<2>(sums + 16, stride);
    if constexpr (down == 2 && across == 2) tiles_.store<3>(sums + 16 * stride + 16, stride);
  }
  // A panel of a is in L1 and meets one of b after the other from L2.
  template <int down, int across>
  LAMINA_INLINE void add(int64_t pairs, const uint32_t* a, const uint32_t* b, Soon& soon) {
    for (int64_t k = 0; k < pairs; k += pairs_a_step) {
      soon.fetch_share();
      const uint32_t* const b_tile = b + k * PackedB::columns;
      tiles_.load<4>(a + k, PackedA::stride);
      tiles_.load_once<6>(b_tile, PackedB::columns);
      tiles_.multiply<0, 4, 6>();
      if constexpr (down == 2) {
        tiles_.load<5>(a + 16 * PackedA::stride + k, PackedA::stride);
        tiles_.multiply<1, 5, 6>();
      }
      if constexpr (across == 2) {
        tiles_.load_once<7>(b_tile + 16, PackedB::columns);
        tiles_.multiply<2, 4, 7>();
        if constexpr (down == 2) tiles_.multiply<3, 5, 7>();
      }
    }
  }
};

}  // namespace lamina::LAMINA_ISA
