// Quantiles, made of a sort.
#include <cmath>

#include "autograd/record.h"
#include "ops/reduce_dims.h"
#include "ops/registry.h"
#include "ops/sort.h"

namespace tl {

namespace {

// f(value) of each element, as the same dtype (float32 or float64), without history.
template <class F>
Tensor mapped(const Tensor& x, F f) {
  Tensor out = empty(x.sizes(), x.dtype());
  Tensor in = contiguous(detach(x));
  auto run = [&](auto* to, const auto* from) {
    for (int64_t i = 0; i < out.numel(); ++i) to[i] = f(from[i]);
  };
  if (x.dtype() == DType::Float64) {
    run(out.data<double>(), in.data<double>());
  } else {
    run(out.data<float>(), in.data<float>());
  }
  return out;
}

Tensor quantile_of(const Tensor& self, const Tensor& q, std::optional<int64_t> dim_arg, bool keepdim,
                   const std::string& how, bool ignore_nan) {
  TL_CHECK(self.numel() > 0, "quantile() input tensor must be non-empty");
  TL_CHECK(q.dim() <= 1, "quantile() q must be a scalar or 1D tensor");
  TL_CHECK(self.dtype() == DType::Float32 || self.dtype() == DType::Float64,
           "quantile() input tensor must be either float or double dtype");
  TL_CHECK(q.dtype() == self.dtype(), "quantile() q tensor must be same dtype as the input tensor");
  TL_CHECK(how == "linear" || how == "lower" || how == "higher" || how == "midpoint" || how == "nearest",
           "quantile() interpolation must be one of linear, lower, higher, midpoint or nearest, but got ", how);
  const int64_t dim = dim_arg ? wrap_dim(*dim_arg, self.dim()) : 0;
  Tensor probabilities = contiguous(to_dtype(detach(q), DType::Float64));
  for (int64_t i = 0; i < q.numel(); ++i) {
    const double v = probabilities.data<double>()[i];
    TL_CHECK(v >= 0 && v <= 1, "quantile() q values must be in the range [0, 1]");
  }
  // Sorted rows, NaN at their ends.
  Tensor rows = !dim_arg || self.dim() == 0 ? reshape(self, Dims{-1})
                : dim == self.dim() - 1     ? self
                                            : transpose(unsqueeze(self, -1), dim, -1);
  Tensor sorted = std::get<0>(sort(rows, -1, false));
  const int64_t n = sorted.sizes().back();
  Tensor numbers = sum(logical_not(isnan(detach(sorted))), Dims{-1}, true);  // of each row
  Tensor last = wrapped_number(double(n - 1));
  Tensor span = ignore_nan ? mapped(to_dtype(sub(numbers, wrapped_number(1)), self.dtype()),
                                    [](auto v) { return v < 0 ? decltype(v)(0) : v; })
                           : last;
  Tensor ranks = mul(reshape(q, Dims{-1}), span);  // […, number of q]
  if (!ignore_nan) ranks = where(lt(numbers, wrapped_number(n)), to_dtype(last, self.dtype()), ranks);
  auto at = [&](const Tensor& r) {
    Dims sizes(sorted.sizes());
    sizes.back() = q.numel();
    return gather(sorted, -1, expand(to_dtype(r, DType::Int64), sizes));
  };
  Tensor out;
  if (how == "nearest") {
    out = at(mapped(ranks, [](auto v) { return std::nearbyint(v); }));
  } else if (how == "higher") {
    out = at(mapped(ranks, [](auto v) { return std::ceil(v); }));
  } else {
    Tensor below = mapped(ranks, [](auto v) { return std::floor(v); });
    out = at(below);
    if (how != "lower") {
      Tensor weight = how == "midpoint" ? full_like(below, 0.5) : sub(ranks, below);
      out = add(out, mul(weight, sub(at(mapped(ranks, [](auto v) { return std::ceil(v); })), out)));
    }
  }
  // The dim of q comes first, the reduced dim last or back where it was.
  Dims kept = dim_arg ? reduced_sizes(self.sizes(), self.dim() == 0 ? 0 : DimSet(1) << dim, keepdim)
                      : reduced_sizes(self.sizes(), all_dims(self), keepdim);
  Dims order{out.dim() - 1};
  for (int64_t d = 0; d + 1 < out.dim(); ++d) order.push_back(d);
  out = permute(out, order);
  if (q.dim() == 1) kept.insert(0, q.numel());
  return reshape(out, kept);
}

Tensor q_of(const Tensor& self, double q) {
  TL_CHECK(q >= 0 && q <= 1, "quantile() q must be in the range [0, 1] but got ", q);
  return scalar_tensor(q, is_floating(self.dtype()) ? self.dtype() : default_dtype());
}

using Dim = std::optional<int64_t>;
Tensor quantile(const Tensor& self, const Tensor& q, Dim dim, bool keepdim, std::string how) {
  return quantile_of(self, q, dim, keepdim, how, false);
}
Tensor quantile_number(const Tensor& self, double q, Dim dim, bool keepdim, std::string how) {
  return quantile_of(self, q_of(self, q), dim, keepdim, how, false);
}
Tensor nanquantile(const Tensor& self, const Tensor& q, Dim dim, bool keepdim, std::string how) {
  return quantile_of(self, q, dim, keepdim, how, true);
}
Tensor nanquantile_number(const Tensor& self, double q, Dim dim, bool keepdim, std::string how) {
  return quantile_of(self, q_of(self, q), dim, keepdim, how, true);
}

constexpr uint32_t both = op::function | op::method | op::out;
const OpRecord records[] = {
    {"quantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor",
     TL_OP(quantile), both,
     "The q-quantiles along `dim`, of all elements without it, one slice of the result for each q. Between two "
     "elements the "
     "value is interpolated: 'linear', 'lower', 'higher', 'midpoint' or 'nearest'.",
     "randn(3, 4), tensor([0.1, 0.5]), 1 | randn(4, 3).t(), tensor([0.5]), 0, True | randn(3, 4), tensor(0.3)"},
    {"quantile(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor",
     TL_OP(quantile_number), both, "The same for one q.",
     "randn(3, 4), 0.5 | randn(3, 4), 0.25, 0, True, interpolation='nearest' | randn(()), 0.5"},
    {"nanquantile(Tensor self, Tensor q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor",
     TL_OP(nanquantile), both, "The quantiles of the elements that are not NaN.", "randn(3, 4), tensor([0.1, 0.5]), 1"},
    {"nanquantile(Tensor self, float q, int? dim=None, bool keepdim=False, *, str interpolation='linear') -> Tensor",
     TL_OP(nanquantile_number), both, "The same for one q.",
     "randn(3, 4), 0.5 | tensor([1., float('nan'), 2.]), 0.5, 0"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
