// What the driver is told of a matrix whose boxes are to be copied. The driver is reached without linking it.
#pragma once

#include <cuda.h>

#include "base/error.h"
#include "cuda/runtime.h"
#include "math/bfloat16.h"

namespace lamina::cuda {

// Of rows that lie `stride` elements apart: boxes of 64 elements by `box_rows`, which are swizzled by 128 bytes on their way to
// shared memory and zero beyond the matrix.
inline CUtensorMap tensor_map(const bfloat16* data, int64_t rows, int64_t columns, int64_t stride, int box_rows) {
  using Encode = decltype(&cuTensorMapEncodeTiled);
  static const Encode encode = [] {
    void* found = nullptr;
    cudaDriverEntryPointQueryResult result{};
#if CUDART_VERSION >= 12050
    const cudaError_t error = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, 12000, cudaEnableDefault, &result);
#else
    const cudaError_t error = cudaGetDriverEntryPoint("cuTensorMapEncodeTiled", &found, cudaEnableDefault, &result);
#endif
    check(error, "asking the driver for maps");
    if (result != cudaDriverEntryPointSuccess) fail<BackendError>("cuda", "the driver has no cuTensorMapEncodeTiled");
    return reinterpret_cast<Encode>(found);
  }();
  const cuuint64_t size[] = {static_cast<cuuint64_t>(columns), static_cast<cuuint64_t>(rows)};
  const cuuint64_t pitch[] = {static_cast<cuuint64_t>(stride) * sizeof(bfloat16)};
  const cuuint32_t box[] = {64, static_cast<cuuint32_t>(box_rows)}, steps[] = {1, 1};
  CUtensorMap map{};
  const CUresult result =
      encode(&map, CU_TENSOR_MAP_DATA_TYPE_BFLOAT16, 2, const_cast<bfloat16*>(data), size, pitch, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
             CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (result != CUDA_SUCCESS) fail<BackendError>("cuda", "a map of an operand: error ", static_cast<int>(result));
  return map;
}

}  // namespace lamina::cuda
