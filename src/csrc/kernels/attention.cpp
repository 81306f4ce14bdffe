#include "kernels/attention.h"

#include "kernels/math.h"
#include "kernels/vec.h"

namespace tl::kernels {

namespace {

template <class T>
constexpr T infinity = T(math::f_inf);

TL_ALWAYS_INLINE float exp_or_zero(float x) { return x < -87.0f ? 0.0f : math::exp_normal(x); }
TL_ALWAYS_INLINE double exp_or_zero(double x) { return math::exp_normal(x); }

// The lanes of v, combined pairwise.
template <class T, class F>
TL_ALWAYS_INLINE T folded(const Vec<T>& v, F f) {
  T part[lanes<T>];
  store(part, v);
  for (int half = lanes<T> / 2; half > 0; half /= 2) {
    for (int k = 0; k < half; ++k) part[k] = f(part[k], part[k + half]);
  }
  return part[0];
}

// The largest of `start` and the row; a NaN may be passed over.
template <class T>
T row_peak(const T* x, int64_t n, T start) {
  constexpr int w = lanes<T>;
  Vec<T> a = splat<T>(start), b = a;
  int64_t j = 0;
  for (; j + 2 * w <= n; j += 2 * w) {
    a = larger<T>(load(x + j), a);
    b = larger<T>(load(x + j + w), b);
  }
  T peak = folded<T>(larger<T>(a, b), [](T p, T q) { return p > q ? p : q; });
  for (; j < n; ++j) peak = x[j] > peak ? x[j] : peak;
  return peak;
}

// x = exp(x - peak), and their sum.
template <class T>
T exp_row(T* TL_RESTRICT x, int64_t n, T peak) {
  constexpr int w = lanes<T>;
  for (int64_t j = 0; j < n; ++j) x[j] = exp_or_zero(x[j] - peak);
  Vec<T> a = splat<T>(0), b = a;
  int64_t j = 0;
  for (; j + 2 * w <= n; j += 2 * w) {
    a += load(x + j);
    b += load(x + j + w);
  }
  T sum = folded<T>(a + b, [](T p, T q) { return p + q; });
  for (; j < n; ++j) sum += x[j];
  return sum;
}

// How many columns row r sees; the caller clears the rest.
template <class T>
int64_t mask_row(const ScoreTile& t, int64_t r, T* TL_RESTRICT x) {
  int64_t n = t.columns;
  if (t.causal) {
    n = t.seen + r;
    n = n < 0 ? 0 : n > t.columns ? t.columns : n;
  }
  if (t.mask == nullptr) return n;
  if (t.mask_is_bool) {
    const uint8_t* m = static_cast<const uint8_t*>(t.mask) + r * t.mask_row;
    if (t.mask_column == 1) {
      for (int64_t j = 0; j < n; ++j) x[j] = m[j] ? x[j] : -infinity<T>;
    } else if (!*m) {
      for (int64_t j = 0; j < n; ++j) x[j] = -infinity<T>;
    }
    return n;
  }
  const T* TL_RESTRICT m = static_cast<const T*>(t.mask) + r * t.mask_row;
  if (t.mask_column == 1) {
    for (int64_t j = 0; j < n; ++j) x[j] += m[j];
  } else {
    for (int64_t j = 0; j < n; ++j) x[j] += *m;
  }
  return n;
}

template <class T>
void clear(T* x, int64_t from, int64_t to) {
  for (int64_t j = from; j < to; ++j) x[j] = T(0);
}

template <class T>
void softmax_of(const ScoreTile& t, T* peaks, T* sums, T* factors) {
  for (int64_t r = 0; r < t.rows; ++r) {
    T* x = static_cast<T*>(t.scores) + r * t.stride;
    const int64_t n = mask_row(t, r, x);
    const T before = peaks[r], peak = row_peak(x, n, before);
    if (peak == -infinity<T>) {  // nothing seen yet
      clear(x, 0, t.columns);
      factors[r] = 1;
      continue;
    }
    factors[r] = before == -infinity<T> ? T(0) : exp_or_zero(before - peak);
    sums[r] = sums[r] * factors[r] + exp_row(x, n, peak);
    peaks[r] = peak;
    clear(x, n, t.columns);
  }
}

template <class T>
void probabilities_of(const ScoreTile& t, const T* log_sums) {
  for (int64_t r = 0; r < t.rows; ++r) {
    T* x = static_cast<T*>(t.scores) + r * t.stride;
    const int64_t n = mask_row(t, r, x);
    if (log_sums[r] == infinity<T>) {
      clear(x, 0, t.columns);
      continue;
    }
    exp_row(x, n, log_sums[r]);
    clear(x, n, t.columns);
  }
}

template <class T>
void scale_rows_of(T* x, int64_t stride, int64_t rows, int64_t n, const T* factors) {
  for (int64_t r = 0; r < rows; ++r) {
    if (factors[r] == T(1)) continue;
    T* TL_RESTRICT p = x + r * stride;
    const T f = factors[r];
    for (int64_t j = 0; j < n; ++j) p[j] *= f;
  }
}

template <class T>
void finish_of(int64_t rows, const T* peaks, const T* sums, T* factors, T* log_sums) {
  for (int64_t r = 0; r < rows; ++r) {
    const bool none = sums[r] == T(0);
    factors[r] = none ? T(0) : T(1) / sums[r];
    log_sums[r] = none ? infinity<T> : peaks[r] + math::log(sums[r]);
  }
}

template <class T>
void grad_scores_of(T* grad, const T* p, int64_t stride, int64_t rows, int64_t columns, const T* dots) {
  for (int64_t r = 0; r < rows; ++r) {
    T* TL_RESTRICT g = grad + r * stride;
    const T* TL_RESTRICT q = p + r * stride;
    const T d = dots[r];
    for (int64_t j = 0; j < columns; ++j) g[j] = q[j] * (g[j] - d);
  }
}

template <class T>
void dot_rows_of(const T* a, int64_t a_stride, const T* b, int64_t b_stride, int64_t rows, int64_t n, T* dots) {
  for (int64_t r = 0; r < rows; ++r) {
    const T* TL_RESTRICT x = a + r * a_stride;
    const T* TL_RESTRICT y = b + r * b_stride;
    constexpr int w = lanes<T>;
    Vec<T> total = splat<T>(0);
    int64_t j = 0;
    for (; j + w <= n; j += w) total = fma(load(x + j), load(y + j), total);
    T sum = folded<T>(total, [](T p, T q) { return p + q; });
    for (; j < n; ++j) sum += x[j] * y[j];
    dots[r] = sum;
  }
}

#define TL_EACH(call)              \
  do {                             \
    if (dtype == DType::Float64) { \
      using T = double;            \
      call;                        \
    } else {                       \
      using T = float;             \
      call;                        \
    }                              \
  } while (0)
#define TL_IN(p) static_cast<const T*>(p)
#define TL_OUT(p) static_cast<T*>(p)

void softmax_impl(DType dtype, const ScoreTile& t, void* peaks, void* sums, void* factors) {
  TL_EACH(softmax_of(t, TL_OUT(peaks), TL_OUT(sums), TL_OUT(factors)));
}
void probabilities_impl(DType dtype, const ScoreTile& t, const void* log_sums) {
  TL_EACH(probabilities_of(t, TL_IN(log_sums)));
}
void scale_rows_impl(DType dtype, void* x, int64_t stride, int64_t rows, int64_t n, const void* factors) {
  TL_EACH(scale_rows_of(TL_OUT(x), stride, rows, n, TL_IN(factors)));
}
void finish_impl(DType dtype, int64_t rows, const void* peaks, const void* sums, void* factors, void* log_sums) {
  TL_EACH(finish_of(rows, TL_IN(peaks), TL_IN(sums), TL_OUT(factors), TL_OUT(log_sums)));
}
void grad_scores_impl(DType dtype, void* grad, const void* p, int64_t stride, int64_t rows, int64_t columns,
                      const void* dots) {
  TL_EACH(grad_scores_of(TL_OUT(grad), TL_IN(p), stride, rows, columns, TL_IN(dots)));
}
void dot_rows_impl(DType dtype, const void* a, int64_t a_stride, const void* b, int64_t b_stride, int64_t rows,
                   int64_t n, void* dots) {
  TL_EACH(dot_rows_of(TL_IN(a), a_stride, TL_IN(b), b_stride, rows, n, TL_OUT(dots)));
}

}  // namespace

TL_KERNEL(attention_softmax, &softmax_impl);
TL_KERNEL(attention_probabilities, &probabilities_impl);
TL_KERNEL(scale_rows, &scale_rows_impl);
TL_KERNEL(attention_finish, &finish_impl);
TL_KERNEL(attention_grad_scores, &grad_scores_impl);
TL_KERNEL(dot_rows, &dot_rows_impl);

}  // namespace tl::kernels
