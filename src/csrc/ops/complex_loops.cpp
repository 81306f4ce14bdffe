// Pointwise loops over complex128, which complex64 is computed in too.
#include <complex>

#include "ops/pointwise.h"

namespace tl {

namespace {

using C = std::complex<double>;
using kernels::BinaryOp;
using kernels::Loop;
using kernels::NaryOp;
using kernels::UnaryOp;

template <class F>
void run2(int64_t n, void* const* data) {
  F f;
  using R = decltype(f(C(), C()));
  R* out = static_cast<R*>(data[0]);
  const C *a = static_cast<const C*>(data[1]), *b = static_cast<const C*>(data[2]);
  for (int64_t i = 0; i < n; ++i) out[i] = f(a[i], b[i]);
}

template <class F>
Loop loop2(F) {
  return &run2<F>;
}

template <class F>
Loop loop1(F) {
  return [](int64_t n, void* const* data) {
    F f;
    using R = decltype(f(C()));
    R* out = static_cast<R*>(data[0]);
    const C* a = static_cast<const C*>(data[1]);
    for (int64_t i = 0; i < n; ++i) out[i] = f(a[i]);
  };
}
template <class F>
Loop loop3(F) {
  return [](int64_t n, void* const* data) {
    F f;
    C* out = static_cast<C*>(data[0]);
    const C *a = static_cast<const C*>(data[1]), *b = static_cast<const C*>(data[2]),
            *c = static_cast<const C*>(data[3]);
    for (int64_t i = 0; i < n; ++i) out[i] = f(a[i], b[i], c[i]);
  };
}
template <class F>
Loop loop4(F) {
  return [](int64_t n, void* const* data) {
    F f;
    C* out = static_cast<C*>(data[0]);
    const C *a = static_cast<const C*>(data[1]), *b = static_cast<const C*>(data[2]),
            *c = static_cast<const C*>(data[3]), *d = static_cast<const C*>(data[4]);
    for (int64_t i = 0; i < n; ++i) out[i] = f(a[i], b[i], c[i], d[i]);
  };
}

// Without the recovery of infinities that C prescribes.
C times(C a, C b) { return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()}; }
// Scaled by the larger part of b, so that its square does not overflow.
C quotient(C a, C b) {
  double x = std::abs(b.real()), y = std::abs(b.imag());
  if (x == 0 && y == 0) return {a.real() / x, a.imag() / x};
  if (x >= y) {
    double r = b.imag() / b.real(), d = b.real() + r * b.imag();
    return {(a.real() + a.imag() * r) / d, (a.imag() - a.real() * r) / d};
  }
  double r = b.real() / b.imag(), d = b.imag() + r * b.real();
  return {(a.real() * r + a.imag()) / d, (a.imag() * r - a.real()) / d};
}
C power(C a, C b) {
  if (b == C(0)) return 1;
  if (a == C(0)) return b.real() > 0 && b.imag() == 0 ? C(0) : std::pow(a, b);
  if (b == C(2)) return times(a, a);
  return std::pow(a, b);
}
C multiplied(C a, C b) { return times(a, b); }
C sign(C x) {
  double r = std::abs(x);
  return r == 0 ? C(0) : x / r;
}
C expm1(C x) {
  double s = std::sin(0.5 * x.imag()), e = std::exp(x.real());
  return {std::expm1(x.real()) * std::cos(x.imag()) - 2 * s * s, e * std::sin(x.imag())};
}
C log1p(C x) {
  C u = C(1) + x;
  return u == C(1) ? x : times(std::log(u), quotient(x, u - C(1)));
}
C sinc(C x) {
  C a = x * 3.14159265358979323846;
  return x == C(0) ? C(1) : std::sin(a) / a;
}

// The larger real part outside, as for real numbers.
C logaddexp(C a, C b) {
  if (a.real() < b.real()) std::swap(a, b);
  if (std::isinf(a.real())) return a;
  return a + log1p(std::exp(b - a));
}
C nan_to_num(C x, C nan, C high, C low) {
  auto fix = [&](double v) {
    return std::isnan(v) ? nan.real() : std::isinf(v) ? (v > 0 ? high.real() : low.real()) : v;
  };
  return {fix(x.real()), fix(x.imag())};
}

// The loop of an entry of the table, none where it has no complex expression.
template <class F>
Loop entry(F) {
  if constexpr (std::is_same_v<decltype(F()(C())), kernels::NoLoop>) {
    return nullptr;
  } else {
    return loop1(F());
  }
}

}  // namespace

Loop complex_loop(UnaryOp op) {
  switch (op) {
#define TL_UNARY(name, loops, style, real, complex, ...) \
  case UnaryOp::name:                                    \
    return entry([]([[maybe_unused]] C x) { return complex; });
#include "kernels/unary_table.h"
#undef TL_UNARY
    default:
      return nullptr;
  }
}

Loop complex_loop(NaryOp op) {
  switch (op) {
    case NaryOp::add_scaled:
      return loop3([](C a, C b, C s) { return a + times(s, b); });
    case NaryOp::where:
      return loop3([](C a, C b, C c) { return a != C(0) ? b : c; });
    case NaryOp::lerp:
      return loop3([](C a, C b, C w) { return std::abs(w) < 0.5 ? a + w * (b - a) : b - (b - a) * (C(1) - w); });
    case NaryOp::addcmul:
      return loop4([](C a, C b, C c, C d) { return a + times(times(d, b), c); });
    case NaryOp::addcdiv:
      return loop4([](C a, C b, C c, C d) { return a + times(d, quotient(b, c)); });
    case NaryOp::nan_to_num:
      return loop4([](C x, C nan, C high, C low) { return nan_to_num(x, nan, high, low); });
    default:
      return nullptr;
  }
}

Loop complex_loop(BinaryOp op) {
  switch (op) {
    case BinaryOp::add:
      return loop2([](C a, C b) { return a + b; });
    case BinaryOp::sub:
      return loop2([](C a, C b) { return a - b; });
    case BinaryOp::mul:
      return loop2([](C a, C b) { return times(a, b); });
    case BinaryOp::div:
      return loop2([](C a, C b) { return quotient(a, b); });
    case BinaryOp::pow:
      return loop2([](C a, C b) { return power(a, b); });
    case BinaryOp::logaddexp:
      return loop2([](C a, C b) { return logaddexp(a, b); });
    case BinaryOp::ldexp:
      return loop2([](C a, C b) { return times(a, std::exp(b * 0.693147180559945309417)); });
    case BinaryOp::eq:
      return loop2([](C a, C b) { return a == b; });
    case BinaryOp::ne:
      return loop2([](C a, C b) { return a != b; });
    case BinaryOp::logical_and:
      return loop2([](C a, C b) { return a != C(0) && b != C(0); });
    case BinaryOp::logical_or:
      return loop2([](C a, C b) { return a != C(0) || b != C(0); });
    case BinaryOp::logical_xor:
      return loop2([](C a, C b) { return (a != C(0)) != (b != C(0)); });
    default:
      return nullptr;
  }
}

}  // namespace tl
