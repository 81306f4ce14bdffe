// Arithmetic of the optimizer steps, rounded where PyTorch's chains of operations round: its vectorised
// add, addcmul and lerp multiply and add in one rounding, everything else rounds by itself.
#pragma once

#include <cmath>

#include "core/dtype.h"
#include "kernels/slot.h"

namespace tl::kernels {

namespace {

// Half precision is stepped in blocks of float32, and rounded once a step.
inline constexpr int optim_memories = 5;
inline constexpr int64_t optim_block = 256;

// Calls step(wide, n) for blocks of [begin, end): wide[k] are the elements of memory[k] as float32; all but
// memory[1], the gradient, are written back. Null memory is skipped.
template <class T, class Step>
void in_blocks(const void* const (&memory)[optim_memories], int64_t begin, int64_t end, Step step) {
  float wide[optim_memories][optim_block];
  for (int64_t at = begin; at < end; at += optim_block) {
    const int64_t n = end - at < optim_block ? end - at : optim_block;
    for (int k = 0; k < optim_memories; ++k) {
      if (memory[k] == nullptr) continue;
      const T* from = static_cast<const T*>(memory[k]) + at;
      for (int64_t i = 0; i < n; ++i) wide[k][i] = convert<float>(from[i]);
    }
    step(wide, n);
    for (int k = 0; k < optim_memories; ++k) {
      if (memory[k] == nullptr || k == 1) continue;
      T* to = static_cast<T*>(const_cast<void*>(memory[k])) + at;
      for (int64_t i = 0; i < n; ++i) to[i] = convert<T>(wide[k][i]);
    }
  }
}

// a * b + c in one rounding where the instruction set has it; a library call would cost more than the
// step elsewhere.
template <class C>
TL_ALWAYS_INLINE C fused(C a, C b, C c) {
#if defined(__FMA__) || defined(__aarch64__)
  if constexpr (sizeof(C) == 4) {
    return __builtin_fmaf(a, b, c);
  } else {
    return __builtin_fma(a, b, c);
  }
#else
  return a * b + c;
#endif
}

// A product that is not contracted with the sum it goes into.
template <class C>
TL_ALWAYS_INLINE C product(C a, C b) {
  return fused(a, b, C(-0.0));
}

// lerp(a, b, w) for one weight: from the nearer end, so that both are reached exactly. `near` is
// w < 0.5, `rest` 1 - w.
template <class C>
TL_ALWAYS_INLINE C lerp_from(C a, C b, C w, C rest, bool near) {
  return near ? fused(w, b - a, a) : fused(a - b, rest, b);
}

}  // namespace

}  // namespace tl::kernels
