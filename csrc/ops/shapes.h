// The check that most ops make: a matrix has the shape that it needs.
#pragma once

#include "base/error.h"
#include "base/types.h"

namespace lamina {

template <class T>
void expect_shape(const char* op, const char* name, Matrix<T> given, int64_t rows, int64_t columns) {
  if (given.rows != rows || given.columns != columns) {
    fail(op, name, " has shape (", given.rows, ", ", given.columns, "), needs (", rows, ", ", columns, ")");
  }
}

// For what works along rows: the shape of x, whose rows are not empty.
template <class T>
void expect_rows_like(const char* op, const char* name, Matrix<const T> x, Matrix<const T> given) {
  expect_shape(op, name, given, x.rows, x.columns);
  if (x.rows > 0 && x.columns == 0) fail(op, "got rows without columns, needs at least one");
}

}  // namespace lamina
