// Kernel slots: one per kernel, filled by each instruction-set build, selected once at start-up.
//
// A kernel's header declares   TL_KERNEL_SLOT(gemm_f32, void (*)(const GemmArgs&));
// its .cpp, compiled once per instruction set, ends with   TL_KERNEL(gemm_f32, &gemm_f32_impl);
// and callers write   kernels::gemm_f32(args).
//
// Kernel code lives in an anonymous namespace inside `tl::kernels`, and uses no out-of-line std
// templates, so that the linker can never pick one instruction set's copy for another's caller.
#pragma once

#include <type_traits>

#if defined(_MSC_VER)
#define TL_ALWAYS_INLINE static __forceinline
#define TL_NOINLINE __declspec(noinline)
#define TL_RESTRICT __restrict
#else
#define TL_ALWAYS_INLINE static inline __attribute__((always_inline))
#define TL_NOINLINE __attribute__((noinline))
#define TL_RESTRICT __restrict__
#endif

namespace tl::kernels {

enum Isa : int { isa_generic = 0, isa_sse4 = 1, isa_avx2 = 2, isa_avx512 = 3, isa_count = 4 };

// Chosen lazily per slot would cost a branch a call; `select_kernels()` fills `active` at start-up.
struct SlotBase {
  void* builds[isa_count];
  void* active;
  SlotBase* next;
};

// Intrusive list of all slots with at least one build (defined in dispatch/select.cpp).
extern SlotBase* slot_list;

// Picks for every slot the best build that this CPU can run; TENSORLITE_ISA=sse4|avx2|avx512 lowers
// the choice. Returns the name of the instruction set chosen.
const char* select_kernels();

template <class Fn, class Tag>
struct Slot;
template <class R, class... A, class Tag>
struct Slot<R (*)(A...), Tag> : SlotBase {
  template <class... B>
  R operator()(B&&... args) const {
    return reinterpret_cast<R (*)(A...)>(active)(static_cast<B&&>(args)...);
  }
};

#define TL_KERNEL_SLOT(name, ...) \
  struct name##_slot_tag {};      \
  inline constinit ::tl::kernels::Slot<__VA_ARGS__, name##_slot_tag> name {}

#define TL_CONCAT_(a, b) a##b
#define TL_CONCAT(a, b) TL_CONCAT_(a, b)
#define TL_KERNEL(name, fn)                                                              \
  namespace {                                                                            \
  struct TL_CONCAT(name, _registrar) {                                                   \
    TL_CONCAT(name, _registrar)() {                                                      \
      auto& slot = ::tl::kernels::name;                                                  \
      bool first = true;                                                                 \
      for (void* b : slot.builds) first = first && b == nullptr;                         \
      if (first) {                                                                       \
        slot.next = ::tl::kernels::slot_list;                                            \
        ::tl::kernels::slot_list = &slot;                                                \
      }                                                                                  \
      slot.builds[TL_CONCAT(::tl::kernels::isa_, TL_ISA)] = reinterpret_cast<void*>(fn); \
    }                                                                                    \
  } TL_CONCAT(name, _registrar_instance);                                                \
  }                                                                                      \
  static_assert(true)

}  // namespace tl::kernels
