// Stands in for the CUDA table in a build without it.
#include "kernels/cuda_table.h"

namespace lamina {

const KernelTable* cuda_table() { return nullptr; }
const char* cuda_status() { return "not built: this build of lamina has no CUDA kernels"; }

}  // namespace lamina
