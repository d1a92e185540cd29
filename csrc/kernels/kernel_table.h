// The one dispatch: typed function pointers, filled generic -> avx2 -> avx512, chosen at run time.
// Kernels assume valid input, never allocate and never throw; only ops/ calls them.
#pragma once

#include "base/context.h"
#include "base/specs.h"
#include "base/types.h"
#include "math/noise.h"
#include "math/optimizers.h"

namespace lamina {

// Where a draw happens (math/philox.h) with its constants worked out; threshold 0 means no dropout.
struct Draw {
  uint64_t seed = 0;
  uint32_t purpose_and_layer = 0, step = 0, row_offset = 0;
  uint32_t threshold = 0;  // kept where 16 random bits are below
  double scale = 1;
  const uint32_t* step_at = nullptr;  // on a device: where the step is found in its stead, and how far ahead of that
  uint32_t ahead = 0;

  constexpr explicit operator bool() const { return threshold != 0; }
};

// What follows a lamina's affine part: y = g(gamma (z - mean) rstd + beta), h = y under the dropout mask.
template <class T>
struct Tail {
  const T *mean = nullptr, *rstd = nullptr, *gamma = nullptr, *beta = nullptr;  // (columns,), all or none
  int activation = 0;
  T parameters[2] = {};
  Draw dropout;

  constexpr bool identity() const { return !mean && activation == 0 && !dropout; }
};

// What a training pass of batch norm leaves behind.
template <class T>
struct BatchStatistics {
  T *mean, *rstd;                 // (columns,) written
  T *running_mean, *running_var;  // (columns,) or null, updated
  double eps, momentum;
  bool unbiased_running_var;
};

// c = alpha a b + beta c + bias, then the tail in place on each finished block of rows.
template <class T>
struct Gemm {
  const T* a = nullptr;  // (rows, depth); one of its two strides is 1
  int64_t a_row = 0, a_depth = 0;
  const T* b = nullptr;  // (depth, columns); one of its two strides is 1
  int64_t b_depth = 0, b_column = 0;
  Matrix<T> c = {};
  int64_t depth = 0;
  T alpha = 1, beta = 0;
  const T* bias = nullptr;  // (columns,)
  Matrix<T> partial = {};   // where chunk sums gather: c itself, or scratch of c's shape when beta != 0
  const Tail<T>* tail = nullptr;
  Matrix<T> saved = {};  // what the activation's backward reads, when wanted: its input, or its output before dropout
  // Batch norm in training: each finished strip of columns is measured, then the tail takes it from c to h.
  const BatchStatistics<T>* statistics = nullptr;
  Matrix<T> h = {};
  // On tables with a bfloat16 unit: both operands in a's and b's stead, and where what is in c in the end goes rounded.
  const bfloat16 *a16 = nullptr, *b16 = nullptr;
  Matrix<bfloat16> rounded = {};
};

// How `gemm` goes about a product, told by the code that does it.
struct GemmPlanInfo {
  int64_t down, across, height, width;     // tasks by rows and by columns, and what the first of them computes
  int64_t tile_rows, tile_columns;         // of the result, in registers
  int64_t depth_step;                      // its chunk of the depth
  bool pack_a, pack_b, pack_edge = false;  // edge: b's last columns, where they do not fill a vector
  int halves = 0;                          // bfloat16 numbers for each operand's: 1 at medium, 2 at high, 0 at highest
  const char* unit = nullptr;              // what multiplies those, where it is not always the table's bfloat16_unit
  bool chunks_apart = false;               // a chunk of the depth has tasks of its own
  bool turn_b = false;                     // in registers
};

// Column sums that the backward tail collects; null where not wanted.
template <class T>
struct TailSums {
  T* bias = nullptr;                    // of the gradient of z
  T *gamma = nullptr, *beta = nullptr;  // of batch norm, when the tail has one
  bool batch_statistics = true;         // mean and rstd depend on z
};

// Row weights and the factor common to all rows: 1 / total where that is given.
template <class T>
struct RowWeights {
  const T* sample = nullptr;   // (rows,)
  const T* classes = nullptr;  // (class_count,), indexed by the row's label
  double factor = 1;
  const double* total = nullptr;
  int64_t class_count = 0;
};

// PReLU's: one for each column, or one for all.
template <class T>
struct Slopes {
  const T* at;
  bool each;
};

// Which row of a table each row of a batch takes: whole numbers, or as they stand in a column of data.
template <class T>
struct Codes {
  const int64_t* whole = nullptr;
  const T* numbers = nullptr;
  int64_t stride = 1;  // of numbers

  // -1 where it is none of the table's `rows`.
  constexpr int64_t at(int64_t i, int64_t rows) const {
    if (whole) return whole[i] >= 0 && whole[i] < rows ? whole[i] : -1;
    const T number = numbers[i * stride];
    return number >= 0 && number < static_cast<T>(rows) ? static_cast<int64_t>(number) : -1;
  }
};

// What an optimizer step works on: flat arrays of `size`; those of the state that it does without are null.
template <class T>
struct StepBuffers {
  int64_t size;
  T* params;
  const T* grads;
  T* state[2];
  const double* constants = nullptr;  // on a device: where those of the step are found in the stead of the arguments
};

template <class T>
struct Kernels {
  void (*gemm)(const Context&, const Gemm<T>&);
  GemmPlanInfo (*describe_gemm)(const Context&, const Gemm<T>&);
  // Whether a tail's results go past the caches.
  bool (*streams)(const Context&, Matrix<const T> z, Matrix<T> saved, Matrix<T> h);
  void (*tail_forward)(const Context&, const Tail<T>&, Matrix<const T> z, Matrix<T> saved, Matrix<T> h);
  // tail.mean and tail.rstd are what statistics writes.
  void (*batchnorm_forward)(const Context&, const Tail<T>&, const BatchStatistics<T>&, Matrix<const T> z, Matrix<T> saved, Matrix<T> h);
  // dh -> d, the gradient of z, which may be dh; saved: what the activation's backward reads; z: for batch norm. Products
  // that it `joins` are computed strip by strip: before, the one that gives dh; behind, the weight's gradient, whose a is d
  // transposed. Either may be null.
  void (*tail_backward)(const Context&, const Tail<T>&, Matrix<const T> dh, Matrix<T> d, Matrix<const T> saved, Matrix<const T> z,
                        const TailSums<T>&, const Gemm<T>* incoming, const Gemm<T>* weight_gradient);
  // Whether strips of a tail of so many columns are wide enough for the product.
  bool (*joins)(const Context&, const Gemm<T>&, int64_t columns);
  void (*prelu_forward)(const Context&, const Slopes<T>&, Matrix<const T> z, Matrix<T> y);
  // dz may be dy; d_slopes: (columns,), also where all have one.
  void (*prelu_backward)(const Context&, const Slopes<T>&, Matrix<const T> dy, Matrix<const T> z, Matrix<T> dz, T* d_slopes);
  // values where z > 0, else times lower + range u with u drawn uniformly: z's own forward, dy's backward.
  void (*rrelu)(const Context&, const Draw&, T lower, T range, Matrix<const T> values, Matrix<const T> z, Matrix<T> out);
  void (*gaussian_noise)(const Context&, const Draw&, T deviation, Matrix<const T> x, Matrix<T> out);
  // Kept as the draw says; of the others those whose 16 bits are below low_threshold become low.
  void (*replace)(const Context&, const Draw&, uint32_t low_threshold, const Replacement<T>&, Matrix<const T> x, Matrix<T> out);
  // An element of either matrix, as the draw says; one that is absent is all zeros.
  void (*choose)(const Context&, const Draw&, Matrix<const T> kept, Matrix<const T> dropped, Matrix<T> out);
  void (*weighted_sum)(const Context&, T a, Matrix<const T> x, T b, Matrix<const T> y, Matrix<T> out);  // y may be absent
  // Noise of weights, as math/noise.h has it.
  void (*shakeout)(const Context&, const Draw&, T c, T rise, Matrix<const T> weight, Matrix<T> out);
  void (*whiteout_forward)(const Context&, const Draw&, const Whiteout<T>&, Matrix<const T> weight, Matrix<T> out);
  void (*whiteout_backward)(const Context&, const Draw&, const Whiteout<T>&, Matrix<const T> dy, Matrix<const T> weight, Matrix<T> out);
  // Units of a restricted Boltzmann machine (math/rbm.h): drawn from their probabilities or inputs, `out` may be the same;
  // a sparsity target's part of a gradient; and the free energy of each row, from the hidden units' inputs a.
  void (*bernoulli)(const Context&, const Draw&, Matrix<const T> p, Matrix<T> out);
  void (*noisy_relu)(const Context&, const Draw&, Matrix<const T> a, Matrix<T> out);
  void (*pull)(const Context&, T* g, const T* x, int64_t n, T target, T cost);  // g += cost (x - target)
  void (*rbm_free_energy)(const Context&, Matrix<const T> v, const T* visible_bias, T half, Matrix<const T> a, T* out);
  // What inference normalises with.
  void (*inference_statistics)(const Context&, const T* running_mean, const T* running_var, double eps, int64_t columns, T* mean, T* rstd);
  void (*column_sum)(const Context&, Matrix<const T> x, T* out);
  // Rows by their own statistics; gamma and beta, and so their gradients, may be null. y may be x, dx may be dy.
  void (*layernorm_forward)(const Context&, Matrix<const T> x, const T* gamma, const T* beta, double eps, Matrix<T> y, T* mean, T* rstd);
  void (*layernorm_backward)(const Context&, Matrix<const T> dy, Matrix<const T> x, const T* gamma, const T* mean, const T* rstd,
                             Matrix<T> dx, T* dgamma, T* dbeta);
  // Rows of NaN, and no gradient, for codes that are none.
  void (*embedding_forward)(const Context&, const Codes<T>& codes, Matrix<const T> table, Matrix<T> y);
  void (*embedding_backward)(const Context&, Matrix<const T> dy, const Codes<T>& codes, Matrix<T> d_table);
  // Features become columns: frequencies are (features, count), edges (features, bins + 1); dx may be absent.
  void (*periodic_forward)(const Context&, Matrix<const T> x, Matrix<const T> frequencies, Matrix<T> y);
  void (*periodic_backward)(const Context&, Matrix<const T> dy, Matrix<const T> x, Matrix<const T> frequencies, Matrix<const T> y,
                            Matrix<T> dx, Matrix<T> d_frequencies);
  void (*piecewise_linear_forward)(const Context&, Matrix<const T> x, Matrix<const T> edges, Matrix<T> y);
  void (*piecewise_linear_backward)(const Context&, Matrix<const T> dy, Matrix<const T> x, Matrix<const T> edges, Matrix<T> dx);
  void (*softmax_forward)(const Context&, Matrix<const T> x, Matrix<T> y, bool logarithm);
  void (*softmax_backward)(const Context&, Matrix<const T> dy, Matrix<const T> y, Matrix<T> dx, bool logarithm);
  // The sum of all rows' weights, in the order of math/order.h.
  void (*total_weight)(const Context&, const RowWeights<T>&, const int64_t* labels, int64_t rows, double* total);
  // Both write weighted row losses and gradients; sum_rows makes one number of them. With `divergence` the probabilities'
  // own entropy is taken off.
  void (*softmax_cross_entropy)(const Context&, Matrix<const T> logits, const int64_t* labels, Matrix<const T> probabilities, T smoothing,
                                bool divergence, const RowWeights<T>&, Matrix<T> d_logits, double* row_loss);
  // index: in ElementwiseLosses (math/losses.h); constant: of the formula, where it has one.
  void (*elementwise_loss)(const Context&, int index, T constant, Matrix<const T> x, Matrix<const T> target, const RowWeights<T>&,
                           T unit_factor, Matrix<T> dx, double* row_loss);
  void (*sgd)(const Context&, const StepBuffers<T>&, const SgdConstants<double>&, bool nesterov);
  void (*adagrad)(const Context&, const StepBuffers<T>&, const AdagradConstants<double>&);
  void (*rmsprop)(const Context&, const StepBuffers<T>&, const RmspropConstants<double>&);
  void (*adam)(const Context&, const StepBuffers<T>&, const AdamConstants<double>&);
  void (*clip_by_value)(const Context&, T* g, int64_t n, double limit);
  // The sum of squares of each of math/order.h's chunks, `sums` where g is; and g scaled to at most `limit` by the norm that
  // comes from all squares.
  void (*square_sums)(const Context&, const T* g, int64_t n, double* sums);
  void (*scale_to_norm)(const Context&, T* g, int64_t n, const double* squares, double limit, double* norm);
  // Rows of w scaled to norms of at most `limit`.
  void (*max_norm)(const Context&, Matrix<T> w, double limit);
  void (*average)(const Context&, T* average, const T* params, int64_t n, double weight);
  void (*random_uniform)(const Context&, const Draw&, Matrix<T> out);
  void (*random_normal)(const Context&, const Draw&, Matrix<T> out);
  void (*from_double)(const Context&, const double* x, int64_t count, T* out);
  void (*gather_rows)(const Context&, Matrix<const T> source, const int64_t* index, Matrix<T> out);
};

struct KernelTable {
  const char* name;
  Kernels<float> f32;
  Kernels<double> f64;
  void (*dropout_mask)(const Context&, const Draw&, Matrix<uint8_t> keep);
  void (*sum_rows)(const Context&, const double* rows, int64_t count, double factor, const double* total, double* sum);  // as of RowWeights
  void (*gather_labels)(const Context&, const int64_t* source, const int64_t* index, int64_t count, int64_t* out);
  void (*widen_labels)(const Context&, const int32_t* labels, int64_t count, int64_t* out);
  // On the host only.
  void (*philox_blocks)(const Context&, const uint32_t* counter, const uint32_t* key, int64_t key_step, int64_t count, uint32_t* out);
  void (*random_words)(const Draw&, int64_t first, int64_t count, uint64_t* out);
  void (*to_bfloat16)(const Context&, Matrix<const float> x, Matrix<bfloat16> out);
  void (*to_float32)(const Context&, Matrix<const bfloat16> x, Matrix<float> out);
  void (*begin_step)(const Context&, const StepClock&) = nullptr;  // of recorded work, on a device only
  void (*end_step)(const Context&, const StepClock&) = nullptr;
  const char* bfloat16_unit = nullptr;  // what multiplies at `medium` and, where `high` says so, at `high`
  bool high = false;

  template <class T>
  const Kernels<T>& kernels() const {
    if constexpr (sizeof(T) == 4) {
      return f32;
    } else {
      return f64;
    }
  }
};

// The levels built into this binary, ascending; those the processor lacks are reported as unavailable.
struct Level {
  const KernelTable* table;
  bool available;
  bool listed = true;  // others are for tests, by name
  bool pays = true;    // others, slower on this processor than the level before, are taken when asked for
};
extern const int level_count;
Level level(int index);

// Each overwrites what its instruction set improves.
void fill_generic(KernelTable& table);
void fill_emulated_amx(KernelTable& table);
void fill_avx2(KernelTable& table);
void fill_avx512(KernelTable& table);
void fill_avx512_bf16(KernelTable& table);
void fill_emulated_tiles(KernelTable& table);
void fill_amx(KernelTable& table);

}  // namespace lamina
