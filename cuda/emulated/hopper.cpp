// Barriers in shared memory, copies of boxes, products of warpgroups.
#include "cuda/emulated/hopper.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <map>

#include "cuda/emulated/fiber.h"
#include "math/bfloat16.h"

namespace lamina::emulated {
namespace {

constexpr size_t element_bytes = 2, swizzle_bytes = 128, atom_bytes = 8 * swizzle_bytes;
constexpr unsigned whole_warp = ~0u;

struct Box {
  std::byte* to;
  CUtensorMap map;
  int x, y;
  size_t bytes() const { return size_t{map.box[0]} * map.box[1] * element_bytes; }
};

struct Barrier {
  unsigned arrivals = 0, missing = 0, phase = 0;
  int64_t bytes = 0;  // announced and not there yet
  bool shown = false;
  std::deque<Box> boxes;
  uint64_t changes = 0;  // what threads that wait sleep on
};

// A thread's products: its sums are kept here, and are NaNs where it sees them, until the last one has landed.
struct Products {
  bool fenced = false;
  std::vector<Product> begun;
  std::deque<std::vector<Product>> groups;
  float* sums = nullptr;
  std::vector<float> kept;
};

struct Hopper {
  std::map<const void*, Barrier> barriers;
  std::map<unsigned, Products> products;
};
Hopper& hopper() {
  std::shared_ptr<void>& kept = kept_for_block();
  if (!kept) kept = std::make_shared<Hopper>();
  return *static_cast<Hopper*>(kept.get());
}
Barrier& barrier_at(const void* address, const Location& at) {
  const auto found = hopper().barriers.find(address);
  if (found == hopper().barriers.end()) stop("there is no barrier", at);
  return found->second;
}

// Sixteen bytes of a row change places with others by the number of the row, both as bits of the address say.
size_t swizzled(size_t offset) { return offset ^ (offset / swizzle_bytes % 8) * 16; }

void land(const Box& box) {
  const CUtensorMap& map = box.map;
  const size_t first = static_cast<size_t>(box.to - dynamic_shared()), width = map.box[0] * element_bytes;
  for (uint32_t row = 0; row < map.box[1]; ++row) {
    for (uint32_t column = 0; column < map.box[0]; ++column) {
      const int64_t x = int64_t{box.x} + column, y = int64_t{box.y} + row;
      const bool inside = x >= 0 && y >= 0 && x < static_cast<int64_t>(map.size[0]) && y < static_cast<int64_t>(map.size[1]);
      const size_t place = first + row * width + column * element_bytes;
      std::byte* const to = dynamic_shared() + (map.swizzled ? swizzled(place) : place);
      const auto* const from = static_cast<const std::byte*>(map.address) + y * static_cast<int64_t>(map.pitch) + x * 2;
      inside ? static_cast<void>(std::memcpy(to, from, element_bytes)) : static_cast<void>(std::memset(to, 0, element_bytes));
    }
  }
}

void end_phase_if_complete(Barrier& barrier) {
  ++barrier.changes;
  if (barrier.missing > 0 || barrier.bytes != 0) return;
  ++barrier.phase;
  barrier.missing = barrier.arrivals;
}

// An operand as its descriptor says, 16 steps deep.
class Operand {
 public:
  Operand(uint64_t descriptor, bool by_line, const Location& at)
      : start_((descriptor & 0x3FFF) * 16),
        leading_((descriptor >> 16 & 0x3FFF) * 16),
        stride_((descriptor >> 32 & 0x3FFF) * 16),
        by_line_(by_line) {
    constexpr uint64_t unused = 3ull << 14 | 3ull << 30 | 7ull << 46 | 0x3FFull << 52;
    if (descriptor & unused) stop("a descriptor has bits that mean nothing", at);
    if (descriptor >> 62 != 1 || descriptor >> 49 & 7) stop("a descriptor is of a layout that is not emulated", at);
  }
  float operator()(size_t line, size_t step) const {
    const size_t unswizzled = by_line_ ? line % 64 * 2 + line / 64 * leading_ + step % 8 * swizzle_bytes + step / 8 * stride_
                                       : step * 2 + line % 8 * swizzle_bytes + line / 8 * stride_;
    bfloat16 element;
    std::memcpy(&element, dynamic_shared() + swizzled(start_ + unswizzled), sizeof(element));
    return to_float(element);
  }

 private:
  size_t start_, leading_, stride_;
  bool by_line_;
};

// Products are exact; the device does not say how it rounds their sums, here they are rounded once.
void land(const Product& product, float* sums, const Location& at) {
  const Operand a(product.a, product.a_by_line, at), b(product.b, product.b_by_line, at);
  const unsigned row = thread_number() % 128 / 32 * 16 + lane() / 4;
  constexpr size_t depth = 16;
  double upper[depth], lower[depth];
  for (size_t k = 0; k < depth; ++k) upper[k] = a(row, k), lower[k] = a(row + 8, k);
  for (int tile = 0; tile < product.columns / 8; ++tile) {
    for (int j = 0; j < 2; ++j) {
      float &above = sums[4 * tile + j], &below = sums[4 * tile + 2 + j];
      double first = above, second = below;
      for (size_t k = 0; k < depth; ++k) {
        const double x = b(static_cast<size_t>(8 * tile + j) + lane() % 4 * 2, k);
        first += upper[k] * x;
        second += lower[k] * x;
      }
      above = static_cast<float>(first);
      below = static_cast<float>(second);
    }
  }
}

}  // namespace

void init_barrier(const void* barrier, unsigned arrivals, const Location& at) {
  if (reinterpret_cast<uintptr_t>(barrier) % 8 != 0) stop("a barrier needs a multiple of 8 as its address", at);
  Barrier& made = hopper().barriers[barrier];
  made = Barrier();
  made.arrivals = made.missing = arrivals;
}
void show_barriers() {
  for (auto& [address, barrier] : hopper().barriers) barrier.shown = true;
}
void arrive(const void* address, int64_t bytes_to_come, const Location& at) {
  Barrier& barrier = barrier_at(address, at);
  if (barrier.missing == 0) stop("more arrive at a barrier than it awaits", at);
  happens_before(&barrier);
  --barrier.missing;
  barrier.bytes += bytes_to_come;
  end_phase_if_complete(barrier);
}
void wait_for_phase(const void* address, unsigned parity, const Location& at) {
  if (skips(at)) return;
  Barrier& barrier = barrier_at(address, at);
  while (barrier.phase % 2 == parity) {
    if (barrier.missing > 0 || barrier.boxes.empty()) {
      sleep(barrier.changes, at);
      continue;
    }
    for (; !barrier.boxes.empty(); barrier.boxes.pop_front()) {
      land(barrier.boxes.front());
      barrier.bytes -= static_cast<int64_t>(barrier.boxes.front().bytes());
    }
    happens_before(&barrier);
    end_phase_if_complete(barrier);
  }
  happens_after(&barrier);
}

void copy_box_later(void* to, const CUtensorMap& map, int x, int y, const void* address, const Location& at) {
  Barrier& barrier = barrier_at(address, at);
  if (!barrier.shown) stop("a copy uses a barrier that has not been shown to it", at);
  if (reinterpret_cast<uintptr_t>(to) % (map.swizzled ? atom_bytes : 128) != 0)
    stop("a box is copied to an address that is not aligned", at);
  const Box box{static_cast<std::byte*>(to), map, x, y};
  std::memset(to, 0xFF, box.bytes());
  barrier.boxes.push_back(box);
  ++barrier.changes;
}

void fence_sums() { hopper().products[thread_number()].fenced = true; }
void multiply_later(const Product& product, const Location& at) {
  Products& mine = hopper().products[thread_number()];
  if (!mine.fenced) stop("sums are used by a product without a fence", at);
  const Words* const all = meet(whole_warp, {{product.a, product.b}}, at);
  for (int i = 0; i < warp_size; ++i) {
    if (all[i].at[0] != product.a || all[i].at[1] != product.b) stop("lanes of a warp have different descriptors", at);
  }
  if (mine.kept.empty()) {
    mine.sums = product.sums;
    mine.kept.assign(mine.sums, mine.sums + product.columns / 2);
    std::fill_n(mine.sums, mine.kept.size(), std::numeric_limits<float>::quiet_NaN());
  }
  mine.begun.push_back(product);
}
void commit_products() {
  Products& mine = hopper().products[thread_number()];
  mine.groups.push_back(std::move(mine.begun));
  mine.begun.clear();
}
void wait_for_products(size_t newest, const Location& at) {
  if (skips(at)) return;
  Products& mine = hopper().products[thread_number()];
  for (; mine.groups.size() > newest; mine.groups.pop_front()) {
    for (const Product& product : mine.groups.front()) land(product, mine.kept.data(), at);
  }
  if (mine.groups.empty() && mine.begun.empty()) {
    std::copy(mine.kept.begin(), mine.kept.end(), mine.sums);
    mine.kept.clear();
    mine.fenced = false;
  }
  meet(whole_warp, {}, at);
}

}  // namespace lamina::emulated

CUresult cuTensorMapEncodeTiled(CUtensorMap* map, CUtensorMapDataType type, cuuint32_t rank, void* address, const cuuint64_t* size,
                                const cuuint64_t* pitches, const cuuint32_t* box, const cuuint32_t* strides, CUtensorMapInterleave,
                                CUtensorMapSwizzle swizzle, CUtensorMapL2promotion, CUtensorMapFloatOOBfill) {
  constexpr uint64_t largest = uint64_t{1} << 32, pitch_limit = uint64_t{1} << 40;
  const bool swizzled = swizzle == CU_TENSOR_MAP_SWIZZLE_128B;
  bool right = type == CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 && rank == 2 && reinterpret_cast<uintptr_t>(address) % 16 == 0;
  for (int i = 0; i < 2; ++i) right = right && size[i] > 0 && size[i] <= largest && box[i] > 0 && box[i] <= 256 && strides[i] == 1;
  right = right && pitches[0] % 16 == 0 && pitches[0] < pitch_limit && pitches[0] >= size[0] * 2 && box[0] * 2 % 16 == 0;
  right = right && (!swizzled || box[0] * 2 <= 128);
  if (!right) return CUDA_ERROR_INVALID_VALUE;
  *map = {address, {size[0], size[1]}, pitches[0], {box[0], box[1]}, swizzled};
  return CUDA_SUCCESS;
}
