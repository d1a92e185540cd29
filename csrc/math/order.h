// The order of floating-point operations that every table keeps at precision `highest`; part of the contract.
#pragma once

#include <cstdint>

namespace lamina::order {

// A product's output is, per `depth_chunk` depth steps, one fma chain from +0; the chunks' sums are added in order,
// then r = alpha * sum, r = fma(beta, c, r), r = r + bias. The depth is never padded.
inline constexpr int64_t depth_chunk = 256;

// A column's sum runs down chunks of `row_chunk` rows, each a chain of additions from +0; the chunks' sums are added
// in order. Batch norm's statistics use the same chunks (math/batchnorm.h) and merge them in float64.
inline constexpr int64_t row_chunk = 32;

// The gradient of an embedding's row is the column sum of the rows that took it, with +0 in the stead of all others: a chain
// in each chunk of `row_chunk` rows of the batch, the chunks' sums added in order.

// A row's sum goes to `row_partials` partial sums, element j to partial j mod 16. Each runs down `row_run` elements of the row
// as a chain from +0 in ascending j, and the runs' chains are added in order to +0: a chain as long as the row would lose digits.
// Then partial i takes partial i + 8, then + 4, + 2, + 1.
inline constexpr int64_t row_partials = 16, row_run = 256;

// Losses: a row's loss in the data's type; rows are summed in float64 down chunks of `row_chunk`, merged in order.

// A norm's squares are summed in float64 along chunks of `square_chunk` elements, each as a row is, the chunks then as the
// rows of a loss are. Those of a unit's weights (max_norm) are summed in float64 as one row.
inline constexpr int64_t square_chunk = 1024;

// Optimizer moments below this magnitude are written as +0: a subnormal product costs a hundred normal ones.
inline constexpr double smallest_moment = 0x1p-100;

}  // namespace lamina::order
