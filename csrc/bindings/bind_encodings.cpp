// Bindings of what stands before a net: embedding of codes, periodic and piecewise-linear encodings of numbers.
#include "bindings/bind.h"
#include "ops/embedding.h"
#include "ops/encodings.h"

namespace lamina {
namespace {

py::object embedding_forward_binding(py::object codes_, py::object table_, py::object out_) {
  const char* op = "embedding_forward";
  const Array table = array_in(op, "table", table_);
  check_rank(table, 2);
  const Labels codes = labels_in(op, "codes", codes_, table.on_device());
  const Array out = array_out(op, "out", out_, table, table.dtype, {codes.view().size, table.size(1)}, {&table});
  with_dtype(table.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto cv = codes.view();
    const auto tv = matrix_view<const T>(table);
    const auto ov = matrix_view<T>(out);
    const Native native(table);
    embedding_forward<T>(native.context, cv, tv, ov);
  });
  return out.object();
}

py::object embedding_backward_binding(py::object dy_, py::object codes_, py::object rows_, py::object out_) {
  const char* op = "embedding_backward";
  const Array dy = array_in(op, "dy", dy_);
  check_rank(dy, 2);
  const Labels codes = labels_in(op, "codes", codes_, dy.on_device());
  const int64_t rows = integer_in(op, "rows", rows_);
  if (rows < 0) fail(op, "rows is ", rows, ", needs at least 0");
  const Array out = array_out(op, "out", out_, dy, dy.dtype, {rows, dy.size(1)}, {&dy});
  with_dtype(dy.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto dyv = matrix_view<const T>(dy);
    const auto cv = codes.view();
    const auto ov = matrix_view<T>(out);
    const Native native(dy);
    embedding_backward<T>(native.context, dyv, cv, ov);
  });
  return out.object();
}

// An encoding's input, and what belongs to each of its features in a row.
struct Features {
  Array x, each;
  Features(const char* op, const char* name, const py::object& x_, const py::object& each_)
      : x(array_in(op, "x", x_)), each(array_in(op, name, each_, x)) {
    check_rank(x, 2);
    check_rank(each, 2);
  }
};

py::object periodic_forward_binding(py::object x_, py::object frequencies_, py::object out_) {
  const char* op = "periodic_forward";
  const auto [x, frequencies] = Features(op, "frequencies", x_, frequencies_);
  const Shape shape{x.size(0), 2 * x.size(1) * frequencies.size(1)};
  const Array out = array_out(op, "out", out_, x, x.dtype, shape, {&x, &frequencies});
  with_dtype(x.dtype, [&, &x = x, &frequencies = frequencies](auto zero) {
    using T = decltype(zero);
    const auto xv = matrix_view<const T>(x), fv = matrix_view<const T>(frequencies);
    const auto ov = matrix_view<T>(out);
    const Native native(x);
    periodic_forward<T>(native.context, xv, fv, ov);
  });
  return out.object();
}

py::tuple periodic_backward_binding(py::object dy_, py::object x_, py::object frequencies_, py::object y_, py::object need_dx_,
                                    py::object out_) {
  const char* op = "periodic_backward";
  const auto [x, frequencies] = Features(op, "frequencies", x_, frequencies_);
  const Array dy = array_in(op, "dy", dy_, x), y = array_in(op, "y", y_, x);
  const bool need_dx = flag_in(op, "need_dx", need_dx_);
  const auto outs = several_outs(op, out_, 2);
  const auto inputs = {&dy, &x, &frequencies, &y};
  if (!need_dx && !outs[0].is_none()) fail(op, "out has an array for dx, needs None without need_dx");
  const Array dx = need_dx ? array_out(op, "dx", outs[0], x, x.dtype, x.shape(), inputs) : no_array(op, "dx", x.dtype);
  const Array df = array_out(op, "dfrequencies", outs[1], x, x.dtype, frequencies.shape(), inputs);
  check_apart(dx, df);
  with_dtype(x.dtype, [&, &x = x, &frequencies = frequencies](auto zero) {
    using T = decltype(zero);
    const auto dyv = matrix_view<const T>(dy), xv = matrix_view<const T>(x), fv = matrix_view<const T>(frequencies);
    const auto yv = matrix_view<const T>(y);
    const auto dxv = matrix_view<T>(dx), dfv = matrix_view<T>(df);
    const Native native(x);
    periodic_backward<T>(native.context, dyv, xv, fv, yv, dxv, dfv);
  });
  return py::make_tuple(dx.object(), df.object());
}

py::object piecewise_linear_forward_binding(py::object x_, py::object edges_, py::object out_) {
  const char* op = "piecewise_linear_forward";
  const auto [x, edges] = Features(op, "edges", x_, edges_);
  const Shape shape{x.size(0), x.size(1) * std::max<int64_t>(edges.size(1) - 1, 0)};
  const Array out = array_out(op, "out", out_, x, x.dtype, shape, {&x, &edges});
  with_dtype(x.dtype, [&, &x = x, &edges = edges](auto zero) {
    using T = decltype(zero);
    const auto xv = matrix_view<const T>(x), ev = matrix_view<const T>(edges);
    const auto ov = matrix_view<T>(out);
    const Native native(x);
    piecewise_linear_forward<T>(native.context, xv, ev, ov);
  });
  return out.object();
}

py::object piecewise_linear_backward_binding(py::object dy_, py::object x_, py::object edges_, py::object out_) {
  const char* op = "piecewise_linear_backward";
  const auto [x, edges] = Features(op, "edges", x_, edges_);
  const Array dy = array_in(op, "dy", dy_, x);
  const Array dx = array_out(op, "dx", out_, x, x.dtype, x.shape(), {&dy, &x, &edges});
  with_dtype(x.dtype, [&, &x = x, &edges = edges](auto zero) {
    using T = decltype(zero);
    const auto dyv = matrix_view<const T>(dy), xv = matrix_view<const T>(x), ev = matrix_view<const T>(edges);
    const auto dxv = matrix_view<T>(dx);
    const Native native(x);
    piecewise_linear_backward<T>(native.context, dyv, xv, ev, dxv);
  });
  return dx.object();
}

}  // namespace

void bind_encodings(py::module_& m) {
  m.def("embedding_forward", embedding_forward_binding);
  m.def("embedding_backward", embedding_backward_binding);
  m.def("periodic_forward", periodic_forward_binding);
  m.def("periodic_backward", periodic_backward_binding);
  m.def("piecewise_linear_forward", piecewise_linear_forward_binding);
  m.def("piecewise_linear_backward", piecewise_linear_backward_binding);
}

}  // namespace lamina
