// Builds the tables, lowest level first, and asks the processor which of them it can run.
#include "kernels/kernel_table.h"

#if defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace lamina {
namespace {

struct Tables {
  KernelTable generic, emulated_amx, avx2, avx512, avx512_bf16, emulated_tiles, amx;
  Tables() {
    fill_generic(generic);
    emulated_amx = generic;
    fill_emulated_amx(emulated_amx);
#if defined(__x86_64__)
    avx2 = generic;
    fill_avx2(avx2);
    avx512 = avx2;
    fill_avx512(avx512);
    avx512_bf16 = avx512;
    fill_avx512_bf16(avx512_bf16);
    emulated_tiles = avx512;
    fill_emulated_tiles(emulated_tiles);
    amx = avx512;
    fill_amx(amx);
#endif
  }
};

const Tables& tables() {
  static const Tables all;
  return all;
}

#if defined(__x86_64__)
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"); }
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}
bool has_avx512_bf16() { return has_avx512() && __builtin_cpu_supports("avx512bf16"); }
// Linux lends a process its tiles, large registers that every switch of threads would save, only when asked, and refuses
// where a thread's alternate signal stack has no room for them.
bool has_amx() {
  constexpr long request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  static const bool has = has_avx512_bf16() && __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") &&
                          syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
  return has;
}
#endif

}  // namespace

#if defined(__x86_64__)
const int level_count = 7;

Level level(int index) {
  __builtin_cpu_init();
  switch (index) {
    case 0:
      return {&tables().emulated_amx, true, false};
    case 1:
      return {&tables().emulated_tiles, has_avx512_bf16(), false};
    case 2:
      return {&tables().generic, true};
    case 3:
      return {&tables().avx2, has_avx2()};
    case 4:
      return {&tables().avx512, has_avx512()};
    case 5:
      return {&tables().avx512_bf16, has_avx512_bf16(), true, !__builtin_cpu_is("intel")};  // half the rate of an fma there
    default:
      return {&tables().amx, has_amx()};
  }
}
#else
const int level_count = 2;

Level level(int index) { return index == 0 ? Level{&tables().emulated_amx, true, false} : Level{&tables().generic, true}; }
#endif

}  // namespace lamina
