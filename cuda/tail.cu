// What follows the affine part, forward: batch norm with given statistics, activation, dropout.
#include "cuda/table.h"
#include "cuda/tail.cuh"
#include "cuda/tile.cuh"

namespace lamina::cuda {
namespace {

template <class T>
__global__ void tail_forward_kernel(Tail<T> tail, Matrix<const T> z, Matrix<T> saved, Matrix<T> h) {
  const Tile tile(h.rows, h.columns);
  const uint32_t word = tail.dropout ? keep_word(tail.dropout, tile) : 0;
  const TailColumn<T> column(tail, tile.inside ? tile.column : 0);
  with_activation(tail.activation, Activations{}, [&](auto activation) {
    for (int r = 0; r < tile.rows; ++r) {
      const bool keep = tail.dropout && kept(word, r, tile.lane);
      if (!tile.inside) continue;
      using A = decltype(activation);
      const T input = column.normalised(z.row(tile.row + r)[tile.column]), y = A::forward(input, column.parameters);
      if (saved) saved.row(tile.row + r)[tile.column] = saved_of<A>(input, y);
      h.row(tile.row + r)[tile.column] = column.dropped(y, keep);
    }
  });
}

}  // namespace

template <class T>
void tail_forward(const Context& context, const Tail<T>& tail, Matrix<const T> z, Matrix<T> saved, Matrix<T> h) {
  launch_tiles(context, "tail_forward", h.rows, h.columns, tail_forward_kernel<T>, tail, z, saved, h);
}

template <class T>
void fill_tail(Kernels<T>& kernels) {
  kernels.tail_forward = tail_forward<T>;
  kernels.streams = [](const Context&, Matrix<const T>, Matrix<T>, Matrix<T>) { return false; };
}

template void tail_forward(const Context&, const Tail<float>&, Matrix<const float>, Matrix<float>, Matrix<float>);
template void tail_forward(const Context&, const Tail<double>&, Matrix<const double>, Matrix<double>, Matrix<double>);
template void fill_tail(Kernels<float>&);
template void fill_tail(Kernels<double>&);

}  // namespace lamina::cuda
