// The machine's float32 multiply-add peak, compiled where it runs: independent accumulators in registers, no memory.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

namespace {

#if defined(__AVX512F__)
constexpr int lanes = 16, accumulators = 24;
#elif defined(__AVX__)
constexpr int lanes = 8, accumulators = 12;
#else
constexpr int lanes = 4, accumulators = 12;
#endif
typedef float Lane __attribute__((vector_size(lanes * sizeof(float))));

float multiply_add(long rounds, float factor) {
  Lane sum[accumulators];
  for (int i = 0; i < accumulators; ++i) sum[i] = Lane{} + static_cast<float>(i);
  const Lane scale = Lane{} + factor;
  for (long r = 0; r < rounds; ++r) {
#pragma GCC unroll 24
    for (int i = 0; i < accumulators; ++i) sum[i] = sum[i] * scale + scale;  // contracted to one instruction
  }
  Lane total = sum[0];
  for (int i = 1; i < accumulators; ++i) total += sum[i];
  return total[0];
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  const float factor = argc > 2 ? static_cast<float>(std::atof(argv[2])) : 0.5f;
  const long rounds = 1'000'000;
  double best = 0;
  volatile float sink = 0;
  for (int repeat = 0; repeat < 60; ++repeat) {
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> pool;
    for (int t = 1; t < threads; ++t) pool.emplace_back([&] { sink = multiply_add(rounds, factor); });
    sink = multiply_add(rounds, factor);
    for (auto& thread : pool) thread.join();
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double rate = 2.0 * lanes * accumulators * rounds * threads / seconds;
    if (rate > best) best = rate;
  }
  std::printf("%.6e\n", best);
}
