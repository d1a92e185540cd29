// The machine's peaks, compiled where it runs: float32 multiply-adds, or bfloat16 ones summed in float32 where it has a unit
// for them (else 0). Independent accumulators in registers, no memory.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#if defined(__AVX512BF16__) || defined(__AMX_BF16__)
#include <immintrin.h>
#endif
#if defined(__AMX_BF16__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace {

#if defined(__AVX512F__)
constexpr int lanes = 16, accumulators = 24;
#elif defined(__AVX__)
constexpr int lanes = 8, accumulators = 12;
#else
constexpr int lanes = 4, accumulators = 12;
#endif
typedef float Lane __attribute__((vector_size(lanes * sizeof(float))));

double multiply_add(long rounds) {
  Lane sum[accumulators];
  for (int i = 0; i < accumulators; ++i) sum[i] = Lane{} + static_cast<float>(i);
  const Lane scale = Lane{} + 0.5f;
  for (long r = 0; r < rounds; ++r) {
#pragma GCC unroll 24
    for (int i = 0; i < accumulators; ++i) sum[i] = sum[i] * scale + scale;  // contracted to one instruction
  }
  Lane total = sum[0];
  for (int i = 1; i < accumulators; ++i) total += sum[i];
  volatile float sink = total[0];
  (void)sink;
  return 2.0 * lanes * accumulators * rounds;
}

#if defined(__AMX_BF16__)
bool has_bfloat16() { return syscall(SYS_arch_prctl, 0x1023, 18) == 0; }  // ARCH_REQ_XCOMP_PERM of the tiles
double multiply_bfloat16(long rounds) {
  alignas(64) uint8_t config[64] = {1};
  for (int i = 0; i < 8; ++i) config[16 + 2 * i] = 64, config[48 + i] = 16;
  asm volatile("ldtilecfg %0" ::"m"(config));  // GCC takes _tile_loadconfig to read eight bytes
  for (long r = 0; r < rounds; ++r) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 5, 6);
    _tile_dpbf16ps(2, 4, 7);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_release();
  return 4 * 2.0 * 16 * 16 * 32 * rounds;
}
#elif defined(__AVX512BF16__)
bool has_bfloat16() { return true; }
double multiply_bfloat16(long rounds) {
  __m512 sum[accumulators];
  for (int i = 0; i < accumulators; ++i) sum[i] = _mm512_set1_ps(static_cast<float>(i));
  const __m512bh one = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5f), _mm512_set1_ps(0.5f));
  for (long r = 0; r < rounds; ++r) {
#pragma GCC unroll 24
    for (int i = 0; i < accumulators; ++i) sum[i] = _mm512_dpbf16_ps(sum[i], one, one);
  }
  for (int i = 1; i < accumulators; ++i) sum[0] = _mm512_add_ps(sum[0], sum[i]);
  volatile float sink = _mm512_cvtss_f32(sum[0]);
  (void)sink;
  return 2.0 * 2 * lanes * accumulators * rounds;
}
#else
bool has_bfloat16() { return false; }
double multiply_bfloat16(long) { return 0; }
#endif

}  // namespace

// Operations each second of the best of many repeats.
template <class Work>
double rate(int threads, const Work& work) {
  double best = 0;
  for (int repeat = 0; repeat < 60; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> pool;
    for (int t = 1; t < threads; ++t) pool.emplace_back(work);
    const double operations = threads * work();
    for (auto& thread : pool) thread.join();
    const double found = operations / std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    if (found > best) best = found;
  }
  return best;
}

// peak threads: both rates.
int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  constexpr long rounds = 500'000;
  const double fma = rate(threads, [] { return multiply_add(rounds); });
  const double bfloat16 = has_bfloat16() ? rate(threads, [] { return multiply_bfloat16(rounds); }) : 0;
  std::printf("%.6e %.6e\n", fma, bfloat16);
}
