// The tiles of AMX in plain C++, for tests on machines without them.
#pragma once

#include "math/scalar.h"

namespace lamina::LAMINA_ISA {

// Eight tiles of 16 rows of 16 words.
class Tiles {
 public:
  template <int tile>
  void zero() {
    for (auto& row : data_[tile]) {
      for (uint32_t& word : row) word = 0;
    }
  }
  template <int tile>
  void load(const uint32_t* p, int64_t stride) {
    for (int i = 0; i < 16; ++i) {
      for (int j = 0; j < 16; ++j) data_[tile][i][j] = p[i * stride + j];
    }
  }
  template <int tile>
  void load_once(const uint32_t* p, int64_t stride) {
    load<tile>(p, stride);
  }
  template <int tile>
  void store(float* p, int64_t stride) const {
    for (int i = 0; i < 16; ++i) {
      for (int j = 0; j < 16; ++j) p[i * stride + j] = number(data_[tile][i][j]);
    }
  }
  // sum[i][j] += the product of a's row of pairs i and b's column of pairs j, in the order that Intel gives for TDPBF16PS
  template <int sum, int a, int b>
  void multiply() {
    for (int i = 0; i < 16; ++i) {
      float even[16] = {}, odd[16] = {};
      for (int k = 0; k < 16; ++k) {
        const float even_a = low(data_[a][i][k]), odd_a = high(data_[a][i][k]);
        for (int j = 0; j < 16; ++j) {
          even[j] = flushed(lamina::fma(even_a, low(data_[b][k][j]), even[j]));
          odd[j] = flushed(lamina::fma(odd_a, high(data_[b][k][j]), odd[j]));
        }
      }
      for (int j = 0; j < 16; ++j) {
        const float total = flushed(flushed(number(data_[sum][i][j])) + flushed(even[j] + odd[j]));
        data_[sum][i][j] = static_cast<uint32_t>(lamina::bits(total));
      }
    }
  }

 private:
  // Subnormal numbers are zero to the unit.
  static float flushed(float x) { return lamina::abs(x) < 0x1p-126F ? lamina::copysign(0.0F, x) : x; }
  static float number(uint32_t x) { return lamina::from_bits(static_cast<int32_t>(x)); }
  static float low(uint32_t pair) { return flushed(number(pair << 16)); }
  static float high(uint32_t pair) { return flushed(number(pair & 0xFFFF0000)); }
  uint32_t data_[8][16][16];
};

}  // namespace lamina::LAMINA_ISA
