// Distributions written in place: uniform_, normal_, random_, bernoulli_, exponential_ …
#include <cmath>

#include "autograd/record.h"
#include "kernels/random.h"
#include "ops/ops.h"
#include "ops/random.h"
#include "ops/registry.h"

namespace tl {

namespace {

// What was drawn does not depend on what stood there before.
Tensor written(const Tensor& self, const char* label) {
  self.bump_version();
  if (needs_grad(self)) {
    record_inplace(self, label, inputs(self), saves(), [](Backward& b) { b[0] = zeros_like(b.grad()); });
  }
  return self;
}

[[noreturn]] void not_implemented(const char* kernel, DType dtype) {
  fail(ErrorKind::not_implemented, "\"", kernel, "\" not implemented for '", dtype_legacy_name(dtype), "'");
}

Tensor uniform_(const Tensor& self, double from, double to, Generator* g) {
  check_inplace(self, "uniform_");
  DType dtype = to_real(self.dtype());
  if (!is_floating(dtype)) not_implemented("check_uniform_bounds", dtype);
  const NumberLimits limits = limits_of(dtype);
  TL_CHECK(from >= limits.low && from <= limits.high, "from is out of bounds for ", limits.name);
  TL_CHECK(to >= limits.low && to <= limits.high, "to is out of bounds for ", limits.name);
  TL_CHECK(from <= to, "uniform_ expects to return a [from, to) range, but found from=", from, " > to=", to);
  TL_CHECK(to - from <= limits.high, "uniform_ expects to-from <= std::numeric_limits<", dtype_legacy_name(dtype),
           ">::max(), but found to=", to, " and from=", from, " which result in to-from to exceed the limit");
  fill_uniform(self, from, to, g);
  return written(self, "UniformBackward0");
}

Tensor normal_(const Tensor& self, double mean, double std, Generator* g) {
  check_inplace(self, "normal_");
  TL_CHECK(std >= 0, "normal expects std >= 0.0, but found std ", std);
  if (self.numel() != 0) {
    if (!is_differentiable(self.dtype())) not_implemented("normal_kernel_cpu", self.dtype());
    fill_normal(self, mean, std, g);
  }
  return written(self, "NormalBackward0");
}

// --- integers -----------------------------------------------------------------------------------

// The whole range of the type; for floats the integers that they hold exactly.
Tensor random_(const Tensor& self, Generator* g) {
  check_inplace(self, "random_");
  const DType dtype = self.dtype();
  if (is_complex(dtype)) not_implemented("random_kernel_cpu", dtype);
  const NumberLimits limits = limits_of(dtype);
  uint64_t range = limits.exact_bits != 0  ? (uint64_t(1) << limits.exact_bits) + 1
                   : dtype == DType::Int64 ? uint64_t(1) << 63
                                           : uint64_t(limits.high) + 1;
  fill_integers(self, range, 0, dtype == DType::Int64 || dtype == DType::Float64, g);
  return written(self, "RandomBackward2");
}

int64_t rounded(int64_t v, DType dtype) {
  switch (dtype) {
    case DType::Float16:
      return convert<int64_t>(convert<Half>(v));
    case DType::BFloat16:
      return convert<int64_t>(convert<BFloat16>(v));
    case DType::Float32:
      return convert<int64_t>(float(v));
    default:
      return convert<int64_t>(double(v));
  }
}
// The distance between neighbours of a float of `bits` precision near v.
int64_t spacing(int64_t v, int bits) {
  uint64_t magnitude = v < 0 ? 0 - uint64_t(v) : uint64_t(v);
  int exponent = 63 - std::countl_zero(magnitude | 1);
  return int64_t(1) << std::max(0, exponent - bits + 1);
}
// Bounds that a float type cannot hold move inwards to those that it can.
int64_t raised(int64_t from, DType dtype, int bits) {
  int64_t next = rounded(from + 1, dtype);
  return next < from ? next + spacing(from + 1, bits) : from;
}
int64_t lowered(int64_t to, DType dtype, int bits) {
  int64_t last = rounded(to - 1, dtype);
  return last >= to ? last - spacing(to - 1, bits) : to;
}

void draw_between(const Tensor& self, int64_t from, std::optional<int64_t> to, Generator* g) {
  check_inplace(self, "random_");
  const DType dtype = self.dtype();
  if (is_complex(dtype)) {
    TL_CHECK(!to || from < *to, "random_ expects 'from' to be less than 'to', but got from=", from, " >= to=", *to);
    fail(ErrorKind::runtime, "check_random_bounds handles only integral, floating-point and boolean types");
  }
  const NumberLimits limits = limits_of(dtype);
  if (to) {
    TL_CHECK(from < *to, "random_ expects 'from' to be less than 'to', but got from=", from, " >= to=", *to);
    int64_t first = from, end = *to;
    if (limits.exact_bits != 0) {
      first = raised(first, dtype, limits.exact_bits);
      end = lowered(end, dtype, limits.exact_bits);
      TL_CHECK(first < end,
               "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, but got from=", first,
               " >= to=", end);
    }
    check_integer_bounds(first, end - 1, dtype);
    fill_integers_between(self, first, end, g);
  } else if (from != INT64_MIN) {
    int64_t last = limits.exact_bits != 0  ? int64_t(1) << limits.exact_bits
                   : dtype == DType::Int64 ? INT64_MAX
                                           : int64_t(limits.high);
    int64_t first = limits.exact_bits != 0 ? raised(from, dtype, limits.exact_bits) : from;
    if (limits.exact_bits != 0) {
      TL_CHECK(first < last,
               "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to dtype, "
               "but got from=",
               first, " > to_inc=", last);
    }
    check_integer_bounds(first, last, dtype);
    fill_integers_between(self, first, int64_t(uint64_t(last) + 1), g);
  } else {
    bool can = dtype == DType::Int64 || (is_floating(dtype) && dtype != DType::Float16);
    if (dtype == DType::Bool || dtype == DType::Float16) not_implemented("random_full_64_bits_range_kernel_cpu", dtype);
    TL_CHECK(can, "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16");
    fill_integers(self, 0, 0, true, g);
  }
}
Tensor random_between_(const Tensor& self, int64_t from, std::optional<int64_t> to, Generator* g) {
  draw_between(self, from, to, g);
  return written(self, "RandomBackward0");
}
Tensor random_below_(const Tensor& self, int64_t to, Generator* g) {
  draw_between(self, 0, to, g);
  return written(self, "RandomBackward1");
}

// --- bernoulli ----------------------------------------------------------------------------------

Tensor bernoulli_number_(const Tensor& self, double p, Generator* g) {
  check_inplace(self, "bernoulli_");
  TL_CHECK(p >= 0 && p <= 1, "bernoulli_ expects p to be in [0, 1], but got p=", p);
  if (is_complex(self.dtype())) not_implemented("bernoulli_scalar_cpu_", self.dtype());
  fill_bernoulli(self, p, g);
  return written(self, "BernoulliBackward2");
}
Tensor bernoulli_tensor_(const Tensor& self, const Tensor& p, Generator* g) {
  check_inplace(self, "bernoulli_");
  if (is_complex(self.dtype())) not_implemented("bernoulli_tensor_cpu_self_", self.dtype());
  Tensor each = expand(p, self.sizes());
  check_probabilities(p);
  fill_bernoulli(self, each, g);
  self.bump_version();
  if (needs_grad(self, p)) {
    record_inplace(self, "BernoulliBackward1", inputs(self, p), saves(),
                   [sizes = Dims(p.sizes()), dtype = p.dtype()](Backward& b) {
                     if (b.needs(0)) b[0] = zeros_like(b.grad());
                     if (b.needs(1)) b[1] = zeros(sizes, dtype);
                   });
  }
  return self;
}

// --- by doubles ---------------------------------------------------------------------------------

void fill_drawn(const Tensor& self, kernels::DoubleDraw kind, double a, double b, Generator* g) {
  fill_from_doubles(self, g, [&](Generator& source, double* out, int64_t n) {
    constexpr int64_t piece = 512;
    alignas(64) uint32_t words[2 * piece];
    for (int64_t i = 0; i < n; i += piece) {
      int64_t m = std::min(piece, n - i);
      kernels::random_words(source.engine, words, 2 * m);
      kernels::draw_doubles(kind, words, out + i, m, a, b);
    }
  });
}

}  // namespace

void fill_exponential(const Tensor& self, double rate, Generator* generator) {
  fill_drawn(self, kernels::DoubleDraw::exponential, rate, 0, generator);
}

namespace {

Tensor exponential_(const Tensor& self, double lambd, Generator* g) {
  check_inplace(self, "exponential_");
  TL_CHECK(lambd > 0, "exponential_ expects lambda > 0.0, but found lambda=", lambd);
  TL_CHECK(is_floating(self.dtype()),
           "Exponential distribution is a continuous probability distribution. dtype must be a "
           "floating point but you specified ",
           dtype_legacy_name(self.dtype()));
  fill_exponential(self, lambd, g);
  return written(self, "ExponentialBackward0");
}
Tensor geometric_(const Tensor& self, double p, Generator* g) {
  check_inplace(self, "geometric_");
  TL_CHECK(p > 0 && p < 1, "geometric_ expects p to be in (0, 1), but got p=", p);
  if (self.dtype() == DType::Bool || is_complex(self.dtype())) not_implemented("geometric_cpu", self.dtype());
  fill_drawn(self, kernels::DoubleDraw::geometric, p, 0, g);
  return written(self, "GeometricBackward0");
}
Tensor cauchy_(const Tensor& self, double median, double sigma, Generator* g) {
  check_inplace(self, "cauchy_");
  TL_CHECK(sigma > 0, "cauchy_ expects sigma > 0.0, but found sigma=", sigma);
  TL_CHECK(is_floating(self.dtype()),
           "Cauchy distribution is a continuous probability distribution. dtype must be a "
           "floating point but you specified ",
           dtype_legacy_name(self.dtype()));
  fill_drawn(self, kernels::DoubleDraw::cauchy, median, sigma, g);
  return written(self, "CauchyBackward0");
}
Tensor log_normal_(const Tensor& self, double mean, double std, Generator* g) {
  check_inplace(self, "log_normal_");
  TL_CHECK(std > 0, "log_normal_ expects std > 0.0, but found std=", std);
  if (self.numel() != 0 && !is_floating(self.dtype())) not_implemented("log_normal_cpu", self.dtype());
  fill_from_doubles(self, g, [&](Generator& source, double* out, int64_t n) {
    NormalSource(source).draw(out, n, mean, std);
    for (int64_t i = 0; i < n; ++i) out[i] = std::exp(out[i]);
  });
  return written(self, "LogNormalBackward0");
}

constexpr uint32_t inplace = op::method | op::writes_self;
const OpRecord records[] = {
    {"uniform_(Tensor self, float from=0, float to=1, *, Generator? generator=None) -> Tensor", TL_OP(uniform_),
     inplace, "Fills `self` with uniform values in [from, to).", "rand(3, 4) | rand(2, 0) | rand(4, 3).t(), -1, 2"},
    {"normal_(Tensor self, float mean=0, float std=1, *, Generator? generator=None) -> Tensor", TL_OP(normal_), inplace,
     "Fills `self` with normal values.", "rand(3, 4) | rand(2, 0) | rand(5, 4), 1, 2 | rand(4, 3).t()"},
    {"random_(Tensor self, *, Generator? generator=None) -> Tensor", TL_OP(random_), inplace,
     "Fills `self` with integers from 0 to the largest of its dtype; of a float, to 2 to the power of its precision.",
     "rand(3, 4) | rand(2, 0)"},
    {"random_(Tensor self, int to, *, Generator? generator=None) -> Tensor", TL_OP(random_below_), inplace,
     "Fills `self` with integers from 0 to `to`, exclusive.", "rand(3, 4), 5"},
    {"random_(Tensor self, int from, int? to, *, Generator? generator=None) -> Tensor", TL_OP(random_between_), inplace,
     "Fills `self` with integers from `from` to `to`, exclusive; None stands for the end of the dtype's range.",
     "rand(3, 4), -5, 5 | rand(4, 3).t(), 3, None"},
    {"bernoulli_(Tensor self, Tensor p, *, Generator? generator=None) -> Tensor", TL_OP(bernoulli_tensor_), inplace,
     "Fills `self` with ones, each of the probability in `p` (broadcast), and zeros.",
     "rand(3, 4), rand(3, 4) | rand(3, 4), rand(4) | rand(2, 0), tensor(0.5)"},
    {"bernoulli_(Tensor self, float p=0.5, *, Generator? generator=None) -> Tensor", TL_OP(bernoulli_number_), inplace,
     "Fills `self` with ones of probability `p` and zeros.", "rand(3, 4) | rand(2, 0), 0.3"},
    {"exponential_(Tensor self, float lambd=1, *, Generator? generator=None) -> Tensor", TL_OP(exponential_), inplace,
     "Fills `self` with values of the density lambd * exp(-lambd * x).",
     "rand(3, 4) | rand(2, 0), 2 | rand(4, 3).t(), 0.5"},
    {"geometric_(Tensor self, float p, *, Generator? generator=None) -> Tensor", TL_OP(geometric_), inplace,
     "Fills `self` with the number of the first success in trials of probability `p`.",
     "rand(3, 4), 0.3 | rand(2, 0), 0.5"},
    {"cauchy_(Tensor self, float median=0, float sigma=1, *, Generator? generator=None) -> Tensor", TL_OP(cauchy_),
     inplace, "Fills `self` with values of the Cauchy distribution.", "rand(3, 4) | rand(2, 0), 1, 2"},
    {"log_normal_(Tensor self, float mean=1, float std=2, *, Generator? generator=None) -> Tensor", TL_OP(log_normal_),
     inplace, "Fills `self` with exponentials of normal values.", "rand(3, 4) | rand(2, 0), 0, 1"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
