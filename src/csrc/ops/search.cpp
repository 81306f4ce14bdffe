// Binary search in sorted numbers, and membership: searchsorted, bucketize, isin.
#include <algorithm>
#include <vector>

#include "autograd/state.h"
#include "core/parallel.h"
#include "ops/index_plan.h"
#include "ops/pointwise.h"
#include "ops/registry.h"

namespace tl {

namespace {

// NaN counts as larger than everything.
template <class T>
bool before(T a, T b) {
  if constexpr (std::is_floating_point_v<T>) {
    return a < b || (b != b && a == a);
  } else {
    return a < b;
  }
}

// How many of the n sorted numbers (seen through `order`, where it is not null) are less than `v`; with
// `right`, less or equal.
template <class T>
int64_t position(const T* sorted, const int64_t* order, int64_t n, T v, bool right) {
  int64_t low = 0, count = n;
  while (count > 0) {
    const int64_t step = count / 2, at = low + step;
    const T x = sorted[order != nullptr ? order[at] : at];
    if (right ? !before(v, x) : before(x, v)) {
      low = at + 1;
      count -= step + 1;
    } else {
      count = step;
    }
  }
  return low;
}

// In which type numbers of two dtypes are compared.
template <class F>
void dispatch_comparison(DType t, F&& f) {
  if (t == DType::Float64) return f(TypeTag<double>{});
  if (is_floating(t)) return f(TypeTag<float>{});
  f(TypeTag<int64_t>{});
}
DType comparison_dtype(DType t) { return t == DType::Float64 ? t : is_floating(t) ? DType::Float32 : DType::Int64; }

Tensor positions(const Tensor& sorted_arg, const Tensor& values_arg, const Tensor& sorter, bool as_int32, bool right) {
  const DType t = comparison_dtype(result_type({sorted_arg, values_arg}));
  const int64_t n = sorted_arg.dim() == 0 ? 1 : sorted_arg.sizes().back();
  const int64_t width = values_arg.dim() == 0 ? 1 : values_arg.sizes().back();
  Tensor sorted = dense_values(sorted_arg, sorted_arg.sizes(), t),
         values = dense_values(values_arg, values_arg.sizes(), t);
  Tensor order;
  if (sorter.defined()) {
    order = dense_values(sorter, sorter.sizes(), DType::Int64);
    for (int64_t i = 0; i < order.numel(); ++i) {
      const int64_t at = order.data<int64_t>()[i];
      TL_CHECK_INDEX(at >= 0 && at < n, "torch.searchsorted(): sorter index out of range");
    }
  }
  Tensor out = empty(values_arg.sizes(), DType::Int64);
  const bool shared = sorted_arg.dim() == 1;
  dispatch_comparison(t, [&](auto tag) {
    using T = typename decltype(tag)::type;
    parallel_for(out.numel(), 1 << 12, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t row = shared ? 0 : i / width * n;
        out.data<int64_t>()[i] =
            position(sorted.data<T>() + row, order.defined() ? order.data<int64_t>() + row : nullptr, n,
                     values.data<T>()[i], right);
      }
    });
  });
  NoGradGuard no_grad;
  return as_int32 ? to_dtype(out, DType::Int32) : out;
}

bool is_right(bool right, const std::optional<std::string>& side, const char* name) {
  if (!side) return right;
  TL_CHECK(*side == "left" || *side == "right", name, "(): side can only be 'left' or 'right' but got ", *side);
  TL_CHECK(!right || *side == "right", name, "(): side and right can't be set to opposites, got side of ", *side,
           " while right was True");
  return *side == "right";
}

void check_comparable(const char* name, const Tensor& a, const Tensor& b) {
  TL_CHECK(!is_complex(a.dtype()) && !is_complex(b.dtype()), name, "(): complex numbers have no order");
}

Tensor searchsorted(const Tensor& sorted, const Tensor& values, bool as_int32, bool right,
                    const std::optional<std::string>& side, const Tensor& sorter) {
  const char* name = "torch.searchsorted";
  const bool after = is_right(right, side, name);
  check_comparable(name, sorted, values);
  const bool number = values.is_wrapped_number();
  TL_CHECK(
      number || sorted.dim() == 1 || values.dim() != 0 || sorted.dim() == 0, name,
      "(): input value can be a scalar only when boundaries tensor dimension is 1, but we got boundaries tensor dim(",
      sorted.dim(), ") and input value's dim(", values.dim(), ") numel(", values.numel(), ")");
  TL_CHECK(sorted.dim() != 0, name, "(): boundaries tensor should have positive dimension, but got 0 dimension");
  TL_CHECK(
      !number || sorted.dim() == 1, name,
      "(): input value can be a scalar only when boundaries tensor dimension is 1, but we got boundaries tensor dim(",
      sorted.dim(), ") and input value's dim(0) numel(1)");
  if (sorted.dim() > 1) {
    TL_CHECK(
        sorted.dim() == values.dim() &&
            equal(sorted.sizes().first(size_t(sorted.dim() - 1)), values.sizes().first(size_t(values.dim() - 1))),
        name,
        "(): boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value "
        "tensor must match, but we got boundaries tensor ",
        Shape{sorted.sizes()}, " and input value tensor ", Shape{values.sizes()});
  }
  if (sorter.defined()) {
    TL_CHECK(equal(sorter.sizes(), sorted.sizes()), name,
             "(): boundary and sorter must have the same size, but got boundary "
             "tensor ",
             Shape{sorted.sizes()}, "and got sorter tensor ", Shape{sorter.sizes()});
    TL_CHECK(sorter.dtype() == DType::Int64, name, "(): sorter must be a tensor of long dtype but got dtype ",
             dtype_legacy_name(sorter.dtype()));
  }
  return positions(sorted, values, sorter, as_int32, after);
}

Tensor bucketize(const Tensor& values, const Tensor& boundaries, bool as_int32, bool right) {
  TL_CHECK(boundaries.dim() == 1, "bucketize(): boundaries tensor must be 1 dimension, but got dim(", boundaries.dim(),
           ")");
  check_comparable("bucketize", boundaries, values);
  return positions(boundaries, values, Tensor(), as_int32, right);
}

Tensor isin(const Tensor& elements, const Tensor& tests, bool, bool invert) {
  for (const Tensor* t : {&elements, &tests}) {
    TL_CHECK(!is_complex(t->dtype()), "Unsupported input type encountered for isin(): ", dtype_legacy_name(t->dtype()));
    TL_CHECK(t->dtype() != DType::Bool, "Unsupported input type encountered for isin(): Bool");
  }
  const DType t = comparison_dtype(result_type({elements, tests}));
  Tensor a = dense_values(elements, elements.sizes(), t), b = dense_values(tests, tests.sizes(), t);
  Tensor out = empty(elements.sizes(), DType::Bool);
  dispatch_comparison(t, [&](auto tag) {
    using T = typename decltype(tag)::type;
    std::vector<T> sorted(b.data<T>(), b.data<T>() + b.numel());
    // NaN equals nothing.
    sorted.erase(std::remove_if(sorted.begin(), sorted.end(), [](T v) { return v != v; }), sorted.end());
    std::sort(sorted.begin(), sorted.end());
    parallel_for(out.numel(), 1 << 12, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const T v = a.data<T>()[i];
        out.data<bool>()[i] = (v == v && std::binary_search(sorted.begin(), sorted.end(), v)) != invert;
      }
    });
  });
  return out;
}

constexpr uint32_t flags = op::function | op::out | op::nondifferentiable;
const OpRecord records[] = {
    {"searchsorted(Tensor sorted_sequence, Operand self, *, bool out_int32=False, bool right=False, str? side=None, "
     "Tensor? "
     "sorter=None) -> Tensor",
     TL_OP(searchsorted), flags,
     "Where each value would go into the sorted last dim so that its order stays: before what equals it, or behind "
     "with "
     "`right`. `sorter` are the indices that sort a sequence that is not.",
     "tensor([1.0, 3.0, 5.0, 7.0]), randn(3, 2) | tensor([[1, 3, 5], [2, 4, 6]]), tensor([[3, 6, 9], [3, 6, 9]]), "
     "right=True | tensor([1.0, 3.0, 5.0]), 3 | tensor([5, 1, 3]), tensor([3, 4]), side='right', sorter=tensor([1, 2, "
     "0]) | "
     "tensor([1.0, 2.0]), tensor([nan, 1.5]), out_int32=True | randn(0), randn(2)"},
    {"bucketize(Operand self, Tensor boundaries, *, bool out_int32=False, bool right=False) -> Tensor",
     TL_OP(bucketize), flags,
     "The number of the bucket of each value: how many boundaries are below it, or not above it with `right`.",
     "randn(3, 4), tensor([-1.0, 0.0, 1.0]) | tensor([[3, 6, 9], [3, 6, 9]]), tensor([1, 3, 5, 7, 9]), right=True | "
     "2.5, "
     "tensor([1.0, 2.0, 3.0]) | randn(4, 3).t(), tensor([0.0]), out_int32=True | randn(0), tensor([0.0])"},
    {"isin(Operand elements, Operand test_elements, *, bool assume_unique=False, bool invert=False) -> Tensor",
     TL_OP(isin), flags, "Whether each element is among the test elements.",
     "tensor([[1, 2], [3, 4]]), tensor([2, 3]) | tensor([1.0, nan, 2.0]), tensor([nan, 2.0]), invert=True | tensor([1, "
     "2]), "
     "2 | 3, tensor([1, 3]) | randn(3, 2).t(), randn(0)"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
