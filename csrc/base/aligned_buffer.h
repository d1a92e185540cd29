// Zeroed memory on cache-line boundaries that owns itself: what parameters, gradients and activations live in.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
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
  explicit AlignedBuffer(int64_t size) : data_(nullptr, Free{bytes(size)}), size_(size) {
    if (size > INT64_MAX / static_cast<int64_t>(2 * sizeof(T))) throw std::bad_array_new_length();
    data_.reset(static_cast<T*>(allocate(bytes(size), cache_line)));
    std::uninitialized_value_construct_n(data_.get(), capacity(size));
  }

  T* data() const { return data_.get(); }
  int64_t size() const { return size_; }
  Vector<T> view() const { return {data_.get(), size_}; }

  // What a buffer of `size` elements takes.
  static constexpr size_t bytes(int64_t size) { return capacity(size) * sizeof(T); }

  // At least this large afterwards; what was in it is lost when it has to grow, and given back first.
  void ensure(int64_t size) {
    if (size <= size_ && data_) return;
    *this = AlignedBuffer();
    *this = AlignedBuffer(size);
  }

 private:
  static constexpr size_t capacity(int64_t size) { return static_cast<size_t>(std::max<int64_t>(padded<T>(size), 1)); }
  struct Free {
    size_t bytes = 0;
    void operator()(T* p) const { release(p, bytes, cache_line); }
  };
  std::unique_ptr<T[], Free> data_;
  int64_t size_ = 0;
};

}  // namespace lamina
