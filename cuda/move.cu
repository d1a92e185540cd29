// What moves data without computing: rows by index, labels, rounding to bfloat16 and back.
#include "cuda/launch.h"
#include "cuda/table.h"
#include "cuda/tile.cuh"
#include "math/bfloat16.h"

namespace lamina::cuda {
namespace {

// A warp a row.
template <class T>
__global__ void gather_rows_kernel(Matrix<const T> source, const int64_t* index, Matrix<T> out) {
  const int64_t row = thread_number() / warp;
  if (row >= out.rows) return;
  const T* const from = source.row(index[row]);
  T* const to = out.row(row);
  for (int64_t c = threadIdx.x % warp; c < out.columns; c += warp) to[c] = from[c];
}
template <class T>
void gather_rows(const Context& context, Matrix<const T> source, const int64_t* index, Matrix<T> out) {
  launch_threads(context, "gather_rows", out.rows * warp, gather_rows_kernel<T>, source, index, out);
}

__global__ void gather_labels_kernel(const int64_t* source, const int64_t* index, int64_t count, int64_t* out) {
  const int64_t i = thread_number();
  if (i < count) out[i] = source[index[i]];
}

__device__ void convert(float x, bfloat16& out) { out = to_bfloat16(x); }
__device__ void convert(bfloat16 x, float& out) { out = to_float(x); }
template <class From, class To>
__global__ void convert_kernel(Matrix<const From> x, Matrix<To> out) {
  const int64_t i = thread_number();
  if (i < x.rows * x.columns) convert(x.row(i / x.columns)[i % x.columns], out.row(i / x.columns)[i % x.columns]);
}
template <class From, class To>
void convert(const Context& context, Matrix<const From> x, Matrix<To> out) {
  launch_threads(context, "convert", x.rows * x.columns, convert_kernel<From, To>, x, out);
}

template <class From, class To>
__global__ void convert_all_kernel(const From* from, int64_t count, To* to) {
  const int64_t i = thread_number();
  if (i < count) to[i] = static_cast<To>(from[i]);
}
template <class From, class To>
void convert_all(const Context& context, const From* from, int64_t count, To* to) {
  launch_threads(context, "convert", count, convert_all_kernel<From, To>, from, count, to);
}

__global__ void begin_step_kernel(StepClock clock) {
  const int64_t i = thread_number(), step = *clock.position;
  if (i < clock.words) clock.current[i] = clock.records[step * clock.words + i];
  if (i < clock.count) clock.rows[i] = clock.order[clock.first[step] + i];
}
__global__ void end_step_kernel(StepClock clock) {
  if (threadIdx.x != 0) return;
  clock.losses[*clock.position] = *clock.loss;
  ++*clock.position;
}

}  // namespace

cudaError_t kernels_usable() {
  cudaFuncAttributes attributes;
  return cudaFuncGetAttributes(&attributes, end_step_kernel);
}

void fill_moves(KernelTable& table) {
  table.f32.gather_rows = gather_rows<float>;
  table.f64.gather_rows = gather_rows<double>;
  table.gather_labels = [](const Context& context, const int64_t* source, const int64_t* index, int64_t count, int64_t* out) {
    launch_threads(context, "gather_labels", count, gather_labels_kernel, source, index, count, out);
  };
  table.f32.from_double = convert_all<double, float>;
  table.f64.from_double = convert_all<double, double>;
  table.widen_labels = convert_all<int32_t, int64_t>;
  table.begin_step = [](const Context& context, const StepClock& clock) {
    launch_threads(context, "begin_step", clock.count > clock.words ? clock.count : clock.words, begin_step_kernel, clock);
  };
  table.end_step = [](const Context& context, const StepClock& clock) { launch(context, "end_step", end_step_kernel, 1, warp, clock); };
  table.to_bfloat16 = convert<float, bfloat16>;
  table.to_float32 = convert<bfloat16, float>;
}

}  // namespace lamina::cuda
