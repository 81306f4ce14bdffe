// Sums and products in which integers wrap around, as PyTorch's do; in C++ a signed overflow is undefined.
#pragma once

#include <type_traits>

#include "kernels/slot.h"

namespace tl::kernels {
namespace {

template <class V, class F>
TL_ALWAYS_INLINE V wrapping(V a, V b, F f) {
  if constexpr (std::is_integral_v<V> && !std::is_same_v<V, bool>) {
    using U = std::make_unsigned_t<V>;
    return V(f(U(a), U(b)));
  } else {
    return V(f(a, b));
  }
}
template <class V>
TL_ALWAYS_INLINE V wrapping_sum(V a, V b) {
  return wrapping(a, b, [](auto x, auto y) { return x + y; });
}
template <class V>
TL_ALWAYS_INLINE V wrapping_product(V a, V b) {
  return wrapping(a, b, [](auto x, auto y) { return x * y; });
}

}  // namespace
}  // namespace tl::kernels
