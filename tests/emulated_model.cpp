// Small kernels, some of them wrong, on the emulated device: emulated_model NAME [SEED] prints what becomes of them.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "cuda/launch.h"

namespace {

using namespace lamina;

constexpr int threads = 128;
using Numbers = int[threads];

// A tree of sums in shared memory. Without its barriers, threads read what others have not written yet.
template <bool waits>
__global__ void tree_sum(const int* in, int* out) {
  LAMINA_SHARED(Numbers, partial);
  partial[threadIdx.x] = in[blockIdx.x * threads + threadIdx.x];
  for (unsigned half = threads / 2; half > 0; half /= 2) {
    if (waits) __syncthreads();
    if (threadIdx.x < half) partial[threadIdx.x] += partial[threadIdx.x + half];  // the race, if there is one
  }
  if (threadIdx.x == 0) out[blockIdx.x] = partial[0];
}

__global__ void shuffles(const int* in, int* out) {
  int x = in[threadIdx.x];
  for (unsigned half = 16; half > 0; half /= 2) x += __shfl_down_sync(~0u, x, half);
  const int total = __shfl_sync(~0u, x, 0);
  const int swapped = __shfl_xor_sync(~0u, in[threadIdx.x], 1);
  const unsigned odd = __ballot_sync(~0u, in[threadIdx.x] % 2 != 0);
  const int half_warp = __shfl_sync(~0u, in[threadIdx.x], 3, 16);
  __syncwarp();
  if (threadIdx.x % 32 == 17) out[threadIdx.x / 32] = total + 3 * swapped + 5 * static_cast<int>(odd % 7) + 11 * half_warp;
}

__global__ void divergent(const int* in, int* out) {
  if (in[threadIdx.x] % 2) {
    __syncthreads();
  } else {
    __syncthreads();
  }
  out[0] = 1;
}

__global__ void early_exit(const int*, int* out) {
  if (threadIdx.x == 5) return;
  __syncthreads();
  out[0] = 1;
}

__global__ void foreign_mask(const int*, int* out) { out[0] = __shfl_sync(0xFFFFu, 1, 0); }

__global__ void uninitialised(const int*, int* out) {
  LAMINA_SHARED(float, x);
  if (threadIdx.x == 0) out[0] = x != x;
}

__global__ void overflow(const int* in, int* out) {
  LAMINA_SHARED(Numbers, partial);
  partial[threadIdx.x] = in[threadIdx.x];
  __syncthreads();
  out[0] = partial[threadIdx.x + 1];  // one too far in the last thread
}

using Kernel = void (*)(const int*, int*);
Kernel kernel_named(const std::string& name) {
  if (name == "tree_sum") return tree_sum<true>;
  if (name == "race") return tree_sum<false>;
  if (name == "shuffles") return shuffles;
  if (name == "divergent") return divergent;
  if (name == "early_exit") return early_exit;
  if (name == "foreign_mask") return foreign_mask;
  if (name == "uninitialised") return uninitialised;
  if (name == "overflow") return overflow;
  std::abort();
}

}  // namespace

int main(int count, char** arguments) {
  constexpr int blocks = 3;
  if (count > 2) emulated::set_order(std::strtoull(arguments[2], nullptr, 10));
  std::vector<int> host(blocks * threads);
  for (size_t i = 0; i < host.size(); ++i) host[i] = static_cast<int>(i * i % 101);
  const size_t bytes = host.size() * sizeof(int);
  void *in = nullptr, *out = nullptr;
  cudaMalloc(&in, bytes);
  cudaMalloc(&out, blocks * sizeof(int));
  cudaMemcpyAsync(in, host.data(), bytes, cudaMemcpyHostToDevice, nullptr);
  const Kernel kernel = kernel_named(arguments[1]);
  const auto* const from = static_cast<const int*>(in);
  auto* const to = static_cast<int*>(out);
  emulated::launch(arguments[1], blocks, threads, 0, nullptr, [=] { kernel(from, to); });
  int result[blocks] = {};
  const cudaError_t error = cudaMemcpyAsync(result, out, sizeof(result), cudaMemcpyDeviceToHost, nullptr);
  if (error != cudaSuccess) {
    std::printf("error: %s\n", cudaGetErrorString(error));
  } else {
    std::printf("%d %d %d\n", result[0], result[1], result[2]);
  }
}
