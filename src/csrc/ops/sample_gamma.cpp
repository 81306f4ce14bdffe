// Gamma, Dirichlet and binomial samples, and the derivatives of the first two with respect to their concentrations.
#include <cmath>
#include <limits>

#include "autograd/record.h"
#include "ops/ops.h"
#include "ops/random.h"
#include "ops/registry.h"

namespace tl {

namespace {

// Calls f with the element type of a floating tensor.
template <class F>
void dispatch_floating(const Tensor& t, const char* name, F&& f) {
  TL_CHECK_NOTIMPL(is_floating(t.dtype()), "\"", name, "\" not implemented for '", dtype_legacy_name(t.dtype()), "'");
  dispatch_all(t.dtype(), [&]<class T>(TypeTag<T>) {
    if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16> || std::is_floating_point_v<T>) {
      f.template operator()<T>();
    }
  });
}
template <class T>
double smallest() {
  if constexpr (std::is_same_v<T, Half>) return 0x1p-14;
  if constexpr (std::is_same_v<T, BFloat16>) return 0x1p-126;
  if constexpr (std::is_same_v<T, float>) return double(std::numeric_limits<float>::min());
  return std::numeric_limits<double>::min();
}
template <class T>
double below_one() {
  if constexpr (std::is_same_v<T, Half>) return 1 - 0x1p-11;
  if constexpr (std::is_same_v<T, BFloat16>) return 1 - 0x1p-8;
  if constexpr (std::is_same_v<T, float>) return 1 - 0x1p-24;
  return 1 - 0x1p-53;
}

// Marsaglia and Tsang, "A simple method for generating gamma variables", 2000; concentrations below
// one by their boost.
double sample_gamma(double alpha, Generator& g) {
  if (std::isnan(alpha)) return alpha;
  double scale = 1;
  if (alpha < 1) {
    if (!(alpha > 0)) return 0;
    scale = std::pow(1 - g.uniform(), 1 / alpha);
    alpha += 1;
  }
  const double d = alpha - double(1.0f / 3.0f), c = 1 / std::sqrt(9 * d);  // a float third, as PyTorch has it
  NormalSource normal(g);
  for (;;) {
    double x, y;
    do {
      normal.draw(&x, 1, 0, 1);
      y = 1 + c * x;
    } while (y <= 0);
    double v = y * y * y, u = 1 - g.uniform(), xx = x * x;
    if (u < 1 - double(0.0331f) * xx * xx || std::log(u) < 0.5 * xx + d * (1 - v + std::log(v))) return scale * d * v;
  }
}

double digamma(double x) {
  double shift = 0;
  for (; x < 10; x += 1) shift += 1 / x;
  double y = 1 / (x * x);
  double tail = y * (1.0 / 12 - y * (1.0 / 120 - y * (1.0 / 252 - y * (1.0 / 240 - y * (1.0 / 132)))));
  return std::log(x) - 0.5 / x - tail - shift;
}

// dx/da of x ~ Gamma(a) at a constant P(a, x): -(dP/da) / (dP/dx) (Figurnov, Mohamed and Mnih, "Implicit
// reparameterization gradients", 2018).
double gamma_derivative(double a, double x) {
  if (!(a > 0) || !(x >= 0) || std::isinf(x) || std::isinf(a)) return std::numeric_limits<double>::quiet_NaN();
  if (x == 0) return 0;
  if (a > 5000) {
    // x = a + z sqrt(a) + (z^2 - 1)/3 + (z^3 - 7z)/(36 sqrt(a)): Cornish and Fisher's expansion, z the normal quantile.
    const double s = std::sqrt(a);
    double z = (x - a) / s;
    for (int i = 0; i < 4; ++i) {
      double f = a + z * s + (z * z - 1) / 3 + (z * z * z - 7 * z) / (36 * s) - x;
      z -= f / (s + 2 * z / 3 + (3 * z * z - 7) / (36 * s));
    }
    return 1 + z / (2 * s) - (z * z * z - 7 * z) / (72 * a * s);
  }
  const double log_x = std::log(x);
  if (x > a + 1 && x > 1.5 && x - a > 2 * std::sqrt(a)) {
    // 1 - P = x p h with h the continued fraction 1/(x+1-a- 1(1-a)/(x+3-a- 2(2-a)/(…))), here with its derivative,
    // from the far end.
    const int terms = 60 + int(40 * std::sqrt(a));
    double h = 0, dh = 0;
    for (int n = terms; n >= 0; --n) {
      // h_n = 1 / (b_n - c_{n+1} h_{n+1}), c_n = n (n - a), b_n = x + 2n + 1 - a
      double c = double(n + 1) * (double(n + 1) - a);
      double below = x + 2 * n + 1 - a - c * h;
      double dbelow = -1 + double(n + 1) * h - c * dh;
      h = 1 / below;
      dh = -dbelow * h * h;
    }
    return x * (h * (log_x - digamma(a)) + dh);
  }
  // P = p sum t_n with t_n = x^(n+1) / (a (a+1) … (a+n)); each term's logarithm has the derivative log x - psi(a+n+1).
  double term = x / a, psi = digamma(a + 1), sum = 0;
  for (int n = 0; n < 100000; ++n) {
    double part = term * (psi - log_x);
    sum += part;
    if (std::fabs(part) < 1e-17 * std::fabs(sum) && double(n) > x - a) break;
    psi += 1 / (a + n + 1);
    term *= x / (a + n + 1);
  }
  return sum;
}

// dx/da / (1 - x) of x ~ Beta(a, total - a) at a constant distribution function, `total - a` being constant.
double dirichlet_derivative(double x, double a, double total) {
  const double b = total - a;
  if (!(a > 0) || !(b > 0) || !(x >= 0 && x <= 1)) return std::numeric_limits<double>::quiet_NaN();
  if (x == 0) return 0;
  double sum = 0;
  if (x == 1) x = below_one<double>();
  const double y = 1 - x, log_x = std::log(x);
  if (x * total <= a) {
    // I_x(a, b) = p sum t_n, t_n = x (1-x)/a (a+b)_n / (a+1)_n x^n.
    double term = x * y / a, psi = digamma(total) - digamma(a + 1);
    for (int n = 0; n < 1000000; ++n) {
      double part = -term * (log_x + psi);
      sum += part;
      double ratio = (total + n) / (a + 1 + n) * x;
      if (ratio < 1 && std::fabs(part) < 1e-16 * (1 - ratio) * std::fabs(sum)) break;
      psi += 1 / (total + n) - 1 / (a + 1 + n);
      term *= ratio;
    }
  } else {
    // The same of I_{1-x}(b, a) = 1 - I_x(a, b).
    double term = x * y / b, psi = digamma(total) - digamma(a);
    for (int n = 0; n < 1000000; ++n) {
      double part = term * (log_x + psi);
      sum += part;
      double ratio = (total + n) / (b + 1 + n) * y;
      if (ratio < 1 && std::fabs(part) < 1e-16 * (1 - ratio) * std::fabs(sum)) break;
      psi += 1 / (total + n);
      term *= ratio;
    }
  }
  return sum / y;
}

// --- binomial -----------------------------------------------------------------------------------

// Few successes: sums of geometric waiting times. Many: transformed rejection (Hörmann, "The generation of binomial
// random variates", 1993).
double sample_binomial(double count, double p, Generator& g) {
  if (count <= 0 || p <= 0) return 0;
  if (p >= 1) return count;
  if (p > 0.5) return count - sample_binomial(count, 1 - p, g);
  if (!(p > 0)) return p;
  if (count * p < 10) {
    const double log_q = std::log1p(-p);
    double sum = 0;
    for (double successes = 0;; ++successes) {
      sum += std::ceil(std::log(g.uniform()) / log_q);
      if (sum > count) return successes;
    }
  }
  const double deviation = std::sqrt(count * p * (1 - p));
  const double b = 1.15 + 2.53 * deviation, a = -0.0873 + 0.0248 * b + 0.01 * p, c = count * p + 0.5;
  const double alpha = (2.83 + 5.1 / b) * deviation, squeeze = 0.92 - 4.2 / b;
  const double log_odds = std::log(p / (1 - p)), mode = std::floor((count + 1) * p);
  const double at_mode = std::lgamma(mode + 1) + std::lgamma(count - mode + 1);
  for (;;) {
    double u = g.uniform() - 0.5, v = g.uniform(), us = 0.5 - std::fabs(u);
    double k = std::floor((2 * a / us + b) * u + c);
    if (us >= 0.07 && v <= squeeze) return k;
    if (k < 0 || k > count) continue;
    double bound = at_mode - std::lgamma(k + 1) - std::lgamma(count - k + 1) + (k - mode) * log_odds;
    if (std::log(v * alpha / (a / (us * us) + b)) <= bound) return k;
  }
}

Tensor binomial(const Tensor& count, const Tensor& prob, Generator* g) {
  TL_CHECK_VALUE(is_floating(count.dtype()),
                 "binomial only supports floating-point dtypes for count, got: ", dtype_legacy_name(count.dtype()));
  TL_CHECK_VALUE(is_floating(prob.dtype()),
                 "binomial only supports floating-point dtypes for prob, got: ", dtype_legacy_name(prob.dtype()));
  TL_CHECK(count.dtype() == prob.dtype(), "Found dtype ", dtype_legacy_name(prob.dtype()), " but expected ",
           dtype_legacy_name(count.dtype()));
  NoGradGuard no_grad;
  Dims sizes = broadcast_shapes(count.sizes(), prob.sizes());
  Tensor n = contiguous(expand(count, sizes)), p = contiguous(expand(prob, sizes));
  Tensor out = empty(sizes, count.dtype());
  dispatch_floating(out, "binomial_cpu", [&]<class T>() {
    Drawing drawing(g, out.numel());
    for (int64_t i = 0; i < out.numel(); ++i)
      out.data<T>()[i] =
          convert<T>(sample_binomial(convert<double>(n.data<T>()[i]), convert<double>(p.data<T>()[i]), *drawing));
  });
  return out;
}

// --- the ops ------------------------------------------------------------------------------------

template <class F>
Tensor of_two(const Tensor& x, const Tensor& y, const char* name, F&& f) {
  TL_CHECK(x.dtype() == y.dtype(), name, ": dtypes differ, ", dtype_legacy_name(x.dtype()), " and ",
           dtype_legacy_name(y.dtype()));
  Dims sizes = broadcast_shapes(x.sizes(), y.sizes());
  Tensor a, b;
  {
    NoGradGuard no_grad;
    a = contiguous(expand(x, sizes)), b = contiguous(expand(y, sizes));
  }
  Tensor out = empty(sizes, x.dtype());
  dispatch_floating(out, name, [&]<class T>() {
    parallel_for(out.numel(), 64, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        out.data<T>()[i] = convert<T>(f(convert<double>(a.data<T>()[i]), convert<double>(b.data<T>()[i]), i));
    });
  });
  if (needs_grad(x, y)) {
    record(out, "NotImplemented", inputs(x, y), saves(),
           [name](Backward&) { fail(ErrorKind::runtime, "the derivative for '", name, "' is not implemented."); });
  }
  return out;
}

Tensor standard_gamma_grad(const Tensor& self, const Tensor& output) {
  return of_two(self, output, "_standard_gamma_grad",
                [](double alpha, double x, int64_t) { return gamma_derivative(alpha, x); });
}
Tensor standard_gamma(const Tensor& self, Generator* g) {
  Tensor alpha = contiguous(alias(self)), out = empty(self.sizes(), self.dtype());
  dispatch_floating(self, "gamma_cpu", [&]<class T>() {
    Drawing drawing(g, out.numel());
    for (int64_t i = 0; i < out.numel(); ++i) {
      double x = sample_gamma(convert<double>(alpha.data<T>()[i]), *drawing);
      out.data<T>()[i] = convert<T>(x < smallest<T>() ? smallest<T>() : x);
    }
  });
  if (needs_grad(self)) {
    record(out, "StandardGammaBackward0", inputs(self), saves(self, output(out)),
           [](Backward& b) { b[0] = mul(b.grad(), standard_gamma_grad(b.saved(0), b.saved(1))); });
  }
  return out;
}

Tensor dirichlet_grad(const Tensor& x, const Tensor& alpha, const Tensor& total) {
  TL_CHECK(total.dtype() == x.dtype(), "_dirichlet_grad: dtypes differ");
  Dims sizes = broadcast_shapes(x.sizes(), alpha.sizes());
  Tensor t;
  {
    NoGradGuard no_grad;
    t = contiguous(to_dtype(expand(total, sizes), DType::Float64));
  }
  return of_two(x, alpha, "_dirichlet_grad",
                [&](double value, double a, int64_t i) { return dirichlet_derivative(value, a, t.data<double>()[i]); });
}
Tensor sample_dirichlet(const Tensor& self, Generator* g) {
  TL_CHECK(self.dim() > 0, "_sample_dirichlet: a concentration has at least one dim, got shape ", Shape{self.sizes()});
  Tensor alpha = contiguous(alias(self)), out = empty(self.sizes(), self.dtype());
  const int64_t n = self.sizes().back();
  dispatch_floating(self, "_sample_dirichlet", [&]<class T>() {
    Drawing drawing(g, out.numel());
    std::vector<double> gammas(static_cast<size_t>(n));
    for (int64_t row = 0; n != 0 && row < out.numel() / n; ++row) {
      double sum = 0;
      for (int64_t i = 0; i < n; ++i) {
        double x = sample_gamma(convert<double>(alpha.data<T>()[row * n + i]), *drawing);
        sum += gammas[size_t(i)] = x < smallest<double>() ? smallest<double>() : x;
      }
      for (int64_t i = 0; i < n; ++i) {
        double x = gammas[size_t(i)] / sum;
        x = x < smallest<T>() ? smallest<T>() : x;
        out.data<T>()[row * n + i] = convert<T>(x > below_one<T>() ? below_one<T>() : x);
      }
    }
  });
  if (needs_grad(self)) {
    record(out, "DirichletBackward0", inputs(self), saves(self, output(out)), [](Backward& b) {
      Tensor c = b.saved(0), x = b.saved(1);
      Tensor total = expand(sum(c, Dims{-1}, true), c.sizes());
      Tensor grad = b.grad();
      b[0] = mul(dirichlet_grad(x, c, total), sub(grad, sum(mul(x, grad), Dims{-1}, true)));
    });
  }
  return out;
}

const OpRecord records[] = {
    {"_standard_gamma(Tensor self, Generator? generator=None) -> Tensor", TL_OP(standard_gamma), op::function,
     "Gamma values of the concentrations in `self` and of scale one, differentiable with respect to them (implicit "
     "reparameterisation).",
     "rand(3, 4) + 0.5 | rand(4, 3).t() + 3 | rand(2, 0)"},
    {"_standard_gamma_grad(Tensor self, Tensor output) -> Tensor", TL_OP(standard_gamma_grad),
     op::function | op::nondifferentiable,
     "The derivative of gamma values `output` with respect to their concentrations.",
     "rand(3, 4) + 0.5, rand(3, 4) | rand(2, 0), rand(2, 0)"},
    {"_sample_dirichlet(Tensor self, Generator? generator=None) -> Tensor", TL_OP(sample_dirichlet), op::function,
     "Dirichlet values of the concentrations along the last dim, differentiable with respect to them.",
     "rand(3, 4) + 0.5 | rand(4, 3).t() + 3 | rand(2, 0)"},
    {"_dirichlet_grad(Tensor x, Tensor alpha, Tensor total) -> Tensor", TL_OP(dirichlet_grad),
     op::function | op::nondifferentiable,
     "The derivative of Dirichlet values `x` with respect to their own concentration `alpha`, over 1 - x.",
     "rand(3, 4), rand(3, 4) + 0.1, rand(3, 4) + 2"},
    {"binomial(Tensor count, Tensor prob, Generator? generator=None) -> Tensor", TL_OP(binomial),
     op::function | op::nondifferentiable, "Numbers of successes in `count` trials of probability `prob`.",
     "rand(3, 4) * 20, rand(3, 4) | ones(3, 1) * 100, rand(4) | rand(2, 0), rand(2, 0)"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
