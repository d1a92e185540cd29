// What the emulated device says of itself, and its errors.
#include <cuda.h>

#include "cuda/emulated/device.h"

namespace lamina::emulated {

Device& device() {
  static Device* const the = new Device;  // never destroyed: arrays may outlive static objects
  return *the;
}

cudaError_t answer(cudaError_t error) {
  Device& d = device();
  if (d.broken) error = cudaErrorLaunchFailure;
  if (error != cudaSuccess) d.last = error;
  return error;
}

void break_kernel(const std::string& name) {
  LOCK;
  device().to_break = name;
}
std::map<std::string, uint64_t> kernels() {
  LOCK;
  return device().runs;
}
void set_capability(int major, int minor) {
  LOCK;
  device().major = major;
  device().minor = minor;
}
}  // namespace lamina::emulated

using namespace lamina::emulated;

namespace {

thread_local int current_device = 0;

}  // namespace

cudaError_t cudaGetDeviceCount(int* count) {
  *count = 1;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = current_device;
  return cudaSuccess;
}
// There is but one; a second may be made a thread's to see what follows.
cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device > 1) return answer(cudaErrorInvalidDevice);
  current_device = device;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {"emulated on the CPU", device().major, device().minor, 1, device().limit};
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  LOCK;
  *value = attribute == cudaDevAttrComputeCapabilityMajor ? device().major : device().minor;
  return answer(cudaSuccess);
}
cudaError_t cudaGetDriverEntryPointByVersion(const char* symbol, void** function, unsigned, unsigned long long,
                                             cudaDriverEntryPointQueryResult* result) {
  LOCK;
  const bool known = std::strcmp(symbol, "cuTensorMapEncodeTiled") == 0;
  *function = known ? reinterpret_cast<void*>(&cuTensorMapEncodeTiled) : nullptr;
  *result = known ? cudaDriverEntryPointSuccess : cudaDriverEntryPointSymbolNotFound;
  return answer(cudaSuccess);
}
cudaError_t cudaGetLastError() {
  LOCK;
  const cudaError_t error = device().last;
  if (!device().broken) device().last = cudaSuccess;
  return error;
}
const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "no error";
    case cudaErrorInvalidValue:
      return "invalid argument";
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorInvalidDevice:
      return "invalid device ordinal";
    case cudaErrorNotReady:
      return "device not ready";
    case cudaErrorStreamCaptureUnsupported:
      return "operation not permitted when stream is capturing";
    case cudaErrorStreamCaptureInvalidated:
      return "operation failed due to a previous error during capture";
    case cudaErrorStreamCaptureIsolation:
      return "dependency created on uncaptured work in another stream";
    case cudaErrorLaunchFailure:
      return device().broken ? device().why.c_str() : "unspecified launch failure";
  }
  return "unknown error";
}
