// Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011) and where each purpose draws in its counter space.
#pragma once

#include <cstdint>

#include "math/scalar.h"

namespace lamina {

// Counter: (column group, row + row_offset, step, purpose << 24 | layer). Key: the seed's low and high word.
enum class Purpose : uint32_t {
  uniform = 1,
  normal = 2,
  dropout = 3,
  rrelu = 4,
  permutation = 5,
  masking_noise = 6,
  gaussian_noise = 7,
  salt_and_pepper = 8,
  whiteout = 9,
  rbm_hidden = 10,
  rbm_visible = 11
};

LAMINA_HD uint32_t purpose_word(Purpose purpose, uint32_t layer) { return static_cast<uint32_t>(purpose) << 24 | layer; }

LAMINA_HD void multiply_wide(uint32_t a, uint32_t b, uint32_t& low, uint32_t& high) {
  const uint64_t product = static_cast<uint64_t>(a) * b;
  low = static_cast<uint32_t>(product);
  high = static_cast<uint32_t>(product >> 32);
}

// U is uint32_t or a vector of them; four words of counter become four random words.
template <class U>
struct PhiloxBlock {
  U word[4];
};

// The keys of the ten rounds, worked out once for many blocks; K is uint32_t or a vector of them.
template <class K = uint32_t>
struct PhiloxKeys {
  K key[10][2];

  LAMINA_HD PhiloxKeys(K low, K high) {
    for (uint32_t round = 0; round < 10; ++round) {
      key[round][0] = low + round * 0x9E3779B9u;
      key[round][1] = high + round * 0xBB67AE85u;
    }
  }
  LAMINA_HD explicit PhiloxKeys(uint64_t seed) : PhiloxKeys(static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)) {}
};
PhiloxKeys(uint64_t) -> PhiloxKeys<uint32_t>;

// between(round) runs before each round: work for units that the multiplications leave idle.
template <class U, class K, class Between>
LAMINA_HD PhiloxBlock<U> philox(PhiloxBlock<U> block, const PhiloxKeys<K>& keys, const Between& between) {
  LAMINA_UNROLL(10)
  for (int round = 0; round < 10; ++round) {
    between(round);
    U low0, high0, low1, high1;
    multiply_wide(block.word[0], 0xD2511F53u, low0, high0);
    multiply_wide(block.word[2], 0xCD9E8D57u, low1, high1);
    block = {{high1 ^ block.word[1] ^ U(keys.key[round][0]), low1, high0 ^ block.word[3] ^ U(keys.key[round][1]), low0}};
  }
  return block;
}
template <class U, class K>
LAMINA_HD PhiloxBlock<U> philox(const PhiloxBlock<U>& block, const PhiloxKeys<K>& keys) {
  return philox(block, keys, [](int) {});
}

// Dropout keeps where 16 random bits are below this; eight elements share one block.
LAMINA_HD uint32_t keep_threshold(double p) {
  const uint32_t k = static_cast<uint32_t>((1.0 - p) * 65536.0 + 0.5);
  return k < 1 ? 1 : k;
}
LAMINA_HD double keep_scale(double p) { return 65536.0 / keep_threshold(p); }
LAMINA_HD double share_kept(double p) { return keep_threshold(p) / 65536.0; }

// Uniform in [0, 1) from one word (float) or two (double).
LAMINA_HD float uniform_float(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }
LAMINA_HD double uniform_double(uint32_t low, uint32_t high) {
  return static_cast<double>((static_cast<uint64_t>(high) << 32 | low) >> 11) * 0x1p-53;
}

}  // namespace lamina
