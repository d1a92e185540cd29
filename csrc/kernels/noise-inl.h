// Noise on inputs, units and weights: drawn again wherever it is needed, never stored.
#pragma once

#include "kernels/philox-inl.h"
#include "math/noise.h"

namespace lamina::LAMINA_ISA {

template <class T>
void gaussian_noise(const Context& context, const Draw& draw, T deviation, Matrix<const T> x, Matrix<T> out) {
  over_random<T, Normals>(context, draw, out.rows, out.columns, 1.6, [=](int64_t row, int64_t column, int64_t count, const T* normal) {
    const T* const in = x.row(row) + column;
    T* const to = out.row(row) + column;
    over_apart<T>(count, to, {in}, [&](int64_t i, auto lanes) {
      store(to + i, fma(Vec<T>(deviation), load(normal + i, lanes), load(in + i, lanes)), lanes);
    });
  });
}

template <class T>
void replace(const Context& context, const Draw& draw, uint32_t low_threshold, const Replacement<T>& replacement, Matrix<const T> x,
             Matrix<T> out) {
  const Replacement<Vec<T>> r{Vec<T>(replacement.scale), Vec<T>(replacement.shift), Vec<T>(replacement.low), Vec<T>(replacement.high)};
  over_blocks(context, x.rows, x.columns, block_elements, 0.6, [&](const Block& block) {
    over_thresholds<2>(
        draw, {draw.threshold, low_threshold}, block,
        [&](int64_t row, int64_t column, int64_t count, const std::array<const uint8_t*, 2>& bits) {
          const T* const in = x.row(block.row + row) + block.column + column;
          T* const to = out.row(block.row + row) + block.column + column;
          over_apart<T, false>(count, to, {in}, [&](int64_t i, auto lanes) {
            store(to + i, replaced(load(in + i, lanes), load_mask<T>(bits[0], i), load_mask<T>(bits[1], i), r), lanes);
          });
        },
        [](int64_t, int64_t, int) {});
  });
}

template <class T>
void choose(const Context& context, const Draw& draw, Matrix<const T> kept, Matrix<const T> dropped, Matrix<T> out) {
  over_blocks(context, out.rows, out.columns, block_elements, 0.5, [&](const Block& block) {
    over_kept(draw, block, [&](int64_t row, int64_t column, int64_t count, const uint8_t* bits) {
      const int64_t r = block.row + row, c = block.column + column;
      const T *const yes = kept ? kept.row(r) + c : nullptr, *const no = dropped ? dropped.row(r) + c : nullptr;
      T* const to = out.row(r) + c;
      over_apart<T, false>(count, to, {yes, no}, [=](int64_t i, auto lanes) {
        const Vec<T> zero(T(0));
        store(to + i, select(load_mask<T>(bits, i), yes ? load(yes + i, lanes) : zero, no ? load(no + i, lanes) : zero), lanes);
      });
    });
  });
}

template <class T>
void weighted_sum(const Context& context, T a, Matrix<const T> x, T b, Matrix<const T> y, Matrix<T> out) {
  over_blocks(context, out.rows, out.columns, block_elements, 0.3, [&](const Block& block) {
    for (int64_t r = block.row; r < block.row + block.rows; ++r) {
      const T *const first = x.row(r) + block.column, *const second = y ? y.row(r) + block.column : nullptr;
      T* const to = out.row(r) + block.column;
      over_apart<T>(block.columns, to, {first, second}, [&](int64_t i, auto lanes) {
        const Vec<T> value = Vec<T>(a) * load(first + i, lanes);
        store(to + i, second ? fma(Vec<T>(b), load(second + i, lanes), value) : value, lanes);
      });
    }
  });
}

template <class T>
void shakeout(const Context& context, const Draw& draw, T c, T rise, Matrix<const T> weight, Matrix<T> out) {
  over_blocks(context, out.rows, out.columns, block_elements, 0.6, [&](const Block& block) {
    over_kept(draw, block, [&](int64_t row, int64_t column, int64_t count, const uint8_t* bits) {
      const T* const in = weight.row(block.row + row) + block.column + column;
      T* const to = out.row(block.row + row) + block.column + column;
      over_apart<T, false>(count, to, {in}, [&](int64_t i, auto lanes) {
        const Vec<T> scale(static_cast<T>(draw.scale));
        store(to + i, lamina::shakeout(load(in + i, lanes), load_mask<T>(bits, i), scale, Vec<T>(rise), Vec<T>(c)), lanes);
      });
    });
  });
}

// f(values, noise's deviation, its slope, normal) -> result
template <class T, class F>
LAMINA_INLINE void over_whiteout(const Context& context, const Draw& draw, const Whiteout<T>& constants, Matrix<const T> values,
                                 Matrix<const T> weight, Matrix<T> out, const F& f) {
  const Whiteout<Vec<T>> whiteout{Vec<T>(constants.sigma), Vec<T>(constants.root_lambda), Vec<T>(constants.power)};
  over_random<T, Normals>(context, draw, out.rows, out.columns, 2.5, [=](int64_t row, int64_t column, int64_t count, const T* normal) {
    const T *const v = values.row(row) + column, *const w = weight.row(row) + column;
    T* const to = out.row(row) + column;
    over_apart<T>(count, to, {v, w}, [&](int64_t i, auto lanes) {
      Vec<T> deviation, slope;
      whiteout.deviation(load(w + i, lanes, Vec<T>(T(1))), deviation, slope);
      store(to + i, f(load(v + i, lanes), deviation, slope, load(normal + i, lanes)), lanes);
    });
  });
}
template <class T>
void whiteout_forward(const Context& context, const Draw& draw, const Whiteout<T>& whiteout, Matrix<const T> weight, Matrix<T> out) {
  over_whiteout<T>(context, draw, whiteout, weight, weight, out,
                   [](Vec<T> w, Vec<T> deviation, Vec<T>, Vec<T> normal) { return fma(deviation, normal, w); });
}
template <class T>
void whiteout_backward(const Context& context, const Draw& draw, const Whiteout<T>& whiteout, Matrix<const T> dy, Matrix<const T> weight,
                       Matrix<T> out) {
  over_whiteout<T>(context, draw, whiteout, dy, weight, out,
                   [](Vec<T> g, Vec<T>, Vec<T> slope, Vec<T> normal) { return g * fma(slope, normal, Vec<T>(T(1))); });
}

}  // namespace lamina::LAMINA_ISA
