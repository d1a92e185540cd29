// Views of memory that somebody else owns: what every kernel and op takes.
#pragma once

#include <cstdint>
#include <type_traits>

namespace lamina {

enum class DType { float32, float64, bfloat16 };

// The upper half of a float32: storage, and what units for matrix products multiply.
struct bfloat16 {
  uint16_t bits;
};

template <class T>
constexpr DType dtype_of = std::is_same_v<std::remove_const_t<T>, float>    ? DType::float32
                           : std::is_same_v<std::remove_const_t<T>, double> ? DType::float64
                                                                            : DType::bfloat16;

// A contiguous run of elements. An absent optional argument is a Vector without data.
template <class T>
struct Vector {
  T* data = nullptr;
  int64_t size = 0;

  constexpr explicit operator bool() const { return data != nullptr; }
  constexpr T& operator[](int64_t i) const { return data[i]; }
  constexpr operator Vector<const T>() const { return {data, size}; }
};

// A row-major matrix: unit column stride, any row stride (counted in elements, >= columns).
template <class T>
struct Matrix {
  T* data = nullptr;
  int64_t rows = 0, columns = 0, stride = 0;

  constexpr explicit operator bool() const { return data != nullptr; }
  constexpr T* row(int64_t i) const { return data + i * stride; }
  constexpr Matrix slice(int64_t first, int64_t count) const { return {row(first), count, columns, stride}; }
  constexpr operator Matrix<const T>() const { return {data, rows, columns, stride}; }
};

template <class T>
constexpr Matrix<T> matrix(T* data, int64_t rows, int64_t columns) {
  return {data, rows, columns, columns};
}

}  // namespace lamina
