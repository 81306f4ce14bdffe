// Variances and standard deviations, alone and with the means.
#include <algorithm>
#include <cmath>

#include "autograd/record.h"
#include "core/parallel.h"
#include "kernels/moments.h"
#include "ops/reduce_dims.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

using kernels::MomentsArgs;

namespace {

// Per result, in float64: the mean and the sum of squared deviations from it.
struct Moments {
  Tensor mean, squares;
};

constexpr int64_t piece = 1 << 16;

// One result of many contiguous elements: pieces, joined in order.
void moments_of_run(const MomentsArgs& args, int64_t width) {
  const int64_t pieces = (args.n + piece - 1) / piece;
  Tensor parts = empty(Dims{2, pieces}, DType::Float64);
  double *means = parts.data<double>(), *squares = means + pieces;
  parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      MomentsArgs part = args;
      part.in += i * piece * args.in_step * width;
      part.n = std::min(piece, args.n - i * piece);
      part.mean = means + i;
      part.squares = squares + i;
      kernels::moments(part);
    }
  });
  double count = 0, mean = 0, total = 0;
  for (int64_t i = 0; i < pieces; ++i) {
    const double n = double(std::min(piece, args.n - i * piece)), delta = means[i] - mean;
    mean += delta * (n / (count + n));
    total += squares[i] + delta * delta * (count * n / (count + n));
    count += n;
  }
  *args.mean = mean;
  *args.squares = total;
}

Moments moments_over(const Tensor& self, DimSet set) {
  // The reduced dims as one last dim: a view where they are walked as one, a copy otherwise.
  Dims order = list_of(~set, self.dim()), reduced = list_of(set, self.dim());
  std::stable_sort(reduced.begin(), reduced.end(),
                   [&](int64_t a, int64_t b) { return self.strides()[size_t(a)] > self.strides()[size_t(b)]; });
  Dims sizes, strides, wanted;
  for (int64_t d : order) wanted.push_back(self.sizes()[size_t(d)]);
  wanted.push_back(reduced_count(self.sizes(), set));
  for (int64_t d : reduced) order.push_back(d);
  for (int64_t d : order) {
    sizes.push_back(self.sizes()[size_t(d)]);
    strides.push_back(self.strides()[size_t(d)]);
  }
  Tensor x = alias(self, sizes, strides, self->offset);
  Dims merged;
  if (view_strides(sizes, strides, wanted, merged)) {
    x = alias(self, wanted, merged, self->offset);
  } else {
    Tensor copy = empty(wanted, self.dtype());
    copy_values(alias(copy, sizes, contiguous_strides(sizes), 0), x);
    x = copy;
  }
  wanted.pop_back();
  Moments out{empty(wanted, DType::Float64), empty(wanted, DType::Float64)};
  const int64_t width = int64_t(item_size(x.dtype()));
  double *mean = out.mean.data<double>(), *squares = out.squares.data<double>();
  const int64_t n = x.sizes().back();
  if (n == 0) {
    std::fill_n(mean, out.mean.numel(), NAN);
    std::fill_n(squares, out.mean.numel(), NAN);
  } else if (out.mean.numel() == 1 && n > 2 * piece) {
    moments_of_run(MomentsArgs{x.dtype(), x.bytes(), mean, squares, n, x.strides().back(), 1, 0, 0}, width);
  } else {
    along_dim(x, x.dim() - 1, [&](const AxisPiece& p) {
      kernels::moments(MomentsArgs{x.dtype(), x.bytes() + p.in * width, mean + p.out, squares + p.out, p.n, p.in_step,
                                   p.m, p.in_stride, p.out_stride});
    });
  }
  return out;
}

template <class F>
void fill_from(const Tensor& out, F f) {
  dispatch_all(out.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* to = out.data<T>();
    for (int64_t i = 0; i < out.numel(); ++i) to[i] = convert<T>(f(i));
  });
}

enum What : int { variance = 0, deviation = 1, with_mean = 2 };

struct Spread {
  Tensor spread, mean;  // the variance or its root; the mean where it is asked for
};

Spread spread_values(const Tensor& self, DimSet set, double correction, bool keepdim, int what) {
  const bool complex = is_complex(self.dtype());
  Moments m = moments_over(complex ? view_as_real(detach(self)) : self, set);
  Dims sizes = reduced_sizes(self.sizes(), set, keepdim);
  Spread out;
  out.spread = empty(sizes, to_real(self.dtype()));
  const double *mean = m.mean.data<double>(), *squares = m.squares.data<double>();
  const double divisor = std::max(0.0, double(reduced_count(self.sizes(), set)) - correction);
  fill_from(out.spread, [&](int64_t i) {
    double v = (complex ? squares[2 * i] + squares[2 * i + 1] : squares[i]) / divisor;
    return what & deviation ? std::sqrt(v) : v;
  });
  if (what & with_mean) {
    out.mean = empty(sizes, self.dtype());
    fill_from(out.mean, [&](int64_t i) {
      return complex ? std::complex<double>(mean[2 * i], mean[2 * i + 1]) : std::complex<double>(mean[i]);
    });
  }
  return out;
}

struct Options {
  DimSet set;
  double correction;
  bool keepdim;
  int what;
  bool all;  // without a list of dims
};

// The gradient of the variance: 2 (x - mean) / (n - correction).
Tensor spread_backward(const Tensor& grad, const Tensor& self, const Tensor& result, const Options& o) {
  const int64_t n = self.dim();
  Tensor g = with_dims(grad, o.set, n, o.keepdim);
  if (o.what & deviation) {
    Tensor std = with_dims(result, o.set, n, o.keepdim);
    g = masked_fill(div(g, mul(std, Scalar(2.0))), eq(std, wrapped_number(0)), wrapped_number(0));
  }
  const double count = double(reduced_count(self.sizes(), o.set));
  if (is_complex(self.dtype())) g = to_dtype(g, self.dtype());
  if (o.all && count <= o.correction) {  // no slope, and no number to divide by
    Tensor slope = full_like(self, Scalar(INFINITY));
    return mul(g, masked_fill(slope, eq(detach(self), mean(detach(self), {}, false)), wrapped_number(NAN)));
  }
  Tensor centred = sub(self, n == 0 ? self : mean(self, list_of(o.set, n), true));
  return mul(mul(g, Scalar(2.0 / (count - o.correction))), centred);
}

const char* const labels[] = {"VarBackward0:self", "StdBackward0:self,result", "VarMeanBackward0:self",
                              "StdMeanBackward0:self,result0"};
const char* const names[] = {"var", "std", "var_mean", "std_mean"};

Spread spread_over(const Tensor& self, const std::optional<Dims>& dims, double correction, bool keepdim, int what) {
  TL_CHECK(is_differentiable(self.dtype()), what & with_mean ? names[what] : "std and var",
           " only support floating point and complex dtypes");
  Options o{dim_set(dims, self.dim()), correction, keepdim, what, !dims || self.dim() == 0};
  if (double(reduced_count(self.sizes(), o.set)) - correction <= 0 &&
      checked_numel(reduced_sizes(self.sizes(), o.set, false)) > 0) {
    warn(std::string(names[what]) +
         "(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor (input numel "
         "divided "
         "by output numel).");
  }
  Spread out = spread_values(self, o.set, correction, keepdim, what);
  if (!needs_grad(self)) return out;
  if (what & with_mean) {
    const Tensor outs[] = {out.spread, out.mean};
    const bool saves_result = what & deviation;
    const SaveSpec second = saves_result ? output(out.spread) : SaveSpec{nullptr, true};
    record_outputs(outs, labels[what], inputs(self), std::array<SaveSpec, 2>{input(self), second}, [o](Backward& b) {
      Tensor x = b.saved(0);
      if (b.grad(0).defined()) b[0] = spread_backward(b.grad(0), x, b.has_saved(1) ? b.saved(1) : Tensor(), o);
      if (!b.grad(1).defined()) return;
      Tensor g = expand(with_dims(b.grad(1), o.set, x.dim(), o.keepdim), x.sizes());
      g = div(g, Scalar(double(reduced_count(x.sizes(), o.set))));
      b[0] = b[0].defined() ? add(b[0], g) : g;
    });
  } else {
    record(
        out.spread, labels[what], inputs(self), saves(input(self), output_if(what & deviation, out.spread)),
        [o](Backward& b) { b[0] = spread_backward(b.grad(), b.saved(0), b.has_saved(1) ? b.saved(1) : Tensor(), o); });
  }
  return out;
}

using Pair = std::tuple<Tensor, Tensor>;

template <int what>
auto result_of(Spread s) {
  if constexpr (what & with_mean) {
    return Pair{s.spread, s.mean};
  } else {
    return s.spread;
  }
}
template <int what>
auto by_correction(const Tensor& self, const std::optional<Dims>& dims, const std::optional<Scalar>& correction,
                   bool keepdim) {
  return result_of<what>(spread_over(self, dims, correction ? correction->to_double() : 1, keepdim, what));
}
template <int what>
auto by_dims(const Tensor& self, const std::optional<Dims>& dims, bool unbiased, bool keepdim) {
  return result_of<what>(spread_over(self, dims, unbiased ? 1 : 0, keepdim, what));
}
template <int what>
auto of_all(const Tensor& self, bool unbiased) {
  return result_of<what>(spread_over(self, {}, unbiased ? 1 : 0, false, what));
}

constexpr uint32_t both = op::function | op::method | op::out;
constexpr uint32_t only = op::function;
#define TL_SPREAD(name, what, flags, returns, text)                                                                   \
  {name "(Tensor self, int[]? dim, bool unbiased=True, bool keepdim=False) -> " returns, TL_OP(by_dims<what>), flags, \
   text, "randn(3, 4), 1 | randn(3, 4), 0, False, True | randn(2, 3, 4), (0, 2) | randn(4, 3).t(), (0, 1), False"},   \
      {name "(Tensor self, int[1]? dim=None, *, Scalar? correction=None, bool keepdim=False) -> " returns,            \
       TL_OP(by_correction<what>), flags,                                                                             \
       "The same, dividing by the number of elements less `correction` (1 where it is not given).",                   \
       "randn(3, 4) | randn(3, 4), correction=0 | randn(3, 4), 1, correction=2, keepdim=True | randn(2, 3, 4), (0, "  \
       "2), "                                                                                                         \
       "correction=1.5"},                                                                                             \
      {name "(Tensor self, bool unbiased=True) -> " returns, TL_OP(of_all<what>), flags,                              \
       "Of all elements, dividing by n - 1 or (unbiased=False) by n.",                                                \
       "randn(3, 4), False | randn(4, 3).t(), unbiased=True"}
const OpRecord records[] = {
    TL_SPREAD(
        "var", variance, both, "Tensor",
        "Σ (x - mean)² / (n - 1) along the listed dims, all of them without a list; with unbiased=False divided by n."),
    TL_SPREAD("std", deviation, both, "Tensor", "The square root of the variance."),
    TL_SPREAD("var_mean", variance | with_mean, only, "(Tensor, Tensor)", "The variance and the mean."),
    TL_SPREAD("std_mean", deviation | with_mean, only, "(Tensor, Tensor)", "The standard deviation and the mean."),
};
#undef TL_SPREAD
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
