// The memory layout of DLPack's structures (github.com/dmlc/dlpack, version 1.0 and what came before).
#pragma once

#include <cstdint>

namespace lamina::dlpack {

enum DeviceType : int32_t { cpu = 1, cuda = 2, cuda_managed = 13 };
enum TypeCode : uint8_t { integer = 0, unsigned_integer = 1, floating = 2, bfloat = 4, boolean = 6 };

struct Device {
  int32_t type, id;
};
struct Type {
  uint8_t code, bits;
  uint16_t lanes;
};
struct Tensor {
  void* data;
  Device device;
  int32_t rank;
  Type type;
  int64_t *shape, *strides;  // in elements; no strides: C order
  uint64_t byte_offset;
};
struct ManagedTensor {
  static constexpr const char *name = "dltensor", *used_name = "used_dltensor";
  Tensor tensor;
  void* context;
  void (*deleter)(ManagedTensor*);
};
struct VersionedTensor {
  static constexpr const char *name = "dltensor_versioned", *used_name = "used_dltensor_versioned";
  static constexpr uint64_t read_only = 1;
  uint32_t major, minor;
  void* context;
  void (*deleter)(VersionedTensor*);
  uint64_t flags;
  Tensor tensor;
};

}  // namespace lamina::dlpack
