// Losses of each element alone: mse, l1, smooth_l1, huber, binary cross entropies, kl_div,
// soft_margin.
#include "ops/loss.h"

#include <cmath>
#include <vector>

#include "autograd/record.h"
#include "core/parallel.h"
#include "kernels/loss.h"
#include "ops/index_plan.h"
#include "ops/registry.h"

namespace tl {

using kernels::PointLoss;

Reduction reduction_of(std::string_view name, std::optional<bool> size_average, std::optional<bool> reduce) {
  if (size_average || reduce) [[unlikely]] {
    name = !reduce.value_or(true) ? "none" : size_average.value_or(true) ? "mean" : "sum";
    warn("size_average and reduce args will be deprecated, please use reduction='" + std::string(name) + "' instead.");
  }
  if (name == "mean") return Reduction::mean;
  if (name == "sum") return Reduction::sum;
  if (name == "none") return Reduction::none;
  TL_CHECK_VALUE(name == "elementwise_mean", name, " is not a valid value for reduction");
  warn("reduction='elementwise_mean' is deprecated. Please use reduction='mean' instead.");
  return Reduction::mean;
}

Tensor reduced(const Tensor& values, Reduction reduction) {
  if (reduction == Reduction::none) return values;
  return reduction == Reduction::sum ? sum(values) : mean(values, Dims{}, false);
}

void check_not_differentiated(const Tensor& t, const char* function, const char* argument) {
  TL_CHECK(!needs_grad(t), "The function '", function, "' is not differentiable with respect to argument '", argument,
           "'. This input cannot have requires_grad True.");
}

namespace {

constexpr int64_t grain = 1 << 14;

// What is fixed about a loss.
struct Rule {
  PointLoss kind;
  const char* kernel;     // its name in errors
  const char* labels[3];  // of the node, by reduction
};
constexpr Rule squared = {
    PointLoss::squared,
    "mse_cpu",
    {"MseLossBackward0:self,target", "MseLossBackward0:self,target", "MseLossBackward0:self,target"}};
constexpr Rule absolute = {PointLoss::absolute,
                           "l1_cpu",
                           {"AbsBackward0:self,target", "MeanBackward0:self,target", "SumBackward0:self,target"}};
constexpr Rule smooth_l1 = {
    PointLoss::smooth_l1,
    "smooth_l1_cpu",
    {"SmoothL1LossBackward0:self,target", "SmoothL1LossBackward0:self,target", "SmoothL1LossBackward0:self,target"}};
constexpr Rule huber = {
    PointLoss::huber,
    "huber_cpu",
    {"HuberLossBackward0:self,target", "HuberLossBackward0:self,target", "HuberLossBackward0:self,target"}};
constexpr Rule bce = {
    PointLoss::bce,
    "binary_cross_entropy",
    {"BinaryCrossEntropyBackward0:self,target,weight", "BinaryCrossEntropyBackward0:self,target,weight",
     "BinaryCrossEntropyBackward0:self,target,weight"}};
#define TL_LOGITS "BinaryCrossEntropyWithLogitsBackward0:self,target,weight,pos_weight"
constexpr Rule bce_logits = {PointLoss::bce_logits, "log_sigmoid_cpu", {TL_LOGITS, TL_LOGITS, TL_LOGITS}};
constexpr Rule bce_logits_pos = {PointLoss::bce_logits_pos, "log_sigmoid_cpu", {TL_LOGITS, TL_LOGITS, TL_LOGITS}};
constexpr Rule kl = {
    PointLoss::kl, "kl_div", {"SubBackward0:self,target", "MeanBackward0:self,target", "SumBackward0:self,target"}};
constexpr Rule kl_log = {
    PointLoss::kl_log, "kl_div", {"MulBackward0:self,target", "MeanBackward0:self,target", "SumBackward0:self,target"}};
constexpr Rule kl_batch = {PointLoss::kl, "kl_div", {"", "", "DivBackward0:self,target"}};
constexpr Rule kl_log_batch = {PointLoss::kl_log, "kl_div", {"", "", "DivBackward0:self,target"}};
constexpr Rule soft_margin = {PointLoss::soft_margin,
                              "soft_margin_loss",
                              {"SoftMarginLossBackward0:self,target", "SoftMarginLossBackward0:self,target",
                               "SoftMarginLossBackward0:self,target"}};

// The derivatives by differentiable ops, for gradients of gradients.
Tensor slope(PointLoss kind, bool of_target, const Tensor& x, const Tensor& y, const Tensor& pos, double param) {
  auto log_sigmoid_neg = [](const Tensor& t) {  // -log(sigmoid(t))
    return add(log(add(exp(neg(abs(t))), 1)), maximum(neg(t), wrapped_number(0.0)));
  };
  switch (kind) {
    case PointLoss::squared: {
      Tensor d = mul(sub(x, y), Scalar(2.0));
      return of_target ? neg(d) : d;
    }
    case PointLoss::absolute: {
      return of_target ? sign(sub(y, x)) : sign(sub(x, y));
    }
    case PointLoss::smooth_l1: {
      Tensor d = sub(x, y);
      Tensor s = where(lt(abs(d), wrapped_number(param)), div(d, Scalar(param)), sign(d));
      return of_target ? neg(s) : s;
    }
    case PointLoss::huber: {
      Tensor d = sub(x, y);
      Tensor s = where(le(abs(d), wrapped_number(param)), d, mul(sign(d), Scalar(param)));
      return of_target ? neg(s) : s;
    }
    case PointLoss::bce:
      if (of_target) return sub(log(rsub(x, 1)), log(x));
      return div(sub(x, y), maximum(mul(rsub(x, 1), x), wrapped_number(1e-12)));
    case PointLoss::bce_logits:
      return of_target ? neg(x) : sub(sigmoid(x), y);
    case PointLoss::bce_logits_pos: {
      if (of_target) return sub(mul(pos, log_sigmoid_neg(x)), log_sigmoid_neg(neg(x)));
      Tensor t = mul(pos, y);
      return sub(mul(add(sub(t, y), 1), sigmoid(x)), t);
    }
    case PointLoss::kl:
      return of_target ? sub(add(log(y), 1), x) : neg(y);
    case PointLoss::kl_log:
      return of_target ? mul(exp(y), add(sub(y, x), 1)) : neg(exp(y));
    default:
      return neg(mul(y, sigmoid(neg(mul(x, y)))));
  }
}

struct Spec {
  PointLoss kind;
  DType compute;
  double param, factor;  // factor: of the reduction
};

// The operands as the kernels want them.
struct Operands {
  Tensor x, y, w, pos;
  kernels::PointLossArgs args;
  Operands(const Tensor& input, const Tensor& target, const Tensor& weight, const Tensor& pos_weight, IntView sizes,
           const Spec& spec)
      : x(dense_values(input, sizes, spec.compute)), y(dense_values(target, sizes, spec.compute)) {
    if (weight.defined()) w = dense_values(weight, sizes, spec.compute);
    if (pos_weight.defined()) pos = dense_values(pos_weight, sizes, spec.compute);
    args = {x.bytes(), y.bytes(), w.defined() ? w.bytes() : nullptr, pos.defined() ? pos.bytes() : nullptr, spec.param};
  }
};

// Whether the loss depends on the difference of input and target alone.
bool is_of_difference(PointLoss kind) { return kind <= PointLoss::huber; }

// Saved: input, target, weight, pos_weight.
void point_backward(Backward& b, const Spec& spec) {
  Tensor x = b.saved(0), y = b.saved(1), w = b.saved(2), pos = b.saved(3);
  const Tensor& g = b.grad();
  bool composed = needs_grad(g, x, y), same = equal(x.sizes(), y.sizes());
  for (uint32_t i = 0; i < 2; ++i) {
    if (!b.needs(i)) continue;
    const Tensor& to = i == 0 ? x : y;
    Tensor d;
    if (composed || (i == 1 && !is_of_difference(spec.kind))) {
      d = mul(slope(spec.kind, i == 1, x, y, pos, spec.param), g);
      if (w.defined()) d = mul(d, w);
      if (spec.factor != 1) d = mul(d, Scalar(spec.factor));
    } else {
      Dims sizes = same ? Dims(x.sizes()) : broadcast_shapes(x.sizes(), y.sizes());
      Operands operands(x, y, w, pos, sizes, spec);
      Tensor gs = dense_values(g, g.sizes(), spec.compute);
      d = empty(sizes, spec.compute);
      parallel_for(d.numel(), grain, [&](int64_t begin, int64_t end) {
        kernels::point_loss_grad(spec.compute, spec.kind, operands.args, gs.bytes(), g.dim() != 0,
                                 i == 0 ? spec.factor : -spec.factor, d.bytes(), begin, end);
      });
    }
    b[i] = to_dtype(equal(d.sizes(), to.sizes()) ? d : sum_to_size(d, to.sizes()), to.dtype());
  }
}

double total(const Spec& spec, const kernels::PointLossArgs& args, int64_t n) {
  if (n <= grain) return kernels::point_loss_sum(spec.compute, spec.kind, args, 0, n);
  std::vector<double> partial(size_t((n + grain - 1) / grain));
  parallel_for(n, grain, [&](int64_t begin, int64_t end) {
    partial[size_t(begin / grain)] = kernels::point_loss_sum(spec.compute, spec.kind, args, begin, end);
  });
  double sum = 0;
  for (double s : partial) sum += s;
  return sum;
}

// `divisor`: of a sum, where it is not 1.
Tensor point_loss(const Rule& rule, const Tensor& x, const Tensor& y, const Tensor& w, const Tensor& pos, double param,
                  Reduction reduction, DType dtype, double divisor = 1) {
  TL_CHECK_NOTIMPL(is_floating(dtype), "\"", rule.kernel, "\" not implemented for '", dtype_legacy_name(dtype), "'");
  bool same = equal(x.sizes(), y.sizes());
  Dims sizes = same ? Dims(x.sizes()) : broadcast_shapes(x.sizes(), y.sizes());
  Spec spec{rule.kind, loss_compute_dtype(dtype), param, 1};
  Operands operands(x, y, w, pos, sizes, spec);
  const kernels::PointLossArgs& args = operands.args;
  int64_t n = operands.x.numel();
  Tensor out;
  if (reduction == Reduction::none) {
    out = empty(sizes, spec.compute);
    parallel_for(n, grain, [&](int64_t begin, int64_t end) {
      kernels::point_loss(spec.compute, rule.kind, args, out.bytes(), begin, end);
    });
    if (dtype != spec.compute) {
      NoGradGuard no_grad;
      out = to_dtype(out, dtype);
    }
  } else {
    if (reduction == Reduction::mean) divisor = double(n);
    spec.factor = 1 / divisor;
    out = scalar_tensor(total(spec, args, n) / divisor, dtype);
  }
  if (needs_grad(x, y)) {
    record(out, rule.labels[int(reduction)], inputs(x, y), saves(x, y, w, pos),
           [spec](Backward& b) { point_backward(b, spec); });
  }
  return out;
}

// --- the losses ----------------------------------------------------------------------------------

struct Size {  // as Python writes it
  const Tensor& t;
};
std::ostream& operator<<(std::ostream& out, Size s) { return out << "torch.Size(" << Shape{s.t.sizes()} << ")"; }

void warn_of_broadcast(const Tensor& input, const Tensor& target) {
  if (equal(input.sizes(), target.sizes())) [[likely]]
    return;
  std::ostringstream text;
  text << "Using a target size (" << Size{target} << ") that is different to the input size (" << Size{input}
       << "). This will likely lead to incorrect results due to broadcasting. Please ensure they "
          "have the same size.";
  warn(text.str());
}
void check_weight(const Tensor& input, const Tensor& weight) {
  TL_CHECK_VALUE(equal(input.sizes(), weight.sizes()), "Weights and input must have the same size.");
}
Tensor weighted_mean(const Tensor& values, const Tensor& weight, Reduction reduction) {
  Tensor product = mul(values, weight);
  if (reduction == Reduction::none) return product;
  Tensor total = sum(product);
  return reduction == Reduction::sum ? total : div(total, sum(weight));
}

Tensor mse_loss(const Tensor& input, const Tensor& target, std::optional<bool> size_average, std::optional<bool> reduce,
                std::string_view reduction_name, const Tensor& weight) {
  warn_of_broadcast(input, target);
  Reduction reduction = reduction_of(reduction_name, size_average, reduce);
  DType dtype = promote_types(input.dtype(), target.dtype());
  if (!weight.defined()) return point_loss(squared, input, target, {}, {}, 0, reduction, dtype);
  check_weight(input, weight);
  return weighted_mean(point_loss(squared, input, target, {}, {}, 0, Reduction::none, dtype), weight, reduction);
}

Tensor l1_of(const Tensor& input, const Tensor& target, Reduction reduction) {
  DType dtype = promote_types(input.dtype(), target.dtype());
  if (!is_floating(dtype)) return reduced(abs(sub(input, target)), reduction);
  return point_loss(absolute, input, target, {}, {}, 0, reduction, dtype);
}
Tensor l1_loss(const Tensor& input, const Tensor& target, std::optional<bool> size_average, std::optional<bool> reduce,
               std::string_view reduction_name, const Tensor& weight) {
  warn_of_broadcast(input, target);
  Reduction reduction = reduction_of(reduction_name, size_average, reduce);
  if (!weight.defined()) return l1_of(input, target, reduction);
  check_weight(input, weight);
  return weighted_mean(l1_of(input, target, Reduction::none), weight, reduction);
}

Tensor smooth_l1_loss(const Tensor& input, const Tensor& target, std::optional<bool> size_average,
                      std::optional<bool> reduce, std::string_view reduction_name, double beta) {
  warn_of_broadcast(input, target);
  Reduction reduction = reduction_of(reduction_name, size_average, reduce);
  TL_CHECK(beta >= 0, "smooth_l1_loss does not support negative values for beta.");
  if (beta == 0) return l1_of(input, target, reduction);
  return point_loss(smooth_l1, input, target, {}, {}, beta, reduction, promote_types(input.dtype(), target.dtype()));
}

// Of the losses that come out in the input's dtype.
DType dtype_of_input(const Tensor& input, const Tensor& target) {
  DType common = promote_types(input.dtype(), target.dtype());
  TL_CHECK(can_cast(common, input.dtype()), "result type ", dtype_legacy_name(common),
           " can't be cast to the desired output type ", dtype_legacy_name(input.dtype()));
  return input.dtype();
}

Tensor huber_loss(const Tensor& input, const Tensor& target, std::string_view reduction_name, double delta,
                  const Tensor& weight) {
  warn_of_broadcast(input, target);
  Reduction reduction = reduction_of(reduction_name);
  TL_CHECK(delta > 0, "huber_loss does not support non-positive values for delta.");
  DType dtype = dtype_of_input(input, target);
  if (!weight.defined()) return point_loss(huber, input, target, {}, {}, delta, reduction, dtype);
  check_weight(input, weight);
  return reduced(mul(point_loss(huber, input, target, {}, {}, delta, Reduction::none, dtype), weight), reduction);
}

Tensor soft_margin_loss(const Tensor& input, const Tensor& target, std::optional<bool> size_average,
                        std::optional<bool> reduce, std::string_view reduction_name) {
  Reduction reduction = reduction_of(reduction_name, size_average, reduce);
  check_not_differentiated(target, "soft_margin_loss", "target");
  return point_loss(soft_margin, input, target, {}, {}, 0, reduction, dtype_of_input(input, target));
}

void check_probabilities(const Tensor& t, const char* what) {
  Tensor values = dense_values(t, t.sizes(), loss_compute_dtype(t.dtype()));
  TL_CHECK(kernels::in_unit_interval(values.dtype(), values.bytes(), values.numel()), "all elements of ", what,
           " should be between 0 and 1");
}

Tensor binary_cross_entropy(const Tensor& input, const Tensor& target, const Tensor& weight,
                            std::optional<bool> size_average, std::optional<bool> reduce,
                            std::string_view reduction_name) {
  Reduction reduction = reduction_of(reduction_name, size_average, reduce);
  TL_CHECK_VALUE(equal(input.sizes(), target.sizes()), "Using a target size (", Size{target},
                 ") that is different to the input size (", Size{input},
                 ") is deprecated. Please ensure they have the same size.");
  DType dtype = input.dtype();
  TL_CHECK(target.dtype() == dtype, "Found dtype ", dtype_legacy_name(target.dtype()), " but expected ",
           dtype_legacy_name(dtype));
  if (weight.defined()) {
    Dims sizes = broadcast_shapes(weight.sizes(), target.sizes());
    TL_CHECK(equal(sizes, target.sizes()), "binary_cross_entropy: a weight of shape ", Shape{weight.sizes()},
             " is not broadcastable to the target's ", Shape{target.sizes()});
    TL_CHECK(weight.dtype() == dtype, "Found dtype ", dtype_legacy_name(weight.dtype()), " but expected ",
             dtype_legacy_name(dtype));
    check_not_differentiated(weight, "binary_cross_entropy", "weight");
  }
  if (is_floating(dtype)) {
    check_probabilities(input, "input");
    check_probabilities(target, "target");
  }
  return point_loss(bce, input, target, weight, {}, 0, reduction, dtype);
}

Tensor binary_cross_entropy_with_logits(const Tensor& input, const Tensor& target, const Tensor& weight,
                                        std::optional<bool> size_average, std::optional<bool> reduce,
                                        std::string_view reduction_name, const Tensor& pos_weight) {
  Reduction reduction = reduction_of(reduction_name, size_average, reduce);
  TL_CHECK_VALUE(equal(input.sizes(), target.sizes()), "Target size (", Size{target},
                 ") must be the same as input size (", Size{input}, ")");
  TL_CHECK_NOTIMPL(is_floating(input.dtype()), "\"log_sigmoid_cpu\" not implemented for '",
                   dtype_legacy_name(input.dtype()), "'");
  DType dtype = promote_types(input.dtype(), target.dtype());
  TL_CHECK(is_floating(target.dtype()), "result type ", dtype_legacy_name(dtype),
           " can't be cast to the desired output type ", dtype_legacy_name(target.dtype()));
  struct Extra {
    const Tensor& t;
    const char* name;
  };
  for (const Extra& extra : {Extra{weight, "weight"}, Extra{pos_weight, "pos_weight"}}) {
    if (!extra.t.defined()) continue;
    Dims sizes = broadcast_shapes(extra.t.sizes(), target.sizes());
    TL_CHECK(equal(sizes, target.sizes()), "output with shape ", Shape{target.sizes()},
             " doesn't match the broadcast shape ", sizes, " (binary_cross_entropy_with_logits: ", extra.name, ")");
    check_not_differentiated(extra.t, "binary_cross_entropy_with_logits", extra.name);
    dtype = promote_types(dtype, extra.t.dtype());
  }
  return point_loss(pos_weight.defined() ? bce_logits_pos : bce_logits, input, target, weight, pos_weight, 0, reduction,
                    dtype);
}

Tensor kl_div(const Tensor& input, const Tensor& target, std::optional<bool> size_average, std::optional<bool> reduce,
              std::string_view reduction_name, bool log_target) {
  bool batchmean = false;
  Reduction reduction;
  if (!size_average && !reduce && reduction_name == "batchmean") {
    batchmean = true;
    reduction = Reduction::sum;
  } else {
    reduction = reduction_of(reduction_name, size_average, reduce);
    if (!size_average && !reduce && reduction == Reduction::mean) {
      warn(
          "reduction: 'mean' divides the total loss by both the batch size and the support size."
          "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
          "'mean' will be changed to behave the same as 'batchmean' in the next major release.");
    }
  }
  TL_CHECK(!is_complex(input.dtype()) && !is_complex(target.dtype()), "kl_div: Complex inputs not supported.");
  TL_CHECK(is_floating(input.dtype()) && is_floating(target.dtype()), "kl_div: Integral inputs not supported.");
  bool divides = batchmean && input.dim() != 0;
  const Rule& rule = log_target ? (divides ? kl_log_batch : kl_log) : (divides ? kl_batch : kl);
  return point_loss(rule, input, target, {}, {}, 0, reduction, promote_types(input.dtype(), target.dtype()),
                    divides ? double(input.sizes()[0]) : 1);
}

const OpRecord records[] = {
    {"mse_loss(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str "
     "reduction='mean', Tensor? weight=None) -> Tensor",
     TL_OP(mse_loss), op::internal, "The squared difference.",
     "randn(3, 4), randn(3, 4) | randn(4, 3).t(), randn(3, 4), reduction='none' | randn(3, 4), "
     "randn(3, 4), reduction='sum' | "
     "randn(0), randn(0) | randn(()), randn(()) | randn(3, 4), randn(3, 4), weight=rand(3, 4)"},
    {"l1_loss(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str "
     "reduction='mean', Tensor? weight=None) -> Tensor",
     TL_OP(l1_loss), op::internal, "The absolute difference.",
     "randn(3, 4), randn(3, 4) | randn(4, 3).t(), randn(3, 4), reduction='none' | randn(3, 4), "
     "randn(3, 4), reduction='sum' | "
     "randn(0), randn(0) | randn(3, 4), randn(3, 4), weight=rand(3, 4)"},
    {"smooth_l1_loss(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str "
     "reduction='mean', float beta=1.0) -> Tensor",
     TL_OP(smooth_l1_loss), op::internal, "(x - y)² / (2 beta) where |x - y| < beta, |x - y| - beta / 2 elsewhere.",
     "randn(3, 4), randn(3, 4) | randn(4, 3).t(), randn(3, 4), reduction='none', beta=0.3 | "
     "randn(3, 4), randn(3, 4), reduction='sum' | "
     "randn(0), randn(0) | randn(3), randn(3), beta=0.0"},
    {"huber_loss(Tensor input, Tensor target, str reduction='mean', float delta=1.0, Tensor? "
     "weight=None) -> Tensor",
     TL_OP(huber_loss), op::internal, "(x - y)² / 2 where |x - y| <= delta, delta (|x - y| - delta / 2) elsewhere.",
     "randn(3, 4), randn(3, 4) | randn(4, 3).t(), randn(3, 4), 'none', 0.3 | randn(3, 4), randn(3, "
     "4), 'sum' | randn(0), randn(0) | "
     "randn(3, 4), randn(3, 4), weight=rand(3, 4)"},
    {"soft_margin_loss(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, "
     "str reduction='mean') -> Tensor",
     TL_OP(soft_margin_loss), op::internal, "log(1 + exp(-y x)) for targets of 1 and -1.",
     "randn(3), tensor([1., -1., 1.]) | randn(3), tensor([1., -1., 1.]), reduction='none' | "
     "randn(0), zeros(0), reduction='sum'"},
    {"binary_cross_entropy(Tensor input, Tensor target, Tensor? weight=None, bool? "
     "size_average=None, bool? reduce=None, "
     "str reduction='mean') -> Tensor",
     TL_OP(binary_cross_entropy), op::internal,
     "-w (y log x + (1 - y) log(1 - x)) of probabilities; the logs are clamped to -100.",
     "rand(3, 4), rand(3, 4) | rand(4, 3).t(), rand(3, 4), rand(4), reduction='none' | rand(3, 4), "
     "rand(3, 4), rand(3, 4), reduction='sum' | "
     "rand(0), rand(0)"},
    {"binary_cross_entropy_with_logits(Tensor input, Tensor target, Tensor? weight=None, bool? "
     "size_average=None, bool? reduce=None, "
     "str reduction='mean', Tensor? pos_weight=None) -> Tensor",
     TL_OP(binary_cross_entropy_with_logits), op::internal,
     "The binary cross entropy of sigmoid(input), without overflow. `pos_weight` is a factor of "
     "the positive part.",
     "randn(3, 4), rand(3, 4) | randn(4, 3).t(), rand(3, 4), reduction='none' | randn(3, 4), "
     "rand(3, 4), rand(4), reduction='sum' | "
     "randn(3, 4), rand(3, 4), pos_weight=rand(4) | randn(0), rand(0)"},
    {"kl_div(Tensor input, Tensor target, bool? size_average=None, bool? reduce=None, str "
     "reduction='mean', bool log_target=False) -> Tensor",
     TL_OP(kl_div), op::internal,
     "y (log y - x) of log probabilities x from probabilities y (log probabilities with "
     "`log_target`). 'batchmean' divides the sum "
     "by the batch size.",
     "randn(3, 4), rand(3, 4), reduction='sum' | randn(4, 3).t(), rand(3, 4), reduction='none' | "
     "randn(3, 4), rand(3, 4), reduction='batchmean' | randn(3, 4), randn(3, 4), "
     "reduction='batchmean', log_target=True | "
     "randn(0, 2), rand(0, 2), reduction='sum' | randn(()), rand(()), reduction='batchmean'"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
