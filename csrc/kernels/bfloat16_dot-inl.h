// Register tiles of VDPBF16PS: every lane adds a pair of products to its sum, twice as much as an fma does.
#pragma once

#include <array>
#include <utility>

#include "kernels/bfloat16_gemm-inl.h"

namespace lamina::LAMINA_ISA {

class DotUnit {
 public:
  static constexpr const char* name = "VDPBF16PS";
  static constexpr int64_t rows = 14;
  static constexpr int64_t panel(int64_t all) { return divide_up(all, divide_up(all, rows)); }  // as even as can be
  static constexpr int64_t block_columns(int64_t) { return 512; }                               // with an L2 of 1 MiB
  static constexpr double cost = 0.5;                                                           // of a product at highest
  static constexpr int64_t least_rows = 32, least_columns = 32, least_depth = 64;
  // Three products for one would take longer than fma.
  static constexpr int halves(Precision precision) { return precision == Precision::medium ? 1 : 0; }

  void multiply(int64_t tall, int64_t width, int64_t pairs, int, const uint32_t* a, const uint32_t* b, float* sums, Soon& soon) const {
    static constexpr auto tiles = []<int... row>(std::integer_sequence<int, row...>) {
      return std::array{std::array{tile<row + 1, 1>...}, std::array{tile<row + 1, 2>...}};
    }(std::make_integer_sequence<int, rows>{});
    tiles[width > 16][tall - 1](pairs, a, b, sums, soon);
  }

 private:
  template <int tall, int vectors>
  static void tile(int64_t pairs, const uint32_t* a, const uint32_t* b, float* sums, Soon& soon) {
    F sum[tall][vectors];
#pragma GCC unroll 16
    for (int i = 0; i < tall; ++i) {
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v) sum[i][v] = F(0.0f);
    }
    for (int64_t step = 0; step < pairs; step += pairs_a_step) {
      soon.fetch_share();
      for (int64_t k = step; k < step + pairs_a_step; ++k) {
#pragma GCC unroll 16
        for (int i = 0; i < tall; ++i) {
#pragma GCC unroll 2
          for (int v = 0; v < vectors; ++v)
            sum[i][v] = multiply_pairs(sum[i][v], a[i * PackedA::stride + k], b + k * PackedB::columns + 16 * v);
        }
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < tall; ++i) {
#pragma GCC unroll 2
      for (int v = 0; v < vectors; ++v) store(sums + i * PackedB::columns + 16 * v, sum[i][v], Full{});
    }
  }
};

}  // namespace lamina::LAMINA_ISA
