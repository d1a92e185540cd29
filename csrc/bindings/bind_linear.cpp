// Bindings of products: gemm and the affine layer, on float32, float64 and bfloat16 arrays.
#include "bindings/bind.h"
#include "ops/bfloat16.h"
#include "ops/convert.h"
#include "ops/gemm.h"
#include "ops/lamina.h"

namespace lamina {
namespace {

template <class T>
Matrix<T> any_rank(const Array& a) {
  if (a.rank() == 2) return matrix_view<T>(a);
  const Vector<T> row = vector_view<T>(a);
  return matrix(row.data, 1, row.size);
}

// A result of operands of `like`'s dtype. Those of bfloat16 are summed in a float32 array, which `out` itself may be.
class Result {
 public:
  Result(const char* op, const char* name, py::handle out, const Array& like, const Shape& shape,
         std::initializer_list<const Array*> inputs)
      : out_(make_out(op, name, out, like, shape, inputs)), sums_(out_) {
    if (out_.dtype == DType::bfloat16) sums_ = new_array(op, name, like, DType::float32, shape);
  }
  const Array& out() const { return out_; }
  const Array& sums() const { return sums_; }
  Result16 view() const { return {any_rank<float>(sums_), out_.dtype == DType::bfloat16 ? any_rank<bfloat16>(out_) : Matrix<bfloat16>{}}; }

 private:
  static Array make_out(const char* op, const char* name, py::handle out, const Array& like, const Shape& shape,
                        std::initializer_list<const Array*> inputs) {
    if (like.dtype != DType::bfloat16) return array_out(op, name, out, like, like.dtype, shape, inputs);
    const bool sums = !out.is_none() && any_array_in(op, name, out).dtype == DType::float32;
    return array_out(op, name, out, like, sums ? DType::float32 : DType::bfloat16, shape, inputs);
  }

  Array out_, sums_;
};

// A bfloat16 array widened; others as they are.
Array widened(const Array& a) {
  if (!a.given() || a.dtype != DType::bfloat16) return a;
  const Array wide = new_array(a.op, a.name, a, DType::float32, a.shape());
  const auto from = any_rank<const bfloat16>(a);
  const auto to = any_rank<float>(wide);
  {
    const Native native(a);
    convert(native.context, from, to);
  }
  return wide;
}

py::object gemm_binding(py::object a_, py::object b_, py::object transpose_a_, py::object transpose_b_, py::object alpha_, py::object beta_,
                        py::object out_, py::object precision_) {
  const char* op = "gemm";
  const bool transpose_a = flag_in(op, "transpose_a", transpose_a_), transpose_b = flag_in(op, "transpose_b", transpose_b_);
  const double alpha = number_in(op, "alpha", alpha_), beta = number_in(op, "beta", beta_);
  const auto precision = precision_in(op, precision_);
  const Array a = any_array_in(op, "a", a_), b = array_in(op, "b", b_, a);
  if (beta != 0 && out_.is_none()) fail(op, "beta is ", beta, " without out, needs out");
  check_rank(a, 2);
  check_rank(b, 2);
  const Result out(op, "out", out_, a, {a.size(transpose_a ? 1 : 0), b.size(transpose_b ? 0 : 1)}, {&a, &b});
  if (a.dtype == DType::bfloat16) {
    const auto av = matrix_view<const bfloat16>(a), bv = matrix_view<const bfloat16>(b);
    const Result16 ov = out.view();
    const Native native(a, precision);
    gemm(native.context, av, transpose_a, bv, transpose_b, static_cast<float>(alpha), static_cast<float>(beta), ov);
  } else {
    with_dtype(a.dtype, [&](auto zero) {
      using T = decltype(zero);
      const auto av = matrix_view<const T>(a), bv = matrix_view<const T>(b);
      const auto ov = matrix_view<T>(out.sums());
      const Native native(a, precision);
      gemm<T>(native.context, av, transpose_a, bv, transpose_b, static_cast<T>(alpha), static_cast<T>(beta), ov);
    });
  }
  return out.out().object();
}

// A lamina that is its affine part and an activation.
template <class T>
Lamina<T> affine(const char* op, const Array& weight, const Array& bias, const Activation& activation) {
  Lamina<T> lamina;
  lamina.op = op;
  lamina.weight = matrix_view<const T>(weight);
  lamina.bias = vector_view<const T>(bias);
  lamina.activation = activation;
  return lamina;
}

py::object linear_forward_binding(py::object x_, py::object weight_, py::object bias_, py::object activation, const py::dict& parameters,
                                  py::object out_, py::object precision_) {
  const char* op = "linear_forward";
  const auto precision = precision_in(op, precision_);
  const Array x = any_array_in(op, "x", x_), weight = array_in(op, "weight", weight_, x), bias = optional_in(op, "bias", bias_, x);
  check_rank(x, 2);
  check_rank(weight, 2);
  const Activation spec = activation_in(op, activation, parameters);
  const Result out(op, "out", out_, x, {x.size(0), weight.size(0)}, {&x, &weight, &bias});
  if (x.dtype == DType::bfloat16) {
    const Array wide_bias = widened(bias);
    const auto xv = matrix_view<const bfloat16>(x), wv = matrix_view<const bfloat16>(weight);
    const auto bv = vector_view<const float>(wide_bias);
    const Result16 ov = out.view();
    const Native native(x, precision);
    linear_forward(native.context, spec, xv, wv, bv, ov);
  } else {
    with_dtype(x.dtype, [&](auto zero) {
      using T = decltype(zero);
      const Lamina<T> lamina = affine<T>(op, weight, bias, spec);
      const auto xv = matrix_view<const T>(x);
      const auto ov = matrix_view<T>(out.sums());
      const Native native(x, precision);
      lamina_forward<T>(native.context, lamina, xv, ov, {});
    });
  }
  return out.out().object();
}

py::tuple linear_backward_binding(py::object dy_, py::object x_, py::object weight_, py::object y_, py::object z_, py::object activation,
                                  const py::dict& parameters, py::object need_dx_, py::object out_, py::object precision_) {
  const char* op = "linear_backward";
  const auto precision = precision_in(op, precision_);
  const bool need_dx = flag_in(op, "need_dx", need_dx_);
  const Array dy = any_array_in(op, "dy", dy_), x = array_in(op, "x", x_, dy), weight = array_in(op, "weight", weight_, dy);
  const Array y = optional_in(op, "y", y_, dy), z = optional_in(op, "z", z_, dy);
  const Activation spec = activation_in(op, activation, parameters);
  const ActivationInfo& info = activation_info(spec.index);
  const Array& saved = info.reads_output ? y : z;
  if (spec.index != 0 && !saved.given()) {
    fail(op, "the derivative of ", info.name, " follows from ", info.reads_output ? "its output: give y" : "the pre-activation: give z");
  }
  check_rank(dy, 2);
  check_rank(x, 2);
  check_rank(weight, 2);
  if (dy.size(0) != x.size(0) || dy.size(1) != weight.size(0) || x.size(1) != weight.size(1)) {
    fail(op, "dy has shape ", shape_text(dy.shape()), ", x ", shape_text(x.shape()), ", weight ", shape_text(weight.shape()),
         ": needs (batch, out), (batch, in), (out, in)");
  }
  if (spec.index != 0 && saved.shape() != dy.shape()) {
    fail(op, saved.name, " has shape ", shape_text(saved.shape()), ", needs ", shape_text(dy.shape()));
  }
  const auto outs = several_outs(op, out_, 3);
  const auto inputs = {&dy, &x, &weight, &y, &z};
  std::optional<Result> dx;
  if (need_dx) dx.emplace(op, "dx", outs[0], dy, x.shape(), inputs);
  const Result dw(op, "dweight", outs[1], dy, weight.shape(), inputs), db(op, "dbias", outs[2], dy, Shape{weight.size(0)}, inputs);
  if (dx) check_apart(dx->out(), dw.out());
  if (dx) check_apart(dx->out(), db.out());
  check_apart(dw.out(), db.out());
  const Array dz = new_array(op, "dz", dy, dw.sums().dtype, dy.shape());
  if (dy.dtype == DType::bfloat16) {
    const Array wide_saved = widened(saved), rounded = new_array(op, "dz", dy, DType::bfloat16, dy.shape());
    const auto dyv = matrix_view<const bfloat16>(dy), xv = matrix_view<const bfloat16>(x), wv = matrix_view<const bfloat16>(weight);
    const Result16 dzv{matrix_view<float>(dz), matrix_view<bfloat16>(rounded)}, dxv = dx ? dx->view() : Result16{}, dwv = dw.view(),
                                                                                dbv = db.view();
    const auto savedv = spec.index != 0 ? matrix_view<const float>(wide_saved) : Matrix<const float>(dzv.sums);
    const Native native(dy, precision);
    linear_backward(native.context, spec, dyv, savedv, dzv, xv, wv, dxv, dwv, dbv);
  } else {
    with_dtype(dy.dtype, [&](auto zero) {
      using T = decltype(zero);
      const Lamina<T> lamina = affine<T>(op, weight, db.sums(), spec);  // a bias is present; its values are not read
      const auto dyv = matrix_view<const T>(dy), xv = matrix_view<const T>(x);
      const auto dzv = matrix_view<T>(dz);
      const auto yv = spec.index != 0 ? matrix_view<const T>(saved) : Matrix<const T>(dzv);
      const LaminaGradients<T> gradients{
          matrix_view<T>(dw.sums()), vector_view<T>(db.sums()), {}, {}, dx ? matrix_view<T>(dx->sums()) : Matrix<T>{}};
      const Native native(dy, precision);
      lamina_backward<T>(native.context, lamina, dyv, dzv, xv, yv, {}, gradients);
    });
  }
  return py::make_tuple(dx ? dx->out().object() : py::none(), dw.out().object(), db.out().object());
}

}  // namespace

void bind_linear(py::module_& m) {
  m.def("gemm", gemm_binding);
  m.def("linear_forward", linear_forward_binding);
  m.def("linear_backward", linear_backward_binding);
}

}  // namespace lamina
