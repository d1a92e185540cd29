// The tail backward: dropout and activation undone piece by piece, batch norm in two passes down strips of columns.
#pragma once

#include "kernels/gemm-inl.h"

namespace lamina::LAMINA_ISA {

// Gradient dh of h -> gradient d of the activation's input, for one block; d may be dh or saved.
template <class T>
void undo_dropout_and_activation(const Tail<T>& tail, Matrix<const T> dh, Matrix<T> d, Matrix<const T> saved, const Block& block,
                                 Place place) {
  const BackwardSpan<T> activation = backward_span<T>(tail.activation, Activations{});
  const T scale = static_cast<T>(tail.dropout.scale);
  const bool draws = tail.dropout && !flat_at_zero(tail.activation, Activations{});  // otherwise saved is h, whose zeros tell
  const auto piece = [&](int64_t row, int64_t column, int64_t count, const uint8_t* bits) {
    const int64_t r = block.row + row, c = block.column + column;
    const T* dy = dh.row(r) + c;
    T* const dx = d.row(r) + c;
    alignas(64) T undropped[kept_piece];  // not in d, which may be what the activation still has to read
    if (bits) {
      dropout_span(count, dy, undropped, bits, scale);
      dy = undropped;
    }
    if (tail.activation != 0) {
      activation(count, dy, saved.row(r) + c, dx, tail.parameters);
    } else {
      copy_span(count, dy, dx);
    }
    if (tail.dropout && !draws) {
      over<T>(count, [=](int64_t i, auto lanes) { store(dx + i, load(dx + i, lanes) * Vec<T>(scale), lanes); });
    }
  };
  if (draws && place != Place::cache) {
    const FetchAhead<T> fetch_dh(dh, block), fetch_d(d, block);
    over_kept(tail.dropout, block, piece,
              [&](int64_t row, int64_t column, int round) { fetch_dh(row, column, round), fetch_d(row, column, round); });
  } else if (draws) {
    over_kept(tail.dropout, block, piece);
  } else {
    for (int64_t row = 0; row < block.rows; ++row) piece(row, 0, block.columns, nullptr);
  }
}

// One strip of batch norm: `dy` is the gradient of its output, d takes that of z.
template <class T>
struct BatchnormBackward {
  const Tail<T>& tail;
  const TailSums<T>& sums;
  Matrix<const T> dy, z;
  Matrix<T> d;
  int64_t column, columns;
  alignas(64) double total[strip_columns], total_xhat[strip_columns];
  alignas(64) T scale[strip_columns], mean_dy[strip_columns], mean_dy_xhat[strip_columns];

  BatchnormBackward(const Tail<T>& tail_, const TailSums<T>& sums_, Matrix<const T> dy_, Matrix<const T> z_, Matrix<T> d_, int64_t column_,
                    int64_t columns_)
      : tail(tail_), sums(sums_), dy(dy_), z(z_), d(d_), column(column_), columns(columns_) {
    for (int64_t c = 0; c < columns; ++c) total[c] = total_xhat[c] = 0;
  }

  void add_sums(int64_t first, int64_t rows) {
    alignas(64) T chunk[strip_columns], chunk_xhat[strip_columns];
    const T *dy_rows = dy.row(first) + column, *z_rows = z.row(first) + column, *mean = tail.mean + column, *rstd = tail.rstd + column;
    const int64_t dy_stride = dy.stride, z_stride = z.stride;
    chunk_sums<T, 2>(z_rows, rows, columns, {chunk, chunk_xhat}, [=](int64_t r, int64_t c, auto lanes) {
      const Vec<T> g = load(dy_rows + r * dy_stride + c, lanes);
      const Vec<T> xhat = normalise(load(z_rows + r * z_stride + c, lanes), load(mean + c, lanes), load(rstd + c, lanes));
      return std::array{g, g * xhat};
    });
    for (int64_t c = 0; c < columns; ++c) {
      total[c] += chunk[c];
      total_xhat[c] += chunk_xhat[c];
    }
  }
  void finish_sums() {
    const double count = static_cast<double>(d.rows);
    for (int64_t c = 0; c < columns; ++c) {
      if (sums.beta) sums.beta[column + c] = static_cast<T>(total[c]);
      if (sums.gamma) sums.gamma[column + c] = static_cast<T>(total_xhat[c]);
      scale[c] = tail.gamma[column + c] * tail.rstd[column + c];
      mean_dy[c] = sums.batch_statistics ? static_cast<T>(total[c] / count) : T(0);
      mean_dy_xhat[c] = sums.batch_statistics ? static_cast<T>(total_xhat[c] / count) : T(0);
    }
  }
  void write_gradient(int64_t first, int64_t rows) {
    const T *mean = tail.mean + column, *rstd = tail.rstd + column, *scales = scale, *means = mean_dy, *means_xhat = mean_dy_xhat;
    const T *from = dy.row(first) + column, *z_rows = z.row(first) + column;
    T* const to = d.row(first) + column;
    const int64_t from_stride = dy.stride, z_stride = z.stride, to_stride = d.stride;
    over_row_groups<2>(rows, columns, to, {from, z_rows}, [=](int64_t group, auto together, int64_t c, auto lanes) {
      const Vec<T> m = load(mean + c, lanes), s = load(rstd + c, lanes);
      const Vec<T> k = load(scales + c, lanes), k_dy = load(means + c, lanes), k_xhat = load(means_xhat + c, lanes);
      Vec<T> x[together];
      for (int64_t r = 0; r < together; ++r) {
        const Vec<T> xhat = normalise(load(z_rows + (group + r) * z_stride + c, lanes), m, s);
        x[r] = batchnorm_gradient(load(from + (group + r) * from_stride + c, lanes), xhat, k, k_dy, k_xhat);
      }
      for (int64_t r = 0; r < together; ++r) store(to + (group + r) * to_stride + c, x[r], lanes);
    });
  }
};

// One strip of columns of the tail, with its column sums.
template <class T>
void tail_backward_strip(const Tail<T>& tail, Matrix<const T> dh, Matrix<T> d, Matrix<const T> saved, Matrix<const T> z,
                         const TailSums<T>& sums, int64_t column, int64_t columns) {
  const bool copies = tail.dropout || tail.activation != 0 || (dh.data != d.data && !tail.mean);
  const Place place = place_of_strip<T>(d.rows, columns);
  T* const bias = sums.bias ? sums.bias + column : nullptr;
  if (bias) {
    for (int64_t c = 0; c < columns; ++c) bias[c] = 0;
  }
  const auto undo = [&](int64_t first, int64_t rows) {
    if (copies) undo_dropout_and_activation(tail, dh, d, saved, Block{first, rows, column, columns}, place);
  };
  const auto add_bias = [&](int64_t first, int64_t rows) {
    if (bias) add_chunk<T>(d, first, rows, column, columns, bias);
  };
  if (tail.mean) {
    BatchnormBackward<T> norm(tail, sums, copies ? Matrix<const T>(d) : dh, z, d, column, columns);
    over_chunks(d.rows, [&](int64_t first, int64_t rows) {
      undo(first, rows);
      norm.add_sums(first, rows);
    });
    norm.finish_sums();
    over_chunks(d.rows, [&](int64_t first, int64_t rows) {
      norm.write_gradient(first, rows);
      add_bias(first, rows);
    });
  } else {
    over_chunks(d.rows, [&](int64_t first, int64_t rows) {
      undo(first, rows);
      add_bias(first, rows);
    });
  }
}

template <class T>
bool joins(const Context& context, const Gemm<T>&, int64_t columns) {
  constexpr int64_t worthwhile_strip = 32;  // columns: below, the shares would be uneven
  return columns >= worthwhile_strip * context.threads;
}

template <class T>
void tail_backward(const Context& context, const Tail<T>& tail, Matrix<const T> dh, Matrix<T> d, Matrix<const T> saved, Matrix<const T> z,
                   const TailSums<T>& sums, const Gemm<T>* incoming, const Gemm<T>* weight_gradient) {
  if (tail.mean || sums.bias || incoming || weight_gradient) {
    // A strip of d is all that its columns of the product above and its rows of the weight's gradient need: no thread
    // waits for another.
    const double products = (incoming ? gemm_cost(*incoming) : 0) + (weight_gradient ? gemm_cost(*weight_gradient) : 0);
    const double cost = 1.0 + products / static_cast<double>(larger(1, d.rows * d.columns));
    over_strips(context, d.rows, d.columns, cost, [&](int64_t column, int64_t columns) {
      if (incoming) gemm_part(*incoming, 0, incoming->c.rows, column, columns);
      tail_backward_strip(tail, dh, d, saved, z, sums, column, columns);
      if (weight_gradient) gemm_part(*weight_gradient, column, columns, 0, weight_gradient->c.columns);
    });
  } else if (!tail.identity() || dh.data != d.data) {
    over_blocks(context, d.rows, d.columns, block_elements, 0.5,
                [&](const Block& block) { undo_dropout_and_activation(tail, dh, d, saved, block, Place::memory); });
  }
}

}  // namespace lamina::LAMINA_ISA
