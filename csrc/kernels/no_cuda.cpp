// Stands in for CUDA in a build without it.
#include "kernels/cuda_device.h"

namespace lamina {

Cuda* cuda_device() { return nullptr; }
std::string cuda_status() { return "not built: this build of lamina has no CUDA kernels"; }

}  // namespace lamina
