// What Hopper does by itself while threads go on: barriers in shared memory that count arrivals and bytes, copies of boxes,
// products of warpgroups. Everything lands at the wait for it and not before; until then NaNs are there.
#pragma once

#include <cuda.h>

#include "cuda/emulated/model.h"

namespace lamina::emulated {

// A barrier's phase is over when so many have arrived and all bytes that were announced are there.
void init_barrier(const void* barrier, unsigned arrivals, const Location& at);
void show_barriers();  // to copies, which may not use them before
void arrive(const void* barrier, int64_t bytes_to_come, const Location& at);
void wait_for_phase(const void* barrier, unsigned parity, const Location& at);

// The box at (x, y), zero beyond the matrix, counted by the barrier.
void copy_box_later(void* to, const CUtensorMap& map, int x, int y, const void* barrier, const Location& at);

// A warpgroup's product: 64 lines of a by `columns` lines of b, 16 steps deep, added to this thread's sums. Operands are
// known by the descriptors of the instruction; by_line: neighbouring lines are neighbours in memory.
struct Product {
  uint64_t a, b;
  bool a_by_line, b_by_line;
  int columns;
  float* sums;  // columns / 2 of them: of each eight columns two in an upper, two in a lower row
};
void fence_sums();  // what was written to sums is seen by products
void multiply_later(const Product& product, const Location& at);
void commit_products();
void wait_for_products(size_t newest, const Location& at);

}  // namespace lamina::emulated
