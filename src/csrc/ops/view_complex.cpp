// Views between complex tensors and pairs of reals, and adjoints.
#include "autograd/record.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

namespace {

// The raw view of a complex tensor as reals with a last dim of 2.
Tensor pairs(const Tensor& self) {
  Dims sizes(self.sizes()), strides(self.strides());
  for (int64_t& s : strides) s *= 2;
  sizes.push_back(2);
  strides.push_back(1);
  Tensor v = alias(self, sizes, strides, self->offset * 2);
  v->dtype = to_real(self.dtype());
  return v;
}

}  // namespace

Tensor view_as_real(const Tensor& self) {
  TL_CHECK(is_complex(self.dtype()), "view_as_real is only supported for complex tensors");
  Tensor v = pairs(self);
  make_view(v, self);
  if (needs_grad(self)) {
    record(v, "ViewAsRealBackward0", inputs(self), saves(),
           [](Backward& b) { b[0] = view_as_complex(contiguous(b.grad())); });
  }
  return v;
}

Tensor view_as_complex(const Tensor& self) {
  TL_CHECK(self.dtype() == DType::Float32 || self.dtype() == DType::Float64,
           "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: ",
           dtype_legacy_name(self.dtype()));
  TL_CHECK(self.dim() > 0, "Input tensor must have one or more dimensions");
  TL_CHECK(self.sizes().back() == 2, "Tensor must have a last dimension of size 2");
  TL_CHECK(self.strides().back() == 1, "Tensor must have a last dimension with stride 1");
  TL_CHECK(self->offset % 2 == 0, "Tensor must have a storage_offset divisible by 2");
  Dims sizes(self.sizes()), strides(self.strides());
  sizes.pop_back();
  strides.pop_back();
  for (int64_t& s : strides) {
    TL_CHECK(s % 2 == 0, "Tensor must have a stride divisible by 2 for all but last dimension");
    s /= 2;
  }
  Tensor v = alias(self, sizes, strides, self->offset / 2);
  v->dtype = to_complex(self.dtype());
  make_view(v, self);
  if (needs_grad(self)) {
    record(v, "ViewAsComplexBackward0", inputs(self), saves(), [](Backward& b) { b[0] = view_as_real(b.grad()); });
  }
  return v;
}

Tensor real(const Tensor& self) {
  if (!is_complex(self.dtype())) return self;
  return select(view_as_real(self), -1, 0);
}

namespace {

Tensor imag(const Tensor& self) {
  TL_CHECK(is_complex(self.dtype()), "imag is not implemented for tensors with non-complex dtypes.");
  return select(view_as_real(self), -1, 1);
}

// The conjugate of a complex tensor as a copy; of a real one the tensor itself.
Tensor conjugated(const Tensor& self) {
  if (!is_complex(self.dtype())) return self;
  Tensor pair = view_as_real(self);
  return view_as_complex(stack({select(pair, -1, 0), neg(select(pair, -1, 1))}, -1));
}

Tensor adjoint(const Tensor& self) {
  TL_CHECK(self.dim() >= 2, "tensor.adjoint() is only supported on matrices or batches of matrices. Got ", self.dim(),
           "-D tensor.");
  return conjugated(transpose(self, -2, -1));
}
Tensor matrix_H(const Tensor& self) {
  TL_CHECK(self.dim() == 2, "tensor.H is only supported on matrices (2-D tensors). Got ", self.dim(), "-D tensor.",
           self.dim() > 2 ? " For batches of matrices, consider using tensor.mH" : "");
  return adjoint(self);
}

constexpr uint32_t both = op::function | op::method | op::view;
const OpRecord records[] = {
    {"view_as_real(Tensor self) -> Tensor", TL_OP(view_as_real), op::function | op::view,
     "A complex tensor as reals: a last dim of size 2 holds real and imaginary part.",
     "randn(3, dtype=complex64) | randn(2, 3, dtype=complex128).t()"},
    {"view_as_complex(Tensor self) -> Tensor", TL_OP(view_as_complex), op::function | op::view,
     "A real tensor whose last dim has size 2 as complex numbers.", "randn(3, 2) | randn(2, 3, 2).transpose(0, 1)"},
    {"real(Tensor self) -> Tensor", TL_OP(real), op::function | op::view,
     "The real parts, as a view; a real tensor itself.", "randn(3, dtype=complex64) | randn(3)"},
    {"imag(Tensor self) -> Tensor", TL_OP(imag), op::function | op::view, "The imaginary parts, as a view.",
     "randn(3, dtype=complex64)"},
    {"adjoint(Tensor self) -> Tensor", TL_OP(adjoint), both, "The last two dims exchanged, the values conjugated.",
     "randn(2, 3, 4) | randn(2, 3, dtype=complex64)"},
    {"mH(Tensor self) -> Tensor", TL_OP(adjoint), op::internal | op::view, "adjoint as a property.", "randn(2, 3, 4)"},
    {"H(Tensor self) -> Tensor", TL_OP(matrix_H), op::internal | op::view, "The adjoint of a matrix.", "randn(3, 4)"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
