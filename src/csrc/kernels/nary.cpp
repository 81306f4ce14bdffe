#include "kernels/nary.h"

#include "kernels/activation_math.h"
#include "kernels/loops.h"

namespace tl::kernels {

namespace {

TL_ALWAYS_INLINE int64_t product(int64_t a, int64_t b) { return int64_t(uint64_t(a) * uint64_t(b)); }
TL_ALWAYS_INLINE int64_t sum(int64_t a, int64_t b) { return int64_t(uint64_t(a) + uint64_t(b)); }
TL_ALWAYS_INLINE float product(float a, float b) { return a * b; }
TL_ALWAYS_INLINE float sum(float a, float b) { return a + b; }
TL_ALWAYS_INLINE double product(double a, double b) { return a * b; }
TL_ALWAYS_INLINE double sum(double a, double b) { return a + b; }

template <class T>
TL_ALWAYS_INLINE T clamp(T x, T low, T high) {
  T c = x < low || low != low ? low : x;
  return c > high || high != high ? high : c;
}
// From the nearer end, so that both are reached exactly.
template <class T>
TL_ALWAYS_INLINE T lerp(T a, T b, T w) {
  T step = b - a;
  return math::abs(w) < T(0.5) ? a + w * step : b - step * (T(1) - w);
}
template <class T>
TL_ALWAYS_INLINE T elu(T x, T a, T scale, T input_scale) {
  T low = math::expm1(x * input_scale) * a;
  return x > T(0) || x != x ? x * scale : low;
}
template <class T>
TL_ALWAYS_INLINE T elu_backward(T g, T x, T a, T scale, T input_scale) {
  T low = g * input_scale * a * math::exp(x * input_scale);
  return x > T(0) || x != x ? g * scale : low;
}
template <class T>
TL_ALWAYS_INLINE T softplus(T x, T beta, T threshold) {
  return x * beta > threshold ? x : math::log1pexp(x * beta) / beta;
}
template <class T>
TL_ALWAYS_INLINE T nan_to_num(T x, T nan, T high, T low) {
  T inf = T(__builtin_inf());
  return x != x ? nan : x == inf ? high : x == -inf ? low : x;
}

// --- the table: op, loops, style, number of operands, expression -----------------------------------

#define TL_NARY_TABLE(X)                                                                            \
  X(tanh_backward, real, plain, 2, a*(T(1) - b * b))                                                \
  X(sigmoid_backward, real, plain, 2, a*(T(1) - b) * b)                                             \
  X(gelu_backward, real, wide, 2, a* gelu_slope(b))                                                 \
  X(gelu_tanh_backward, real, wide, 2, a* gelu_tanh_slope(b))                                       \
  X(silu_backward, real, wide, 2, a* silu_slope(b))                                                 \
  X(mish_backward, real, wide, 2, a* mish_slope(b))                                                 \
  X(logsigmoid_backward, real, wide, 2, a* math::sigmoid(-b))                                       \
  X(hardsigmoid_backward, real, plain, 2, b > T(-3) && b < T(3) ? a / T(6) : T(0))                  \
  X(hardswish_backward, real, plain, 2, b <= T(-3) ? T(0) : b < T(3) ? a * (b / T(3) + T(0.5)) : a) \
  X(leaky_relu, real, plain, 2, a > T(0) ? a : a * b)                                               \
  X(hardshrink, real, plain, 2, a >= -b && a <= b ? T(0) : a)                                       \
  X(softshrink, real, plain, 2, a > b ? a - b : a < -b ? a + b : a * T(0))                          \
  X(add_scaled, all, plain, 3, sum(a, product(c, b)))                                               \
  X(where, all, plain, 3, a != 0 ? b : c)                                                           \
  X(clamp, all, plain, 3, clamp(a, b, c))                                                           \
  X(lerp, real, plain, 3, lerp(a, b, c))                                                            \
  X(threshold, all, plain, 3, a <= b ? c : a)                                                       \
  X(threshold_backward, all, plain, 3, b <= c ? T(0) : a)                                           \
  X(leaky_relu_backward, real, plain, 3, b > T(0) ? a : a * c)                                      \
  X(shrink_backward, real, plain, 3, b >= -c && b <= c ? T(0) : a)                                  \
  X(softplus, real, wide, 3, softplus(a, b, c))                                                     \
  X(addcmul, all, plain, 4, sum(a, product(product(d, b), c)))                                      \
  X(addcdiv, real, plain, 4, a + d * (b / c))                                                       \
  X(inside_backward, real, plain, 4, b > c && b < d ? a : T(0))                                     \
  X(softplus_backward, real, wide, 4, b* c > d ? a : a * math::sigmoid(b * c))                      \
  X(elu, real, wide, 4, elu(a, b, c, d))                                                            \
  X(elu_backward, real, wide, 5, elu_backward(a, b, c, d, e))                                       \
  X(nan_to_num, real, plain, 4, nan_to_num(a, b, c, d))

#define TL_DEFINE(name, loops, style, inputs, ...)                                                     \
  struct name##_expression {                                                                           \
    template <class T>                                                                                 \
    TL_ALWAYS_INLINE auto call([[maybe_unused]] T a, [[maybe_unused]] T b, [[maybe_unused]] T c = T(), \
                               [[maybe_unused]] T d = T(), [[maybe_unused]] T e = T()) {               \
      return __VA_ARGS__;                                                                              \
    }                                                                                                  \
  };
TL_NARY_TABLE(TL_DEFINE)
#undef TL_DEFINE

struct NamedRow {
  NaryOp op;
  Row row;
};
constexpr NamedRow rows[] = {
#define TL_ROW(name, loops, style, inputs, ...) {NaryOp::name, row<name##_expression, Same, loops, style, inputs>()},
    TL_NARY_TABLE(TL_ROW)
#undef TL_ROW
};
constexpr bool in_order() {
  int i = 0;
  for (const NamedRow& r : rows) {
    if (int(r.op) != i++) return false;
  }
  return true;
}
static_assert(in_order(), "the rows follow the order of NaryOp");

Loop find(NaryOp op, Compute compute) {
  return compute == Compute::c128 ? nullptr : rows[int(op)].row.loops[int(compute)];
}

}  // namespace

TL_KERNEL(nary_loop, &find);

}  // namespace tl::kernels
