// Products on wgmma, which devices of compute capability 9.0 have and no other: chosen when the program runs. In a build
// without that architecture (no_wgmma.cpp) no device has it.
#pragma once

#include "kernels/kernel_table.h"

namespace lamina::cuda {

// An operand as its lines (rows of a, columns of b) by depth steps; from the start of one row of memory to that of the next
// there are `stride` elements, a multiple of 16 bytes.
struct Halves {
  const bfloat16 *high, *low;
  int64_t stride;
};

bool has_wgmma();
bool takes_wgmma(const Gemm<float>& g);  // whether it has it, and the product is large enough
GemmPlanInfo describe_wgmma(const Gemm<float>& g, int halves);
void gemm_wgmma(const Context& context, const Gemm<float>& g, const Halves& a, const Halves& b, int halves);

}  // namespace lamina::cuda
