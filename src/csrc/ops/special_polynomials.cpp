// Orthogonal polynomials of degree n at x, by their recurrences (Abramowitz and Stegun, 1964, ch. 22).
#include <cmath>

#include "ops/special.h"

namespace tl {

namespace {

constexpr double not_a_number = __builtin_nan("");

// p0 = 1, p1, p(k+1) = next(k, pk, p(k-1))
template <class Next>
double recurrence(int64_t n, double p1, Next next) {
  // Far beyond what its rounding errors leave of it.
  if (n > 200000) return not_a_number;
  double before = 1, now = p1;
  for (int64_t k = 1; k < n; ++k) {
    const double after = next(double(k), now, before);
    before = now;
    now = after;
    if (!std::isfinite(now)) break;
  }
  return n == 0 ? 1 : now;
}
double alternating(int64_t n, double even) { return n % 2 == 0 ? even : -even; }

double chebyshev_t(double x, double degree) {
  const int64_t n = convert<int64_t>(degree);
  if (n < 0) return 0;
  if (std::fabs(x) == 1) return x > 0 || n % 2 == 0 ? 1 : -1;
  if (n > 6 && std::fabs(x) < 1) return std::cos(double(n) * std::acos(x));
  return recurrence(n, x, [x](double, double p, double q) { return 2 * x * p - q; });
}
double chebyshev_u(double x, double degree) {
  const int64_t n = convert<int64_t>(degree);
  if (n < 0) return 0;
  if (std::fabs(x) == 1) return x > 0 || n % 2 == 0 ? double(n + 1) : -double(n + 1);
  if (n > 8 && std::fabs(x) < 1) {
    const double angle = std::acos(x), s = std::sin(angle);
    if (s != 0) return std::sin(double(n + 1) * angle) / s;
    return double(n + 1) * std::cos(double(n + 1) * angle) / x;
  }
  return recurrence(n, 2 * x, [x](double, double p, double q) { return 2 * x * p - q; });
}
double chebyshev_v(double x, double degree) {
  const int64_t n = convert<int64_t>(degree);
  if (n < 0) return 0;
  if (std::fabs(x) == 1) return x > 0 ? 1 : alternating(n, double(2 * n + 1));
  if (n > 8 && std::fabs(x) < 1) {
    const double angle = std::acos(x);
    if (std::sin(0.5 * angle) != 1) return std::cos((double(n) + 0.5) * angle) / std::cos(0.5 * angle);
    return alternating(n, double(2 * n + 1));
  }
  return recurrence(n, 2 * x - 1, [x](double, double p, double q) { return 2 * x * p - q; });
}
double chebyshev_w(double x, double degree) {
  const int64_t n = convert<int64_t>(degree);
  if (n < 0) return 0;
  if (std::fabs(x) == 1) return x > 0 ? double(2 * n + 1) : alternating(n, 1);
  if (n > 8 && std::fabs(x) < 1) {
    const double angle = std::acos(x);
    if (std::cos(0.5 * angle) != 1) return std::sin((double(n) + 0.5) * angle) / std::sin(0.5 * angle);
    return x > 0 ? double(2 * n + 1) : alternating(n, 1);
  }
  return recurrence(n, 2 * x + 1, [x](double, double p, double q) { return 2 * x * p - q; });
}
double shifted_t(double x, double n) { return chebyshev_t(2 * x - 1, n); }
double shifted_u(double x, double n) { return chebyshev_u(2 * x - 1, n); }
double shifted_v(double x, double n) { return chebyshev_v(2 * x - 1, n); }
double shifted_w(double x, double n) { return chebyshev_w(2 * x - 1, n); }

double hermite_h(double x, double degree) {
  const int64_t n = convert<int64_t>(degree);
  if (n < 0) return 0;
  if (n > 512) return not_a_number;
  return recurrence(n, 2 * x, [x](double k, double p, double q) { return 2 * x * p - 2 * k * q; });
}
double hermite_he(double x, double degree) {
  const int64_t n = convert<int64_t>(degree);
  if (n < 0) return 0;
  if (n > 512) return not_a_number;
  return recurrence(n, x, [x](double k, double p, double q) { return x * p - k * q; });
}
double laguerre(double x, double degree) {
  const int64_t n = convert<int64_t>(degree);
  if (n < 0) return 0;
  if (x == 0) return 1;
  return recurrence(n, 1 - x, [x](double k, double p, double q) { return ((2 * k + 1 - x) * p - k * q) / (k + 1); });
}
double legendre(double x, double degree) {
  const int64_t n = convert<int64_t>(degree);
  if (n < 0) return 0;
  if (std::fabs(x) == 1) return x > 0 || n % 2 == 0 ? 1 : -1;
  return recurrence(n, x, [x](double k, double p, double q) { return ((2 * k + 1) * x * p - k * q) / (k + 1); });
}

template <double (*f)(double, double)>
Tensor polynomial(const Tensor& x, const Tensor& n) {
  Tensor out = special_binary<f>("polynomial", x, n);
  if (needs_grad(x, n)) record(out, "PolynomialBackward0", inputs(x, n), saves(), no_derivative("special polynomials"));
  return out;
}

constexpr uint32_t flags = op::internal | op::out | op::nondifferentiable;
#define TL_POLYNOMIAL(name, f, doc)                                                                             \
  {"special_" name "(Operand x, Operand n) -> Tensor", TL_OP(polynomial<f>), flags, doc,                        \
   "rand(3, 4), 3 | 2 * rand(4, 3).t(), tensor([0.0, 1.0, 2.0, 9.0]) | 0.5, tensor([1, 2, 12]) | rand(0), 2 | " \
   "tensor([1, "                                                                                                \
   "-1, 0]), tensor([3, 4, 5])"}
const OpRecord records[] = {
    TL_POLYNOMIAL("chebyshev_polynomial_t", chebyshev_t, "Chebyshev's polynomial of the first kind of degree n."),
    TL_POLYNOMIAL("chebyshev_polynomial_u", chebyshev_u, "Chebyshev's polynomial of the second kind of degree n."),
    TL_POLYNOMIAL("chebyshev_polynomial_v", chebyshev_v, "Chebyshev's polynomial of the third kind of degree n."),
    TL_POLYNOMIAL("chebyshev_polynomial_w", chebyshev_w, "Chebyshev's polynomial of the fourth kind of degree n."),
    TL_POLYNOMIAL("shifted_chebyshev_polynomial_t", shifted_t, "Chebyshev's polynomial of the first kind at 2 x - 1."),
    TL_POLYNOMIAL("shifted_chebyshev_polynomial_u", shifted_u, "Chebyshev's polynomial of the second kind at 2 x - 1."),
    TL_POLYNOMIAL("shifted_chebyshev_polynomial_v", shifted_v, "Chebyshev's polynomial of the third kind at 2 x - 1."),
    TL_POLYNOMIAL("shifted_chebyshev_polynomial_w", shifted_w, "Chebyshev's polynomial of the fourth kind at 2 x - 1."),
    TL_POLYNOMIAL("hermite_polynomial_h", hermite_h, "The physicist's Hermite polynomial of degree n."),
    TL_POLYNOMIAL("hermite_polynomial_he", hermite_he, "The probabilist's Hermite polynomial of degree n."),
    TL_POLYNOMIAL("laguerre_polynomial_l", laguerre, "Laguerre's polynomial of degree n."),
    TL_POLYNOMIAL("legendre_polynomial_p", legendre, "Legendre's polynomial of degree n."),
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
