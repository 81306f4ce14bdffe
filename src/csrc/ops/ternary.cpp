// where, clamp, lerp, addcmul, addcdiv; closeness.
#include "autograd/record.h"
#include "ops/pointwise.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

using kernels::BinaryOp;
using kernels::NaryOp;

namespace {

PointwiseSpec spec_of(const NaryInfo& info, DType common, Operands inputs) {
  kernels::Compute compute = kernels::compute_of(common);
  kernels::Loop loop = info.takes_integers || !is_integral_or_bool(common) ? find_loop(info.op, compute) : nullptr;
  if (loop == nullptr) not_implemented(info.loop_name, common, inputs);
  Cost cost = info.cost == Cost::medium && compute != kernels::Compute::f32 ? Cost::heavy : info.cost;
  return {info.name, loop, common, common, cost};
}

}  // namespace

Tensor nary(const NaryInfo& info, Operands inputs) {
  return pointwise(spec_of(info, result_type(inputs), inputs), inputs);
}
Tensor nary_as(const NaryInfo& info, DType common, Operands inputs) {
  return pointwise(spec_of(info, common, inputs), inputs);
}

namespace {

void write(const PointwiseSpec& spec, const Tensor& self, Operands inputs) {
  check_cast(spec.name, spec.result, self);
  pointwise_into(spec, self, inputs);
  self.bump_version();
}

}  // namespace

void nary_(const NaryInfo& info, const Tensor& self, Operands inputs) {
  write(spec_of(info, result_type(inputs), inputs), self, inputs);
}
void nary_as_(const NaryInfo& info, DType common, const Tensor& self, Operands inputs) {
  write(spec_of(info, common, inputs), self, inputs);
}

// --- where -------------------------------------------------------------------------------------------

namespace {

Tensor as_condition(const Tensor& condition) {
  if (condition.dtype() == DType::UInt8) {
    if (static bool said = false; !std::exchange(said, true)) {
      warn(
          "where received a uint8 condition tensor. This behavior is deprecated and will be removed in a future "
          "version of "
          "PyTorch. Use a boolean condition instead.");
    }
    return to_dtype(condition, DType::Bool);
  }
  TL_CHECK(condition.dtype() == DType::Bool,
           "where expected condition to be a boolean tensor, but got a tensor with dtype ",
           dtype_legacy_name(condition.dtype()));
  return condition;
}

}  // namespace

Tensor where(const Tensor& condition_arg, const Tensor& self, const Tensor& other) {
  Tensor condition = as_condition(condition_arg);
  DType common = result_type({self, other});
  Tensor out = nary_as({"where", NaryOp::where}, common, {condition, self, other});
  if (needs_grad(self, other)) {
    if (is_narrower(out, self) || is_narrower(out, other)) return where(condition, widened(self), widened(other));
    record(out, "WhereBackward0:condition", inputs(self, other), saves(condition), [](Backward& b) {
      Tensor condition = b.saved(0), zero = zeros(Dims{}, b.grad().dtype());
      if (b.needs(0)) b[0] = where(condition, b.grad(), zero);
      if (b.needs(1)) b[1] = where(condition, zero, b.grad());
    });
  }
  return out;
}

namespace {

std::vector<Tensor> where_places(const Tensor& condition) {
  return unbind(nonzero(condition.dim() == 0 ? unsqueeze(detach(condition), 0) : condition), 1);
}

// --- clamp -------------------------------------------------------------------------------------------

void check_clamp(const Tensor& self, bool has_min, bool has_max) {
  TL_CHECK_NOTIMPL(!is_complex(self.dtype()), "clamp is not supported for complex types");
  TL_CHECK(has_min || has_max, "torch.clamp: At least one of 'min' or 'max' must not be None");
}
constexpr NaryInfo clamp_info{"clamp", NaryOp::clamp, "clamp_cpu"};
constexpr BinaryInfo min_info{
    "clamp_min", BinaryOp::maximum, "clamp_min_scalar_cpu", BinaryInfo::Kind::plain, Cost::light, false};
constexpr BinaryInfo max_info{
    "clamp_max", BinaryOp::minimum, "clamp_max_scalar_cpu", BinaryInfo::Kind::plain, Cost::light, false};

using Bound = std::optional<Scalar>;
// The gradient passes where self is inside the bounds, which it may touch.
auto clamp_backward(const Bound& min, const Bound& max) {
  return [min, max](Backward& b) {
    Tensor x = b.saved(0), inside;
    if (min) inside = ge(x, *min);
    if (max) inside = min ? logical_and(inside, le(x, *max)) : le(x, *max);
    b[0] = where(inside, b.grad(), zeros(Dims{}, b.grad().dtype()));
  };
}
constexpr const char* clamp_label = "ClampBackward1:self";
Tensor clamp(const Tensor& self, const Bound& min, const Bound& max) {
  check_clamp(self, min.has_value(), max.has_value());
  Tensor out = min && max ? nary(clamp_info, {self, *min, *max})
               : min      ? binary(min_info, self, *min)
                          : binary(max_info, self, *max);
  if (needs_grad(self)) record(out, clamp_label, inputs(self), saves(self), clamp_backward(min, max));
  return out;
}
Tensor clamp_(const Tensor& self, const Bound& min, const Bound& max) {
  check_inplace(self, "clamp_");
  check_clamp(self, min.has_value(), max.has_value());
  Tensor old = needs_grad(self) ? clone(self) : Tensor();
  if (min && max) {
    nary_(clamp_info, self, {self, *min, *max});
  } else {
    min ? binary_(min_info, self, *min) : binary_(max_info, self, *max);
  }
  if (needs_grad(self)) record_inplace(self, clamp_label, inputs(self), saves(input(old)), clamp_backward(min, max));
  return self;
}
Tensor clamp_min(const Tensor& self, const Scalar& min) {
  check_clamp(self, true, false);
  Tensor out = binary(min_info, self, min);
  if (needs_grad(self)) record(out, "ClampMinBackward0:self", inputs(self), saves(self), clamp_backward(min, {}));
  return out;
}
Tensor clamp_max(const Tensor& self, const Scalar& max) {
  check_clamp(self, false, true);
  Tensor out = binary(max_info, self, max);
  if (needs_grad(self)) record(out, "ClampMaxBackward0:self", inputs(self), saves(self), clamp_backward({}, max));
  return out;
}
Tensor clamp_min_(const Tensor& self, const Scalar& min) { return clamp_(self, min, {}); }
Tensor clamp_max_(const Tensor& self, const Scalar& max) { return clamp_(self, {}, max); }

// Bounds that are tensors get the gradient where they are the result.
auto clamp_tensor_backward(bool has_min, bool has_max) {
  return [has_min, has_max](Backward& b) {
    Tensor x = b.saved(0), min = has_min ? b.saved(1) : Tensor(), max = has_max ? b.saved(2) : Tensor();
    Tensor zero = zeros(Dims{}, b.grad().dtype());
    if (b.needs(0)) {
      Tensor inside;
      if (has_min) inside = ge(x, min);
      if (has_max) inside = has_min ? logical_and(inside, le(x, max)) : le(x, max);
      b[0] = where(inside, b.grad(), zero);
    }
    if (has_min && b.needs(1)) {
      Tensor below = lt(x, min);
      b[1] = where(has_max ? logical_and(below, lt(min, max)) : below, b.grad(), zero);
    }
    if (has_max && b.needs(2)) {
      Tensor above = gt(x, max);
      b[2] = where(has_min ? logical_or(above, lt(max, min)) : above, b.grad(), zero);
    }
  };
}
Tensor clamp_tensors(const Tensor& self, const Tensor& min, const Tensor& max) {
  bool has_min = min.defined(), has_max = max.defined();
  check_clamp(self, has_min, has_max);
  Tensor out = has_min && has_max ? nary(clamp_info, {self, min, max})
               : has_min          ? binary(min_info, self, min)
                                  : binary(max_info, self, max);
  if (needs_grad(self, min, max)) {
    record(out, "ClampBackward0:self,min,max", inputs(self, min, max), saves(self, min, max),
           clamp_tensor_backward(has_min, has_max));
  }
  return out;
}
Tensor clamp_tensors_(const Tensor& self, const Tensor& min, const Tensor& max) {
  check_inplace(self, "clamp_", min, max);
  bool has_min = min.defined(), has_max = max.defined();
  check_clamp(self, has_min, has_max);
  Tensor old = needs_grad(self, min, max) ? clone(self) : Tensor();
  auto apart = [&](const Tensor& t) {
    return old.defined() && t.defined() && t->storage == self->storage ? clone(t) : t;
  };
  Tensor kept_min = apart(min), kept_max = apart(max);
  if (has_min && has_max) {
    nary_(clamp_info, self, {self, min, max});
  } else {
    has_min ? binary_(min_info, self, min) : binary_(max_info, self, max);
  }
  if (old.defined()) {
    record_inplace(self, "ClampBackward0:self,min,max", inputs(self, min, max), saves(old, kept_min, kept_max),
                   clamp_tensor_backward(has_min, has_max));
  }
  return self;
}
Tensor clamp_min_tensor(const Tensor& self, const Tensor& min) {
  check_clamp(self, true, false);
  Tensor out = binary(min_info, self, min);
  if (needs_grad(self, min)) {
    record(out, "ClampMinBackward1:self,min", inputs(self, min, undefined_tensor), saves(self, min),
           clamp_tensor_backward(true, false));
  }
  return out;
}
Tensor clamp_max_tensor(const Tensor& self, const Tensor& max) {
  check_clamp(self, false, true);
  Tensor out = binary(max_info, self, max);
  if (needs_grad(self, max)) {
    record(out, "ClampMaxBackward1:self,max", inputs(self, max), saves(self, max), [](Backward& b) {
      Tensor x = b.saved(0), max = b.saved(1), zero = zeros(Dims{}, b.grad().dtype());
      if (b.needs(0)) b[0] = where(le(x, max), b.grad(), zero);
      if (b.needs(1)) b[1] = where(gt(x, max), b.grad(), zero);
    });
  }
  return out;
}
Tensor clamp_min_tensor_(const Tensor& self, const Tensor& min) { return clamp_tensors_(self, min, Tensor()); }
Tensor clamp_max_tensor_(const Tensor& self, const Tensor& max) { return clamp_tensors_(self, Tensor(), max); }

// --- lerp --------------------------------------------------------------------------------------------

constexpr NaryInfo lerp_info{"lerp", NaryOp::lerp, "lerp_kernel_scalar", Cost::light, false};

void check_lerp(const Tensor& self, const Tensor& end, const Tensor& weight) {
  TL_CHECK(self.dtype() == end.dtype(), "expected dtype ", dtype_name(self.dtype()), " for `end` but got dtype ",
           dtype_name(end.dtype()));
  TL_CHECK(weight.is_wrapped_number() || self.dtype() == weight.dtype(), "expected dtype ", dtype_name(self.dtype()),
           " for `weight` but got dtype ", dtype_name(weight.dtype()));
}
const char* lerp_label(const Tensor& weight) {
  return weight.is_wrapped_number() ? "LerpBackward0:weight" : "LerpBackward1:weight,self,end";
}
void lerp_backward(Backward& b) {
  Tensor weight = b.saved(0), w = conj(weight);
  if (b.needs(0)) b[0] = mul(b.grad(), rsub(w, 1));
  if (b.needs(1)) b[1] = mul(b.grad(), w);
  if (b.needs(2)) b[2] = mul(b.grad(), conj(sub(b.saved(2), b.saved(1))));
}
Tensor lerp(const Tensor& self, const Tensor& end, const Tensor& weight) {
  check_lerp(self, end, weight);
  Tensor out = nary_as(lerp_info, self.dtype(), {self, end, weight});
  if (needs_grad(self, end, weight)) {
    bool slope = requires_grad(weight);
    record(out, lerp_label(weight), inputs(self, end, weight),
           saves(input(weight), input_if(slope, self), input_if(slope, end)), lerp_backward);
  }
  return out;
}
Tensor lerp_(const Tensor& self, const Tensor& end, const Tensor& weight) {
  check_inplace(self, "lerp_", end, weight);
  check_lerp(self, end, weight);
  bool grad = needs_grad(self, end, weight), slope = grad && requires_grad(weight);
  Tensor old = slope ? clone(self) : Tensor();
  Tensor kept_end = slope && end->storage == self->storage ? clone(end) : end;
  Tensor kept_weight = grad && weight->storage == self->storage ? clone(weight) : weight;
  nary_as_(lerp_info, self.dtype(), self, {self, end, weight});
  if (grad) {
    record_inplace(self, lerp_label(weight), inputs(self, end, weight),
                   saves(input(kept_weight), input(old), input_if(slope, kept_end)), lerp_backward);
  }
  return self;
}

// --- addcmul and addcdiv -----------------------------------------------------------------------------

constexpr NaryInfo addcmul_info{"addcmul", NaryOp::addcmul, "addcmul_cpu_out"};
constexpr NaryInfo addcdiv_info{"addcdiv", NaryOp::addcdiv, "addcdiv_cpu_out", Cost::light, false};

Scalar conj_of(const Scalar& s) { return s.is_complex() ? Scalar(std::conj(s.to<std::complex<double>>())) : s; }
auto addcmul_backward(const Scalar& value) {
  return [value](Backward& b) {
    b[0] = b.grad();
    if (b.needs(1)) b[1] = mul(mul(b.grad(), conj(b.saved(1))), conj_of(value));
    if (b.needs(2)) b[2] = mul(mul(b.grad(), conj(b.saved(0))), conj_of(value));
  };
}
auto addcdiv_backward(const Scalar& value) {
  return [value](Backward& b) {
    b[0] = b.grad();
    Tensor by = b.saved(1), to_first = mul(div(b.grad(), conj(by)), conj_of(value));
    if (b.needs(2)) b[2] = neg(mul(to_first, conj(div(b.saved(0), by))));
    if (b.needs(1)) b[1] = std::move(to_first);
  };
}
// The scaling number never raises the dtype.
PointwiseSpec addc_spec(const NaryInfo& info, const Tensor& self, const Tensor& a, const Tensor& b) {
  return spec_of(info, result_type({self, a, b}), {self, a, b});
}
void check_addcdiv(const Tensor& a, const Tensor& b) {
  TL_CHECK(!is_integral_or_bool(a.dtype()) || !is_integral_or_bool(b.dtype()),
           "Integer division with addcdiv is no longer supported, and in a future  release addcdiv will perform a true "
           "division of tensor1 and tensor2. The historic addcdiv behavior can be implemented as (input + value * "
           "torch.trunc(tensor1 / tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / "
           "tensor2) for "
           "float inputs. The future addcdiv behavior is just the latter implementation: (input + value * tensor1 / "
           "tensor2), "
           "for all dtypes.");
}

template <const NaryInfo& info, auto backward>
Tensor addc(const char* label, const Tensor& self, const Tensor& a, const Tensor& b, const Scalar& value,
            bool keep_both) {
  Tensor out = pointwise(addc_spec(info, self, a, b), {self, a, b, value});
  if (needs_grad(self, a, b)) {
    if (is_narrower(out, self) || is_narrower(out, a) || is_narrower(out, b)) {
      return addc<info, backward>(label, widened(self), widened(a), widened(b), value, keep_both);
    }
    record(out, label, inputs(self, a, b),
           saves(input_if(requires_grad(b), a), input_if(keep_both || requires_grad(a), b)), backward(value));
  }
  return out;
}
template <const NaryInfo& info, auto backward>
Tensor addc_(const char* label, const char* name, const Tensor& self, const Tensor& a, const Tensor& b,
             const Scalar& value) {
  check_inplace(self, name, a, b);
  bool grad = needs_grad(self, a, b);
  Tensor kept_a = grad && a->storage == self->storage ? clone(a) : a,
         kept_b = grad && b->storage == self->storage ? clone(b) : b;
  PointwiseSpec spec = addc_spec(info, self, a, b);
  check_cast(name, spec.result, self);
  pointwise_into(spec, self, {self, a, b, value});
  self.bump_version();
  if (grad) record_inplace(self, label, inputs(self, a, b), saves(kept_a, kept_b), backward(value));
  return self;
}
Tensor addcmul(const Tensor& self, const Tensor& a, const Tensor& b, const Scalar& value) {
  return addc<addcmul_info, addcmul_backward>("AddcmulBackward0:tensor1,tensor2", self, a, b, value, false);
}
Tensor addcmul_(const Tensor& self, const Tensor& a, const Tensor& b, const Scalar& value) {
  return addc_<addcmul_info, addcmul_backward>("AddcmulBackward0:tensor1,tensor2", "addcmul_", self, a, b, value);
}
Tensor addcdiv(const Tensor& self, const Tensor& a, const Tensor& b, const Scalar& value) {
  check_addcdiv(a, b);
  return addc<addcdiv_info, addcdiv_backward>("AddcdivBackward0:tensor1,tensor2", self, a, b, value, true);
}
Tensor addcdiv_(const Tensor& self, const Tensor& a, const Tensor& b, const Scalar& value) {
  check_addcdiv(a, b);
  return addc_<addcdiv_info, addcdiv_backward>("AddcdivBackward0:tensor1,tensor2", "addcdiv_", self, a, b, value);
}
#define TL_OLD(f)                                                                             \
  Tensor f##_old(const Tensor& self, const Scalar& value, const Tensor& a, const Tensor& b) { \
    TL_OLD_FORM(#f, "Number value, Tensor tensor1, Tensor tensor2",                           \
                "Tensor tensor1, Tensor tensor2, *, Number value = 1");                       \
    return f(self, a, b, value);                                                              \
  }
TL_OLD(addcmul)
TL_OLD(addcmul_)
TL_OLD(addcdiv)
TL_OLD(addcdiv_)

// --- closeness ---------------------------------------------------------------------------------------

bool all_true(const Tensor& t) {
  const bool* p = t.data<bool>();
  for (int64_t i = 0; i < t.numel(); ++i) {
    if (!p[i]) return false;
  }
  return true;
}
Tensor isclose(const Tensor& self_arg, const Tensor& other_arg, double rtol, double atol, bool equal_nan) {
  TL_CHECK(self_arg.dtype() == other_arg.dtype(), dtype_legacy_name(self_arg.dtype()), " did not match ",
           dtype_legacy_name(other_arg.dtype()));
  TL_CHECK(rtol >= 0, "rtol must be greater than or equal to zero, but got ", rtol);
  TL_CHECK(atol >= 0, "atol must be greater than or equal to zero, but got ", atol);
  NoGradGuard no_grad;
  Tensor a = detach(self_arg), b = detach(other_arg);
  Tensor close = eq(a, b);
  if (equal_nan) close = logical_or(close, logical_and(isnan(a), isnan(b)));
  if (rtol == 0 && atol == 0) return close;
  DType t = floating_result(a.dtype());
  a = to_dtype(a, t);
  b = to_dtype(b, t);
  Tensor distance = abs(sub(a, b)), allowed = add(abs(mul(b, rtol)), atol);
  return logical_or(close, logical_and(isfinite(distance), le(distance, allowed)));
}
bool allclose(const Tensor& self, const Tensor& other, double rtol, double atol, bool equal_nan) {
  return all_true(isclose(self, other, rtol, atol, equal_nan));
}
bool equal_op(const Tensor& self, const Tensor& other) {
  return equal(self.sizes(), other.sizes()) && all_true(contiguous(eq(detach(self), detach(other))));
}

constexpr uint32_t both = op::function | op::method | op::out;
constexpr uint32_t writes = op::method | op::writes_self;
constexpr uint32_t writes_too = writes | op::function;
constexpr const char* clamp_doc = "Elements below `min` become `min`, those above `max` become `max`; NaN stays.";
#define TL_CLAMP(name)                                                                                              \
  {name "(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor", TL_OP(clamp_tensors), both, clamp_doc,       \
   "randn(3, 4), randn(3, 4), randn(4) | randn(3, 1), randn(4) | randn(4, 3).t(), None, randn(())"},                \
      {name "(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor", TL_OP(clamp), both, clamp_doc,           \
       "randn(3, 4), -0.5, 0.5 | randn(4, 3).t(), 0 | randn(()), max=0.5 | tensor([1, 5]), 2, 3 | randn(0, 3), 0"}, \
      {name "_(Tensor self, Tensor? min=None, Tensor? max=None) -> Tensor", TL_OP(clamp_tensors_), writes_too,      \
       clamp_doc, "randn(3, 4), randn(3, 4), randn(4)"},                                                            \
      {name "_(Tensor self, Scalar? min=None, Scalar? max=None) -> Tensor", TL_OP(clamp_), writes_too, clamp_doc,   \
       "randn(3, 4), -0.5, 0.5"}
#define TL_ADDC(name, f, doc, samples)                                                                               \
  {name "(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor", TL_OP(f), both, doc, samples}, \
      {name "(Tensor self, Scalar value, Tensor tensor1, Tensor tensor2) -> Tensor", TL_OP(f##_old), both,           \
       "The old order of arguments.", "randn(3), 2, randn(3), rand(3) + 0.5"},                                       \
      {name "_(Tensor self, Tensor tensor1, Tensor tensor2, *, Scalar value=1) -> Tensor", TL_OP(f##_), writes, doc, \
       samples},                                                                                                     \
      {name "_(Tensor self, Scalar value, Tensor tensor1, Tensor tensor2) -> Tensor", TL_OP(f##__old), writes,       \
       "The old order of arguments.", "randn(3), 2, randn(3), rand(3) + 0.5"}
const OpRecord records[] = {
    {"where(Tensor condition, Operand self, Operand other) -> Tensor", TL_OP(where), op::function | op::out,
     "`self` where the bool condition is set, `other` elsewhere; shapes broadcast, dtypes promote.",
     "randn(3, 4) > 0, randn(3, 4), randn(3, 4) | randn(3, 1) > 0, randn(4), 2.5 | (randn(4, 3) > 0).t(), randn(()), "
     "randn(3, 4) | "
     "randn(0) > 0, 1, 2"},
    {"where(Tensor condition) -> Tensor[]", TL_OP(where_places), op::function | op::nondifferentiable,
     "The indices of the elements that are set: one vector per dim.", "randn(3, 4) > 0"},
    TL_CLAMP("clamp"),
    TL_CLAMP("clip"),
    {"clamp_min(Tensor self, Tensor min) -> Tensor", TL_OP(clamp_min_tensor), both, clamp_doc, "randn(3, 4), randn(4)"},
    {"clamp_min(Tensor self, Scalar min) -> Tensor", TL_OP(clamp_min), both, clamp_doc, "randn(3, 4), 0.2"},
    {"clamp_min_(Tensor self, Tensor min) -> Tensor", TL_OP(clamp_min_tensor_), writes_too, clamp_doc,
     "randn(3, 4), randn(4)"},
    {"clamp_min_(Tensor self, Scalar min) -> Tensor", TL_OP(clamp_min_), writes_too, clamp_doc, "randn(3, 4), 0.2"},
    {"clamp_max(Tensor self, Tensor max) -> Tensor", TL_OP(clamp_max_tensor), both, clamp_doc, "randn(3, 4), randn(4)"},
    {"clamp_max(Tensor self, Scalar max) -> Tensor", TL_OP(clamp_max), both, clamp_doc, "randn(3, 4), 0.2"},
    {"clamp_max_(Tensor self, Tensor max) -> Tensor", TL_OP(clamp_max_tensor_), writes_too, clamp_doc,
     "randn(3, 4), randn(4)"},
    {"clamp_max_(Tensor self, Scalar max) -> Tensor", TL_OP(clamp_max_), writes_too, clamp_doc, "randn(3, 4), 0.2"},
    {"lerp(Tensor self, Tensor end, Operand weight) -> Tensor", TL_OP(lerp), both,
     "The point at `weight` of the way from self to end; both ends are reached exactly.",
     "randn(3, 4), randn(3, 4), 0.3 | randn(3, 1), randn(4), randn(3, 4) | randn(4, 3).t(), randn(()), 0.8"},
    {"lerp_(Tensor self, Tensor end, Operand weight) -> Tensor", TL_OP(lerp_), writes, "lerp in place.",
     "randn(3, 4), randn(4), 0.3"},
    TL_ADDC("addcmul", addcmul, "self + value * tensor1 * tensor2.",
            "randn(3, 4), randn(3, 4), randn(3, 4) | randn(3, 4), randn(3, 1), randn(4), value=0.5"),
    TL_ADDC("addcdiv", addcdiv, "self + value * tensor1 / tensor2.",
            "randn(3, 4), randn(3, 4), rand(3, 4) + 0.5 | randn(3, 4), randn(3, 1), rand(4) + 0.5, value=0.5"),
    {"isclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> Tensor",
     TL_OP(isclose), op::function | op::method | op::nondifferentiable,
     "Whether |self - other| <= atol + rtol |other|.", "randn(3, 4), randn(3, 4) | ones(3), ones(3)"},
    {"allclose(Tensor self, Tensor other, float rtol=1e-05, float atol=1e-08, bool equal_nan=False) -> bool",
     TL_OP(allclose), op::function | op::method | op::nondifferentiable, "Whether isclose holds for every element.",
     "ones(3), ones(3)"},
    {"equal(Tensor self, Tensor other) -> bool", TL_OP(equal_op), op::function | op::method | op::nondifferentiable,
     "Whether shapes and all elements are equal.", "ones(3), ones(3) | ones(3), ones(4)"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
