// The generic kernels, and the tile unit over them in plain C++: this file alone is compiled with the flags of
// cmake/isa.cmake for them.
#include "vec/generic.h"
// The vocabulary comes first.
#include "vec/bfloat16_plain.h"
#include "vec/tiles_plain.h"
//
#include "kernels/bfloat16_tiles-inl.h"
#include "kernels/fill-inl.h"

namespace lamina {

void fill_generic(KernelTable& table) { generic::fill(table, "generic"); }
void fill_emulated_amx(KernelTable& table) { generic::Bfloat16<generic::TileUnit>::fill(table, "emulated_amx"); }

}  // namespace lamina
