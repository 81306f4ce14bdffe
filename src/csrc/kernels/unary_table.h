// The ops of one operand, one entry each. Whoever includes this says what becomes of an entry:
//
//   TL_UNARY(name, loops, style, real, complex, kind, label, kept, derivative, doc)
//
//   real, complex  the expression of an element x: float, double, int64_t; std::complex<double>; or TL_NONE
//   loops, style   for which types `real` is compiled, and how (kernels/loops.h); special: in ops/special_loops.cpp
//   kind           the result's dtype (UnaryKind)
//   label          the graph node's name, then what it saves
//   kept           input, output or nothing: what the derivative reads, as x or as y
//   derivative     of the gradient g, with ops: only ops/unary.cpp expands it
#define TL_NONE ::tl::kernels::NoLoop()

// clang-format off
TL_UNARY(abs, all, plain, absolute(x), std::abs(x), magnitude, "AbsBackward0:self", input, mul(g, sgn(x)),
         "The absolute value.")
TL_UNARY(neg, all, plain, negated(x), -x, keeps, "NegBackward0", nothing, neg(g), "The negative.")
TL_UNARY(sign, all, plain, sign(x), TL_NONE, keeps, "SignBackward0", nothing, zeros_like(g), "1, 0 or -1 by the sign.")
TL_UNARY(sgn, all, plain, sign(x), sign(x), keeps, "SgnBackward0:self", input, sgn_backward(g, x),
         "The sign; for a complex number the number of its direction with absolute value 1.")
TL_UNARY(signbit, all, plain, signbit(x), TL_NONE, predicate, nullptr, nothing, g, "Whether the sign bit is set.")
TL_UNARY(square, all, plain, multiplied(x, x), multiplied(x, x), power, "PowBackward0:self", input, mul(mul(g, conj(x)), 2),
         "The square.")
TL_UNARY(reciprocal, real, plain, T(1) / x, C(1) / x, floating, "ReciprocalBackward0:result", output,
         neg(mul(g, conj(square(y)))), "One over each element.")
TL_UNARY(sqrt, real, plain, math::sqrt(x), std::sqrt(x), floating, "SqrtBackward0:result", output, div(g, mul(conj(y), 2)),
         "The square root.")
TL_UNARY(rsqrt, real, plain, math::rsqrt(x), C(1) / std::sqrt(x), floating, "RsqrtBackward0:result", output,
         mul(mul(g, conj(mul(square(y), y))), -0.5), "One over the square root.")

TL_UNARY(exp, real, wide, math::exp(x), std::exp(x), floating, "ExpBackward0:result", output, mul(g, conj(y)),
         "e to the power of each element.")
TL_UNARY(exp2, real, wide, math::exp2(x), std::exp(x * 0.693147180559945309417), floating, "Exp2Backward0:result", output,
         mul(mul(g, conj(y)), 0.693147180559945309417), "Two to the power of each element.")
TL_UNARY(expm1, real, wide, math::expm1(x), expm1(x), floating, "Expm1Backward0:result", output, mul(g, conj(add(y, 1))),
         "e^x - 1, exact near zero.")
TL_UNARY(log, real, wide, math::log(x), std::log(x), floating, "LogBackward0:self", input, div(g, conj(x)),
         "The natural logarithm.")
TL_UNARY(log2, real, wide, math::log2(x), std::log(x) * 1.44269504088896340736, floating, "Log2Backward0:self", input,
         div(g, mul(conj(x), 0.693147180559945309417)), "The logarithm to base 2.")
TL_UNARY(log10, real, wide, math::log10(x), std::log10(x), floating, "Log10Backward0:self", input,
         div(g, mul(conj(x), 2.30258509299404568402)), "The logarithm to base 10.")
TL_UNARY(log1p, real, wide, math::log1p(x), log1p(x), floating, "Log1PBackward0:self", input, div(g, conj(add(x, 1))),
         "log(1 + x), exact near zero.")

TL_UNARY(sin, real, wide, math::sin(x), std::sin(x), floating, "SinBackward0:self", input, mul(g, conj(cos(x))), "The sine.")
TL_UNARY(cos, real, wide, math::cos(x), std::cos(x), floating, "CosBackward0:self", input, neg(mul(g, conj(sin(x)))),
         "The cosine.")
TL_UNARY(tan, real, wide, math::tan(x), std::tan(x), floating, "TanBackward0:result", output,
         mul(g, conj(add(square(y), 1))), "The tangent.")
TL_UNARY(asin, real, wide, math::asin(x), std::asin(x), floating, "AsinBackward0:self", input,
         mul(g, conj(rsqrt(rsub(square(x), 1)))), "The angle in [-pi/2, pi/2] of a sine.")
TL_UNARY(acos, real, wide, math::acos(x), std::acos(x), floating, "AcosBackward0:self", input,
         neg(mul(g, conj(rsqrt(rsub(square(x), 1))))), "The angle in [0, pi] of a cosine.")
TL_UNARY(atan, real, wide, math::atan(x), std::atan(x), floating, "AtanBackward0:self", input,
         div(g, conj(add(square(x), 1))), "The angle in (-pi/2, pi/2) of a tangent.")
TL_UNARY(sinh, real, wide, math::sinh(x), std::sinh(x), floating, "SinhBackward0:self", input, mul(g, conj(cosh(x))),
         "The hyperbolic sine.")
TL_UNARY(cosh, real, wide, math::cosh(x), std::cosh(x), floating, "CoshBackward0:self", input, mul(g, conj(sinh(x))),
         "The hyperbolic cosine.")
TL_UNARY(tanh, real, wide, math::tanh(x), std::tanh(x), floating, "TanhBackward0:result", output, tanh_backward(g, y),
         "The hyperbolic tangent.")
TL_UNARY(asinh, real, wide, math::asinh(x), std::asinh(x), floating, "AsinhBackward0:self", input,
         mul(g, conj(rsqrt(add(square(x), 1)))), "The inverse of sinh.")
TL_UNARY(acosh, real, wide, math::acosh(x), std::acosh(x), floating, "AcoshBackward0:self", input,
         mul(g, conj(mul(rsqrt(sub(x, 1)), rsqrt(add(x, 1))))), "The inverse of cosh.")
TL_UNARY(atanh, real, wide, math::atanh(x), std::atanh(x), floating, "AtanhBackward0:self", input,
         div(g, conj(rsub(square(x), 1))), "The inverse of tanh.")
TL_UNARY(sigmoid, real, wide, math::sigmoid(x), C(1) / (C(1) + std::exp(-x)), floating, "SigmoidBackward0:result", output,
         sigmoid_backward(g, y), "1 / (1 + e^-x).")
TL_UNARY(sinc, real, plain, sinc(x), sinc(x), floating, "SincBackward0:self", input, sinc_backward(g, x),
         "sin(pi x) / (pi x), and 1 at zero.")

TL_UNARY(erf, real, wide, math::erf(x), TL_NONE, floating, "ErfBackward0:self", input,
         mul(mul(g, exp(neg(square(x)))), 1.12837916709551257390), "The error function.")
TL_UNARY(erfc, real, wide, math::erfc(x), TL_NONE, floating, "ErfcBackward0:self", input,
         mul(mul(g, exp(neg(square(x)))), -1.12837916709551257390), "One minus the error function, exact where that is small.")
TL_UNARY(erfinv, special, plain, TL_NONE, TL_NONE, floating, "ErfinvBackward0:self", input,
         mul(mul(g, exp(square(erfinv(x)))), 0.886226925452758013649), "The inverse of the error function.")
TL_UNARY(lgamma, special, plain, TL_NONE, TL_NONE, floating, "LgammaBackward0:self", input, mul(g, digamma(x)),
         "The logarithm of the absolute value of the gamma function.")
TL_UNARY(digamma, special, plain, TL_NONE, TL_NONE, floating, "DigammaBackward0:self", input, mul(g, polygamma(1, x)),
         "The derivative of lgamma.")

TL_UNARY(floor, real, plain, std::floor(x), TL_NONE, whole, "FloorBackward0", nothing, zeros_like(g),
         "The largest integer that is not above.")
TL_UNARY(ceil, real, plain, std::ceil(x), TL_NONE, whole, "CeilBackward0", nothing, zeros_like(g),
         "The smallest integer that is not below.")
TL_UNARY(trunc, real, plain, std::trunc(x), TL_NONE, whole, "TruncBackward0", nothing, zeros_like(g),
         "The integer part.")
TL_UNARY(round, real, plain, std::nearbyint(x), TL_NONE, whole, "RoundBackward0", nothing, zeros_like(g),
         "The nearest integer; halves go to the even one.")
TL_UNARY(frac, real, plain, x - std::trunc(x), TL_NONE, fraction, "FracBackward0", nothing, g, "What trunc cuts off.")

TL_UNARY(isnan, all, plain, x != x, std::isnan(x.real()) || std::isnan(x.imag()), predicate, nullptr, nothing, g,
         "Whether it is not a number.")
TL_UNARY(isinf, all, plain, is_infinite(x), std::isinf(x.real()) || std::isinf(x.imag()), predicate, nullptr, nothing, g,
         "Whether it is infinite.")
TL_UNARY(isfinite, all, plain, is_finite(x), std::isfinite(x.real()) && std::isfinite(x.imag()), predicate, nullptr, nothing, g,
         "Whether it is finite.")
TL_UNARY(isposinf, all, plain, is_infinite(x) & (x > 0), TL_NONE, predicate, nullptr, nothing, g, "Whether it is +inf.")
TL_UNARY(isneginf, all, plain, is_infinite(x) & (x < 0), TL_NONE, predicate, nullptr, nothing, g, "Whether it is -inf.")
TL_UNARY(isreal, all, plain, x == x || x != x, x.imag() == 0, predicate, nullptr, nothing, g,
         "Whether the imaginary part is zero.")
TL_UNARY(logical_not, all, plain, x == 0, x == C(0), predicate, nullptr, nothing, g, "Whether it is zero.")
TL_UNARY(bitwise_not, ints, plain, ~x, TL_NONE, bits, nullptr, nothing, g, "All bits inverted; for bool the opposite.")

TL_UNARY(conj_physical, ints, plain, x, std::conj(x), keeps, "ConjPhysicalBackward0", nothing, conj_physical(g),
         "The conjugate.")
TL_UNARY(angle, real, plain, angle(x), std::arg(x), magnitude_float, "AngleBackward0:self", input, angle_backward(g, x),
         "The angle in (-pi, pi] of a number in the complex plane.")
TL_UNARY(deg2rad, real, plain, x * T(0.0174532925199432957692), TL_NONE, floating, "Deg2RadBackward0", nothing,
         mul(g, 0.0174532925199432957692), "Degrees as radians.")
TL_UNARY(rad2deg, real, plain, x * T(57.2957795130823208768), TL_NONE, floating, "Rad2DegBackward0", nothing,
         mul(g, 57.2957795130823208768), "Radians as degrees.")

TL_UNARY(relu, all, plain, x < 0 ? T(0) : x, TL_NONE, keeps, "ReluBackward0:result", output, threshold_backward(g, y, 0),
         "The element where it is positive, zero elsewhere.")
TL_UNARY(gelu_erf, real, wide, gelu(x), TL_NONE, inner, "GeluBackward0:self", input, gelu_backward(g, x),
         "x times the normal distribution function of x (https://arxiv.org/abs/1606.08415).")
TL_UNARY(gelu_tanh, real, wide, gelu_tanh(x), TL_NONE, inner, "GeluBackward0:self", input, gelu_tanh_backward(g, x),
         "gelu by its approximation with tanh.")
TL_UNARY(silu, real, wide, x * math::sigmoid(x), x / (C(1) + std::exp(-x)), inner, "SiluBackward0:self", input,
         silu_backward(g, x), "x times sigmoid(x), also called swish (https://arxiv.org/abs/1606.08415).")
TL_UNARY(mish, real, wide, mish(x), TL_NONE, inner, "MishBackward0:self", input, mish_backward(g, x),
         "x tanh(softplus(x)) (https://arxiv.org/abs/1908.08681).")
TL_UNARY(logsigmoid, real, wide, -math::log1pexp(-x), TL_NONE, inner, "LogSigmoidBackward0:self", input,
         logsigmoid_backward(g, x), "log(sigmoid(x)), exact where sigmoid is not.")
TL_UNARY(hardsigmoid, real, plain, hardsigmoid(x), TL_NONE, inner, "HardsigmoidBackward0:self", input,
         hardsigmoid_backward(g, x), "relu6(x + 3) / 6.")
TL_UNARY(hardswish, real, plain, x * hardsigmoid(x), TL_NONE, inner, "HardswishBackward0:self", input,
         hardswish_backward(g, x), "x relu6(x + 3) / 6 (https://arxiv.org/abs/1905.02244).")
// clang-format on
