// The training step inside the epoch loop, and evaluation over blocks of rows.
#include "nn/trainer.h"

#include "base/error.h"
#include "nn/epoch.h"
#include "nn/transfer.h"

namespace lamina {

template <class T>
Trainer<T>::Trainer(std::shared_ptr<Network<T>> network, const TrainingSpec& spec, OwnedLoss<T> loss, uint64_t seed)
    : network_(std::move(network)),
      rates_(spec.rates),
      optimizer_("Trainer", spec.optimizer, network_->parameters(), spec.decay_all, spec.rates),
      clipping_("Trainer", spec.clipping, network_->parameters().gradients().size, network_->device()),
      max_norm_(spec.max_norm),
      average_("Trainer", spec.averaging, network_->parameters()),
      loss_(std::move(loss)),
      seed_(seed) {
  if (max_norm_ != 0) check_limit<T>("Trainer", "max_norm", max_norm_);
  rates_.resize(network_->parameters().entries().size(), 1);
  missed_.resize(rates_.size(), 0);
  choose_parameters();
}

template <class T>
void Trainer<T>::set_missed(std::vector<int64_t> missed) {
  if (missed.size() != missed_.size()) fail("Trainer", "missed has ", missed.size(), " numbers, needs ", missed_.size());
  missed_ = std::move(missed);
  choose_parameters();
}

template <class T>
void Trainer<T>::choose_parameters() {
  const ParameterBuffer<T>& parameters = network_->parameters();
  std::vector<double> rates = rates_;
  bounded_.clear();
  resting_.clear();
  for (size_t i = 0; i < rates.size(); ++i) {
    const ParameterEntry& entry = parameters.entries()[i];
    if (network_->frozen(entry.layer)) rates[i] = 0;
    if (rates[i] == 0) resting_.push_back(i);
    if (max_norm_ > 0 && rates[i] != 0 && network_->is_linear_weight(entry)) bounded_.push_back(matrix_at(parameters.parameters(), entry));
  }
  optimizer_.set_rates(rates, missed_);
  freezings_ = network_->freezings();
}

template <class T>
int64_t Trainer<T>::steps(int64_t rows, int64_t batch_size) const {
  check_batches("steps", rows, batch_size, network_->has_batchnorm());
  return EpochOptions{batch_size, network_->has_batchnorm(), {}}.batches(rows);
}

template <class T>
void Trainer<T>::check_data(const char* op, const Context& context, const DataSet<T>& data) const {
  network_->check_input(op, data.x);
  const int64_t width = network_->out_features();
  check<T>(op, context.device, loss_.view(), {nullptr, data.x.rows, width, width}, data.targets, data.sample_weight);
  if (data.targets.labels && !context.device.is_host()) {
    const std::vector<int64_t> labels = on_host(context, data.targets.labels);
    check_labels(op, {labels.data(), data.x.rows}, width);
  }
}

template <class T>
std::optional<double> Trainer<T>::run_epoch(const Context& context, const DataSet<T>& data, int64_t batch_size, bool shuffle,
                                            Vector<const double> rates, const Poll& poll) {
  const char* op = "run_epoch";
  check_batches(op, data.x.rows, batch_size, network_->has_batchnorm());
  check_rates(op, rates, steps(data.x.rows, batch_size));
  check_data(op, context, data);
  const TrainingLock lock(network_->busy(), op);

  EpochOptions options{batch_size, network_->has_batchnorm(), {}};
  if (shuffle) {
    options.shuffle = RandomKey{seed_, 0, epoch, 0};
    batches_.plan(context.device, data, options);
  }
  network_->plan_memory(options.largest_batch(data.x.rows));
  if (freezings_ != network_->freezings()) choose_parameters();
  average_.before_epoch(context);
  const Loss<T> loss = loss_.view();
  struct {
    Trainer& self;
    const Loss<T>& loss;
    Vector<const double> rates;

    double rate(int64_t number) const { return rates[rates.size == 1 ? 0 : number]; }
    void work(const Context& chosen, const DataSet<T>& batch, const StepPlace& place) const {
      const Pass pass{true, self.seed_, self.step, place.inputs.step};
      self.network_->step_gradients(chosen, batch.x, batch.targets, loss, batch.sample_weight, pass, place.loss);
      self.clipping_.apply(chosen, self.network_->parameters().gradients());
      self.optimizer_.update(chosen, rate(place.number), int64_t{self.step} + 1, place.inputs.optimizer);
      for (const Matrix<T>& weight : self.bounded_) max_norm(chosen, weight, self.max_norm_);
      self.average_.after_step(chosen);
    }
    StepInputs inputs(int64_t ahead, int64_t number) const {
      const int64_t at = int64_t{self.step} + ahead;
      return {static_cast<uint32_t>(at), self.optimizer_.constants(rate(number), at + 1)};
    }
    void advance() const {
      self.network_->count_batch();
      ++self.step;
      for (const size_t i : self.resting_) ++self.missed_[i];
    }
    std::vector<uint64_t> made_of() const {
      std::vector<uint64_t> numbers{self.freezings_};
      for (const void* address : self.network_->memory_addresses()) numbers.push_back(address_of(address));
      return numbers;
    }
  } work{*this, loss, rates};
  const std::optional<double> mean = lamina::run_epoch<T>(context, data, options, batches_, threads_, poll, work, loss.class_weight);
  if (mean) average_.after_epoch(context, ++epoch);
  return mean;
}

template <class T>
std::optional<Evaluation> Trainer<T>::evaluate(const Context& context, const DataSet<T>& data, int64_t batch_size, const Poll& poll) const {
  const char* op = "evaluate";
  if (batch_size < 1) fail(op, "batch_size is ", batch_size, ", needs at least 1");
  check_data(op, context, data);
  // The outputs of all rows first, so that neither number depends on the blocks.
  const Device& device = context.device;
  const AlignedBuffer<T> outputs(data.x.rows * network_->out_features(), device);
  const AlignedBuffer<double> row_loss(data.x.rows, device);
  const Matrix<T> prediction = matrix(outputs.data(), data.x.rows, network_->out_features());
  if (!network_->infer(context, data.x, network_->layer_count(), batch_size, prediction, poll)) return std::nullopt;
  const Loss<T> loss = loss_.view();
  const double value = number_on_host(
      context, [&](double* to) { lamina::loss<T>(context, loss, prediction, data.targets, data.sample_weight, {}, row_loss.view(), to); });
  if (device.is_host()) return Evaluation{value, score<T>(loss_.kind, prediction, data.targets, data.sample_weight)};
  // The score is counted on the host.
  const std::vector<T> predicted = on_host(context, Matrix<const T>(prediction));
  const std::vector<T> weights = on_host(context, data.sample_weight), values = on_host(context, data.targets.values);
  const std::vector<int64_t> labels = on_host(context, data.targets.labels);
  Targets<T> targets;
  if (data.targets.labels) targets.labels = {labels.data(), data.targets.labels.size};
  if (data.targets.values) targets.values = matrix(values.data(), data.targets.values.rows, data.targets.values.columns);
  return Evaluation{value, score<T>(loss_.kind, matrix(predicted.data(), prediction.rows, prediction.columns), targets,
                                    {weights.empty() ? nullptr : weights.data(), static_cast<int64_t>(weights.size())})};
}

template <class T>
MemoryPlan Trainer<T>::memory(const Context& context, int64_t rows, int64_t batch_size) const {
  check_batches("memory", rows, batch_size, network_->has_batchnorm());
  const EpochOptions options{batch_size, network_->has_batchnorm(), {}};
  const int64_t largest = options.largest_batch(rows), width = network_->out_features();
  const T element{};
  const int64_t label = 0;
  DataSet<T> shapes{{&element, rows, network_->in_features(), network_->in_features()}, {}, {}};
  if (loss_.kind == LossKind::softmax_cross_entropy) {
    shapes.targets.labels = {&label, rows};
  } else {
    shapes.targets.values = {&element, rows, width, width};
  }
  const auto& parameters = network_->parameters();
  MemoryPlan plan{};
  plan.parameters = AlignedBuffer<T>::bytes(parameters.parameters().size);
  plan.gradients = AlignedBuffer<T>::bytes(parameters.gradients().size) + clipping_.bytes();
  for (const auto& [name, slot] : optimizer_.state()) plan.optimizer_state += slot.bytes(slot.size());
  plan.average = average_.bytes();
  plan.statistics = network_->statistics_bytes();
  plan.activations = network_->activation_bytes(largest);
  plan.batch = BatchMemory<T>::bytes(BatchLayout(shapes, options)) + AlignedBuffer<double>::bytes(largest);
  plan.scratch = static_cast<size_t>(context.threads) * scratch_bytes;
  return plan;
}

template class Trainer<float>;
template class Trainer<double>;

}  // namespace lamina
