#include "kernels/distance.h"

#include <cmath>

namespace tl::kernels {

namespace {

// join(…, f(i)) over [0, n), in lanes so that the compiler can vectorise it in a fixed order.
template <class T, class F, class Join>
TL_ALWAYS_INLINE T over(int64_t n, F f, Join join) {
  constexpr int lanes = 16;
  T partial[lanes] = {};
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (int k = 0; k < lanes; ++k) partial[k] = join(partial[k], f(i + k));
  }
  T total = 0;
  if (i > 0) {
    for (int half = lanes / 2; half > 0; half /= 2) {
      for (int k = 0; k < half; ++k) partial[k] = join(partial[k], partial[k + half]);
    }
    total = partial[0];
  }
  for (; i < n; ++i) total = join(total, f(i));
  return total;
}

template <class T, class Pair>
TL_ALWAYS_INLINE void for_pairs(const RowDistances& d, int64_t begin, int64_t end, Pair pair) {
  for (int64_t r = begin; r < end; ++r) {
    const T* TL_RESTRICT x = static_cast<const T*>(d.a) + r * d.width;
    const T* b = static_cast<const T*>(d.b) + r / d.rows * d.others * d.width;
    T* TL_RESTRICT out = static_cast<T*>(d.out) + r * d.others;
    for (int64_t j = 0; j < d.others; ++j) out[j] = pair(x, b + j * d.width);
  }
}

template <class T>
void distances(const RowDistances& d, int64_t begin, int64_t end) {
  const int64_t n = d.width;
  const T p = T(d.p);
  auto plus = [](T a, T b) { return a + b; };
  // NaN stays.
  auto larger = [](T a, T b) { return b > a || b != b ? b : a; };
  if (p == 2) {
    for_pairs<T>(d, begin, end, [&](const T* TL_RESTRICT x, const T* TL_RESTRICT y) {
      return std::sqrt(over<T>(
          n,
          [&](int64_t i) {
            const T v = x[i] - y[i];
            return v * v;
          },
          plus));
    });
  } else if (p == 1) {
    for_pairs<T>(d, begin, end, [&](const T* TL_RESTRICT x, const T* TL_RESTRICT y) {
      return over<T>(n, [&](int64_t i) { return std::fabs(x[i] - y[i]); }, plus);
    });
  } else if (p == 0) {
    for_pairs<T>(d, begin, end, [&](const T* TL_RESTRICT x, const T* TL_RESTRICT y) {
      return over<T>(n, [&](int64_t i) { return T(x[i] != y[i] ? 1 : 0); }, plus);
    });
  } else if (std::isinf(p)) {
    for_pairs<T>(d, begin, end, [&](const T* TL_RESTRICT x, const T* TL_RESTRICT y) {
      return over<T>(n, [&](int64_t i) { return std::fabs(x[i] - y[i]); }, larger);
    });
  } else {
    for_pairs<T>(d, begin, end, [&](const T* TL_RESTRICT x, const T* TL_RESTRICT y) {
      T sum = 0;
      for (int64_t i = 0; i < n; ++i) sum += std::pow(std::fabs(x[i] - y[i]), p);
      return std::pow(sum, 1 / p);
    });
  }
}

void row_distances_impl(DType t, const RowDistances& d, int64_t begin, int64_t end) {
  t == DType::Float64 ? distances<double>(d, begin, end) : distances<float>(d, begin, end);
}

}  // namespace

TL_KERNEL(row_distances, &row_distances_impl);

}  // namespace tl::kernels
