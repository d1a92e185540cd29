// Sets and restores the floating-point control register.
#include "base/fp_environment.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace lamina {

#if defined(__x86_64__)
namespace {
constexpr unsigned status_flags = 0x3F;       // sticky, not ours to change
constexpr unsigned default_control = 0x1F80;  // nearest rounding, exceptions masked, no FTZ, no DAZ
}  // namespace

FloatingPointScope::FloatingPointScope() : saved_(_mm_getcsr()) { _mm_setcsr(default_control | (saved_ & status_flags)); }
FloatingPointScope::~FloatingPointScope() {
  _mm_setcsr(static_cast<unsigned>(saved_ & ~uint64_t{status_flags}) | (_mm_getcsr() & status_flags));
}
#elif defined(__aarch64__)
FloatingPointScope::FloatingPointScope() {
  asm volatile("mrs %0, fpcr" : "=r"(saved_));
  asm volatile("msr fpcr, %0" ::"r"(uint64_t{0}));
}
FloatingPointScope::~FloatingPointScope() { asm volatile("msr fpcr, %0" ::"r"(saved_)); }
#else
#error "lamina builds on x86-64 and aarch64"
#endif

}  // namespace lamina
