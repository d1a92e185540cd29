// Stacks that take turns on one thread, known to the sanitizers.
#pragma once

#include <cstddef>
#include <cstdint>

namespace lamina::emulated {

class Fiber {
 public:
  using Main = void (*)(void* argument);  // never returns
  Fiber() = default;                      // of the stack that is running
  Fiber(Main main, void* argument);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  void switch_to(Fiber& next);  // from this one, which is running; returns when something switches back

  static constexpr size_t stack_bytes = 256 << 10;

 private:
  static void start();

  void* stack_pointer_ = nullptr;
  std::byte* stack_ = nullptr;
  const void* bottom_ = nullptr;  // where the stack lies, for AddressSanitizer
  size_t size_ = 0;
  void* fake_stack_ = nullptr;
  void* tsan_ = nullptr;
  Main main_ = nullptr;
  void* argument_ = nullptr;
};

// ThreadSanitizer is told what orders the threads of a block; without it nothing.
void happens_before(void* token);
void happens_after(void* token);

}  // namespace lamina::emulated
