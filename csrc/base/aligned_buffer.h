// Zeroed memory on cache-line boundaries that owns itself: what parameters, gradients and activations live in.
#pragma once

#include <algorithm>
#include <cstdint>
#include <new>
#include <utility>

#include "base/memory.h"
#include "base/scratch.h"
#include "base/types.h"

namespace lamina {

// Elements rounded up to whole cache lines, so that what follows starts on one.
template <class T>
constexpr int64_t padded(int64_t elements) {
  constexpr auto line = static_cast<int64_t>(cache_line / sizeof(T));
  return (elements + line - 1) / line * line;
}

template <class T>
class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(int64_t size, const Device& device = {}) : device_(device) {
    if (size > INT64_MAX / static_cast<int64_t>(2 * sizeof(T))) throw std::bad_array_new_length();
    data_ = static_cast<T*>(device.memory->allocate(bytes(size), cache_line, device.stream));
    size_ = size;
    device.memory->zero(data_, bytes(size), device.stream);
  }
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : device_(other.device_), data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(device_, other.device_), std::swap(data_, other.data_), std::swap(size_, other.size_);
    return *this;
  }
  ~AlignedBuffer() { clear(); }

  T* data() const { return data_; }
  int64_t size() const { return size_; }
  Vector<T> view() const { return {data_, size_}; }

  // What a buffer of `size` elements takes.
  static constexpr size_t bytes(int64_t size) { return static_cast<size_t>(std::max<int64_t>(padded<T>(size), 1)) * sizeof(T); }

  // At least this large afterwards; what was in it is lost when it has to grow, and given back first.
  void ensure(int64_t size, const Device& device = {}) {
    if (size <= size_ && data_) return;
    clear();
    *this = AlignedBuffer(size, device);
  }

 private:
  void clear() noexcept {
    if (data_) device_.memory->release(data_, bytes(size_), cache_line, device_.stream);
    data_ = nullptr;
    size_ = 0;
  }

  Device device_;
  T* data_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace lamina
