// Sums, means and products.
#include "autograd/record.h"
#include "ops/pointwise.h"
#include "ops/reduce_dims.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

using kernels::ReduceKind;

namespace {

// Integers add up in int64.
DType sum_type(const Tensor& self, std::optional<DType> dtype) {
  return dtype ? *dtype : is_integral_or_bool(self.dtype()) ? DType::Int64 : self.dtype();
}

// Is `self` as `dtype` what the kernel reads anyway? Otherwise it is converted first.
Tensor readable_as(const Tensor& self, DType dtype) {
  DType t = self.dtype();
  bool direct = t == dtype || is_integral_or_bool(t) ? !is_complex(dtype) : is_floating(t) && is_floating(dtype);
  return t == dtype || direct ? self : to_dtype(self, dtype);
}

// The gradient of a sum: itself, for each element.
Tensor spread(const Tensor& grad, IntView sizes) {
  if (needs_grad(grad)) return expand(grad, sizes);
  int64_t n = 1;
  for (int64_t s : sizes) n *= s;
  // Few elements: a tensor of their own is read faster afterwards than a view that repeats one.
  if (n <= 64 && grad.numel() == 1 && grad.dtype() == DType::Float32) {
    Tensor out = empty(sizes, DType::Float32);
    std::fill_n(out.data<float>(), n, *grad.data<float>());
    return out;
  }
  return expand(grad, sizes);
}

Tensor sum_over(const Tensor& self, DimSet set, bool keepdim, std::optional<DType> dtype, const char* label,
                double divisor = 1) {
  DType result = sum_type(self, dtype);
  Tensor in = readable_as(self, result);
  Reduction r = reduction(ReduceKind::sum,
                          is_floating(in.dtype()) || is_integral_or_bool(in.dtype()) ? result : in.dtype(), result);
  r.divisor = divisor;
  Tensor out = reduce_over(in, set, keepdim, r);
  if (needs_grad(in)) {
    record(out, label, inputs(in), saves(), [set, keepdim, divisor, sizes = Dims(in.sizes())](Backward& b) {
      Tensor g = with_dims(b.grad(), set, int64_t(sizes.size()), keepdim);
      b[0] = spread(divisor == 1 ? g : div(g, Scalar(divisor)), sizes);
    });
  }
  return out;
}

Tensor sum_all_f32(const Tensor& self) {
  Tensor out = empty(IntView(), DType::Float32);
  *out.data<float>() = kernels::sum_f32(self.data<float>(), self.numel());
  if (needs_grad(self)) {
    record(out, "SumBackward0", inputs(self), saves(),
           [sizes = Dims(self.sizes())](Backward& b) { b[0] = spread(b.grad(), sizes); });
  }
  return out;
}

constexpr int64_t small = 1 << 14;

bool is_small_f32(const Tensor& self, std::optional<DType> dtype) {
  return self.dtype() == DType::Float32 && self.is_contiguous() && self.numel() <= small && !dtype;
}

}  // namespace

Tensor sum(const Tensor& self, std::optional<DType> dtype) {
  if (is_small_f32(self, dtype)) return sum_all_f32(self);
  return sum_over(self, all_dims(self), false, dtype, "SumBackward0");
}

Tensor sum(const Tensor& self, IntView dims, bool keepdim, std::optional<DType> dtype) {
  return sum_over(self, dim_set(dims, self.dim()), keepdim, dtype, "SumBackward1");
}

namespace {

void check_mean(const Tensor& self, std::optional<DType> dtype) {
  TL_CHECK(is_differentiable(dtype.value_or(self.dtype())), "mean(): could not infer output dtype. ",
           dtype ? "Optional" : "Input", " dtype must be either a floating point or complex dtype. Got: ",
           dtype_legacy_name(dtype.value_or(self.dtype())));
}

Tensor mean_over(const Tensor& self, DimSet set, bool keepdim, std::optional<DType> dtype, const char* label) {
  check_mean(self, dtype);
  return sum_over(self, set, keepdim, dtype, label, double(reduced_count(self.sizes(), set)));
}

Tensor mean_all(const Tensor& self, std::optional<DType> dtype) {
  return mean_over(self, all_dims(self), false, dtype, "MeanBackward0");
}

}  // namespace

Tensor mean(const Tensor& self, IntView dims, bool keepdim, std::optional<DType> dtype) {
  return mean_over(self, dim_set(dims, self.dim()), keepdim, dtype, "MeanBackward1");
}

Tensor sum_to_size(const Tensor& self, IntView sizes) {
  if (equal(self.sizes(), sizes)) return self;
  const size_t n = size_t(self.dim());
  const size_t lead = n - std::min(n, sizes.size());
  bool fits = sizes.size() <= n;
  DimSet set = 0;
  for (size_t d = 0; fits && d < n; ++d) {
    int64_t size = self.sizes()[d];
    if (d < lead || (sizes[d - lead] == 1 && size != 1)) {
      set |= DimSet(1) << d;
    } else {
      fits = sizes[d - lead] == size;
    }
  }
  TL_CHECK(fits, "size {", Shape{sizes}, "} is not expandable to size {", Shape{self.sizes()}, "}.");
  if (needs_grad(self)) {
    Tensor out = set == 0 ? self : sum_over(self, set, true, {}, "SumBackward1");
    return lead == 0 ? out : view(out, sizes);
  }
  Tensor out = empty(sizes, self.dtype());
  reduce_into(out, self, set, reduction(ReduceKind::sum, self.dtype(), self.dtype()));
  return out;
}

bool has_zero(const Tensor& self) {
  return !*reduce_over(self, all_dims(self), false, reduction(ReduceKind::all, self.dtype(), DType::Bool)).data<bool>();
}

bool has_nan(const Tensor& self) {
  if (is_integral_or_bool(self.dtype())) return false;
  Tensor out = reduce_over(self, all_dims(self), false, reduction(ReduceKind::has_nan, self.dtype(), DType::Bool));
  return *out.data<bool>();
}

namespace {

// Π of the others: what the gradient of a product is where an element may be zero.
Tensor product_of_others(const Tensor& self, int64_t dim) {
  Tensor first = narrow(self, dim, 0, 1);
  Tensor one = ones_like(first);
  const int64_t n = self.sizes()[size_t(dim)];
  Tensor before = cumprod(cat({one, narrow(self, dim, 0, n - 1)}, dim), dim);
  Tensor after = flip(cumprod(cat({one, narrow(flip(self, Dims{dim}), dim, 0, n - 1)}, dim), dim), Dims{dim});
  return mul(before, after);
}
Tensor prod_over(const Tensor& self, std::optional<int64_t> dim, bool keepdim, std::optional<DType> dtype) {
  DType result = sum_type(self, dtype);
  Tensor in = readable_as(self, result);
  DimSet set = dim ? (self.dim() == 0 ? 0 : DimSet(1) << *dim) : all_dims(self);
  Tensor out =
      reduce_over(in, set, keepdim, reduction(ReduceKind::prod, is_complex(in.dtype()) ? in.dtype() : result, result));
  if (needs_grad(in)) {
    record(out, dim ? "ProdBackward1:self,result" : "ProdBackward0:self,result", inputs(in), saves(in, output(out)),
           [set, keepdim, dim](Backward& b) {
             Tensor x = b.saved(0);
             const int64_t n = x.dim();
             Tensor g = with_dims(b.grad(), set, n, keepdim);
             if (set == 0) {
               b[0] = g;
             } else if (x.numel() == 0 || !has_zero(x)) {
               b[0] = mul(g, conj(div(with_dims(b.saved(1), set, n, keepdim), x)));
             } else if (dim) {
               b[0] = mul(g, conj(product_of_others(x, *dim)));
             } else {
               b[0] = mul(g, conj(reshape(product_of_others(reshape(x, Dims{-1}), 0), x.sizes())));
             }
           });
  }
  return out;
}
Tensor prod_all(const Tensor& self, std::optional<DType> dtype) { return prod_over(self, {}, false, dtype); }
Tensor prod_dim(const Tensor& self, int64_t dim, bool keepdim, std::optional<DType> dtype) {
  return prod_over(self, wrap_dim(dim, self.dim()), keepdim, dtype);
}

Tensor nansum(const Tensor& self, const std::optional<Dims>& dims, bool keepdim, std::optional<DType> dtype) {
  TL_CHECK(!is_complex(self.dtype()), "nansum on CPU does not support complex inputs");
  IntView list = dims ? IntView(*dims) : IntView();
  if (is_integral_or_bool(self.dtype())) return sum(self, list, keepdim, dtype);
  DimSet set = dim_set(list, self.dim());
  DType result = dtype.value_or(self.dtype());
  Tensor in = readable_as(self, result);
  Tensor out = reduce_over(in, set, keepdim, reduction(ReduceKind::nan_sum, result, result));
  if (needs_grad(in)) {
    record(out, "NansumBackward0:self", inputs(in), saves(in), [set, keepdim](Backward& b) {
      Tensor x = b.saved(0);
      Tensor g = with_dims(b.grad(), set, x.dim(), keepdim);
      b[0] = mul(expand(g, x.sizes()), logical_not(isnan(x)));
    });
  }
  return out;
}
Tensor nanmean(const Tensor& self, const std::optional<Dims>& dims, bool keepdim, std::optional<DType> dtype) {
  TL_CHECK(is_differentiable(self.dtype()),
           "nanmean(): expected input to have floating point or complex dtype but got ",
           dtype_legacy_name(self.dtype()));
  IntView list = dims ? IntView(*dims) : IntView();
  Tensor count = sum(logical_not(isnan(detach(self))), list, keepdim);
  return div(nansum(self, dims, keepdim, dtype), count);
}

// Truth values: of uint8 in uint8, as PyTorch has it.
Tensor truth_over(const Tensor& self, const std::optional<Dims>& dims, bool keepdim, ReduceKind kind) {
  DimSet set = dims && dims->empty() ? 0 : dim_set(dims, self.dim());
  Tensor out = reduce_over(self, set, keepdim, reduction(kind, self.dtype(), DType::Bool));
  return self.dtype() == DType::UInt8 ? to_dtype(out, DType::UInt8) : out;
}
Tensor any(const Tensor& self) { return truth_over(self, {}, false, ReduceKind::any); }
Tensor all(const Tensor& self) { return truth_over(self, {}, false, ReduceKind::all); }
Tensor any_dims(const Tensor& self, const std::optional<Dims>& dims, bool keepdim) {
  return truth_over(self, dims, keepdim, ReduceKind::any);
}
Tensor all_dims_true(const Tensor& self, const std::optional<Dims>& dims, bool keepdim) {
  return truth_over(self, dims, keepdim, ReduceKind::all);
}
Tensor count_nonzero(const Tensor& self, const std::optional<Dims>& dims) {
  return reduce_over(self, dim_set(dims, self.dim()), false, reduction(ReduceKind::count, self.dtype(), DType::Int64));
}

Tensor sum_dims(const Tensor& self, const std::optional<Dims>& dims, bool keepdim, std::optional<DType> dtype) {
  return sum(self, dims ? IntView(*dims) : IntView(), keepdim, dtype);
}
Tensor mean_dims(const Tensor& self, const std::optional<Dims>& dims, bool keepdim, std::optional<DType> dtype) {
  return mean(self, dims ? IntView(*dims) : IntView(), keepdim, dtype);
}

constexpr uint32_t both = op::function | op::method | op::out;
const OpRecord records[] = {
    {"sum(Tensor self, *, ScalarType? dtype=None) -> Tensor",
     TL_OP(static_cast<Tensor (*)(const Tensor&, std::optional<DType>)>(sum)), both,
     "The sum of all elements, of int64 for integers and bools. Float32 values are added as a tree, with an error that "
     "grows "
     "with the logarithm of their number.",
     "randn(3, 4) | randn(4, 3).t() | randn(0) | randn(()) | randn(3).expand(2, 3) | randn(3, 4), dtype=float64"},
    {"sum(Tensor self, int[]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", TL_OP(sum_dims), both,
     "The sums along the listed dims, all of them where the list is empty.",
     "randn(3, 4), 1 | randn(3, 4), 0, True | randn(2, 3, 4), (0, -1) | randn(2, 3, 4).transpose(0, 2), (1, 2), "
     "keepdim=True | "
     "randn(0, 3), 0 | randn(()), -1 | randn(3, 4), () | randn(3, 4), 0, dtype=float64"},
    {"mean(Tensor self, *, ScalarType? dtype=None) -> Tensor", TL_OP(mean_all), both, "The mean of all elements.",
     "randn(3, 4) | randn(4, 3).t() | randn(()) | randn(3, 4), dtype=float64"},
    {"mean(Tensor self, int[]? dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", TL_OP(mean_dims), both,
     "The means along the listed dims, all of them where the list is empty.",
     "randn(3, 4), 1 | randn(3, 4), 0, True | randn(2, 3, 4), (0, -1) | randn(4, 3).t(), (0, 1) | randn(0, 3), 1 | "
     "randn(()), 0"},
    {"sum_to_size(Tensor self, int[] size) -> Tensor", TL_OP(sum_to_size), op::method,
     "Sums along the dims that would have to be expanded to get from `size` to the shape of self.",
     "randn(3, 4), (1, 4) | randn(3, 4), (4,) | randn(2, 3, 4), (3, 1) | randn(3, 4), (3, 4) | randn(3, 4), ()"},
    {"prod(Tensor self, *, ScalarType? dtype=None) -> Tensor", TL_OP(prod_all), both, "The product of all elements.",
     "randn(3, 4) | randn(4, 3).t() | randn(0) | randn(()) | tensor([1., 0., 3.]) | tensor([0., 0., 3.])"},
    {"prod(Tensor self, int dim, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", TL_OP(prod_dim), both,
     "The products along `dim`.",
     "randn(3, 4), 1 | randn(4, 3).t(), 0, True | randn(()), 0 | randn(0, 3), 0 | tensor([[1., 0., 3.], [4., 5., "
     "6.]]), 1"},
    {"nansum(Tensor self, int[]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", TL_OP(nansum),
     both, "The sums along the listed dims, all of them without a list; NaN counts as zero.",
     "randn(3, 4) | randn(3, 4), 1 | tensor([1., float('nan')]) | randn(4, 3).t(), (0, 1), True"},
    {"nanmean(Tensor self, int[]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor", TL_OP(nanmean),
     both, "The means of the elements that are not NaN.",
     "randn(3, 4) | randn(3, 4), 1 | tensor([1., float('nan')]), 0, True"},
    {"any(Tensor self) -> Tensor", TL_OP(any), both | op::nondifferentiable, "Is any element not zero?",
     "randn(3, 4) | randn(0) | tensor([0, 0]) | tensor([0, 1], dtype=uint8)"},
    {"any(Tensor self, int[]? dim, bool keepdim=False) -> Tensor", TL_OP(any_dims), both | op::nondifferentiable,
     "The same along the listed dims.", "randn(3, 4), 1 | randn(3, 4).t() > 1, (0, 1), True | randn(0, 3), 0"},
    {"all(Tensor self) -> Tensor", TL_OP(all), both | op::nondifferentiable, "Is no element zero?",
     "randn(3, 4) | randn(0) | tensor([0, 1]) | tensor([1, 1], dtype=uint8)"},
    {"all(Tensor self, int[]? dim, bool keepdim=False) -> Tensor", TL_OP(all_dims_true), both | op::nondifferentiable,
     "The same along the listed dims.", "randn(3, 4), 1 | randn(3, 4).t() > 1, (0, 1), True | randn(0, 3), 0"},
    {"count_nonzero(Tensor self, int[]? dim=None) -> Tensor", TL_OP(count_nonzero),
     op::function | op::method | op::nondifferentiable,
     "How many elements are not zero, of all or along the listed dims.",
     "randn(3, 4) | tensor([[0, 1], [0, 0]]), 1 | randn(0, 2), 0"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
