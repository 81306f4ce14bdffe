// Comparisons and logic: results are bool, and nothing has a gradient.
#include "autograd/state.h"
#include "ops/pointwise.h"
#include "ops/registry.h"

namespace tl {

using kernels::BinaryOp;
using Kind = BinaryInfo::Kind;

namespace {

Tensor predicate_(const BinaryInfo& info, const char* name, const Tensor& self, const Tensor& other) {
  check_inplace(self, name);
  // Differentiable in name only: its gradient is zero.
  Tensor source = needs_grad(self, other) ? to_dtype(binary(info, self, other), self.dtype()) : Tensor();
  if (source.defined()) return copy_(self, source);
  binary_(info, self, other);
  return self;
}

}  // namespace

#define TL_COMPARISON(f)                                                                                       \
  namespace {                                                                                                  \
  constexpr BinaryInfo f##_info{#f, BinaryOp::f, #f "_cpu", Kind::predicate};                                  \
  Tensor f##_in(const Tensor& self, const Tensor& other) { return predicate_(f##_info, #f "_", self, other); } \
  }                                                                                                            \
  Tensor f(const Tensor& self, const Tensor& other) { return binary(f##_info, self, other); }
#define TL_COMPARISON_NUMBER(f) \
  TL_COMPARISON(f)              \
  Tensor f(const Tensor& self, const Scalar& other) { return binary(f##_info, self, other); }

TL_COMPARISON_NUMBER(eq)
TL_COMPARISON_NUMBER(ne)
TL_COMPARISON_NUMBER(lt)
TL_COMPARISON_NUMBER(le)
TL_COMPARISON_NUMBER(gt)
TL_COMPARISON_NUMBER(ge)
TL_COMPARISON(logical_and)
TL_COMPARISON(logical_or)
TL_COMPARISON(logical_xor)

namespace {

using F = Tensor (*)(const Tensor&, const Tensor&);
constexpr uint32_t both = op::function | op::method | op::out | op::nondifferentiable;
constexpr uint32_t writes = op::method | op::writes_self | op::nondifferentiable;
constexpr const char* samples =
    "randn(3, 4), randn(3, 4) | randn(3, 1), randn(4) | randn(4, 3).t(), 0.5 | tensor([1, 2]), tensor([1, 3]) | "
    "randn(()), 0 | "
    "randn(0, 3), 1";
#define TL_RECORDS(name, f, operand, doc)                                                            \
  {name "(Tensor self, " operand " other) -> Tensor", TL_OP(static_cast<F>(f)), both, doc, samples}, \
      {name "_(Tensor self, " operand " other) -> Tensor", TL_OP(f##_in), writes, doc " In place.",  \
       "randn(3, 4), randn(4)"}
const OpRecord records[] = {
    TL_RECORDS("eq", eq, "Operand", "Whether self equals other, element by element."),
    TL_RECORDS("ne", ne, "Operand", "Whether self differs from other, element by element."),
    TL_RECORDS("not_equal", ne, "Operand", "Whether self differs from other, element by element."),
    TL_RECORDS("lt", lt, "Operand", "Whether self is below other, element by element."),
    TL_RECORDS("less", lt, "Operand", "Whether self is below other, element by element."),
    TL_RECORDS("le", le, "Operand", "Whether self is at most other, element by element."),
    TL_RECORDS("less_equal", le, "Operand", "Whether self is at most other, element by element."),
    TL_RECORDS("gt", gt, "Operand", "Whether self is above other, element by element."),
    TL_RECORDS("greater", gt, "Operand", "Whether self is above other, element by element."),
    TL_RECORDS("ge", ge, "Operand", "Whether self is at least other, element by element."),
    TL_RECORDS("greater_equal", ge, "Operand", "Whether self is at least other, element by element."),
    {"logical_and(Tensor self, Tensor other) -> Tensor", TL_OP(static_cast<F>(logical_and)), both,
     "Whether both are not zero.", "randn(3, 4) > 0, randn(4) > 0 | randn(3), tensor([0, 1, 2])"},
    {"logical_and_(Tensor self, Tensor other) -> Tensor", TL_OP(logical_and_in), writes, "logical_and in place.",
     "randn(3) > 0, randn(3) > 0"},
    {"logical_or(Tensor self, Tensor other) -> Tensor", TL_OP(static_cast<F>(logical_or)), both,
     "Whether one of them is not zero.", "randn(3, 4) > 0, randn(4) > 0 | randn(3), tensor([0, 1, 2])"},
    {"logical_or_(Tensor self, Tensor other) -> Tensor", TL_OP(logical_or_in), writes, "logical_or in place.",
     "randn(3) > 0, randn(3) > 0"},
    {"logical_xor(Tensor self, Tensor other) -> Tensor", TL_OP(static_cast<F>(logical_xor)), both,
     "Whether just one of them is not zero.", "randn(3, 4) > 0, randn(4) > 0 | randn(3), tensor([0, 1, 2])"},
    {"logical_xor_(Tensor self, Tensor other) -> Tensor", TL_OP(logical_xor_in), writes, "logical_xor in place.",
     "randn(3) > 0, randn(3) > 0"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
