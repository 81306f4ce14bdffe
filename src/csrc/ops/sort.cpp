// Sorting, the first k, medians, modes.
#include "ops/sort.h"

#include <algorithm>
#include <cmath>

#include "autograd/record.h"
#include "core/parallel.h"
#include "ops/reduce_dims.h"
#include "ops/registry.h"

namespace tl {

using kernels::Choice;
using kernels::SortArgs;

TensorPair ordered(const Tensor& self, int64_t dim, Choice choice, bool descending, int64_t first, int64_t last) {
  NoGradGuard no_grad;
  const bool moved = self.dim() > 1 && dim != self.dim() - 1;
  Tensor x = contiguous(moved ? transpose(detach(self), dim, -1) : detach(self));
  const int64_t n = x.dim() == 0 ? 1 : x.sizes().back(), wanted = last - first;
  Dims sizes(x.sizes());
  if (!sizes.empty()) sizes.back() = wanted;
  Tensor values = empty(sizes, x.dtype()), indices = empty(sizes, DType::Int64);
  if (values.numel() > 0) {
    const int64_t rows = x.numel() / n, size = int64_t(item_size(x.dtype()));
    parallel_for(rows, std::max<int64_t>(1, (1 << 13) / n), [&](int64_t begin, int64_t end) {
      Tensor scratch = empty(Dims{int64_t(kernels::sort_scratch(x.dtype(), n))}, DType::UInt8);
      for (int64_t r = begin; r < end; ++r) {
        kernels::sort_row(SortArgs{choice, x.dtype(), descending, x.bytes() + r * n * size,
                                   values.bytes() + r * wanted * size, indices.data<int64_t>() + r * wanted, n, first,
                                   last, scratch.bytes()});
      }
    });
  }
  if (!moved) return {values, indices};
  return {contiguous(transpose(values, dim, -1)), contiguous(transpose(indices, dim, -1))};
}

namespace {

int64_t size_of(const Tensor& self, int64_t dim) { return self.dim() == 0 ? 1 : self.sizes()[size_t(dim)]; }
DimSet only(const Tensor& self, int64_t dim) { return self.dim() == 0 ? 0 : DimSet(1) << dim; }

// Records values and indices that keep `dim`.
TensorPair recorded(const Tensor& self, TensorPair out, int64_t dim, const char* label) {
  if (needs_grad(self)) {
    const Tensor outs[] = {std::get<0>(out), std::get<1>(out)};
    record_outputs(outs, label, inputs(self), saves(output(outs[1], 1)),
                   [dim, sizes = Dims(self.sizes())](Backward& b) {
                     b[0] = put_at_indices(b.grad(), b.saved(0), dim, 0, true, sizes);
                   });
  }
  return out;
}

TensorPair sort_as(const Tensor& self, int64_t dim_arg, bool descending, const char* label) {
  int64_t dim = wrap_dim(dim_arg, self.dim());
  TL_CHECK(!is_complex(self.dtype()), " Sort does not support complex dtypes on CPU");
  return recorded(self, ordered(self, dim, Choice::range, descending, 0, size_of(self, dim)), dim, label);
}

}  // namespace

TensorPair sort(const Tensor& self, int64_t dim, bool descending) {
  return sort_as(self, dim, descending, "SortBackward0:indices");
}

namespace {

// Every order here is stable.
TensorPair sort_stable(const Tensor& self, std::optional<bool>, int64_t dim, bool descending) {
  return sort_as(self, dim, descending, "SortBackward1:indices");
}
Tensor argsort(const Tensor& self, int64_t dim, bool descending) {
  return std::get<1>(sort(detach(self), dim, descending));
}
Tensor argsort_stable(const Tensor& self, bool, int64_t dim, bool descending) { return argsort(self, dim, descending); }
Tensor msort(const Tensor& self) { return std::get<0>(sort(self, 0, false)); }

TensorPair topk(const Tensor& self, int64_t k, int64_t dim_arg, bool largest, bool) {
  int64_t dim = wrap_dim(dim_arg, self.dim());
  TL_CHECK(k >= 0 && k <= size_of(self, dim), "selected index k out of range: k is ", k, ", the dimension has ",
           size_of(self, dim), " elements");
  TL_CHECK(!is_complex(self.dtype()) && self.dtype() != DType::Bool, " topk does not support ",
           is_complex(self.dtype()) ? "complex" : "bool", " dtypes on CPU");
  return recorded(self, ordered(self, dim, Choice::range, largest, 0, self.dim() == 0 ? 1 : k), dim,
                  "TopkBackward0:indices");
}

void check_choice(const Tensor& self, int64_t dim, const char* name, const char* kernel, bool bools) {
  TL_CHECK_INDEX(self.dim() == 0 || self.sizes()[size_t(dim)] != 0, name, "(): Expected reduction dim ", dim,
                 " to have non-zero size.");
  TL_CHECK_NOTIMPL(!is_complex(self.dtype()) && (bools || self.dtype() != DType::Bool), "\"", kernel,
                   "\" not implemented for '",
                   self.dtype() == DType::Bool        ? "Bool"
                   : self.dtype() == DType::Complex64 ? "ComplexFloat"
                                                      : "ComplexDouble",
                   "'");
}

// One element along `dim`.
TensorPair choose(const Tensor& self, int64_t dim, bool keepdim, Choice choice, int64_t at, const char* label) {
  auto [values, indices] = ordered(self, dim, choice, false, at, at + 1);
  DimSet set = only(self, dim);
  if (!keepdim && self.dim() > 0) {
    Dims sizes = reduced_sizes(self.sizes(), set, false);
    values = view(values, sizes);
    indices = view(indices, sizes);
  }
  if (needs_grad(self)) {
    const Tensor outs[] = {values, indices};
    record_outputs(outs, label, inputs(self), saves(output(indices, 1)),
                   [dim, set, keepdim, sizes = Dims(self.sizes())](Backward& b) {
                     b[0] = put_at_indices(b.grad(), b.saved(0), dim, set, keepdim, sizes);
                   });
  }
  return {values, indices};
}

TensorPair kthvalue(const Tensor& self, int64_t k, int64_t dim_arg, bool keepdim) {
  int64_t dim = wrap_dim(dim_arg, self.dim());
  TL_CHECK_INDEX(size_of(self, dim) != 0, "kthvalue(): Expected reduction dim ", dim, " to have non-zero size.");
  TL_CHECK(k >= 1 && k <= size_of(self, dim), "kthvalue(): selected number k out of range for dimension ", dim);
  check_choice(self, dim, "kthvalue", "kthvalue_cpu", false);
  return choose(self, dim, keepdim, Choice::range, k - 1, "KthvalueBackward0:indices");
}
TensorPair mode(const Tensor& self, int64_t dim_arg, bool keepdim) {
  int64_t dim = wrap_dim(dim_arg, self.dim());
  check_choice(self, dim, "mode", "mode_cpu", true);
  return choose(self, dim, keepdim, Choice::mode, 0, "ModeBackward0:indices");
}
TensorPair median_dim(const Tensor& self, int64_t dim_arg, bool keepdim) {
  int64_t dim = wrap_dim(dim_arg, self.dim());
  check_choice(self, dim, "median", "median_out", false);
  return choose(self, dim, keepdim, Choice::median, 0, "MedianBackward1:indices");
}
TensorPair nanmedian_dim(const Tensor& self, int64_t dim_arg, bool keepdim) {
  int64_t dim = wrap_dim(dim_arg, self.dim());
  check_choice(self, dim, "median", "median_out", false);
  return choose(self, dim, keepdim, Choice::nan_median, 0, "NanmedianBackward1:indices");
}

Tensor median_of_all(const Tensor& self, Choice choice, const char* label) {
  check_choice(self.numel() == 0 ? scalar_tensor(0, self.dtype()) : self, 0, "median", "median_cpu", false);
  Tensor out;
  if (self.numel() == 0) {
    out = scalar_tensor(Scalar(double(NAN)), self.dtype());
  } else {
    NoGradGuard no_grad;
    out = view(std::get<0>(ordered(reshape(detach(self), Dims{-1}), 0, choice, false, 0, 1)), IntView());
  }
  if (needs_grad(self)) {
    record(out, label, inputs(self), saves(self, output(out)), [](Backward& b) {
      Tensor x = b.saved(0);
      b[0] = share_evenly(b.grad(), x, b.saved(1), all_dims(x), false, true);
    });
  }
  return out;
}
Tensor median(const Tensor& self) { return median_of_all(self, Choice::median, "MedianBackward0:self,result"); }
Tensor nanmedian(const Tensor& self) {
  return median_of_all(self, Choice::nan_median, "NanmedianBackward0:self,result");
}

constexpr uint32_t both = op::function | op::method | op::out;
const OpRecord records[] = {
    {"sort(Tensor self, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)",
     TL_OP(static_cast<TensorPair (*)(const Tensor&, int64_t, bool)>(sort)), both | op::exact_out,
     "The elements along `dim` in ascending or descending order, and where they were. Equal ones keep their order; NaN "
     "is the "
     "largest value.",
     "randn(3, 4) | randn(4, 3).t(), 0, True | randn(()) | randn(0, 3), 0 | randn(2, 100, 3), 1 | tensor([1., 0., 1., "
     "0.]), 0, True"},
    {"sort(Tensor self, *, bool? stable, int dim=-1, bool descending=False) -> (Tensor values, Tensor indices)",
     TL_OP(sort_stable), both | op::exact_out, "The same; the order is stable in any case.",
     "randn(3, 4), stable=True | randn(4, 3).t(), stable=False, dim=0"},
    {"argsort(Tensor self, int dim=-1, bool descending=False) -> Tensor", TL_OP(argsort),
     op::function | op::method | op::nondifferentiable, "The indices that sort along `dim`.",
     "randn(3, 4) | randn(4, 3).t(), 0, True | randn(())"},
    {"argsort(Tensor self, *, bool stable, int dim=-1, bool descending=False) -> Tensor", TL_OP(argsort_stable),
     op::function | op::method | op::nondifferentiable, "The same; the order is stable in any case.",
     "randn(3, 4), stable=True, dim=0"},
    {"msort(Tensor self) -> Tensor", TL_OP(msort), both, "Sorted along the first dim.", "randn(3, 4) | randn(())"},
    {"topk(Tensor self, int k, int dim=-1, bool largest=True, bool sorted=True) -> (Tensor values, Tensor indices)",
     TL_OP(topk), both | op::exact_out, "The k largest or smallest elements along `dim`, in order, and where they are.",
     "randn(3, 4), 2 | randn(4, 3).t(), 3, 0, False | randn(3, 100), 5 | randn(()), 1 | randn(3), 0"},
    {"kthvalue(Tensor self, int k, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)", TL_OP(kthvalue),
     both | op::exact_out, "The k-th smallest element along `dim` (1 is the smallest) and where it is.",
     "randn(3, 4), 2 | randn(4, 3).t(), 1, 0, True | randn(3, 100), 50 | randn(()), 1"},
    {"median(Tensor self) -> Tensor", TL_OP(median), op::function | op::method,
     "The median of all elements, the lower one of two; NaN where there is a NaN.",
     "randn(3, 4) | randn(3, 3) | randn(()) | randn(0)"},
    {"median(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)", TL_OP(median_dim),
     both | op::exact_out, "The medians along `dim` and where they are.",
     "randn(3, 4), 1 | randn(4, 3).t(), 0, True | randn(()), 0"},
    {"nanmedian(Tensor self) -> Tensor", TL_OP(nanmedian), op::function | op::method,
     "The median of the elements that are not NaN.", "randn(3, 4) | tensor([1., float('nan'), 3.])"},
    {"nanmedian(Tensor self, int dim, bool keepdim=False) -> (Tensor values, Tensor indices)", TL_OP(nanmedian_dim),
     both | op::exact_out, "The medians along `dim` of the elements that are not NaN.",
     "randn(3, 4), 1 | tensor([[1., float('nan'), 3.]]), 1, True"},
    {"mode(Tensor self, int dim=-1, bool keepdim=False) -> (Tensor values, Tensor indices)", TL_OP(mode),
     both | op::exact_out, "The most frequent value along `dim`, the smallest of several, and where it last stands.",
     "randn(3, 4) | tensor([[1., 2., 2., 1.]]), 1, True | randn(())"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
