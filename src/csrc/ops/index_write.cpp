// Writing whole slices through a vector of indices: index_add, index_copy, index_fill, put.
#include "autograd/record.h"
#include "ops/index_plan.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

using kernels::ScatterOp;

namespace {

int64_t dim_size(const Tensor& t, int64_t dim) { return t.dim() == 0 ? 1 : t.sizes()[size_t(dim)]; }

// self[index] op= source along `dim`; `source` of self's dtype, of the slices' shape or one element.
void run(const Tensor& self, int64_t dim, const Tensor& checked, const Tensor& source, ScatterOp how) {
  if (checked.numel() == 0) return;
  Tensor at = apart_from(checked, self);
  IndexPlan plan(self, dim, self.sizes());
  plan.set_index(at.data<int64_t>(), at.numel(), self.dim() == 0 ? 1 : self.strides()[size_t(dim)]);
  plan.scatter(apart_from(source, self), how);
}

// The sizes of the slices that an index names.
Dims slice_sizes(const Tensor& self, int64_t dim, int64_t n) {
  Dims sizes(self.sizes());
  if (!sizes.empty()) sizes[size_t(dim)] = n;
  return sizes;
}

void check_source(const char* op, const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
  TL_CHECK(self.dtype() == source.dtype(), op, "(): self (", dtype_legacy_name(self.dtype()), ") and source (",
           dtype_legacy_name(source.dtype()), ") must have the same scalar type");
  int64_t n = dim_size(source, source.dim() == 0 ? 0 : dim < source.dim() ? dim : 0);
  TL_CHECK(index.numel() == n, op, "(): Number of indices (", index.numel(), ") should be equal to source.size(dim): (",
           n, "), for dim: ", dim);
  TL_CHECK(source.dim() == 0 || self.dim() == 0 || equal(source.sizes(), slice_sizes(self, dim, n)), op,
           "(): the shape of source ", Shape{source.sizes()}, " must match that of self ", Shape{self.sizes()},
           " except along dim ", dim);
}

// One body for an op and its in-place form.
template <class Run, class Make>
Tensor apply(const char* name, const char* label, const Tensor& self, const Tensor& index, const Tensor& source,
             bool inplace, Run run_on, Make backward) {
  if (inplace) {
    check_inplace(self, name, source);
    check_apart(index, self, name);
    check_apart(source, self, name);
  }
  Tensor saved_index = inplace ? apart_from(index, self) : index;
  Tensor out = inplace ? self : raw_clone(self);
  run_on(out);
  if (inplace) self.bump_version();
  if (!needs_grad(self, source)) return out;
  if (inplace) {
    record_inplace(self, label, inputs(self, source), saves(saved_index), std::move(backward));
  } else {
    record(out, label, inputs(self, source), saves(index), std::move(backward));
  }
  return out;
}

const Tensor& as_vector(const Tensor& index, const char* op) {
  TL_CHECK_INDEX(index.dim() <= 1, op, "(): Index is supposed to be a vector, got shape ", Shape{index.sizes()});
  TL_CHECK(index.dtype() == DType::Int64 || index.dtype() == DType::Int32, op,
           "(): Expected dtype int32 or int64 for index, got ", dtype_name(index.dtype()));
  return index;
}

Tensor add_any(const Tensor& self, int64_t dim_arg, const Tensor& index, const Tensor& source, const Scalar& alpha,
               bool inplace) {
  int64_t dim = wrap_dim(dim_arg, self.dim());
  check_source("index_add_", self, dim, index, source);
  // PyTorch's errors differ between vectors and the rest.
  Tensor checked = self.dim() <= 1 ? checked_vector(index, dim_size(self, dim), "index_add")
                                   : checked_index(as_vector(index, "index_add_"), dim_size(self, dim), dim, false,
                                                   ErrorKind::runtime);
  auto run_on = [&](const Tensor& out) {
    Tensor s = detach(source);
    if (!alpha.equals(1)) {
      NoGradGuard no_grad;
      s = mul(s, alpha);
    }
    run(out, dim, checked, dense_values(s, s.sizes(), out.dtype()), ScatterOp::add);
  };
  auto backward = [dim, alpha, source_sizes = Dims(source.sizes())](Backward& b) {
    if (b.needs(0)) b[0] = b.grad();
    if (b.needs(1)) {
      Tensor g = reshape(index_select(b.grad(), dim, b.saved(0)), source_sizes);
      b[1] = alpha.equals(1) ? g : mul(g, alpha);
    }
  };
  return apply("index_add_", "IndexAddBackward0:index", self, index, source, inplace, run_on, std::move(backward));
}

Tensor index_add_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source, const Scalar& alpha) {
  return add_any(self, dim, index, source, alpha, true);
}

Tensor copy_any(const Tensor& self, int64_t dim_arg, const Tensor& index, const Tensor& source, bool inplace) {
  int64_t dim = wrap_dim(dim_arg, self.dim());
  TL_CHECK_INDEX(index.dim() <= 1, "index_copy_(): Index should have dimension 1 or 0 (got ", index.dim(), ")");
  TL_CHECK(index.dtype() == DType::Int64, "index_copy_(): Expected a long tensor for index, but got ",
           dtype_legacy_name(index.dtype()));
  check_source("index_copy_", self, dim, index, source);
  int64_t size = dim_size(self, dim);
  Tensor checked = as_index(index);
  for (int64_t i = 0; i < checked.numel(); ++i) {
    int64_t at = checked.data<int64_t>()[i];
    TL_CHECK_INDEX(at >= 0 && at < size, "index_copy_(): index ", at, " is out of bounds for dimension ", dim,
                   " with size ", size);
  }
  auto run_on = [&](const Tensor& out) {
    run(out, dim, checked, dense_values(source, source.sizes(), out.dtype()), ScatterOp::assign);
  };
  auto backward = [dim, source_sizes = Dims(source.sizes())](Backward& b) {
    const Tensor& g = b.grad();
    if (b.needs(0)) b[0] = index_fill(g, dim, b.saved(0), zeros(Dims{}, g.dtype()));
    if (b.needs(1)) b[1] = reshape(index_select(g, dim, b.saved(0)), source_sizes);
  };
  return apply("index_copy_", "IndexCopyBackward0:index", self, index, source, inplace, run_on, std::move(backward));
}
Tensor index_copy(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
  return copy_any(self, dim, index, source, false);
}
Tensor index_copy_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source) {
  return copy_any(self, dim, index, source, true);
}

Tensor fill_any(const Tensor& self, int64_t dim_arg, const Tensor& index, const Tensor& value, bool inplace) {
  int64_t dim = wrap_dim(dim_arg, self.dim());
  TL_CHECK(index.dtype() == DType::Int64, "index_fill_(): Expected dtype int64 for index.");
  TL_CHECK_INDEX(index.dim() <= 1, "index_fill_(): Index has to be a vector/scalar, got shape ", Shape{index.sizes()});
  TL_CHECK(value.dim() == 0, "index_fill_ only supports a 0-dimensional value tensor, but got tensor with ",
           value.dim(), " dimension(s).");
  TL_CHECK(!is_complex(value.dtype()) || is_complex(self.dtype()),
           "index_fill_(): Converting complex Scalar to non-complex type is not supported");
  Tensor checked = checked_index(index, dim_size(self, dim), dim, true, ErrorKind::index);
  auto run_on = [&](const Tensor& out) {
    run(out, dim, checked, dense_values(value, Dims{}, out.dtype()), ScatterOp::assign);
  };
  auto backward = [dim, size = dim_size(self, dim), value_dtype = value.dtype()](Backward& b) {
    const Tensor& g = b.grad();
    Tensor at = checked_index(b.saved(0), size, dim, true, ErrorKind::index);
    if (b.needs(0)) b[0] = index_fill(g, dim, at, zeros(Dims{}, g.dtype()));
    if (b.needs(1)) b[1] = to_dtype(sum(index_select(g, dim, at)), value_dtype);
  };
  return apply("index_fill_", value.is_wrapped_number() ? "IndexFillBackward0:index" : "IndexFillBackward1:index", self,
               index, value, inplace, run_on, std::move(backward));
}
Tensor index_fill_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& value) {
  return fill_any(self, dim, index, value, true);
}

// put: positions in the flattened tensor.
struct PutArgs {
  Tensor index;
  PutArgs(const Tensor& self, const Tensor& i, const Tensor& source) : index(as_index(i)) {
    TL_CHECK(i.dtype() == DType::Int64, "put_(): Expected a long tensor for index, but got ",
             dtype_legacy_name(i.dtype()));
    TL_CHECK(self.dtype() == source.dtype(),
             "put_(): self and source expected to have the same dtype, but got self.dtype = ",
             dtype_legacy_name(self.dtype()), " and source.dtype = ", dtype_legacy_name(source.dtype()));
    TL_CHECK_INDEX(i.numel() == source.numel(),
                   "put_(): Expected source and index to have the same number of elements, but got ",
                   "source.numel() = ", source.numel(), ", index.numel() = ", i.numel());
    int64_t n = self.numel();
    for (int64_t k = 0; k < index.numel(); ++k) {
      int64_t at = index.data<int64_t>()[k];
      TL_CHECK_INDEX(at >= -n && at < n, "out of range: tried to access index ", at, " on a tensor of ", n,
                     " elements.");
    }
    index = view(checked_index(index, n, 0, true, ErrorKind::index), Dims{-1});
  }
};
Tensor put(const Tensor& self, const Tensor& index, const Tensor& source, bool accumulate) {
  PutArgs a(self, index, source);
  Tensor out = empty(self.sizes(), self.dtype());
  copy_values(out, self);
  run(alias(out, Dims{out.numel()}, Dims{1}, out->offset), 0, a.index,
      dense_values(source, source.sizes(), self.dtype()), accumulate ? ScatterOp::add : ScatterOp::assign);
  if (needs_grad(self, source)) {
    record(out, "PutBackward0:index", inputs(self, source), saves(a.index),
           [accumulate, source_sizes = Dims(source.sizes())](Backward& b) {
             const Tensor& g = b.grad();
             Tensor at = b.saved(0);
             if (b.needs(0)) b[0] = accumulate ? g : put(g, at, zeros(at.sizes(), g.dtype()), false);
             if (b.needs(1)) b[1] = reshape(index_select(reshape(g, Dims{-1}), 0, at), source_sizes);
           });
  }
  return out;
}
Tensor put_(const Tensor& self, const Tensor& index, const Tensor& source, bool accumulate) {
  PutArgs a(self, index, source);
  check_inplace(self, "put_", source);
  if (self.is_contiguous()) {
    index_put_(view(self, Dims{-1}), {a.index}, reshape(source, Dims{-1}), accumulate);
    return self;
  }
  return finish_inplace(self, put(needs_grad(self) ? clone(self) : self, index, source, accumulate), "put_");
}

}  // namespace

Tensor index_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source, const Scalar& alpha) {
  return add_any(self, dim, index, source, alpha, false);
}
Tensor index_fill(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& value) {
  return fill_any(self, dim, index, value, false);
}

namespace {

constexpr uint32_t both = op::function | op::method;
constexpr uint32_t written = op::method | op::writes_self;
const OpRecord records[] = {
    {"index_add(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor", TL_OP(index_add),
     both | op::out,
     "A copy of `self` with `alpha` times the slices of `source` added to those of `dim` that `index` names, in order.",
     "randn(3, 4), 0, tensor([0, 2, 0]), randn(3, 4) | randn(4, 3).t(), 1, tensor([1]), randn(3, 1), alpha=2 | "
     "randn(3, 4), 0, zeros(0, dtype=int64), randn(0, 4)"},
    {"index_add_(Tensor self, int dim, Tensor index, Tensor source, *, Scalar alpha=1) -> Tensor", TL_OP(index_add_),
     written, "index_add in place.", "randn(3, 4), 0, tensor([0, 2, 0]), randn(3, 4), alpha=0.5"},
    {"index_copy(Tensor self, int dim, Tensor index, Tensor source) -> Tensor", TL_OP(index_copy), both | op::out,
     "A copy of `self` with the slices of `dim` that `index` names replaced by those of `source`.",
     "randn(3, 4), 0, tensor([2, 0]), randn(2, 4) | randn(4, 3).t(), 1, tensor([1]), randn(3, 1)"},
    {"index_copy_(Tensor self, int dim, Tensor index, Tensor source) -> Tensor", TL_OP(index_copy_), written,
     "index_copy in place.", "randn(3, 4), 0, tensor([2, 0]), randn(2, 4)"},
    {"index_fill(Tensor self, int dim, Tensor index, Operand value) -> Tensor", TL_OP(index_fill), both,
     "A copy of `self` with the slices of `dim` that `index` names filled with `value`.",
     "randn(3, 4), 0, tensor([2, 0]), 1.5 | randn(4, 3).t(), 1, tensor([-1]), randn(()) | randn(3, 4), 1, tensor([1, "
     "1]), 0"},
    {"index_fill_(Tensor self, int dim, Tensor index, Operand value) -> Tensor", TL_OP(index_fill_), written,
     "index_fill in place.", "randn(3, 4), 0, tensor([2, 0]), 1.5"},
    {"put(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor", TL_OP(put), both,
     "A copy of `self` with `source` written (or added) at flat positions.",
     "randn(3, 4), tensor([0, 11, -2]), randn(3) | randn(3, 4), tensor([1, 1]), randn(2), True"},
    {"put_(Tensor self, Tensor index, Tensor source, bool accumulate=False) -> Tensor", TL_OP(put_), written,
     "put in place.", "randn(3, 4), tensor([0, 11, -2]), randn(3)"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
