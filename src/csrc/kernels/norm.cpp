#include "kernels/norm.h"

#include <cmath>

namespace tl::kernels {

namespace {

// Sum of f(i), in lanes so that the compiler can vectorise it in a fixed order.
template <class T, class F>
TL_ALWAYS_INLINE T sum_over(int64_t n, F f) {
  constexpr int lanes = 16;
  if (n < lanes) {
    T total = 0;
    for (int64_t i = 0; i < n; ++i) total += f(i);
    return total;
  }
  T partial[lanes] = {};
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (int k = 0; k < lanes; ++k) partial[k] += f(i + k);
  }
  for (int k = 0; i < n; ++i, ++k) partial[k] += f(i);
  for (int half = lanes / 2; half > 0; half /= 2) {
    for (int k = 0; k < half; ++k) partial[k] += partial[k + half];
  }
  return partial[0];
}

template <class T>
void norm_of(const RowNorm& a, T* out, int64_t begin, int64_t end) {
  const int64_t n = a.width;
  const T* TL_RESTRICT w = static_cast<const T*>(a.weight);
  const T* TL_RESTRICT b = static_cast<const T*>(a.bias);
  for (int64_t r = begin; r < end; ++r) {
    const T* TL_RESTRICT x = static_cast<const T*>(a.x) + r * n;
    T* TL_RESTRICT y = out + r * n;
    T mean = 0;
    if (a.centred) mean = sum_over<T>(n, [&](int64_t i) { return x[i]; }) / T(n);
    T square = sum_over<T>(n, [&](int64_t i) { return (x[i] - mean) * (x[i] - mean); }) / T(n);
    T rstd = T(1) / std::sqrt(square + T(a.eps));
    if (w != nullptr && b != nullptr) {
      for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * rstd * w[i] + b[i];
    } else {
      for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - mean) * rstd;
      if (w != nullptr) {
        for (int64_t i = 0; i < n; ++i) y[i] *= w[i];
      } else if (b != nullptr) {
        for (int64_t i = 0; i < n; ++i) y[i] += b[i];
      }
    }
    if (a.centred) static_cast<T*>(a.mean)[r] = mean;
    static_cast<T*>(a.rstd)[r] = rstd;
  }
}

// With h = (x - mean) rstd and g = grad * weight: dx = rstd (g - mean(g) - h mean(g h)).
template <class T>
void norm_grad_of(const RowNorm& a, const T* grad, T* dx, T* TL_RESTRICT dw, T* TL_RESTRICT db, int64_t begin,
                  int64_t end) {
  const int64_t n = a.width;
  const T* TL_RESTRICT w = static_cast<const T*>(a.weight);
  for (int64_t r = begin; r < end; ++r) {
    const T* TL_RESTRICT x = static_cast<const T*>(a.x) + r * n;
    const T* TL_RESTRICT g = grad + r * n;
    const T mean = a.centred ? static_cast<const T*>(a.mean)[r] : T(0);
    const T rstd = static_cast<const T*>(a.rstd)[r];
    if (dx != nullptr) {
      T* TL_RESTRICT d = dx + r * n;
      T g_mean = 0, gh_mean;
      if (w != nullptr) {
        if (a.centred) g_mean = sum_over<T>(n, [&](int64_t i) { return g[i] * w[i]; }) / T(n);
        gh_mean = sum_over<T>(n, [&](int64_t i) { return g[i] * w[i] * (x[i] - mean); }) * rstd / T(n);
        for (int64_t i = 0; i < n; ++i) d[i] = rstd * (g[i] * w[i] - g_mean - (x[i] - mean) * rstd * gh_mean);
      } else {
        if (a.centred) g_mean = sum_over<T>(n, [&](int64_t i) { return g[i]; }) / T(n);
        gh_mean = sum_over<T>(n, [&](int64_t i) { return g[i] * (x[i] - mean); }) * rstd / T(n);
        for (int64_t i = 0; i < n; ++i) d[i] = rstd * (g[i] - g_mean - (x[i] - mean) * rstd * gh_mean);
      }
    }
    if (dw != nullptr) {
      for (int64_t i = 0; i < n; ++i) dw[i] += g[i] * (x[i] - mean) * rstd;
    }
    if (db != nullptr) {
      for (int64_t i = 0; i < n; ++i) db[i] += g[i];
    }
  }
}

void norm_impl(DType dtype, const RowNorm& a, void* y, int64_t begin, int64_t end) {
  dtype == DType::Float64 ? norm_of(a, static_cast<double*>(y), begin, end)
                          : norm_of(a, static_cast<float*>(y), begin, end);
}
void norm_grad_impl(DType dtype, const RowNorm& a, const void* grad, void* dx, void* dw, void* db, int64_t begin,
                    int64_t end) {
  if (dtype == DType::Float64) {
    norm_grad_of(a, static_cast<const double*>(grad), static_cast<double*>(dx), static_cast<double*>(dw),
                 static_cast<double*>(db), begin, end);
  } else {
    norm_grad_of(a, static_cast<const float*>(grad), static_cast<float*>(dx), static_cast<float*>(dw),
                 static_cast<float*>(db), begin, end);
  }
}

}  // namespace

TL_KERNEL(norm_rows, &norm_impl);
TL_KERNEL(norm_rows_grad, &norm_grad_impl);

}  // namespace tl::kernels
