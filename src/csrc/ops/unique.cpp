// Distinct values and how often they occur: unique, unique_consecutive, bincount, histc.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "autograd/record.h"
#include "ops/reduce_dims.h"
#include "ops/registry.h"
#include "ops/sort.h"
#include "ops/view.h"

namespace tl {

using kernels::Choice;

namespace {

// Groups of equal neighbours in some order of the elements.
struct Groups {
  std::vector<int64_t> first;  // a member of each
  Tensor inverse, counts;      // the group of each element; how many each has
};

// `order[i]` is the element at place i; `same(a, b)` compares elements.
template <class Same>
Groups grouped(int64_t n, const int64_t* order, Same same) {
  Groups g;
  g.inverse = empty(Dims{n}, DType::Int64);
  std::vector<int64_t> counts;
  for (int64_t i = 0; i < n; ++i) {
    const int64_t at = order == nullptr ? i : order[i];
    if (i == 0 || !same(order == nullptr ? i - 1 : order[i - 1], at)) {
      g.first.push_back(at);
      counts.push_back(0);
    }
    ++counts.back();
    g.inverse.data<int64_t>()[at] = int64_t(counts.size()) - 1;
  }
  g.counts = empty(Dims{int64_t(counts.size())}, DType::Int64);
  std::copy(counts.begin(), counts.end(), g.counts.data<int64_t>());
  return g;
}

// Runs of `width` elements are equal where every element is; a NaN equals nothing.
template <class T>
bool equal_runs(const T* a, const T* b, int64_t width) {
  for (int64_t i = 0; i < width; ++i) {
    if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
      if (convert<float>(a[i]) != convert<float>(b[i])) return false;
    } else {
      if (a[i] != b[i]) return false;
    }
  }
  return true;
}
template <class T>
bool less_runs(const T* a, const T* b, int64_t width) {
  for (int64_t i = 0; i < width; ++i) {
    if constexpr (std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>) {
      if (a[i] != b[i]) return a[i].real() < b[i].real() || (a[i].real() == b[i].real() && a[i].imag() < b[i].imag());
    } else {
      const auto x = convert<std::conditional_t<std::is_integral_v<T>, T, double>>(a[i]);
      const auto y = convert<std::conditional_t<std::is_integral_v<T>, T, double>>(b[i]);
      if (x < y || (x == x && y != y)) return true;
      if (y < x || (y == y && x != x)) return false;
    }
  }
  return false;
}

Tensor unique_values(const Tensor& self, const Tensor& values, const char* label, const char* name) {
  if (needs_grad(self)) {
    record(values, label, inputs(self), saves(), [name](Backward&) {
      fail(ErrorKind::not_implemented, "the derivative for '", name, "' is not implemented.");
    });
  }
  return values;
}

Result as_tuple(const Tensor& values, const Groups& g, IntView inverse_shape, bool return_inverse, bool return_counts) {
  if (!return_inverse && !return_counts) return values;
  std::vector<Tensor> out{values};
  if (return_inverse) out.push_back(reshape(g.inverse, inverse_shape));
  if (return_counts) out.push_back(g.counts);
  return out;
}

void check_unique(const Tensor& self, const char* what) {
  TL_CHECK_NOTIMPL(!is_complex(self.dtype()), "\"", what, "\" not implemented for '",
                   self.dtype() == DType::Complex64 ? "ComplexFloat" : "ComplexDouble", "'");
}

// Of single elements, or of slices along `dim`; sorted, or in the order they have.
Result distinct(const Tensor& self, std::optional<int64_t> dim_arg, bool sorted, bool return_inverse,
                bool return_counts) {
  check_unique(self, dim_arg ? "unique_dim" : sorted ? "unique" : "unique_consecutive");
  TL_CHECK_INDEX(!dim_arg || self.dim() > 0, "Dimension specified as ", *dim_arg, " but tensor has no dimensions");
  int64_t dim = dim_arg ? wrap_dim(*dim_arg, self.dim()) : 0;
  if (dim_arg) {
    bool other_empty = false;
    for (int64_t d = 0; d < self.dim(); ++d) other_empty = other_empty || (d != dim && self.sizes()[size_t(d)] == 0);
    TL_CHECK(!other_empty, "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied");
  }
  Tensor rows, values;
  Groups g;
  {
    NoGradGuard no_grad;
    rows = detach(self);
    if (dim_arg) rows = movedim(rows, Dims{dim}, Dims{0});
    rows = contiguous(dim_arg ? rows : reshape(rows, Dims{-1}));
    const int64_t n = rows.sizes()[0], width = n == 0 ? 0 : rows.numel() / n;
    dispatch_all(rows.dtype(), [&](auto tag) {
      using T = typename decltype(tag)::type;
      const T* p = rows.data<T>();
      auto same = [&](int64_t a, int64_t b) { return equal_runs(p + a * width, p + b * width, width); };
      Tensor order;
      if (sorted && width == 1) {
        order = std::get<1>(ordered(rows.dim() == 1 ? rows : reshape(rows, Dims{-1}), 0, Choice::range, false, 0, n));
      } else if (sorted) {
        order = empty(Dims{n}, DType::Int64);
        int64_t* at = order.data<int64_t>();
        for (int64_t i = 0; i < n; ++i) at[i] = i;
        std::stable_sort(at, at + n,
                         [&](int64_t a, int64_t b) { return less_runs(p + a * width, p + b * width, width); });
      }
      g = grouped(n, order.defined() ? order.data<int64_t>() : nullptr, same);
    });
    Tensor first = empty(Dims{int64_t(g.first.size())}, DType::Int64);
    std::copy(g.first.begin(), g.first.end(), first.data<int64_t>());
    values = index_select(rows, 0, first);
    if (dim_arg) values = contiguous(movedim(values, Dims{0}, Dims{dim}));
  }
  const char* label = !sorted ? "UniqueConsecutiveBackward0" : dim_arg ? "UniqueDimBackward0" : "Unique2Backward0";
  const char* name = !sorted ? "unique_consecutive" : dim_arg ? "unique_dim" : "_unique2";
  values = unique_values(self, values, label, name);
  Dims inverse_shape(self.sizes());
  if (dim_arg) inverse_shape = Dims{g.inverse.numel()};
  return as_tuple(values, g, inverse_shape, return_inverse, return_counts);
}

Result unique(const Tensor& self, bool, bool return_inverse, bool return_counts, std::optional<int64_t> dim) {
  return distinct(self, dim, true, return_inverse, return_counts);
}
Result unique_consecutive(const Tensor& self, bool return_inverse, bool return_counts, std::optional<int64_t> dim) {
  return distinct(self, dim, false, return_inverse, return_counts);
}

Tensor bincount(const Tensor& self, const Tensor& weights, int64_t minlength) {
  TL_CHECK_NOTIMPL(is_integral(self.dtype()), "\"bincount_cpu\" not implemented for '", dtype_legacy_name(self.dtype()),
                   "'");
  TL_CHECK(minlength >= 0, "minlength should be >= 0");
  TL_CHECK(self.dim() == 1 || self.numel() == 0, "bincount only supports 1-d non-negative integral inputs.");
  TL_CHECK(!weights.defined() || (weights.dim() == 1 && weights.numel() == self.numel()),
           "weights should be 1-d and have the same length as input");
  NoGradGuard no_grad;
  Tensor in = contiguous(to_dtype(detach(self), DType::Int64));
  const int64_t n = in.numel(), *x = in.data<int64_t>();
  int64_t size = minlength;
  for (int64_t i = 0; i < n; ++i) {
    TL_CHECK(x[i] >= 0, "bincount only supports 1-d non-negative integral inputs.");
    size = std::max(size, x[i] < INT64_MAX ? x[i] + 1 : x[i]);
  }
  if (n == 0 || !weights.defined()) {
    Tensor out = zeros(Dims{size}, DType::Int64);
    for (int64_t i = 0; i < n; ++i) ++out.data<int64_t>()[x[i]];
    return out;
  }
  DType dtype = weights.dtype() == DType::Float32 ? DType::Float32 : DType::Float64;
  Tensor out = zeros(Dims{size}, dtype), w = contiguous(to_dtype(detach(weights), dtype));
  auto add_up = [&](auto* to, const auto* from) {
    for (int64_t i = 0; i < n; ++i) to[x[i]] += from[i];
  };
  if (dtype == DType::Float32) {
    add_up(out.data<float>(), w.data<float>());
  } else {
    add_up(out.data<double>(), w.data<double>());
  }
  return out;
}

Tensor histc(const Tensor& self, int64_t bins, const Scalar& low_arg, const Scalar& high_arg) {
  TL_CHECK_NOTIMPL(is_floating(self.dtype()), "\"histogram_cpu\" not implemented for '",
                   dtype_legacy_name(self.dtype()), "'");
  TL_CHECK(bins > 0, "torch.histogram(): bins must be > 0, but got ", bins, " for dimension 0");
  NoGradGuard no_grad;
  Tensor in = contiguous(to_dtype(detach(self), DType::Float64));
  const double* x = in.data<double>();
  const int64_t n = in.numel();
  double low = low_arg.to_double(), high = high_arg.to_double();
  if (low == high && n > 0) {
    low = high = x[0];
    for (int64_t i = 0; i < n; ++i) {
      low = x[i] < low || x[i] != x[i] ? x[i] : low;
      high = x[i] > high || x[i] != x[i] ? x[i] : high;
    }
  }
  if (low == high) {
    low -= 1;
    high += 1;
  }
  TL_CHECK(std::isfinite(low) && std::isfinite(high), "torch.histc: range of [", low, ", ", high, "] is not finite");
  TL_CHECK(low < high, "torch.histc: max must be larger than min");
  Tensor out = zeros(Dims{bins}, DType::Float64);
  for (int64_t i = 0; i < n; ++i) {
    if (!(x[i] >= low && x[i] <= high)) continue;
    const auto bin = int64_t((x[i] - low) / (high - low) * double(bins));
    out.data<double>()[std::min(bin, bins - 1)] += 1;
  }
  return to_dtype(out, self.dtype());
}

constexpr uint32_t both = op::function | op::method;
const OpRecord records[] = {
    {"unique(Tensor self, bool sorted=True, bool return_inverse=False, bool return_counts=False, int? dim=None) -> "
     "Tensor",
     TL_OP(unique), both | op::nondifferentiable,
     "The distinct elements, or slices along `dim`, sorted; on request followed by the place of each element among "
     "them and by "
     "how often each occurs. Not differentiable: there is no slope.",
     "tensor([3, 1, 3, 2]) | tensor([[1., 2.], [1., 2.], [0., 1.]]), dim=0 | randn(0)"},
    {"unique_consecutive(Tensor self, bool return_inverse=False, bool return_counts=False, int? dim=None) -> Tensor",
     TL_OP(unique_consecutive), both | op::nondifferentiable,
     "The elements (or slices along `dim`) that differ from the one before them.",
     "tensor([1, 1, 2, 2, 1]) | tensor([[1, 1], [1, 1], [2, 1]]), dim=0"},
    {"bincount(Tensor self, Tensor? weights=None, int minlength=0) -> Tensor", TL_OP(bincount),
     both | op::nondifferentiable, "How often each non-negative integer occurs, or the sum of its weights.",
     "tensor([1, 1, 3]) | tensor([1, 1, 3]), tensor([0.5, 1., 2.]) | tensor([1]), minlength=4"},
    {"histc(Tensor self, int bins=100, Scalar min=0, Scalar max=0) -> Tensor", TL_OP(histc),
     both | op::out | op::nondifferentiable,
     "How many elements fall into each of `bins` equal parts of [min, max], of the range of the elements where those "
     "are equal.",
     "randn(20), 5 | randn(3, 4), 4, -1, 1 | tensor([1., 1.]), 3"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
