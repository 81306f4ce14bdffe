// The rarer writers and readers by index: index_reduce, as_strided_scatter, fill_diagonal_, nonzero_static;
// histogram.
#include <algorithm>
#include <cmath>

#include "autograd/record.h"
#include "ops/index_plan.h"
#include "ops/pointwise.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

namespace {

// The index of a scatter that index_reduce is: the same for every position beside `dim`.
Tensor expanded_index(const char* name, const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source,
                      std::string_view reduce) {
  TL_CHECK(reduce == "prod" || reduce == "mean" || reduce == "amax" || reduce == "amin", name,
           "(): Expected reduce to be one of prod, mean, amax or amin but got ", reduce, ".");
  TL_CHECK(index.dim() <= 1, name, "(): Index is supposed to be a vector, but got dim: ", index.dim());
  TL_CHECK(index.dtype() == DType::Int64 || index.dtype() == DType::Int32, name,
           "(): Expected dtype int32/int64 for index");
  TL_CHECK(self.dtype() == source.dtype(), name, "(): self and source expected to have the same dtype, but got (self) ",
           dtype_legacy_name(self.dtype()), " and (source) ", dtype_legacy_name(source.dtype()));
  const int64_t n = source.dim() == 0 ? 1 : source.size(std::min(dim, source.dim() - 1));
  TL_CHECK(index.numel() == n, name, "(): Number of indices (", index.numel(),
           ") should be equal to source.size(dim): (", n, "), for dim: ", dim);
  Dims sizes(self.sizes());
  if (self.dim() > 0) sizes[size_t(dim)] = n;
  TL_CHECK(self.dim() == 0 || equal(sizes, source.sizes()), name, "(): the shape of source ", Shape{source.sizes()},
           " must match that of self ", Shape{self.sizes()}, " except along dim ", dim);
  Tensor checked = checked_vector(index, self.dim() == 0 ? 1 : self->dims[dim], name);
  if (self.dim() == 0) return reshape(checked, Dims{});
  Dims alone(sizes.size(), 1);
  alone[size_t(dim)] = n;
  return expand(reshape(checked, alone), sizes);
}

Tensor index_reduce(const Tensor& self, int64_t dim_arg, const Tensor& index, const Tensor& source,
                    std::string_view reduce, bool include_self) {
  const int64_t dim = wrap_dim(dim_arg, self.dim());
  Tensor at = expanded_index("index_reduce", self, dim, index, source, reduce);
  return scatter_reduce(self, dim, at, source, reduce, include_self);
}
Tensor index_reduce_(const Tensor& self, int64_t dim_arg, const Tensor& index, const Tensor& source,
                     std::string_view reduce, bool include_self) {
  const int64_t dim = wrap_dim(dim_arg, self.dim());
  Tensor at = expanded_index("index_reduce_", self, dim, index, source, reduce);
  return scatter_reduce_(self, dim, at, source, reduce, include_self);
}

Tensor as_strided_scatter(const Tensor& self, const Tensor& src, IntView sizes, IntView strides,
                          std::optional<int64_t> offset) {
  TL_CHECK(equal(sizes, src.sizes()),
           "as_strided_scatter(): expected src to have a size equal to the slice of self. src size = ",
           Shape{src.sizes()}, ", slice size = ", Shape{sizes});
  Tensor out = clone(contiguous(self));
  copy_(as_strided(out, sizes, strides, offset), src);
  return out;
}

Tensor fill_diagonal_(const Tensor& self, const Scalar& value, bool wrap) {
  TL_CHECK(self.dim() > 1, "dimensions must larger than 1");
  const int64_t n = self.dim();
  int64_t side = self->dims[0], step = 0;
  for (int64_t d = 0; d < n; ++d) {
    TL_CHECK(n == 2 || self->dims[d] == side, "all dimensions of input must be of equal length");
    side = std::min(side, self->dims[d]);
    step += self->dims[n + d];
  }
  fill_(as_strided(self, Dims{side}, Dims{step}, self->offset), value);
  if (wrap && n == 2) {
    // Below a tall matrix's first square the diagonal begins anew, one row apart.
    const int64_t rows = self->dims[0], columns = self->dims[1];
    for (int64_t r = columns + 1; r < rows; r += columns + 1) {
      const int64_t count = std::min(columns, rows - r);
      fill_(as_strided(self, Dims{count}, Dims{step}, self->offset + r * self->dims[2]), value);
    }
  }
  return self;
}

Tensor nonzero_static(const Tensor& self, int64_t size, int64_t fill_value) {
  TL_CHECK(size >= 0, "nonzero_static: 'size' must be an non-negative integer");
  Tensor places = nonzero(detach(self));
  Tensor out = full(Dims{size, self.dim()}, Scalar(fill_value), DType::Int64);
  const int64_t found = std::min(size, places->dims[0]);
  copy_values(narrow(out, 0, 0, found), narrow(places, 0, 0, found));
  return out;
}

// --- histogram ---------------------------------------------------------------------------------------

std::tuple<Tensor, Tensor> counted(const Tensor& x_arg, const Tensor& edges, const Tensor& weight, bool density) {
  const DType t = x_arg.dtype();
  const int64_t bins = edges.numel() - 1;
  NoGradGuard no_grad;
  Tensor x = dense_values(detach(x_arg), x_arg.sizes(), DType::Float64);
  Tensor at = dense_values(edges, edges.sizes(), DType::Float64);
  Tensor w = weight.defined() ? dense_values(detach(weight), weight.sizes(), DType::Float64) : Tensor();
  Tensor hist = zeros(Dims{bins}, DType::Float64);
  const double *e = at.data<double>(), *v = x.data<double>();
  double* to = hist.data<double>();
  for (int64_t i = 0; i < x.numel(); ++i) {
    if (!(v[i] >= e[0] && v[i] <= e[bins])) continue;
    // The last bin has its right edge.
    const int64_t bin = std::min(bins - 1, int64_t(std::upper_bound(e, e + bins + 1, v[i]) - e) - 1);
    to[bin] += w.defined() ? w.data<double>()[i] : 1;
  }
  if (density) {
    double total = 0;
    for (int64_t b = 0; b < bins; ++b) total += to[b];
    for (int64_t b = 0; b < bins; ++b) to[b] /= total * (e[b + 1] - e[b]);
  }
  return {to_dtype(hist, t), edges};
}
void check_histogram(const Tensor& x, const Tensor& weight) {
  TL_CHECK_NOTIMPL(x.dtype() == DType::Float32 || x.dtype() == DType::Float64, "\"histogramdd\" not implemented for '",
                   dtype_legacy_name(x.dtype()), "'");
  TL_CHECK(!weight.defined() || weight.dtype() == x.dtype(),
           "torch.histogram: if weight tensor is provided, input tensor and weight tensor should have the same dtype");
  TL_CHECK(!weight.defined() || equal(weight.sizes(), x.sizes()),
           "torch.histogram: if weight tensor is provided it should have the same shape as the input tensor");
}

std::tuple<Tensor, Tensor> histogram(const Tensor& x, const Tensor& bins, const Tensor& weight, bool density) {
  check_histogram(x, weight);
  TL_CHECK(bins.dim() == 1 && bins.numel() > 0,
           "torch.histogram(): bins tensor should have one dimension and elements");
  TL_CHECK(bins.dtype() == x.dtype(), "torch.histogram(): input and bin edges should have the same dtype");
  return counted(x, clone(bins), weight, density);
}

std::tuple<Tensor, Tensor> histogram_even(const Tensor& x, int64_t bins, const std::vector<double>* range,
                                          const Tensor& weight, bool density) {
  check_histogram(x, weight);
  TL_CHECK(bins > 0, "torch.histogram(): bins must be > 0, but got ", bins, " for dimension 0");
  double low = 0, high = 1;
  if (range != nullptr) {
    TL_CHECK(range->size() == 2, "torch.histogram(): range should have 2 elements, but got ", range->size());
    low = (*range)[0];
    high = (*range)[1];
  } else if (x.numel() > 0) {
    NoGradGuard no_grad;
    Tensor flat = detach(x);
    low = item(amin(flat, {}, false)).to_double();
    high = item(amax(flat, {}, false)).to_double();
  }
  TL_CHECK(std::isfinite(low) && std::isfinite(high), "torch.histogram: range [", low, ", ", high, "] is not finite");
  TL_CHECK(low <= high, "torch.histogram: min should not exceed max, but got min ", low, " max ", high);
  if (low == high) {
    low -= 0.5;
    high += 0.5;
  }
  Tensor edges = empty(Dims{bins + 1}, x.dtype());
  for (int64_t i = 0; i <= bins; ++i) {
    // From both ends, so that the last is exact.
    const double step = (high - low) / double(bins);
    const double v = i <= bins / 2 ? low + step * double(i) : high - step * double(bins - i);
    if (x.dtype() == DType::Float64) {
      edges.data<double>()[i] = v;
    } else {
      edges.data<float>()[i] = float(v);
    }
  }
  return counted(x, edges, weight, density);
}
std::tuple<Tensor, Tensor> histogram_of(const Tensor& x, int64_t bins, const std::optional<std::vector<double>>& range,
                                        const Tensor& weight, bool density) {
  return histogram_even(x, bins, range ? &*range : nullptr, weight, density);
}

constexpr uint32_t both = op::function | op::method;
const OpRecord records[] = {
    {"index_reduce(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) -> Tensor",
     TL_OP(index_reduce), both | op::out,
     "Slices of `source` combined into those of a copy that `index` names, by prod, mean, amax or amin.",
     "randn(3, 4), 0, tensor([0, 2]), randn(2, 4), 'prod' | randn(3, 4), 1, tensor([1, 1, 0]), randn(3, 3), 'amax' | "
     "randn(4, 3).t(), 0, tensor([2, 2]), randn(2, 4), 'mean', include_self=False | randn(3), 0, tensor([1]), "
     "randn(1), "
     "'amin'"},
    {"index_reduce_(Tensor self, int dim, Tensor index, Tensor source, str reduce, *, bool include_self=True) -> "
     "Tensor",
     TL_OP(index_reduce_), op::method | op::writes_self, "index_reduce in place.",
     "randn(3, 4), 0, tensor([0, 2]), randn(2, 4), 'prod'"},
    {"as_strided_scatter(Tensor self, Tensor src, int[] size, int[] stride, int? storage_offset=None) -> Tensor",
     TL_OP(as_strided_scatter), both, "A copy of which the view by as_strided is replaced by `src`.",
     "randn(3, 4), randn(2, 2), (2, 2), (1, 2) | randn(3, 4), randn(2), (2,), (5,), 1"},
    {"fill_diagonal_(Tensor self, Scalar fill_value, bool wrap=False) -> Tensor", TL_OP(fill_diagonal_),
     op::method | op::writes_self, "Fills the main diagonal; with `wrap` it begins anew below a tall matrix's square.",
     "randn(3, 4), 2 | randn(8, 3), 1.5, True | randn(3, 3, 3), 0 | randn(4, 3).t(), 1"},
    {"nonzero_static(Tensor self, *, int size, int fill_value=-1) -> Tensor", TL_OP(nonzero_static),
     both | op::out | op::nondifferentiable, "nonzero with `size` rows: cut, or filled up.",
     "tensor([[1, 0], [2, 3]]), size=4 | tensor([1.0, 0.0, 2.0]), size=1, fill_value=7 | randn(0, 3), size=2"},
    {"histogram(Tensor self, int bins=100, *, float[]? range=None, Tensor? weight=None, bool density=False) -> (Tensor "
     "hist, Tensor bin_edges)",
     TL_OP(histogram_of), both | op::out | op::nondifferentiable,
     "How many elements, or how much weight, fall in each of `bins` equal bins between the extremes or in `range`.",
     "randn(20), 4 | randn(4, 3).t(), 5, range=(-1.0, 1.0), weight=rand(3, 4), density=True | randn(0), 3"},
    {"histogram(Tensor self, Tensor bins, *, Tensor? weight=None, bool density=False) -> (Tensor hist, Tensor "
     "bin_edges)",
     TL_OP(histogram), both | op::out | op::nondifferentiable, "The same with the edges of the bins given.",
     "randn(20), tensor([-1.0, 0.0, 0.5, 2.0])"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
