// What all of cuda/ knows of the CUDA runtime.
#pragma once

#include <cuda_runtime.h>

#include <atomic>

#include "base/memory.h"

namespace lamina::cuda {

inline cudaStream_t of(Stream stream) { return static_cast<cudaStream_t>(stream); }

// Every call's code is looked at: `what` was asked for. Throws what went wrong.
void check(cudaError_t error, const char* what);
inline std::atomic<const char*> last_kernel{"none"};

}  // namespace lamina::cuda
