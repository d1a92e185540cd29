// What AVX512_BF16 adds to avx512, and for tests the tile unit whose tiles alone are plain C++: this file alone is
// compiled with the flags of cmake/isa.cmake for it.
#define LAMINA_ISA avx512_bf16
#include "vec/bfloat16_avx512.h"
// The vocabulary comes first.
#include "vec/tiles_plain.h"
//
#include "kernels/bfloat16_dot-inl.h"
#include "kernels/bfloat16_tiles-inl.h"

namespace lamina {

void fill_avx512_bf16(KernelTable& table) { avx512_bf16::Bfloat16<avx512_bf16::DotUnit>::fill(table, "avx512_bf16"); }
void fill_emulated_tiles(KernelTable& table) { avx512_bf16::Bfloat16<avx512_bf16::TileUnit>::fill(table, "emulated_tiles"); }

}  // namespace lamina
