// Zeroed memory on cache-line boundaries that owns itself: what parameters, gradients and activations live in.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

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
  explicit AlignedBuffer(int64_t size) : size_(size) {
    const auto capacity = static_cast<size_t>(std::max<int64_t>(padded<T>(size), 1));
    data_.reset(new (std::align_val_t{cache_line}) T[capacity]());
  }

  T* data() const { return data_.get(); }
  int64_t size() const { return size_; }
  Vector<T> view() const { return {data_.get(), size_}; }

  // At least this large afterwards; what was in it is lost when it has to grow.
  void ensure(int64_t size) {
    if (size > size_ || !data_) *this = AlignedBuffer(size);
  }

 private:
  struct Free {
    void operator()(T* p) const { ::operator delete[](p, std::align_val_t{cache_line}); }
  };
  std::unique_ptr<T[], Free> data_;
  int64_t size_ = 0;
};

}  // namespace lamina
