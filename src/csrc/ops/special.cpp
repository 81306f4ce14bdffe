// Relatives of the error function and of the gamma function, entr, xlog1py, zeta, frexp.
#include "ops/special.h"

#include <cmath>

namespace tl {

namespace {

constexpr double pi = 3.14159265358979323846, root_half = 0.70710678118654752440;
constexpr double infinity = __builtin_inf(), not_a_number = __builtin_nan("");

double log_gamma(double x) {
#if defined(__GLIBC__) || defined(__APPLE__)
  int sign;
  return ::lgamma_r(x, &sign);
#else
  return std::lgamma(x);
#endif
}

// --- around the error function -----------------------------------------------------------------------

double erfcx_of(double x) {
  if (std::isnan(x)) return x;
  if (x < -26.7) return infinity;
  if (x < 25) {
    // The rounding of x² matters in the exponent.
    const double square = x * x, rest = std::fma(x, x, -square);
    return std::exp(square) * (1 + rest) * std::erfc(x);
  }
  const double q = 1 / (2 * x * x);
  return (1 - q * (1 - 3 * q * (1 - 5 * q * (1 - 7 * q)))) / (x * std::sqrt(pi));
}
double ndtr_of(double x) { return 0.5 * std::erfc(-x * root_half); }
double log_ndtr_of(double x) {
  return x < -1 ? std::log(0.5 * erfcx_of(-x * root_half)) - 0.5 * x * x : std::log1p(-0.5 * std::erfc(x * root_half));
}
double ndtri_of(double p) {
  if (std::isnan(p) || p < 0 || p > 1) return not_a_number;
  if (p == 0) return -infinity;
  if (p == 1) return infinity;
  if (p > 0.5) {
    // Where 1 - p keeps all its digits.
    const double q = 1 - p;
    if (q > 1e-300) return -ndtri_of(q);
  }
  if (p == 0.5) return 0;
  // Hastings' guess (Abramowitz and Stegun 26.2.23), good to three digits; Halley's steps on the logarithm.
  const double t = std::sqrt(-2 * std::log(p));
  double x = -(t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308))));
  for (int i = 0; i < 2; ++i) {
    const double log_p = log_ndtr_of(x);
    const double slope = std::sqrt(2 / pi) / erfcx_of(-x * root_half);
    const double error = log_p - std::log(p), curvature = -slope * (x + slope);
    const double step = error / slope;
    x -= step / (1 - 0.5 * step * curvature / slope);
  }
  return x;
}
double entr_of(double x) { return std::isnan(x) ? x : x > 0 ? -x * std::log(x) : x == 0 ? 0 : -infinity; }

TL_SPECIAL(erfcx, "special_erfcx", erfcx_of, "SpecialErfcxBackward0",
           mul(g, sub(mul(mul(x, y), Scalar(2)), Scalar(2 / std::sqrt(pi)))))
TL_SPECIAL(ndtr, "special_ndtr", ndtr_of, "SpecialNdtrBackward0",
           mul(mul(g, exp(mul(square(x), Scalar(-0.5)))), Scalar(1 / std::sqrt(2 * pi))))
TL_SPECIAL(log_ndtr, "special_log_ndtr", log_ndtr_of, "SpecialLogNdtrBackward0",
           mul(div(g, erfcx(mul(x, Scalar(-root_half)))), Scalar(std::sqrt(2 / pi))))
TL_SPECIAL(ndtri, "special_ndtri", ndtri_of, "SpecialNdtriBackward0",
           mul(mul(g, exp(mul(square(y), Scalar(0.5)))), Scalar(std::sqrt(2 * pi))))
TL_SPECIAL(entr, "special_entr", entr_of, "SpecialEntrBackward0", neg(mul(g, add(log(x), Scalar(1)))))

// --- two operands ------------------------------------------------------------------------------------

double xlog1py_of(double x, double y) { return std::isnan(y) ? y : x == 0 ? 0 : x * std::log1p(y); }
Tensor xlog1py(const Tensor& self, const Tensor& other) {
  Tensor out = special_binary<xlog1py_of>("special_xlog1py", self, other);
  if (needs_grad(self, other)) {
    record(out, "SpecialXlog1PyBackward0:other,self", inputs(self, other), saves(other, self), [](Backward& b) {
      Tensor y = b.saved(0), x = b.saved(1);
      if (b.needs(0)) b[0] = mul(b.grad(), zero_at(log1p(y), logical_and(eq(x, Scalar(0)), le(y, Scalar(-1)))));
      if (b.needs(1)) b[1] = div(mul(b.grad(), x), add(y, Scalar(1)));
    });
  }
  return out;
}

// Hurwitz's zeta: Σ (q + k)^-s, by Euler and Maclaurin.
double zeta_of(double s, double q) {
  if (s == 1) return infinity;
  if (std::isnan(s) || std::isnan(q) || s < 1) return not_a_number;
  if (q <= 0 && q == std::floor(q)) return infinity;
  if (q <= 0 && s != std::floor(s)) return not_a_number;
  if (q < -1e6) return not_a_number;
  constexpr double bernoulli[] = {1.0 / 6,  -1.0 / 30,     1.0 / 42, -1.0 / 30,
                                  5.0 / 66, -691.0 / 2730, 7.0 / 6,  -3617.0 / 510};
  double sum = 0;
  for (; q < 12; q += 1) {
    const double term = std::pow(q, -s);
    sum += term;
    if (q > 0 && term < sum * 1e-18) return sum;
  }
  const double tail = std::pow(q, -s);
  sum += tail * (q / (s - 1) + 0.5);
  double factor = s, power = tail / q, factorial = 2;
  for (int k = 0; k < 8; ++k) {
    const double term = bernoulli[k] / factorial * factor * power;
    sum += term;
    if (std::fabs(term) < std::fabs(sum) * 1e-18) break;
    factor *= (s + 2 * k + 1) * (s + 2 * k + 2);
    factorial *= (2 * k + 3) * (2 * k + 4);
    power /= q * q;
  }
  return sum;
}
Tensor zeta(const Tensor& self, const Tensor& other) {
  Tensor out = special_binary<zeta_of>("zeta", self, other);
  if (needs_grad(self, other)) {
    record(out, "SpecialZetaBackward0:other,self", inputs(self, other), saves(other, self), [](Backward& b) {
      TL_CHECK_NOTIMPL(!b.needs(0), "the derivative for 'self' is not implemented (special_zeta)");
      Tensor x = b.saved(1);
      b[1] = neg(mul(mul(b.grad(), x), zeta(add(x, Scalar(1)), b.saved(0))));
    });
  }
  return out;
}

// --- the incomplete gamma functions ------------------------------------------------------------------

// x^a e^-x / Gamma(a + 1), without the cancellation of large a.
double gamma_front(double a, double x) {
  if (a < 20) return std::exp(a * std::log(x) - x - log_gamma(a + 1));
  const double mu = (x - a) / a, i = 1 / a;
  // log(1 + mu) - mu, by its series where that is small
  double phi;
  if (std::fabs(mu) < 0.1) {
    double term = mu, sum = 0;
    for (int k = 2; k < 40; ++k) {
      term *= -mu;
      sum += term / k;
      if (std::fabs(term) < 1e-18 * std::fabs(sum)) break;
    }
    phi = sum;
  } else {
    phi = std::log1p(mu) - mu;
  }
  const double stirling = i / 12 * (1 - i * i / 30 * (1 - i * i * 2 / 7 * (1 - i * i * 3 / 4)));
  return std::exp(a * phi - stirling) / std::sqrt(2 * pi * a);
}
double lower_series(double a, double x) {
  double term = 1, sum = 1;
  for (double k = 1; k < 100000; k += 1) {
    term *= x / (a + k);
    sum += term;
    if (term < sum * 1e-17) break;
  }
  return sum * gamma_front(a, x);
}
double upper_fraction(double a, double x) {  // Lentz's method
  double b = x + 1 - a, c = 1e300, d = 1 / b, h = d;
  for (double k = 1; k < 100000; k += 1) {
    const double n = -k * (k - a);
    b += 2;
    d = n * d + b;
    if (std::fabs(d) < 1e-300) d = 1e-300;
    c = b + n / c;
    if (std::fabs(c) < 1e-300) c = 1e-300;
    d = 1 / d;
    const double step = d * c;
    h *= step;
    if (std::fabs(step - 1) < 1e-16) break;
  }
  return h * gamma_front(a, x) * a;
}
double igamma_of(double a, double x) {
  if (std::isnan(a) || std::isnan(x) || a < 0 || x < 0) return not_a_number;
  if (a == 0) return x > 0 ? 1 : not_a_number;
  if (x == 0) return 0;
  if (std::isinf(a)) return std::isinf(x) ? not_a_number : 0;
  if (std::isinf(x)) return 1;
  return x < a + 1 ? lower_series(a, x) : 1 - upper_fraction(a, x);
}
double igammac_of(double a, double x) {
  if (std::isnan(a) || std::isnan(x) || a < 0 || x < 0) return not_a_number;
  if (a == 0) return x > 0 ? 0 : not_a_number;
  if (x == 0) return 1;
  if (std::isinf(a)) return std::isinf(x) ? not_a_number : 1;
  if (std::isinf(x)) return 0;
  return x < a + 1 ? 1 - lower_series(a, x) : upper_fraction(a, x);
}
Tensor incomplete(const Tensor& out, const Tensor& a, const Tensor& x, bool upper) {
  if (needs_grad(a, x)) {
    record(out, upper ? "IgammacBackward0:other,self" : "IgammaBackward0:other,self", inputs(a, x), saves(x, a),
           [upper](Backward& b) {
             TL_CHECK_NOTIMPL(!b.needs(0), "the derivative for 'self' is not implemented (igamma)");
             Tensor at = b.saved(0), order = b.saved(1);
             Tensor density = exp(sub(sub(mul(sub(order, Scalar(1)), log(at)), at), lgamma(order)));
             b[1] = mul(upper ? neg(b.grad()) : b.grad(), density);
           });
  }
  return out;
}
Tensor igamma(const Tensor& self, const Tensor& other) {
  return incomplete(special_binary<igamma_of>("igamma", self, other), self, other, false);
}
Tensor igammac(const Tensor& self, const Tensor& other) {
  return incomplete(special_binary<igammac_of>("igammac", self, other), self, other, true);
}

Tensor mvlgamma(const Tensor& self, int64_t p) {
  TL_CHECK(p >= 1, "mvlgamma: p has to be greater than or equal to 1");
  TL_CHECK(p <= 100000, "mvlgamma: p = ", p, " is too large");
  TL_CHECK(!is_complex(self.dtype()), "mvlgamma: the input must be real");
  Tensor sum_ = full(Dims{}, Scalar(double(p * (p - 1)) * std::log(pi) / 4), floating_result(self.dtype()));
  for (int64_t j = 0; j < p; ++j) sum_ = add(lgamma(sub(self, Scalar(0.5 * double(j)))), sum_);
  return sum_;
}

std::tuple<Tensor, Tensor> frexp(const Tensor& self) {
  TL_CHECK(is_floating(self.dtype()), "torch.frexp() only supports floating-point dtypes");
  const DType compute = self.dtype() == DType::Float64 ? DType::Float64 : DType::Float32;
  Tensor exponent = empty_like(self, DType::Int32), mantissa;
  {
    NoGradGuard no_grad;
    Tensor x = contiguous(to_dtype(self, compute)), m = empty(self.sizes(), compute),
           e = empty(self.sizes(), DType::Int32);
    for (int64_t i = 0; i < x.numel(); ++i) {
      int power = 0;
      if (compute == DType::Float64) {
        m.data<double>()[i] = std::frexp(x.data<double>()[i], &power);
      } else {
        m.data<float>()[i] = std::frexp(x.data<float>()[i], &power);
      }
      e.data<int32_t>()[i] = power;
    }
    mantissa = empty_like(self);
    copy_values(mantissa, m);
    copy_values(exponent, e);
  }
  if (needs_grad(self)) {
    const Tensor outs[] = {mantissa, exponent};
    record_outputs(outs, "FrexpBackward0:exponent", inputs(self), saves(exponent), [](Backward& b) {
      if (b.grad(0).defined())
        b[0] = mul(b.grad(0), to_dtype(exp2(neg(to_dtype(b.saved(0), DType::Float64))), b.grad(0).dtype()));
    });
  }
  return {mantissa, exponent};
}

constexpr uint32_t both = op::function | op::method | op::out;
constexpr uint32_t hidden = op::internal | op::out;
#define TL_PAIRS "rand(3, 4) + 0.5, rand(3, 4) | 10 * rand(4, 3).t() + 0.1, 10 * rand(4) + 0.1 | rand(0), rand(0)"
const OpRecord records[] = {
    {"special_erfcx(Tensor self) -> Tensor", TL_OP(erfcx), hidden, "e^(x²) erfc(x).",
     "randn(3, 4) | 30 * rand(4, 3).t() | randn(()) | randn(0) | tensor([1, 2, 3])"},
    {"special_ndtr(Tensor self) -> Tensor", TL_OP(ndtr), hidden, "The normal distribution function.",
     "randn(3, 4) | 3 * randn(4, 3).t() | randn(0) | tensor([1, 2, 3])"},
    {"special_log_ndtr(Tensor self) -> Tensor", TL_OP(log_ndtr), hidden,
     "The logarithm of the normal distribution function.",
     "randn(3, 4) | 10 * randn(4, 3).t() | randn(0) | tensor([-1, 2, -30])"},
    {"special_ndtri(Tensor self) -> Tensor", TL_OP(ndtri), hidden, "The inverse of the normal distribution function.",
     "rand(3, 4) / 2 + 0.2 | rand(4, 3).t() / 4 + 0.1 | rand(0) | tensor([0.5, 0.0, 1.0, 1e-100, 2.0])"},
    {"special_entr(Tensor self) -> Tensor", TL_OP(entr), hidden, "-x log(x), 0 at zero, -inf below.",
     "rand(3, 4) + 0.1 | rand(4, 3).t() | rand(0) | tensor([0.0, -1.0, nan]) | tensor([1, 2])"},
    {"special_xlog1py(Operand self, Operand other) -> Tensor", TL_OP(xlog1py), hidden, "x log(1 + y), 0 where x is.",
     "randn(3, 4), rand(3, 4) | randn(4, 3).t(), rand(4) | tensor([0.0, 0.0, 1.0]), tensor([-1.0, nan, 2.0]) | "
     "randn(3), 2 | "
     "2, rand(3) | tensor([1, 2]), tensor([3, 4])"},
    {"special_zeta(Operand self, Operand other) -> Tensor", TL_OP(zeta), hidden | op::nondifferentiable,
     "Hurwitz's zeta function: the sum of (q + k)^-x over k.",
     "rand(3, 4) + 1.1, rand(3, 4) + 0.1 | 10 * rand(4, 3).t() + 1.1, 10 * rand(4) + 0.1 | 2, rand(3) + 1 | rand(3) + "
     "1.5, 1 | "
     "tensor([1.0, 0.5, 2.0, 2.0]), tensor([1.0, 1.0, -1.0, -1.5])"},
    {"igamma(Tensor self, Tensor other) -> Tensor", TL_OP(igamma), both | op::inplace | op::nondifferentiable,
     "The lower incomplete gamma function P(a, x), regularised; the gradient of x alone is there.", TL_PAIRS},
    {"igammac(Tensor self, Tensor other) -> Tensor", TL_OP(igammac), both | op::inplace | op::nondifferentiable,
     "The upper incomplete gamma function Q(a, x), regularised; the gradient of x alone is there.", TL_PAIRS},
    {"special_gammainc(Tensor self, Tensor other) -> Tensor", TL_OP(igamma), hidden | op::nondifferentiable, "igamma.",
     TL_PAIRS},
    {"special_gammaincc(Tensor self, Tensor other) -> Tensor", TL_OP(igammac), hidden | op::nondifferentiable,
     "igammac.", TL_PAIRS},
    {"mvlgamma(Tensor self, int p) -> Tensor", TL_OP(mvlgamma), both | op::inplace,
     "The logarithm of the multivariate gamma function: p (p - 1) log(pi) / 4 + Σ lgamma(x - j / 2) over j < p.",
     "rand(3, 4) + 2, 3 | rand(4, 3).t() + 1, 1 | rand(0), 2 | tensor([3, 4]), 2"},
    {"special_multigammaln(Tensor self, int p) -> Tensor", TL_OP(mvlgamma), hidden, "mvlgamma.", "rand(3, 4) + 2, 3"},
    {"frexp(Tensor self) -> (Tensor mantissa, Tensor exponent)", TL_OP(frexp), both,
     "x as mantissa 2^exponent with a mantissa in [0.5, 1).",
     "randn(3, 4) | 100 * randn(4, 3).t() | randn(()) | randn(0) | tensor([0.0, inf])"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
