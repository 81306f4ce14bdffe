// The largest and smallest elements.
#include "autograd/record.h"
#include "ops/reduce_dims.h"
#include "ops/registry.h"

namespace tl {

using kernels::ReduceKind;

namespace {

void check_ordered(const Tensor& self, const char* name) {
  TL_CHECK_NOTIMPL(!is_complex(self.dtype()), "\"", name, "\" not implemented for '",
                   self.dtype() == DType::Complex64 ? "ComplexFloat" : "ComplexDouble", "'");
}

// Each reduced dim must have an element to choose.
void check_not_empty(const Tensor& self, DimSet set, bool named, const char* name) {
  if (self.numel() != 0) return;
  for (int64_t d = 0; d < self.dim(); ++d) {
    TL_CHECK_INDEX(!named || !has_dim(set, size_t(d)) || self.sizes()[size_t(d)] != 0, name, "(): Expected reduction dim ", d,
                   " to have non-zero size.");
  }
  TL_CHECK(named, name, "(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the "
                        "'dim' argument.");
}

// The gradient goes in equal parts to all elements that have the chosen value.
Tensor share_evenly(const Tensor& grad, const Tensor& self, const Tensor& result, DimSet set, bool keepdim) {
  int64_t n = self.dim();
  Tensor chosen = to_dtype(eq(self, with_dims(result, set, n, keepdim)), grad.dtype());
  Tensor g = with_dims(grad, set, n, keepdim);
  if (set == 0) return mul(g, chosen);
  return div(mul(chosen, g), sum(chosen, list_of(set, n), true));
}

Tensor extreme(const Tensor& self, IntView dims, bool keepdim, ReduceKind kind, const char* name, const char* label) {
  check_ordered(self, name);
  DimSet set = dim_set(dims, self.dim());
  check_not_empty(self, set, !dims.empty(), name);
  Tensor out = reduce_over(self, set, keepdim, reduction(kind, self.dtype(), self.dtype()));
  if (needs_grad(self)) {
    record(out, label, inputs(self), saves(self, output(out)), [set, keepdim](Backward& b) {
      b[0] = share_evenly(b.grad(), b.saved(0), b.saved(1), set, keepdim);
    });
  }
  return out;
}

}  // namespace

Tensor amax(const Tensor& self, IntView dims, bool keepdim) {
  return extreme(self, dims, keepdim, ReduceKind::max, "amax", "AmaxBackward0:self,result");
}

namespace {

Tensor amin(const Tensor& self, IntView dims, bool keepdim) {
  return extreme(self, dims, keepdim, ReduceKind::min, "amin", "AminBackward0:self,result");
}

constexpr uint32_t both = op::function | op::method | op::out;
const OpRecord records[] = {
    {"amax(Tensor self, int[] dim=[], bool keepdim=False) -> Tensor", TL_OP(amax), both,
     "The largest elements along the listed dims, all of them where the list is empty. Equal ones share the gradient evenly; a "
     "NaN counts as the largest.",
     "randn(3, 4) | randn(3, 4), 1 | randn(2, 3, 4), (0, 2), True | randn(4, 3).t(), 0 | randn(()), 0 | randn(0, 3), 1 | "
     "tensor([[1., 2., 2.], [3., 3., 3.]]), 1"},
    {"amin(Tensor self, int[] dim=[], bool keepdim=False) -> Tensor", TL_OP(amin), both,
     "The smallest elements along the listed dims, as amax has the largest.",
     "randn(3, 4) | randn(3, 4), 1 | randn(2, 3, 4), (0, 2), True | randn(4, 3).t(), 0 | tensor([[1., 1., 2.]]), 1"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
