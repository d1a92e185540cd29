// Fibers by saving the registers that calls preserve; the kernel is not asked.
#include "cuda/emulated/fiber.h"

#include <sys/mman.h>

#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(LAMINA_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

#if !defined(__x86_64__)
#error "the emulated CUDA device switches fibers on x86-64 only"
#endif

// Pushes what the callee preserves, exchanges stacks, pops. A new stack pops the address of `start` as its return.
extern "C" void lamina_switch_stacks(void** save, void* load);
asm(R"(
.text
.type lamina_switch_stacks, @function
.hidden lamina_switch_stacks
.globl lamina_switch_stacks
lamina_switch_stacks:
  endbr64
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size lamina_switch_stacks, .-lamina_switch_stacks
)");

namespace lamina::emulated {
namespace {

thread_local Fiber *leaving = nullptr, *entering = nullptr;

}  // namespace

Fiber::Fiber(Main main, void* argument) : size_(stack_bytes), main_(main), argument_(argument) {
  void* const memory = mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  stack_ = static_cast<std::byte*>(memory);
  bottom_ = stack_;
  auto* top = reinterpret_cast<void**>(stack_ + stack_bytes);
  *--top = nullptr;  // so that the stack is aligned as after a call
  *--top = reinterpret_cast<void*>(&Fiber::start);
  stack_pointer_ = top - 6;
#if defined(LAMINA_TSAN)
  tsan_ = __tsan_create_fiber(0);
#endif
}

Fiber::~Fiber() {
  if (!stack_) return;
#if defined(LAMINA_TSAN)
  __tsan_destroy_fiber(tsan_);
#endif
  munmap(stack_, stack_bytes);
}

void Fiber::switch_to(Fiber& next) {
  leaving = this;
  entering = &next;
#if defined(LAMINA_TSAN)
  if (!tsan_) tsan_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(next.tsan_, __tsan_switch_to_fiber_no_sync);
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&fake_stack_, next.bottom_, next.size_);
#endif
  lamina_switch_stacks(&stack_pointer_, next.stack_pointer_);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake_stack_, &leaving->bottom_, &leaving->size_);
#endif
}

void Fiber::start() {
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &leaving->bottom_, &leaving->size_);
#endif
  entering->main_(entering->argument_);
  __builtin_unreachable();
}

#if defined(LAMINA_TSAN)
void happens_before(void* token) { __tsan_release(token); }
void happens_after(void* token) { __tsan_acquire(token); }
#else
void happens_before(void*) {}
void happens_after(void*) {}
#endif

}  // namespace lamina::emulated
