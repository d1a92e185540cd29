// The fused layer: which parts there are decides what one product and one tail do.
#include "ops/lamina.h"

#include "base/error.h"
#include "kernels/kernel_table.h"
#include "math/philox.h"
#include "ops/activation.h"
#include "ops/prepare.h"
#include "ops/random.h"

namespace lamina {
namespace {

template <class T>
bool measures_batch(const Lamina<T>& lamina) {
  return lamina.training && lamina.batchnorm && !lamina.batchnorm.frozen;
}

template <class T>
void check(const Lamina<T>& lamina, Matrix<const T> x, Matrix<const T> h) {
  const char* op = lamina.op;
  const int64_t out = lamina.weight ? lamina.weight.rows : x.columns;
  if (lamina.weight && lamina.weight.columns != x.columns) {
    fail(op, "weight has shape (", lamina.weight.rows, ", ", lamina.weight.columns, "), x (", x.rows, ", ", x.columns,
         "): weight needs as many columns as x");
  }
  if (h.rows != x.rows || h.columns != out) {
    fail(op, "out has shape (", h.rows, ", ", h.columns, "), needs (", x.rows, ", ", out, ")");
  }
  const auto vector = [&](const char* name, int64_t size, bool given) {
    if (given && size != out) fail(op, name, " has ", size, " elements, needs ", out);
  };
  vector("bias", lamina.bias.size, static_cast<bool>(lamina.bias));
  const BatchNorm<T>& norm = lamina.batchnorm;
  if (norm) {
    vector("gamma", norm.gamma.size, true);
    vector("beta", norm.beta.size, true);
    vector("running_mean", norm.running_mean.size, static_cast<bool>(norm.running_mean));
    vector("running_var", norm.running_var.size, static_cast<bool>(norm.running_var));
    if (!(norm.eps >= 0) || norm.eps > 1e30) fail(op, "eps is ", norm.eps, ", needs a finite number >= 0");
    if (!(norm.momentum >= 0 && norm.momentum <= 1)) fail(op, "momentum is ", norm.momentum, ", needs 0 to 1");
    if (measures_batch(lamina) && x.rows < 2) fail(op, "batch norm in training got ", x.rows, " rows, needs at least 2");
    if (!measures_batch(lamina) && !norm.running_mean) fail(op, "batch norm in inference needs running_mean and running_var");
  }
  lamina::check(op, lamina.dropout);
  lamina::check(op, lamina.activation);
}

template <class T>
Tail<T> make_tail(const Lamina<T>& lamina, const LaminaSaved<T>& saved) {
  Tail<T> tail = prepare_tail<T>(lamina.activation, lamina.training ? lamina.dropout : Dropout{});
  if (lamina.batchnorm) {
    tail.mean = saved.mean.data;
    tail.rstd = saved.rstd.data;
    tail.gamma = lamina.batchnorm.gamma.data;
    tail.beta = lamina.batchnorm.beta.data;
  }
  return tail;
}

template <class T>
struct Operand {
  const T* data;
  int64_t row, column;  // strides
};
template <class T>
Gemm<T> product(const Operand<const T>& a, const Operand<const T>& b, Matrix<T> c, int64_t depth) {
  Gemm<T> g{a.data, a.row, a.column, b.data, b.row, b.column, c, depth};
  g.partial = c;
  return g;
}
// (batch, in) = dz W
template <class T>
Gemm<T> input_gradient(Matrix<const T> dz, Matrix<const T> weight, Matrix<T> dx) {
  return product<T>({dz.data, dz.stride, 1}, {weight.data, weight.stride, 1}, dx, weight.rows);
}

}  // namespace

template <class T>
LaminaSaves saves(const Lamina<T>& lamina) {
  const bool norm = static_cast<bool>(lamina.batchnorm);
  const ActivationInfo& info = activation_info(lamina.activation.index);
  const bool affine = static_cast<bool>(lamina.weight);
  // Dropout's scaling leaves the sign alone: h then serves.
  const bool activation = info.reads_output ? lamina.training && lamina.dropout && !info.sign_only : affine || norm;
  return {norm && affine, activation, norm};
}

template <class T>
void lamina_forward(const Context& context, const Lamina<T>& lamina, Matrix<const T> x, Matrix<T> h, const LaminaSaved<T>& saved) {
  check<T>(lamina, x, h);
  const Kernels<T>& kernels = context.table->kernels<T>();
  const bool measures = measures_batch(lamina);
  if (const BatchNorm<T>& norm = lamina.batchnorm; norm && !measures) {
    kernels.inference_statistics(context, norm.running_mean.data, norm.running_var.data, norm.eps, norm.gamma.size, saved.mean.data,
                                 saved.rstd.data);
  }
  if (x.rows == 0 || h.columns == 0) return;
  const Tail<T> tail = make_tail(lamina, saved);
  const BatchNorm<T>& norm = lamina.batchnorm;
  const Matrix<T> kept = saves(lamina).activation ? saved.activation : Matrix<T>{};

  const BatchStatistics<T> statistics{saved.mean.data, saved.rstd.data, norm.running_mean.data,   norm.running_var.data,
                                      norm.eps,        norm.momentum,   norm.unbiased_running_var};
  Matrix<const T> z = x;
  if (lamina.weight) {
    // The tail follows while the product is in cache: in place, or behind the batch statistics of a strip of columns.
    // In inference z is kept only for a caller who asks for it.
    const bool keeps_z = norm && saved.z;
    Gemm<T> g = product<T>({x.data, x.stride, 1}, {lamina.weight.data, 1, lamina.weight.stride}, keeps_z ? saved.z : h, x.columns);
    g.bias = lamina.bias.data;
    g.saved = kept;
    if (measures) {
      g.statistics = &statistics;
      g.h = h;
    }
    if (!tail.identity() && (measures || !keeps_z)) g.tail = &tail;
    kernels.gemm(context, g);
    if (measures || !keeps_z) return;
    z = g.c;
  }
  if (measures) {
    kernels.batchnorm_forward(context, tail, statistics, z, kept, h);
  } else {
    kernels.tail_forward(context, tail, z, kept, h);
  }
}

template <class T>
void lamina_backward(const Context& context, const Lamina<T>& lamina, Matrix<const T> dh, Matrix<T> dz, Matrix<const T> x,
                     Matrix<const T> h, const LaminaSaved<T>& saved, const LaminaGradients<T>& gradients, const Above<T>& above) {
  const char* op = lamina.op;
  check<T>(lamina, x, h);
  if (above.dz) dh = dz;
  for (const Matrix<const T> d : {dh, Matrix<const T>(dz)}) {
    if (d.rows != h.rows || d.columns != h.columns) {
      fail(op, "dy has shape (", d.rows, ", ", d.columns, "), needs (", h.rows, ", ", h.columns, ")");
    }
  }
  const Kernels<T>& kernels = context.table->kernels<T>();
  const Tail<T> tail = make_tail(lamina, saved);
  const Matrix<const T> z = lamina.weight ? Matrix<const T>(saved.z) : x;
  TailSums<T> sums;
  sums.bias = lamina.bias ? gradients.bias.data : nullptr;
  sums.gamma = gradients.gamma.data;
  sums.beta = gradients.beta.data;
  sums.batch_statistics = measures_batch(lamina);
  const Matrix<const T> w = lamina.weight;
  const Matrix<T> dw = w ? gradients.weight : Matrix<T>{}, dx = w ? gradients.x : Matrix<T>{};
  const Gemm<T> weight_gradient = product<T>({dz.data, 1, dz.stride}, {x.data, x.stride, 1}, dw, x.rows);  // (out, in) = dzᵀ x
  const Gemm<T> incoming = input_gradient(above.dz, above.weight, dz);
  const auto joined = [&](const Gemm<T>& g) { return kernels.joins(context, g, dz.columns) ? &g : nullptr; };
  const bool has_weight_gradient = dw && dw.rows * dw.columns > 0;
  const Gemm<T>* const first = above.dz ? joined(incoming) : nullptr;
  const Gemm<T>* const second = has_weight_gradient ? joined(weight_gradient) : nullptr;
  if (above.dz && !first) kernels.gemm(context, incoming);
  const bool reads_x = !w && !lamina.batchnorm && !activation_info(lamina.activation.index).reads_output;
  const Matrix<const T> read = saves(lamina).activation && saved.activation ? Matrix<const T>(saved.activation) : reads_x ? x : h;
  kernels.tail_backward(context, tail, dh, dz, read, z, sums, first, second);
  if (has_weight_gradient && !second) kernels.gemm(context, weight_gradient);
  if (dx && dx.rows * dx.columns > 0) kernels.gemm(context, input_gradient(Matrix<const T>(dz), w, dx));
}

#define INSTANTIATE(T)                                                                                                          \
  template LaminaSaves saves(const Lamina<T>&);                                                                                 \
  template void lamina_forward(const Context&, const Lamina<T>&, Matrix<const T>, Matrix<T>, const LaminaSaved<T>&);            \
  template void lamina_backward(const Context&, const Lamina<T>&, Matrix<const T>, Matrix<T>, Matrix<const T>, Matrix<const T>, \
                                const LaminaSaved<T>&, const LaminaGradients<T>&, const Above<T>&);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace lamina
