// Batch norm by runs of columns.
#pragma once

#include "nn/layer_specs.h"
#include "ops/lamina.h"

namespace lamina {

template <class T>
Matrix<T> columns_of(Matrix<T> m, const UnitRun& run) {
  return {m.data + run.first, m.rows, run.count, m.stride};
}
template <class T>
Vector<T> units_of(Vector<T> v, const UnitRun& run) {
  return {v.data + run.nth, run.count};
}

// The part of a batch norm that one run of its units is.
template <class T>
BatchNorm<T> part_of(const BatchNorm<T>& norm, const UnitRun& run) {
  BatchNorm<T> part = norm;
  part.gamma = units_of(norm.gamma, run);
  part.beta = units_of(norm.beta, run);
  part.running_mean = units_of(norm.running_mean, run);
  part.running_var = units_of(norm.running_var, run);
  return part;
}

}  // namespace lamina
