#include "kernels/unary.h"

#include <cmath>

#include "kernels/activation_math.h"
#include "kernels/loops.h"
#include "kernels/math.h"

namespace tl::kernels {

namespace {

TL_ALWAYS_INLINE float absolute(float x) { return math::abs(x); }
TL_ALWAYS_INLINE double absolute(double x) { return math::abs(x); }
TL_ALWAYS_INLINE int64_t negated(int64_t x) { return int64_t(0 - uint64_t(x)); }
TL_ALWAYS_INLINE float negated(float x) { return -x; }
TL_ALWAYS_INLINE double negated(double x) { return -x; }
TL_ALWAYS_INLINE int64_t absolute(int64_t x) { return x < 0 ? negated(x) : x; }
template <class T>
TL_ALWAYS_INLINE T sign(T x) {
  return T(x > 0) - T(x < 0);
}
TL_ALWAYS_INLINE bool signbit(float x) { return std::bit_cast<int32_t>(x) < 0; }
TL_ALWAYS_INLINE bool signbit(double x) { return std::bit_cast<int64_t>(x) < 0; }
TL_ALWAYS_INLINE bool signbit(int64_t x) { return x < 0; }
TL_ALWAYS_INLINE float multiplied(float a, float b) { return a * b; }
TL_ALWAYS_INLINE double multiplied(double a, double b) { return a * b; }
TL_ALWAYS_INLINE int64_t multiplied(int64_t a, int64_t b) { return int64_t(uint64_t(a) * uint64_t(b)); }
TL_ALWAYS_INLINE bool is_infinite(float x) { return math::abs(x) == __builtin_inff(); }
TL_ALWAYS_INLINE bool is_infinite(double x) { return math::abs(x) == __builtin_inf(); }
TL_ALWAYS_INLINE bool is_infinite(int64_t) { return false; }
TL_ALWAYS_INLINE bool is_finite(float x) { return math::abs(x) < __builtin_inff(); }
TL_ALWAYS_INLINE bool is_finite(double x) { return math::abs(x) < __builtin_inf(); }
TL_ALWAYS_INLINE bool is_finite(int64_t) { return true; }
template <class T>
TL_ALWAYS_INLINE T angle(T x) {
  return x != x ? x : x < 0 ? T(3.14159265358979323846) : T(0);
}
template <class T>
TL_ALWAYS_INLINE T sinc(T x) {
  T a = x * T(3.14159265358979323846);
  return x == 0 ? T(1) : T(std::sin(a)) / a;
}

// --- the loops of the table ------------------------------------------------------------------------

#define TL_UNARY(name, loops, style, expression, ...)  \
  struct name##_expression {                           \
    template <class T>                                 \
    TL_ALWAYS_INLINE auto call([[maybe_unused]] T x) { \
      return expression;                               \
    }                                                  \
  };
#include "kernels/unary_table.h"
#undef TL_UNARY

// sin, cos, tan: what their reduction does not reach goes to the C library.
template <class F>
void angle_loop(int64_t n, void* const* data) {
  const float* in = static_cast<const float*>(data[1]);
  bool hard = false;
  for (int64_t i = 0; i < n; ++i) hard |= !(math::abs(in[i]) < math::hard_angle);
  if (!hard) [[likely]] {
    wide_loop<F, float, float, 1>(n, data);
    return;
  }
  float* out = static_cast<float*>(data[0]);
  for (int64_t i = 0; i < n; ++i) {
    out[i] = math::abs(in[i]) < math::hard_angle ? F::call(in[i]) : float(F::call(double(in[i])));
  }
}

constexpr Row rows[] = {
#define TL_UNARY(name, loops, style, expression, complex, kind, ...) \
  row<name##_expression, std::conditional_t<UnaryKind::kind == UnaryKind::predicate, bool, Same>, loops, style, 1>(),
#include "kernels/unary_table.h"
#undef TL_UNARY
};

Loop find(UnaryOp op, Compute compute) {
  if (compute == Compute::c128) return nullptr;
  if (compute == Compute::f32) {
    if (op == UnaryOp::sin) return &angle_loop<sin_expression>;
    if (op == UnaryOp::cos) return &angle_loop<cos_expression>;
    if (op == UnaryOp::tan) return &angle_loop<tan_expression>;
  }
  return rows[int(op)].loops[int(compute)];
}

}  // namespace

TL_KERNEL(unary_loop, &find);

}  // namespace tl::kernels
