// Memory that is read or written soon, fetched a share at a time between other work.
#pragma once

#include "base/scratch.h"
#include "kernels/loops-inl.h"

namespace lamina::LAMINA_ISA {

// The lines of a matrix, in `shares` shares. All at once they would queue before what the work between them reads itself.
class Ahead {
 public:
  Ahead() = default;
  template <class T>
  Ahead(const Matrix<T>& soon, int64_t shares)
      : row_(reinterpret_cast<const std::byte*>(soon.data)),
        stride_(soon.stride * sizeof(T)),
        lines_(divide_up(soon.columns * sizeof(T), cache_line)),
        rows_(soon.rows),
        share_(divide_up(rows_ * lines_, shares)) {}

  LAMINA_INLINE void fetch_share() {
    int64_t line = line_;
    for (int64_t i = 0; i < share_ && rows_ > 0; ++i) {
      fetch(row_ + line * cache_line);
      if (++line == lines_) line = 0, row_ += stride_, --rows_;
    }
    line_ = line;
  }

 private:
  const std::byte* row_ = nullptr;
  int64_t stride_ = 0, lines_ = 0, rows_ = 0, share_ = 0, line_ = 0;
};

}  // namespace lamina::LAMINA_ISA
