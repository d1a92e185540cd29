// Philox over blocks of a matrix: dropout's keep bits, uniforms and normals.
#pragma once

#include <array>

#include "kernels/kernel_table.h"
#include "kernels/loops-inl.h"
#include "math/philox.h"
#include "math/random.h"

namespace lamina::LAMINA_ISA {

struct NothingBetween {
  void operator()(int) const {}
};
// f(index, block) for every vector of (row, group) pairs, rows * groups of them counted row by row; the last vector may
// run past the end.
template <class F, class Between = NothingBetween>
LAMINA_INLINE void over_counters(const Draw& draw, int64_t row, int64_t rows, int64_t group, int64_t groups, const F& f,
                                 const Between& between = {}) {
  constexpr int L = Words::lanes;
  const PhiloxKeys keys(draw.seed);
  const uint32_t first_row = static_cast<uint32_t>(row) + draw.row_offset, first_group = static_cast<uint32_t>(group);
  const uint32_t length = static_cast<uint32_t>(groups), end = first_group + length;
  alignas(64) uint32_t lane_row[L], lane_group[L];
  uint32_t r = first_row, g = first_group;
  for (int lane = 0; lane < L; ++lane) {
    lane_row[lane] = r;
    lane_group[lane] = g;
    if (++g == end) g = first_group, ++r;
  }
  Words row_of = Words::load(lane_row), group_of = Words::load(lane_group);
  for (int64_t i = 0; i < rows * groups; i += L) {
    f(i, philox(PhiloxBlock<Words>{{group_of, row_of, Words(draw.step), Words(draw.purpose_and_layer)}}, keys, between));
    row_of = row_of + L / length;
    group_of = group_of + L % length;
    carry(group_of, row_of, end, length);
  }
}

// f(row, column, count, bits) over the pieces of a block (positions within it) whose keep bits have just been drawn: at
// most kept_piece elements of one row, with the bit of its first element in bit 0 of bits[0].
// between(row, column, round) runs ten times before, for the piece to come.
inline constexpr int64_t kept_piece = 8 * Words::lanes;
// With two thresholds, f has the bits of both.
template <size_t count, class F, class Between>
LAMINA_INLINE void over_thresholds(const Draw& draw, const std::array<uint32_t, count>& thresholds, const Block& block, const F& f,
                                   const Between& between) {
  const int64_t groups = divide_up(block.columns, 8);
  int64_t row = 0, group = 0;
  over_counters(
      draw, block.row, block.rows, block.column / 8, groups,
      [&](int64_t, const PhiloxBlock<Words>& words) {
        alignas(64) uint8_t bits[count][Words::lanes + 1];  // a piece's last vector looks one byte too far
        for (size_t t = 0; t < count; ++t) keep_bits(words, thresholds[t], bits[t]);
        for (int64_t taken = 0; taken < Words::lanes && row < block.rows;) {
          const int64_t more = smaller(Words::lanes - taken, groups - group);
          std::array<const uint8_t*, count> at;
          for (size_t t = 0; t < count; ++t) at[t] = bits[t] + taken;
          f(row, 8 * group, smaller(8 * more, block.columns - 8 * group), at);
          taken += more;
          group += more;
          if (group == groups) group = 0, ++row;
        }
      },
      [&](int round) { between(row, 8 * group, round); });
}
template <class F, class Between>
LAMINA_INLINE void over_kept(const Draw& draw, const Block& block, const F& f, const Between& between) {
  over_thresholds<1>(
      draw, {draw.threshold}, block,
      [&](int64_t row, int64_t column, int64_t count, const std::array<const uint8_t*, 1>& bits) { f(row, column, count, bits[0]); },
      between);
}
template <class F>
LAMINA_INLINE void over_kept(const Draw& draw, const Block& block, const F& f) {
  over_kept(draw, block, f, [](int64_t, int64_t, int) {});
}

// Byte i of the result (of a little-endian word) is bit i of `bits`, as 0 or 1: each byte keeps its own bit, and adding
// 0x7F carries whichever it is to the top.
LAMINA_INLINE uint64_t bytes_of_bits(uint64_t bits) {
  constexpr uint64_t each = 0x0101010101010101;
  return (((bits * each) & 0x8040201008040201) + 0x7F * each) >> 7 & each;
}

inline void dropout_mask(const Context& context, const Draw& draw, Matrix<uint8_t> keep) {
  over_blocks(context, keep.rows, keep.columns, block_elements, 0.3, [&](const Block& block) {
    over_kept(draw, block, [&](int64_t row, int64_t column, int64_t count, const uint8_t* bits) {
      uint8_t* out = keep.row(block.row + row) + block.column + column;
      for (int64_t c = 0; c < count; c += 8) {
        const uint64_t bytes = bytes_of_bits(bits[c / 8]);
        if (c + 8 <= count) {
          __builtin_memcpy(out + c, &bytes, 8);
        } else {
          __builtin_memcpy(out + c, &bytes, static_cast<size_t>(count - c));
        }
      }
    });
  });
}

// Blocks of counters as they lie in memory, four words each; a counter's key, two words, begins key_step after the last one's.
inline void philox_blocks(const Context& context, const uint32_t* counter, const uint32_t* key, int64_t key_step, int64_t count,
                          uint32_t* out) {
  constexpr int64_t L = Words::lanes, run = 1024;
  context.parallel(divide_up(count, run), 2.5 * static_cast<double>(count), [=](int64_t task) {
    const int64_t end = smaller(count, (task + 1) * run);
    for (int64_t first = task * run; first < end; first += L) {
      const int64_t n = smaller(L, end - first);
      alignas(64) uint32_t word[4][L] = {}, half[2][L] = {};
      for (int64_t lane = 0; lane < n; ++lane) {
        for (int w = 0; w < 4; ++w) word[w][lane] = counter[4 * (first + lane) + w];
        for (int h = 0; h < 2; ++h) half[h][lane] = key[key_step * (first + lane) + h];
      }
      const PhiloxKeys<Words> keys(Words::load(half[0]), Words::load(half[1]));
      const auto load = [&](int w) { return Words::load(word[w]); };
      const PhiloxBlock<Words> words = philox(PhiloxBlock<Words>{{load(0), load(1), load(2), load(3)}}, keys);
      for (int w = 0; w < 4; ++w) words.word[w].store(word[w]);
      for (int64_t lane = 0; lane < n; ++lane) {
        for (int w = 0; w < 4; ++w) out[4 * (first + lane) + w] = word[w][lane];
      }
    }
  });
}

// out[i] = the first two words of the counter in row first + i, low word first.
inline void random_words(const Draw& draw, int64_t first, int64_t count, uint64_t* out) {
  over_counters(draw, first, count, 0, 1, [&](int64_t i, const PhiloxBlock<Words>& words) {
    alignas(64) uint32_t low[Words::lanes], high[Words::lanes];
    words.word[0].store(low);
    words.word[1].store(high);
    for (int64_t lane = 0; lane < smaller(Words::lanes, count - i); ++lane) {
      out[i + lane] = low[lane] | static_cast<uint64_t>(high[lane]) << 32;
    }
  });
}

// The numbers of each lane's four words, 4 floats or 2 doubles.
template <class T>
LAMINA_INLINE void numbers_of(Uniforms, const uint32_t (&word)[4][Words::lanes], T* numbers) {
  for (int lane = 0; lane < Words::lanes; ++lane) {
    const uint32_t four[4] = {word[0][lane], word[1][lane], word[2][lane], word[3][lane]};
    Uniforms::of(four, numbers + lane * int64_t(16 / sizeof(T)));
  }
}
// As Normals::of, with the logarithms and sines of many lanes at a time.
template <class T>
LAMINA_INLINE void numbers_of(Normals, const uint32_t (&word)[4][Words::lanes], T* numbers) {
  constexpr int L = Words::lanes, pairs = 8 / sizeof(T);
  alignas(64) T uniform[2][L * pairs], normal[2][L * pairs];
  for (int pair = 0; pair < pairs; ++pair) {
    for (int lane = 0; lane < L; ++lane) {
      const int i = pair * L + lane;
      if constexpr (sizeof(T) == 4) {
        uniform[0][i] = uniform_float(word[2 * pair][lane]) + 0x1p-24f;
        uniform[1][i] = uniform_float(word[2 * pair + 1][lane]);
      } else {
        uniform[0][i] = uniform_double(word[0][lane], word[1][lane]) + 0x1p-53;
        uniform[1][i] = uniform_double(word[2][lane], word[3][lane]);
      }
    }
  }
  over<T>(L * pairs, [&](int64_t i, auto lanes) {
    Vec<T> n[2];
    Normals::pair(load(uniform[0] + i, lanes), load(uniform[1] + i, lanes), n);
    store(normal[0] + i, n[0], lanes);
    store(normal[1] + i, n[1], lanes);
  });
  for (int lane = 0; lane < L; ++lane) {
    for (int pair = 0; pair < pairs; ++pair) {
      for (int n = 0; n < 2; ++n) numbers[2 * (pairs * lane + pair) + n] = normal[n][pair * L + lane];
    }
  }
}

// f(row, column, count, numbers) over the runs of a matrix whose numbers have just been drawn, each in one row.
template <class T, class Numbers, class F>
LAMINA_INLINE void over_random(const Context& context, const Draw& draw, int64_t rows, int64_t columns, double cost, const F& f) {
  constexpr int64_t each = 16 / sizeof(T);
  over_blocks(context, rows, columns, block_elements, cost, [&](const Block& block) {
    const int64_t groups = divide_up(block.columns, each);
    int64_t row = 0, group = 0;
    over_counters(draw, block.row, block.rows, block.column / each, groups, [&](int64_t, const PhiloxBlock<Words>& words) {
      alignas(64) uint32_t word[4][Words::lanes];
      alignas(64) T numbers[Words::lanes * each];
      for (int w = 0; w < 4; ++w) words.word[w].store(word[w]);
      numbers_of(Numbers{}, word, numbers);
      for (int64_t taken = 0; taken < Words::lanes && row < block.rows;) {
        const int64_t more = smaller(Words::lanes - taken, groups - group);
        f(block.row + row, block.column + group * each, smaller(more * each, block.columns - group * each), numbers + taken * each);
        taken += more;
        group += more;
        if (group == groups) group = 0, ++row;
      }
    });
  });
}
template <class T, class Numbers>
LAMINA_INLINE void fill_random(const Context& context, const Draw& draw, Matrix<T> out, double cost) {
  over_random<T, Numbers>(context, draw, out.rows, out.columns, cost, [=](int64_t row, int64_t column, int64_t count, const T* numbers) {
    __builtin_memcpy(out.row(row) + column, numbers, static_cast<size_t>(count) * sizeof(T));
  });
}

template <class T>
void random_uniform(const Context& context, const Draw& draw, Matrix<T> out) {
  fill_random<T, Uniforms>(context, draw, out, 1.0);
}
template <class T>
void random_normal(const Context& context, const Draw& draw, Matrix<T> out) {
  fill_random<T, Normals>(context, draw, out, 1.5);
}

}  // namespace lamina::LAMINA_ISA
