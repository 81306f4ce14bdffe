// Arithmetic of the optimizer steps, rounded where PyTorch's chains of operations round: its vectorised
// add, addcmul and lerp multiply and add in one rounding, everything else rounds by itself.
#pragma once

#include <cmath>

#include "core/dtype.h"
#include "kernels/slot.h"

namespace tl::kernels {

namespace {

// How a stored type is computed with.
template <class T>
struct Compute_ {
  using type = float;
};
template <>
struct Compute_<double> {
  using type = double;
};
template <class T>
using compute_t = typename Compute_<T>::type;

template <class T>
TL_ALWAYS_INLINE compute_t<T> load_as(const T* p) {
  return convert<compute_t<T>>(*p);
}
template <class T>
TL_ALWAYS_INLINE void store_as(T* p, compute_t<T> v) {
  *p = convert<T>(v);
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
