// What the pointwise ops have in common: operands that are tensors or bare numbers, the dtype they
// promote to, the shape and memory order of the result, and the run of a loop over them.
#pragma once

#include <initializer_list>

#include "autograd/record.h"
#include "kernels/binary.h"
#include "kernels/nary.h"
#include "kernels/unary.h"
#include "ops/ops.h"

namespace tl {

// A tensor, or a Python number that never became one.
class Operand {
 public:
  Operand(const Tensor& t) : tensor_(&t) {}
  Operand(const Scalar& s) : number_(&s) {}
  bool is_tensor() const { return tensor_ != nullptr; }
  const Tensor& tensor() const { return *tensor_; }
  const Scalar& number() const { return *number_; }
  bool is_wrapped_number() const { return tensor_ != nullptr && tensor_->is_wrapped_number(); }
  bool is_number() const { return tensor_ == nullptr || tensor_->is_wrapped_number(); }
  int64_t dim() const { return tensor_ != nullptr ? tensor_->dim() : 0; }
  DType dtype() const { return tensor_ != nullptr ? tensor_->dtype() : number_->dtype(); }

 private:
  const Tensor* tensor_ = nullptr;
  const Scalar* number_ = nullptr;
};
using Operands = std::initializer_list<Operand>;

// PyTorch's promotion: dimensioned tensors decide, then 0-d tensors, then numbers; one of the latter
// only counts where it is of a higher kind (bool < integer < real < complex).
DType result_type(std::span<const Operand> operands);
inline DType result_type(Operands operands) { return result_type(std::span(operands.begin(), operands.size())); }

// How many elements make a piece of work for a thread.
enum class Cost : uint8_t { light, medium, heavy };

// What a loop is run with: the dtype that the operands are converted to, and the result's. The loop
// reads the compute type of `common` and writes that of `result`; real results of complex operands are
// written in float64.
struct PointwiseSpec {
  const char* name;
  kernels::Loop loop;
  DType common, result;
  Cost cost = Cost::light;
  bool predicate = false;  // the loop writes bytes of 0 and 1, whatever it reads
};
Tensor pointwise(const PointwiseSpec& spec, Operands inputs);
// The same written into `out`, whose shape is checked: it may be one of the inputs, must not overlap
// one otherwise, and its dtype need not be the result's. Does not touch the version.
void pointwise_into(const PointwiseSpec& spec, const Tensor& out, Operands inputs);
// Fails as PyTorch does where an in-place op's result has another kind than `self`.
void check_cast(const char* name, DType result, const Tensor& self);

// Integers become the default float.
inline DType floating_result(DType t) { return is_integral_or_bool(t) ? default_dtype() : t; }

[[noreturn]] void not_implemented(const char* name, DType dtype);
// The same, but operands whose shapes do not fit fail for that first.
[[noreturn]] void not_implemented(const char* name, DType dtype, Operands inputs);

// Real operands of a complex result get their gradient through a conversion, which takes its real part.
inline bool is_narrower(const Tensor& result, const Tensor& t) {
  return is_complex(result.dtype()) && t.defined() && !is_complex(t.dtype()) && requires_grad(t);
}
inline Tensor widened(const Tensor& t) {
  return t.defined() && !is_complex(t.dtype()) && requires_grad(t) ? to_dtype(t, to_complex(t.dtype())) : t;
}

// Loops over complex128 are compiled once, with the ops, for no instruction set has vectors of them; so
// are the special functions. Null where the op has no such loop.
kernels::Loop complex_loop(kernels::UnaryOp op);
kernels::Loop complex_loop(kernels::BinaryOp op);
kernels::Loop complex_loop(kernels::NaryOp op);
kernels::Loop special_loop(kernels::UnaryOp op, kernels::Compute compute);
inline kernels::Loop find_loop(kernels::UnaryOp op, kernels::Compute compute) {
  if (compute == kernels::Compute::c128) return complex_loop(op);
  kernels::Loop loop = kernels::unary_loop(op, compute);
  return loop != nullptr ? loop : special_loop(op, compute);
}
inline kernels::Loop find_loop(kernels::BinaryOp op, kernels::Compute compute) {
  return compute == kernels::Compute::c128 ? complex_loop(op) : kernels::binary_loop(op, compute);
}
inline kernels::Loop find_loop(kernels::NaryOp op, kernels::Compute compute) {
  return compute == kernels::Compute::c128 ? complex_loop(op) : kernels::nary_loop(op, compute);
}

// The backward of an op that PyTorch has none for either: it says so, and drops no gradient.
inline auto no_derivative(const char* name) {
  return [name](Backward&) { fail(ErrorKind::runtime, "derivative for aten::", name, " is not implemented"); };
}

// Warns of the old order of arguments once per form, as PyTorch does.
#define TL_OLD_FORM(name, old, now)                                \
  if (static bool said = false; !std::exchange(said, true))        \
  warn("This overload of " name " is deprecated:\n\t" name "(" old \
       ")\nConsider using one of the following signatures "        \
       "instead:\n\t" name "(" now ")")

// An op with two operands, to be run on any.
struct BinaryInfo {
  enum class Kind : uint8_t {
    plain,      // the result has the promoted dtype
    floating,   // integers are computed in the default float
    predicate,  // the result is bool
  };
  const char* name;
  kernels::BinaryOp op;
  const char* loop_name = name;  // in "… not implemented for 'Bool'"
  Kind kind = Kind::plain;
  Cost cost = Cost::light;
  bool takes_bool = true;
};
Tensor binary(const BinaryInfo& info, const Operand& a, const Operand& b);
// self = op(self, other), without history; bumps the version.
void binary_(const BinaryInfo& info, const Tensor& self, const Operand& other);

// An in-place op's own operands as its backward needs them: the values before the write, where they
// are needed at all.
struct KeptOperands {
  Tensor self, other;
  KeptOperands(const Tensor& s, const Tensor& o, bool needs_self, bool needs_other) {
    if (!needs_grad(s, o)) return;
    if (needs_self) self = clone(s);
    if (needs_other) other = o->storage == s->storage ? clone(o) : o;
  }
};

// The same for ops of several operands, run in the dtype that they promote to.
struct NaryInfo {
  const char* name;
  kernels::NaryOp op;
  const char* loop_name = name;
  Cost cost = Cost::light;
  bool takes_integers = true;
};
Tensor nary(const NaryInfo& info, Operands inputs);
// self = op(inputs), one of which is self.
void nary_(const NaryInfo& info, const Tensor& self, Operands inputs);
// The same in a dtype that the numbers among the inputs do not raise.
Tensor nary_as(const NaryInfo& info, DType common, Operands inputs);
void nary_as_(const NaryInfo& info, DType common, const Tensor& self, Operands inputs);

// Arithmetic on tensors that are given up: where no graph is recorded and nobody else holds one, it is
// overwritten with the result. So a formula in a backward takes one allocation, not one per operation.
inline bool is_spare(const Tensor& t) {
  return !grad_state.grad_enabled && t.use_count() == 1 && t->storage->refs.count() == (t->host != nullptr ? 2u : 1u) &&
         t->python == nullptr && !t.is_view() && t.is_contiguous() && is_floating(t.dtype()) && !requires_grad(t) &&
         !t.is_inference();
}
Tensor add(Tensor&& self, const Scalar& other);
Tensor mul(Tensor&& self, const Tensor& other);
Tensor mul(const Tensor& self, Tensor&& other);
Tensor mul(Tensor&& self, Tensor&& other);
Tensor mul(Tensor&& self, const Scalar& other);
Tensor div(Tensor&& self, const Tensor& other);
Tensor div(Tensor&& self, const Scalar& other);
Tensor neg(Tensor&& self);

// a + scale * b in the dtype that a and b promote to, without history.
Tensor add_scaled(const Operand& a, const Operand& b, const Scalar& scale);
void add_scaled_(const Tensor& self, const Operand& b, const Scalar& scale);

// The conjugate of a complex tensor; a real one itself.
Tensor conj(const Tensor& self);
#define TL_UNARY(name, ...) Tensor name(const Tensor& self);
#include "kernels/unary_table.h"
#undef TL_UNARY
Tensor polygamma(int64_t n, const Tensor& self);

// Gradients of activations, differentiable themselves.
Tensor tanh_backward(const Tensor& grad, const Tensor& result);
Tensor sigmoid_backward(const Tensor& grad, const Tensor& result);
// Where self is above the threshold.
Tensor threshold_backward(const Tensor& grad, const Tensor& self, const Scalar& threshold);
Tensor gelu_backward(const Tensor& grad, const Tensor& self);
Tensor gelu_tanh_backward(const Tensor& grad, const Tensor& self);
Tensor silu_backward(const Tensor& grad, const Tensor& self);
Tensor mish_backward(const Tensor& grad, const Tensor& self);
Tensor logsigmoid_backward(const Tensor& grad, const Tensor& self);
Tensor hardsigmoid_backward(const Tensor& grad, const Tensor& self);
Tensor hardswish_backward(const Tensor& grad, const Tensor& self);

}  // namespace tl
