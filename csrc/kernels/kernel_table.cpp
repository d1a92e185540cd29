// Builds the tables, lowest level first, and asks the processor which of them it can run.
#include "kernels/kernel_table.h"

namespace lamina {
namespace {

struct Tables {
  KernelTable generic, avx2, avx512;
  Tables() {
    fill_generic(generic);
#if defined(__x86_64__)
    avx2 = generic;
    fill_avx2(avx2);
    avx512 = avx2;
    fill_avx512(avx512);
#endif
  }
};

const Tables& tables() {
  static const Tables all;
  return all;
}

}  // namespace

#if defined(__x86_64__)
const int level_count = 3;

Level level(int index) {
  __builtin_cpu_init();
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
  switch (index) {
    case 0:
      return {&tables().generic, true};
    case 1:
      return {&tables().avx2, has_avx2};
    default:
      return {&tables().avx512, has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                                    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")};
  }
}
#else
const int level_count = 1;

Level level(int) { return {&tables().generic, true}; }
#endif

}  // namespace lamina
