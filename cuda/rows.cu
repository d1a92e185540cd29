// Row-wise work: softmax and the losses.
#include "cuda/row.cuh"
#include "cuda/table.h"
#include "math/elementary.h"
#include "math/losses.h"
#include "math/order.h"

namespace lamina::cuda {
namespace {

template <class T>
__device__ T row_max(const RowOfThread& at, int64_t columns, const T* x) {
  T m = -static_cast<T>(__builtin_huge_val());
  over_row(at, columns, [&](int64_t i) { m = max(m, x[i]); });
  for (int half = row_lanes / 2; half >= 1; half /= 2) m = max(m, __shfl_xor_sync(all_lanes, m, half, row_lanes));
  return m;
}

// The sum of e^(x - m) over a row, and that without the elements equal to m.
template <class T>
struct ExpSums {
  T all, others;
};
template <class T>
__device__ ExpSums<T> exp_sums(const RowOfThread& at, int64_t columns, const T* x, T m) {
  const auto sums = row_sums<T, 2>(at, columns, [&](int64_t i) {
    const T e = exp_of_negative(x[i] - m);
    return Sums<T, 2>{e, x[i] == m ? T(0) : e};
  });
  return {sums.of[0], sums.of[1]};
}

template <class T>
__global__ void softmax_forward_kernel(Matrix<const T> x, Matrix<T> y, bool logarithm) {
  const RowOfThread at(x.rows);
  const T* const in = x.row(at.row);
  T* const out = y.row(at.row);
  const T m = row_max(at, x.columns, in);
  const ExpSums<T> sums = exp_sums(at, x.columns, in, m);
  const T log_sum = logarithm ? log_of_sum(sums.all, sums.others) : T(0);
  over_row(at, x.columns, [&](int64_t i) { out[i] = logarithm ? (in[i] - m) - log_sum : exp_of_negative(in[i] - m) / sums.all; });
}

template <class T>
__global__ void softmax_backward_kernel(Matrix<const T> dy, Matrix<const T> y, Matrix<T> dx, bool logarithm) {
  const RowOfThread at(y.rows);
  const T *const d = dy.row(at.row), *const p = y.row(at.row);
  T* const out = dx.row(at.row);
  const T total = row_sum<T>(at, y.columns, [&](int64_t i) { return logarithm ? d[i] : d[i] * p[i]; });
  over_row(at, y.columns, [&](int64_t i) { out[i] = logarithm ? fnma(exp(p[i]), total, d[i]) : p[i] * (d[i] - total); });
}

template <class T>
__device__ double row_weight(const RowWeights<T>& weights, int64_t row, const int64_t* labels) {
  double w = weights.sample ? static_cast<double>(weights.sample[row]) : 1.0;
  if (weights.classes && labels) {
    const int64_t label = labels[row];
    w *= label >= 0 && label < weights.class_count ? static_cast<double>(weights.classes[label]) : 0.0;
  }
  return w;
}
template <class T>
__device__ double common_factor(const RowWeights<T>& weights) {
  return weights.total ? 1 / *weights.total : weights.factor;
}

template <class T>
struct SoftmaxCrossEntropy {
  Matrix<const T> logits;
  const int64_t* labels;
  Matrix<const T> probabilities;
  T smoothing;
  bool divergence;
  RowWeights<T> weights;
  Matrix<T> gradient;
  double* row_loss;
};

template <class T>
__global__ void softmax_cross_entropy_kernel(SoftmaxCrossEntropy<T> k) {
  const int64_t classes = k.logits.columns;
  const RowOfThread at(k.logits.rows);
  const T* const x = k.logits.row(at.row);
  T* const d = k.gradient ? k.gradient.row(at.row) : nullptr;
  const T spread = k.smoothing / static_cast<T>(classes), rest = T(1) - k.smoothing;
  const T m = row_max(at, classes, x);
  const ExpSums<T> sums = exp_sums(at, classes, x, m);
  const T log_sum = log_of_sum(sums.all, sums.others);
  const int64_t label = k.labels && at.inside ? k.labels[at.row] : 0;
  const bool known = label >= 0 && label < classes;
  const double weight = at.inside && known ? row_weight(k.weights, at.row, k.labels) : 0;
  const T scale = static_cast<T>(weight * common_factor(k.weights)), nothing = static_cast<T>(__builtin_nan(""));
  if (k.labels) {
    T value = at.inside && known ? log_sum - (x[label] - m) : T(0);
    if (k.smoothing != T(0)) {
      const T others = row_sum<T>(at, classes, [&](int64_t i) { return x[i] - m; });
      value = fma(rest, value, spread * fma(static_cast<T>(classes), log_sum, -others));
    }
    if (at.inside && at.lane == 0) k.row_loss[at.row] = known ? static_cast<double>(value) * weight : static_cast<double>(nothing);
    if (!d) return;
    over_row(at, classes, [&](int64_t i) {
      const T share = exp_of_negative(x[i] - m) / sums.all - spread;
      d[i] = !known ? nothing : (i == label ? share - rest : share) * scale;
    });
  } else {
    const T* const t = k.probabilities.row(at.row);
    const auto target = [&](int64_t i) { return fma(rest, t[i], spread); };
    const T value = row_sum<T>(at, classes, [&](int64_t i) {
      const T ti = target(i), surprise = log_sum - (x[i] - m);
      return ti == T(0) ? T(0) : ti * (k.divergence ? log(ti) + surprise : surprise);  // a logit of -inf may have target 0
    });
    const T mass = row_sum<T>(at, classes, target);
    if (at.inside && at.lane == 0) k.row_loss[at.row] = static_cast<double>(value) * weight;
    if (!d) return;
    over_row(at, classes, [&](int64_t i) { d[i] = (exp_of_negative(x[i] - m) / sums.all * mass - target(i)) * scale; });
  }
}

template <class T>
void softmax_cross_entropy(const Context& context, Matrix<const T> logits, const int64_t* labels, Matrix<const T> probabilities,
                           T smoothing, bool divergence, const RowWeights<T>& weights, Matrix<T> d_logits, double* row_loss) {
  const SoftmaxCrossEntropy<T> arguments{logits, labels, probabilities, smoothing, divergence, weights, d_logits, row_loss};
  launch_rows(context, "softmax_cross_entropy", logits.rows, softmax_cross_entropy_kernel<T>, arguments);
}

template <class T, class Formula>
__global__ void elementwise_loss_kernel(T constant, Matrix<const T> x, Matrix<const T> target, RowWeights<T> weights, T unit_factor,
                                        Matrix<T> dx, double* row_loss) {
  const RowOfThread at(x.rows);
  const T *const in = x.row(at.row), *const t = target.row(at.row);
  const double weight = at.inside ? row_weight(weights, at.row, nullptr) : 0;
  const T scale = static_cast<T>(weight * common_factor(weights)) * unit_factor;
  const T value = row_sum<T>(at, x.columns, [&](int64_t i) {
    if (dx) dx.row(at.row)[i] = Formula::gradient(in[i], t[i], constant) * scale;
    return Formula::value(in[i], t[i], constant);
  });
  if (at.inside && at.lane == 0) row_loss[at.row] = static_cast<double>(value * unit_factor) * weight;
}

template <class T, class... Formulas>
auto elementwise_loss_at(int index, TypeList<Formulas...>) {
  const decltype(&elementwise_loss_kernel<T, SquaredError>) table[] = {elementwise_loss_kernel<T, Formulas>...};
  return table[index];
}
template <class T>
void elementwise_loss(const Context& context, int index, T constant, Matrix<const T> x, Matrix<const T> target,
                      const RowWeights<T>& weights, T unit_factor, Matrix<T> dx, double* row_loss) {
  launch_rows(context, "elementwise_loss", x.rows, elementwise_loss_at<T>(index, ElementwiseLosses{}), constant, x, target, weights,
              unit_factor, dx, row_loss);
}

// f(i) summed in one block: its threads each sum some chunks of rows, the first adds the chunks in order. The result is
// that thread's alone.
constexpr int sum_threads = 256;
template <class F>
__device__ double ordered_sum(int64_t rows, const F& f) {
  using Chunks = double[sum_threads];
  LAMINA_SHARED(Chunks, chunks);
  double total = 0;
  for (int64_t base = 0; base < rows; base += int64_t{sum_threads} * order::row_chunk) {
    const int64_t first = base + int64_t{threadIdx.x} * order::row_chunk;
    double chunk = 0;
    for (int64_t i = first; i < rows && i < first + order::row_chunk; ++i) chunk += f(i);
    chunks[threadIdx.x] = chunk;
    __syncthreads();
    for (int c = 0; threadIdx.x == 0 && c < sum_threads && base + c * order::row_chunk < rows; ++c) total += chunks[c];
    __syncthreads();
  }
  return total;
}

__global__ void sum_rows_kernel(const double* rows, int64_t count, double factor, const double* total, double* sum) {
  const double all = ordered_sum(count, [&](int64_t i) { return rows[i]; });
  if (threadIdx.x == 0) *sum = all * (total ? 1 / *total : factor);
}
void sum_rows(const Context& context, const double* rows, int64_t count, double factor, const double* total, double* sum) {
  launch(context, "sum_rows", sum_rows_kernel, 1, sum_threads, rows, count, factor, total, sum);
}

template <class T>
__global__ void total_weight_kernel(RowWeights<T> weights, const int64_t* labels, int64_t rows, double* total) {
  const double all = ordered_sum(rows, [&](int64_t i) { return row_weight(weights, i, labels); });
  if (threadIdx.x == 0) *total = all;
}
template <class T>
void total_weight(const Context& context, const RowWeights<T>& weights, const int64_t* labels, int64_t rows, double* total) {
  launch(context, "total_weight", total_weight_kernel<T>, 1, sum_threads, weights, labels, rows, total);
}

}  // namespace

template <class T>
void fill_rows(Kernels<T>& kernels) {
  kernels.softmax_forward = [](const Context& context, Matrix<const T> x, Matrix<T> y, bool logarithm) {
    launch_rows(context, "softmax_forward", x.rows, softmax_forward_kernel<T>, x, y, logarithm);
  };
  kernels.softmax_backward = [](const Context& context, Matrix<const T> dy, Matrix<const T> y, Matrix<T> dx, bool logarithm) {
    launch_rows(context, "softmax_backward", y.rows, softmax_backward_kernel<T>, dy, y, dx, logarithm);
  };
  kernels.softmax_cross_entropy = softmax_cross_entropy<T>;
  kernels.elementwise_loss = elementwise_loss<T>;
  kernels.total_weight = total_weight<T>;
}
void fill_row_sums(KernelTable& table) { table.sum_rows = sum_rows; }

template void fill_rows(Kernels<float>&);
template void fill_rows(Kernels<double>&);

}  // namespace lamina::cuda
