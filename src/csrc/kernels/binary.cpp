#include "kernels/binary.h"

#include <cmath>

#include "kernels/loops.h"
#include "kernels/math.h"

namespace tl::kernels {

namespace {

// --- what the expressions below use -------------------------------------------------------------

TL_ALWAYS_INLINE float add(float a, float b) { return a + b; }
TL_ALWAYS_INLINE double add(double a, double b) { return a + b; }
TL_ALWAYS_INLINE int64_t add(int64_t a, int64_t b) { return int64_t(uint64_t(a) + uint64_t(b)); }
TL_ALWAYS_INLINE float sub(float a, float b) { return a - b; }
TL_ALWAYS_INLINE double sub(double a, double b) { return a - b; }
TL_ALWAYS_INLINE int64_t sub(int64_t a, int64_t b) { return int64_t(uint64_t(a) - uint64_t(b)); }
TL_ALWAYS_INLINE float mul(float a, float b) { return a * b; }
TL_ALWAYS_INLINE double mul(double a, double b) { return a * b; }
TL_ALWAYS_INLINE int64_t mul(int64_t a, int64_t b) { return int64_t(uint64_t(a) * uint64_t(b)); }

// Division that wraps where it overflows; the divisor is not zero.
TL_ALWAYS_INLINE int64_t div_trunc(int64_t a, int64_t b) { return b == -1 ? sub(int64_t(0), a) : a / b; }
template <class T>
TL_ALWAYS_INLINE T div_trunc(T a, T b) {
  return std::trunc(a / b);
}
TL_ALWAYS_INLINE int64_t fmod(int64_t a, int64_t b) { return b == -1 ? 0 : a % b; }
TL_ALWAYS_INLINE float fmod(float a, float b) { return std::fmod(a, b); }
TL_ALWAYS_INLINE double fmod(double a, double b) { return std::fmod(a, b); }
// The sign of the divisor.
TL_ALWAYS_INLINE int64_t remainder(int64_t a, int64_t b) {
  int64_t r = fmod(a, b);
  return r != 0 && (r ^ b) < 0 ? r + b : r;
}
template <class T>
TL_ALWAYS_INLINE T remainder(T a, T b) {
  T r = fmod(a, b);
  return r != 0 && (b < 0) != (r < 0) ? r + b : r;
}
TL_ALWAYS_INLINE int64_t div_floor(int64_t a, int64_t b) {
  int64_t q = div_trunc(a, b);
  return fmod(a, b) != 0 && (a ^ b) < 0 ? q - 1 : q;
}
// The floor of the exact quotient, not of the rounded one.
template <class T>
TL_ALWAYS_INLINE T div_floor(T a, T b) {
  T r = fmod(a, b);
  T q = (a - r) / b;
  q = r != 0 && (b < 0) != (r < 0) ? q - 1 : q;
  T down = std::floor(q);
  down = q - down > T(0.5) ? down + 1 : down;
  down = q == 0 ? std::copysign(T(0), a / b) : down;
  return b == 0 ? a / b : down;
}

TL_ALWAYS_INLINE int64_t pow(int64_t base, int64_t exponent) {
  if (exponent < 0) return base == 1 ? 1 : base == -1 ? (exponent & 1 ? -1 : 1) : 0;
  uint64_t result = 1, square = uint64_t(base);
  for (; exponent != 0; exponent >>= 1) {
    if (exponent & 1) result *= square;
    square *= square;
  }
  return int64_t(result);
}
TL_ALWAYS_INLINE double pow(double a, double b) { return std::pow(a, b); }
TL_ALWAYS_INLINE float pow(float a, float b) { return math::pow(a, b); }

// NaN on either side wins.
template <class T>
TL_ALWAYS_INLINE T maximum(T a, T b) {
  return a != a || a > b ? a : b;
}
template <class T>
TL_ALWAYS_INLINE T minimum(T a, T b) {
  return a != a || a < b ? a : b;
}
// A number on either side wins.
template <class T>
TL_ALWAYS_INLINE T fmax(T a, T b) {
  return b != b || a > b ? a : b;
}
template <class T>
TL_ALWAYS_INLINE T fmin(T a, T b) {
  return b != b || a < b ? a : b;
}

template <class T>
TL_ALWAYS_INLINE T logaddexp(T a, T b) {
  T high = a > b ? a : b, low = a > b ? b : a;
  T sum = high + math::log1p(math::exp(low - high));
  // Equal infinities, whose difference is no number; and NaN.
  sum = a == b ? a + T(0.693147180559945309417) : sum;
  return a != a ? a : b != b ? b : sum;
}
template <class T>
TL_ALWAYS_INLINE T logaddexp2(T a, T b) {
  T high = a > b ? a : b, low = a > b ? b : a;
  T sum = high + math::log1p(math::exp2(low - high)) * T(1.44269504088896340736);
  sum = a == b ? a + T(1) : sum;
  return a != a ? a : b != b ? b : sum;
}
template <class T>
TL_ALWAYS_INLINE T xlogy(T a, T b) {
  T v = a * math::log(b);
  return b != b ? b : a == 0 ? T(0) : v;
}
template <class T>
TL_ALWAYS_INLINE T hypot(T a, T b) {
  return std::hypot(a, b);
}
template <class T>
TL_ALWAYS_INLINE T ldexp(T a, T b) {
  return a * math::exp2(b);
}
template <class T>
TL_ALWAYS_INLINE T heaviside(T a, T b) {
  return a == 0 ? b : a != a ? a : T(a > 0);
}

TL_ALWAYS_INLINE int64_t shift_left(int64_t a, int64_t b) {
  return b < 0 || b > 63 ? 0 : int64_t(uint64_t(a) << (b & 63));
}
TL_ALWAYS_INLINE int64_t shift_right(int64_t a, int64_t b) { return a >> (b < 0 || b > 63 ? 63 : b); }
TL_ALWAYS_INLINE int64_t gcd(int64_t a, int64_t b) {
  uint64_t x = a < 0 ? 0 - uint64_t(a) : uint64_t(a), y = b < 0 ? 0 - uint64_t(b) : uint64_t(b);
  while (y != 0) {
    uint64_t r = x % y;
    x = y;
    y = r;
  }
  return int64_t(x);
}
TL_ALWAYS_INLINE int64_t lcm(int64_t a, int64_t b) {
  int64_t g = gcd(a, b);
  int64_t v = g == 0 ? 0 : mul(a / g, b);
  return v < 0 ? sub(int64_t(0), v) : v;
}

// --- the table: op, loops, result, expression -----------------------------------------------------

using Bool = bool;

#define TL_BINARY_TABLE(X)                               \
  X(add, all, plain, Same, add(a, b))                    \
  X(sub, all, plain, Same, sub(a, b))                    \
  X(mul, all, plain, Same, mul(a, b))                    \
  X(div, real, plain, Same, a / b)                       \
  X(div_trunc, all, plain, Same, div_trunc(a, b))        \
  X(div_floor, all, plain, Same, div_floor(a, b))        \
  X(remainder, all, plain, Same, remainder(a, b))        \
  X(fmod, all, plain, Same, fmod(a, b))                  \
  X(pow, all, wide, Same, pow(a, b))                     \
  X(atan2, real, wide, Same, math::atan2(a, b))          \
  X(maximum, all, plain, Same, maximum(a, b))            \
  X(minimum, all, plain, Same, minimum(a, b))            \
  X(fmax, all, plain, Same, fmax(a, b))                  \
  X(fmin, all, plain, Same, fmin(a, b))                  \
  X(hypot, real, plain, Same, hypot(a, b))               \
  X(logaddexp, real, wide, Same, logaddexp(a, b))        \
  X(logaddexp2, real, wide, Same, logaddexp2(a, b))      \
  X(xlogy, real, wide, Same, xlogy(a, b))                \
  X(copysign, real, plain, Same, std::copysign(a, b))    \
  X(nextafter, real, plain, Same, std::nextafter(a, b))  \
  X(ldexp, real, wide, Same, ldexp(a, b))                \
  X(heaviside, all, plain, Same, heaviside(a, b))        \
  X(eq, all, plain, Bool, a == b)                        \
  X(ne, all, plain, Bool, a != b)                        \
  X(lt, all, plain, Bool, a < b)                         \
  X(le, all, plain, Bool, a <= b)                        \
  X(gt, all, plain, Bool, a > b)                         \
  X(ge, all, plain, Bool, a >= b)                        \
  X(logical_and, all, plain, Bool, (a != 0) & (b != 0))  \
  X(logical_or, all, plain, Bool, (a != 0) | (b != 0))   \
  X(logical_xor, all, plain, Bool, (a != 0) != (b != 0)) \
  X(bitwise_and, ints, plain, Same, a& b)                \
  X(bitwise_or, ints, plain, Same, a | b)                \
  X(bitwise_xor, ints, plain, Same, a ^ b)               \
  X(shift_left, ints, plain, Same, shift_left(a, b))     \
  X(shift_right, ints, plain, Same, shift_right(a, b))   \
  X(gcd, ints, plain, Same, gcd(a, b))                   \
  X(lcm, ints, plain, Same, lcm(a, b))

#define TL_DEFINE(name, loops, style, result, ...) \
  struct name##_expression {                       \
    template <class T>                             \
    TL_ALWAYS_INLINE auto call(T a, T b) {         \
      return __VA_ARGS__;                          \
    }                                              \
  };
TL_BINARY_TABLE(TL_DEFINE)
#undef TL_DEFINE

struct NamedRow {
  BinaryOp op;
  Row row;
};
constexpr NamedRow rows[] = {
#define TL_ROW(name, loops, style, result, ...) {BinaryOp::name, row<name##_expression, result, loops, style, 2>()},
    TL_BINARY_TABLE(TL_ROW)
#undef TL_ROW
};
constexpr bool in_order() {
  int i = 0;
  for (const NamedRow& r : rows) {
    if (int(r.op) != i++) return false;
  }
  return true;
}
static_assert(in_order(), "the rows follow the order of BinaryOp");

Loop find(BinaryOp op, Compute compute) {
  return compute == Compute::c128 ? nullptr : rows[int(op)].row.loops[int(compute)];
}

}  // namespace

TL_KERNEL(binary_loop, &find);

}  // namespace tl::kernels
