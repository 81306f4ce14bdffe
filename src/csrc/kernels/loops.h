// From an element's expression to a loop over it. Included by kernels only.
#pragma once

#include <type_traits>
#include <utility>

#include "kernels/elementwise.h"

#if defined(__clang__)
#define TL_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define TL_INDEPENDENT _Pragma("GCC ivdep")
#elif defined(_MSC_VER)
#define TL_INDEPENDENT __pragma(loop(ivdep))
#else
#define TL_INDEPENDENT
#endif

namespace tl::kernels {

namespace {

// Which types an op's expression is compiled for (special ones: none, their loops are with the ops).
enum Loops : int { special = 0, real = 1, ints = 2, all = 3 };
// How the loop over float32 is built.
enum Style : int { plain, wide };

template <class F, class T, size_t... I>
TL_ALWAYS_INLINE auto call_at(const T* const* in, int64_t i, std::index_sequence<I...>) {
  return F::call(in[I][i]...);
}

// F::call(T, …) -> R for each element, in the compiler's own vector loop: for short expressions, whose
// few left-over elements cost least one by one.
template <class F, class T, class R, int Inputs>
void plain_loop(int64_t n, void* const* data) {
  R* out = static_cast<R*>(data[0]);
  const T* in[Inputs];
  for (int k = 0; k < Inputs; ++k) in[k] = static_cast<const T*>(data[k + 1]);
  TL_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) out[i] = R(call_at<F, T>(in, i, std::make_index_sequence<Inputs>()));
}

// The same in whole vectors, the last one padded: for long expressions, which would cost as much for
// one left-over element as for a vector of them, and are compiled once.
inline constexpr int lanes = 16;
template <class F, class T, class R, int Inputs>
void wide_loop(int64_t n, void* const* data) {
  R* out = static_cast<R*>(data[0]);
  const T* in[Inputs];
  for (int k = 0; k < Inputs; ++k) in[k] = static_cast<const T*>(data[k + 1]);
  T padded[Inputs][lanes];
  R last[lanes];
  for (int64_t i = 0; i < n; i += lanes) {
    R* to = out + i;
    const T* from[Inputs];
    for (int k = 0; k < Inputs; ++k) from[k] = in[k] + i;
    const int64_t left = n - i;
    if (left < lanes) {
      for (int k = 0; k < Inputs; ++k) {
        for (int j = 0; j < lanes; ++j) padded[k][j] = T(1);
        for (int64_t j = 0; j < left; ++j) padded[k][j] = from[k][j];
        from[k] = padded[k];
      }
      to = last;
    }
    TL_INDEPENDENT
    for (int j = 0; j < lanes; ++j) to[j] = R(call_at<F, T>(from, j, std::make_index_sequence<Inputs>()));
    if (left < lanes) {
      for (int64_t j = 0; j < left; ++j) out[i + j] = last[j];
    }
  }
}

struct Same;  // as a result type: that of the operands
template <class F, class Result, class T, Style style, int Inputs>
constexpr Loop loop_of() {
  using R = std::conditional_t<std::is_same_v<Result, Same>, T, Result>;
  if constexpr (style == plain || !std::is_same_v<T, float>) {
    return &plain_loop<F, T, R, Inputs>;
  } else {
    return &wide_loop<F, T, R, Inputs>;
  }
}

struct Row {
  Loop loops[3];  // float32, float64, int64
};
template <class F, class Result, int loops, Style style, int Inputs>
constexpr Row row() {
  Row r{};
  if constexpr ((loops & real) != 0) {
    r.loops[int(Compute::f32)] = loop_of<F, Result, float, style, Inputs>();
    r.loops[int(Compute::f64)] = loop_of<F, Result, double, style, Inputs>();
  }
  if constexpr ((loops & ints) != 0) r.loops[int(Compute::i64)] = loop_of<F, Result, int64_t, style, Inputs>();
  return r;
}

}  // namespace

}  // namespace tl::kernels
