// The avx512 kernels: this file alone is compiled with the flags of cmake/isa.cmake for them.
#include "vec/avx512.h"
// The vocabulary comes first.
#include "kernels/fill-inl.h"

namespace lamina {

void fill_avx512(KernelTable& table) { avx512::fill(table, "avx512"); }

}  // namespace lamina
