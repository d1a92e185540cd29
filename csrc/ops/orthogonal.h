// Orthonormal rows from any independent ones.
#pragma once

#include "base/context.h"
#include "base/types.h"

namespace lamina {

// In place: row i becomes the unit vector along what is left of it without its components in the rows above, so that the
// rows before are L times those after with a positive diagonal of L. At most as many rows as columns. Bits do not depend on
// the table or the threads.
void orthonormal_rows(const Context& context, Matrix<double> rows);

}  // namespace lamina
