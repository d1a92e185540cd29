// Scores in float64, rows in order.
#include "ops/score.h"

#include <algorithm>

namespace lamina {
namespace {

template <class T>
int64_t largest(Matrix<const T> x, int64_t row) {
  return std::max_element(x.row(row), x.row(row) + x.columns) - x.row(row);
}

// The weighted mean of value(i) over rows.
template <class T, class F>
double weighted_mean(int64_t rows, Vector<const T> weight, const F& value) {
  double sum = 0, total = 0;
  for (int64_t i = 0; i < rows; ++i) {
    const double w = weight ? static_cast<double>(weight[i]) : 1.0;
    sum += w * value(i);
    total += w;
  }
  return sum / total;
}

// value(x): what an element of the prediction stands for.
template <class T, class F>
double r_squared(Matrix<const T> prediction, Matrix<const T> target, Vector<const T> weight, const F& value) {
  double sum = 0;
  for (int64_t c = 0; c < target.columns; ++c) {
    const auto at = [&](int64_t i) { return static_cast<double>(target.row(i)[c]); };
    // About the first row, so that targets far from zero lose no digits.
    const double mean = at(0) + weighted_mean(target.rows, weight, [&](int64_t i) { return at(i) - at(0); });
    const auto square = [](double d) { return d * d; };
    const double rest =
        weighted_mean(target.rows, weight, [&](int64_t i) { return square(at(i) - value(static_cast<double>(prediction.row(i)[c]))); });
    const double spread = weighted_mean(target.rows, weight, [&](int64_t i) { return square(at(i) - mean); });
    sum += spread > 0 ? 1 - rest / spread : rest == 0 ? 1 : 0;
  }
  return sum / static_cast<double>(target.columns);
}

}  // namespace

template <class T>
double score(LossKind kind, Matrix<const T> prediction, const Targets<T>& targets, Vector<const T> sample_weight) {
  const int64_t rows = prediction.rows, columns = prediction.columns;
  if (kind < LossKind::first_elementwise) {
    return weighted_mean(rows, sample_weight, [&](int64_t i) {
      const int64_t wanted = targets.labels ? targets.labels[i] : largest(targets.values, i);
      return largest(prediction, i) == wanted ? 1.0 : 0.0;
    });
  }
  if (kind == kind_of<SigmoidCrossEntropy>) {
    return weighted_mean(rows, sample_weight, [&](int64_t i) {
      int64_t right = 0;
      for (int64_t c = 0; c < columns; ++c) right += (prediction.row(i)[c] > T(0)) == (targets.values.row(i)[c] > T(0.5));
      return static_cast<double>(right) / static_cast<double>(columns);
    });
  }
  if (kind == kind_of<PoissonNll>) {
    return r_squared(prediction, targets.values, sample_weight, [](double x) { return exp(x); });
  }
  return r_squared(prediction, targets.values, sample_weight, [](double x) { return x; });
}

template double score(LossKind, Matrix<const float>, const Targets<float>&, Vector<const float>);
template double score(LossKind, Matrix<const double>, const Targets<double>&, Vector<const double>);

}  // namespace lamina
