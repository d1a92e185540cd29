// Optimizer steps and averages over flat buffers, a thread an element.
#include "cuda/launch.h"
#include "cuda/table.h"
#include "cuda/tile.cuh"
#include "math/averaging.h"
#include "math/optimizers.h"

namespace lamina::cuda {
namespace {

struct SgdUpdate {
  template <class... X>
  __device__ void operator()(X&&... x) const {
    sgd_update(x...);
  }
};
template <bool nesterov>
struct MomentumUpdate {
  template <class... X>
  __device__ void operator()(X&&... x) const {
    momentum_update<nesterov>(x...);
  }
};
struct AdagradUpdate {
  template <class... X>
  __device__ void operator()(X&&... x) const {
    adagrad_update(x...);
  }
};
struct RmspropUpdate {
  template <class... X>
  __device__ void operator()(X&&... x) const {
    rmsprop_update(x...);
  }
};
struct AdamUpdate {
  template <class... X>
  __device__ void operator()(X&&... x) const {
    adam_update(x...);
  }
};

// With so many moments of the state.
template <class T, class Update, int moments, template <class> class Constants>
__global__ void optimizer_kernel(StepBuffers<T> b, Constants<double> given) {
  const int64_t i = thread_number();
  if (i >= b.size) return;
  const Constants<double> c = b.constants ? *reinterpret_cast<const Constants<double>*>(b.constants) : given;
  const auto k = constants_in<T>(c);
  T p = b.params[i];
  const T g = b.grads[i];
  if constexpr (moments == 0) {
    Update()(p, g, k);
  } else if constexpr (moments == 1) {
    Update()(p, g, b.state[0][i], k);
  } else {
    Update()(p, g, b.state[0][i], b.state[1][i], k);
  }
  b.params[i] = c.threshold > 0 ? soft_threshold(p, k.threshold) : p;
}

template <class Update, int moments, class T, template <class> class Constants>
void step(const Context& context, const char* name, const StepBuffers<T>& b, const Constants<double>& c) {
  launch_threads(context, name, b.size, optimizer_kernel<T, Update, moments, Constants>, b, c);
}

template <class T>
void sgd(const Context& context, const StepBuffers<T>& b, const SgdConstants<double>& c, bool nesterov) {
  if (!b.state[0]) return step<SgdUpdate, 0>(context, "sgd", b, c);
  return nesterov ? step<MomentumUpdate<true>, 1>(context, "nesterov", b, c) : step<MomentumUpdate<false>, 1>(context, "momentum", b, c);
}
template <class T>
void adagrad(const Context& context, const StepBuffers<T>& b, const AdagradConstants<double>& c) {
  step<AdagradUpdate, 1>(context, "adagrad", b, c);
}
template <class T>
void rmsprop(const Context& context, const StepBuffers<T>& b, const RmspropConstants<double>& c) {
  return b.state[1] ? step<RmspropUpdate, 2>(context, "rmsprop", b, c) : step<RmspropUpdate, 1>(context, "rmsprop", b, c);
}
template <class T>
void adam(const Context& context, const StepBuffers<T>& b, const AdamConstants<double>& c) {
  step<AdamUpdate, 2>(context, "adam", b, c);
}

template <class T>
__global__ void average_kernel(T* average, const T* params, int64_t n, double weight) {
  const int64_t i = thread_number();
  if (i < n) average[i] = averaged(average[i], params[i], static_cast<T>(weight));
}
template <class T>
void average(const Context& context, T* average, const T* params, int64_t n, double weight) {
  launch_threads(context, "average", n, average_kernel<T>, average, params, n, weight);
}

}  // namespace

template <class T>
void fill_optimizers(Kernels<T>& kernels) {
  kernels.sgd = sgd<T>;
  kernels.adagrad = adagrad<T>;
  kernels.rmsprop = rmsprop<T>;
  kernels.adam = adam<T>;
  kernels.average = average<T>;
}

template void fill_optimizers(Kernels<float>&);
template void fill_optimizers(Kernels<double>&);

}  // namespace lamina::cuda
