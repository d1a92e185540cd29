// Encoder and decoder as laminae; tied weights take the decoder's part of their gradient in a second product.
#include "nn/autoencoder.h"

#include "base/error.h"
#include "nn/epoch.h"
#include "nn/transfer.h"
#include "ops/activation.h"
#include "ops/gemm.h"
#include "ops/reduce.h"

namespace lamina {
namespace {

enum Part { weight, hidden_bias, visible_bias, decoder_weight };

AutoencoderSpec checked(const AutoencoderSpec& spec) {
  const char* op = "Autoencoder";
  if (spec.visible < 1 || spec.hidden < 1)
    fail(op, "got ", spec.visible, " visible and ", spec.hidden, " hidden units, needs at least 1 of each");
  if (spec.loss != kind_of<SigmoidCrossEntropy> && spec.loss != kind_of<SquaredError>) {
    fail(op, "loss is neither sigmoid_cross_entropy nor squared_error, needs one of them");
  }
  check(op, Dropout{spec.corruption, {0, spec.layer, 0, 0}});
  return spec;
}

std::vector<ParameterEntry> parameter_entries(const AutoencoderSpec& spec) {
  std::vector<ParameterEntry> entries{
      {"weight", {spec.hidden, spec.visible}, true}, {"hidden_bias", {spec.hidden}}, {"visible_bias", {spec.visible}}};
  if (!spec.tied) entries.push_back({"decoder_weight", {spec.visible, spec.hidden}, true});
  return entries;
}

constexpr int64_t block_rows = 512;

}  // namespace

template <class T>
Autoencoder<T>::Autoencoder(const AutoencoderSpec& spec, const OptimizerSpec& optimizer, const Device& device)
    : device_(device),
      spec_(checked(spec)),
      parameters_(parameter_entries(spec), device),
      optimizer_("Autoencoder", optimizer, parameters_, false) {}

template <class T>
void Autoencoder<T>::check_input(const char* op, Matrix<const T> x) const {
  if (x.columns != spec_.visible) {
    fail(op, "x has shape (", x.rows, ", ", x.columns, "), the autoencoder takes ", spec_.visible, " features: they need to be equal");
  }
}

template <class T>
void Autoencoder<T>::plan_memory(int64_t rows) {
  corrupted_.ensure(rows * spec_.visible, device_);
  h_.ensure(rows * spec_.hidden, device_);
  if (saves(encoder()).activation) read_.ensure(rows * spec_.hidden, device_);
  r_.ensure(rows * spec_.visible, device_);
  dr_.ensure(rows * spec_.visible, device_);
  dh_.ensure(rows * spec_.hidden, device_);
  row_loss_.ensure(rows, device_);
}

template <class T>
Lamina<T> Autoencoder<T>::encoder() const {
  const auto& entries = parameters_.entries();
  Lamina<T> lamina;
  lamina.op = "Autoencoder";
  lamina.weight = matrix_at(parameters_.parameters(), entries[weight]);
  lamina.bias = vector_at(parameters_.parameters(), entries[hidden_bias]);
  lamina.activation = spec_.activation;
  return lamina;
}

template <class T>
Lamina<T> Autoencoder<T>::decoder() const {
  const auto& entries = parameters_.entries();
  Lamina<T> lamina;
  lamina.op = "Autoencoder";
  lamina.weight = matrix_at(parameters_.parameters(), entries[decoder_weight]);
  lamina.bias = vector_at(parameters_.parameters(), entries[visible_bias]);
  return lamina;
}

template <class T>
void Autoencoder<T>::decode(const Context& context, Matrix<const T> h, Matrix<T> r) const {
  if (!spec_.tied) {
    lamina_forward<T>(context, decoder(), h, r, {});
    return;
  }
  const auto& entries = parameters_.entries();
  const Vector<const T> bias = vector_at(parameters_.parameters(), entries[visible_bias]);
  gemm<T>(context, h, false, matrix_at(parameters_.parameters(), entries[weight]), false, 1, 0, r, bias);
}

template <class T>
void Autoencoder<T>::step_gradients(const Context& context, Matrix<const T> x, const RandomKey& noise, double* value) {
  const int64_t rows = x.rows;
  const auto& entries = parameters_.entries();
  const Vector<T> gradients = parameters_.gradients();
  Matrix<const T> input = x;
  if (spec_.corruption > 0) {
    const Matrix<T> corrupted = matrix(corrupted_.data(), rows, spec_.visible);
    masking_noise<T>(context, {spec_.corruption, noise}, x, corrupted);
    input = corrupted;
  }
  const Matrix<T> h = matrix(h_.data(), rows, spec_.hidden), dh = matrix(dh_.data(), rows, spec_.hidden);
  const Matrix<T> r = matrix(r_.data(), rows, spec_.visible), dr = matrix(dr_.data(), rows, spec_.visible);
  const Lamina<T> encode = encoder();
  const LaminaSaved<T> saved{{}, saves(encode).activation ? matrix(read_.data(), rows, spec_.hidden) : Matrix<T>{}, {}, {}};
  lamina_forward<T>(context, encode, input, h, saved);
  decode(context, h, r);
  loss<T>(context, {spec_.loss, Reduction::mean, {}, 0}, r, {{}, x}, {}, dr, {row_loss_.data(), rows}, value);

  const Vector<T> d_visible_bias = vector_at(gradients, entries[visible_bias]);
  if (spec_.tied) {
    column_sum<T>(context, dr, d_visible_bias);
    gemm<T>(context, dr, false, encode.weight, true, 1, 0, dh);
  } else {
    lamina_backward<T>(context, decoder(), dr, dr, h, r, {}, {matrix_at(gradients, entries[decoder_weight]), d_visible_bias, {}, {}, dh});
  }
  const Matrix<T> d_weight = matrix_at(gradients, entries[weight]);
  lamina_backward<T>(context, encode, dh, dh, input, h, saved, {d_weight, vector_at(gradients, entries[hidden_bias]), {}, {}, {}});
  if (spec_.tied) gemm<T>(context, h, true, dr, false, 1, 1, d_weight);
}

template <class T>
double Autoencoder<T>::loss_and_gradients(const Context& context, Matrix<const T> x, uint64_t seed, uint32_t at_step) {
  check_input("loss_and_gradients", x);
  check_batches("loss_and_gradients", x.rows, 1, false);
  const TrainingLock lock(busy_, "loss_and_gradients");
  plan_memory(x.rows);
  return number_on_host(context, [&](double* value) { step_gradients(context, x, {seed, spec_.layer, at_step, 0}, value); });
}

template <class T>
std::optional<double> Autoencoder<T>::run_epoch(const Context& context, Matrix<const T> x, int64_t batch_size, bool shuffle, double lr,
                                                const Poll& poll) {
  const char* op = "run_epoch";
  check_input(op, x);
  check_batches(op, x.rows, batch_size, false);
  check_learning_rate(op, lr);
  const TrainingLock lock(busy_, op);

  const DataSet<T> data{x, {}, {}};
  EpochOptions options{batch_size, false, {}};
  if (shuffle) {
    options.shuffle = RandomKey{spec_.seed, spec_.layer, epoch, 0};
    batches_.plan(context.device, data, options);
  }
  plan_memory(options.largest_batch(x.rows));
  struct {
    Autoencoder& self;
    double lr;

    void work(const Context& chosen, const DataSet<T>& batch, const StepPlace& place) const {
      self.step_gradients(chosen, batch.x, {self.spec_.seed, self.spec_.layer, self.step, 0, place.inputs.step}, place.loss);
      self.optimizer_.update(chosen, lr, int64_t{self.step} + 1, place.inputs.optimizer);
    }
    StepInputs inputs(int64_t ahead, int64_t) const {
      const int64_t at = int64_t{self.step} + ahead;
      return {static_cast<uint32_t>(at), self.optimizer_.constants(lr, at + 1)};
    }
    void advance() const { ++self.step; }
    std::vector<uint64_t> made_of() const {
      return {address_of(self.corrupted_.data()), address_of(self.h_.data()),  address_of(self.read_.data()), address_of(self.r_.data()),
              address_of(self.row_loss_.data()),  address_of(self.dr_.data()), address_of(self.dh_.data())};
    }
  } steps{*this, lr};
  const std::optional<double> mean = lamina::run_epoch<T>(context, data, options, batches_, threads_, poll, steps);
  if (mean) ++epoch;
  return mean;
}

template <class T>
void Autoencoder<T>::encode(const Context& context, Matrix<const T> x, Matrix<T> out) const {
  check_input("encode", x);
  lamina_forward<T>(context, encoder(), x, out, {});
}

template <class T>
void Autoencoder<T>::reconstruct(const Context& context, Matrix<const T> x, Matrix<T> out) const {
  check_input("reconstruct", x);
  const int64_t block = std::min(block_rows, x.rows);
  const AlignedBuffer<T> hidden(block * spec_.hidden, device_);
  for (int64_t first = 0, rows; first < x.rows; first += rows) {
    rows = std::min(block, x.rows - first);
    const Matrix<T> h = matrix(hidden.data(), rows, spec_.hidden), r = out.slice(first, rows);
    encode(context, x.slice(first, rows), h);
    decode(context, h, r);
    if (spec_.loss == kind_of<SigmoidCrossEntropy>) activation_forward<T>(context, find_activation("reconstruct", "sigmoid"), r, r);
  }
}

template class Autoencoder<float>;
template class Autoencoder<double>;

}  // namespace lamina
