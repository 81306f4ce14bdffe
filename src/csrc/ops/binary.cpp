// Arithmetic: add, sub, mul, div and what they are called elsewhere.
#include "autograd/record.h"
#include "ops/pointwise.h"
#include "ops/registry.h"

namespace tl {

using kernels::BinaryOp;
using Kind = BinaryInfo::Kind;

namespace {

constexpr BinaryInfo add_info{"add", BinaryOp::add, "add_stub"};
constexpr BinaryInfo sub_info{"sub", BinaryOp::sub, "sub_stub"};
constexpr BinaryInfo mul_info{"mul", BinaryOp::mul, "mul_cpu"};
constexpr BinaryInfo div_info{"div", BinaryOp::div, "div_true_cpu", Kind::floating};
constexpr BinaryInfo div_trunc_info{"div", BinaryOp::div_trunc, "div_trunc_cpu", Kind::plain, Cost::medium, false};
constexpr BinaryInfo div_floor_info{"floor_divide", BinaryOp::div_floor, "div_floor_cpu",
                                    Kind::plain,    Cost::medium,        false};

// What a backward uses last gives its memory to the result.
bool fits(const Tensor& spare, const Tensor& other) {
  return is_spare(spare) && spare.dtype() == other.dtype() && equal(spare.sizes(), other.sizes());
}
bool fits(const Tensor& spare, const Scalar& other) { return is_spare(spare) && !other.is_complex(); }

// --- add and sub -----------------------------------------------------------------------------------

void check_alpha(DType result, const Scalar& alpha) {
  TL_CHECK(alpha.kind() != Scalar::Kind::boolean || result == DType::Bool,
           "Boolean alpha only supported for Boolean results.");
  TL_CHECK(is_floating(result) || is_complex(result) || alpha.is_integral_or_bool(),
           "For integral input tensors, argument alpha must not be a floating point number.");
  TL_CHECK(is_complex(result) || !alpha.is_complex(),
           "For non-complex input tensors, argument alpha must not be a complex number.");
}
bool is_one(const Scalar& s) { return s.equals(1); }

void add_backward(Backward& b) {
  b[0] = b.grad();
  b[1] = b.grad();
}
void sub_backward(Backward& b) {
  b[0] = b.grad();
  if (b.needs(1)) b[1] = neg(b.grad());
}
// Of self + alpha other.
auto scaled_backward(const Scalar& alpha) {
  return [alpha](Backward& b) {
    b[0] = b.grad();
    if (b.needs(1))
      b[1] = mul(std::as_const(b.grad()),
                 alpha.is_complex() ? Scalar(std::conj(alpha.to<std::complex<double>>())) : alpha);
  };
}
void check_sub(DType a, DType b) {
  TL_CHECK(
      a != DType::Bool || b != DType::Bool,
      "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` operator "
      "instead.");
  TL_CHECK(
      a != DType::Bool && b != DType::Bool,
      "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, use the "
      "`~` or `logical_not()` operator instead.");
}

}  // namespace

Tensor add(const Tensor& self, const Tensor& other) {
  Tensor out = binary(add_info, self, other);
  if (needs_grad(self, other)) {
    if (is_narrower(out, self) || is_narrower(out, other)) return add(widened(self), widened(other));
    record(out, "AddBackward0", inputs(self, other), saves(), add_backward);
  }
  return out;
}
Tensor add(const Tensor& self, const Scalar& other) {
  Tensor out = binary(add_info, self, other);
  if (needs_grad(self)) {
    if (is_narrower(out, self)) return add(widened(self), other);
    record(out, "AddBackward0", inputs(self, undefined_tensor), saves(), add_backward);
  }
  return out;
}
Tensor add(const Tensor& self, const Tensor& other, const Scalar& alpha) {
  if (is_one(alpha) && alpha.kind() == Scalar::Kind::integer) return add(self, other);
  check_alpha(result_type({self, other}), alpha);
  Tensor out = add_scaled(self, other, alpha);
  if (needs_grad(self, other)) {
    if (is_narrower(out, self) || is_narrower(out, other)) return add(widened(self), widened(other), alpha);
    record(out, "AddBackward0", inputs(self, other), saves(), scaled_backward(alpha));
  }
  return out;
}
Tensor add(Tensor&& self, const Scalar& other) {
  if (!fits(self, other)) return add(std::as_const(self), other);
  binary_(add_info, self, other);
  return std::move(self);
}
Tensor add_(const Tensor& self, const Tensor& other) {
  check_inplace(self, "add_", other);
  if (needs_grad(other) && is_narrower(self, other)) return add_(self, widened(other));
  binary_(add_info, self, other);
  if (needs_grad(self, other)) record_inplace(self, "AddBackward0", inputs(self, other), saves(), add_backward);
  return self;
}
Tensor add_(const Tensor& self, const Tensor& other, const Scalar& alpha) {
  if (is_one(alpha) && alpha.kind() == Scalar::Kind::integer) return add_(self, other);
  check_inplace(self, "add_", other);
  check_alpha(result_type({self, other}), alpha);
  add_scaled_(self, other, alpha);
  if (needs_grad(self, other))
    record_inplace(self, "AddBackward0", inputs(self, other), saves(), scaled_backward(alpha));
  return self;
}
Tensor add_(const Tensor& self, const Scalar& other) {
  check_inplace(self, "add_");
  binary_(add_info, self, other);
  if (needs_grad(self)) record_inplace(self, "AddBackward0", inputs(self, undefined_tensor), saves(), add_backward);
  return self;
}

Tensor sub(const Tensor& self, const Tensor& other) {
  check_sub(self.dtype(), other.dtype());
  Tensor out = binary(sub_info, self, other);
  if (needs_grad(self, other)) {
    if (is_narrower(out, self) || is_narrower(out, other)) return sub(widened(self), widened(other));
    record(out, "SubBackward0", inputs(self, other), saves(), sub_backward);
  }
  return out;
}
Tensor sub(const Tensor& self, const Scalar& other) {
  check_sub(self.dtype(), other.kind() == Scalar::Kind::boolean ? DType::Bool : DType::Int64);
  Tensor out = binary(sub_info, self, other);
  if (needs_grad(self)) {
    if (is_narrower(out, self)) return sub(widened(self), other);
    record(out, "SubBackward0", inputs(self, undefined_tensor), saves(), add_backward);
  }
  return out;
}
Tensor sub(const Tensor& self, const Tensor& other, const Scalar& alpha) {
  if (is_one(alpha) && alpha.kind() == Scalar::Kind::integer) return sub(self, other);
  check_sub(self.dtype(), other.dtype());
  check_alpha(result_type({self, other}), alpha);
  Tensor out = add_scaled(self, other, -alpha);
  if (needs_grad(self, other)) {
    if (is_narrower(out, self) || is_narrower(out, other)) return sub(widened(self), widened(other), alpha);
    record(out, "SubBackward0", inputs(self, other), saves(), scaled_backward(-alpha));
  }
  return out;
}
Tensor sub_(const Tensor& self, const Tensor& other) {
  check_inplace(self, "sub_", other);
  if (needs_grad(other) && is_narrower(self, other)) return sub_(self, widened(other));
  check_sub(self.dtype(), other.dtype());
  binary_(sub_info, self, other);
  if (needs_grad(self, other)) record_inplace(self, "SubBackward0", inputs(self, other), saves(), sub_backward);
  return self;
}
Tensor sub_(const Tensor& self, const Scalar& other) {
  check_inplace(self, "sub_");
  check_sub(self.dtype(), other.kind() == Scalar::Kind::boolean ? DType::Bool : DType::Int64);
  binary_(sub_info, self, other);
  if (needs_grad(self)) record_inplace(self, "SubBackward0", inputs(self, undefined_tensor), saves(), add_backward);
  return self;
}
Tensor sub_(const Tensor& self, const Tensor& other, const Scalar& alpha) {
  if (is_one(alpha) && alpha.kind() == Scalar::Kind::integer) return sub_(self, other);
  check_inplace(self, "sub_", other);
  check_sub(self.dtype(), other.dtype());
  check_alpha(result_type({self, other}), alpha);
  add_scaled_(self, other, -alpha);
  if (needs_grad(self, other))
    record_inplace(self, "SubBackward0", inputs(self, other), saves(), scaled_backward(-alpha));
  return self;
}
Tensor rsub(const Tensor& self, const Scalar& other) {
  check_sub(self.dtype(), other.kind() == Scalar::Kind::boolean ? DType::Bool : DType::Int64);
  Tensor out = binary(sub_info, other, self);
  if (needs_grad(self)) {
    if (is_narrower(out, self)) return rsub(widened(self), other);
    record(out, "RsubBackward1", inputs(self), saves(), [](Backward& b) { b[0] = neg(b.grad()); });
  }
  return out;
}

namespace {

Tensor rsub_op(const Tensor& self, const Tensor& other, const Scalar& alpha) {
  check_sub(self.dtype(), other.dtype());
  check_alpha(result_type({self, other}), alpha);
  Tensor out = is_one(alpha) ? binary(sub_info, other, self) : add_scaled(other, self, -alpha);
  if (needs_grad(self, other)) {
    if (is_narrower(out, self) || is_narrower(out, other)) return rsub_op(widened(self), widened(other), alpha);
    const char* label = other.is_wrapped_number() ? "RsubBackward1" : "RsubBackward0";
    record(out, label, inputs(self, other), saves(), [alpha](Backward& b) {
      if (b.needs(0)) b[0] = mul(b.grad(), -alpha);
      b[1] = b.grad();
    });
  }
  return out;
}

// --- mul and div -----------------------------------------------------------------------------------

void mul_backward(Backward& b) {
  if (b.needs(1)) b[1] = mul(b.grad(), conj(b.saved(0)));
  if (b.needs(0)) b[0] = mul(std::move(b.grad()), conj(b.saved(1)));
}
Scalar conj(const Scalar& s) { return s.is_complex() ? Scalar(std::conj(s.to<std::complex<double>>())) : s; }
// A number is nothing to save, but once the graph is freed this fails as for a tensor.
auto mul_backward_by(const Scalar& other) {
  return [other](Backward& b) {
    b.require_graph();
    b[0] = mul(std::move(b.grad()), conj(other));
  };
}

}  // namespace

Tensor mul(const Tensor& self, const Tensor& other) {
  Tensor out = binary(mul_info, self, other);
  if (needs_grad(self, other)) {
    if (is_narrower(out, self) || is_narrower(out, other)) [[unlikely]]
      return mul(widened(self), widened(other));
    record(out, "MulBackward0:self,other", inputs(self, other),
           saves(input_if(requires_grad(other), self), input_if(requires_grad(self), other)), mul_backward);
  }
  return out;
}
Tensor mul(const Tensor& self, const Scalar& other) {
  Tensor out = binary(mul_info, self, other);
  if (needs_grad(self)) {
    if (is_narrower(out, self)) return mul(widened(self), other);
    record(out, "MulBackward0", inputs(self, undefined_tensor), saves(), mul_backward_by(other));
  }
  return out;
}
Tensor mul(Tensor&& self, const Tensor& other) {
  if (!fits(self, other)) return mul(std::as_const(self), other);
  binary_(mul_info, self, other);
  return std::move(self);
}
Tensor mul(const Tensor& self, Tensor&& other) {
  if (!fits(other, self)) return mul(self, std::as_const(other));
  binary_(mul_info, other, self);
  return std::move(other);
}
Tensor mul(Tensor&& self, Tensor&& other) {
  return is_spare(self) ? mul(std::move(self), std::as_const(other)) : mul(std::as_const(self), std::move(other));
}
Tensor mul(Tensor&& self, const Scalar& other) {
  if (!fits(self, other)) return mul(std::as_const(self), other);
  binary_(mul_info, self, other);
  return std::move(self);
}
Tensor mul_(const Tensor& self, const Tensor& other) {
  check_inplace(self, "mul_", other);
  if (needs_grad(other) && is_narrower(self, other)) return mul_(self, widened(other));
  KeptOperands old(self, other, requires_grad(other), requires_grad(self));
  binary_(mul_info, self, other);
  if (needs_grad(self, other)) {
    record_inplace(self, "MulBackward0:self,other", inputs(self, other), saves(old.self, old.other), mul_backward);
  }
  return self;
}
Tensor mul_(const Tensor& self, const Scalar& other) {
  check_inplace(self, "mul_");
  binary_(mul_info, self, other);
  if (needs_grad(self)) {
    record_inplace(self, "MulBackward0", inputs(self, undefined_tensor), saves(), mul_backward_by(other));
  }
  return self;
}

namespace {

void div_backward(Backward& b) {
  const Tensor& g = b.grad();
  Tensor other = conj(b.saved(1));
  Tensor to_self = div(g, other);
  if (b.needs(1)) b[1] = neg(mul(to_self, conj(div(b.saved(0), b.saved(1)))));
  if (b.needs(0)) b[0] = std::move(to_self);
}
auto div_backward_by(const Scalar& other) {
  return [other](Backward& b) {
    b.require_graph();
    b[0] = div(std::move(b.grad()), conj(other));
  };
}
// The quotient is rounded: its slope is zero.
void rounded_backward(Backward& b) {
  for (uint32_t i = 0; i < 2; ++i) {
    if (b.needs(i)) b[i] = zeros_like(b.grad());
  }
}

}  // namespace

Tensor div(const Tensor& self, const Tensor& other) {
  Tensor out = binary(div_info, self, other);
  if (needs_grad(self, other)) {
    if (is_narrower(out, self) || is_narrower(out, other)) return div(widened(self), widened(other));
    record(out, "DivBackward0:self,other", inputs(self, other), saves(input_if(requires_grad(other), self), other),
           div_backward);
  }
  return out;
}
Tensor div(const Tensor& self, const Scalar& other) {
  Tensor out = binary(div_info, self, other);
  if (needs_grad(self)) {
    if (is_narrower(out, self)) return div(widened(self), other);
    record(out, "DivBackward0", inputs(self, undefined_tensor), saves(), div_backward_by(other));
  }
  return out;
}
Tensor div(Tensor&& self, const Tensor& other) {
  if (!fits(self, other)) return div(std::as_const(self), other);
  binary_(div_info, self, other);
  return std::move(self);
}
Tensor div(Tensor&& self, const Scalar& other) {
  if (!fits(self, other)) return div(std::as_const(self), other);
  binary_(div_info, self, other);
  return std::move(self);
}
Tensor div_(const Tensor& self, const Tensor& other) {
  check_inplace(self, "div_", other);
  if (needs_grad(other) && is_narrower(self, other)) return div_(self, widened(other));
  KeptOperands old(self, other, requires_grad(other), true);
  binary_(div_info, self, other);
  if (needs_grad(self, other)) {
    record_inplace(self, "DivBackward0:self,other", inputs(self, other), saves(old.self, old.other), div_backward);
  }
  return self;
}
Tensor div_(const Tensor& self, const Scalar& other) {
  check_inplace(self, "div_");
  binary_(div_info, self, other);
  if (needs_grad(self))
    record_inplace(self, "DivBackward0", inputs(self, undefined_tensor), saves(), div_backward_by(other));
  return self;
}

namespace {

const BinaryInfo& rounding_info(const std::string& mode) {
  TL_CHECK(mode == "trunc" || mode == "floor",
           "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '", mode, "'");
  return mode == "trunc" ? div_trunc_info : div_floor_info;
}
Tensor div_rounded(const Tensor& self, const Tensor& other, const std::optional<std::string>& mode) {
  if (!mode) return div(self, other);
  Tensor out = binary(rounding_info(*mode), self, other);
  if (needs_grad(self, other)) record(out, "DivBackward2", inputs(self, other), saves(), rounded_backward);
  return out;
}
Tensor div_rounded_(const Tensor& self, const Tensor& other, const std::optional<std::string>& mode) {
  if (!mode) return div_(self, other);
  const BinaryInfo& info = rounding_info(*mode);
  check_inplace(self, "div_");
  binary_(info, self, other);
  if (needs_grad(self, other)) record_inplace(self, "DivBackward2", inputs(self, other), saves(), rounded_backward);
  return self;
}

Tensor floor_divide(const Tensor& self, const Tensor& other) {
  Tensor out = binary(div_floor_info, self, other);
  if (needs_grad(self, other))
    record(out, "NotImplemented", inputs(self, other), saves(), no_derivative("floor_divide"));
  return out;
}
Tensor floor_divide_(const Tensor& self, const Tensor& other) {
  check_inplace(self, "floor_divide_", other);
  binary_(div_floor_info, self, other);
  if (needs_grad(self, other)) {
    record_inplace(self, "NotImplemented", inputs(self, other), saves(), no_derivative("floor_divide"));
  }
  return self;
}

// --- the old order of arguments ------------------------------------------------------------------

Tensor add_old(const Tensor& self, const Scalar& alpha, const Tensor& other) {
  TL_OLD_FORM("add", "Number alpha, Tensor other", "Tensor other, *, Number alpha = 1");
  return add(self, other, alpha);
}
Tensor add_old_(const Tensor& self, const Scalar& alpha, const Tensor& other) {
  TL_OLD_FORM("add_", "Number alpha, Tensor other", "Tensor other, *, Number alpha = 1");
  return add_(self, other, alpha);
}
Tensor sub_old(const Tensor& self, const Scalar& alpha, const Tensor& other) {
  TL_OLD_FORM("sub", "Number alpha, Tensor other", "Tensor other, *, Number alpha = 1");
  return sub(self, other, alpha);
}
Tensor sub_old_(const Tensor& self, const Scalar& alpha, const Tensor& other) {
  TL_OLD_FORM("sub_", "Number alpha, Tensor other", "Tensor other, *, Number alpha = 1");
  return sub_(self, other, alpha);
}

using Plain = Tensor (*)(const Tensor&, const Tensor&);
using Scaled = Tensor (*)(const Tensor&, const Tensor&, const Scalar&);
constexpr uint32_t both = op::function | op::method;
constexpr uint32_t writes = op::method | op::writes_self;
constexpr const char* add_doc =
    "`self + alpha * other`, element by element; the shapes broadcast and the dtypes promote. `alpha` must be an "
    "integer for "
    "integer results.";
constexpr const char* sub_doc =
    "`self - alpha * other`, element by element. Bool tensors are refused: use `^` or logical_not.";
constexpr const char* mul_doc = "The product, element by element.";
constexpr const char* div_doc =
    "The quotient, element by element. Integers divide as reals; rounding_mode='trunc' rounds towards zero as C does, "
    "'floor' down as Python's `//`. Integers by zero raise RuntimeError.";
constexpr const char* arithmetic_samples =
    "randn(3, 4), randn(3, 4) | randn(3, 4), randn(4) | randn(3, 1), randn(1, 4) | randn(4, 3).t(), randn(3, 4) | "
    "randn(3), 2 | "
    "randn(()), randn(()) | randn(0, 3), randn(3) | tensor([1, 2]), 2.5";

#define TL_ARITHMETIC(name, f, doc, samples)                                                                    \
  {name "(Operand self, Operand other) -> Tensor", TL_OP(static_cast<Plain>(f)), both | op::out, doc, samples}, \
      {name "_(Tensor self, Operand other) -> Tensor", TL_OP(static_cast<Plain>(f##_)), writes, doc,            \
       "randn(3, 4), randn(4)"}
#define TL_SCALED(name, f, doc, samples)                                                                             \
  {name "(Operand self, Operand other, *, Scalar alpha=1) -> Tensor", TL_OP(static_cast<Scaled>(f)), both | op::out, \
   doc, samples},                                                                                                    \
      {name "(Tensor self, Scalar alpha, Tensor other) -> Tensor", TL_OP(f##_old), both | op::out,                   \
       "The old order of arguments.", "randn(3), 2, randn(3)"},                                                      \
      {name "_(Tensor self, Operand other, *, Scalar alpha=1) -> Tensor", TL_OP(static_cast<Scaled>(f##_)), writes,  \
       doc, "randn(3, 4), randn(4), alpha=2"},                                                                       \
      {name "_(Tensor self, Scalar alpha, Tensor other) -> Tensor", TL_OP(f##_old_), writes,                         \
       "The old order of arguments.", "randn(3), 2, randn(3)"}
#define TL_DIVISION(name)                                                                                          \
  {name "(Operand self, Operand other, *, str? rounding_mode=None) -> Tensor", TL_OP(div_rounded), both | op::out, \
   div_doc,                                                                                                        \
   "randn(3, 4), randn(3, 4) | randn(3, 1), randn(4) | tensor([7, -7]), 2 | tensor([7, -7]), 2, "                  \
   "rounding_mode='floor' | "                                                                                      \
   "randn(4, 3).t(), 2.5, rounding_mode='trunc' | randn(0, 3), randn(3)"},                                         \
      {name "_(Tensor self, Operand other, *, str? rounding_mode=None) -> Tensor", TL_OP(div_rounded_), writes,    \
       div_doc, "randn(3, 4), randn(4)"}

const OpRecord records[] = {
    TL_SCALED("add", add, add_doc, arithmetic_samples),
    TL_SCALED("sub", sub, sub_doc,
              "randn(3, 4), randn(3, 4) | randn(3, 4), randn(4), alpha=2.5 | randn(4, 3).t(), 2 | randn(()), 1 | "
              "randn(0, 3), randn(3)"),
    TL_SCALED("subtract", sub, sub_doc, "randn(3, 4), randn(4)"),
    {"rsub(Tensor self, Operand other, Scalar alpha=1) -> Tensor", TL_OP(rsub_op), op::function,
     "`other - alpha * self`.", "randn(3, 4), randn(4) | randn(3), 2"},
    TL_ARITHMETIC("mul", mul, mul_doc, arithmetic_samples),
    TL_ARITHMETIC("multiply", mul, mul_doc, "randn(3, 4), randn(4)"),
    TL_DIVISION("div"),
    TL_DIVISION("divide"),
    TL_ARITHMETIC("true_divide", div, "div without rounding.", "randn(3, 4), randn(4) | tensor([1, 2]), 2"),
    {"floor_divide(Operand self, Operand other) -> Tensor", TL_OP(floor_divide), both | op::out | op::nondifferentiable,
     "The quotient rounded down, as Python's `//`.",
     "randn(3, 4), randn(4) | tensor([7, -7]), 2 | tensor([7, -7]), -2.5"},
    {"floor_divide_(Tensor self, Operand other) -> Tensor", TL_OP(floor_divide_), writes | op::nondifferentiable,
     "floor_divide in place.", "randn(3, 4), randn(4)"},
};
const RegisterOps registered(records);

Tensor graph_add(const Tensor& a, const Tensor& b) { return add(a, b); }
void graph_add_(const Tensor& a, const Tensor& b) { add_(a, b); }
const struct FillGraphOps {
  FillGraphOps() {
    graph_ops.add = graph_add;
    graph_ops.add_inplace = graph_add_;
  }
} fill_graph_ops;

}  // namespace

}  // namespace tl
