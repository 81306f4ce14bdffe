// Ops of one operand: what kernels/unary_table.h lists, and the few that need more than an entry.
#include "autograd/record.h"
#include "ops/pointwise.h"
#include "ops/registry.h"

namespace tl {

using kernels::UnaryKind;
using kernels::UnaryOp;

namespace {

enum class Kept : uint8_t { nothing, input, output };

struct UnaryInfo {
  const char* name;
  UnaryOp op;
  UnaryKind kind;
  bool wide;
  const char* label;  // null: no gradient
  Kept kept;
  Tensor (*derivative)(const Tensor& g, const Tensor& kept);
};

Tensor sgn_backward(const Tensor& g, const Tensor& x) {
  if (!is_complex(x.dtype())) return zeros_like(g);
  // The part of g across the direction of x, by the distance from zero.
  Tensor s = sgn(x), r = abs(x), along = mul(g, conj(s));
  Tensor across = sub(g, mul(mul(add(along, conj(along)), 0.5), s));
  Tensor zero = eq(r, 0);
  return masked_fill(div(across, masked_fill(r, zero, ones(Dims{}, r.dtype()))), zero, zeros(Dims{}, g.dtype()));
}
Tensor angle_backward(const Tensor& g, const Tensor& x) {
  if (!is_complex(x.dtype())) return zeros_like(g);
  Tensor r = abs(x), zero = eq(r, 0);
  Tensor turned = mul(mul(x, Scalar(std::complex<double>(0, 1))), g);
  return masked_fill(div(turned, masked_fill(square(r), zero, ones(Dims{}, r.dtype()))), zero,
                     zeros(Dims{}, x.dtype()));
}
Tensor sinc_backward(const Tensor& g, const Tensor& x) {
  Tensor a = mul(x, 3.14159265358979323846), zero = eq(x, 0);
  Tensor slope = div(sub(mul(a, cos(a)), sin(a)), masked_fill(mul(a, x), zero, ones(Dims{}, a.dtype())));
  return mul(g, conj(masked_fill(slope, zero, zeros(Dims{}, slope.dtype()))));
}

#define nothing Kept::nothing
#define input Kept::input
#define output Kept::output
const UnaryInfo infos[] = {
#define TL_UNARY(name, loops, style, real, complex, kind, label, kept, derivative, doc) \
  {#name,                                                                               \
   UnaryOp::name,                                                                       \
   UnaryKind::kind,                                                                     \
   #style[0] == 'w',                                                                    \
   label,                                                                               \
   kept,                                                                                \
   [](const Tensor& g, [[maybe_unused]] const Tensor& x) -> Tensor {                    \
     [[maybe_unused]] const Tensor& y = x;                                              \
     return derivative;                                                                 \
   }},
#include "kernels/unary_table.h"
#undef TL_UNARY
};
#undef nothing
#undef input
#undef output

DType common_of(const UnaryInfo& info, DType t) {
  switch (info.kind) {
    case UnaryKind::floating:
    case UnaryKind::magnitude_float:
      return floating_result(t);
    case UnaryKind::power:
      return t == DType::Bool ? DType::Int64 : t;
    default:
      return t;
  }
}

// What PyTorch refuses, in its words.
void check_unary(const UnaryInfo& info, DType t) {
  using enum UnaryOp;
  if (t == DType::Bool) {
    TL_CHECK(info.op != neg,
             "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use "
             "the `~` or "
             "`logical_not()` operator instead.");
    TL_CHECK(info.op != relu, "Boolean inputs not supported for relu");
    if (info.op == abs) not_implemented("abs_cpu", t);
  }
  if (is_complex(t)) {
    TL_CHECK_NOTIMPL(
        info.op != sign,
        "Unlike NumPy, torch.sign is not intended to support complex numbers. Please use torch.sgn instead.");
    TL_CHECK_NOTIMPL(info.op != relu, "relu is not supported for complex types");
    TL_CHECK_NOTIMPL(info.kind != UnaryKind::whole, info.name, " is not supported for complex inputs");
    TL_CHECK_NOTIMPL(info.op != signbit, "signbit is not implemented for complex tensors.");
    TL_CHECK(info.op != deg2rad && info.op != rad2deg, info.name, " is not supported for complex tensors.");
    TL_CHECK(info.kind != UnaryKind::predicate || complex_loop(info.op) != nullptr, info.name,
             " does not support complex inputs.");
  }
}

PointwiseSpec spec_of(const UnaryInfo& info, DType t) {
  check_unary(info, t);
  DType common = common_of(info, t);
  kernels::Compute compute = kernels::compute_of(common);
  kernels::Loop loop = find_loop(info.op, compute);
  bool whole = info.kind == UnaryKind::whole && is_integral(t);
  if (loop == nullptr && !whole) {
    static const std::string suffix = "_cpu";
    not_implemented((info.name + suffix).c_str(), t);
  }
  DType result = info.kind == UnaryKind::predicate                                              ? DType::Bool
                 : info.kind == UnaryKind::magnitude || info.kind == UnaryKind::magnitude_float ? to_real(common)
                                                                                                : common;
  Cost cost = !info.wide ? Cost::light : compute == kernels::Compute::f32 ? Cost::medium : Cost::heavy;
  return {info.name, loop, common, result, cost, info.kind == UnaryKind::predicate};
}

// Of bool and integers these are other ops: their loop is the copy.
bool is_copy(const UnaryInfo& info, DType t) {
  return (info.kind == UnaryKind::whole && is_integral(t)) || (info.op == UnaryOp::conj_physical && !is_complex(t));
}

auto backward_of(const UnaryInfo& info) {
  return [p = &info](Backward& b) { b[0] = p->derivative(b.grad(), p->kept == Kept::nothing ? Tensor() : b.saved(0)); };
}

Tensor unary(const UnaryInfo& info, const Tensor& x) {
  Tensor out;
  kernels::Loop loop;
  if (x.dtype() == DType::Float32 && x.is_contiguous() && x.numel() <= 4096 &&
      (loop = kernels::unary_loop(info.op, kernels::Compute::f32)) != nullptr) [[likely]] {
    out = empty(x.sizes(), info.kind == UnaryKind::predicate ? DType::Bool : DType::Float32);
    void* data[] = {out.bytes(), x.bytes()};
    loop(x.numel(), data);
  } else if (is_copy(info, x.dtype())) {
    out = empty_like(x);
    copy_values(out, x);
  } else if (info.op == UnaryOp::bitwise_not && x.dtype() == DType::Bool) {
    out = logical_not(x);
  } else {
    out = pointwise(spec_of(info, x.dtype()), {x});
  }
  if (info.label != nullptr && needs_grad(x)) {
    SaveSpec kept = info.kept == Kept::output ? output(out) : input_if(info.kept == Kept::input, x);
    record(out, info.label, inputs(x), saves(kept), backward_of(info));
  }
  return out;
}

Tensor unary_(const UnaryInfo& info, const Tensor& self) {
  check_inplace(self, info.name);
  Tensor old = info.kept == Kept::input && needs_grad(self) ? clone(self) : Tensor();
  if (is_copy(info, self.dtype())) {
    self.bump_version();
    return self;
  }
  if (info.op == UnaryOp::bitwise_not && self.dtype() == DType::Bool) return copy_(self, logical_not(self));
  PointwiseSpec spec = spec_of(info, self.dtype());
  if (info.kind != UnaryKind::predicate) check_cast(info.name, spec.result, self);
  TL_CHECK(!is_complex(self.dtype()) || is_complex(spec.result) || spec.result == DType::Bool, "In-place ", info.name,
           " is not supported for complex tensors.");
  pointwise_into(spec, self, {self});
  self.bump_version();
  if (info.label != nullptr && needs_grad(self)) {
    SaveSpec kept = info.kept == Kept::output ? output(self) : input_if(old.defined(), old);
    record_inplace(self, info.label, inputs(self), saves(kept), backward_of(info));
  }
  return self;
}

template <UnaryOp op>
Tensor op_of(const Tensor& x) {
  return unary(infos[int(op)], x);
}
template <UnaryOp op>
Tensor op_in_place(const Tensor& x) {
  return unary_(infos[int(op)], x);
}

}  // namespace

#define TL_UNARY(name, ...) \
  Tensor name(const Tensor& self) { return unary(infos[int(UnaryOp::name)], self); }
#include "kernels/unary_table.h"
#undef TL_UNARY

Tensor neg(Tensor&& self) {
  if (!is_spare(self)) return neg(std::as_const(self));
  unary_(infos[int(UnaryOp::neg)], self);
  return std::move(self);
}

Tensor conj(const Tensor& self) { return is_complex(self.dtype()) ? conj_physical(self) : self; }

namespace {

Tensor positive(const Tensor& self) {
  TL_CHECK(self.dtype() != DType::Bool, "The `+` operator, on a bool tensor is not supported.");
  return self;
}

// --- logit, nan_to_num, round to decimals, polygamma ----------------------------------------------

Tensor clamped(const Tensor& x, double low, double high) {
  constexpr NaryInfo info{"clamp", kernels::NaryOp::clamp};
  return nary(info, {x, Scalar(low), Scalar(high)});
}

Tensor logit(const Tensor& self, std::optional<double> eps) {
  TL_CHECK_NOTIMPL(!is_complex(self.dtype()), "\"logit_cpu\" not implemented for '", dtype_legacy_name(self.dtype()),
                   "'");
  Tensor out;
  {
    NoGradGuard no_grad;
    Tensor z = to_dtype(detach(self), floating_result(self.dtype()));
    if (eps) z = clamped(z, *eps, 1 - *eps);
    out = log(div(z, rsub(z, 1)));
  }
  if (needs_grad(self)) {
    record(out, "LogitBackward0:self", inputs(self), saves(self), [eps](Backward& b) {
      Tensor x = b.saved(0);
      Tensor slope = div(b.grad(), mul(x, rsub(x, 1)));
      if (!eps) {
        Tensor between = logical_and(ge(x, 0), le(x, 1));
        b[0] = where(between, slope, full(Dims{}, std::nan(""), slope.dtype()));
        return;
      }
      Tensor inside = logical_and(ge(x, *eps), le(x, 1 - *eps));
      b[0] = where(inside, slope, zeros(Dims{}, slope.dtype()));
    });
  }
  return out;
}
Tensor logit_(const Tensor& self, std::optional<double> eps) {
  Tensor x = inplace_operand(self, "logit_");
  return finish_inplace(self, logit(x, eps), "logit_");
}

template <class T>
double largest_of() {
  return std::is_same_v<T, Half>       ? 65504.0
         : std::is_same_v<T, BFloat16> ? 3.3895313892515355e38
         : std::is_same_v<T, float>    ? 3.4028234663852886e38
                                       : 1.7976931348623157e308;
}
double largest(DType t) {
  switch (to_real(t)) {
    case DType::Float16:
      return largest_of<Half>();
    case DType::BFloat16:
      return largest_of<BFloat16>();
    case DType::Float32:
      return largest_of<float>();
    default:
      return largest_of<double>();
  }
}
Tensor nan_to_num(const Tensor& self, std::optional<double> nan, std::optional<double> posinf,
                  std::optional<double> neginf) {
  double most = largest(self.dtype());
  if (is_integral_or_bool(self.dtype())) {
    Tensor out = empty_like(self);
    copy_values(out, self);
    return out;
  }
  constexpr NaryInfo info{"nan_to_num", kernels::NaryOp::nan_to_num};
  Tensor out =
      nary(info, {self, Scalar(nan.value_or(0)), Scalar(posinf.value_or(most)), Scalar(neginf.value_or(-most))});
  if (needs_grad(self)) {
    record(out, "NanToNumBackward0:self", inputs(self), saves(self), [](Backward& b) {
      Tensor x = b.saved(0);
      b[0] = where(logical_not(logical_or(isinf(x), isnan(x))), b.grad(), zeros(Dims{}, b.grad().dtype()));
    });
  }
  return out;
}
Tensor nan_to_num_(const Tensor& self, std::optional<double> nan, std::optional<double> posinf,
                   std::optional<double> neginf) {
  Tensor x = inplace_operand(self, "nan_to_num_");
  return finish_inplace(self, nan_to_num(x, nan, posinf, neginf), "nan_to_num_");
}

Tensor round_to(const Tensor& self, int64_t decimals) {
  if (decimals == 0) return round(self);
  TL_CHECK_NOTIMPL(is_floating(self.dtype()), "\"round_cpu\" not implemented for '", dtype_legacy_name(self.dtype()),
                   "'");
  Tensor out;
  {
    NoGradGuard no_grad;
    Scalar power = std::pow(10.0, double(std::abs(decimals)));
    Tensor x = detach(self);
    out = decimals > 0 ? div(round(mul(x, power)), power) : mul(round(div(x, power)), power);
  }
  if (needs_grad(self)) {
    record(out, "RoundBackward1", inputs(self), saves(), [](Backward& b) { b[0] = zeros_like(b.grad()); });
  }
  return out;
}
Tensor round_to_(const Tensor& self, int64_t decimals) {
  if (decimals == 0) return op_in_place<UnaryOp::round>(self);
  Tensor x = inplace_operand(self, "round_");
  return finish_inplace(self, round_to(x, decimals), "round_");
}

Tensor polygamma_method(const Tensor& self, int64_t n) { return polygamma(n, self); }
Tensor polygamma_(const Tensor& self, int64_t n) {
  Tensor x = inplace_operand(self, "polygamma_");
  return finish_inplace(self, polygamma(n, x), "polygamma_");
}

// Conjugates and negatives are never left to do here.
bool is_lazy(const Tensor&) { return false; }
Tensor resolve(const Tensor& self) { return self; }

constexpr uint32_t both = op::function | op::method;
constexpr const char* samples =
    "rand(3, 4) * 0.8 + 0.1 | (rand(4, 3) * 0.8 + 0.1).t() | rand(()) * 0.5 + 0.2 | rand(0, 3)";

#define TL_ALIAS(alias, name, doc)                                                                                 \
  {alias "(Tensor self) -> Tensor", TL_OP(op_of<UnaryOp::name>), both | op::out, doc, samples}, {                  \
    alias "_(Tensor self) -> Tensor", TL_OP(op_in_place<UnaryOp::name>), both | op::writes_self, doc " In place.", \
        samples                                                                                                    \
  }

constexpr const char* whole_samples =
    "tensor([5, 0, -3]) | tensor([[True, False]]) | tensor([[1, 2], [3, 4]]).t() | tensor(7)";

constexpr uint32_t flags_of(UnaryKind kind, bool differentiable) {
  uint32_t flags = kind == UnaryKind::inner ? uint32_t(op::internal) : both | op::out;
  return differentiable ? flags : flags | op::nondifferentiable;
}
// Of angle and of the predicates, logical_not aside, PyTorch has no in-place form.
constexpr uint32_t inplace_flags_of(UnaryOp op, UnaryKind kind, bool differentiable) {
  bool hidden =
      kind == UnaryKind::inner || op == UnaryOp::angle || (kind == UnaryKind::predicate && op != UnaryOp::logical_not);
  return (hidden ? uint32_t(op::internal) : both) | op::writes_self |
         (differentiable ? 0 : uint32_t(op::nondifferentiable));
}
constexpr const char* samples_of(UnaryOp op) { return op == UnaryOp::bitwise_not ? whole_samples : samples; }
const OpRecord records[] = {
#define TL_UNARY(name, loops, style, real, complex, kind, label, kept, derivative, doc)                            \
  {#name "(Tensor self) -> Tensor", TL_OP(op_of<UnaryOp::name>), flags_of(UnaryKind::kind, label != nullptr), doc, \
   samples_of(UnaryOp::name)},                                                                                     \
      {#name "_(Tensor self) -> Tensor", TL_OP(op_in_place<UnaryOp::name>),                                        \
       inplace_flags_of(UnaryOp::name, UnaryKind::kind, label != nullptr), doc " In place.",                       \
       samples_of(UnaryOp::name)},
#include "kernels/unary_table.h"
#undef TL_UNARY
    TL_ALIAS("absolute", abs, "abs."),
    TL_ALIAS("negative", neg, "neg."),
    TL_ALIAS("fix", trunc, "trunc."),
    TL_ALIAS("arcsin", asin, "asin."),
    TL_ALIAS("arccos", acos, "acos."),
    TL_ALIAS("arctan", atan, "atan."),
    TL_ALIAS("arcsinh", asinh, "asinh."),
    TL_ALIAS("arccosh", acosh, "acosh."),
    TL_ALIAS("arctanh", atanh, "atanh."),
    {"positive(Tensor self) -> Tensor", TL_OP(positive), both | op::view, "The tensor itself.", "randn(3)"},
    {"conj(Tensor self) -> Tensor", TL_OP(conj), both | op::view,
     "The conjugate of a complex tensor; a real one itself.", "randn(3) | randn(3, dtype=complex64)"},
    {"logit(Tensor self, float? eps=None) -> Tensor", TL_OP(logit), both | op::out,
     "log(x / (1 - x)), the inverse of sigmoid; with `eps` x is clamped to [eps, 1 - eps].",
     "rand(3, 4) | rand(4, 3).t(), 0.2"},
    {"logit_(Tensor self, float? eps=None) -> Tensor", TL_OP(logit_), both | op::writes_self, "logit in place.",
     "rand(3, 4)"},
    {"nan_to_num(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor", TL_OP(nan_to_num),
     both | op::out, "NaN as `nan` (0), the infinities as the largest and the smallest finite number or what is given.",
     "randn(3, 4) | tensor([nan, inf, 1.0]), 2.0, 3.0 | tensor([1, 2])"},
    {"nan_to_num_(Tensor self, float? nan=None, float? posinf=None, float? neginf=None) -> Tensor", TL_OP(nan_to_num_),
     both | op::writes_self, "nan_to_num in place.", "randn(3, 4)"},
    {"round(Tensor self, *, int decimals) -> Tensor", TL_OP(round_to), both | op::out, "Rounded to so many decimals.",
     "randn(3, 4), decimals=1 | randn(3) * 100, decimals=-1"},
    {"round_(Tensor self, *, int decimals) -> Tensor", TL_OP(round_to_), both | op::writes_self, "The same in place.",
     "randn(3, 4), decimals=1"},
    {"polygamma(int n, Tensor self) -> Tensor", TL_OP(polygamma), op::function | op::out,
     "The n-th derivative of digamma.", "1, rand(3, 4) + 0.5 | 2, rand(4, 3).t() + 0.5"},
    {"polygamma(Tensor self, int n) -> Tensor", TL_OP(polygamma_method), op::method, "The n-th derivative of digamma.",
     "rand(3, 4) + 0.5, 1"},
    {"polygamma_(Tensor self, int n) -> Tensor", TL_OP(polygamma_), op::method | op::writes_self, "polygamma in place.",
     "rand(3, 4) + 0.5, 1"},
    {"is_conj(Tensor self) -> bool", TL_OP(is_lazy), both | op::nondifferentiable,
     "False: conjugates are computed at once.", "randn(3)"},
    {"is_neg(Tensor self) -> bool", TL_OP(is_lazy), both | op::nondifferentiable,
     "False: negatives are computed at once.", "randn(3)"},
    {"resolve_conj(Tensor self) -> Tensor", TL_OP(resolve), both | op::view, "The tensor itself.", "randn(3)"},
    {"resolve_neg(Tensor self) -> Tensor", TL_OP(resolve), both | op::view, "The tensor itself.", "randn(3)"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
