// From an element's expression to a loop over it. Included by kernels only.
#pragma once

#include <type_traits>

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

template <int I, class T>
TL_ALWAYS_INLINE const T* input_at(void* const* data) {
  return static_cast<const T*>(data[I]);
}

// F::call(T, …) -> R for each element, in the compiler's own vector loop: for short expressions, whose
// few left-over elements cost least one by one.
template <class F, class T, class R>
void unary_loop_of(int64_t n, void* const* data) {
  R* out = static_cast<R*>(data[0]);
  const T* a = input_at<1, T>(data);
  TL_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) out[i] = R(F::call(a[i]));
}
template <class F, class T, class R>
void binary_loop_of(int64_t n, void* const* data) {
  R* out = static_cast<R*>(data[0]);
  const T *a = input_at<1, T>(data), *b = input_at<2, T>(data);
  TL_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) out[i] = R(F::call(a[i], b[i]));
}
template <class F, class T, class R>
void ternary_loop_of(int64_t n, void* const* data) {
  R* out = static_cast<R*>(data[0]);
  const T *a = input_at<1, T>(data), *b = input_at<2, T>(data), *c = input_at<3, T>(data);
  TL_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) out[i] = R(F::call(a[i], b[i], c[i]));
}
template <class F, class T, class R>
void quaternary_loop_of(int64_t n, void* const* data) {
  R* out = static_cast<R*>(data[0]);
  const T *a = input_at<1, T>(data), *b = input_at<2, T>(data), *c = input_at<3, T>(data), *d = input_at<4, T>(data);
  TL_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) out[i] = R(F::call(a[i], b[i], c[i], d[i]));
}

// The same in whole vectors, the last one padded: for long expressions, which would cost as much for
// one left-over element as for a vector of them, and are compiled once.
inline constexpr int lanes = 16;
template <class F, class T, class R, int Inputs>
void wide_loop_of(int64_t n, void* const* data) {
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
        for (int64_t j = 0; j < lanes; ++j) padded[k][j] = T(1);
        for (int64_t j = 0; j < left; ++j) padded[k][j] = from[k][j];
        from[k] = padded[k];
      }
      to = last;
    }
    TL_INDEPENDENT
    for (int j = 0; j < lanes; ++j) {
      if constexpr (Inputs == 1) {
        to[j] = R(F::call(from[0][j]));
      } else if constexpr (Inputs == 2) {
        to[j] = R(F::call(from[0][j], from[1][j]));
      } else {
        to[j] = R(F::call(from[0][j], from[1][j], from[2][j]));
      }
    }
    if (left < lanes) {
      for (int64_t j = 0; j < left; ++j) out[i + j] = last[j];
    }
  }
}

}  // namespace

}  // namespace tl::kernels
