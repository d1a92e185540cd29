// Block Gram-Schmidt, each projection twice: the products are gemm's, whose order of operations is fixed.
#include "ops/orthogonal.h"

#include <algorithm>
#include <cmath>

#include "base/aligned_buffer.h"
#include "base/error.h"
#include "ops/gemm.h"

namespace lamina {
namespace {

// Takes the components along orthonormal `basis` out of `rows`; once leaves some by rounding, twice none (L. Giraud et al.,
// "The loss of orthogonality in the Gram-Schmidt orthogonalization process", 2005).
void project_out(const Context& context, Matrix<const double> basis, Matrix<double> rows, double* memory) {
  if (basis.rows == 0) return;
  const Matrix<double> components = matrix(memory, rows.rows, basis.rows);
  for (int turn = 0; turn < 2; ++turn) {
    gemm<double>(context, rows, false, basis, true, 1, 0, components);
    gemm<double>(context, components, false, basis, false, -1, 1, rows);
  }
}

void normalise(const Context& context, Matrix<double> row) {
  double square = 0;
  gemm<double>(context, row, false, row, true, 1, 0, matrix(&square, 1, 1));
  const double norm = std::sqrt(square);
  if (!(norm > 0) || !std::isfinite(norm)) fail("orthonormal_rows", "rows depend on each other or are not finite, needs independent ones");
  for (int64_t c = 0; c < row.columns; ++c) row.row(0)[c] /= norm;
}

}  // namespace

void orthonormal_rows(const Context& context, Matrix<double> rows) {
  if (rows.rows > rows.columns)
    fail("orthonormal_rows", "there are ", rows.rows, " rows of ", rows.columns, " elements, needs at most as many rows as elements");
  constexpr int64_t block_rows = 32;
  const AlignedBuffer<double> memory(std::max(block_rows, block_rows * rows.rows));
  for (int64_t first = 0; first < rows.rows; first += block_rows) {
    const Matrix<double> block = rows.slice(first, std::min(block_rows, rows.rows - first));
    project_out(context, rows.slice(0, first), block, memory.data());
    for (int64_t r = 0; r < block.rows; ++r) {
      project_out(context, block.slice(0, r), block.slice(r, 1), memory.data());
      normalise(context, block.slice(r, 1));
    }
  }
}

}  // namespace lamina
