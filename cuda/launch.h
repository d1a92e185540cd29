// How kernels are started, and where their shared memory lies: the one place that knows whether the device is emulated.
#pragma once

#include <tuple>
#include <utility>

#include "base/context.h"
#include "base/error.h"
#include "cuda/runtime.h"

#ifdef LAMINA_CUDA_EMULATED
#define LAMINA_SHARED(Type, name)        \
  static const char name##_identity = 0; \
  Type& name = *static_cast<Type*>(::lamina::emulated::shared_variable(&name##_identity, sizeof(Type)))
#define LAMINA_DYNAMIC_SHARED(T, name) T* const name = reinterpret_cast<T*>(::lamina::emulated::dynamic_shared())
#else
#define LAMINA_SHARED(Type, name) __shared__ Type name
#define LAMINA_DYNAMIC_SHARED(T, name)                             \
  extern __shared__ __align__(1024) unsigned char lamina_shared[]; \
  T* const name = reinterpret_cast<T*>(lamina_shared)
#endif

namespace lamina::cuda {

constexpr int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Gives the stream a kernel, each block with so many bytes of dynamic shared memory. In an explanation it is only noted, with
// its blocks and their threads.
template <class... P, class... A>
void launch_with_memory(const Context& context, const char* name, void (*kernel)(P...), int64_t blocks, dim3 block, size_t bytes,
                        A&&... arguments) {
  if (context.log) return context.log->note({blocks, static_cast<int>(block.x * block.y * block.z), 0});
  if (blocks > INT32_MAX) fail<BackendError>("cuda", name, " needs ", blocks, " blocks, there are 2**31 - 1 at most");
  const dim3 grid(static_cast<unsigned>(blocks));
  last_kernel = name;
#ifdef LAMINA_CUDA_EMULATED
  const auto thread = [kernel, ... values = static_cast<P>(arguments)] { kernel(values...); };
  check(emulated::launch(name, grid, block, bytes, of(context.device.stream), thread), name);
#else
  std::tuple<P...> values{static_cast<P>(arguments)...};
  std::apply(
      [&](auto&... value) {
        void* pointers[] = {&value...};
        const void* const function = reinterpret_cast<const void*>(kernel);
        constexpr size_t always_there = 48 << 10;
        if (bytes > always_there) {
          check(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(bytes)), name);
        }
        check(cudaLaunchKernel(function, grid, block, pointers, bytes, of(context.device.stream)), name);
      },
      values);
#endif
}
template <class... P, class... A>
void launch(const Context& context, const char* name, void (*kernel)(P...), int64_t blocks, dim3 block, A&&... arguments) {
  launch_with_memory(context, name, kernel, blocks, block, 0, std::forward<A>(arguments)...);
}

// Device memory for what one kernel leaves to the next.
template <class T>
class Scratch {
 public:
  Scratch(const Context& context, int64_t size) : device_(context.device), bytes_(static_cast<size_t>(size) * sizeof(T)) {
    if (!context.log) data_ = static_cast<T*>(device_.memory->allocate(bytes_, sizeof(T), device_.stream));
  }
  ~Scratch() {
    if (data_) device_.memory->release(data_, bytes_, sizeof(T), device_.stream);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  T* data() const { return data_; }

 private:
  Device device_;
  size_t bytes_;
  T* data_ = nullptr;
};

}  // namespace lamina::cuda
