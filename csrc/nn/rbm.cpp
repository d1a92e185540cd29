// The steps of an epoch: the gradient of contrastive divergence, then the optimizer.
#include "nn/rbm.h"

#include "base/error.h"
#include "nn/epoch.h"
#include "nn/transfer.h"
#include "ops/random.h"

namespace lamina {
namespace {

enum Part { weight, hidden_bias, visible_bias };

RbmSpec checked(const RbmSpec& spec) {
  const char* op = "RBM";
  if (spec.visible < 1 || spec.hidden < 1)
    fail(op, "got ", spec.visible, " visible and ", spec.hidden, " hidden units, needs at least 1 of each");
  check(op, RandomKey{spec.seed, spec.layer}, 0);
  check(op, spec.sparsity);
  return spec;
}

std::vector<ParameterEntry> parameter_entries(const RbmSpec& spec) {
  return {{"weight", {spec.hidden, spec.visible}, true}, {"hidden_bias", {spec.hidden}}, {"visible_bias", {spec.visible}}};
}

}  // namespace

template <class T>
RbmTrainer<T>::RbmTrainer(const RbmSpec& spec, const OptimizerSpec& optimizer, const Device& device)
    : device_(device),
      spec_(checked(spec)),
      parameters_(parameter_entries(spec), device),
      optimizer_("RBM", optimizer, parameters_, false) {}

template <class T>
Rbm<T> RbmTrainer<T>::rbm() const {
  const auto& entries = parameters_.entries();
  const Vector<T> values = parameters_.parameters();
  return {matrix_at(values, entries[weight]), vector_at(values, entries[visible_bias]), vector_at(values, entries[hidden_bias]),
          spec_.visible_unit, spec_.hidden_unit};
}

template <class T>
void RbmTrainer<T>::start_chains(const Context& context, int64_t count) {
  chains_.ensure(count * spec_.hidden, device_);
  chain_count_ = count;
  const std::vector<T> zeros(static_cast<size_t>(count * spec_.hidden));
  const size_t bytes = zeros.size() * sizeof(T);
  context.device.memory->copy_in(chains_.data(), zeros.data(), {1, bytes, bytes, bytes}, context.device.stream);
}

template <class T>
void RbmTrainer<T>::plan_memory(int64_t rows, const GibbsOptions& gibbs) {
  const int64_t all = rows + (gibbs.persistent ? gibbs.persistent : rows);
  visible_.ensure(all * spec_.visible, device_);
  hidden_.ensure(all * spec_.hidden, device_);
  sums_.ensure(std::max(spec_.visible, spec_.hidden), device_);
  if (!gibbs.persistent) states_.ensure(rows * spec_.hidden, device_);
  row_loss_.ensure(rows, device_);
}

template <class T>
void RbmTrainer<T>::step_gradients(const Context& context, Matrix<const T> x, const GibbsOptions& gibbs, const RandomKey& key,
                                   double* value) {
  const int64_t rows = x.rows, chains = gibbs.persistent ? gibbs.persistent : rows;
  const auto& entries = parameters_.entries();
  const Vector<T> gradients = parameters_.gradients();
  const Matrix<T> visible = matrix(visible_.data(), rows + chains, spec_.visible);
  const Matrix<T> states = matrix(gibbs.persistent ? chains_.data() : states_.data(), chains, spec_.hidden);
  const RbmMemory<T> memory{visible, matrix(hidden_.data(), rows + chains, spec_.hidden), sums_.view()};
  rbm_gradient<T>(
      context, rbm(), x, states, {gibbs.k, gibbs.persistent == 0, gibbs.persistent > 0}, key, spec_.sparsity, memory,
      {matrix_at(gradients, entries[weight]), vector_at(gradients, entries[visible_bias]), vector_at(gradients, entries[hidden_bias])});
  if (gibbs.persistent) return;
  loss<T>(context, {kind_of<SquaredError>, Reduction::mean, {}, 0}, visible.slice(rows, chains), {{}, x}, {}, {}, {row_loss_.data(), rows},
          value);
}

template <class T>
std::optional<double> RbmTrainer<T>::run_epoch(const Context& context, Matrix<const T> x, int64_t batch_size, bool shuffle, double lr,
                                               const GibbsOptions& gibbs, const Poll& poll) {
  const char* op = "run_epoch";
  if (x.columns != spec_.visible) {
    fail(op, "x has shape (", x.rows, ", ", x.columns, "), the machine takes ", spec_.visible, " features: they need to be equal");
  }
  check_batches(op, x.rows, batch_size, false);
  check_learning_rate(op, lr);
  if (gibbs.k < 1) fail(op, "k is ", gibbs.k, ", needs at least 1");
  if (gibbs.persistent < 0) fail(op, "chains is ", gibbs.persistent, ", needs at least 0");
  const TrainingLock lock(busy_, op);

  const DataSet<T> data{x, {}, {}};
  EpochOptions options{batch_size, false, {}};
  if (shuffle) {
    options.shuffle = RandomKey{spec_.seed, spec_.layer, epoch, 0};
    batches_.plan(context.device, data, options);
  }
  plan_memory(options.largest_batch(x.rows), gibbs);
  if (gibbs.persistent && chain_count_ != gibbs.persistent) start_chains(context, gibbs.persistent);
  struct {
    RbmTrainer& self;
    double lr;
    const GibbsOptions& gibbs;

    void work(const Context& chosen, const DataSet<T>& batch, const StepPlace& place) const {
      const RandomKey key{self.spec_.seed, self.spec_.layer, self.sampled, 0, place.inputs.step};
      self.step_gradients(chosen, batch.x, gibbs, key, place.loss);
      self.optimizer_.update(chosen, lr, int64_t{self.step} + 1, place.inputs.optimizer);
    }
    StepInputs inputs(int64_t ahead, int64_t) const {
      return {static_cast<uint32_t>(self.sampled + ahead * gibbs.k), self.optimizer_.constants(lr, int64_t{self.step} + ahead + 1)};
    }
    void advance() const {
      ++self.step;
      self.sampled += static_cast<uint32_t>(gibbs.k);
    }
    std::vector<uint64_t> made_of() const {
      std::vector<uint64_t> numbers{static_cast<uint64_t>(gibbs.k), static_cast<uint64_t>(gibbs.persistent)};
      for (const void* memory : {static_cast<const void*>(self.visible_.data()), static_cast<const void*>(self.hidden_.data()),
                                 static_cast<const void*>(self.sums_.data()), static_cast<const void*>(self.states_.data()),
                                 static_cast<const void*>(self.chains_.data()), static_cast<const void*>(self.row_loss_.data())}) {
        numbers.push_back(address_of(memory));
      }
      return numbers;
    }
  } steps{*this, lr, gibbs};
  const std::optional<double> mean = lamina::run_epoch<T>(context, data, options, batches_, threads_, poll, steps);
  if (mean) ++epoch;
  return mean;
}

template class RbmTrainer<float>;
template class RbmTrainer<double>;

}  // namespace lamina
