// Products of matrices, for the files of this family.
#pragma once

#include "ops/ops.h"

namespace tl {

// How a matrix enters a product.
struct Form {
  bool turned = false;  // transposed
  bool conj = false;
};
inline constexpr Form plain{}, turned{true, false}, adjoint{true, true};
// What a gradient is multiplied by: the adjoint of the matrix as it entered.
inline Form adjoint_of(Form f) { return {!f.turned, !f.conj}; }

// alpha * A B + beta * D over the last two dims, without autograd; the dims in front are those of
// `out`, which A, B and D are broadcast to. Without `d` (null or undefined) nothing is added; it
// may be `out` itself. The numbers are 1 where null.
void multiply_into(const Tensor& out, const Tensor& a, Form fa, const Tensor& b, Form fb, const Tensor* d = nullptr,
                   const Scalar* beta = nullptr, const Scalar* alpha = nullptr);

// The product over the last two dims, the dims in front broadcast. Differentiable at every order,
// and its backward is the same function: no transpose is ever written out.
Tensor product(const Tensor& a, Form fa, const Tensor& b, Form fb, const char* label = nullptr);

// RuntimeErrors where `d` does not broadcast to `sizes`; where shapes or dtypes of an m x k and a
// k2 x n matrix and the dtype of `d` make no addmm.
void check_addend(const Tensor& d, IntView sizes);
void check_addmm(int64_t m, int64_t k, int64_t k2, int64_t n, const Tensor& d, DType a, DType b);

Tensor mv(const Tensor& self, const Tensor& vec);
Tensor dot(const Tensor& self, const Tensor& other);
Tensor vdot(const Tensor& self, const Tensor& other);
Tensor outer(const Tensor& self, const Tensor& vec2);
Tensor inner(const Tensor& self, const Tensor& other);
Tensor linear(const Tensor& input, const Tensor& weight, const Tensor& bias);

}  // namespace tl
