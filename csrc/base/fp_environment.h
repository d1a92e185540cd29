// Nearest rounding without flush-to-zero while native code runs; the caller's setting comes back afterwards.
#pragma once

#include <cstdint>

namespace lamina {

class FloatingPointScope {
 public:
  FloatingPointScope();
  ~FloatingPointScope();
  FloatingPointScope(const FloatingPointScope&) = delete;
  FloatingPointScope& operator=(const FloatingPointScope&) = delete;

 private:
  uint64_t saved_;
};

}  // namespace lamina
