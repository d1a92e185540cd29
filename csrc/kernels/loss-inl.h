// Row-wise work: softmax, log-softmax and the losses with their gradients.
#pragma once

#include "kernels/kernel_table.h"
#include "kernels/rows-inl.h"
#include "math/losses.h"

namespace lamina::LAMINA_ISA {

template <class T>
LAMINA_INLINE T row_max(int64_t n, const T* x) {
  const Vec<T> lowest(-static_cast<T>(__builtin_huge_val()));
  Vec<T> m = lowest;
  over<T>(n, [&](int64_t i, auto lanes) { m = max(m, load(x + i, lanes, lowest)); });
  return largest(m);
}

// The sum of e^(x - m) over a row, and that without the elements equal to m.
template <class T>
struct ExpSums {
  T all, others;
};
// Writes e^(x - m), where out is given. Lanes beyond the row are e^-inf = 0.
template <class T>
LAMINA_INLINE ExpSums<T> exp_row(int64_t n, const T* x, T m, T* out) {
  const Vec<T> lowest(-static_cast<T>(__builtin_huge_val()));
  const auto power = [=](int64_t i, auto lanes) { return exp_of_negative(load(x + i, lanes, lowest) - Vec<T>(m)); };
  const bool first = out && just_behind(out, {x});  // all powers, then their sum, whose order is given
  if (first) over_apart<T>(n, out, {x}, [=](int64_t i, auto lanes) { store(out + i, power(i, lanes), lanes); });
  const auto sums = row_sums<T, 1, 2>(n, [&](int, int64_t i, auto lanes) {
    const Vec<T> xi = load(x + i, lanes, lowest), e = first ? load(out + i, lanes) : power(i, lanes);
    if (out && !first) store(out + i, e, lanes);
    return std::array{e, select(xi == Vec<T>(m), Vec<T>(T(0)), e)};
  });
  return {sums.of[0][0], sums.of[1][0]};
}

template <class T>
void softmax_forward(const Context& context, Matrix<const T> x, Matrix<T> y, bool logarithm) {
  over_rows(context, x.rows, x.columns, 1.0, [&](int64_t first, int64_t count) {
    for (int64_t r = first; r < first + count; ++r) {
      const T* in = x.row(r);
      T* out = y.row(r);
      const T m = row_max(x.columns, in);
      const ExpSums<T> sums = exp_row(x.columns, in, m, logarithm ? nullptr : out);
      if (logarithm) {
        const Vec<T> log_sum(log_of_sum(sums.all, sums.others));
        over_apart<T>(x.columns, out, {in},
                      [&](int64_t i, auto lanes) { store(out + i, (load(in + i, lanes) - Vec<T>(m)) - log_sum, lanes); });
      } else {
        over<T>(x.columns, [&](int64_t i, auto lanes) { store(out + i, load(out + i, lanes) / Vec<T>(sums.all), lanes); });
      }
    }
  });
}

// dx = y (dy - sum(dy y)), or for log-softmax dx = dy - e^y sum(dy).
template <class T>
void softmax_backward(const Context& context, Matrix<const T> dy, Matrix<const T> y, Matrix<T> dx, bool logarithm) {
  over_rows(context, y.rows, y.columns, 1.0, [&](int64_t first, int64_t count) {
    for (int64_t r = first; r < first + count; ++r) {
      const T *d = dy.row(r), *p = y.row(r);
      T* out = dx.row(r);
      const Vec<T> total(row_sum<T>(y.columns, [&](int64_t i, auto lanes) {
        const Vec<T> di = load(d + i, lanes);
        return logarithm ? di : di * load(p + i, lanes);
      }));
      over_apart<T>(y.columns, out, {d, p}, [&](int64_t i, auto lanes) {
        const Vec<T> di = load(d + i, lanes), pi = load(p + i, lanes);
        store(out + i, logarithm ? fnma(exp(pi), total, di) : pi * (di - total), lanes);
      });
    }
  });
}

// f(i) summed over rows in chunks, in order.
template <class F>
LAMINA_INLINE double ordered_sum(int64_t rows, const F& f) {
  double total = 0;
  for (int64_t first = 0; first < rows; first += order::row_chunk) {
    double chunk = 0;
    for (int64_t i = first; i < smaller(rows, first + order::row_chunk); ++i) chunk += f(i);
    total += chunk;
  }
  return total;
}
inline void sum_rows(const Context&, const double* rows, int64_t count, double factor, const double* total, double* sum) {
  *sum = ordered_sum(count, [=](int64_t i) { return rows[i]; }) * (total ? 1 / *total : factor);
}

template <class T>
LAMINA_INLINE double row_weight(const RowWeights<T>& weights, int64_t row, const int64_t* labels) {
  double w = weights.sample ? weights.sample[row] : 1.0;
  if (weights.classes && labels) w *= weights.classes[labels[row]];
  return w;
}

template <class T>
void total_weight(const Context&, const RowWeights<T>& weights, const int64_t* labels, int64_t rows, double* total) {
  *total = ordered_sum(rows, [&](int64_t i) { return row_weight(weights, i, labels); });
}
template <class T>
LAMINA_INLINE double common_factor(const RowWeights<T>& weights) {
  return weights.total ? 1 / *weights.total : weights.factor;
}

// With s = sum e^(x - m) and targets t: loss = sum_c t_c (log s - (x_c - m)), gradient (e^(x - m) / s) sum(t) - t.
// Labels: t = (1 - smoothing) e(label) + smoothing / classes; probabilities are smoothed alike. The divergence from
// probabilities has log t_c beside log s.
template <class T>
void softmax_cross_entropy(const Context& context, Matrix<const T> logits, const int64_t* labels, Matrix<const T> probabilities,
                           T smoothing, bool divergence, const RowWeights<T>& weights, Matrix<T> d_logits, double* row_loss) {
  const int64_t classes = logits.columns;
  const T spread = smoothing / static_cast<T>(classes), kept = T(1) - smoothing;
  const double factor = common_factor(weights);
  const auto rows_of = [&](int64_t first, int64_t count) {
    alignas(64) T largest_of[block_rows], sum_of[block_rows], others_of[block_rows], log_of[block_rows];
    for (int64_t i = 0; i < count; ++i) {
      const T* x = logits.row(first + i);
      largest_of[i] = row_max(classes, x);
      const ExpSums<T> sums = exp_row(classes, x, largest_of[i], d_logits ? d_logits.row(first + i) : nullptr);
      sum_of[i] = sums.all;
      others_of[i] = sums.others;
    }
    over<T>(count,
            [&](int64_t i, auto lanes) { store(log_of + i, log_of_sum(load(sum_of + i, lanes), load(others_of + i, lanes)), lanes); });
    for (int64_t r = first; r < first + count; ++r) {
      const T* x = logits.row(r);
      T* d = d_logits ? d_logits.row(r) : nullptr;
      const T m = largest_of[r - first], sum = sum_of[r - first], log_sum = log_of[r - first];
      const double weight = row_weight(weights, r, labels);
      const Vec<T> scale(static_cast<T>(weight * factor));
      if (labels) {
        const T at_label = x[labels[r]] - m;
        T value = log_sum - at_label;
        if (smoothing != T(0)) {
          const T others = row_sum<T>(classes, [&](int64_t i, auto lanes) { return load(x + i, lanes, Vec<T>(m)) - Vec<T>(m); });
          value = lamina::fma(kept, value, spread * lamina::fma(static_cast<T>(classes), log_sum, -others));
        }
        row_loss[r] = static_cast<double>(value) * weight;
        if (!d) continue;
        const T e_label = d[labels[r]];
        over<T>(classes, [&](int64_t i, auto lanes) { store(d + i, (load(d + i, lanes) / Vec<T>(sum) - Vec<T>(spread)) * scale, lanes); });
        d[labels[r]] = ((e_label / sum - spread) - kept) * static_cast<T>(weight * factor);
      } else {
        const T* t = probabilities.row(r);
        const auto target = [&](int64_t i, auto lanes) { return fma(Vec<T>(kept), load(t + i, lanes), Vec<T>(spread)); };
        const auto sums = row_sums<T, 1, 2>(classes, [&](int, int64_t i, auto lanes) {
          const Vec<T> ti = target(i, lanes);
          Vec<T> surprise = Vec<T>(log_sum) - (load(x + i, lanes) - Vec<T>(m));
          if (divergence) surprise = log(ti) + surprise;
          const Vec<T> value = select(ti == Vec<T>(T(0)), Vec<T>(T(0)), ti * surprise);  // a logit of -inf may have target 0
          return std::array{inside(value, lanes), inside(ti, lanes)};
        });
        row_loss[r] = static_cast<double>(sums.of[0][0]) * weight;
        if (!d) continue;
        const Vec<T> total(sums.of[1][0]);
        over_apart<T>(classes, d, {t}, [&](int64_t i, auto lanes) {
          store(d + i, (load(d + i, lanes) / Vec<T>(sum) * total - target(i, lanes)) * scale, lanes);
        });
      }
    }
  };
  over_rows(context, logits.rows, classes, 2.0, [&](int64_t first, int64_t count) {
    for (int64_t r = first; r < first + count; r += block_rows) rows_of(r, smaller(block_rows, first + count - r));
  });
}

template <class T, class Formula>
void elementwise_loss_of(const Context& context, T constant, Matrix<const T> x, Matrix<const T> target, const RowWeights<T>& weights,
                         T unit_factor, Matrix<T> dx, double* row_loss) {
  const double factor = common_factor(weights);
  over_rows(context, x.rows, x.columns, 2.0, [&](int64_t first, int64_t count) {
    const Vec<T> c(constant);
    for (int64_t r = first; r < first + count; ++r) {
      const T *in = x.row(r), *t = target.row(r);
      T* d = dx ? dx.row(r) : nullptr;
      const double weight = row_weight(weights, r, nullptr);
      const Vec<T> scale(static_cast<T>(weight * factor) * unit_factor);
      const T value = row_sum<T>(x.columns, [&](int64_t i, auto lanes) {
        const Vec<T> xi = load(in + i, lanes), ti = load(t + i, lanes);
        if (d) store(d + i, Formula::gradient(xi, ti, c) * scale, lanes);
        return inside(Formula::value(xi, ti, c), lanes);
      });
      row_loss[r] = static_cast<double>(value * unit_factor) * weight;
    }
  });
}

template <class T, class... Formulas>
LAMINA_INLINE auto elementwise_loss_at(int index, TypeList<Formulas...>) {
  static constexpr decltype(&elementwise_loss_of<T, SquaredError>) table[] = {elementwise_loss_of<T, Formulas>...};
  return table[index];
}
template <class T>
void elementwise_loss(const Context& context, int index, T constant, Matrix<const T> x, Matrix<const T> target,
                      const RowWeights<T>& weights, T unit_factor, Matrix<T> dx, double* row_loss) {
  elementwise_loss_at<T>(index, ElementwiseLosses{})(context, constant, x, target, weights, unit_factor, dx, row_loss);
}

}  // namespace lamina::LAMINA_ISA
