// What AMX adds to avx512: this file alone is compiled with the flags of cmake/isa.cmake for it.
#define LAMINA_ISA amx
#include "vec/tiles_amx.h"
// The vocabulary comes first.
#include "kernels/bfloat16_tiles-inl.h"

namespace lamina {

void fill_amx(KernelTable& table) { amx::Bfloat16<amx::TileUnit>::fill(table, "amx"); }

}  // namespace lamina
