// Batch norm of some units: each run of columns is a lamina of its own, and so is what lies between them.
#include "nn/unit_batchnorm.h"

#include "nn/box.h"

namespace lamina {
namespace {

template <class T>
class UnitBatchNorm final : public Box<T> {
 public:
  UnitBatchNorm(const UnitBatchNormSpec& spec, const BoxPlace<T>& place)
      : runs_(spec.runs()), d_gamma_(place.gradient(0)), d_beta_(place.gradient(1)) {
    const RunningStatistics<T>& running = *place.arrays.statistics_of(place.layer.id);
    norm_ = {place.value(0),
             place.value(1),
             running.mean,
             running.var,
             spec.momentum,
             spec.eps,
             spec.unbiased_running_var,
             place.arrays.frozen(place.layer.id)};
  }

  int64_t kept_size(int64_t) const override { return 2 * padded<T>(norm_.gamma.size); }
  void forward(const Context& context, const Pass& pass, Matrix<const T> x, Matrix<T> h, T* kept) const override {
    for (const UnitRun& run : runs_)
      lamina_forward<T>(context, lamina_of(run, pass), columns_of(x, run), columns_of(h, run), saved(kept, run));
  }
  void backward(const Context& context, const Pass& pass, Matrix<const T> dh, Matrix<const T> x, Matrix<const T> h, T* kept,
                Matrix<T> dx) const override {
    for (const UnitRun& run : runs_) {
      if (!run.normalised() && dx.data == dh.data) continue;
      LaminaGradients<T> gradients;
      if (run.normalised()) gradients.gamma = units_of(d_gamma_, run), gradients.beta = units_of(d_beta_, run);
      lamina_backward<T>(context, lamina_of(run, pass), columns_of(dh, run), columns_of(dx, run), columns_of(x, run), columns_of(h, run),
                         saved(kept, run), gradients);
    }
  }

 private:
  Lamina<T> lamina_of(const UnitRun& run, const Pass& pass) const {
    Lamina<T> lamina;
    lamina.op = "Network";
    lamina.training = pass.training;
    if (run.normalised()) lamina.batchnorm = part_of(norm_, run);
    return lamina;
  }
  LaminaSaved<T> saved(T* kept, const UnitRun& run) const {
    if (!run.normalised()) return {};
    const Vector<T> mean{kept, norm_.gamma.size}, rstd{kept + padded<T>(mean.size), mean.size};
    return {{}, {}, units_of(mean, run), units_of(rstd, run)};
  }

  std::vector<UnitRun> runs_;
  BatchNorm<T> norm_;
  Vector<T> d_gamma_, d_beta_;
};

}  // namespace

template <class T>
std::unique_ptr<Box<T>> UnitBatchNormSpec::make(const BoxPlace<T>& place) const {
  return std::make_unique<UnitBatchNorm<T>>(*this, place);
}

LAMINA_INSTANTIATE_BOX(UnitBatchNormSpec)

}  // namespace lamina
