// The avx2 kernels: this file alone is compiled with the flags of cmake/isa.cmake for them.
#include "vec/avx2.h"
// The vocabulary comes first.
#include "kernels/fill-inl.h"

namespace lamina {

void fill_avx2(KernelTable& table) { avx2::fill(table, "avx2"); }

}  // namespace lamina
