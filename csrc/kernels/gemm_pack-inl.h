// Copies of operands into panels that register tiles read in order.
#pragma once

#include "kernels/gemm_tile-inl.h"

namespace lamina::LAMINA_ISA {

// out[k * step + i] = in[i * stride + k] for `count` lines i and `depth` steps k; lines up to `step` are zero.
template <class T>
LAMINA_INLINE void pack_transposed(const T* in, int64_t stride, int64_t count, int64_t depth, T* out, int64_t step) {
  constexpr int W = lanes<T>;
  for (int64_t first = 0; first < step; first += W) {
    for (int64_t k = 0; k < depth; k += W) {
      const T* const soon = fetched_ahead(in + first * stride + k, stride, W, k, depth, 4 * W);
      Vec<T> square[W];
      const auto read = [&](auto lanes) {
#pragma GCC unroll 16
        for (int i = 0; i < W; ++i) {
          square[i] = first + i < count ? load(in + (first + i) * stride + k, lanes) : Vec<T>(T(0));
          __builtin_prefetch(soon + i * stride);
        }
      };
      if (k + W <= depth) {
        read(Full{});
      } else {
        read(Partial<T>(depth - k));
      }
      transpose(square);
      const int64_t steps = smaller(W, depth - k);
      for (int64_t i = 0; i < steps; ++i) store(out + (k + i) * step + first, square[i], Full{});
    }
  }
}
// out[k * step + i] = in[k * stride + i], zero for i from `count` to `step`.
template <class T>
LAMINA_INLINE void pack_rows(const T* in, int64_t stride, int64_t count, int64_t depth, T* out, int64_t step) {
  constexpr int W = lanes<T>;
  for (int64_t k = 0; k < depth; ++k) {
    for (int64_t i = 0; i < step; i += W) {
      Vec<T> x(T(0));
      if (i + W <= count) {
        x = load(in + k * stride + i, Full{});
      } else if (i < count) {
        x = load(in + k * stride + i, Partial<T>(count - i));
      }
      store(out + k * step + i, x, Full{});
    }
  }
}

// A block of b whose rows lie in memory, panel by panel of so many columns each: whole rows at a time, fetched ahead, since hardware
// does not follow runs of memory as short as a panel's rows and as far apart.
template <class T>
LAMINA_INLINE void pack_block(const T* in, int64_t stride, int64_t columns, int64_t depth, int64_t panel_columns, T* out) {
  constexpr int W = lanes<T>;
  constexpr int64_t ahead = 8;
  for (int64_t k = 0; k < depth; ++k) {
    const T* const row = in + k * stride;
    for (int64_t c = 0; c < columns; c += panel_columns) {
      const int64_t width = smaller(panel_columns, columns - c), step = round_up(width, W);
      T* const to = out + c / panel_columns * round_up(panel_columns, W) * depth + k * step;
      for (int64_t i = 0; i < width; i += W) {
        __builtin_prefetch(row + ahead * stride + c + i);
        const int64_t rest = width - i;
        store(to + i, rest >= W ? load(row + c + i, Full{}) : load(row + c + i, Partial<T>(rest)), Full{});
      }
    }
  }
}

// Panels of a whose steps lie in memory, element (line i, step k) of each at k * panel + i: without gaps, so that vectors run
// over into the next step, which is stored later, and behind the last one.
template <class T>
constexpr int64_t panels_apart(int64_t panel, int64_t depth) {
  return panel * depth + panel_width<T>;
}
template <class T>
LAMINA_INLINE void pack_panels(const T* in, int64_t stride, int64_t lines, int64_t depth, int64_t panel, T* out) {
  constexpr int W = lanes<T>;
  constexpr int64_t ahead = 8;
  for (int64_t k = 0; k < depth; ++k) {
    const T* const row = in + k * stride;
    T* to = out + k * panel;
    for (int64_t first = 0; first < lines; first += panel, to += panels_apart<T>(panel, depth)) {
      for (int64_t i = 0; i < panel; i += W) {
        __builtin_prefetch(row + ahead * stride + first + i);
        const int64_t rest = larger(lines - first - i, 0);
        store(to + i, rest >= W ? load(row + first + i, Full{}) : load(row + first + i, Partial<T>(rest)), Full{});
      }
    }
  }
}

// out[i * panel_stride + k] = in[i * stride + k]
template <class T>
LAMINA_INLINE void copy_rows(const T* in, int64_t stride, int64_t count, int64_t depth, T* out) {
  for (int64_t i = 0; i < count; ++i) {
    over<T>(depth, [&](int64_t k, auto lanes) { store(out + i * panel_stride<T> + k, load(in + i * stride + k, lanes), lanes); });
  }
}

}  // namespace lamina::LAMINA_ISA
