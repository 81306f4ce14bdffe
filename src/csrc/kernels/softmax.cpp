#include "kernels/softmax.h"

#include <cmath>

#include "kernels/lanes.h"

namespace tl::kernels {

namespace {

// --- vectors that end early ------------------------------------------------------------------------

template <class A>
using IntOf = std::conditional_t<sizeof(A) == 4, int32_t, int64_t>;

template <class A, size_t... I>
TL_ALWAYS_INLINE auto is_first(int64_t n, std::index_sequence<I...>) {
  using VI = Vec<IntOf<A>>;
  return VI{IntOf<A>(I)...} < VI{} + IntOf<A>(n);
}
// The first n lanes of v, `other` in the rest.
template <class A>
TL_ALWAYS_INLINE Vec<A> only_first(const Vec<A>& v, int64_t n, A other) {
  return is_first<A>(n, std::make_index_sequence<lanes<A>>()) ? v : splat<A>(other);
}

template <class V>
TL_ALWAYS_INLINE V larger_or_nan(V a, V b) {
  return (a > b) | (a != a) ? a : b;
}
template <class V>
TL_ALWAYS_INLINE V added(V a, V b) {
  return a + b;
}

// --- e^x -------------------------------------------------------------------------------------------

template <class A>
struct ExpConstants;
template <>
struct ExpConstants<float> {
  static constexpr float low = -104, high = 89, magic = 12582912.0f;  // 1.5 * 2^23
  static constexpr float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
  static constexpr int32_t bias = 127, shift = 23;
  // Minimax for (e^r - 1 - r) / r^2, |r| <= ln(2) / 2.
  static constexpr float quotient[] = {0.5000000068f,   0.1666666586f,   0.04166629364f,
                                       0.008333497674f, 0.001394475852f, 0.0001979024382f};
};
template <>
struct ExpConstants<double> {
  static constexpr double low = -746, high = 710, magic = 6755399441055744.0;  // 1.5 * 2^52
  static constexpr double ln2_high = 0x1.62e42fefa0000p-1, ln2_low = 0x1.cf79abc9e3b39p-40;
  static constexpr int64_t bias = 1023, shift = 52;
  static constexpr double quotient[] = {1.0 / 2,       1.0 / 6,        1.0 / 24,        1.0 / 120,
                                        1.0 / 720,     1.0 / 5040,     1.0 / 40320,     1.0 / 362880,
                                        1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};
};

// Within an ulp or two, subnormals, infinities and NaN included.
template <class A, int N = lanes<A>>
TL_ALWAYS_INLINE Vec<A, N> exp_of(const Vec<A, N>& x) {
  using V = Vec<A, N>;
  using VI = Vec<IntOf<A>, N>;
  using C = ExpConstants<A>;
  V c = x < C::low ? V{} + C::low : x;
  c = c > C::high ? V{} + C::high : c;
  V t = c * A(1.44269504088896340736) + C::magic;
  V n = t - C::magic;
  V r = (c - n * C::ln2_high) - n * C::ln2_low;
  constexpr int terms = int(sizeof C::quotient / sizeof(A));
  V q = V{} + C::quotient[terms - 1];
  for (int k = terms - 2; k >= 0; --k) q = q * r + C::quotient[k];
  V p = (r + r * r * q) + A(1);
  // 2^n in two steps: by itself it may be out of range.
  V half = n * A(0.5) + C::magic;
  V rest = (n - (half - C::magic)) + C::magic;
  auto power = [](V with_magic) {
    constexpr auto bits = std::bit_cast<IntOf<A>>(C::magic);
    return (V)((((VI)with_magic - bits) + C::bias) << C::shift);
  };
  return p * power(half) * power(rest);
}

// --- rows ------------------------------------------------------------------------------------------

template <class A>
TL_ALWAYS_INLINE A row_max(const A* x, int64_t n) {
  constexpr int N = lanes<A>;
  Vec<A> a = splat<A>(-A(INFINITY)), b = a;
  int64_t i = 0;
  for (; i + 2 * N <= n; i += 2 * N) {
    a = larger_or_nan(a, load(x + i));
    b = larger_or_nan(b, load(x + i + N));
  }
  if (i + N <= n) {
    a = larger_or_nan(a, load(x + i));
    i += N;
  }
  if (i < n) b = larger_or_nan(b, only_first(load(x + i, first<A>(n - i)), n - i, -A(INFINITY)));
  return fold<A, N>(larger_or_nan(a, b), [](auto p, auto q) { return larger_or_nan(p, q); });
}

// Σ term(x[i…]), term(vector at i) giving vectors; `last` says how many lanes of a vector count.
template <class A, class Term>
TL_ALWAYS_INLINE A row_sum(int64_t n, Term term) {
  constexpr int N = lanes<A>;
  double total = 0;
  int64_t i = 0;
  do {
    const int64_t end = n - i < block ? n : i + block;
    Vec<A> a = splat<A>(0), b = a;
    for (; i + 2 * N <= end; i += 2 * N) {
      a += term(i);
      b += term(i + N);
    }
    if (i + N <= end) {
      a += term(i);
      i += N;
    }
    if (i < end) {
      b += only_first(term(i, end - i), end - i, A(0));
      i = end;
    }
    A sum = fold<A, N>(a + b, [](auto p, auto q) { return added(p, q); });
    if (n <= block) return sum;
    total += double(sum);
  } while (i < n);
  return A(total);
}

// out[i] = f(i) by vectors; f(i, count) for the last ones.
template <class A, class F>
TL_ALWAYS_INLINE void row_map(A* out, int64_t n, F f) {
  constexpr int N = lanes<A>;
  int64_t i = 0;
  for (; i + N <= n; i += N) store(out + i, f(i));
  if (i < n) store(out + i, first<A>(n - i), f(i, n - i));
}

// Reads x[i…], all of a vector or its first lanes.
template <class A>
struct Reader {
  const A* x;
  TL_MEMBER_INLINE Vec<A> operator()(int64_t i) const { return load(x + i); }
  TL_MEMBER_INLINE Vec<A> operator()(int64_t i, int64_t count) const { return load(x + i, first<A>(count)); }
};

template <class A>
TL_NOINLINE void softmax_row(SoftmaxKind kind, const A* TL_RESTRICT in, A* TL_RESTRICT out, int64_t n) {
  const Reader<A> x{in};
  const A top = row_max(in, n);
  if (kind == SoftmaxKind::softmax) {
    A total = row_sum<A>(n, [&](int64_t i, auto... count) {
      Vec<A> e = exp_of<A>(x(i, count...) - top);
      if constexpr (sizeof...(count) == 0) {
        store(out + i, e);
      } else {
        store(out + i, first<A>(count...), e);
      }
      return e;
    });
    const A scale = A(1) / total;
    const Reader<A> y{out};
    row_map(out, n, [&](auto... at) { return y(at...) * scale; });
    return;
  }
  const A shift = kind == SoftmaxKind::logsumexp && std::isinf(top) ? A(0) : top;
  const A total = row_sum<A>(n, [&](auto... at) { return exp_of<A>(x(at...) - shift); });
  const A log_total = std::log(total);
  if (kind == SoftmaxKind::logsumexp) {
    *out = log_total + shift;
  } else {
    row_map(out, n, [&](auto... at) { return (x(at...) - top) - log_total; });
  }
}

// softmax: y (g - Σ g y); log_softmax: g - e^y Σ g.
template <class A>
TL_NOINLINE void backward_row(SoftmaxKind kind, const A* TL_RESTRICT grad, const A* TL_RESTRICT result,
                              A* TL_RESTRICT out, int64_t n) {
  const Reader<A> g{grad}, y{result};
  if (kind == SoftmaxKind::softmax) {
    const A total = row_sum<A>(n, [&](auto... at) { return g(at...) * y(at...); });
    row_map(out, n, [&](auto... at) { return y(at...) * (g(at...) - total); });
  } else {
    const A total = row_sum<A>(n, [&](auto... at) { return g(at...); });
    row_map(out, n, [&](auto... at) { return g(at...) - exp_of<A>(y(at...)) * total; });
  }
}

// --- columns: K vectors of them at a time, or the first `count` lanes of one -----------------------

template <class A, int K>
struct Columns {
  int64_t stride;
  int64_t count;  // of lanes, where K is 1
  TL_MEMBER_INLINE Vec<A> read(const A* p, int64_t i, int k) const {
    const A* at = p + i * stride + k * lanes<A>;
    if constexpr (K > 1) {
      return load(at);
    } else {
      return load(at, first<A>(count));
    }
  }
  TL_MEMBER_INLINE void write(A* p, int64_t i, int k, const Vec<A>& v) const {
    A* at = p + i * stride + k * lanes<A>;
    if constexpr (K > 1) {
      store(at, v);
    } else {
      store(at, first<A>(count), v);
    }
  }
};

template <class A>
TL_ALWAYS_INLINE Vec<A> log_each(const Vec<A>& v) {
  A each[lanes<A>];
  store(each, v);
  for (int k = 0; k < lanes<A>; ++k) each[k] = std::log(each[k]);
  return load(each);
}

template <class A, int K>
TL_NOINLINE void softmax_columns_of(SoftmaxKind kind, const A* TL_RESTRICT x, A* TL_RESTRICT out, int64_t n,
                                    Columns<A, K> c) {
  Vec<A> top[K], sum[K];
  for (int k = 0; k < K; ++k) {
    top[k] = splat<A>(-A(INFINITY));
    sum[k] = splat<A>(0);
  }
  for (int64_t i = 0; i < n; ++i) {
    for (int k = 0; k < K; ++k) top[k] = larger_or_nan(top[k], c.read(x, i, k));
  }
  if (kind == SoftmaxKind::logsumexp) {
    for (int k = 0; k < K; ++k) top[k] = (top[k] == INFINITY) | (top[k] == -INFINITY) ? splat<A>(0) : top[k];
  }
  const bool keeps = kind == SoftmaxKind::softmax;
  for (int64_t i = 0; i < n; ++i) {
    for (int k = 0; k < K; ++k) {
      Vec<A> e = exp_of<A>(c.read(x, i, k) - top[k]);
      sum[k] += e;
      if (keeps) c.write(out, i, k, e);
    }
  }
  if (keeps) {
    for (int k = 0; k < K; ++k) sum[k] = A(1) / sum[k];
    for (int64_t i = 0; i < n; ++i) {
      for (int k = 0; k < K; ++k) c.write(out, i, k, c.read(out, i, k) * sum[k]);
    }
    return;
  }
  for (int k = 0; k < K; ++k) sum[k] = log_each<A>(sum[k]);
  if (kind == SoftmaxKind::logsumexp) {
    for (int k = 0; k < K; ++k) c.write(out, 0, k, sum[k] + top[k]);
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    for (int k = 0; k < K; ++k) c.write(out, i, k, (c.read(x, i, k) - top[k]) - sum[k]);
  }
}

template <class A, int K>
TL_NOINLINE void backward_columns_of(SoftmaxKind kind, const A* TL_RESTRICT g, const A* TL_RESTRICT y,
                                     A* TL_RESTRICT out, int64_t n, Columns<A, K> c) {
  const bool plain = kind == SoftmaxKind::softmax;
  Vec<A> sum[K];
  for (int k = 0; k < K; ++k) sum[k] = splat<A>(0);
  for (int64_t i = 0; i < n; ++i) {
    for (int k = 0; k < K; ++k) sum[k] += plain ? c.read(g, i, k) * c.read(y, i, k) : c.read(g, i, k);
  }
  for (int64_t i = 0; i < n; ++i) {
    for (int k = 0; k < K; ++k) {
      Vec<A> a = c.read(g, i, k), b = c.read(y, i, k);
      c.write(out, i, k, plain ? b * (a - sum[k]) : a - exp_of<A>(b) * sum[k]);
    }
  }
}

// f(offset, Columns) for the columns [at, at + width) of a group.
template <class A, class F>
TL_ALWAYS_INLINE void each_columns(int64_t at, int64_t width, int64_t stride, F f) {
  constexpr int K = int(softmax_columns) / lanes<A>;
  if (width == softmax_columns) return f(at, Columns<A, K>{stride, 0});
  for (int64_t j = 0; j < width; j += lanes<A>) {
    f(at + j, Columns<A, 1>{stride, width - j < lanes<A> ? width - j : lanes<A>});
  }
}

template <class A>
void forward(const SoftmaxArgs& a, int64_t begin, int64_t end) {
  const A* x = static_cast<const A*>(a.in);
  A* out = static_cast<A*>(a.out);
  const int64_t results = a.kind == SoftmaxKind::logsumexp ? 1 : a.n;
  if (a.inner == 1) {
    for (int64_t i = begin; i < end; ++i) softmax_row(a.kind, x + i * a.n, out + i * results, a.n);
    return;
  }
  const int64_t groups = (a.inner + softmax_columns - 1) / softmax_columns;
  for (int64_t i = begin; i < end; ++i) {
    const int64_t outer = i / groups, at = i % groups * softmax_columns;
    each_columns<A>(
        at, a.inner - at < softmax_columns ? a.inner - at : softmax_columns, a.inner, [&](int64_t j, auto c) {
          softmax_columns_of(a.kind, x + outer * a.n * a.inner + j, out + outer * results * a.inner + j, a.n, c);
        });
  }
}

template <class A>
void backward(const SoftmaxArgs& a, int64_t begin, int64_t end) {
  const A *g = static_cast<const A*>(a.in), *y = static_cast<const A*>(a.result);
  A* out = static_cast<A*>(a.out);
  if (a.inner == 1) {
    for (int64_t i = begin; i < end; ++i) backward_row(a.kind, g + i * a.n, y + i * a.n, out + i * a.n, a.n);
    return;
  }
  const int64_t groups = (a.inner + softmax_columns - 1) / softmax_columns;
  for (int64_t i = begin; i < end; ++i) {
    const int64_t outer = i / groups * a.n * a.inner, at = i % groups * softmax_columns;
    each_columns<A>(
        at, a.inner - at < softmax_columns ? a.inner - at : softmax_columns, a.inner,
        [&](int64_t j, auto c) { backward_columns_of(a.kind, g + outer + j, y + outer + j, out + outer + j, a.n, c); });
  }
}

void softmax_impl(const SoftmaxArgs& a, int64_t begin, int64_t end) {
  a.dtype == DType::Float64 ? forward<double>(a, begin, end) : forward<float>(a, begin, end);
}
void softmax_backward_impl(const SoftmaxArgs& a, int64_t begin, int64_t end) {
  a.dtype == DType::Float64 ? backward<double>(a, begin, end) : backward<float>(a, begin, end);
}

}  // namespace

TL_KERNEL(softmax, &softmax_impl);
TL_KERNEL(softmax_backward, &softmax_backward_impl);

}  // namespace tl::kernels
