// Special functions in double precision: loops that gain nothing from vectors, compiled once.
#include <cmath>

#include "autograd/record.h"
#include "ops/pointwise.h"

namespace tl {

namespace {

using kernels::Compute;
using kernels::Loop;
using kernels::UnaryOp;

constexpr double pi = 3.14159265358979323846;
constexpr double infinity = __builtin_inf(), not_a_number = __builtin_nan("");

// The Bernoulli numbers B2, B4, …, B14.
constexpr double bernoulli[] = {1.0 / 6, -1.0 / 30, 1.0 / 42, -1.0 / 30, 5.0 / 66, -691.0 / 2730, 7.0 / 6};

double log_gamma(double x) {
#if defined(__GLIBC__) || defined(__APPLE__)
  int sign;
  return ::lgamma_r(x, &sign);  // lgamma writes a global
#else
  return std::lgamma(x);
#endif
}

double digamma_of(double x) {
  if (x == 0) return std::copysign(infinity, -x);
  double reflected = 0;
  if (x < 0) {
    if (x == std::floor(x)) return not_a_number;
    reflected = -pi / std::tan(pi * (x - std::trunc(x)));  // which is exact near zero
    x = 1 - x;
  }
  double sum = 0;
  for (; x < 10; x += 1) sum -= 1 / x;
  double inverse = 1 / x, square = inverse * inverse, power = square;
  sum += std::log(x) - 0.5 * inverse;
  for (int k = 0; k < 7; ++k, power *= square) sum -= bernoulli[k] / (2 * k + 2) * power;
  return sum + reflected;
}

// Hurwitz's zeta: the sum of (q + k)^-s over k, by Euler and Maclaurin; s is an integer above 1.
double zeta(double s, double q) {
  if (q <= 0 && q == std::floor(q)) return infinity;
  if (q < -1e6) return not_a_number;
  double sum = 0;
  for (; q < 12; q += 1) sum += std::pow(q, -s);
  double tail = std::pow(q, -s);
  sum += tail * (q / (s - 1) + 0.5);
  double factor = s, term = tail / q;
  double factorial = 2;
  for (int k = 0; k < 7; ++k) {
    sum += bernoulli[k] / factorial * factor * term;
    factor *= (s + 2 * k + 1) * (s + 2 * k + 2);
    factorial *= (2 * k + 3) * (2 * k + 4);
    term /= q * q;
  }
  return sum;
}

double erfinv_of(double y) {
  double a = std::abs(y);
  if (!(a < 1)) return a == 1 ? std::copysign(infinity, y) : not_a_number;
  if (y == 0) return y;
  // A guess good to three digits, and Halley's steps, which triple them.
  double l = std::log1p(-a * a), c = 2 / (pi * 0.147) + 0.5 * l;
  double x = std::sqrt(std::sqrt(c * c - l / 0.147) - c);
  for (int i = 0; i < 2; ++i) {
    double error = a > 0.5 ? (1 - a) - std::erfc(x) : std::erf(x) - a;
    double step = error / (2 / std::sqrt(pi) * std::exp(-x * x));
    x -= step / (1 + x * step);
  }
  return std::copysign(x, y);
}

template <class T, double (*f)(double)>
void run(int64_t n, void* const* data) {
  T* out = static_cast<T*>(data[0]);
  const T* in = static_cast<const T*>(data[1]);
  for (int64_t i = 0; i < n; ++i) out[i] = T(f(double(in[i])));
}
template <double (*f)(double)>
Loop of(Compute compute) {
  return compute == Compute::f32 ? &run<float, f> : compute == Compute::f64 ? &run<double, f> : nullptr;
}

// data: out, x, and the order n.
template <class T>
void polygamma_loop(int64_t count, void* const* data) {
  T* out = static_cast<T*>(data[0]);
  const T *in = static_cast<const T*>(data[1]), *order = static_cast<const T*>(data[2]);
  for (int64_t i = 0; i < count; ++i) {
    double n = double(order[i]);
    double v = std::exp(log_gamma(n + 1)) * zeta(n + 1, double(in[i]));
    out[i] = T(std::fmod(n, 2) == 0 ? -v : v);
  }
}

}  // namespace

Loop special_loop(UnaryOp op, Compute compute) {
  switch (op) {
    case UnaryOp::erfinv:
      return of<erfinv_of>(compute);
    case UnaryOp::lgamma:
      return of<log_gamma>(compute);
    case UnaryOp::digamma:
      return of<digamma_of>(compute);
    default:
      return nullptr;
  }
}

Tensor polygamma(int64_t n, const Tensor& self) {
  TL_CHECK(n >= 0, "polygamma(n, x) does not support negative n.");
  if (n == 0) return digamma(self);
  DType common = floating_result(self.dtype());
  if (is_complex(common)) not_implemented("polygamma", common);
  Loop loop = common == DType::Float64 ? &polygamma_loop<double> : &polygamma_loop<float>;
  Tensor out = pointwise({"polygamma", loop, common, common, Cost::heavy}, {self, Scalar(n)});
  if (needs_grad(self)) {
    record(out, "PolygammaBackward0:self", inputs(self), saves(self),
           [n](Backward& b) { b[0] = mul(b.grad(), polygamma(n + 1, b.saved(0))); });
  }
  return out;
}

}  // namespace tl
