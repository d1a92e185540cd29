// Small kernels, some of them wrong, on the emulated device: emulated_model NAME [SEED] prints what becomes of them.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "cuda/launch.h"
#include "cuda/ptx.cuh"
#include "cuda/ptx_hopper.cuh"

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

// Copies land at the wait for their group, and not before.
__global__ void copies(const int* in, int* out) {
  struct alignas(16) Four {
    int at[4];
  };
  struct Targets {
    Four first[threads], second[threads];
  };
  LAMINA_SHARED(Targets, targets);
  const int *const from = in + threadIdx.x / 2 * 4, *const first = targets.first[threadIdx.x].at,
                   *const second = targets.second[threadIdx.x].at;
  cuda::copy_async(&targets.first[threadIdx.x], from, 16);
  cuda::commit_copies();
  cuda::copy_async(&targets.second[threadIdx.x], from, 12);
  cuda::commit_copies();
  bool right = first[0] == -1 && second[0] == -1;
  cuda::wait_for_copies<1>();
  for (int i = 0; i < 4; ++i) right = right && first[i] == from[i] && second[i] == -1;
  cuda::wait_for_copies<0>();
  for (int i = 0; i < 4; ++i) right = right && second[i] == (i < 3 ? from[i] : 0);
  const unsigned all = __ballot_sync(~0u, right);
  if (threadIdx.x == 0) out[blockIdx.x] = all == ~0u;
}

// a of 16 x 16 times b of 16 x 8: a checksum of the result for a as it lies in memory, and for a transposed.
__global__ void tensor_cores(const int* in, int* out) {
  struct Operands {
    bfloat16 a[16][16], a_transposed[16][16], b[16][8];
  };
  LAMINA_SHARED(Operands, operands);
  const auto number = [&](int i) { return to_bfloat16(static_cast<float>(in[i] % 9 - 4)); };
  for (int i = static_cast<int>(threadIdx.x); i < 256; i += threads) {
    operands.a[i / 16][i % 16] = operands.a_transposed[i % 16][i / 16] = number(i);
    if (i < 128) operands.b[i / 8][i % 8] = number(256 + i);
  }
  __syncthreads();
  const int lane = static_cast<int>(threadIdx.x % 32), row = lane % 8, matrix = lane / 8;
  for (int transposed = 0; transposed < 2; ++transposed) {
    uint32_t a[4], b[4];
    if (transposed) {
      cuda::load_transposed_matrices(a, &operands.a_transposed[matrix / 2 * 8 + row][matrix % 2 * 8]);
    } else {
      cuda::load_matrices(a, &operands.a[matrix % 2 * 8 + row][matrix / 2 * 8]);
    }
    cuda::load_transposed_matrices(b, &operands.b[matrix % 2 * 8 + row][0]);
    float upper[2] = {1, 1}, lower[2] = {1, 1};
    cuda::multiply_add(upper, lower, a, b[0], b[1]);
    int sum = 0;
    for (int j = 0; j < 2; ++j) {
      const int place = lane / 4 * 8 + lane % 4 * 2 + j;
      sum += static_cast<int>(upper[j]) * (place + 1) + static_cast<int>(lower[j]) * (place + 65);
    }
    for (int half = 16; half > 0; half /= 2) sum += __shfl_xor_sync(~0u, sum, half);
    if (threadIdx.x == 0) out[transposed] = sum;
  }
  if (threadIdx.x == 0) out[2] = 0;
}

// A box of 8 rows of 64 halfwords that hangs over the right and the lower edge of a matrix of 16 x 48: not there before the
// wait, then each run of eight halfwords in its place, zero beyond the matrix.
enum class Mistake { none, unannounced_bytes, hidden_barrier, too_many_arrive, unfenced_sums, wrong_descriptor };
template <Mistake mistake>
__global__ void boxes(const int* in, int* out) {
  struct Shared {
    uint16_t box[8][64];
    cuda::Barrier barrier;
  };
  LAMINA_DYNAMIC_SHARED(Shared, shared);
  constexpr int rows = 16, columns = 48, x = 8, y = 12;
  const auto* const numbers = reinterpret_cast<const uint16_t*>(in);
  CUtensorMap map{};
  const cuuint64_t size[] = {columns, rows}, pitch[] = {columns * 2};
  const cuuint32_t box[] = {64, 8}, steps[] = {1, 1};
  const CUresult made = cuTensorMapEncodeTiled(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2, const_cast<int*>(in), size, pitch, box, steps,
                                               CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_NONE,
                                               CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (threadIdx.x == 0) {
    cuda::init_barrier(shared->barrier, 1);
    if (mistake != Mistake::hidden_barrier) cuda::show_barriers();
    cuda::arrive_and_announce(shared->barrier, sizeof(shared->box) + (mistake == Mistake::unannounced_bytes ? 16 : 0));
    cuda::copy_box(shared->box, map, x, y, shared->barrier);
    if (mistake == Mistake::too_many_arrive) cuda::arrive(shared->barrier);
  }
  __syncthreads();
  bool right = made == CUDA_SUCCESS && shared->box[threadIdx.x / 16][threadIdx.x % 16] == 0xFFFF;
  __syncthreads();
  cuda::wait_for_phase(shared->barrier, 0);
  for (int i = static_cast<int>(threadIdx.x); i < 8 * 64; i += threads) {
    const int row = i / 64, column = i % 64;
    const uint16_t expected = y + row < rows && x + column < columns ? numbers[(y + row) * columns + x + column] : 0;
    right = right && shared->box[row][(column / 8 ^ row) * 8 + column % 8] == expected;
  }
  const unsigned all = __ballot_sync(~0u, right);
  if (mistake == Mistake::unfenced_sums || mistake == Mistake::wrong_descriptor) {
    float sums[64] = {};
    if (mistake == Mistake::wrong_descriptor) cuda::fence_sums();
    cuda::begin_product<false, false>(sums, 0, 0);
    cuda::commit_products();
    cuda::wait_for_products<0>();
  }
  if (threadIdx.x == 0) out[blockIdx.x] = all == ~0u;
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
  if (name == "copies") return copies;
  if (name == "tensor_cores") return tensor_cores;
  if (name == "boxes") return boxes<Mistake::none>;
  if (name == "unannounced_bytes") return boxes<Mistake::unannounced_bytes>;
  if (name == "hidden_barrier") return boxes<Mistake::hidden_barrier>;
  if (name == "too_many_arrive") return boxes<Mistake::too_many_arrive>;
  if (name == "unfenced_sums") return boxes<Mistake::unfenced_sums>;
  if (name == "wrong_descriptor") return boxes<Mistake::wrong_descriptor>;
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
  emulated::launch(arguments[1], blocks, threads, 2048, nullptr, [=] { kernel(from, to); });
  int result[blocks] = {};
  const cudaError_t error = cudaMemcpyAsync(result, out, sizeof(result), cudaMemcpyDeviceToHost, nullptr);
  if (error != cudaSuccess) {
    std::printf("error: %s\n", cudaGetErrorString(error));
  } else {
    std::printf("%d %d %d\n", result[0], result[1], result[2]);
  }
}
