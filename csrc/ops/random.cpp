// Counter-based draws: keys checked, thresholds worked out.
#include "ops/random.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "kernels/kernel_table.h"
#include "ops/prepare.h"
#include "ops/shapes.h"

namespace lamina {
namespace {

template <class T>
void drop(const char* op, const Context& context, const Dropout& dropout, Purpose purpose, Matrix<const T> x, Matrix<T> y) {
  check(op, dropout);
  check(op, dropout.key, x.rows);
  expect_shape(op, "out", y, x.rows, x.columns);
  Tail<T> tail;
  if (dropout) tail.dropout = prepare_dropout(dropout, purpose);
  context.table->kernels<T>().tail_forward(context, tail, x, {}, y);
}

}  // namespace

void check(const char* op, const RandomKey& key, int64_t rows) {
  if (key.layer >= 1u << 24) fail(op, "layer is ", key.layer, ", needs 0 to 2**24 - 1");
  if (key.row_offset < 0 || key.row_offset + rows > int64_t{1} << 32) {
    fail(op, "row_offset is ", key.row_offset, " with ", rows, " rows, needs rows within 0 to 2**32");
  }
}

void check(const char* op, const Dropout& dropout) {
  if (!(dropout.p >= 0 && dropout.p < 1)) fail(op, "p is ", dropout.p, ", needs 0 <= p < 1");
  check(op, dropout.key, 0);
}

void philox(const Context& context, Vector<const uint32_t> counter, Vector<const uint32_t> key, Vector<uint32_t> out) {
  context.table->philox_blocks(context, counter.data, key.data, key.size == 2 ? 0 : 2, counter.size / 4, out.data);
}

template <class T>
void random_uniform(const Context& context, const RandomKey& key, Matrix<T> out) {
  check("random_uniform", key, out.rows);
  context.table->kernels<T>().random_uniform(context, prepare_draw(Purpose::uniform, key), out);
}

template <class T>
void random_normal(const Context& context, const RandomKey& key, Matrix<T> out) {
  check("random_normal", key, out.rows);
  context.table->kernels<T>().random_normal(context, prepare_draw(Purpose::normal, key), out);
}

// Fisher & Yates from the last place down; place i draws from counter row i.
void random_permutation(const Context& context, const RandomKey& key, Vector<int64_t> out) {
  check("random_permutation", key, out.size);
  const Draw draw = prepare_draw(Purpose::permutation, key);
  for (int64_t i = 0; i < out.size; ++i) out[i] = i;
  constexpr int64_t together = 512;
  uint64_t words[together];
  for (int64_t end = out.size; end > 1;) {
    const int64_t first = end > together ? end - together : 0;
    context.table->random_words(draw, first, end - first, words);
    for (; end > std::max<int64_t>(first, 1); --end) {
      const uint64_t word = words[end - 1 - first];
      const auto j = static_cast<int64_t>(static_cast<unsigned __int128>(word) * static_cast<uint64_t>(end) >> 64);
      std::swap(out[end - 1], out[j]);
    }
  }
}

void dropout_mask(const Context& context, const Dropout& dropout, Matrix<uint8_t> keep) {
  check("dropout_mask", dropout);
  check("dropout_mask", dropout.key, keep.rows);
  context.table->dropout_mask(context, prepare_dropout(dropout), keep);
}

template <class T>
void dropout(const Context& context, const Dropout& dropout, Matrix<const T> x, Matrix<T> y) {
  drop("dropout", context, dropout, Purpose::dropout, x, y);
}

template <class T>
void dropout_inference(const Context& context, const Dropout& dropout, Matrix<const T> x, Matrix<T> y) {
  const char* op = "dropout";
  check(op, dropout);
  expect_shape(op, "out", y, x.rows, x.columns);
  const double share = dropout.inverted ? 1 : share_kept(dropout.p);
  context.table->kernels<T>().weighted_sum(context, static_cast<T>(share), x, 0, {}, y);
}

template <class T>
void masking_noise(const Context& context, const Dropout& noise, Matrix<const T> x, Matrix<T> y) {
  Dropout masked = noise;
  masked.inverted = false;
  drop("masking_noise", context, masked, Purpose::masking_noise, x, y);
}

#define INSTANTIATE(T)                                                                         \
  template void random_uniform(const Context&, const RandomKey&, Matrix<T>);                   \
  template void random_normal(const Context&, const RandomKey&, Matrix<T>);                    \
  template void dropout(const Context&, const Dropout&, Matrix<const T>, Matrix<T>);           \
  template void dropout_inference(const Context&, const Dropout&, Matrix<const T>, Matrix<T>); \
  template void masking_noise(const Context&, const Dropout&, Matrix<const T>, Matrix<T>);
INSTANTIATE(float)
INSTANTIATE(double)
#undef INSTANTIATE

}  // namespace lamina
