// Differences and integrals of samples; covariances.
#include <cmath>

#include "autograd/record.h"
#include "ops/pointwise.h"
#include "ops/reduce_dims.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

namespace {

Tensor diff(const Tensor& self_arg, int64_t order, int64_t dim_arg, const Tensor& prepend, const Tensor& append) {
  TL_CHECK(self_arg.dim() >= 1, "diff expects input to be at least one-dimensional");
  const int64_t dim = wrap_dim(dim_arg, self_arg.dim());
  TL_CHECK(order >= 0, "order must be non-negative but got ", order);
  for (const Tensor* t : {&prepend, &append}) {
    if (!t->defined()) continue;
    TL_CHECK(t->dim() == self_arg.dim(), "diff expects prepend or append to be the same dimension as input");
    for (int64_t d = 0; d < t->dim(); ++d) {
      TL_CHECK(
          d == dim || t->sizes()[size_t(d)] == self_arg.sizes()[size_t(d)],
          "diff expects the shape of tensor to prepend or append to match that of input except along the differencing "
          "dimension; input.size(",
          d, ") = ", self_arg.sizes()[size_t(d)], ", but got tensor.size(", d, ") = ", t->sizes()[size_t(d)]);
    }
  }
  Tensor self = self_arg;
  if (order == 0) return clone(self);
  if (prepend.defined() || append.defined()) {
    std::vector<Tensor> parts;
    if (prepend.defined()) parts.push_back(prepend);
    parts.push_back(self);
    if (append.defined()) parts.push_back(append);
    self = cat(parts, dim);
  }
  const int64_t n = self.sizes()[size_t(dim)];
  order = std::min(order, n);
  if (order == 0) return clone(self);
  for (int64_t i = 0; i < order; ++i) {
    const int64_t size = self.sizes()[size_t(dim)];
    Tensor after = narrow(self, dim, std::min<int64_t>(1, size), std::max<int64_t>(size - 1, 0));
    Tensor before = narrow(self, dim, 0, std::max<int64_t>(size - 1, 0));
    self = self.dtype() == DType::Bool ? ne(after, before) : sub(after, before);
  }
  return self;
}

// The parts of an integral: (y[i] + y[i + 1]) / 2 times the distance of their places.
Tensor trapezoids(const Tensor& y, const Tensor& width, int64_t dim) {
  const int64_t n = y.sizes()[size_t(dim)];
  Tensor pairs = add(narrow(y, dim, 0, std::max<int64_t>(n - 1, 0)),
                     narrow(y, dim, std::min<int64_t>(1, n), std::max<int64_t>(n - 1, 0)));
  return mul(mul(pairs, width), Scalar(0.5));
}

int64_t check_integral(const Tensor& y, int64_t dim, const char* name) {
  TL_CHECK_INDEX(y.dim() > 0, "Dimension specified as ", dim, " but tensor has no dimensions");
  TL_CHECK(y.dtype() != DType::Bool, name, ": received a bool input for `y`, but bool is not supported");
  return wrap_dim(dim, y.dim());
}

Tensor widths(const Tensor& y, const Tensor& x, int64_t dim, const char* name) {
  TL_CHECK(x.dtype() != DType::Bool, name, ": received a bool input for `x`, but bool is not supported");
  if (x.dim() == 1) {
    TL_CHECK(x.sizes()[0] == y.sizes()[size_t(dim)], name, ": There must be one `x` value for each sample point");
    Dims shape(size_t(y.dim()), 1);
    Tensor gaps = diff(x, 1, 0, Tensor(), Tensor());
    shape[size_t(dim)] = gaps.numel();
    return view(gaps, shape);
  }
  if (x.dim() == y.dim()) return diff(x, 1, dim, Tensor(), Tensor());
  Tensor wide = x;
  while (wide.dim() < y.dim()) wide = unsqueeze(wide, 0);
  return diff(wide, 1, dim, Tensor(), Tensor());
}

Tensor trapezoid(const Tensor& y, const Tensor& x, int64_t dim_arg) {
  const int64_t dim = check_integral(y, dim_arg, "trapezoid");
  return sum(trapezoids(y, widths(y, x, dim, "trapezoid"), dim), Dims{dim}, false);
}
Tensor trapezoid_even(const Tensor& y, const Scalar& dx, int64_t dim_arg) {
  const int64_t dim = check_integral(y, dim_arg, "trapezoid");
  const int64_t n = y.sizes()[size_t(dim)];
  if (n == 0) return sum(y, Dims{dim}, false);
  // Σ y less half of both ends.
  Tensor ends = mul(add(select(y, dim, 0), select(y, dim, -1)), Scalar(0.5));
  return mul(sub(sum(y, Dims{dim}, false), ends), dx);
}
Tensor cumulative_trapezoid(const Tensor& y, const Tensor& x, int64_t dim_arg) {
  const int64_t dim = check_integral(y, dim_arg, "cumulative_trapezoid");
  return cumsum(trapezoids(y, widths(y, x, dim, "cumulative_trapezoid"), dim), dim);
}
Tensor cumulative_trapezoid_even(const Tensor& y, const Scalar& dx, int64_t dim_arg) {
  const int64_t dim = check_integral(y, dim_arg, "cumulative_trapezoid");
  return cumsum(trapezoids(y, wrapped_number(dx), dim), dim);
}

Tensor cov(const Tensor& self_arg, int64_t correction, const Tensor& fweights, const Tensor& aweights) {
  TL_CHECK(self_arg.dim() <= 2, "cov(): expected input to have two or fewer dimensions but got an input with ",
           self_arg.dim(), " dimensions");
  TL_CHECK(self_arg.dtype() != DType::Bool, "cov(): bool dtype is not supported for input");
  Tensor in = self_arg.dim() < 2 ? reshape(self_arg, Dims{1, -1}) : self_arg;  // variables in rows
  const int64_t n = in.sizes()[1];
  Tensor weights;
  for (const Tensor* w : {&fweights, &aweights}) {
    if (!w->defined()) continue;
    const char* name = w == &fweights ? "fweights" : "aweights";
    TL_CHECK(w->dim() <= 1, "cov(): expected ", name, " to have one or fewer dimensions but got ", name, " with ",
             w->dim(), " dimensions");
    TL_CHECK(w == &fweights ? is_integral(w->dtype()) : is_floating(w->dtype()), "cov(): expected ", name,
             w == &fweights ? " to have integral dtype but got " : " to have floating point dtype but got ", name,
             " with ", dtype_legacy_name(w->dtype()), " dtype");
    TL_CHECK(w->numel() == n, "cov(): expected ", name,
             " to have the same numel as there are observations in the input but got ", w->numel(), " != ", n);
    TL_CHECK(n == 0 || item(amin(detach(*w), {}, false)).to_double() >= 0, "cov(): ", name, " cannot be negative");
    weights = weights.defined() ? mul(weights, *w) : *w;
  }
  if (is_integral(in.dtype())) in = to_dtype(in, default_dtype());
  // The number of observations, or what stands for it.
  Tensor total = weights.defined() ? sum(weights) : wrapped_number(double(n));
  TL_CHECK(!weights.defined() || item(total).to_double() != 0, "cov(): weights sum to zero, can't be normalized");
  Tensor average = div(sum(weights.defined() ? mul(in, weights) : in, Dims{1}, true), total);
  Tensor factor;
  if (weights.defined() && aweights.defined() && correction != 0) {
    factor = sub(total, div(mul(sum(mul(weights, aweights)), Scalar(double(correction))), total));
  } else {
    factor = sub(total, wrapped_number(double(correction)));
  }
  if (item(factor).to_double() <= 0) {
    warn("cov(): degrees of freedom is <= 0. Correction should be strictly less than the number of observations.");
    factor = zeros_like(factor);
  }
  Tensor centred = sub(in, average);
  Tensor c = div(mm(centred, conj(transpose(weights.defined() ? mul(centred, weights) : centred, 0, 1))), factor);
  return squeeze(c);
}

Tensor corrcoef(const Tensor& self) {
  TL_CHECK(self.dim() <= 2, "corrcoef(): expected input to have two or fewer dimensions but got an input with ",
           self.dim(), " dimensions");
  Tensor c = cov(self, 1, Tensor(), Tensor());
  if (c.dim() == 0) return div(c, c);  // a single variable
  Tensor d = diagonal(c, 0, 0, 1);
  Tensor deviation = sqrt(is_complex(d.dtype()) ? real(d) : d);
  c = div(div(c, view(deviation, Dims{-1, 1})), view(deviation, Dims{1, -1}));
  if (is_complex(c.dtype())) return c;
  return minimum(maximum(c, wrapped_number(-1.0)), wrapped_number(1.0));
}

constexpr uint32_t both = op::function | op::method;
const OpRecord records[] = {
    {"diff(Tensor self, int n=1, int dim=-1, Tensor? prepend=None, Tensor? append=None) -> Tensor", TL_OP(diff),
     both | op::out, "Differences of neighbours along `dim`, taken n times; of bools whether they differ.",
     "randn(3, 4) | randn(3, 4), 2, 0 | randn(4, 3).t() | randn(3, 4), 1, 1, randn(3, 1), randn(3, 2) | randn(3, 4), 5 "
     "| randn(3, 4), 0"},
    {"trapezoid(Tensor y, Tensor x, *, int dim=-1) -> Tensor", TL_OP(trapezoid), op::function,
     "The integral of samples y at places x along `dim` by the trapezoid rule.",
     "randn(3, 4), randn(4) | randn(3, 4), randn(3, 4), dim=0"},
    {"trapezoid(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor", TL_OP(trapezoid_even), op::function,
     "The same for samples that lie `dx` apart.", "randn(3, 4) | randn(3, 4), dx=0.5, dim=0 | randn(3, 0)"},
    {"trapz(Tensor y, Tensor x, *, int dim=-1) -> Tensor", TL_OP(trapezoid), op::function,
     "trapezoid under another name.", "randn(3, 4), randn(4)"},
    {"trapz(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor", TL_OP(trapezoid_even), op::function,
     "trapezoid under another name.", "randn(3, 4), dx=2"},
    {"cumulative_trapezoid(Tensor y, Tensor x, *, int dim=-1) -> Tensor", TL_OP(cumulative_trapezoid), op::function,
     "The integrals up to each place.", "randn(3, 4), randn(4)"},
    {"cumulative_trapezoid(Tensor y, *, Scalar dx=1, int dim=-1) -> Tensor", TL_OP(cumulative_trapezoid_even),
     op::function, "The same for samples that lie `dx` apart.", "randn(3, 4) | randn(3, 4), dx=0.5, dim=0"},
    {"cov(Tensor self, *, int correction=1, Tensor? fweights=None, Tensor? aweights=None) -> Tensor", TL_OP(cov), both,
     "The covariances of variables in rows over observations in columns, which may count several times (fweights) or "
     "have weights "
     "(aweights).",
     "randn(3, 5) | randn(5), correction=0 | randn(3, 4), fweights=tensor([1, 2, 1, 3]), aweights=tensor([0.5, 1., 1., "
     "2.])"},
    {"corrcoef(Tensor self) -> Tensor", TL_OP(corrcoef), both, "The correlations of variables in rows.",
     "randn(3, 5) | randn(5)"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
