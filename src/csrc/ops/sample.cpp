// Samples of distributions that tensors describe: bernoulli, normal, poisson, multinomial.
#include <algorithm>
#include <cmath>

#include "autograd/record.h"
#include "core/strided.h"
#include "ops/ops.h"
#include "ops/random.h"
#include "ops/registry.h"

namespace tl {

namespace {

// The node of an op that has no derivative: it says so where one is asked for.
class NotImplementedNode final : public Node {
 public:
  NotImplementedNode(const Tensor& self, const char* op) : Node("NotImplemented"), op_(op) {
    edge_ = gradient_edge(self);
    edges = &edge_;
    num_edges = 1;
  }
  void apply(Tensor*, Tensor*) override { fail(ErrorKind::runtime, "derivative for ", op_, " is not implemented"); }

 private:
  Edge edge_;
  const char* op_;
};

// A tensor for the results: `out` in the shape `sizes`, or a new one.
Tensor result(const Tensor& out, IntView sizes, DType dtype, const char* name) {
  if (!out.defined()) return empty(sizes, dtype);
  TL_CHECK(!needs_grad(out), name,
           "(): functions with out=... arguments don't support automatic differentiation, but one of the arguments "
           "requires grad.");
  check_inplace(out, name);
  resize_output(out, sizes, name);
  return out;
}
void refuse_out(const Tensor& out, bool recording, const char* name) {
  TL_CHECK(!(out.defined() && recording), name,
           "(): functions with out=... arguments don't support automatic differentiation, but one of the arguments "
           "requires grad.");
}

// --- bernoulli ----------------------------------------------------------------------------------

Tensor bernoulli(const Tensor& self, Generator* g, const Tensor& out) {
  refuse_out(out, needs_grad(self), "bernoulli");
  const DType type = out.defined() ? out.dtype() : self.dtype();
  TL_CHECK_NOTIMPL(!is_complex(type), "\"bernoulli_tensor_cpu_self_\" not implemented for '", dtype_legacy_name(type),
                   "'");
  check_probabilities(self);
  Tensor t = result(out, self.sizes(), self.dtype(), "bernoulli");
  fill_bernoulli(t, self, g);
  if (out.defined()) out.bump_version();
  if (needs_grad(self)) {
    record(t, "BernoulliBackward0", inputs(self), saves(), [](Backward& b) { b[0] = zeros_like(b.grad()); });
  }
  return t;
}
Tensor bernoulli_p(const Tensor& self, double p, Generator* g) {
  TL_CHECK(p >= 0 && p <= 1, "bernoulli_ expects p to be in [0, 1], but got p=", p);
  TL_CHECK_NOTIMPL(!is_complex(self.dtype()), "\"bernoulli_scalar_cpu_\" not implemented for '",
                   dtype_legacy_name(self.dtype()), "'");
  Tensor t = empty(self.sizes(), self.dtype());
  fill_bernoulli(t, p, g);
  if (needs_grad(self)) detail::attach(t, NodePtr::adopt(new NotImplementedNode(self, "aten::bernoulli")));
  return t;
}

// --- normal -------------------------------------------------------------------------------------

void check_std(double std) { TL_CHECK(std >= 0, "normal expects std >= 0.0, but found std ", std); }
void check_std(const Tensor& std) {
  TL_CHECK(!is_complex(std.dtype()), "normal expects standard deviation to be non-complex");
  bool valid = true;
  StridedLoop<1>(std.sizes(), {&std}).run(INT64_MAX, [&](char* const* data, const int64_t* strides, int64_t n) {
    dispatch_all(std.dtype(), [&]<class T>(TypeTag<T>) {
      for (int64_t i = 0; i < n; ++i) {
        valid = valid && convert<double>(*reinterpret_cast<const T*>(data[0] + i * strides[0])) >= 0;
      }
    });
  });
  TL_CHECK(valid, "normal expects all elements of std >= 0.0");
}
// A tensor for normal values; where none are drawn any dtype will do.
Tensor normal_result(const Tensor& out, IntView sizes, DType dtype) {
  DType type = out.defined() ? out.dtype() : dtype;
  TL_CHECK_NOTIMPL(is_differentiable(type) || checked_numel(sizes) == 0, "\"normal_kernel_cpu\" not implemented for '",
                   dtype_legacy_name(type), "'");
  return result(out, sizes, dtype, "normal");
}

Tensor normal_tensors(const Tensor& mean, const Tensor& std, Generator* g, const Tensor& out) {
  check_std(std);
  refuse_out(out, needs_grad(mean, std), "normal");
  Tensor t = normal_result(out, broadcast_shapes(mean.sizes(), std.sizes()), mean.dtype());
  {
    NoGradGuard no_grad;
    if (t.numel() != 0) fill_normal(t, 0, 1, g);
    mul_(t, std);
    add_(t, mean);
  }
  if (needs_grad(mean, std)) {
    record(t, "NormalBackward3", inputs(mean, std), saves(),
           [m = Dims(mean.sizes()), s = Dims(std.sizes()), mt = mean.dtype(), st = std.dtype()](Backward& b) {
             if (b.needs(0)) b[0] = zeros(m, mt);
             if (b.needs(1)) b[1] = zeros(s, st);
           });
  }
  return t;
}
Tensor normal_around(const Tensor& mean, double std, Generator* g, const Tensor& out) {
  check_std(std);
  refuse_out(out, needs_grad(mean), "normal");
  Tensor t = normal_result(out, mean.sizes(), mean.dtype());
  {
    NoGradGuard no_grad;
    if (t.numel() != 0) fill_normal(t, 0, std, g);
    add_(t, mean);
  }
  if (needs_grad(mean)) {
    record(t, "NormalBackward1", inputs(mean), saves(), [](Backward& b) { b[0] = zeros_like(b.grad()); });
  }
  return t;
}
Tensor normal_spread(double mean, const Tensor& std, Generator* g, const Tensor& out) {
  check_std(std);
  refuse_out(out, needs_grad(std), "normal");
  Tensor t = normal_result(out, std.sizes(), std.dtype());
  {
    NoGradGuard no_grad;
    if (t.numel() != 0) fill_normal(t, 0, 1, g);
    mul_(t, std);
    add_(t, wrapped_number(mean));
  }
  if (needs_grad(std)) {
    record(t, "NormalBackward2", inputs(std), saves(), [](Backward& b) { b[0] = zeros_like(b.grad()); });
  }
  return t;
}
Tensor normal_numbers(double mean, double std, IntView size, Generator* g, const Tensor& out,
                      std::optional<DType> dtype) {
  check_std(std);
  checked_numel(size);
  TL_CHECK(!(out.defined() && dtype && *dtype != out.dtype()), "dtype ", dtype_legacy_name(dtype.value_or(DType::Bool)),
           " does not match dtype of out parameter");
  if (out.defined() && (is_differentiable(out.dtype()) || checked_numel(size) == 0)) {
    check_inplace(out, "normal");
    resize_(out, size);  // without the warning that others give
  }
  Tensor t = normal_result(out, size, dtype.value_or(default_dtype()));
  if (t.numel() != 0) fill_normal(t, mean, std, g);
  if (out.defined()) out.bump_version();
  return t;
}

// --- poisson ------------------------------------------------------------------------------------

// Small rates count the uniform factors of a product (Knuth, 1969); large ones are drawn by
// transformed rejection (Hörmann, 1993). Both as NumPy's legacy generator has them.
int64_t sample_poisson(double rate, Generator& g) {
  if (rate == 0) return 0;
  if (rate < 10) {
    const double limit = std::exp(-rate);
    double product = 1;
    for (int64_t count = 0;; ++count) {
      product *= g.uniform();
      if (product <= limit) return count;
    }
  }
  const double root = std::sqrt(rate), log_rate = std::log(rate);
  const double b = 0.931 + 2.53 * root;
  const double a = -0.059 + 0.02483 * b;
  const double inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
  const double squeeze = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    double u = g.uniform() - 0.5;
    double v = g.uniform();
    double us = 0.5 - std::fabs(u);
    int64_t k = convert<int64_t>(std::floor((2 * a / us + b) * u + rate + 0.43));
    if (us >= 0.07 && v <= squeeze) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    double density = -rate + double(k) * log_rate - std::lgamma(double(k) + 1);
    if (std::log(v) + std::log(inverse_alpha) - std::log(a / (us * us) + b) <= density) return k;
  }
}

Tensor poisson(const Tensor& self, Generator* g) {
  TL_CHECK_NOTIMPL(is_floating(self.dtype()), "\"poisson_cpu\" not implemented for '", dtype_legacy_name(self.dtype()),
                   "'");
  Tensor t = empty(self.sizes(), self.dtype());
  dispatch_all(self.dtype(), [&]<class T>(TypeTag<T>) {
    if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16> || std::is_floating_point_v<T>) {
      StridedLoop<1>(self.sizes(), {&self}).run(INT64_MAX, [&](char* const* data, const int64_t* strides, int64_t n) {
        for (int64_t i = 0; i < n; ++i) {
          TL_CHECK(convert<double>(*reinterpret_cast<const T*>(data[0] + i * strides[0])) >= 0,
                   "invalid Poisson rate, expected rate to be non-negative");
        }
      });
      Drawing drawing(g, self.numel());
      StridedLoop<2>(t.sizes(), {&t, &self}).run(INT64_MAX, [&](char* const* data, const int64_t* strides, int64_t n) {
        for (int64_t i = 0; i < n; ++i) {
          double rate = convert<double>(*reinterpret_cast<const T*>(data[1] + i * strides[1]));
          *reinterpret_cast<T*>(data[0] + i * strides[0]) = convert<T>(sample_poisson(rate, *drawing));
        }
      });
    }
  });
  if (needs_grad(self)) {
    record(t, "PoissonBackward0", inputs(self), saves(), [](Backward& b) { b[0] = zeros_like(b.grad()); });
  }
  return t;
}

// --- multinomial --------------------------------------------------------------------------------

// One draw after another from the cumulative distribution, which is kept in C.
template <class T, class C>
void draw_with_replacement(const Tensor& weights, int64_t samples, int64_t* out, Generator& g) {
  const int64_t n = weights.sizes().back();
  const int64_t rows = n == 0 ? 0 : weights.numel() / n;
  const T* w = weights.data<T>();
  std::vector<C> cumulative(static_cast<size_t>(n));
  for (int64_t r = 0; r < rows; ++r, w += n) {
    C sum = 0;
    for (int64_t j = 0; j < n; ++j) cumulative[size_t(j)] = sum += convert<C>(w[j]);
    for (C& c : cumulative) c /= sum;
    cumulative.back() = 1;
    for (int64_t i = 0; i < samples; ++i) {
      double u = g.uniform();
      // The first category whose cumulative weight is not below u.
      auto at = std::lower_bound(cumulative.begin(), cumulative.end(), u, [](C c, double x) { return double(c) < x; });
      *out++ = std::min<int64_t>(at - cumulative.begin(), n - 1);
    }
  }
}

// The largest weights after division by exponential values. Efraimidis and Spirakis, 2006.
template <class T>
void draw_without_replacement(const Tensor& weights, int64_t samples, int64_t* out, const Tensor& noise) {
  const int64_t n = weights.sizes().back();
  const int64_t rows = n == 0 ? 0 : weights.numel() / n;
  std::vector<std::pair<double, int64_t>> keys(static_cast<size_t>(n));
  const T* w = weights.data<T>();
  const T* q = noise.data<T>();
  auto before = [](const auto& a, const auto& b) {
    if (std::isnan(a.first) || std::isnan(b.first)) return std::isnan(a.first) && !std::isnan(b.first);
    return a.first > b.first || (a.first == b.first && a.second < b.second);
  };
  for (int64_t r = 0; r < rows; ++r, w += n, q += n) {
    for (int64_t j = 0; j < n; ++j) {
      using C = std::conditional_t<std::is_same_v<T, double>, double, float>;
      keys[size_t(j)] = {convert<double>(convert<T>(convert<C>(w[j]) / convert<C>(q[j]))), j};
    }
    std::partial_sort(keys.begin(), keys.begin() + samples, keys.end(), before);
    for (int64_t i = 0; i < samples; ++i) *out++ = keys[size_t(i)].second;
  }
}

// Throws where a weight or the sum of a row makes no distribution.
template <class T>
void check_weights(const Tensor& weights, bool replacement) {
  const int64_t n = weights.sizes().back();
  const int64_t rows = weights.numel() / std::max<int64_t>(n, 1);
  const T* w = weights.data<T>();
  bool valid = true, positive = true;
  for (int64_t r = 0; r < rows; ++r, w += n) {
    double sum = 0;
    for (int64_t j = 0; j < n; ++j) {
      double v = convert<double>(w[j]);
      valid = valid && v >= 0 && v < INFINITY;
      sum += v;
    }
    positive = positive && sum > 0;
  }
  TL_CHECK(valid, replacement ? "invalid multinomial distribution (encountering probability entry < 0, infinite or nan)"
                              : "probability tensor contains either `inf`, `nan` or element < 0");
  TL_CHECK(positive, "invalid multinomial distribution (sum of probabilities <= 0)");
}

Tensor multinomial(const Tensor& self, int64_t samples, bool replacement, Generator* g, const Tensor& out) {
  TL_CHECK(self.dim() == 1 || self.dim() == 2, "prob_dist must be 1 or 2 dim, got shape ", Shape{self.sizes()});
  TL_CHECK(is_floating(self.dtype()),
           "multinomial only supports floating-point dtypes for input, got: ", dtype_legacy_name(self.dtype()));
  TL_CHECK(samples > 0, "cannot sample n_sample <= 0 samples");
  const int64_t n = self.sizes().back();
  TL_CHECK(replacement || samples <= n, "cannot sample n_sample > prob_dist.size(-1) samples without replacement");
  TL_CHECK(n > 0, "multinomial: there is nothing to sample from in shape ", Shape{self.sizes()});
  TL_CHECK(n <= int64_t(1) << 24, "number of categories cannot exceed 2^24");
  TL_CHECK(!out.defined() || out.dtype() == DType::Int64,
           "multinomial expects Long tensor out, got: ", dtype_legacy_name(out.defined() ? out.dtype() : DType::Int64));
  Dims sizes(self.sizes());
  sizes.back() = samples;
  NoGradGuard no_grad;
  Tensor weights = contiguous(self);
  Tensor t = empty(sizes, DType::Int64);
  dispatch_all(self.dtype(), [&]<class T>(TypeTag<T>) {
    if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16> || std::is_floating_point_v<T>) {
      check_weights<T>(weights, replacement && samples > 1);
      if (replacement && samples > 1) {
        Drawing drawing(g, t.numel());
        draw_with_replacement<T, std::conditional_t<std::is_same_v<T, double>, double, float>>(
            weights, samples, t.data<int64_t>(), *drawing);
      } else {
        Tensor noise = empty_like(self);  // in the layout of self, which decides what goes where
        fill_exponential(noise, 1, g);
        draw_without_replacement<T>(weights, samples, t.data<int64_t>(), contiguous(noise));
      }
    }
  });
  if (!out.defined()) return t;
  check_inplace(out, "multinomial");
  resize_output(out, sizes, "multinomial");
  copy_values(out, t);
  out.bump_version();
  return out;
}

constexpr uint32_t both = op::function | op::method;
const OpRecord records[] = {
    {"bernoulli(Tensor self, *, Generator? generator=None, Tensor? out=None) -> Tensor", TL_OP(bernoulli), both,
     "Ones, each of the probability in `self`, and zeros.", "rand(3, 4) | rand(2, 0) | rand(()) | rand(4, 3).t()"},
    {"bernoulli(Tensor self, float p, *, Generator? generator=None) -> Tensor", TL_OP(bernoulli_p),
     both | op::nondifferentiable, "Ones of probability `p` and zeros, in the shape of `self`.",
     "rand(3, 4), 0.3 | rand(2, 0), 0.5"},
    {"normal(Tensor mean, Tensor std, *, Generator? generator=None, Tensor? out=None) -> Tensor", TL_OP(normal_tensors),
     op::function, "Normal values, each of its own mean and standard deviation (broadcast).",
     "randn(3, 4), rand(3, 4) | randn(3, 1), rand(4) | randn(2, 0), rand(2, 0)"},
    {"normal(Tensor mean, float std=1, *, Generator? generator=None, Tensor? out=None) -> Tensor", TL_OP(normal_around),
     op::function, "Normal values, each of its own mean.", "randn(3, 4) | randn(3, 4).t(), 2 | randn(0), 1"},
    {"normal(float mean, Tensor std, *, Generator? generator=None, Tensor? out=None) -> Tensor", TL_OP(normal_spread),
     op::function, "Normal values, each of its own standard deviation.",
     "0, rand(3, 4) | 1.5, rand(3, 4).t() | 0, rand(0)"},
    {"normal(float mean, float std, int[] size, *, Generator? generator=None, Tensor? out=None, ScalarType? "
     "dtype=None) "
     "-> Tensor",
     TL_OP(normal_numbers), op::function | op::creates | op::nondifferentiable,
     "Normal values of one mean and standard deviation.", "1, 2, (3, 4) | 0, 1, (2, 0) | 0, 1, (20,), dtype=float64"},
    {"poisson(Tensor self, Generator? generator=None) -> Tensor", TL_OP(poisson), op::function,
     "Poisson values, each of the rate in `self`.", "rand(3, 4) | rand(3, 4).t() * 50 | rand(2, 0)"},
    {"multinomial(Tensor self, int num_samples, bool replacement=False, *, Generator? generator=None, Tensor? "
     "out=None) -> Tensor",
     TL_OP(multinomial), both | op::nondifferentiable,
     "Indices drawn from each row of weights, in proportion to them; without replacement each at most once.",
     "rand(4), 2 | rand(3, 4), 6, True | rand(3, 4).t(), 2 | rand(0, 3), 2"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
