// The SIMD vocabulary without SIMD: one lane, plain C++; the oracle of every other instruction set.
#pragma once

#include "math/philox.h"
#include "math/scalar.h"

#define LAMINA_ISA generic
#define LAMINA_INLINE [[gnu::always_inline]] inline

namespace lamina::generic {

template <class T>
using Vec = T;
template <class T>
using Mask = bool;
template <class T>
inline constexpr int lanes = 1;

struct Full {};
template <class T>
struct Partial {  // one lane leaves no rest
  explicit Partial(int64_t) {}
};

template <class T, class Lanes>
LAMINA_INLINE T load(const T* p, Lanes) {
  return *p;
}
template <class T, class Lanes>
LAMINA_INLINE T load(const T* p, Lanes, T) {
  return *p;
}
template <class T, class Lanes>
LAMINA_INLINE void store(T* p, T x, Lanes) {
  *p = x;
}
template <class T>
LAMINA_INLINE void stream(T* p, T x) {
  *p = x;
}
LAMINA_INLINE void stream_fence() {}
LAMINA_INLINE void fetch(const void*) {}
template <class T>
LAMINA_INLINE T tree_sum(T x) {
  return x;
}
template <class T>
LAMINA_INLINE T largest(T x) {
  return x;
}

struct Words {
  static constexpr int lanes = 1;
  uint32_t v;
  Words() = default;
  LAMINA_INLINE explicit Words(uint32_t x) : v(x) {}
  LAMINA_INLINE static Words load(const uint32_t* p) { return Words(*p); }
  LAMINA_INLINE void store(uint32_t* p) const { *p = v; }
};
LAMINA_INLINE Words operator^(Words a, Words b) { return Words(a.v ^ b.v); }
LAMINA_INLINE Words operator+(Words a, uint32_t b) { return Words(a.v + b); }
// Where x has reached `end` it goes back by `length`, and y one up.
LAMINA_INLINE void carry(Words& x, Words& y, uint32_t end, uint32_t length) {
  if (x.v >= end) x.v -= length, ++y.v;
}
LAMINA_INLINE void multiply_wide(Words a, uint32_t b, Words& low, Words& high) { lamina::multiply_wide(a.v, b, low.v, high.v); }

// One byte a lane: bit e tells whether the e-th 16-bit half of the lane's four words is below the threshold.
LAMINA_INLINE void keep_bits(const PhiloxBlock<Words>& block, uint32_t threshold, uint8_t* bytes) {
  uint32_t kept = 0;
  for (int e = 0; e < 8; ++e) {
    const uint32_t half = block.word[e / 2].v >> (e % 2 * 16) & 0xFFFF;
    kept |= static_cast<uint32_t>(half < threshold) << e;
  }
  *bytes = static_cast<uint8_t>(kept);
}
template <class T>
LAMINA_INLINE bool load_mask(const uint8_t* bytes, int64_t column) {
  return bytes[column / 8] >> (column % 8) & 1;
}

template <class T>
LAMINA_INLINE void transpose(T (&)[1]) {}

}  // namespace lamina::generic
