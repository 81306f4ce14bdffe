// Activation functions and their slopes, for float32 and float64.
#pragma once

#include "kernels/math.h"

namespace tl::kernels {

namespace {

// The distribution function and the density of the normal distribution.
TL_ALWAYS_INLINE float normal_cdf(float x) {
  float t = math::abs(x) * 0.707106781f;
  float c = t > 6.0f ? 6.0f : t;
  // -log(1 - erf(t)) / t for 0 <= t <= 6
  float g = c * math::horner(c, 1.128380026f, 0.6366042945f, 0.1028632525f, -0.01937116199f, 0.0001217436577f,
                             0.001482612544f, -0.0005857032919f, 0.0001255111446f, -1.614785088e-5f, 1.166528432e-6f,
                             -3.63752814e-8f);
  float tail = 0.5f * math::exp_normal(-g);
  tail = t > 6.0f ? 0.0f : tail;
  return x < 0.0f ? tail : 1.0f - tail;
}
TL_ALWAYS_INLINE double normal_cdf(double x) { return 0.5 * std::erfc(x * -0.707106781186547524401); }
template <class T>
TL_ALWAYS_INLINE T normal_pdf(T x) {
  T z = T(-0.5) * x * x;
  return T(0.398942280401432677940) * math::exp_normal(z < T(-87) ? T(-87) : z);
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
  T c = x > T(20) ? T(20) : x;
  T e = math::exp_normal(c < T(-87) ? T(-87) : c);
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
