// For kernels that reduce: vectors of one cache line, and runs of any dtype and stride read as runs of
// the type that is computed in. Everything is private to the file that includes it.
#pragma once

#include <cmath>
#include <complex>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/dtype.h"
#include "kernels/copy.h"
#include "kernels/slot.h"
#include "kernels/vec.h"
#include "kernels/wrapping.h"

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wpsabi"  // vectors are passed between inlined functions only
#endif

#if defined(_MSC_VER)
#define TL_MEMBER_INLINE __forceinline
#else
#define TL_MEMBER_INLINE inline __attribute__((always_inline))
#endif

namespace tl::kernels {

namespace {

template <class T>
constexpr bool is_complex_v = std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>;

// Vectors of a cache line whatever the instruction set, for sums: the tree of additions is the same.
// Complex numbers go one by one.
template <class A>
struct Lanes {
  static constexpr int count = 64 / int(sizeof(A));
  using V = Vec<A, count>;
};
template <class R>
struct Lanes<std::complex<R>> {
  static constexpr int count = 1;
  using V = std::complex<R>;
};

template <class A>
TL_ALWAYS_INLINE typename Lanes<A>::V load_lanes(const A* p) {
  typename Lanes<A>::V v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class A>
TL_ALWAYS_INLINE typename Lanes<A>::V splat_lanes(A a) {
  if constexpr (is_complex_v<A>) {
    return a;
  } else {
    return typename Lanes<A>::V{} + a;
  }
}
// The last `n` of the lanes that end at `end`, `other` in those before.
template <class A, size_t... I>
TL_ALWAYS_INLINE auto last_lanes(const A* end, int64_t n, A other, std::index_sequence<I...>) {
  if constexpr (is_complex_v<A>) {
    return other;
  } else {
    using Int = std::conditional_t<sizeof(A) == 4, int32_t, std::conditional_t<sizeof(A) == 8, int64_t, int8_t>>;
    constexpr int L = Lanes<A>::count;
    using VI = Vec<Int, L>;
    return VI{Int(I)...} >= VI{} + Int(L - n) ? load_lanes(end - L) : splat_lanes(other);
  }
}

// Joins the lanes of a vector by halves.
template <class A, int N, class F>
TL_ALWAYS_INLINE A fold(Vec<A, N> v, F join) {
  if constexpr (N == 2) {
    return join(v[0], v[1]);
  } else {
    return fold<A, N / 2>(join(shuffle<N / 2>(v, v, From<0>()), shuffle<N / 2>(v, v, From<N / 2>())), join);
  }
}
// The same for four vectors at once, in the same order for each: out[k] joins the lanes of vector k.
template <int Segment, int Shift>
struct HalfOf {
  static constexpr int at(int i) { return i / (Segment / 2) * Segment + i % (Segment / 2) + Shift; }
};
template <class A, int W, class F>
TL_ALWAYS_INLINE void fold_segments(const Vec<A, 4 * W>& v, A* out, F join) {
  if constexpr (W == 1) {
    store(out, v);
  } else {
    fold_segments<A, W / 2>(join(shuffle<2 * W>(v, v, HalfOf<W, 0>()), shuffle<2 * W>(v, v, HalfOf<W, W / 2>())), out,
                            join);
  }
}
template <class A, int N, class F>
TL_ALWAYS_INLINE void fold_four(const Vec<A, N>& a, const Vec<A, N>& b, const Vec<A, N>& c, const Vec<A, N>& d, A* out,
                                F join) {
  static_assert(N >= 4);
  auto ab = join(shuffle<N>(a, b, HalfOf<N, 0>()), shuffle<N>(a, b, HalfOf<N, N / 2>()));
  auto cd = join(shuffle<N>(c, d, HalfOf<N, 0>()), shuffle<N>(c, d, HalfOf<N, N / 2>()));
  auto all = join(shuffle<N>(ab, cd, HalfOf<N / 2, 0>()), shuffle<N>(ab, cd, HalfOf<N / 2, N / 4>()));
  fold_segments<A, N / 4>(all, out, join);
}
template <class A, class F>
TL_ALWAYS_INLINE A fold_lanes(typename Lanes<A>::V v, F join) {
  if constexpr (is_complex_v<A>) {
    return v;
  } else {
    return fold<A, Lanes<A>::count>(v, join);
  }
}

inline constexpr int64_t block = 1024;  // elements that are read into a buffer at a time

// How elements are read. The first three are conversions; the others apply to real numbers once they
// are converted (a complex number counts by its absolute value).
enum class Load : uint8_t { value, nonzero, is_nan, abs, square, power, nan_as_zero };

// Runs of at most `block` elements of some dtype, `step` elements apart, as arrays of A.
template <class A>
class Source {
 public:
  Source(DType dtype, Load load, double power = 0)
      : dtype_(dtype),
        load_(load),
        size_(int64_t(item_size(dtype))),
        same_(dtype == DTypeOf<A>::value && load != Load::nonzero && load != Load::is_nan),
        power_(power) {}

  const char* at(const char* p, int64_t elements) const { return p + elements * size_; }
  // The run itself where it already is an array of A, a copy in `buffer` otherwise.
  bool in_place(int64_t step) const { return same_ && step == 1 && load_ == Load::value; }
  TL_MEMBER_INLINE const A* read(const char* p, int64_t step, int64_t n, A* buffer) const {
    const bool as_is = same_ && step == 1;
    if (as_is && load_ == Load::value) return reinterpret_cast<const A*>(p);
    if (!as_is) copy(p, step, n, buffer);
    if constexpr (std::is_floating_point_v<A>) {
      if (load_ > Load::is_nan) apply(as_is ? reinterpret_cast<const A*>(p) : buffer, n, buffer);
    }
    return buffer;
  }

 private:
  TL_NOINLINE void copy(const char* p, int64_t step, int64_t n, A* buffer) const {
    const int64_t stride = step * size_;
    if constexpr (std::is_same_v<A, uint8_t>) {
      if (load_ == Load::is_nan) return find_nan(p, stride, n, buffer);
      convert_run(DType::Bool, reinterpret_cast<char*>(buffer), 1, dtype_, p, stride, n);
      return;
    } else if constexpr (std::is_same_v<A, int64_t>) {
      if (load_ == Load::nonzero) {
        char truth[block];
        convert_run(DType::Bool, truth, 1, dtype_, p, stride, n);
        for (int64_t i = 0; i < n; ++i) buffer[i] = truth[i];
        return;
      }
    } else if constexpr (std::is_floating_point_v<A>) {
      if (load_ != Load::value && is_complex(dtype_)) {
        A pairs[2 * block];
        copy_run(2 * sizeof(A), reinterpret_cast<char*>(pairs), 2 * sizeof(A), p, stride, n);
        for (int64_t i = 0; i < n; ++i) buffer[i] = std::hypot(pairs[2 * i], pairs[2 * i + 1]);
        return;
      }
    }
    if (dtype_ == DTypeOf<A>::value) {
      copy_run(sizeof(A), reinterpret_cast<char*>(buffer), sizeof(A), p, stride, n);
    } else {
      convert_run(DTypeOf<A>::value, reinterpret_cast<char*>(buffer), sizeof(A), dtype_, p, stride, n);
    }
  }

  // Of floating point and complex numbers.
  template <class R>
  void find_nan_as(DType real, const char* p, int64_t stride, int64_t n, A* to) const {
    R values[block], imaginary[block];
    auto read = [&](DType from, const char* at, R* into) {
      convert_run(DTypeOf<R>::value, reinterpret_cast<char*>(into), sizeof(R), from, at, stride, n);
    };
    read(real, p, values);
    for (int64_t i = 0; i < n; ++i) to[i] = values[i] != values[i];
    if (!is_complex(dtype_)) return;
    read(real, p + sizeof(R), imaginary);
    for (int64_t i = 0; i < n; ++i) to[i] |= imaginary[i] != imaginary[i];
  }
  void find_nan(const char* p, int64_t stride, int64_t n, A* to) const {
    const DType real = to_real(dtype_);
    real == DType::Float64 ? find_nan_as<double>(real, p, stride, n, to) : find_nan_as<float>(real, p, stride, n, to);
  }

  TL_NOINLINE void apply(const A* from, int64_t n, A* to) const {
    switch (load_) {
      case Load::abs:
        for (int64_t i = 0; i < n; ++i) to[i] = std::fabs(from[i]);
        return;
      case Load::square:
        for (int64_t i = 0; i < n; ++i) to[i] = from[i] * from[i];
        return;
      case Load::power:
        for (int64_t i = 0; i < n; ++i) to[i] = A(std::pow(std::fabs(double(from[i])), power_));
        return;
      default:
        for (int64_t i = 0; i < n; ++i) to[i] = from[i] == from[i] ? from[i] : A(0);
    }
  }

  DType dtype_;
  Load load_;
  int64_t size_;
  bool same_;
  double power_;
};

// One result, as any dtype.
template <class A>
TL_NOINLINE void store_slowly(DType dtype, char* out, int64_t at, A v) {
  dispatch_all(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    reinterpret_cast<T*>(out)[at] = convert<T>(v);
  });
}
template <class A>
TL_ALWAYS_INLINE void store_as(DType dtype, char* out, int64_t at, A v) {
  if (dtype == DTypeOf<A>::value) {
    reinterpret_cast<A*>(out)[at] = v;
  } else {
    store_slowly(dtype, out, at, v);
  }
}

// --- what is reduced: `join` makes one of two partial results, on scalars and on vectors alike ---

struct Sum {
  template <class A>
  static A start() {
    return A(0);
  }
  template <class V>
  TL_ALWAYS_INLINE V join(V a, V b) {
    return wrapping_sum(a, b);
  }
};
struct Prod {
  template <class A>
  static A start() {
    return A(1);
  }
  template <class V>
  TL_ALWAYS_INLINE V join(V a, V b) {
    if constexpr (is_complex_v<V>) {
      return V(a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real());
    } else {
      return wrapping_product(a, b);
    }
  }
};
struct Max {
  template <class A>
  static A start() {
    if constexpr (std::is_floating_point_v<A>) {
      return -A(INFINITY);
    } else {
      return std::numeric_limits<A>::min();
    }
  }
  template <class V>
  TL_ALWAYS_INLINE V join(V a, V b) {
    return (a > b) | (a != a) ? a : b;
  }
};
struct Min {
  template <class A>
  static A start() {
    if constexpr (std::is_floating_point_v<A>) {
      return A(INFINITY);
    } else {
      return std::numeric_limits<A>::max();
    }
  }
  template <class V>
  TL_ALWAYS_INLINE V join(V a, V b) {
    return (a < b) | (a != a) ? a : b;
  }
};
template <class Op>
constexpr auto join_of = [](auto x, auto y) { return Op::join(x, y); };

// A run of at least one vector: four vectors of partial results, then one.
template <class Op, class A>
TL_ALWAYS_INLINE typename Lanes<A>::V reduce_to_lanes(const A* p, int64_t n) {
  using V = typename Lanes<A>::V;
  constexpr int L = Lanes<A>::count;
  const A start = Op::template start<A>();
  V a = load_lanes(p);
  int64_t i = L;
  if (n >= 4 * L) {
    V b = load_lanes(p + L), c = load_lanes(p + 2 * L), d = load_lanes(p + 3 * L);
    for (i = 4 * L; i + 4 * L <= n; i += 4 * L) {
      a = Op::join(a, load_lanes(p + i));
      b = Op::join(b, load_lanes(p + i + L));
      c = Op::join(c, load_lanes(p + i + 2 * L));
      d = Op::join(d, load_lanes(p + i + 3 * L));
    }
    a = Op::join(Op::join(a, b), Op::join(c, d));
  }
  for (; i + L <= n; i += L) a = Op::join(a, load_lanes(p + i));
  if (i < n) a = Op::join(a, last_lanes(p + n, n - i, start, std::make_index_sequence<L>()));
  return a;
}

// At most `block` elements.
template <class Op, class A>
TL_NOINLINE A reduce_block(const A* p, int64_t n) {
  if (n >= Lanes<A>::count) return fold_lanes<A>(reduce_to_lanes<Op>(p, n), join_of<Op>);
  A v = Op::template start<A>();
  for (int64_t i = 0; i < n; ++i) v = Op::join(v, p[i]);
  return v;
}

}  // namespace

}  // namespace tl::kernels
