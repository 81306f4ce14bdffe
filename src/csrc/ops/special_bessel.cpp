// Bessel's functions and Airy's: sums of series where these converge fast, asymptotic expansions and
// Steed's continued fraction elsewhere (M. Abramowitz, I. A. Stegun, 1964, ch. 9 and 10; N. M. Temme, 1975).
#include <cmath>

#include "ops/special.h"

namespace tl {

namespace {

constexpr double pi = 3.14159265358979323846, euler = 0.57721566490153286061;
constexpr double infinity = __builtin_inf(), not_a_number = __builtin_nan("");

// Σ (x²/4)^k / (k! (k + order)!): all terms are positive, so that nothing cancels.
double series_i(double x, int order) {
  const double q = 0.25 * x * x;
  double term = order == 0 ? 1 : 0.5 * x, sum = term;
  for (int k = 1; k < 500; ++k) {
    term *= q / (double(k) * double(k + order));
    sum += term;
    if (term < sum * 1e-17) break;
  }
  return sum;
}
// sqrt(2 pi x) e^-x I: Σ (-1)^k a_k / x^k with a_k = ((4n² - 1) (4n² - 9) …) / (k! 8^k).
double asymptotic_i(double x, int order) {
  const double mu = 4.0 * order * order;
  double term = 1, sum = 1;
  for (int k = 1; k < 40; ++k) {
    const double odd = 2 * k - 1, next = term * -(mu - odd * odd) / (8 * k * x);
    if (std::fabs(next) > std::fabs(term)) break;
    term = next;
    sum += term;
    if (std::fabs(term) < std::fabs(sum) * 1e-17) break;
  }
  return sum;
}
double i_scaled(double x, int order) {  // e^-|x| I
  const double a = std::fabs(x);
  if (std::isinf(x)) return 0;
  const double v = a < 30 ? std::exp(-a) * series_i(a, order) : asymptotic_i(a, order) / std::sqrt(2 * pi * a);
  return order == 1 ? std::copysign(v, x) : v;
}
double i_plain(double x, int order) {
  const double a = std::fabs(x);
  if (std::isnan(x)) return x;
  double v;
  if (a < 30) {
    v = series_i(a, order);
  } else {
    const double half = std::exp(0.5 * a);  // in two steps, for it overflows later than e^x
    v = half * (asymptotic_i(a, order) / std::sqrt(2 * pi * a)) * half;
    if (std::isinf(a)) v = infinity;
  }
  return order == 1 ? std::copysign(v, x) : v;
}
double i0_of(double x) { return i_plain(x, 0); }
double i1_of(double x) { return i_plain(x, 1); }
double i0e_of(double x) { return i_scaled(x, 0); }
double i1e_of(double x) { return i_scaled(x, 1); }

// e^x K_order(x) and e^x K_order+1(x) for x >= 2, |order| <= 1/2: Steed's method for Temme's fraction.
void steed_k(double x, double order, double& k, double& next) {
  double b = 2 * (1 + x), d = 1 / b, h = d, delta = d;
  double q1 = 0, q2 = 1;
  const double a1 = 0.25 - order * order;
  double q = a1, c = a1, a = -a1, s = 1 + q * delta;
  for (int i = 2; i < 5000; ++i) {
    a -= 2 * (i - 1);
    c = -a * c / i;
    const double q_new = (q1 - b * q2) / a;
    q1 = q2;
    q2 = q_new;
    q += c * q_new;
    b += 2;
    d = 1 / (b + a * d);
    delta = (b * d - 1) * delta;
    h += delta;
    const double step = q * delta;
    s += step;
    if (std::fabs(step) < std::fabs(s) * 1e-17) break;
  }
  k = std::sqrt(pi / (2 * x)) / s;
  next = k * (order + x + 0.5 - a1 * h) / x;
}
double k_of(double x, int order, bool scaled) {
  if (std::isnan(x) || x < 0) return not_a_number;
  if (x == 0) return infinity;
  if (std::isinf(x)) return 0;
  if (x > 1000) {  // asymptotically sqrt(pi / 2x) e^-x
    const double mu = 4.0 * order, first = (mu - 1) / (8 * x);
    const double v = std::sqrt(pi / (2 * x)) * (1 + first * (1 + (mu - 9) / (16 * x) * (1 + (mu - 25) / (24 * x))));
    return scaled ? v : v * std::exp(-x);
  }
  if (x >= 2) {
    double k0, k1;
    steed_k(x, 0, k0, k1);
    return (order == 0 ? k0 : k1) * (scaled ? 1 : std::exp(-x));
  }
  // By the series with a logarithm.
  const double q = 0.25 * x * x, log = std::log(0.5 * x);
  double v;
  if (order == 0) {
    double term = 1, psi = -euler, sum = psi;
    for (int k = 1; k < 60; ++k) {
      term *= q / (double(k) * k);
      psi += 1.0 / k;
      sum += term * psi;
      if (term * std::fabs(psi) < 1e-18 * std::fabs(sum)) break;
    }
    v = sum - log * series_i(x, 0);
  } else {
    double term = 0.5 * x, psi = 1 - 2 * euler, sum = term * psi, harmonic = 0;
    for (int k = 1; k < 60; ++k) {
      term *= q / (double(k) * (k + 1));
      harmonic += 1.0 / k;
      psi = 2 * harmonic + 1.0 / (k + 1) - 2 * euler;
      sum += term * psi;
      if (term * std::fabs(psi) < 1e-18 * std::fabs(sum)) break;
    }
    v = 1 / x + log * series_i(x, 1) - 0.5 * sum;
  }
  return scaled ? v * std::exp(x) : v;
}
double k0_of(double x) { return k_of(x, 0, false); }
double k1_of(double x) { return k_of(x, 1, false); }
double k0e_of(double x) { return k_of(x, 0, true); }
double k1e_of(double x) { return k_of(x, 1, true); }

double j0_of(double x) { return std::isinf(x) ? 0 : ::j0(x); }
double j1_of(double x) { return std::isinf(x) ? 0 : ::j1(x); }
double y0_of(double x) { return x < 0 ? not_a_number : std::isinf(x) ? 0 : ::y0(x); }
double y1_of(double x) { return x < 0 ? not_a_number : std::isinf(x) ? 0 : ::y1(x); }
double spherical_j0_of(double x) {
  if (std::isinf(x)) return 0;
  const double a = std::fabs(x), q = x * x;
  return a < 0.5 ? 1 - q / 6 * (1 - q / 20 * (1 - q / 42 * (1 - q / 72 * (1 - q / 110 * (1 - q / 156)))))
                 : std::sin(x) / x;
}

double airy_of(double x) {
  if (std::isnan(x)) return x;
  if (std::isinf(x)) return 0;
  const double z = 2.0 / 3.0 * std::pow(std::fabs(x), 1.5);
  if (x > 2.1) {
    // Ai = sqrt(x / 3) K_1/3(z) / pi
    double k, next;
    steed_k(z, 1.0 / 3.0, k, next);
    return std::sqrt(x / 3) / pi * k * std::exp(-z);
  }
  if (x >= -8.5) {
    // Two series, in long double for what cancels.
    const long double q = (long double)x * x * x;
    long double f = 1, g = x, f_sum = f, g_sum = g;
    for (int k = 1; k < 200; ++k) {
      f *= q / ((3 * k - 1) * (long double)(3 * k));
      g *= q / ((3 * k) * (long double)(3 * k + 1));
      f_sum += f;
      g_sum += g;
      if (std::fabs(double(f)) + std::fabs(double(g)) < 1e-24) break;
    }
    return double(0.355028053887817239260063186004183L * f_sum - 0.258819403792806798405183560189204L * g_sum);
  }
  // The expansion for large negative arguments.
  double even = 1, odd = 0, u = 1;
  for (int k = 1; k < 30; ++k) {
    const double next = u * (6 * k - 5) * (6 * k - 3) * (6 * k - 1) / (216.0 * k * (2 * k - 1)) / z;
    if (std::fabs(next) > std::fabs(u)) break;
    u = next;
    const double s = (k / 2) % 2 == 0 ? u : -u;
    (k % 2 == 0 ? even : odd) += s;
    if (u < 1e-17) break;
  }
  const double angle = z + pi / 4;
  return (std::sin(angle) * even - std::cos(angle) * odd) / (std::sqrt(pi) * std::pow(-x, 0.25));
}

// f / x, which is one half at zero.
Tensor over_x(const Tensor& f, const Tensor& x) {
  Tensor at_zero = eq(x, Scalar(0));
  return masked_fill(div(f, masked_fill(x, at_zero, wrapped_number(1))), at_zero, wrapped_number(0.5));
}

Tensor i0(const Tensor& self);
Tensor i0e(const Tensor& self);
Tensor j0(const Tensor& self);
Tensor y0(const Tensor& self);
Tensor k0(const Tensor& self);
Tensor k0e(const Tensor& self);
TL_SPECIAL(i1, "i1", i1_of, "SpecialI1Backward0", mul(g, sub(i0(x), over_x(y, x))))
TL_SPECIAL(i1e, "i1e", i1e_of, "SpecialI1EBackward0", mul(g, sub(sub(i0e(x), mul(sign(x), y)), over_x(y, x))))
TL_SPECIAL(i0, "i0", i0_of, "I0Backward0", mul(g, i1(x)))
TL_SPECIAL(i0e, "i0e", i0e_of, "SpecialI0EBackward0", mul(g, sub(i1e(x), mul(sign(x), y))))
TL_SPECIAL(j1, "bessel_j1", j1_of, "SpecialBesselJ1Backward0", mul(g, sub(j0(x), over_x(y, x))))
TL_SPECIAL(j0, "bessel_j0", j0_of, "SpecialBesselJ0Backward0", neg(mul(g, j1(x))))
TL_SPECIAL(y1, "bessel_y1", y1_of, "SpecialBesselY1Backward0", mul(g, sub(y0(x), div(y, x))))
TL_SPECIAL(y0, "bessel_y0", y0_of, "SpecialBesselY0Backward0", neg(mul(g, y1(x))))
TL_SPECIAL(k1, "modified_bessel_k1", k1_of, "SpecialModifiedBesselK1Backward0", neg(mul(g, add(k0(x), div(y, x)))))
TL_SPECIAL(k0, "modified_bessel_k0", k0_of, "SpecialModifiedBesselK0Backward0", neg(mul(g, k1(x))))
TL_SPECIAL(k1e, "scaled_modified_bessel_k1", k1e_of, "SpecialScaledModifiedBesselK1Backward0",
           mul(g, sub(sub(y, k0e(x)), div(y, x))))
TL_SPECIAL(k0e, "scaled_modified_bessel_k0", k0e_of, "SpecialScaledModifiedBesselK0Backward0", mul(g, sub(y, k1e(x))))
TL_SPECIAL(spherical_j0, "spherical_bessel_j0", spherical_j0_of, "SpecialSphericalBesselJ0Backward0",
           mul(g, zero_at(div(sub(cos(x), y), x), eq(x, Scalar(0)))))

Tensor airy(const Tensor& self) {
  Tensor out = special_unary<airy_of>("airy_ai", self);
  if (needs_grad(self)) record(out, "SpecialAiryAiBackward0", inputs(self), saves(), no_derivative("special_airy_ai"));
  return out;
}

constexpr uint32_t both = op::function | op::method | op::inplace | op::out;
constexpr uint32_t hidden = op::internal | op::out;
#define TL_SAMPLES "randn(3, 4) | 4 * randn(3, 4) | randn(4, 3).t() | randn(()) | randn(0) | tensor([1, 2, 3])"
#define TL_POSITIVE "rand(3, 4) + 0.1 | 20 * rand(3, 4) + 0.5 | rand(4, 3).t() + 0.2 | rand(0) | tensor([1, 2, 3])"
const OpRecord records[] = {
    {"i0(Tensor self) -> Tensor", TL_OP(i0), both, "The modified Bessel function of the first kind of order 0.",
     TL_SAMPLES},
    {"special_i0(Tensor self) -> Tensor", TL_OP(i0), hidden,
     "The modified Bessel function of the first kind of order 0.", TL_SAMPLES},
    {"special_i0e(Tensor self) -> Tensor", TL_OP(i0e), hidden, "e^-|x| I0(x).", TL_SAMPLES},
    {"special_i1(Tensor self) -> Tensor", TL_OP(i1), hidden,
     "The modified Bessel function of the first kind of order 1.", TL_SAMPLES},
    {"special_i1e(Tensor self) -> Tensor", TL_OP(i1e), hidden, "e^-|x| I1(x).", TL_SAMPLES},
    {"special_bessel_j0(Tensor self) -> Tensor", TL_OP(j0), hidden, "The Bessel function of the first kind of order 0.",
     "randn(3, 4) | 20 * randn(3, 4) | randn(4, 3).t() | randn(0) | tensor([1, 2, 3])"},
    {"special_bessel_j1(Tensor self) -> Tensor", TL_OP(j1), hidden, "The Bessel function of the first kind of order 1.",
     "randn(3, 4) | 20 * randn(3, 4) | randn(4, 3).t() | randn(0) | tensor([1, 2, 3])"},
    {"special_bessel_y0(Tensor self) -> Tensor", TL_OP(y0), hidden,
     "The Bessel function of the second kind of order 0.", TL_POSITIVE},
    {"special_bessel_y1(Tensor self) -> Tensor", TL_OP(y1), hidden,
     "The Bessel function of the second kind of order 1.", TL_POSITIVE},
    {"special_modified_bessel_i0(Tensor self) -> Tensor", TL_OP(i0), hidden, "special.i0.", "randn(3, 4)"},
    {"special_modified_bessel_i1(Tensor self) -> Tensor", TL_OP(i1), hidden, "special.i1.", "randn(3, 4)"},
    {"special_modified_bessel_k0(Tensor self) -> Tensor", TL_OP(k0), hidden,
     "The modified Bessel function of the second kind of order 0.", TL_POSITIVE},
    {"special_modified_bessel_k1(Tensor self) -> Tensor", TL_OP(k1), hidden,
     "The modified Bessel function of the second kind of order 1.", TL_POSITIVE},
    {"special_scaled_modified_bessel_k0(Tensor x) -> Tensor", TL_OP(k0e), hidden, "e^x K0(x).", TL_POSITIVE},
    {"special_scaled_modified_bessel_k1(Tensor x) -> Tensor", TL_OP(k1e), hidden, "e^x K1(x).", TL_POSITIVE},
    {"special_spherical_bessel_j0(Tensor x) -> Tensor", TL_OP(spherical_j0), hidden, "sin(x) / x.",
     "randn(3, 4) | 20 * randn(3, 4) | randn(0) | tensor([1, 2, 3])"},
    {"special_airy_ai(Tensor x) -> Tensor", TL_OP(airy), hidden | op::nondifferentiable, "The Airy function Ai.",
     "randn(3, 4) | 2 * randn(3, 4) | 5 * rand(3, 3) | randn(0) | tensor([1, 2, 3])"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
