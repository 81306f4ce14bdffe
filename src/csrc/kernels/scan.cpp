#include "kernels/scan.h"

#include <cmath>
#include <complex>

#include "kernels/wrapping.h"

namespace tl::kernels {

namespace {

template <class T>
struct Wider {
  using type = T;
};
template <>
struct Wider<float> {
  using type = double;
};
template <>
struct Wider<std::complex<float>> {
  using type = std::complex<double>;
};

struct Add {
  template <class A>
  static A start() {
    return A(0);
  }
  template <class A>
  TL_ALWAYS_INLINE A step(A a, A x) {
    return wrapping_sum(a, x);
  }
};
struct Multiply {
  template <class A>
  static A start() {
    return A(1);
  }
  template <class A>
  TL_ALWAYS_INLINE A step(A a, A x) {
    if constexpr (std::is_arithmetic_v<A>) {
      return wrapping_product(a, x);
    } else {
      return A(a.real() * x.real() - a.imag() * x.imag(), a.real() * x.imag() + a.imag() * x.real());
    }
  }
};
struct AddLogs {
  template <class A>
  static A start() {
    if constexpr (std::is_arithmetic_v<A>) {
      return -A(INFINITY);
    } else {
      return A(-INFINITY, 0);
    }
  }
  template <class A>
  TL_ALWAYS_INLINE A step(A a, A x) {
    if constexpr (std::is_arithmetic_v<A>) {
      if (a != a || x != x) return a + x;
      const A low = a < x ? a : x, high = a < x ? x : a;
      return low == high && std::isinf(low) ? low : high + std::log1p(std::exp(low - high));
    } else {
      const bool swap = a.real() < x.real();
      const A low = swap ? a : x, high = swap ? x : a;
      if (std::isinf(high.real()) && high.real() < 0) return high;
      return high + std::log(A(1) + std::exp(low - high));
    }
  }
};

template <class T, class Op>
void values(const ScanArgs& a, int64_t begin, int64_t end) {
  using A = typename Wider<T>::type;
  const T* in = static_cast<const T*>(a.in);
  T* out = static_cast<T*>(a.out);
  if (a.inner == 1) {
    for (int64_t r = begin; r < end; ++r) {
      const T* TL_RESTRICT x = in + r * a.n;
      T* TL_RESTRICT y = out + r * a.n;
      A total = Op::template start<A>();
      for (int64_t i = 0; i < a.n; ++i) y[i] = T(total = Op::step(total, A(x[i])));
    }
    return;
  }
  const int64_t groups = (a.inner + scan_columns - 1) / scan_columns;
  A total[scan_columns];
  for (int64_t g = begin; g < end; ++g) {
    const int64_t first = g % groups * scan_columns;
    const int64_t width = a.inner - first < scan_columns ? a.inner - first : scan_columns;
    const int64_t at = g / groups * a.n * a.inner + first;
    for (int64_t j = 0; j < width; ++j) total[j] = Op::template start<A>();
    for (int64_t i = 0; i < a.n; ++i) {
      const T* TL_RESTRICT x = in + at + i * a.inner;
      T* TL_RESTRICT y = out + at + i * a.inner;
      for (int64_t j = 0; j < width; ++j) y[j] = T(total[j] = Op::step(total[j], A(x[j])));
    }
  }
}

template <class T>
void extremes(const ScanArgs& a, int64_t begin, int64_t end) {
  const T* in = static_cast<const T*>(a.in);
  T* out = static_cast<T*>(a.out);
  const bool largest = a.kind == ScanKind::max;
  const int64_t groups = (a.inner + scan_columns - 1) / scan_columns;
  for (int64_t g = begin; g < end; ++g) {
    const int64_t first = a.inner == 1 ? 0 : g % groups * scan_columns;
    const int64_t width = a.inner - first < scan_columns ? a.inner - first : scan_columns;
    const int64_t at = (a.inner == 1 ? g : g / groups) * a.n * a.inner + first;
    for (int64_t j = 0; j < width; ++j) {
      T best = in[at + j];
      int64_t where = 0;
      for (int64_t i = 0; i < a.n; ++i) {
        const T x = in[at + j + i * a.inner];
        if (x != x || (best == best && (largest ? x >= best : x <= best))) {
          best = x;
          where = i;
        }
        out[at + j + i * a.inner] = best;
        a.indices[at + j + i * a.inner] = where;
      }
    }
  }
}

template <class T>
void scan_as(const ScanArgs& a, int64_t begin, int64_t end) {
  switch (a.kind) {
    case ScanKind::sum:
      return values<T, Add>(a, begin, end);
    case ScanKind::prod:
      return values<T, Multiply>(a, begin, end);
    case ScanKind::logsumexp:
      if constexpr (!std::is_integral_v<T>) values<T, AddLogs>(a, begin, end);
      return;
    default:
      if constexpr (std::is_arithmetic_v<T>) extremes<T>(a, begin, end);
  }
}

void scan_impl(const ScanArgs& a, int64_t begin, int64_t end) {
  switch (a.dtype) {
    case DType::Float32:
      return scan_as<float>(a, begin, end);
    case DType::Float64:
      return scan_as<double>(a, begin, end);
    case DType::Complex64:
      return scan_as<std::complex<float>>(a, begin, end);
    case DType::Complex128:
      return scan_as<std::complex<double>>(a, begin, end);
    default:
      return scan_as<int64_t>(a, begin, end);
  }
}

}  // namespace

TL_KERNEL(scan, &scan_impl);

}  // namespace tl::kernels
