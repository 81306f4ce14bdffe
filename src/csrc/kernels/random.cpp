#include "kernels/random.h"

#include <cmath>
#include <cstring>

namespace tl::kernels {

namespace {

// --- the engine ---------------------------------------------------------------------------------

constexpr int words_of_state = Mt19937::size;
constexpr int shift = 397;

TL_ALWAYS_INLINE uint32_t twist(uint32_t u, uint32_t v) {
  uint32_t y = (u & 0x80000000u) | (v & 0x7fffffffu);
  return (y >> 1) ^ ((0u - (v & 1u)) & 0x9908b0dfu);
}
TL_ALWAYS_INLINE uint32_t temper(uint32_t y) {
  y ^= y >> 11;
  y ^= (y << 7) & 0x9d2c5680u;
  y ^= (y << 15) & 0xefc60000u;
  return y ^ (y >> 18);
}

// Word i needs the new word i - 227: stretches of 227 have no such pair, so they vectorise.
template <int Begin, int End, int From>
TL_ALWAYS_INLINE void refill_stretch(uint32_t* s) {
#pragma GCC ivdep
  for (int i = Begin; i < End; ++i) s[i] = s[i + From] ^ twist(s[i], s[i + 1]);
}
void refill(Mt19937& e) {
  uint32_t* s = e.state;
  constexpr int back = shift - words_of_state;
  refill_stretch<0, -back, shift>(s);
  refill_stretch<-back, -2 * back, back>(s);
  refill_stretch<-2 * back, words_of_state - 1, back>(s);
  s[words_of_state - 1] = s[shift - 1] ^ twist(s[words_of_state - 1], s[0]);
  e.left = words_of_state;
  e.next = 0;
}

void random_words_impl(Mt19937& e, uint32_t* TL_RESTRICT out, int64_t n) {
  while (n > 0) {
    // An engine that was used has left == size + 1 - next.
    if (e.left == 1) {
      refill(e);
      e.left = words_of_state + 1;
    }
    int64_t have = e.left - 1;
    int64_t take = n < have ? n : have;
    const uint32_t* s = e.state + e.next;
    for (int64_t i = 0; i < take; ++i) out[i] = temper(s[i]);
    e.next += uint32_t(take);
    e.left -= int32_t(take);
    out += take;
    n -= take;
  }
}

// --- uniform ------------------------------------------------------------------------------------

TL_ALWAYS_INLINE float unit_float(uint32_t w) { return float(int32_t(w & 0xffffffu)) * 0x1p-24f; }
// 53 bits of a pair of words, the high one first.
TL_ALWAYS_INLINE double unit_double(const uint32_t* w) {
  double high = double(int32_t(w[0] & 0x1fffffu));
  double low = double(int32_t(w[1] ^ 0x80000000u)) + 0x1p31;
  return high * 0x1p-21 + low * 0x1p-53;
}
// Rounded once, as PyTorch's fused multiply-add rounds.
TL_ALWAYS_INLINE float scale_add(float x, float scale, float add) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  return __builtin_fmaf(x, scale, add);
#else
  return std::fma(x, scale, add);
#endif
}
TL_ALWAYS_INLINE double scale_add(double x, double scale, double add) {
#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
  return __builtin_fma(x, scale, add);
#else
  return std::fma(x, scale, add);
#endif
}

void uniform_values_impl(bool is_double, const UniformArgs& a) {
  const uint32_t* TL_RESTRICT w = a.words;
  if (is_double) {
    double* TL_RESTRICT out = static_cast<double*>(a.out);
    const double from = a.from, range = a.to - a.from, limit = a.limit;
    for (int64_t i = 0; i < a.n; ++i) {
      double v = scale_add(unit_double(w + 2 * i), range, from);
      out[i] = v >= limit ? from : v;
    }
  } else {
    float* TL_RESTRICT out = static_cast<float*>(a.out);
    const float from = float(a.from), range = float(a.to) - from, limit = float(a.limit);
    for (int64_t i = 0; i < a.n; ++i) {
      float v = scale_add(unit_float(w[i]), range, from);
      out[i] = v >= limit ? from : v;
    }
  }
}

// --- normal -------------------------------------------------------------------------------------

// ln(x) for normal x > 0, by the series of the area tangent around 1.
TL_ALWAYS_INLINE float log_of(float x) {
  int32_t bits = std::bit_cast<int32_t>(x);
  int32_t e = (bits - 0x3f3504f3) >> 23;  // x / 2**e lies in [sqrt(1/2), sqrt(2))
  float m = std::bit_cast<float>(bits - (e << 23));
  float s = (m - 1) / (m + 1), z = s * s;
  float p = 1.0f / 11;
  p = p * z + 1.0f / 9;
  p = p * z + 1.0f / 7;
  p = p * z + 1.0f / 5;
  p = p * z + 1.0f / 3;
  float k = float(e);
  float tail = 2 * s * z * p + k * 1.42860677e-6f;
  return k * 0.693145752f + (2 * s + tail);
}
TL_ALWAYS_INLINE double log_of(double x) {
  int64_t bits = std::bit_cast<int64_t>(x);
  // The exponent through 32 bits, which every instruction set converts.
  int32_t e = (int32_t(bits >> 32) - 0x3fe6a09e) >> 20;
  double m = std::bit_cast<double>(bits - (int64_t(e) << 52));
  double s = (m - 1) / (m + 1), z = s * s;
  double p = 1.0 / 23;
  p = p * z + 1.0 / 21;
  p = p * z + 1.0 / 19;
  p = p * z + 1.0 / 17;
  p = p * z + 1.0 / 15;
  p = p * z + 1.0 / 13;
  p = p * z + 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z + 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z + 1.0 / 3;
  double k = double(e);
  double tail = 2 * s * z * p + k * 1.90821492927058770002e-10;
  return k * 6.93147180369123816490e-01 + (2 * s + tail);
}

// Sine and cosine of an angle in [0, 2 pi]: the quarter turns are taken off in exact steps.
TL_ALWAYS_INLINE void sincos_of(float angle, float& sine, float& cosine) {
  float k = float(int32_t(angle * 0.636619772f + 0.5f));
  int32_t quarter = int32_t(k);
  float r = ((angle - k * 1.5703125f) - k * 4.837512969970703125e-4f) - k * 7.54978995489188216e-8f;
  float z = r * r;
  float s = -1.0f / 39916800;
  s = s * z + 1.0f / 362880;
  s = s * z - 1.0f / 5040;
  s = s * z + 1.0f / 120;
  s = s * z - 1.0f / 6;
  s = s * z * r + r;
  float c = -1.0f / 3628800;
  c = c * z + 1.0f / 40320;
  c = c * z - 1.0f / 720;
  c = c * z + 1.0f / 24;
  c = c * z - 0.5f;
  c = c * z + 1;
  bool swap = quarter & 1;
  float a = swap ? c : s, b = swap ? s : c;
  sine = quarter & 2 ? -a : a;
  cosine = (quarter + 1) & 2 ? -b : b;
}
TL_ALWAYS_INLINE void sincos_of(double angle, double& sine, double& cosine) {
  int32_t quarter = int32_t(angle * 0.63661977236758134308 + 0.5);
  double k = double(quarter);
  double r =
      ((angle - k * 1.57079632673412561417e+00) - k * 6.07710050630396597660e-11) - k * 2.02226624879595063154e-21;
  double z = r * r;
  double s = 1.0 / 355687428096000;
  s = s * z - 1.0 / 1307674368000;
  s = s * z + 1.0 / 6227020800;
  s = s * z - 1.0 / 39916800;
  s = s * z + 1.0 / 362880;
  s = s * z - 1.0 / 5040;
  s = s * z + 1.0 / 120;
  s = s * z - 1.0 / 6;
  s = s * z * r + r;
  double c = -1.0 / 6402373705728000;
  c = c * z + 1.0 / 20922789888000;
  c = c * z - 1.0 / 87178291200;
  c = c * z + 1.0 / 479001600;
  c = c * z - 1.0 / 3628800;
  c = c * z + 1.0 / 40320;
  c = c * z - 1.0 / 720;
  c = c * z + 1.0 / 24;
  c = c * z - 0.5;
  c = c * z + 1;
  bool swap = quarter & 1;
  double a = swap ? c : s, b = swap ? s : c;
  sine = quarter & 2 ? -a : a;
  cosine = (quarter + 1) & 2 ? -b : b;
}

// Box and Muller, 1958. The angle is rounded in the type of the values, as PyTorch rounds it.
template <class T>
void normal_groups_of(const NormalArgs& a) {
  constexpr int wide = sizeof(T) / 4;
  const uint32_t* TL_RESTRICT w = a.words;
  T* TL_RESTRICT out = static_cast<T*>(a.out);
  const T mean = T(a.mean), std = T(a.std);
  for (int64_t g = 0; g < a.groups; ++g) {
    const uint32_t* TL_RESTRICT in = w + g * 16 * wide;
    T* TL_RESTRICT to = out + g * 16;
    for (int j = 0; j < 8; ++j) {
      T u1, u2;
      if constexpr (wide == 1) {
        u1 = 1 - unit_float(in[j]);
        u2 = unit_float(in[j + 8]);
      } else {
        u1 = 1 - unit_double(in + 2 * j);
        u2 = unit_double(in + 2 * j + 16);
      }
      T radius = std::sqrt(T(-2) * log_of(u1));
      T angle = T(6.283185307179586476925) * u2;
      T s, c;
      sincos_of(angle, s, c);
      to[j] = radius * c * std + mean;
      to[j + 8] = radius * s * std + mean;
    }
  }
}
void normal_groups_impl(bool is_double, const NormalArgs& a) {
  is_double ? normal_groups_of<double>(a) : normal_groups_of<float>(a);
}

// A whole number of vectors at once, whatever is asked for.
constexpr int pairs_at_once = 8;
TL_ALWAYS_INLINE void normal_pair_block(const uint32_t* TL_RESTRICT w, double* TL_RESTRICT out) {
  for (int i = 0; i < pairs_at_once; ++i) {
    double u1 = unit_double(w + 4 * i), u2 = unit_double(w + 4 * i + 2);
    double radius = std::sqrt(-2 * log_of(1 - u2));
    double s, c;
    sincos_of(6.283185307179586476925 * u1, s, c);
    out[2 * i] = radius * c;
    out[2 * i + 1] = radius * s;
  }
}
void normal_pairs_impl(const uint32_t* w, double* out, int64_t pairs) {
  while (pairs >= pairs_at_once) {
    normal_pair_block(w, out);
    w += 4 * pairs_at_once;
    out += 2 * pairs_at_once;
    pairs -= pairs_at_once;
  }
  if (pairs == 0) return;
  uint32_t words[4 * pairs_at_once] = {};
  double values[2 * pairs_at_once];
  std::memcpy(words, w, size_t(pairs) * 16);
  normal_pair_block(words, values);
  std::memcpy(out, values, size_t(pairs) * 16);
}

// --- integers -----------------------------------------------------------------------------------

void random_integers_impl(const IntegerArgs& a) {
  const uint32_t* TL_RESTRICT w = a.words;
  int64_t* TL_RESTRICT out = a.out;
  const uint64_t base = uint64_t(a.base), range = a.range;
  const bool power = (range & (range - 1)) == 0;  // 0 too: all 64 bits
  if (a.wide) {
    for (int64_t i = 0; i < a.n; ++i) {
      uint64_t v = uint64_t(w[2 * i]) << 32 | w[2 * i + 1];
      v = power ? v & (range - 1) : v % range;
      out[i] = int64_t(v + base);
    }
    return;
  }
  if (power) {
    const uint32_t mask = uint32_t(range - 1);
    for (int64_t i = 0; i < a.n; ++i) out[i] = int64_t((w[i] & mask) + base);
    return;
  }
  // A quotient by doubles is off by one at most. Ranges of narrow draws are below 2**31, and
  // above 2 here, so that it fits 32 bits.
  const double d = double(range), inverse = 1 / d;
  for (int64_t i = 0; i < a.n; ++i) {
    double x = double(int32_t(w[i] ^ 0x80000000u)) + 0x1p31;
    double q = double(int32_t(x * inverse));
    double r = x - q * d;
    r = r < 0 ? r + d : r;
    r = r >= d ? r - d : r;
    out[i] = int64_t(int32_t(r)) + a.base;
  }
}

void falling_remainders_impl(uint32_t* TL_RESTRICT words, int64_t n, uint32_t divisor) {
  int64_t i = 0;
  // By doubles as above, as long as quotients fit 32 bits.
  for (const int64_t end = n < int64_t(divisor) - 2 ? n : int64_t(divisor) - 2; i < end; ++i) {
    double d = double(int32_t((divisor - uint32_t(i)) ^ 0x80000000u)) + 0x1p31;
    double x = double(int32_t(words[i] ^ 0x80000000u)) + 0x1p31;
    double r = x - double(int32_t(x / d)) * d;
    r = r < 0 ? r + d : r;
    r = r >= d ? r - d : r;
    words[i] = uint32_t(int32_t(r - 0x1p31)) ^ 0x80000000u;
  }
  for (; i < n; ++i) words[i] %= divisor - uint32_t(i);
}

// --- bernoulli ----------------------------------------------------------------------------------

// Compared as integers: a 53-bit k has k * 2**-53 < p exactly where k < ceil(p * 2**53).
template <class Bits>
void bernoulli_of(const BernoulliArgs& a) {
  const uint32_t* TL_RESTRICT w = a.words;
  Bits* TL_RESTRICT out = static_cast<Bits*>(a.out);
  const Bits zero = Bits(a.zero), one = Bits(a.one);
  const int64_t limit = int64_t(std::ceil(a.p * 0x1p53));
  for (int64_t i = 0; i < a.n; ++i) {
    int64_t k = int64_t(w[2 * i] & 0x1fffffu) << 32 | w[2 * i + 1];
    out[i] = k < limit ? one : zero;
  }
}
void bernoulli_values_impl(size_t item_size, const BernoulliArgs& a) {
  switch (item_size) {
    case 1:
      return bernoulli_of<uint8_t>(a);
    case 2:
      return bernoulli_of<uint16_t>(a);
    case 4:
      return bernoulli_of<uint32_t>(a);
    default:
      return bernoulli_of<uint64_t>(a);
  }
}

void bernoulli_each_impl(bool is_double, const uint32_t* TL_RESTRICT w, const void* p, uint8_t* TL_RESTRICT out,
                         int64_t n) {
  if (is_double) {
    const double* TL_RESTRICT limit = static_cast<const double*>(p);
    for (int64_t i = 0; i < n; ++i) out[i] = unit_double(w + 2 * i) < limit[i];
  } else {
    const float* TL_RESTRICT limit = static_cast<const float*>(p);
    for (int64_t i = 0; i < n; ++i) out[i] = unit_float(w[i]) < limit[i];
  }
}

// --- others -------------------------------------------------------------------------------------

void draw_doubles_impl(DoubleDraw kind, const uint32_t* TL_RESTRICT w, double* TL_RESTRICT out, int64_t n, double a,
                       double b) {
  if (kind == DoubleDraw::exponential) {
    const double scale = -1 / a;
    for (int64_t i = 0; i < n; ++i) out[i] = scale * log_of(1 - unit_double(w + 2 * i));
  } else if (kind == DoubleDraw::geometric) {
    const double failure = std::log1p(-a);
    for (int64_t i = 0; i < n; ++i) out[i] = std::ceil(log_of(unit_double(w + 2 * i)) / failure);
  } else {
    for (int64_t i = 0; i < n; ++i) {
      double angle = 3.14159265358979323846 * (unit_double(w + 2 * i) - 0.5);
      double s, c;
      sincos_of(angle < 0 ? -angle : angle, s, c);
      double tangent = s / c;
      out[i] = a + b * (angle < 0 ? -tangent : tangent);
    }
  }
}

}  // namespace

TL_KERNEL(random_words, &random_words_impl);
TL_KERNEL(uniform_values, &uniform_values_impl);
TL_KERNEL(normal_groups, &normal_groups_impl);
TL_KERNEL(normal_pairs, &normal_pairs_impl);
TL_KERNEL(random_integers, &random_integers_impl);
TL_KERNEL(falling_remainders, &falling_remainders_impl);
TL_KERNEL(bernoulli_values, &bernoulli_values_impl);
TL_KERNEL(bernoulli_each, &bernoulli_each_impl);
TL_KERNEL(draw_doubles, &draw_doubles_impl);

}  // namespace tl::kernels
