// Masks: masked_fill, masked_select, masked_scatter, nonzero.
#include "autograd/record.h"
#include "core/parallel.h"
#include "ops/index_plan.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

namespace {

// Writes the bytes of `value` where `mask` is set; both contiguous and of one shape.
void fill_where(const Tensor& out, const Tensor& mask, const Tensor& value) {
  size_t width = item_size(out.dtype());
  parallel_for(out.numel(), 1 << 17, [&](int64_t b, int64_t e) {
    kernels::mask_fill(out.bytes() + size_t(b) * width, mask.data<bool>() + b, value.bytes(), e - b, width);
  });
}

struct FillArgs {
  Dims sizes;
  Tensor value;  // with history
  FillArgs(const Tensor& self, const Tensor& mask, const Tensor& v) : value(v) {
    TL_CHECK(mask.dtype() == DType::Bool, "masked_fill_ only supports boolean masks, but got mask with dtype ",
             dtype_name(mask.dtype()));
    TL_CHECK(v.dim() == 0, "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with ", v.dim(),
             " dimension(s).");
    TL_CHECK(!is_complex(v.dtype()) || is_complex(self.dtype()), "value cannot be converted to type ",
             dtype_name(self.dtype()), " without overflow");
    sizes = broadcast_shapes(self.sizes(), mask.sizes());
  }
  const char* label() const {
    return value.is_wrapped_number() ? "MaskedFillBackward0:mask" : "MaskedFillBackward1:mask";
  }
  auto backward(const Tensor& self) const {
    return [in = Dims(self.sizes()), value_dtype = value.dtype()](Backward& b) {
      Tensor mask = b.saved(0);
      const Tensor& g = b.grad();
      if (b.needs(0)) b[0] = sum_to_size(masked_fill(g, mask, zeros(Dims{}, g.dtype())), in);
      if (b.needs(1)) b[1] = to_dtype(sum(masked_fill(g, logical_not(mask), zeros(Dims{}, g.dtype()))), value_dtype);
    };
  }
};

int64_t count_true(const bool* p, int64_t n) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) count += p[i];
  return count;
}

Tensor as_mask(const Tensor& t) { return dense_values(t, t.sizes(), DType::Bool); }

Tensor nonzero_op(const Tensor& self) { return nonzero(self); }
Result nonzero_any(const Tensor& self, bool as_tuple) {
  if (!as_tuple) return nonzero(self);
  Tensor places = nonzero(self.dim() == 0 ? unsqueeze(detach(self), 0) : self);
  return unbind(places, 1);
}

}  // namespace

Tensor masked_fill_(const Tensor& self, const Tensor& mask, const Tensor& value) {
  FillArgs a(self, mask, value);
  TL_CHECK(equal(a.sizes, self.sizes()), "masked_fill_: output with shape ", Shape{self.sizes()},
           " doesn't match the broadcast shape ", Shape{a.sizes});
  check_inplace(self, "masked_fill_", value);
  Tensor keep = apart_from(mask, self);
  Tensor m = dense_values(keep, a.sizes, DType::Bool);
  Tensor v = dense_values(value, Dims{}, self.dtype());
  if (self.is_contiguous()) {
    fill_where(self, m, v);
  } else {
    Tensor dense = empty(self.sizes(), self.dtype());
    copy_values(dense, self);
    fill_where(dense, m, v);
    copy_values(self, dense);
  }
  self.bump_version();
  if (needs_grad(self, value)) {
    record_inplace(self, a.label(), inputs(self, value), saves(keep), a.backward(self));
  }
  return self;
}

Tensor masked_fill(const Tensor& self, const Tensor& mask, const Tensor& value) {
  FillArgs a(self, mask, value);
  Tensor out = empty(a.sizes, self.dtype());
  copy_values(out, self);
  fill_where(out, dense_values(mask, a.sizes, DType::Bool), dense_values(value, Dims{}, self.dtype()));
  if (needs_grad(self, value)) {
    record(out, a.label(), inputs(self, value), saves(mask), a.backward(self));
  }
  return out;
}

Tensor masked_select(const Tensor& self, const Tensor& mask) {
  TL_CHECK(mask.dtype() == DType::Bool, "masked_select: expected BoolTensor for mask, got ", dtype_name(mask.dtype()));
  Dims sizes = broadcast_shapes(self.sizes(), mask.sizes());
  Tensor m = dense_values(mask, sizes, DType::Bool);
  Tensor source = dense_values(self, sizes, self.dtype());
  const bool* p = m.data<bool>();
  Tensor out = empty(Dims{count_true(p, m.numel())}, self.dtype());
  dispatch_by_size(item_size(self.dtype()), [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T* from = source.data<T>();
    T* to = out.data<T>();
    // Written whether kept or not: no branch depends on the mask.
    for (T* end = to + out.numel(); to != end; ++from, ++p) {
      *to = *from;
      to += *p;
    }
  });
  if (needs_grad(self)) {
    record(out, "MaskedSelectBackward0:self,mask", inputs(self), saves(mask),
           [in = Dims(self.sizes()), sizes](Backward& b) {
             b[0] = sum_to_size(masked_scatter(zeros(sizes, b.grad().dtype()), b.saved(0), b.grad()), in);
           });
  }
  return out;
}

namespace {

struct ScatterArgs {
  Dims sizes;
  Tensor mask, source;
  ScatterArgs(const Tensor& self, const Tensor& m, const Tensor& s) {
    TL_CHECK(m.dtype() == DType::Bool, "masked_scatter_ only supports boolean masks, but got mask with dtype ",
             dtype_name(m.dtype()));
    TL_CHECK(self.dtype() == s.dtype(), "masked_scatter: expected self and source to have same dtypes but got",
             dtype_legacy_name(self.dtype()), " and ", dtype_legacy_name(s.dtype()));
    sizes = broadcast_shapes(self.sizes(), m.sizes());
    mask = dense_values(m, sizes, DType::Bool);
    source = dense_values(s, s.sizes(), s.dtype());
    TL_CHECK(count_true(mask.data<bool>(), mask.numel()) <= source.numel(),
             "masked_scatter: expected the source to have at least as many elements as the mask has ones: Number of "
             "elements of source < number of ones in mask");
  }
  void run(const Tensor& out) const {  // contiguous
    const bool* p = mask.data<bool>();
    dispatch_by_size(item_size(out.dtype()), [&](auto tag) {
      using T = typename decltype(tag)::type;
      const T* from = source.data<T>();
      T* to = out.data<T>();
      for (int64_t i = 0; i < out.numel(); ++i) {
        if (p[i]) to[i] = *from++;
      }
    });
  }
  auto backward(const Tensor& self, const Tensor& s) const {
    return [in = Dims(self.sizes()), source_sizes = Dims(s.sizes())](Backward& b) {
      Tensor mask = b.saved(0);
      const Tensor& g = b.grad();
      if (b.needs(0)) b[0] = sum_to_size(masked_fill(g, mask, zeros(Dims{}, g.dtype())), in);
      if (b.needs(1)) {
        int64_t n = 1;
        for (int64_t d : source_sizes) n *= d;
        b[1] = reshape(pad_to(masked_select(g, mask), Dims{n}), source_sizes);
      }
    };
  }
};

Tensor masked_scatter_(const Tensor& self, const Tensor& mask, const Tensor& source) {
  ScatterArgs a(self, mask, apart_from(source, self));
  TL_CHECK(equal(a.sizes, self.sizes()), "masked_scatter_: output with shape ", Shape{self.sizes()},
           " doesn't match the broadcast shape ", Shape{a.sizes});
  check_inplace(self, "masked_scatter_", source);
  Tensor keep = apart_from(mask, self);
  Tensor dense = empty(self.sizes(), self.dtype());
  copy_values(dense, self);
  a.run(dense);
  copy_values(self, dense);
  self.bump_version();
  if (needs_grad(self, source)) {
    record_inplace(self, "MaskedScatterBackward0:mask", inputs(self, source), saves(keep), a.backward(self, source));
  }
  return self;
}

}  // namespace

Tensor masked_scatter(const Tensor& self, const Tensor& mask, const Tensor& source) {
  ScatterArgs a(self, mask, source);
  Tensor out = empty(a.sizes, self.dtype());
  copy_values(out, self);
  a.run(out);
  if (needs_grad(self, source)) {
    record(out, "MaskedScatterBackward0:mask", inputs(self, source), saves(mask), a.backward(self, source));
  }
  return out;
}

Tensor nonzero(const Tensor& self) {
  Tensor m = as_mask(self);
  const bool* p = m.data<bool>();
  int64_t dims = self.dim(), n = m.numel();
  Tensor out = empty(Dims{count_true(p, n), dims}, DType::Int64);
  int64_t* to = out.data<int64_t>();
  if (dims == 0) return out;
  const int64_t* end = to + out.numel();
  int64_t columns = self.sizes().back();
  size_t last = size_t(dims) - 1;
  Dims at(size_t(dims), 0);
  for (int64_t i = 0; i < n && to != end; i += columns, p += columns) {
    // Written whether kept or not: no branch depends on the values.
    for (int64_t c = 0; c < columns && to != end; ++c) {
      for (size_t d = 0; d < last; ++d) to[d] = at[d];
      to[last] = c;
      to += p[c] ? dims : 0;
    }
    for (size_t d = last; d-- > 0;) {
      if (++at[d] < self.sizes()[d]) break;
      at[d] = 0;
    }
  }
  return out;
}

namespace {

using Fill = Tensor (*)(const Tensor&, const Tensor&, const Tensor&);
constexpr uint32_t both = op::function | op::method;
const OpRecord records[] = {
    {"masked_fill(Tensor self, Tensor mask, Operand value) -> Tensor", TL_OP(static_cast<Fill>(masked_fill)), both,
     "`value` where the boolean mask is set, `self` elsewhere; the two shapes broadcast.",
     "randn(3, 4), randn(3, 4) > 0, 2.5 | randn(3, 1), randn(3, 4) > 0, -1 | randn(4, 3).t(), randn(4) > 0, randn(()) "
     "| "
     "randn(()), tensor(True), 3"},
    {"masked_fill_(Tensor self, Tensor mask, Operand value) -> Tensor", TL_OP(masked_fill_),
     op::method | op::writes_self, "masked_fill in place; the mask must broadcast to self.",
     "randn(3, 4), randn(4) > 0, 2.5"},
    {"masked_select(Tensor self, Tensor mask) -> Tensor", TL_OP(masked_select), both | op::out,
     "The elements where the boolean mask is set, as a vector; the two shapes broadcast.",
     "randn(3, 4), randn(3, 4) > 0 | randn(3, 1), randn(3, 4) > 0 | randn(4, 3).t(), randn(4) > 0"},
    {"masked_scatter(Tensor self, Tensor mask, Tensor source) -> Tensor", TL_OP(static_cast<Fill>(masked_scatter)),
     both, "The elements of `source`, in order, where the boolean mask is set, `self` elsewhere.",
     "randn(3, 4), randn(3, 4) > 0, randn(12) | randn(4, 3).t(), randn(4) > 0, randn(3, 5)"},
    {"masked_scatter_(Tensor self, Tensor mask, Tensor source) -> Tensor", TL_OP(masked_scatter_),
     op::method | op::writes_self, "masked_scatter in place.", "randn(3, 4), randn(3, 4) > 0, randn(12)"},
    {"nonzero(Tensor self, *, bool as_tuple=False) -> Tensor", TL_OP(nonzero_any), both | op::nondifferentiable,
     "The indices of the elements that are not zero, one row each; with as_tuple one vector per dim.",
     "tensor([[1, 0], [0, 2]]) | randn(3).t() > 0 | tensor(1.0) | zeros(0, 3) | tensor([[1, 0], [0, 2]]), "
     "as_tuple=True"},
    {"argwhere(Tensor self) -> Tensor", TL_OP(nonzero_op), both | op::nondifferentiable,
     "The indices of the elements that are not zero, one row each.", "tensor([[1, 0], [0, 2]])"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
