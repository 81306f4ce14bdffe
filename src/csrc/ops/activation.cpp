// Activation functions and their gradients. Those without parameters are entries of
// kernels/unary_table.h; here are the others, and the slopes of all.
#include <array>

#include "autograd/record.h"
#include "ops/index_plan.h"
#include "ops/pointwise.h"
#include "ops/random.h"
#include "ops/registry.h"

namespace tl {

using kernels::NaryOp;

namespace {

// Parameters: numbers that never raise the dtype.
using Params = std::array<double, 3>;

// g f'(x), the gradient of an activation f.
struct SlopeInfo {
  NaryInfo kernel;
  const char* label;
  int params;
  // g f''(x); null where that is zero almost everywhere.
  Tensor (*second)(const Tensor& g, const Tensor& x, const Params& p);
};

Tensor run(const NaryInfo& info, const Tensor& a, const Params& p, int count) {
  DType t = a.dtype();
  switch (count) {
    case 1:
      return nary_as(info, t, {a, Scalar(p[0])});
    case 2:
      return nary_as(info, t, {a, Scalar(p[0]), Scalar(p[1])});
    default:
      return nary_as(info, t, {a, Scalar(p[0]), Scalar(p[1]), Scalar(p[2])});
  }
}
Tensor run(const NaryInfo& info, const Tensor& g, const Tensor& x, const Params& p, int count) {
  DType t = result_type({g, x});
  switch (count) {
    case 0:
      return nary_as(info, t, {g, x});
    case 1:
      return nary_as(info, t, {g, x, Scalar(p[0])});
    case 2:
      return nary_as(info, t, {g, x, Scalar(p[0]), Scalar(p[1])});
    default:
      return nary_as(info, t, {g, x, Scalar(p[0]), Scalar(p[1]), Scalar(p[2])});
  }
}

Tensor slope(const SlopeInfo& info, const Tensor& g, const Tensor& x, const Params& p = {}) {
  Tensor out = run(info.kernel, g, x, p, info.params);
  if (needs_grad(g, x)) {
    bool curved = info.second != nullptr;
    record(out, info.label, inputs(g, x), saves(input_if(curved && requires_grad(x), g), input(x)),
           [i = &info, p](Backward& b) {
             Tensor x = b.saved(1);
             if (b.needs(0)) b[0] = slope(*i, b.grad(), x, p);
             if (b.needs(1))
               b[1] = i->second != nullptr ? i->second(mul(b.grad(), b.saved(0)), x, p) : zeros_like(b.grad());
           });
  }
  return out;
}

// --- the slopes --------------------------------------------------------------------------------------

constexpr SlopeInfo tanh_slope{{"tanh_backward", NaryOp::tanh_backward},
                               "TanhBackwardBackward0:grad_output,output",
                               0,
                               [](const Tensor& g, const Tensor& y, const Params&) { return mul(mul(g, y), -2); }};
constexpr SlopeInfo sigmoid_slope{
    {"sigmoid_backward", NaryOp::sigmoid_backward},
    "SigmoidBackwardBackward0:grad_output,output",
    0,
    [](const Tensor& g, const Tensor& y, const Params&) { return mul(g, rsub(mul(y, 2), 1)); }};
constexpr SlopeInfo threshold_slope{
    {"threshold_backward", NaryOp::threshold_backward}, "ThresholdBackwardBackward0:grad_output,self", 1, nullptr};
constexpr SlopeInfo leaky_slope{
    {"leaky_relu_backward", NaryOp::leaky_relu_backward}, "LeakyReluBackwardBackward0:grad_output,self", 1, nullptr};
constexpr SlopeInfo hardshrink_slope{
    {"hardshrink_backward", NaryOp::shrink_backward}, "HardshrinkBackwardBackward0:grad_output,self", 1, nullptr};
constexpr SlopeInfo softshrink_slope{
    {"softshrink_backward", NaryOp::shrink_backward}, "SoftshrinkBackwardBackward0:grad_output,self", 1, nullptr};
constexpr SlopeInfo hardtanh_slope{
    {"hardtanh_backward", NaryOp::inside_backward}, "HardtanhBackwardBackward0:grad_output,self", 2, nullptr};
constexpr SlopeInfo hardsigmoid_slope{{"hardsigmoid_backward", NaryOp::hardsigmoid_backward},
                                      "HardsigmoidBackwardBackward0:grad_output,self",
                                      0,
                                      nullptr};
constexpr SlopeInfo hardswish_slope{
    {"hardswish_backward", NaryOp::hardswish_backward},
    "HardswishBackwardBackward0:grad_output,self",
    0,
    [](const Tensor& g, const Tensor& x, const Params&) { return mul(slope(hardtanh_slope, g, x, {-3, 3}), 1.0 / 3); }};
constexpr SlopeInfo logsigmoid_slope{
    {"log_sigmoid_backward", NaryOp::logsigmoid_backward, "log_sigmoid_backward", Cost::medium},
    "LogSigmoidBackwardBackward0:grad_output,self",
    0,
    [](const Tensor& g, const Tensor& x, const Params&) { return neg(sigmoid_backward(g, sigmoid(x))); }};
constexpr SlopeInfo softplus_slope{{"softplus_backward", NaryOp::softplus_backward, "softplus_backward", Cost::medium},
                                   "SoftplusBackwardBackward0:grad_output,self",
                                   2,
                                   [](const Tensor& g, const Tensor& x, const Params& p) {
                                     Tensor z = mul(x, p[0]), curve = mul(sigmoid_backward(g, sigmoid(z)), p[0]);
                                     return masked_fill(curve, gt(z, p[1]), zeros(Dims{}, curve.dtype()));
                                   }};
// s (1 - s) (2 + x (1 - 2 s)) with s = sigmoid(x)
constexpr SlopeInfo silu_slope{{"silu_backward", NaryOp::silu_backward, "silu_backward", Cost::medium},
                               "SiluBackwardBackward0:grad_output,self",
                               0,
                               [](const Tensor& g, const Tensor& x, const Params&) {
                                 Tensor s = sigmoid(x);
                                 return mul(sigmoid_backward(g, s), add(mul(x, rsub(mul(s, 2), 1)), 2));
                               }};
// s u (2 + x (1 - s) - 2 x t s) with t = tanh(softplus(x)), u = 1 - t^2
constexpr SlopeInfo mish_slope{{"mish_backward", NaryOp::mish_backward, "mish_backward", Cost::medium},
                               "MishBackwardBackward0:grad_output,self",
                               0,
                               [](const Tensor& g, const Tensor& x, const Params&) {
                                 Tensor s = sigmoid(x), t = tanh(neg(logsigmoid(neg(x)))), u = rsub(square(t), 1);
                                 Tensor inner = sub(add(mul(x, rsub(s, 1)), 2), mul(mul(mul(x, t), s), 2));
                                 return mul(mul(g, mul(s, u)), inner);
                               }};
// density(x) (2 - x^2)
constexpr SlopeInfo gelu_slope{{"gelu_backward", NaryOp::gelu_backward, "gelu_backward", Cost::medium},
                               "GeluBackwardBackward0:grad_output,self",
                               0,
                               [](const Tensor& g, const Tensor& x, const Params&) {
                                 Tensor z = square(x);
                                 return mul(mul(g, mul(exp(mul(z, -0.5)), 0.398942280401432677940)), rsub(z, 2));
                               }};
// With u = k (x + c x^3), t = tanh(u), s = 1 - t^2: s u' + x s (u'' - 2 t u'^2) / 2
constexpr SlopeInfo gelu_tanh_slope{{"gelu_backward", NaryOp::gelu_tanh_backward, "gelu_backward", Cost::medium},
                                    "GeluBackwardBackward0:grad_output,self",
                                    0,
                                    [](const Tensor& g, const Tensor& x, const Params&) {
                                      constexpr double k = 0.797884560802865355880, c = 0.044715;
                                      Tensor z = square(x), t = tanh(mul(mul(x, add(mul(z, c), 1)), k)),
                                             s = rsub(square(t), 1);
                                      Tensor u1 = mul(add(mul(z, 3 * c), 1), k), u2 = mul(x, 6 * c * k);
                                      Tensor bend = mul(mul(x, sub(u2, mul(mul(t, square(u1)), 2))), 0.5);
                                      return mul(mul(g, s), add(u1, bend));
                                    }};
// The slope's own slope is its lower branch, scaled.
constexpr SlopeInfo elu_slope{{"elu_backward", NaryOp::elu_backward, "elu_backward", Cost::medium},
                              "EluBackwardBackward0:grad_output,self",
                              3,
                              [](const Tensor& g, const Tensor& x, const Params& p) -> Tensor {
                                return mul(slope(elu_slope, g, x, {p[0], 0.0, p[2]}), p[2]);
                              }};

}  // namespace

Tensor tanh_backward(const Tensor& g, const Tensor& y) {
  return is_complex(y.dtype()) ? mul(g, conj(rsub(square(y), 1))) : slope(tanh_slope, g, y);
}
Tensor sigmoid_backward(const Tensor& g, const Tensor& y) {
  return is_complex(y.dtype()) ? mul(g, conj(mul(rsub(y, 1), y))) : slope(sigmoid_slope, g, y);
}
Tensor threshold_backward(const Tensor& g, const Tensor& x, const Scalar& threshold) {
  return slope(threshold_slope, g, x, {threshold.to_double()});
}
Tensor gelu_backward(const Tensor& g, const Tensor& x) { return slope(gelu_slope, g, x); }
Tensor gelu_tanh_backward(const Tensor& g, const Tensor& x) { return slope(gelu_tanh_slope, g, x); }
Tensor silu_backward(const Tensor& g, const Tensor& x) {
  if (!is_complex(x.dtype())) return slope(silu_slope, g, x);
  Tensor s = sigmoid(x);
  return mul(g, conj(mul(s, add(mul(x, rsub(s, 1)), 1))));
}
Tensor mish_backward(const Tensor& g, const Tensor& x) { return slope(mish_slope, g, x); }
Tensor logsigmoid_backward(const Tensor& g, const Tensor& x) { return slope(logsigmoid_slope, g, x); }
Tensor hardsigmoid_backward(const Tensor& g, const Tensor& x) { return slope(hardsigmoid_slope, g, x); }
Tensor hardswish_backward(const Tensor& g, const Tensor& x) { return slope(hardswish_slope, g, x); }

// --- activations with parameters -------------------------------------------------------------------

namespace {

struct ActivationInfo {
  NaryInfo kernel;
  const char* label;
  int params;
  const SlopeInfo* slope;
};

Tensor activate(const ActivationInfo& info, const Tensor& x, const Params& p) {
  Tensor out = run(info.kernel, x, p, info.params);
  if (needs_grad(x)) {
    record(out, info.label, inputs(x), saves(x),
           [i = &info, p](Backward& b) { b[0] = slope(*i->slope, b.grad(), b.saved(0), p); });
  }
  return out;
}
Tensor activate_(const ActivationInfo& info, const Tensor& self, const Params& p) {
  check_inplace(self, info.kernel.name);
  Tensor old = needs_grad(self) ? clone(self) : Tensor();
  switch (info.params) {
    case 1:
      nary_as_(info.kernel, self.dtype(), self, {self, Scalar(p[0])});
      break;
    case 2:
      nary_as_(info.kernel, self.dtype(), self, {self, Scalar(p[0]), Scalar(p[1])});
      break;
    default:
      nary_as_(info.kernel, self.dtype(), self, {self, Scalar(p[0]), Scalar(p[1]), Scalar(p[2])});
  }
  if (old.defined()) {
    record_inplace(self, info.label, inputs(self), saves(old),
                   [i = &info, p](Backward& b) { b[0] = slope(*i->slope, b.grad(), b.saved(0), p); });
  }
  return self;
}

constexpr ActivationInfo leaky_relu_info{{"leaky_relu", NaryOp::leaky_relu, "leaky_relu_cpu", Cost::light, false},
                                         "LeakyReluBackward0:self",
                                         1,
                                         &leaky_slope};
constexpr ActivationInfo hardshrink_info{{"hardshrink", NaryOp::hardshrink, "hardshrink_cpu", Cost::light, false},
                                         "HardshrinkBackward0:self",
                                         1,
                                         &hardshrink_slope};
constexpr ActivationInfo softshrink_info{{"softshrink", NaryOp::softshrink, "softshrink_check", Cost::light, false},
                                         "SoftshrinkBackward0:self",
                                         1,
                                         &softshrink_slope};
constexpr ActivationInfo hardtanh_info{
    {"hardtanh", NaryOp::clamp, "hardtanh_cpu"}, "HardtanhBackward0:self", 2, &hardtanh_slope};
constexpr ActivationInfo threshold_info{
    {"threshold", NaryOp::threshold, "threshold_cpu"}, "ThresholdBackward0:self", 2, &threshold_slope};
constexpr ActivationInfo softplus_info{
    {"softplus", NaryOp::softplus, "softplus_cpu", Cost::medium, false}, "SoftplusBackward0:self", 2, &softplus_slope};
constexpr ActivationInfo elu_info{
    {"elu", NaryOp::elu, "elu_cpu", Cost::medium, false}, "EluBackward0:self", 3, &elu_slope};
constexpr ActivationInfo celu_info{
    {"celu", NaryOp::elu, "elu_cpu", Cost::medium, false}, "CeluBackward0:self", 3, &elu_slope};

#define TL_BOTH(name, parameters, info, ...)                                                       \
  Tensor name(const Tensor& self parameters) { return activate(info, self, Params{__VA_ARGS__}); } \
  Tensor name##_(const Tensor& self parameters) { return activate_(info, self, Params{__VA_ARGS__}); }
#define TL_COMMA ,
TL_BOTH(leaky_relu, TL_COMMA double negative_slope, leaky_relu_info, negative_slope)
TL_BOTH(hardtanh, TL_COMMA double min_val TL_COMMA double max_val, hardtanh_info, min_val, max_val)
TL_BOTH(relu6, , hardtanh_info, 0, 6)
TL_BOTH(elu, TL_COMMA double alpha TL_COMMA double scale TL_COMMA double input_scale, elu_info, alpha* scale, scale,
        input_scale)
constexpr double selu_alpha = 1.6732632423543772848, selu_scale = 1.0507009873554804934;
TL_BOTH(selu, , elu_info, selu_alpha* selu_scale, selu_scale, 1)
double celu_scale(double alpha) {
  TL_CHECK(alpha != 0, "ZeroDivisionError: alpha cannot be 0 for CELU");
  return 1 / alpha;
}
TL_BOTH(celu, TL_COMMA double alpha, celu_info, alpha, 1, celu_scale(alpha))
double threshold_of(const Tensor& self, double value) {
  if (self.dtype() == DType::Bool) not_implemented("threshold_cpu", self.dtype());
  return value;
}
TL_BOTH(threshold, TL_COMMA double threshold TL_COMMA double value, threshold_info, threshold_of(self, threshold),
        value)

Tensor hardshrink(const Tensor& self, double lambd) { return activate(hardshrink_info, self, {lambd}); }
Tensor softshrink(const Tensor& self, double lambd) {
  if (!is_floating(self.dtype())) not_implemented("softshrink_check", self.dtype());
  TL_CHECK(lambd >= 0, "lambda must be in range [0, ",
           self.dtype() == DType::Float64 ? 1.7976931348623157e308 : 3.4028234663852886e38, "] for input dtype ",
           dtype_legacy_name(self.dtype()), ", but found ", lambd);
  return activate(softshrink_info, self, {lambd});
}
Tensor softplus(const Tensor& self, double beta, double threshold) {
  return activate(softplus_info, self, {beta, threshold});
}

Tensor gelu_op(const Tensor& self, const std::string& approximate) {
  TL_CHECK(approximate == "none" || approximate == "tanh", "approximate argument must be either none or tanh.");
  if (!is_floating(self.dtype())) not_implemented("GeluKernelImpl", self.dtype());
  return approximate == "none" ? gelu_erf(self) : gelu_tanh(self);
}

// --- prelu, glu, rrelu -------------------------------------------------------------------------------

Tensor prelu(const Tensor& self, const Tensor& weight) {
  TL_CHECK(self.dtype() == weight.dtype(), "prelu: Type promoting not supported. Got ", dtype_legacy_name(self.dtype()),
           " and ", dtype_legacy_name(weight.dtype()));
  TL_CHECK(weight.dim() <= 1, "prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = ", weight.dim());
  if (weight.numel() != 1) {
    TL_CHECK(self.dim() > 0, "Not allow zero-dim input tensor.");
    int64_t channels = self.dim() < 2 ? 1 : self.size(1);
    TL_CHECK(channels == weight.numel(),
             "Mismatch of parameter numbers and input channel size. Found parameter numbers = ", weight.numel(),
             " and channel size = ", channels, ".");
  }
  Tensor w = weight;
  if (self.dim() > 1 && weight.dim() == 1) {
    Dims sizes(size_t(self.dim()), 1);
    sizes[1] = weight.numel();
    w = reshape(weight, sizes);
  } else if (self.dim() == 0 && weight.dim() == 1) {
    w = reshape(weight, Dims{});
  }
  Tensor out = nary(leaky_relu_info.kernel, {self, w});
  if (needs_grad(self, w)) {
    record(out, "PreluKernelBackward0:self,weight", inputs(self, w), saves(self, w), [](Backward& b) {
      Tensor x = b.saved(0), w = b.saved(1), above = gt(x, 0);
      const Tensor& g = b.grad();
      if (b.needs(0)) b[0] = where(above, g, mul(w, g));
      if (b.needs(1)) b[1] = masked_fill(mul(x, g), above, zeros(Dims{}, g.dtype()));
    });
  }
  return out;
}

Tensor glu(const Tensor& self, int64_t dim) {
  TL_CHECK(self.dim() > 0, "glu does not support 0-dimensional tensors");
  dim = wrap_dim(dim, self.dim());
  int64_t size = self.size(dim), half = size / 2;
  TL_CHECK(size % 2 == 0, "Halving dimension must be even, but dimension ", dim, " is size ", size);
  if (!is_floating(self.dtype())) not_implemented("glu_cpu", self.dtype());
  Tensor out;
  {
    NoGradGuard no_grad;
    Tensor x = detach(self);
    out = mul(narrow(x, dim, 0, half), sigmoid(narrow(x, dim, half, half)));
  }
  if (needs_grad(self)) {
    record(out, "GluBackward0:self", inputs(self), saves(self), [dim, half](Backward& b) {
      Tensor x = b.saved(0), a = narrow(x, dim, 0, half), gate = sigmoid(narrow(x, dim, half, half));
      b[0] = cat({mul(b.grad(), gate), sigmoid_backward(mul(b.grad(), a), gate)}, dim);
    });
  }
  return out;
}

// The slope of each element: drawn where it is not above zero, 1 elsewhere.
Tensor draw_slopes(const Tensor& self, double lower, double upper, Generator* generator) {
  Tensor x = dense_values(self, self.sizes(), DType::Float64), slopes = empty(self.sizes(), DType::Float64);
  const double* in = x.data<double>();
  double* out = slopes.data<double>();
  Drawing draw(generator, self.numel());
  for (int64_t i = 0; i < x.numel(); ++i) out[i] = in[i] <= 0 ? lower + draw->uniform() * (upper - lower) : 1.0;
  return to_dtype(slopes, self.dtype());
}
void check_rrelu(const Tensor& self, double lower, double upper) {
  TL_CHECK(lower <= upper, "Lower bound should be less than or equal to the upper bound");
  if (!is_floating(self.dtype())) not_implemented("rrelu_with_noise_out_cpu", self.dtype());
}
constexpr const char* rrelu_label = "RreluWithNoiseBackward0:noise";
void rrelu_backward(Backward& b) { b[0] = mul(b.grad(), b.saved(0)); }
constexpr ActivationInfo rrelu_info{leaky_relu_info.kernel, "RreluWithNoiseBackward0:self", 1, &leaky_slope};

Tensor rrelu(const Tensor& self, double lower, double upper, bool training, Generator* generator) {
  check_rrelu(self, lower, upper);
  if (!training) return activate(rrelu_info, self, {(lower + upper) / 2});
  Tensor noise = draw_slopes(detach(self), lower, upper, generator);
  Tensor out = mul(detach(self), noise);
  if (needs_grad(self)) record(out, rrelu_label, inputs(self), saves(noise), rrelu_backward);
  return out;
}
Tensor rrelu_(const Tensor& self, double lower, double upper, bool training, Generator* generator) {
  check_rrelu(self, lower, upper);
  if (!training) return activate_(rrelu_info, self, {(lower + upper) / 2});
  check_inplace(self, "rrelu_");
  Tensor noise = draw_slopes(detach(self), lower, upper, generator);
  copy_values(self, mul(detach(self), noise));
  self.bump_version();
  if (needs_grad(self)) record_inplace(self, rrelu_label, inputs(self), saves(noise), rrelu_backward);
  return self;
}

constexpr uint32_t function = op::function;
constexpr uint32_t inner = op::internal;
constexpr const char* samples = "randn(3, 4) | randn(4, 3).t() | randn(()) | randn(0, 3)";
#define TL_RECORDS(name, parameters, f, flags, doc, samples)                                                         \
  {name "(Tensor self" parameters ") -> Tensor", TL_OP(f), flags, doc, samples}, {                                   \
    name "_(Tensor self" parameters ") -> Tensor", TL_OP(f##_), (flags) | op::writes_self, doc " In place.", samples \
  }
const OpRecord records[] = {
    {"gelu(Tensor self, *, str approximate='none') -> Tensor", TL_OP(gelu_op), inner,
     "x times the normal distribution function of x, or its approximation with 'tanh' "
     "(https://arxiv.org/abs/1606.08415).",
     "randn(3, 4) | randn(4, 3).t(), approximate='tanh' | randn(()) | randn(0, 3)"},
    TL_RECORDS("leaky_relu", ", float negative_slope=0.01", leaky_relu, inner,
               "The element where it is positive, `negative_slope` times it elsewhere.",
               "randn(3, 4) | randn(4, 3).t(), 0.2"),
    TL_RECORDS("relu6", "", relu6, inner, "Clamped to [0, 6].", samples),
    TL_RECORDS("hardtanh", ", float min_val=-1, float max_val=1", hardtanh, inner, "Clamped to [min_val, max_val].",
               "randn(3, 4) | randn(4, 3).t(), -0.5, 0.7"),
    TL_RECORDS("elu", ", float alpha=1, float scale=1, float input_scale=1", elu, inner,
               "The element where it is positive, alpha (e^x - 1) elsewhere (https://arxiv.org/abs/1511.07289).",
               "randn(3, 4) | randn(4, 3).t(), 1.5"),
    TL_RECORDS("selu", "", selu, function,
               "elu scaled so that it keeps mean 0 and variance 1 (https://arxiv.org/abs/1706.02515).", samples),
    TL_RECORDS(
        "celu", ", float alpha=1", celu, function,
        "The element where it is positive, alpha (e^(x / alpha) - 1) elsewhere (https://arxiv.org/abs/1704.07483).",
        "randn(3, 4) | randn(4, 3).t(), 1.5"),
    TL_RECORDS("threshold", ", float threshold, float value", threshold, function,
               "The element where it is above `threshold`, `value` elsewhere.",
               "randn(3, 4), 0.2, -1.0 | randn(4, 3).t(), 0.1, 20"),
    {"hardshrink(Tensor self, float lambd=0.5) -> Tensor", TL_OP(hardshrink), op::function | op::method,
     "Zero inside [-lambd, lambd], the element elsewhere.", "randn(3, 4) | randn(4, 3).t(), 0.2"},
    {"softshrink(Tensor self, float lambd=0.5) -> Tensor", TL_OP(softshrink), inner,
     "Zero inside [-lambd, lambd], elsewhere the element moved by lambd towards zero.",
     "randn(3, 4) | randn(4, 3).t(), 0.2"},
    {"softplus(Tensor self, float beta=1, float threshold=20) -> Tensor", TL_OP(softplus), inner,
     "log(1 + e^(beta x)) / beta; the element itself where beta x is above the threshold.",
     "randn(3, 4) | randn(4, 3).t(), 2.0 | randn(3, 4) * 10, 1, 5"},
    {"prelu(Tensor self, Tensor weight) -> Tensor", TL_OP(prelu), op::function | op::method,
     "The element where it is positive, its channel's weight times it elsewhere (https://arxiv.org/abs/1502.01852).",
     "randn(3, 4), rand(4) | randn(3, 4), rand(1) | randn(2, 3, 4).transpose(0, 2), rand(3)"},
    {"glu(Tensor self, int dim=-1) -> Tensor", TL_OP(glu), inner,
     "The first half along `dim` times the sigmoid of the second (https://arxiv.org/abs/1612.08083).",
     "randn(3, 4) | randn(4, 3), 0 | randn(4, 3).t()"},
    TL_RECORDS("rrelu",
               ", float lower=0.125, float upper=0.3333333333333333, bool training=False, Generator? generator=None",
               rrelu, function,
               "leaky_relu with a slope drawn for each element in training, and their mean otherwise "
               "(https://arxiv.org/abs/1505.00853).",
               "randn(3, 4) | randn(4, 3).t(), 0.1, 0.2"),
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
