// Turns an op's parameters into what kernels read: constants in the data's type, draws with their thresholds.
#pragma once

#include <cmath>

#include "base/specs.h"
#include "kernels/kernel_table.h"
#include "math/philox.h"

namespace lamina {

inline Draw prepare_draw(Purpose purpose, const RandomKey& key) {
  Draw draw;
  draw.seed = key.seed;
  draw.purpose_and_layer = purpose_word(purpose, key.layer);
  draw.step = key.step + key.ahead;
  draw.step_at = key.step_at;
  draw.ahead = key.ahead;
  draw.row_offset = static_cast<uint32_t>(key.row_offset);
  return draw;
}

inline Draw prepare_dropout(const Dropout& dropout, Purpose purpose = Purpose::dropout) {
  Draw draw = prepare_draw(purpose, dropout.key);
  draw.threshold = keep_threshold(dropout.p);
  if (dropout.inverted) draw.scale = keep_scale(dropout.p);
  return draw;
}

template <class T>
Tail<T> prepare_tail(const Activation& activation, const Dropout& dropout) {
  Tail<T> tail;
  tail.activation = activation.index;
  tail.parameters[0] = static_cast<T>(activation.parameters[0]);
  tail.parameters[1] = static_cast<T>(activation.parameters[1]);
  if (dropout) tail.dropout = prepare_dropout(dropout);
  return tail;
}

}  // namespace lamina
