// Running sums, products and extremes.
#include "kernels/scan.h"

#include <algorithm>

#include "autograd/record.h"
#include "core/parallel.h"
#include "ops/pointwise.h"
#include "ops/reduce_dims.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

using kernels::ScanArgs;
using kernels::ScanKind;

namespace {

constexpr int64_t grain = 1 << 14;  // elements: some 20 µs

// The dtype that the kernel works on.
DType scanned_type(DType t) {
  return is_integral_or_bool(t) ? DType::Int64 : is_reduced_floating(t) ? DType::Float32 : t;
}

// Values without history, as the dtype of `self`; indices into `indices` where there are some.
Tensor scanned(const Tensor& self, int64_t dim, ScanKind kind, Tensor* indices) {
  NoGradGuard no_grad;
  Tensor in = contiguous(to_dtype(detach(self), scanned_type(self.dtype())));
  Tensor out = empty(self.sizes(), in.dtype());
  if (indices != nullptr) *indices = empty(self.sizes(), DType::Int64);
  if (out.numel() > 0) {
    ScanArgs args{kind, in.dtype(), in.bytes(), out.bytes(), indices == nullptr ? nullptr : indices->data<int64_t>(),
                  1,    1};
    int64_t items = 1;
    for (int64_t d = 0; d < self.dim(); ++d)
      (d < dim ? items : d == dim ? args.n : args.inner) *= self.sizes()[size_t(d)];
    int64_t each = args.n;
    if (args.inner > 1) {
      items *= (args.inner + kernels::scan_columns - 1) / kernels::scan_columns;
      each *= std::min(args.inner, kernels::scan_columns);
    }
    parallel_for(items, std::max<int64_t>(1, grain / std::max<int64_t>(each, 1)),
                 [&](int64_t begin, int64_t end) { kernels::scan(args, begin, end); });
  }
  return to_dtype(out, self.dtype());
}

// Integers add up and multiply in int64.
Tensor as_result_type(const Tensor& self, std::optional<DType> dtype) {
  DType t = dtype ? *dtype : is_integral_or_bool(self.dtype()) ? DType::Int64 : self.dtype();
  return to_dtype(self, t);
}

// Sums from each position to the end.
Tensor sums_to_end(const Tensor& self, int64_t dim) { return flip(cumsum(flip(self, Dims{dim}), dim), Dims{dim}); }

// d out[k] / d x[i] is the product of the others up to k. Where x[i] is zero that is no quotient, so with
// zeros around each row of the sum is made of products without element i.
Tensor cumprod_backward(const Tensor& grad, const Tensor& x, const Tensor& out, int64_t dim) {
  const int64_t n = x.sizes()[size_t(dim)];
  if (n <= 1) return grad;
  Tensor xc = conj(x);
  if (!has_zero(x)) return div(sums_to_end(mul(grad, conj(out)), dim), xc);
  std::vector<Tensor> parts;
  Tensor one = ones_like(narrow(x, dim, 0, 1));
  for (int64_t i = 0; i < n; ++i) {
    Tensor before = i == 0 ? one : conj(narrow(out, dim, i - 1, 1));
    // before · (1, x[i+1], x[i+1] x[i+2], …)
    Tensor after = i + 1 == n ? one : cat({one, cumprod(narrow(xc, dim, i + 1, n - i - 1), dim)}, dim);
    parts.push_back(sum(mul(mul(narrow(grad, dim, i, n - i), after), before), Dims{dim}, true));
  }
  return cat(parts, dim);
}

}  // namespace

Tensor cumsum(const Tensor& self_arg, int64_t dim_arg, std::optional<DType> dtype) {
  Tensor self = as_result_type(self_arg, dtype);
  int64_t dim = wrap_dim(dim_arg, self.dim());
  Tensor out = scanned(self, dim, ScanKind::sum, nullptr);
  if (needs_grad(self)) {
    record(out, "CumsumBackward0", inputs(self), saves(),
           [dim](Backward& b) { b[0] = b.grad().dim() == 0 ? b.grad() : sums_to_end(b.grad(), dim); });
  }
  return out;
}

Tensor cumprod(const Tensor& self_arg, int64_t dim_arg, std::optional<DType> dtype) {
  Tensor self = as_result_type(self_arg, dtype);
  int64_t dim = wrap_dim(dim_arg, self.dim());
  Tensor out = scanned(self, dim, ScanKind::prod, nullptr);
  if (needs_grad(self)) {
    record(out, "CumprodBackward0:self,result", inputs(self), saves(self, output(out)), [dim](Backward& b) {
      b[0] = b.grad().dim() == 0 ? b.grad() : cumprod_backward(b.grad(), b.saved(0), b.saved(1), dim);
    });
  }
  return out;
}

namespace {

Tensor logcumsumexp(const Tensor& self, int64_t dim_arg) {
  TL_CHECK_NOTIMPL(is_differentiable(self.dtype()), "\"logcumsumexp_out_cpu\" not implemented for '",
                   dtype_legacy_name(self.dtype()), "'");
  int64_t dim = wrap_dim(dim_arg, self.dim());
  Tensor out = scanned(self, dim, ScanKind::logsumexp, nullptr);
  if (needs_grad(self)) {
    record(out, "LogcumsumexpBackward0:self,result", inputs(self), saves(self, output(out)), [dim](Backward& b) {
      if (b.grad().dim() == 0) {
        b[0] = b.grad();
        return;
      }
      // Σ over k >= i of grad[k] e^(x[i] - out[k]), kept in range by taking logarithms of both signs' sums.
      Tensor x = b.saved(0), y = b.saved(1), g = b.grad();
      if (is_complex(x.dtype())) {
        b[0] = mul(conj(exp(x)), sums_to_end(mul(g, conj(exp(neg(y)))), dim));
        return;
      }
      auto part = [&](const Tensor& g) {
        Tensor positive = gt(g, wrapped_number(0));
        Tensor logs = where(positive, log(where(positive, g, wrapped_number(1))), wrapped_number(-1e30));
        return exp(add(flip(logcumsumexp(flip(sub(logs, y), Dims{dim}), dim), Dims{dim}), x));
      };
      b[0] = sub(part(g), part(neg(g)));
    });
  }
  return out;
}

using Pair = std::tuple<Tensor, Tensor>;

Pair running_extreme(const Tensor& self, int64_t dim_arg, ScanKind kind, const char* name, const char* label) {
  TL_CHECK_NOTIMPL(!is_complex(self.dtype()), "\"", name, "\" not implemented for '", dtype_legacy_name(self.dtype()),
                   "'");
  int64_t dim = wrap_dim(dim_arg, self.dim());
  Tensor indices;
  Tensor values = scanned(self, dim, kind, &indices);
  if (needs_grad(self)) {
    const Tensor outs[] = {values, indices};
    record_outputs(outs, label, inputs(self), saves(output(indices, 1)), [dim](Backward& b) {
      const Tensor& g = b.grad();
      b[0] = g.dim() == 0 || g.numel() == 0 ? g : scatter_add(zeros(g.sizes(), g.dtype()), dim, b.saved(0), g);
    });
  }
  return {values, indices};
}
Pair cummax(const Tensor& self, int64_t dim) {
  return running_extreme(self, dim, ScanKind::max, "cummax_cpu", "CummaxBackward0:indices");
}
Pair cummin(const Tensor& self, int64_t dim) {
  return running_extreme(self, dim, ScanKind::min, "cummin_cpu", "CumminBackward0:indices");
}

constexpr uint32_t both = op::function | op::method | op::out;
const OpRecord records[] = {
    {"cumsum(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor", TL_OP(cumsum), both | op::inplace,
     "The sums of the elements up to each position of `dim`; integers add up in int64, float32 in float64.",
     "randn(3, 4), 1 | randn(4, 3).t(), 0 | randn(2, 3, 4), -2 | randn(()), 0 | randn(0, 3), 0 | randn(3), 0, "
     "dtype=float64"},
    {"cumprod(Tensor self, int dim, *, ScalarType? dtype=None) -> Tensor", TL_OP(cumprod), both | op::inplace,
     "The products of the elements up to each position of `dim`.",
     "randn(3, 4), 1 | randn(4, 3).t(), 0 | randn(()), 0 | randn(0, 3), 0 | tensor([1., 0., 3., 0., 2.]), 0"},
    {"logcumsumexp(Tensor self, int dim) -> Tensor", TL_OP(logcumsumexp), both,
     "log Σ e^x of the elements up to each position of `dim`, without overflow.",
     "randn(3, 4), 1 | randn(4, 3).t(), 0 | randn(()), 0 | randn(0, 3), 0"},
    {"cummax(Tensor self, int dim) -> (Tensor values, Tensor indices)", TL_OP(cummax), both | op::exact_out,
     "The largest element up to each position of `dim` and where it stands; of equal ones the last.",
     "randn(3, 4), 1 | randn(4, 3).t(), 0 | randn(()), 0 | randn(0, 3), 0"},
    {"cummin(Tensor self, int dim) -> (Tensor values, Tensor indices)", TL_OP(cummin), both | op::exact_out,
     "The smallest element up to each position of `dim` and where it stands; of equal ones the last.",
     "randn(3, 4), 1 | randn(4, 3).t(), 0 | randn(()), 0"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
