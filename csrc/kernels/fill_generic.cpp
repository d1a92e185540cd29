// The generic kernels: this file alone is compiled with the flags of cmake/isa.cmake for them.
#include "vec/generic.h"
// The vocabulary comes first.
#include "kernels/fill-inl.h"

namespace lamina {

void fill_generic(KernelTable& table) { generic::fill(table, "generic"); }

}  // namespace lamina
