// Functions of two operands: powers, remainders, maxima, angles, logarithms of sums, bits.
#include "autograd/record.h"
#include "ops/pointwise.h"
#include "ops/registry.h"

namespace tl {

using kernels::BinaryOp;
using Kind = BinaryInfo::Kind;

namespace {

// The gradients of y = f(a, b), from the gradient g of y.
using Derivative = Tensor (*)(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor& y);
enum Keeps : uint8_t { nothing = 0, first = 1, second = 2, result = 4 };
struct Gradients {
  const char* label;
  int keeps;
  Derivative to_first, to_second;    // null where it is zero
  const char* number_label = label;  // where the second operand is a number
};
const char* label_of(const Gradients& g, const Tensor& other) {
  return other.is_wrapped_number() ? g.number_label : g.label;
}

auto backward_of(const Gradients& gradients) {
  return [p = &gradients](Backward& b) {
    Tensor x = p->keeps & first ? b.saved(0) : Tensor(), y = p->keeps & second ? b.saved(1) : Tensor();
    Tensor out = p->keeps & result ? b.saved(2) : Tensor();
    if (b.needs(0)) b[0] = p->to_first == nullptr ? zeros_like(b.grad()) : p->to_first(b.grad(), x, y, out);
    if (b.needs(1)) b[1] = p->to_second == nullptr ? zeros_like(b.grad()) : p->to_second(b.grad(), x, y, out);
  };
}

Tensor run(const BinaryInfo& info, const Gradients& gradients, const Tensor& a, const Tensor& b) {
  Tensor out = binary(info, a, b);
  if (needs_grad(a, b)) {
    if (is_narrower(out, a) || is_narrower(out, b)) return run(info, gradients, widened(a), widened(b));
    record(out, label_of(gradients, b), inputs(a, b),
           saves(input_if(gradients.keeps & first, a), input_if(gradients.keeps & second, b),
                 output_if(gradients.keeps & result, out)),
           backward_of(gradients));
  }
  return out;
}
Tensor run_(const BinaryInfo& info, const Gradients& gradients, const char* name, const Tensor& self,
            const Tensor& other) {
  check_inplace(self, name, other);
  if (needs_grad(other) && is_narrower(self, other)) return run_(info, gradients, name, self, widened(other));
  KeptOperands old(self, other, gradients.keeps & first, gradients.keeps & second);
  binary_(info, self, other);
  if (needs_grad(self, other)) {
    record_inplace(self, label_of(gradients, other), inputs(self, other),
                   saves(input(old.self), input(old.other), output_if(gradients.keeps & result, self)),
                   backward_of(gradients));
  }
  return self;
}

Tensor masked(const Tensor& t, const Tensor& mask) { return masked_fill(t, mask, zeros(Dims{}, t.dtype())); }
Tensor rounded_quotient(BinaryOp op, const Tensor& a, const Tensor& b) {
  NoGradGuard no_grad;
  return binary({"div", op}, a, b);
}

#define TL_D(expression)                                                                  \
  [](const Tensor& g, [[maybe_unused]] const Tensor& a, [[maybe_unused]] const Tensor& b, \
     [[maybe_unused]] const Tensor& y) -> Tensor { return expression; }
#define TL_BINARY(f) \
  Tensor f##_op(const Tensor& self, const Tensor& other) { return run(f##_info, f##_gradients, self, other); }
#define TL_BINARY_IN_PLACE(f) \
  TL_BINARY(f)                \
  Tensor f##_in(const Tensor& self, const Tensor& other) { return run_(f##_info, f##_gradients, #f "_", self, other); }

// --- remainders --------------------------------------------------------------------------------------

constexpr BinaryInfo remainder_info{"remainder", BinaryOp::remainder, "remainder_cpu", Kind::plain, Cost::heavy, false};
const Gradients remainder_gradients{"RemainderBackward1:self,other", first | second, TL_D(g),
                                    TL_D(neg(mul(g, rounded_quotient(BinaryOp::div_floor, a, b)))),
                                    "RemainderBackward0:self,other"};
TL_BINARY_IN_PLACE(remainder)
constexpr BinaryInfo fmod_info{"fmod", BinaryOp::fmod, "fmod_cpu", Kind::plain, Cost::heavy, false};
const Gradients fmod_gradients{"FmodBackward1:self,other", first | second, TL_D(g),
                               TL_D(neg(mul(g, rounded_quotient(BinaryOp::div_trunc, a, b)))),
                               "FmodBackward0:self,other"};
TL_BINARY_IN_PLACE(fmod)

// --- the larger and the smaller --------------------------------------------------------------------

void check_real(const char* name, const Tensor& a, const Tensor& b) {
  TL_CHECK(!is_complex(a.dtype()) && !is_complex(b.dtype()), name, " not implemented for complex tensors.");
}
// Half of g where both win.
Tensor winners(const Tensor& g, const Tensor& tie, const Tensor& lost) {
  return masked(where(tie, mul(g, 0.5), g), lost);
}
constexpr BinaryInfo maximum_info{"maximum", BinaryOp::maximum, "maximum_cpu"};
const Gradients maximum_gradients{"MaximumBackward0:self,other", first | second, TL_D(winners(g, eq(a, b), lt(a, b))),
                                  TL_D(winners(g, eq(a, b), lt(b, a)))};
constexpr BinaryInfo minimum_info{"minimum", BinaryOp::minimum, "minimum_cpu"};
const Gradients minimum_gradients{"MinimumBackward0:self,other", first | second, TL_D(winners(g, eq(a, b), gt(a, b))),
                                  TL_D(winners(g, eq(a, b), gt(b, a)))};
constexpr BinaryInfo fmax_info{"fmax", BinaryOp::fmax, "fmax_cpu"};
const Gradients fmax_gradients{"FmaxBackward0:self,other", first | second,
                               TL_D(masked(g, logical_not(logical_or(ge(a, b), isnan(b))))),
                               TL_D(masked(g, logical_or(ge(a, b), isnan(b))))};
constexpr BinaryInfo fmin_info{"fmin", BinaryOp::fmin, "fmin_cpu"};
const Gradients fmin_gradients{"FminBackward0:self,other", first | second,
                               TL_D(masked(g, logical_not(logical_or(le(a, b), isnan(b))))),
                               TL_D(masked(g, logical_or(le(a, b), isnan(b))))};
Tensor fmax_op(const Tensor& self, const Tensor& other) {
  check_real("fmax", self, other);
  return run(fmax_info, fmax_gradients, self, other);
}
Tensor fmin_op(const Tensor& self, const Tensor& other) {
  check_real("fmin", self, other);
  return run(fmin_info, fmin_gradients, self, other);
}

// --- angles, logarithms, parts of numbers ----------------------------------------------------------

Tensor slope_of_angle(const Tensor& g, const Tensor& over, const Tensor& a, const Tensor& b) {
  Tensor square_sum = add(square(a), square(b));
  return masked(div(mul(g, over), square_sum), eq(square_sum, 0));
}
constexpr BinaryInfo atan2_info{"atan2", BinaryOp::atan2, "atan2_cpu", Kind::floating, Cost::medium};
const Gradients atan2_gradients{"Atan2Backward0:self,other", first | second, TL_D(slope_of_angle(g, b, a, b)),
                                TL_D(neg(slope_of_angle(g, a, a, b)))};
TL_BINARY_IN_PLACE(atan2)
constexpr BinaryInfo hypot_info{"hypot", BinaryOp::hypot, "hypot_cpu", Kind::plain, Cost::medium};
const Gradients hypot_gradients{"HypotBackward0:self,other,result", first | second | result, TL_D(mul(g, div(a, y))),
                                TL_D(mul(g, div(b, y)))};
TL_BINARY_IN_PLACE(hypot)
constexpr BinaryInfo logaddexp_info{"logaddexp", BinaryOp::logaddexp, "logaddexp_cpu", Kind::plain, Cost::medium};
const Gradients logaddexp_gradients{"LogaddexpBackward0:self,other", first | second,
                                    TL_D(div(g, add(exp(sub(b, a)), 1))), TL_D(div(g, add(exp(sub(a, b)), 1)))};
TL_BINARY(logaddexp)
constexpr BinaryInfo logaddexp2_info{"logaddexp2", BinaryOp::logaddexp2, "logaddexp2_cpu", Kind::plain, Cost::medium};
const Gradients logaddexp2_gradients{"Logaddexp2Backward0:self,other", first | second,
                                     TL_D(div(g, add(exp2(sub(b, a)), 1))), TL_D(div(g, add(exp2(sub(a, b)), 1)))};
TL_BINARY(logaddexp2)
constexpr BinaryInfo xlogy_info{"xlogy", BinaryOp::xlogy, "xlogy_cpu", Kind::floating, Cost::medium};
Tensor xlogy_op(const Tensor& self, const Tensor& other);
const Gradients xlogy_gradients{"XlogyBackward0:self,other", first | second,
                                TL_D(masked(xlogy_op(g, conj(b)), logical_and(eq(a, 0), le(b, 0)))),
                                TL_D(mul(g, conj(div(a, b)))), "XlogyBackward2:self,other"};
TL_BINARY_IN_PLACE(xlogy)
constexpr BinaryInfo copysign_info{"copysign", BinaryOp::copysign, "copysign_cpu", Kind::floating};
const Gradients copysign_gradients{"CopysignBackward0:self,result", first | result,
                                   TL_D(mul(g, masked(div(y, a), eq(a, 0)))), nullptr, "CopysignBackward1:self,result"};
TL_BINARY_IN_PLACE(copysign)
constexpr BinaryInfo nextafter_info{"nextafter", BinaryOp::nextafter, "nextafter_cpu"};
const Gradients nextafter_gradients{"NextafterBackward0:self,other", first | second, TL_D(masked(g, eq(a, b))),
                                    TL_D(masked(g, ne(a, b)))};
TL_BINARY_IN_PLACE(nextafter)
constexpr BinaryInfo ldexp_info{"ldexp", BinaryOp::ldexp, "ldexp_cpu", Kind::floating, Cost::medium};
const Gradients ldexp_gradients{"LdexpBackward0:other,result", second | result, TL_D(mul(g, exp2(b))),
                                TL_D(mul(mul(g, y), 0.693147180559945309417))};
TL_BINARY_IN_PLACE(ldexp)

constexpr BinaryInfo heaviside_info{"heaviside", BinaryOp::heaviside, "heaviside_cpu"};
void check_heaviside(const Tensor& self, const Tensor& values) {
  TL_CHECK(!is_complex(self.dtype()), "heaviside is not yet implemented for complex tensors.");
  TL_CHECK(self.dtype() == values.dtype(), "heaviside is not yet implemented for tensors with different dtypes.");
}
Tensor heaviside(const Tensor& self, const Tensor& values) {
  check_heaviside(self, values);
  Tensor out = binary(heaviside_info, self, values);
  if (needs_grad(self, values))
    record(out, "NotImplemented", inputs(self, values), saves(), no_derivative("heaviside"));
  return out;
}
Tensor heaviside_(const Tensor& self, const Tensor& values) {
  check_heaviside(self, values);
  check_inplace(self, "heaviside_", values);
  binary_(heaviside_info, self, values);
  if (needs_grad(self, values))
    record_inplace(self, "NotImplemented", inputs(self, values), saves(), no_derivative("heaviside"));
  return self;
}

// --- powers ------------------------------------------------------------------------------------------

constexpr BinaryInfo pow_info{"pow", BinaryOp::pow, "pow", Kind::plain, Cost::heavy, false};

Tensor pow_to_base(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor&) {
  Tensor slope = mul(b, pow(a, sub(b, 1)));
  return mul(g, conj(masked(slope, eq(b, 0))));
}
Tensor pow_to_exponent(const Tensor& g, const Tensor& a, const Tensor& b, const Tensor& y) {
  Tensor flat = is_complex(b.dtype()) ? eq(a, 0) : logical_and(eq(a, 0), ge(b, 0));
  return mul(g, conj(masked(mul(y, log(a)), flat)));
}
const Gradients pow_gradients{"PowBackward1:self,exponent,result", first | second | result, pow_to_base,
                              pow_to_exponent};

// Powers that have loops of their own. False where `exponent` is none of them.
bool common_power(const Tensor& x, const Scalar& exponent, Tensor& out) {
  NoGradGuard no_grad;
  if (exponent.equals(0) || exponent.equals(1)) {
    DType t = result_type({x, exponent});
    out = exponent.equals(0) ? full(x.sizes(), Scalar(1), t) : to_dtype(x, t);
    if (out.is_same(x)) out = clone(x);
    return true;
  }
  if (!is_floating(x.dtype()) || exponent.is_complex()) return false;
  double e = exponent.to_double();
  if (e == 2) {
    out = square(x);
  } else if (e == 0.5) {
    out = sqrt(x);
  } else if (e == 3) {
    out = mul(square(x), x);
  } else if (e == -0.5) {
    out = rsqrt(x);
  } else if (e == -1) {
    out = reciprocal(x);
  } else if (e == -2) {
    out = reciprocal(square(x));
  } else {
    return false;
  }
  return true;
}
void check_integer_power(const Tensor& self, const Scalar& exponent) {
  TL_CHECK(!(is_integral_or_bool(self.dtype()) && exponent.kind() == Scalar::Kind::integer && exponent.to_int() < 0),
           "Integers to negative integer powers are not allowed.");
}
Tensor power_of_number(const Scalar& base, const Tensor& exponent) {
  Tensor out = binary(pow_info, base, exponent);
  if (needs_grad(exponent)) {
    if (is_narrower(out, exponent)) return power_of_number(base, widened(exponent));
    record(out, "PowBackward2:exponent,result", inputs(exponent), saves(input(exponent), output(out)),
           [base](Backward& b) {
             bool complex = base.is_complex();
             Scalar slope = complex                 ? Scalar(std::conj(std::log(base.to<std::complex<double>>())))
                            : base.to_double() >= 0 ? Scalar(std::log(base.to_double()))
                                                    : Scalar(__builtin_nan(""));
             if (base.equals(0)) {
               // The slope is infinite below zero, and there is none above.
               Tensor g = mul(b.grad(), Scalar(-__builtin_inf()));
               Tensor x = b.saved(0);
               b[0] = is_complex(x.dtype()) ? zeros_like(b.grad()) : masked(g, ge(x, 0));
               return;
             }
             b[0] = mul(mul(b.grad(), conj(b.saved(1))), slope);
           });
  }
  return out;
}
auto power_backward(const Scalar& exponent) {
  return [exponent](Backward& b) {
    if (exponent.equals(0)) {
      b[0] = zeros_like(b.grad());
      return;
    }
    Tensor x = b.saved(0);
    if (exponent.equals(2)) {
      b[0] = mul(b.grad(), conj(mul(x, 2)));
      return;
    }
    Scalar less = exponent.is_complex()            ? Scalar(exponent.to<std::complex<double>>() - 1.0)
                  : exponent.is_integral_or_bool() ? Scalar(exponent.to_int() - 1)
                                                   : Scalar(exponent.to_double() - 1);
    b[0] = mul(b.grad(), conj(mul(pow(x, less), exponent)));
  };
}

}  // namespace

Tensor maximum(const Tensor& self, const Tensor& other) {
  check_real("maximum", self, other);
  return run(maximum_info, maximum_gradients, self, other);
}
Tensor minimum(const Tensor& self, const Tensor& other) {
  check_real("minimum", self, other);
  return run(minimum_info, minimum_gradients, self, other);
}

Tensor pow(const Tensor& self, const Scalar& exponent) {
  check_integer_power(self, exponent);
  Tensor out;
  if (!common_power(self, exponent, out)) out = binary(pow_info, self, exponent);
  if (needs_grad(self)) {
    if (is_narrower(out, self)) return pow(widened(self), exponent);
    record(out, "PowBackward0:self", inputs(self), saves(self), power_backward(exponent));
  }
  return out;
}
Tensor pow(const Tensor& self, const Tensor& exponent) {
  if (exponent.is_wrapped_number()) {
    if (!self.is_wrapped_number()) return pow(self, item(exponent));
  } else if (self.is_wrapped_number()) {
    return power_of_number(item(self), exponent);
  }
  return run(pow_info, pow_gradients, self, exponent);
}

namespace {

Tensor pow_(const Tensor& self, const Tensor& exponent) {
  if (!exponent.is_wrapped_number()) return run_(pow_info, pow_gradients, "pow_", self, exponent);
  Scalar number = item(exponent);
  check_integer_power(self, number);
  check_inplace(self, "pow_");
  Tensor old = needs_grad(self) ? clone(self) : Tensor();
  Tensor out;
  if (common_power(self, number, out)) {
    copy_values(self, out);
    self.bump_version();
  } else {
    binary_(pow_info, self, number);
  }
  if (needs_grad(self))
    record_inplace(self, "PowBackward0:self", inputs(self), saves(input(old)), power_backward(number));
  return self;
}

DType float_power_dtype(const Tensor& a, const Tensor& b) {
  return is_complex(a.dtype()) || is_complex(b.dtype()) ? DType::Complex128 : DType::Float64;
}
Tensor float_power(const Tensor& self, const Tensor& exponent) {
  const DType t = float_power_dtype(self, exponent);
  // Numbers stay numbers.
  return pow(self.is_wrapped_number() ? self : to_dtype(self, t),
             exponent.is_wrapped_number() ? exponent : to_dtype(exponent, t));
}
Tensor float_power_(const Tensor& self, const Tensor& exponent) {
  DType t = float_power_dtype(self, exponent);
  TL_CHECK(self.dtype() == t, "the base given to float_power_ has dtype ", dtype_legacy_name(self.dtype()),
           " but the operation's result requires dtype ", dtype_legacy_name(t));
  return pow_(self, exponent.is_wrapped_number() ? exponent : to_dtype(exponent, t));
}

// --- bits and divisors -----------------------------------------------------------------------------

#define TL_BITS(f, op, loop_name, takes_bool)                                                       \
  constexpr BinaryInfo f##_info{#f, BinaryOp::op, loop_name, Kind::plain, Cost::light, takes_bool}; \
  Tensor f##_op(const Tensor& self, const Tensor& other) { return binary(f##_info, self, other); }  \
  Tensor f##_in(const Tensor& self, const Tensor& other) {                                          \
    check_inplace(self, #f "_");                                                                    \
    check_cast(#f "_", result_type({self, other}), self);                                           \
    binary_(f##_info, self, other);                                                                 \
    return self;                                                                                    \
  }
TL_BITS(bitwise_and, bitwise_and, "bitwise_and_cpu", true)
TL_BITS(bitwise_or, bitwise_or, "bitwise_or_cpu", true)
TL_BITS(bitwise_xor, bitwise_xor, "bitwise_xor_cpu", true)
TL_BITS(bitwise_left_shift, shift_left, "lshift_cpu", false)
TL_BITS(bitwise_right_shift, shift_right, "rshift_cpu", false)
TL_BITS(gcd, gcd, "gcd_cpu", false)
TL_BITS(lcm, lcm, "lcm_cpu", false)

using F = Tensor (*)(const Tensor&, const Tensor&);
constexpr uint32_t both = op::function | op::method | op::out;
constexpr uint32_t writes = op::method | op::writes_self;
constexpr uint32_t no_gradient = op::nondifferentiable;
constexpr const char* positive =
    "rand(3, 4) + 0.5, rand(3, 4) + 0.5 | rand(3, 1) + 0.5, rand(4) + 0.5 | "
    "(rand(4, 3) + 0.5).t(), rand(3, 4) + 0.5 | rand(0, 3), rand(3) | rand(()) + 0.5, rand(()) + 0.5";
constexpr const char* integers = "tensor([12, -5, 6]), tensor([10, 3, 4]) | tensor([[1], [2]]), tensor([3, 4])";

#define TL_RECORDS(name, f, self, other, flags, doc, samples)                                                  \
  {name "(" self " self, " other " other) -> Tensor", TL_OP(f##_op), both | flags, doc, samples}, {            \
    name "_(Tensor self, " other " other) -> Tensor", TL_OP(f##_in), writes | flags, doc " In place.", samples \
  }
constexpr uint32_t function_too = op::function;  // of the in-place form
#define TL_RECORDS_BOTH(name, f, self, other, flags, doc, samples)                                                    \
  {name "(" self " self, " other " other) -> Tensor", TL_OP(f##_op), both | flags, doc, samples}, {                   \
    name "_(Tensor self, " other " other) -> Tensor", TL_OP(f##_in), writes | function_too | flags, doc " In place.", \
        samples                                                                                                       \
  }
const OpRecord records[] = {
    TL_RECORDS("remainder", remainder, "Operand", "Operand", 0,
               "What is left of Python's `%`: it has the sign of the divisor.",
               "randn(3, 4), rand(4) + 0.5 | randn(4, 3).t(), 0.3 | tensor([7, -7]), 3 | 5, tensor([3, -3])"),
    TL_RECORDS("fmod", fmod, "Tensor", "Operand", 0, "What is left of C's division: it has the sign of the dividend.",
               "randn(3, 4), rand(4) + 0.5 | randn(4, 3).t(), 0.3 | tensor([7, -7]), 3"),
    {"maximum(Tensor self, Tensor other) -> Tensor", TL_OP(static_cast<F>(maximum)), both,
     "The larger of two elements; NaN where one of them is. Equal ones share the gradient.",
     "randn(3, 4), randn(3, 4) | randn(3, 1), randn(4) | randn(4, 3).t(), randn(()) | randn(0, 3), randn(3)"},
    {"minimum(Tensor self, Tensor other) -> Tensor", TL_OP(static_cast<F>(minimum)), both,
     "The smaller of two elements; NaN where one of them is. Equal ones share the gradient.",
     "randn(3, 4), randn(3, 4) | randn(3, 1), randn(4) | randn(4, 3).t(), randn(())"},
    {"fmax(Tensor self, Tensor other) -> Tensor", TL_OP(fmax_op), both, "maximum that passes over NaN.",
     "randn(3, 4), randn(3, 4) | randn(3, 1), randn(4)"},
    {"fmin(Tensor self, Tensor other) -> Tensor", TL_OP(fmin_op), both, "minimum that passes over NaN.",
     "randn(3, 4), randn(3, 4) | randn(3, 1), randn(4)"},
    TL_RECORDS("atan2", atan2, "Tensor", "Tensor", 0, "The angle in (-pi, pi] of the point (other, self).",
               "randn(3, 4), randn(3, 4) | randn(3, 1), randn(4) | randn(4, 3).t(), randn(())"),
    TL_RECORDS("arctan2", atan2, "Tensor", "Tensor", 0, "atan2.", "randn(3, 4), randn(4)"),
    TL_RECORDS("hypot", hypot, "Tensor", "Tensor", 0, "The square root of self^2 + other^2, without overflow.",
               positive),
    {"logaddexp(Tensor self, Tensor other) -> Tensor", TL_OP(logaddexp_op), both,
     "log(e^self + e^other), without overflow.",
     "randn(3, 4), randn(3, 4) | randn(3, 1), randn(4) | randn(4, 3).t(), randn(())"},
    {"logaddexp2(Tensor self, Tensor other) -> Tensor", TL_OP(logaddexp2_op), both,
     "log2(2^self + 2^other), without overflow.", "randn(3, 4), randn(3, 4) | randn(3, 1), randn(4)"},
    TL_RECORDS_BOTH("xlogy", xlogy, "Operand", "Operand", 0, "self log(other), and 0 where self is 0.", positive),
    TL_RECORDS("copysign", copysign, "Tensor", "Operand", 0, "The size of self with the sign of other.",
               "randn(3, 4), randn(4) | randn(4, 3).t(), -1.0"),
    TL_RECORDS("nextafter", nextafter, "Tensor", "Tensor", 0, "The number next to self in the direction of other.",
               "randn(3, 4), randn(4)"),
    TL_RECORDS_BOTH("ldexp", ldexp, "Tensor", "Tensor", 0, "self times 2 to the power of other.",
                    "randn(3, 4), randn(4) | randn(4, 3).t(), tensor([1, -2, 3, 0])"),
    {"heaviside(Tensor self, Tensor values) -> Tensor", TL_OP(heaviside), both | no_gradient,
     "0 below zero, 1 above, `values` at zero.", "tensor([-1.0, 0.0, 2.0]), tensor([0.5])"},
    {"heaviside_(Tensor self, Tensor values) -> Tensor", TL_OP(heaviside_), writes | no_gradient, "heaviside in place.",
     "tensor([-1.0, 0.0, 2.0]), tensor([0.5])"},
    {"pow(Operand self, Operand exponent) -> Tensor", TL_OP(static_cast<F>(pow)), both,
     "The power. Integers may not be raised to a negative number.",
     "rand(3, 4) + 0.5, randn(3, 4) | rand(3, 1) + 0.5, randn(4) | randn(4, 3).t(), 2 | rand(3) + 0.5, -1.5 | "
     "2, randn(3) | tensor([2, 3]), tensor([3, 2]) | randn(()), 3 | randn(0, 3), 2"},
    {"pow_(Tensor self, Operand exponent) -> Tensor", TL_OP(pow_), writes, "pow in place.", "rand(3, 4) + 0.5, 2.5"},
    {"float_power(Operand self, Operand exponent) -> Tensor", TL_OP(float_power), both, "pow in double precision.",
     "rand(3) + 0.5, 2 | tensor([1, 2]), -2"},
    {"float_power_(Tensor self, Operand exponent) -> Tensor", TL_OP(float_power_), writes, "float_power in place.",
     "(rand(3) + 0.5).double(), 2"},
    TL_RECORDS("bitwise_and", bitwise_and, "Operand", "Operand", no_gradient, "The bits that both have.", integers),
    TL_RECORDS("bitwise_or", bitwise_or, "Operand", "Operand", no_gradient, "The bits that one of them has.", integers),
    TL_RECORDS("bitwise_xor", bitwise_xor, "Operand", "Operand", no_gradient, "The bits that differ.", integers),
    TL_RECORDS("bitwise_left_shift", bitwise_left_shift, "Operand", "Operand", no_gradient,
               "The bits moved up; 0 where that is more than there are.", "tensor([1, 2, -3]), tensor([1, 3, 2])"),
    TL_RECORDS("bitwise_right_shift", bitwise_right_shift, "Operand", "Operand", no_gradient,
               "The bits moved down, the sign kept.", "tensor([16, 20, -3]), tensor([1, 3, 2])"),
    TL_RECORDS_BOTH("gcd", gcd, "Tensor", "Tensor", no_gradient, "The greatest common divisor.", integers),
    TL_RECORDS_BOTH("lcm", lcm, "Tensor", "Tensor", no_gradient, "The least common multiple.", integers),
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
