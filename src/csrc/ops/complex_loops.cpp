// Pointwise loops over complex128, which complex64 is computed in too.
#include <complex>

#include "ops/pointwise.h"

namespace tl {

namespace {

using C = std::complex<double>;
using kernels::BinaryOp;
using kernels::Loop;

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
C xlogy(C a, C b) { return std::isnan(b.real()) || std::isnan(b.imag()) ? b : a == C(0) ? C(0) : times(a, std::log(b)); }

}  // namespace

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
    case BinaryOp::xlogy:
      return loop2([](C a, C b) { return xlogy(a, b); });
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
