// The largest and smallest elements, and where they stand.
#include "autograd/record.h"
#include "core/parallel.h"
#include "kernels/extreme.h"
#include "ops/reduce_dims.h"
#include "ops/registry.h"

namespace tl {

using kernels::ExtremeArgs;
using kernels::ReduceKind;

namespace {

void check_ordered(const Tensor& self, const char* what) {
  TL_CHECK_NOTIMPL(!is_complex(self.dtype()), "\"", what, "\" not implemented for '",
                   self.dtype() == DType::Complex64 ? "ComplexFloat" : "ComplexDouble", "'");
}

// Each reduced dim must have an element to choose.
void check_not_empty(const Tensor& self, DimSet set, bool named, const char* name) {
  if (self.numel() != 0) return;
  for (int64_t d = 0; d < self.dim(); ++d) {
    TL_CHECK_INDEX(!named || !has_dim(set, size_t(d)) || self.sizes()[size_t(d)] != 0, name,
                   "(): Expected reduction dim ", d, " to have non-zero size.");
  }
  TL_CHECK(named, name,
           "(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the "
           "'dim' argument.");
}

Tensor extreme_value(const Tensor& self, DimSet set, bool keepdim, ReduceKind kind, const char* label, bool nan_too) {
  Tensor out = reduce_over(self, set, keepdim, reduction(kind, self.dtype(), self.dtype()));
  if (needs_grad(self)) {
    record(out, label, inputs(self), saves(self, output(out)), [set, keepdim, nan_too](Backward& b) {
      b[0] = share_evenly(b.grad(), b.saved(0), b.saved(1), set, keepdim, nan_too);
    });
  }
  return out;
}

Tensor extreme_over(const Tensor& self, IntView dims, bool keepdim, ReduceKind kind, const char* name, const char* what,
                    const char* label, bool nan_too = false) {
  check_ordered(self, what);
  DimSet set = dim_set(dims, self.dim());
  check_not_empty(self, set, !dims.empty(), name);
  return extreme_value(self, set, keepdim, kind, label, nan_too);
}

// Values (where asked for) and indices along `dim`, without history.
void extreme_along(const Tensor& self, int64_t dim, bool largest, Tensor* values, const Tensor& indices) {
  const int64_t size = int64_t(item_size(self.dtype()));
  along_dim(self, dim, [&](const AxisPiece& p) {
    char* to = values == nullptr ? nullptr : values->bytes() + p.out * size;
    kernels::extreme(ExtremeArgs{self.dtype(), largest, self.bytes() + p.in * size, to, indices.data<int64_t>() + p.out,
                                 p.n, p.in_step, p.m, p.in_stride, p.out_stride});
  });
}

// The index of the extreme of a contiguous run: of pieces first, then among those.
int64_t index_of_extreme(const Tensor& flat, bool largest) {
  constexpr int64_t length = 1 << 16;
  const int64_t n = flat.numel(), pieces = (n + length - 1) / length, size = int64_t(item_size(flat.dtype()));
  Tensor values = empty(Dims{pieces}, flat.dtype()), indices = empty(Dims{pieces}, DType::Int64);
  auto run = [&](const char* in, char* to, int64_t* at, int64_t count) {
    kernels::extreme(ExtremeArgs{flat.dtype(), largest, in, to, at, count, 1, 1, 0, 0});
  };
  parallel_for(n, length, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin / length; i * length < end; ++i) {
      run(flat.bytes() + i * length * size, values.bytes() + i * size, indices.data<int64_t>() + i,
          std::min(length, n - i * length));
    }
  });
  int64_t best = 0;
  if (pieces > 1) run(values.bytes(), nullptr, &best, pieces);
  return best * length + indices.data<int64_t>()[best];
}

using Pair = std::tuple<Tensor, Tensor>;

Pair extreme_dim(const Tensor& self, int64_t dim_arg, bool keepdim, bool largest, const char* name, const char* label) {
  int64_t dim = wrap_dim(dim_arg, self.dim());
  TL_CHECK(!is_complex(self.dtype()), name, "(): does not support complex input");
  DimSet set = self.dim() == 0 ? 0 : DimSet(1) << dim;
  check_not_empty(self, set, true, name);
  Dims sizes = reduced_sizes(self.sizes(), set, keepdim);
  Tensor values = empty(sizes, self.dtype()), indices = empty(sizes, DType::Int64);
  extreme_along(self, dim, largest, &values, indices);
  if (needs_grad(self)) {
    const Tensor outs[] = {values, indices};
    record_outputs(outs, label, inputs(self), saves(output(indices, 1)),
                   [dim, set, keepdim, sizes = Dims(self.sizes())](Backward& b) {
                     b[0] = put_at_indices(b.grad(), b.saved(0), dim, set, keepdim, sizes);
                   });
  }
  return {values, indices};
}

Tensor arg_extreme(const Tensor& self, std::optional<int64_t> dim_arg, bool keepdim, bool largest, const char* name) {
  TL_CHECK(!is_complex(self.dtype()), name, "(): does not support complex input");
  TL_CHECK(self.dtype() != DType::Bool, name, "(): does not support bool input");
  if (!dim_arg) {
    TL_CHECK_INDEX(self.numel() != 0, name, "(): Expected reduction dim to be specified for input.numel() == 0.");
    NoGradGuard no_grad;
    int64_t at = index_of_extreme(contiguous(detach(self)), largest);
    Tensor out = scalar_tensor(at, DType::Int64);
    return keepdim ? view(out, Dims(size_t(self.dim()), 1)) : out;
  }
  int64_t dim = wrap_dim(*dim_arg, self.dim());
  DimSet set = self.dim() == 0 ? 0 : DimSet(1) << dim;
  check_not_empty(self, set, true, name);
  Tensor indices = empty(reduced_sizes(self.sizes(), set, keepdim), DType::Int64);
  extreme_along(self, dim, largest, nullptr, indices);
  return indices;
}

}  // namespace

Tensor share_evenly(const Tensor& grad, const Tensor& self, const Tensor& result, DimSet set, bool keepdim,
                    bool nan_too) {
  int64_t n = self.dim();
  Tensor value = with_dims(result, set, n, keepdim), g = with_dims(grad, set, n, keepdim);
  if (set == 0) return g;
  Tensor chosen = eq(self, value);
  if (nan_too && has_nan(value)) chosen = logical_or(chosen, logical_and(isnan(value), isnan(self)));
  chosen = to_dtype(chosen, grad.dtype());
  return div(mul(chosen, g), sum(chosen, list_of(set, n), true));
}

Tensor put_at_indices(const Tensor& grad, const Tensor& indices, int64_t dim, DimSet set, bool keepdim, IntView sizes) {
  const int64_t n = int64_t(sizes.size());
  if (n == 0) return grad;
  return scatter_add(zeros(sizes, grad.dtype()), dim, with_dims(indices, set, n, keepdim),
                     with_dims(grad, set, n, keepdim));
}

Tensor amax(const Tensor& self, IntView dims, bool keepdim) {
  return extreme_over(self, dims, keepdim, ReduceKind::max, "amax", "max_values_cpu", "AmaxBackward0:self,result");
}

Tensor amin(const Tensor& self, IntView dims, bool keepdim) {
  return extreme_over(self, dims, keepdim, ReduceKind::min, "amin", "min_values_cpu", "AminBackward0:self,result");
}

namespace {

Tensor max_all(const Tensor& self) {
  return extreme_over(self, {}, false, ReduceKind::max, "max", "max_all", "MaxBackward1:self,result", true);
}
Tensor min_all(const Tensor& self) {
  return extreme_over(self, {}, false, ReduceKind::min, "min", "min_all", "MinBackward1:self,result", true);
}
Pair max_dim(const Tensor& self, int64_t dim, bool keepdim) {
  return extreme_dim(self, dim, keepdim, true, "max", "MaxBackward0:indices");
}
Pair min_dim(const Tensor& self, int64_t dim, bool keepdim) {
  return extreme_dim(self, dim, keepdim, false, "min", "MinBackward0:indices");
}
Tensor argmax(const Tensor& self, std::optional<int64_t> dim, bool keepdim) {
  return arg_extreme(self, dim, keepdim, true, "argmax");
}
Tensor argmin(const Tensor& self, std::optional<int64_t> dim, bool keepdim) {
  return arg_extreme(self, dim, keepdim, false, "argmin");
}

Pair aminmax(const Tensor& self, std::optional<int64_t> dim_arg, bool keepdim) {
  check_ordered(self, "aminmax_cpu");
  DimSet set = all_dims(self);
  if (dim_arg) {
    int64_t dim = wrap_dim(*dim_arg, self.dim());
    set = self.dim() == 0 ? 0 : DimSet(1) << dim;
    TL_CHECK_INDEX(self.dim() == 0 || self.sizes()[size_t(dim)] != 0, "aminmax: Expected reduction dim ", dim,
                   " to have non-zero size.");
  } else {
    TL_CHECK(self.numel() != 0,
             "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity.");
  }
  Tensor low = reduce_over(self, set, keepdim, reduction(ReduceKind::min, self.dtype(), self.dtype()));
  Tensor high = reduce_over(self, set, keepdim, reduction(ReduceKind::max, self.dtype(), self.dtype()));
  if (needs_grad(self)) {
    const Tensor outs[] = {low, high};
    record_outputs(outs, "AminmaxBackward0:self,min,max", inputs(self), saves(self, output(low, 0), output(high, 1)),
                   [set, keepdim](Backward& b) {
                     Tensor x = b.saved(0);
                     for (uint32_t k = 0; k < 2; ++k) {
                       if (!b.grad(k).defined()) continue;
                       Tensor part = share_evenly(b.grad(k), x, b.saved(1 + k), set, keepdim);
                       b[0] = b[0].defined() ? add(b[0], part) : part;
                     }
                   });
  }
  return {low, high};
}

constexpr uint32_t both = op::function | op::method | op::out;
const OpRecord records[] = {
    {"amax(Tensor self, int[] dim=[], bool keepdim=False) -> Tensor", TL_OP(amax), both | op::exact_out,
     "The largest elements along the listed dims, all of them where the list is empty. Equal ones share the gradient "
     "evenly; a "
     "NaN counts as the largest.",
     "randn(3, 4) | randn(3, 4), 1 | randn(2, 3, 4), (0, 2), True | randn(4, 3).t(), 0 | randn(()), 0 | randn(0, 3), 1 "
     "| "
     "tensor([[1., 2., 2.], [3., 3., 3.]]), 1"},
    {"amin(Tensor self, int[] dim=[], bool keepdim=False) -> Tensor", TL_OP(amin), both | op::exact_out,
     "The smallest elements along the listed dims, as amax has the largest.",
     "randn(3, 4) | randn(3, 4), 1 | randn(2, 3, 4), (0, 2), True | randn(4, 3).t(), 0 | tensor([[1., 1., 2.]]), 1"},
    {"aminmax(Tensor self, *, int? dim=None, bool keepdim=False) -> (Tensor min, Tensor max)", TL_OP(aminmax),
     both | op::exact_out, "The smallest and the largest elements, of all or along `dim`.",
     "randn(3, 4) | randn(3, 4), dim=1 | randn(4, 3).t(), dim=0, keepdim=True | randn(())"},
    {"max(Tensor self) -> Tensor", TL_OP(max_all), both,
     "The largest element. Equal ones share the gradient evenly; a NaN counts as the largest.",
     "randn(3, 4) | randn(4, 3).t() | randn(()) | tensor([1., 2., 2.])"},
    {"max(Tensor self, Tensor other) -> Tensor", TL_OP(maximum), both, "maximum under another name.",
     "randn(3, 4), randn(4) | randn(3), randn(())"},
    {"max(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)", TL_OP(max_dim),
     both | op::exact_out,
     "The largest elements along `dim` and their indices; of equal ones the first, which has the gradient.",
     "randn(3, 4), 1 | randn(3, 4), 0, True | randn(4, 3).t(), -1 | randn(2, 3, 4), 1 | randn(()), 0 | randn(0, 3), 1 "
     "| "
     "tensor([[1., 2., 2.]]), 1"},
    {"min(Tensor self) -> Tensor", TL_OP(min_all), both, "The smallest element, as max has the largest.",
     "randn(3, 4) | randn(4, 3).t() | randn(())"},
    {"min(Tensor self, Tensor other) -> Tensor", TL_OP(minimum), both, "minimum under another name.",
     "randn(3, 4), randn(4)"},
    {"min(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)", TL_OP(min_dim),
     both | op::exact_out,
     "The smallest elements along `dim` and their indices; of equal ones the first, which has the gradient.",
     "randn(3, 4), 1 | randn(3, 4), 0, True | randn(4, 3).t(), -1 | randn(2, 3, 4), 1 | randn(()), 0"},
    {"argmax(Tensor self, int? dim=None, bool keepdim=False) -> Tensor", TL_OP(argmax),
     both | op::exact_out | op::nondifferentiable,
     "Where the largest element stands along `dim`, or among all in order without it; the first of equal ones.",
     "randn(3, 4) | randn(3, 4), 1 | randn(4, 3).t(), 0, True | randn(()), 0 | randn(3, 4), None, True"},
    {"argmin(Tensor self, int? dim=None, bool keepdim=False) -> Tensor", TL_OP(argmin),
     both | op::exact_out | op::nondifferentiable, "Where the smallest element stands, as argmax has the largest.",
     "randn(3, 4) | randn(3, 4), 1 | randn(4, 3).t(), 0, True"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
