// Activation functions and their slopes, for float32 and float64.
#pragma once

#include "kernels/math.h"

namespace tl::kernels {

namespace {

// The distribution function and the density of the normal distribution.
template <class T>
TL_ALWAYS_INLINE T normal_cdf(T x) {
  return T(0.5) * (T(1) + math::erf(x * T(0.707106781186547524401)));
}
template <class T>
TL_ALWAYS_INLINE T normal_pdf(T x) {
  return T(0.398942280401432677940) * math::exp(T(-0.5) * x * x);
}
template <class T>
TL_ALWAYS_INLINE T gelu(T x) {
  return x * normal_cdf(x);
}
template <class T>
TL_ALWAYS_INLINE T gelu_slope(T x) {
  return normal_cdf(x) + x * normal_pdf(x);
}
inline constexpr double gelu_scale = 0.797884560802865355880, gelu_cubic = 0.044715;
template <class T>
TL_ALWAYS_INLINE T gelu_tanh(T x) {
  return T(0.5) * x * (T(1) + math::tanh(T(gelu_scale) * (x + T(gelu_cubic) * x * x * x)));
}
template <class T>
TL_ALWAYS_INLINE T gelu_tanh_slope(T x) {
  T t = math::tanh(T(gelu_scale) * (x + T(gelu_cubic) * x * x * x));
  T inner = T(gelu_scale) * (T(1) + T(3 * gelu_cubic) * x * x);
  return T(0.5) * (T(1) + t) + T(0.5) * x * (T(1) - t * t) * inner;
}
template <class T>
TL_ALWAYS_INLINE T silu_slope(T x) {
  T s = math::sigmoid(x);
  return s * (T(1) + x * (T(1) - s));
}
// tanh(log(1 + e^x)) by exponentials
template <class T>
TL_ALWAYS_INLINE T tanh_softplus(T x) {
  T e = math::exp(x > T(20) ? T(20) : x);
  T n = e * (e + T(2));
  return n / (n + T(2));
}
template <class T>
TL_ALWAYS_INLINE T mish(T x) {
  return x * tanh_softplus(x);
}
template <class T>
TL_ALWAYS_INLINE T mish_slope(T x) {
  T t = tanh_softplus(x);
  return t + x * math::sigmoid(x) * (T(1) - t * t);
}
template <class T>
TL_ALWAYS_INLINE T hardsigmoid(T x) {
  T c = x + T(3);
  c = c < T(0) ? T(0) : c;
  c = c > T(6) ? T(6) : c;
  return c / T(6);
}

}  // namespace

}  // namespace tl::kernels
