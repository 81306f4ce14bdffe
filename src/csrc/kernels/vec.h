// The vocabulary of vectors, as wide as the build's instruction set: 64 bytes for AVX-512, 32 for
// AVX2, 16 otherwise. Built on the vector extensions of GCC and Clang, so that + - * / and
// comparisons are operators; elsewhere a plain array that the compiler may vectorise.
//
//   Vec<float> x = load(p);            // lanes<float> values, no alignment needed
//   Vec<float> y = fma(x, x, splat<float>(1));
//   store(q, y);
//   Mask<float> m = first<float>(n);   // the first n lanes, 0 <= n <= lanes
//   store(q, m, load(p, m));           // lanes outside load as zero, and are not written
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#include "kernels/slot.h"

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

#if !defined(TL_VECTOR_EXTENSIONS)
#if defined(__GNUC__) || defined(__clang__)
#define TL_VECTOR_EXTENSIONS 1
#else
#define TL_VECTOR_EXTENSIONS 0
#endif
#endif
// Masks of the instruction set's own.
#if TL_VECTOR_EXTENSIONS && defined(__AVX512F__)
#define TL_MASKS_512 1
#elif TL_VECTOR_EXTENSIONS && defined(__AVX2__)
#define TL_MASKS_256 1
#endif

#if defined(__GNUC__) || defined(__clang__)
#define TL_PRAGMA_(x) _Pragma(#x)
#define TL_UNROLL(n) TL_PRAGMA_(GCC unroll n)
#else
#define TL_UNROLL(n)
#endif

#if defined(__GNUC__) && !defined(__clang__)
// Vectors wider than the instruction set's are passed between inlined functions only.
#pragma GCC diagnostic ignored "-Wpsabi"
#endif

namespace tl::kernels {

namespace {

#if defined(__AVX512F__)
inline constexpr int vector_bytes = 64;
inline constexpr int vector_registers = 32;
#elif defined(__AVX2__)
inline constexpr int vector_bytes = 32;
inline constexpr int vector_registers = 16;
#elif defined(__aarch64__)
inline constexpr int vector_bytes = 16;
inline constexpr int vector_registers = 32;
#else
inline constexpr int vector_bytes = 16;
inline constexpr int vector_registers = 16;
#endif
template <class T>
inline constexpr int lanes = vector_bytes / int(sizeof(T));

#if TL_VECTOR_EXTENSIONS
template <class T, int N>
struct VecOf {
  typedef T type __attribute__((vector_size(sizeof(T) * N)));
};
#else
template <class T, int N>
struct PlainVec {
  T v[N];
  T& operator[](int i) { return v[i]; }
  T operator[](int i) const { return v[i]; }
#define TL_PLAIN_OP(op)                                               \
  friend PlainVec operator op(const PlainVec& a, const PlainVec& b) { \
    PlainVec r;                                                       \
    for (int i = 0; i < N; ++i) r.v[i] = a.v[i] op b.v[i];            \
    return r;                                                         \
  }                                                                   \
  PlainVec& operator op## = (const PlainVec& b) { return *this = *this op b; }
  TL_PLAIN_OP(+)
  TL_PLAIN_OP(-)
  TL_PLAIN_OP(*)
  TL_PLAIN_OP(/)
#undef TL_PLAIN_OP
};
template <class T, int N>
struct VecOf {
  using type = PlainVec<T, N>;
};
#endif
template <class T, int N = lanes<T>>
using Vec = typename VecOf<T, N>::type;

template <class T, int N = lanes<T>>
TL_ALWAYS_INLINE Vec<T, N> load(const T* p) {
  Vec<T, N> v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <class T, class V>
TL_ALWAYS_INLINE void store(T* p, const V& v) {
  std::memcpy(p, &v, sizeof v);
}
template <class T, int N = lanes<T>>
TL_ALWAYS_INLINE Vec<T, N> splat(T x) {
#if TL_VECTOR_EXTENSIONS
  return x - Vec<T, N>{};
#else
  Vec<T, N> v;
  for (int i = 0; i < N; ++i) v[i] = x;
  return v;
#endif
}
template <class V>
TL_ALWAYS_INLINE V fma(const V& a, const V& b, const V& c) {
  return a * b + c;  // contracted where the instruction set has it
}
template <class T, int N = lanes<T>>
TL_ALWAYS_INLINE Vec<T, N> larger(const Vec<T, N>& a, const Vec<T, N>& b) {  // b where a is NaN
#if TL_VECTOR_EXTENSIONS
  return a > b ? a : b;
#else
  Vec<T, N> v;
  for (int i = 0; i < N; ++i) v[i] = a[i] > b[i] ? a[i] : b[i];
  return v;
#endif
}

// --- the first n lanes ---------------------------------------------------------------------------

#if defined(TL_MASKS_512)
template <class T>
struct MaskOf {
  using type = uint16_t;
};
#elif defined(TL_MASKS_256)
template <class T>
struct MaskOf {
  using type = __m256i;
};
#else
template <class T>
struct MaskOf {
  using type = int;
};
#endif
template <class T>
using Mask = typename MaskOf<T>::type;

template <class T>
TL_ALWAYS_INLINE Mask<T> first(int64_t n) {
#if defined(TL_MASKS_512)
  return uint16_t((uint32_t(1) << n) - 1);
#elif defined(TL_MASKS_256)
  if constexpr (sizeof(T) == 4) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(int(n)), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  } else {
    return _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_setr_epi64x(0, 1, 2, 3));
  }
#else
  return int(n);
#endif
}

template <class T>
TL_ALWAYS_INLINE Vec<T> load(const T* p, Mask<T> m) {
  static_assert(sizeof(T) == 4 || sizeof(T) == 8);
#if defined(TL_MASKS_512)
  if constexpr (sizeof(T) == 4) {
    return (Vec<T>)_mm512_maskz_loadu_epi32(m, p);
  } else {
    return (Vec<T>)_mm512_maskz_loadu_epi64(uint8_t(m), p);
  }
#elif defined(TL_MASKS_256)
  if constexpr (sizeof(T) == 4) {
    return (Vec<T>)_mm256_maskload_epi32(reinterpret_cast<const int*>(p), m);
  } else {
    return (Vec<T>)_mm256_maskload_epi64(reinterpret_cast<const long long*>(p), m);
  }
#else
  Vec<T> v = splat<T>(0);
  for (int i = 0; i < lanes<T>; ++i) {
    if (i < m) v[i] = p[i];
  }
  return v;
#endif
}

template <class T>
TL_ALWAYS_INLINE void store(T* p, Mask<T> m, const Vec<T>& v) {
#if defined(TL_MASKS_512)
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_epi32(p, m, (__m512i)v);
  } else {
    _mm512_mask_storeu_epi64(p, uint8_t(m), (__m512i)v);
  }
#elif defined(TL_MASKS_256)
  if constexpr (sizeof(T) == 4) {
    _mm256_maskstore_epi32(reinterpret_cast<int*>(p), m, (__m256i)v);
  } else {
    _mm256_maskstore_epi64(reinterpret_cast<long long*>(p), m, (__m256i)v);
  }
#else
  for (int i = 0; i < lanes<T>; ++i) {
    if (i < m) p[i] = v[i];
  }
#endif
}

// --- rearranging lanes ---------------------------------------------------------------------------

namespace detail {
#if TL_VECTOR_EXTENSIONS
template <class V, class Pattern, size_t... I>
TL_ALWAYS_INLINE auto shuffled(const V& a, const V& b, Pattern, std::index_sequence<I...>) {
  return __builtin_shufflevector(a, b, Pattern::at(int(I))...);
}
#else
template <class T, int N, class Pattern, size_t... I>
TL_ALWAYS_INLINE auto shuffled(const PlainVec<T, N>& a, const PlainVec<T, N>& b, Pattern, std::index_sequence<I...>) {
  auto pick = [&](int i) { return i < N ? a[i] : b[i - N]; };
  return PlainVec<T, int(sizeof...(I))>{{pick(Pattern::at(int(I)))...}};
}
#endif
}  // namespace detail

// The vector whose lane i is lane Pattern::at(i) of a and b joined end to end.
template <int Count, class Pattern, class V>
TL_ALWAYS_INLINE auto shuffle(const V& a, const V& b, Pattern p) {
  return detail::shuffled(a, b, p, std::make_index_sequence<Count>());
}

// Patterns over vectors of N lanes that work within groups of four.
template <int N, int A, int B, int C, int D>
struct InFours {  // 0..3 name lanes of a's group, 4..7 of b's
  static constexpr int at(int i) {
    constexpr int pick[4] = {A, B, C, D};
    int p = pick[i & 3];
    return (i & ~3) + (p & 3) + (p < 4 ? 0 : N);
  }
};
template <int Start>
struct From {
  static constexpr int at(int i) { return Start + i; }
};

// The sums of the lanes of four vectors.
template <class T, int N = lanes<T>>
TL_ALWAYS_INLINE Vec<T, 4> sums_of_four(const Vec<T, N>& a, const Vec<T, N>& b, const Vec<T, N>& c,
                                        const Vec<T, N>& d) {
  if constexpr (N < 4) {
    return Vec<T, 4>{a[0] + a[1], b[0] + b[1], c[0] + c[1], d[0] + d[1]};
  } else {
    auto ab = shuffle<N>(a, b, InFours<N, 0, 4, 1, 5>()) + shuffle<N>(a, b, InFours<N, 2, 6, 3, 7>());
    auto cd = shuffle<N>(c, d, InFours<N, 0, 4, 1, 5>()) + shuffle<N>(c, d, InFours<N, 2, 6, 3, 7>());
    auto all = shuffle<N>(ab, cd, InFours<N, 0, 1, 4, 5>()) + shuffle<N>(ab, cd, InFours<N, 2, 3, 6, 7>());
    if constexpr (N == 16) {
      auto eight = shuffle<8>(all, all, From<0>()) + shuffle<8>(all, all, From<8>());
      return shuffle<4>(eight, eight, From<0>()) + shuffle<4>(eight, eight, From<4>());
    } else if constexpr (N == 8) {
      return shuffle<4>(all, all, From<0>()) + shuffle<4>(all, all, From<4>());
    } else {
      return all;
    }
  }
}

// Pieces end to end: four lanes of line i, of line i + 4 and so on, up to N lanes.
template <class T, int N>
TL_ALWAYS_INLINE Vec<T, N> pieces_of_four(const T* from, int64_t line) {
  if constexpr (N == 4) {
    return load<T, 4>(from);
  } else {
    auto low = pieces_of_four<T, N / 2>(from, line), high = pieces_of_four<T, N / 2>(from + N / 2 * line, line);
    return shuffle<N>(low, high, From<0>());
  }
}

// N lines of four elements (N = 4, 8, 16; the lines `line` apart) turned into four rows of N, `row`
// apart. Shuffles stay within groups of four lanes, the rest is done by the loads.
template <class T, int N>
TL_ALWAYS_INLINE void turn_lines(const T* from, int64_t line, T* to, int64_t row) {
  auto a = pieces_of_four<T, N>(from, line), b = pieces_of_four<T, N>(from + line, line);
  auto c = pieces_of_four<T, N>(from + 2 * line, line), d = pieces_of_four<T, N>(from + 3 * line, line);
  auto ab_low = shuffle<N>(a, b, InFours<N, 0, 4, 1, 5>()), ab_high = shuffle<N>(a, b, InFours<N, 2, 6, 3, 7>());
  auto cd_low = shuffle<N>(c, d, InFours<N, 0, 4, 1, 5>()), cd_high = shuffle<N>(c, d, InFours<N, 2, 6, 3, 7>());
  store(to, shuffle<N>(ab_low, cd_low, InFours<N, 0, 1, 4, 5>()));
  store(to + row, shuffle<N>(ab_low, cd_low, InFours<N, 2, 3, 6, 7>()));
  store(to + 2 * row, shuffle<N>(ab_high, cd_high, InFours<N, 0, 1, 4, 5>()));
  store(to + 3 * row, shuffle<N>(ab_high, cd_high, InFours<N, 2, 3, 6, 7>()));
}

}  // namespace

}  // namespace tl::kernels
