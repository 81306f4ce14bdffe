// Elementary functions of float32 without branches or calls, so that a loop over them becomes vector
// code: within 2 ulp of the exact value (most within 1) over the whole range, subnormals, infinities and
// NaN included; tests/test_pointwise.py measures them. Where one costs little precision is bought by
// computing in double. The double overloads are the C library's.
//
// The polynomials are minimax fits (Remez exchange) of the quotients named beside them.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "kernels/slot.h"

namespace tl::kernels::math {

namespace {

inline constexpr float f_inf = __builtin_inff();
inline constexpr float f_nan = __builtin_nanf("");
inline constexpr double ln2 = 0.693147180559945309417;

template <class T>
TL_ALWAYS_INLINE T horner(T, T c) {
  return c;
}
// c0 + x (c1 + x (…))
template <class T, class... C>
TL_ALWAYS_INLINE T horner(T x, T c0, C... rest) {
  return c0 + x * horner(x, T(rest)...);
}

TL_ALWAYS_INLINE float abs(float x) { return __builtin_fabsf(x); }
TL_ALWAYS_INLINE double abs(double x) { return __builtin_fabs(x); }
TL_ALWAYS_INLINE float copysign(float x, float sign) { return __builtin_copysignf(x, sign); }
TL_ALWAYS_INLINE double copysign(double x, double sign) { return __builtin_copysign(x, sign); }
TL_ALWAYS_INLINE float sqrt(float x) { return __builtin_sqrtf(x); }
TL_ALWAYS_INLINE double sqrt(double x) { return __builtin_sqrt(x); }
TL_ALWAYS_INLINE float rsqrt(float x) { return 1 / __builtin_sqrtf(x); }
TL_ALWAYS_INLINE double rsqrt(double x) { return 1 / __builtin_sqrt(x); }

// 2^n for -126 <= n <= 127, and for doubles -1022 <= n <= 1023.
TL_ALWAYS_INLINE float exp2i(int32_t n) { return std::bit_cast<float>(uint32_t(n + 127) << 23); }
TL_ALWAYS_INLINE double exp2i(int64_t n) { return std::bit_cast<double>(uint64_t(n + 1023) << 52); }

// The nearest integer, as a number and as an int: adding 1.5 * 2^23 leaves no bits for a fraction.
struct Rounded {
  float value;
  int32_t integer;
};
TL_ALWAYS_INLINE Rounded nearest(float x) {
  constexpr float magic = 12582912.0f;
  float t = x + magic;
  return {t - magic, int32_t(std::bit_cast<uint32_t>(t) - std::bit_cast<uint32_t>(magic))};
}
struct RoundedDouble {
  double value;
  int64_t integer;
};
TL_ALWAYS_INLINE RoundedDouble nearest(double x) {
  constexpr double magic = 6755399441055744.0;
  double t = x + magic;
  return {t - magic, int64_t(std::bit_cast<uint64_t>(t) - std::bit_cast<uint64_t>(magic))};
}

// --- exponentials --------------------------------------------------------------------------------

// (e^r - 1 - r) / r^2 for |r| <= ln(2) / 2
TL_ALWAYS_INLINE float exp_quotient(float r) {
  return horner(r, 0.4999999341f, 0.1666652011f, 0.04166839424f, 0.008368780458f, 0.001381446582f);
}
TL_ALWAYS_INLINE double exp_quotient(double r) {
  return horner(r, 0.500000000043031021, 0.16666666785147, 0.0416666643910323605, 0.00833328160253541039,
                0.00138891984250484563, 0.000199090740500612382, 0.0000247080786570527172);
}
// x = n ln(2) + r
TL_ALWAYS_INLINE float reduce_ln2(float x, float n) { return (x - n * 0.693359375f) - n * -2.12194440e-4f; }

TL_ALWAYS_INLINE float exp(float x) {
  float c = x < -104.0f ? -104.0f : x;
  c = c > 89.0f ? 89.0f : c;
  Rounded n = nearest(c * 1.44269504f);
  float r = reduce_ln2(c, n.value);
  float p = 1.0f + (r + r * r * exp_quotient(r));
  int32_t half = n.integer >> 1;  // in two steps: 2^n itself may be out of range
  return p * exp2i(half) * exp2i(n.integer - half);
}
TL_ALWAYS_INLINE double exp(double x) { return std::exp(x); }
// The same where the result is known to be a normal number: -87 <= x <= 88, or NaN.
TL_ALWAYS_INLINE float exp_normal(float x) {
  Rounded n = nearest(x * 1.44269504f);
  float r = reduce_ln2(x, n.value);
  return (1.0f + (r + r * r * exp_quotient(r))) * exp2i(n.integer);
}
TL_ALWAYS_INLINE double exp_normal(double x) { return std::exp(x); }

// e^x to float precision (1e-11), for -700 < x < 700.
TL_ALWAYS_INLINE double exp_wide(double x) {
  double c = x < -700.0 ? -700.0 : x;
  c = c > 700.0 ? 700.0 : c;
  RoundedDouble n = nearest(c * 1.44269504088896340736);
  double r = c - n.value * ln2;
  return (1.0 + (r + r * r * exp_quotient(r))) * exp2i(n.integer);
}

TL_ALWAYS_INLINE float exp2(float x) {
  float c = x < -151.0f ? -151.0f : x;
  c = c > 129.0f ? 129.0f : c;
  Rounded n = nearest(c);
  float r = c - n.value;
  // (2^r - 1) / r for |r| <= 1/2
  float p = 1.0f + r * horner(r, 0.693147203f, 0.240226479f, 0.05550332163f, 0.009618438597f, 0.001339900344f,
                              0.0001535325901f);
  int32_t half = n.integer >> 1;
  return p * exp2i(half) * exp2i(n.integer - half);
}
TL_ALWAYS_INLINE double exp2(double x) { return std::exp2(x); }

TL_ALWAYS_INLINE float expm1(float x) {
  float c = x < -18.0f ? -18.0f : x;
  c = c > 88.8f ? 88.8f : c;
  Rounded n = nearest(c * 1.44269504f);
  float r = reduce_ln2(c, n.value);
  float p = r + r * r * exp_quotient(r);
  float s = exp2i(n.integer - 1);  // half the scale: 2^128 is out of range
  float y = 2.0f * (s * p + (s - 0.5f));
  return abs(x) < 1e-8f ? x : y;  // keeps -0
}
TL_ALWAYS_INLINE double expm1(double x) { return std::expm1(x); }

// --- logarithms ----------------------------------------------------------------------------------

// x = 2^e * m with sqrt(1/2) <= m < sqrt(2), for positive normal x.
TL_ALWAYS_INLINE int32_t log_exponent(float x) { return int32_t(std::bit_cast<uint32_t>(x) - 0x3f3504f3u) >> 23; }
// log(1 + f) + e ln(2) for sqrt(1/2) - 1 <= f < sqrt(2) - 1
TL_ALWAYS_INLINE float log_sum(float f, float e) {
  // (log(1 + f) - f + f^2 / 2) / f^3
  float y = f * f * f *
            horner(f, 0.333333126f, -0.250000096f, 0.2000211866f, -0.1666799584f, 0.1421955242f, -0.1240558915f,
                   0.1188816206f, -0.1167565031f, 0.06746639084f);
  y += e * -2.12194440e-4f;
  y -= 0.5f * f * f;
  return (f + y) + e * 0.693359375f;
}
TL_ALWAYS_INLINE float log_specials(float x, float y) {
  y = x == 0.0f ? -f_inf : y;
  y = x == f_inf ? x : y;
  return x >= 0.0f ? y : f_nan;
}
TL_ALWAYS_INLINE float log(float x) {
  bool small = x < 1.17549435e-38f;
  float c = small ? x * 8388608.0f : x;
  int32_t e = log_exponent(c);
  float m = std::bit_cast<float>(std::bit_cast<uint32_t>(c) - (uint32_t(e) << 23));
  return log_specials(x, log_sum(m - 1.0f, float(e) - (small ? 23.0f : 0.0f)));
}
TL_ALWAYS_INLINE double log(double x) { return std::log(x); }

TL_ALWAYS_INLINE float log1p(float x) {
  float u = 1.0f + x;
  float lost = x - (u - 1.0f);
  lost = abs(x) > 1e9f ? 0.0f : lost;
  int32_t e = log_exponent(u);
  float scale = std::bit_cast<float>(0x3f800000u - (uint32_t(e) << 23));
  scale = e == 128 ? 0.0f : scale;
  float m = std::bit_cast<float>(std::bit_cast<uint32_t>(u) - (uint32_t(e) << 23));
  float y = log_specials(u, log_sum((m - 1.0f) + lost * scale, float(e)));
  return abs(x) < 1e-8f ? x : y;
}
TL_ALWAYS_INLINE double log1p(double x) { return std::log1p(x); }

// log(x) to float precision (1e-11), for positive normal doubles.
TL_ALWAYS_INLINE double log_wide(double x) {
  uint64_t bits = std::bit_cast<uint64_t>(x);
  uint64_t shifted = (bits - 0x3fe6a09e667f3bcdu) >> 52 << 52;  // the exponent e, in place
  double m = std::bit_cast<double>(bits - shifted);
  // e as a double without a conversion from int64, which older vector units lack.
  uint64_t biased = ((shifted >> 52) + 2048) & 4095;
  double e = std::bit_cast<double>(biased | 0x4330000000000000u) - (4503599627370496.0 + 2048.0);
  double f = m - 1.0;
  double p = horner(f, 0.333333333991852509, -0.25000001125731953, 0.199999892601961737, -0.166665324576360928,
                    0.14286179134945121, -0.125057136236191344, 0.111054709700004778, -0.0988938360306369306,
                    0.0904019791400221087, -0.0928695334893631456, 0.091157679063752417, -0.0482261767638796406);
  return (f + f * f * (f * p - 0.5)) + e * ln2;
}
TL_ALWAYS_INLINE float log2(float x) { return log_specials(x, float(log_wide(double(x)) * 1.44269504088896340736)); }
TL_ALWAYS_INLINE double log2(double x) { return std::log2(x); }
TL_ALWAYS_INLINE float log10(float x) { return log_specials(x, float(log_wide(double(x)) * 0.434294481903251827651)); }
TL_ALWAYS_INLINE double log10(double x) { return std::log10(x); }

TL_ALWAYS_INLINE float pow(float a, float b) {
  double l = log_wide(double(abs(a)));
  l = a == 0.0f ? -double(f_inf) : l;
  l = abs(a) == f_inf ? double(f_inf) : l;
  l *= double(b);
  float y = float(exp_wide(l));
  y = l < -200.0 ? 0.0f : y;
  y = l > 200.0 ? f_inf : y;
  float whole = __builtin_floorf(b), half = b * 0.5f;
  bool integer = whole == b;
  bool odd = integer && __builtin_floorf(half) != half && abs(b) < 16777216.0f;
  y = odd ? copysign(y, a) : y;
  y = a < 0.0f && !integer && a != -f_inf ? f_nan : y;
  y = a == -1.0f && abs(b) == f_inf ? 1.0f : y;
  y = a != a || b != b ? f_nan : y;
  return a == 1.0f || b == 0.0f ? 1.0f : y;
}
TL_ALWAYS_INLINE double pow(double a, double b) { return std::pow(a, b); }

// --- sigmoid, tanh and relatives ------------------------------------------------------------------

TL_ALWAYS_INLINE float sigmoid(float x) {
  float e = exp(-abs(x));
  return (x < 0.0f ? e : 1.0f) / (1.0f + e);
}
TL_ALWAYS_INLINE double sigmoid(double x) {
  double e = std::exp(-abs(x));
  return (x < 0.0 ? e : 1.0) / (1.0 + e);
}
TL_ALWAYS_INLINE float tanh(float x) {
  float a = abs(x), z = x * x;
  float c = a > 10.0f ? 10.0f : a;
  float large = 1.0f - 2.0f / (exp_normal(2.0f * c) + 1.0f);
  // (tanh(x) - x) / x^3 for |x| < 0.65
  float small = x + x * z * horner(z, -0.3333325985f, 0.1333083035f, -0.05368802329f, 0.02046942033f, -0.005515164233f);
  return copysign(a < 0.625f ? small : large, x);
}
TL_ALWAYS_INLINE double tanh(double x) { return std::tanh(x); }
// log(1 + e^x)
TL_ALWAYS_INLINE float log1pexp(float x) {
  float y = (x > 0.0f ? x : 0.0f) + log1p(exp(-abs(x)));
  return x != x ? x : y;
}
TL_ALWAYS_INLINE double log1pexp(double x) {
  double y = (x > 0.0 ? x : 0.0) + std::log1p(std::exp(-abs(x)));
  return x != x ? x : y;
}

TL_ALWAYS_INLINE float sinh(float x) {
  double a = double(abs(x)), z = a * a;
  double e = exp_wide(a);
  double large = 0.5 * e - 0.5 / e;
  double small = a * horner(z, 1.0, 1.0 / 6, 1.0 / 120, 1.0 / 5040, 1.0 / 362880);
  return copysign(float(a < 0.5 ? small : large), x);
}
TL_ALWAYS_INLINE double sinh(double x) { return std::sinh(x); }
TL_ALWAYS_INLINE float cosh(float x) {
  double e = exp_wide(double(abs(x)));
  return float(0.5 * e + 0.5 / e);
}
TL_ALWAYS_INLINE double cosh(double x) { return std::cosh(x); }
TL_ALWAYS_INLINE float asinh(float x) {
  double a = double(abs(x)), z = a * a;
  double large = log_wide(a + sqrt(z + 1.0));
  double small = a * horner(z, 1.0, -1.0 / 6, 3.0 / 40);
  double y = a < 0.01 ? small : large;
  y = a <= 3.4028234663852886e38 ? y : a;
  return copysign(float(y), x);
}
TL_ALWAYS_INLINE double asinh(double x) { return std::asinh(x); }
TL_ALWAYS_INLINE float acosh(float x) {
  double a = double(x);
  double y = log_wide(a + sqrt((a - 1.0) * (a + 1.0)));
  y = a == double(f_inf) ? a : y;
  return a >= 1.0 ? float(y) : f_nan;
}
TL_ALWAYS_INLINE double acosh(double x) { return std::acosh(x); }
TL_ALWAYS_INLINE float atanh(float x) {
  double a = double(abs(x)), z = a * a;
  double large = 0.5 * log_wide((1.0 + a) / (1.0 - a));
  double small = a * horner(z, 1.0, 1.0 / 3, 1.0 / 5);
  double y = a < 0.01 ? small : large;
  y = a == 1.0 ? double(f_inf) : y;
  return a <= 1.0 ? copysign(float(y), x) : f_nan;
}
TL_ALWAYS_INLINE double atanh(double x) { return std::atanh(x); }

// --- the error function --------------------------------------------------------------------------

TL_ALWAYS_INLINE float erf(float x) {
  float a = abs(x), z = x * x;
  // erf(x) / x - 1 for |x| <= 1
  float small = x + x * horner(z, 0.1283791671f, -0.3761263843f, 0.1128378197f, -0.02686540005f, 0.005220945445f,
                               -0.0008482829016f, 0.0001125694912f, -9.641519493e-6f);
  // -log(1 - erf(x)) for 1 <= x <= 4
  float c = a > 4.0f ? 4.0f : a;
  float g = horner(c, -0.0001824592365f, 1.129552037f, 0.6332724231f, 0.1083615419f, -0.02517180188f, 0.004190853135f,
                   -0.0004385293896f, 2.144551808e-5f);
  float large = copysign(1.0f - exp_normal(-g), x);
  return x != x ? x : a < 1.0f ? small : large;
}
TL_ALWAYS_INLINE double erf(double x) { return std::erf(x); }
TL_ALWAYS_INLINE float erfc(float x) {
  double a = double(abs(x));
  a = a > 12.0 ? 12.0 : a;
  double t = 1.0 / (1.0 + 0.5 * a);
  // e^(x^2) erfc(x) / t for 0 <= x
  double p = horner(t, 0.282097323294558843, 0.282013319245145459, 0.247991233784049902, 0.166711160591863879,
                    0.135189614596272496, -0.19102968887787265, 0.40695355331860002, -0.826371595616410634,
                    0.796414350979040348, -0.347010084221968021, 0.0200467830948891876, 0.0367213917297153389,
                    -0.00972736207571238711);
  double y = t * p * exp_wide(-a * a);
  y = x < 0.0f ? 2.0 - y : y;
  return x != x ? x : float(y);
}
TL_ALWAYS_INLINE double erfc(double x) { return std::erfc(x); }

// --- trigonometry --------------------------------------------------------------------------------

// sin, cos and tan are for |x| < hard_angle; a loop gives the rest to the C library.
inline constexpr float hard_angle = 1.0e6f;

// x = n pi/2 + r with |r| <= pi/4
struct Angle {
  double r;
  int64_t n;
};
TL_ALWAYS_INLINE Angle reduce_angle(float x) {
  double a = double(x);
  RoundedDouble n = nearest(a * 0.636619772367581343076);
  // pi/2 in pieces of 33 bits: their products with n are exact.
  double r = ((a - n.value * 1.5707963267341256) - n.value * 6.077100506303966e-11) - n.value * 2.0222662487959506e-21;
  return {r, n.integer};
}
TL_ALWAYS_INLINE float sin_kernel(float r) {
  float z = r * r;
  return r + r * z * horner(z, -0.1666666664f, 0.008333329281f, -0.0001983930442f, 2.718046476e-6f);
}
TL_ALWAYS_INLINE float cos_kernel(float r) {
  float z = r * r;
  return 1.0f - 0.5f * z + z * z * horner(z, 0.04166666662f, -0.001388888347f, 2.479945155e-5f, -2.720504586e-7f);
}
TL_ALWAYS_INLINE float sin_or_cos(double r, int64_t quadrant) {
  float s = sin_kernel(float(r)), c = cos_kernel(float(r));
  float y = quadrant & 1 ? c : s;
  return quadrant & 2 ? -y : y;
}
TL_ALWAYS_INLINE float sin(float x) {
  Angle a = reduce_angle(x);
  return x == 0.0f ? x : sin_or_cos(a.r, a.n);
}
TL_ALWAYS_INLINE double sin(double x) { return std::sin(x); }
TL_ALWAYS_INLINE float cos(float x) {
  Angle a = reduce_angle(x);
  return sin_or_cos(a.r, a.n + 1);
}
TL_ALWAYS_INLINE double cos(double x) { return std::cos(x); }
TL_ALWAYS_INLINE float tan(float x) {
  Angle a = reduce_angle(x);
  double z = a.r * a.r;
  double s = a.r + a.r * z *
                       horner(z, -0.166666666666666303, 0.00833333333332200553, -0.000198412698294955117,
                              2.75573135876255453e-6, -2.50507423088762326e-8, 1.58959047957507851e-10);
  double c = 1.0 - 0.5 * z +
             z * z *
                 horner(z, 0.0416666666665958222, -0.00138888888775199362, 0.0000248015806671635152,
                        -2.75555158415331065e-7, 2.06446520101004911e-9);
  bool odd = a.n & 1;
  return x == 0.0f ? x : float((odd ? -c : s) / (odd ? s : c));
}
TL_ALWAYS_INLINE double tan(double x) { return std::tan(x); }

// atan(y / x) for 0 <= y, 0 <= x, to float precision.
TL_ALWAYS_INLINE double atan_quotient(double y, double x) {
  bool steep = y > x;
  double q = (steep ? x : y) / (steep ? y : x);
  double z = q * q;
  // atan(q) / q for q <= 1
  double p = q * horner(z, 0.999999999941237755, -0.333333315712149983, 0.199999120515213522, -0.142839807615752361,
                        0.110932412853963804, -0.0898023925010873785, 0.0724571878637111853, -0.0542791163205017226,
                        0.0342096182561494558, -0.0161116871041682184, 0.00485093596201863618, -0.00068479278733814437);
  return steep ? 1.57079632679489661923 - p : p;
}
TL_ALWAYS_INLINE float atan(float x) { return copysign(float(atan_quotient(double(abs(x)), 1.0)), x); }
TL_ALWAYS_INLINE double atan(double x) { return std::atan(x); }
TL_ALWAYS_INLINE float atan2(float y, float x) {
  double a = double(abs(y)), b = double(abs(x));
  // Quotients that are no numbers: 0 / 0 and inf / inf.
  b = a == 0.0 && b == 0.0 ? 1.0 : b;
  bool diagonal = a == double(f_inf) && b == double(f_inf);
  a = diagonal ? 1.0 : a;
  b = diagonal ? 1.0 : b;
  double angle = atan_quotient(a, b);
  angle = std::bit_cast<int32_t>(x) < 0 ? 3.14159265358979323846 - angle : angle;
  return x != x || y != y ? f_nan : copysign(float(angle), y);
}
TL_ALWAYS_INLINE double atan2(double y, double x) { return std::atan2(y, x); }
TL_ALWAYS_INLINE float asin(float x) {
  double a = double(abs(x));
  return copysign(float(atan_quotient(a, sqrt((1.0 - a) * (1.0 + a)))), x);
}
TL_ALWAYS_INLINE double asin(double x) { return std::asin(x); }
TL_ALWAYS_INLINE float acos(float x) {
  double a = double(abs(x));
  double angle = atan_quotient(sqrt((1.0 - a) * (1.0 + a)), a);
  return float(x < 0.0f ? 3.14159265358979323846 - angle : angle);
}
TL_ALWAYS_INLINE double acos(double x) { return std::acos(x); }

}  // namespace

}  // namespace tl::kernels::math
