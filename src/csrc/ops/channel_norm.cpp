// batch_norm, instance_norm and group_norm: statistics of channels, over the batch or within a sample.
#include "kernels/channel_norm.h"

#include <algorithm>
#include <cmath>

#include "autograd/record.h"
#include "core/parallel.h"
#include "ops/index_plan.h"
#include "ops/loss.h"
#include "ops/registry.h"

namespace tl {

namespace {

Tensor optional_operand(const Tensor& t, DType dtype) { return t.defined() ? dense_values(t, t.sizes(), dtype) : t; }
void* bytes_of(const Tensor& t) { return t.defined() ? t.bytes() : nullptr; }

// The input seen as [batch, channels, spatial].
struct Layout {
  DType compute;
  int64_t batch, channels, spatial;
  int64_t groups;  // 0: statistics over the batch
  double eps;
  bool fixed;

  int64_t rows() const { return groups == 0 ? channels : batch * groups; }
  int64_t per_row() const { return groups == 0 ? batch * spatial : channels / groups * spatial; }
  // Some 16k elements a piece; whole cache lines where neighbouring channels share them.
  int64_t grain() const {
    int64_t n = std::max<int64_t>(1, (1 << 14) / std::max<int64_t>(per_row(), 1));
    return groups == 0 && spatial < 16 ? (n + 15) / 16 * 16 : n;
  }
  kernels::ChannelNorm args(const Tensor& x, const Tensor& w, const Tensor& b, const Tensor& mean,
                            const Tensor& rstd) const {
    return {x.bytes(), bytes_of(w), bytes_of(b), mean.bytes(), rstd.bytes(), nullptr,
            batch,     channels,    spatial,     groups,       eps,          fixed};
  }
};

Layout layout_of(const Tensor& input, int64_t groups, double eps, bool fixed) {
  IntView sizes = input.sizes();
  Layout layout{loss_compute_dtype(input.dtype()), sizes[0], sizes[1], 1, groups, eps, fixed};
  for (size_t d = 2; d < sizes.size(); ++d) layout.spatial *= sizes[d];
  return layout;
}

// The gradients by differentiable ops, for gradients of gradients.
void composed_backward(Backward& b, const Layout& at, const Tensor& input, const Tensor& weight, const Tensor& mean_,
                       const Tensor& rstd_, DType bias_dtype) {
  bool by_group = at.groups != 0;
  Dims shape = by_group ? Dims{at.batch, at.groups, at.channels / at.groups, at.spatial}
                        : Dims{at.batch, at.channels, at.spatial};
  Dims over = by_group ? Dims{2, 3} : Dims{0, 2};
  Dims affine = by_group ? Dims{at.groups, at.channels / at.groups, 1} : Dims{at.channels, 1};
  Tensor x = to_dtype(reshape(input, shape), at.compute), g = to_dtype(reshape(b.grad(), shape), at.compute);
  Tensor rstd;
  if (at.fixed) {
    x = sub(x, reshape(mean_, affine));
    rstd = reshape(rstd_, affine);
  } else {
    x = sub(x, mean(x, over, true));
    rstd = rsqrt(add(mean(mul(x, x), over, true), at.eps));
  }
  Tensor h = mul(x, rstd);
  if (b.needs(0)) {
    Tensor d = weight.defined() ? mul(g, reshape(to_dtype(weight, at.compute), affine)) : g;
    if (!at.fixed) d = sub(sub(d, mean(d, over, true)), mul(h, mean(mul(d, h), over, true)));
    b[0] = to_dtype(reshape(mul(rstd, d), input.sizes()), input.dtype());
  }
  Dims summed = by_group ? Dims{0, 3} : Dims{0, 2};
  if (b.needs(1)) b[1] = to_dtype(reshape(sum(mul(g, h), summed, false), Dims{at.channels}), weight.dtype());
  if (b.needs(2)) b[2] = to_dtype(reshape(sum(g, summed, false), Dims{at.channels}), bias_dtype);
}

// Saved: input, weight, mean, rstd.
void channel_backward(Backward& b, const Layout& at, DType bias_dtype) {
  Tensor input = b.saved(0), weight = b.saved(1), mean = b.saved(2), rstd = b.saved(3);
  const Tensor& grad = b.grad();
  if (needs_grad(grad, input, weight) && input.numel() > 0) {
    composed_backward(b, at, input, weight, mean, rstd, bias_dtype);
    return;
  }
  Tensor x = dense_values(input, input.sizes(), at.compute), g = dense_values(grad, grad.sizes(), at.compute);
  Tensor w = optional_operand(weight, at.compute);
  kernels::ChannelNorm args = at.args(x, w, {}, mean, rstd);
  bool by_group = at.groups != 0;
  Dims affine = by_group ? Dims{at.batch, at.channels} : Dims{at.channels};
  auto fresh = [&](bool wanted, IntView sizes) {
    if (!wanted) return Tensor();
    return x.numel() == 0 ? zeros(sizes, at.compute) : empty(sizes, at.compute);
  };
  Tensor dx = fresh(b.needs(0), input.sizes()), dw = fresh(b.needs(1), affine), db = fresh(b.needs(2), affine);
  if (x.numel() > 0) {
    parallel_for(at.rows(), at.grain(), [&](int64_t begin, int64_t end) {
      by_group
          ? kernels::group_norm_grad(at.compute, args, g.bytes(), bytes_of(dx), bytes_of(dw), bytes_of(db), begin, end)
          : kernels::channel_norm_grad(at.compute, args, g.bytes(), bytes_of(dx), bytes_of(dw), bytes_of(db), begin,
                                       end);
    });
  }
  auto gathered = [&](const Tensor& t, DType dtype) { return to_dtype(by_group ? sum(t, Dims{0}, false) : t, dtype); };
  if (dx.defined()) b[0] = to_dtype(dx, input.dtype());
  if (dw.defined()) b[1] = gathered(dw, weight.dtype());
  if (db.defined()) b[2] = gathered(db, bias_dtype);
}

struct Normalized {
  Tensor out, mean, rstd, variance;
};

// `mean` and `rstd` are given where the layout says fixed; `wants_variance` for running statistics.
Normalized normalized(const Tensor& input, const Layout& at, const Tensor& weight, const Tensor& bias,
                      const Tensor& mean, const Tensor& rstd, bool wants_variance, const char* label) {
  Normalized r{empty(input.sizes(), at.compute), mean, rstd, {}};
  Tensor x = dense_values(input, input.sizes(), at.compute);
  Tensor w = optional_operand(weight, at.compute), shift = optional_operand(bias, at.compute);
  if (!at.fixed) {
    Dims sizes = at.groups == 0 ? Dims{at.channels} : Dims{at.batch, at.groups};
    r.mean = empty(sizes, at.compute);
    r.rstd = empty(sizes, at.compute);
    if (wants_variance) r.variance = empty(sizes, at.compute);
  }
  kernels::ChannelNorm args = at.args(x, w, shift, r.mean, r.rstd);
  args.variance = bytes_of(r.variance);
  if (x.numel() > 0) {
    bool plain = at.fixed && at.spatial > 1;
    int64_t rows = plain ? at.batch * at.channels : at.rows();
    int64_t grain = plain ? std::max<int64_t>(1, (1 << 15) / at.spatial) : at.grain();
    parallel_for(rows, grain, [&](int64_t begin, int64_t end) {
      at.groups == 0 ? kernels::channel_norm(at.compute, args, r.out.bytes(), begin, end)
                     : kernels::group_norm(at.compute, args, r.out.bytes(), begin, end);
    });
  } else if (!at.fixed) {
    copy_values(r.mean, scalar_tensor(0.0, at.compute));
    copy_values(r.rstd, scalar_tensor(0.0, at.compute));
    if (wants_variance) copy_values(r.variance, scalar_tensor(0.0, at.compute));
  }
  if (input.dtype() != at.compute) {
    NoGradGuard no_grad;
    r.out = to_dtype(r.out, input.dtype());
  }
  if (needs_grad(input, weight, bias)) {
    DType bias_dtype = bias.defined() ? bias.dtype() : input.dtype();
    record(r.out, label, inputs(input, weight, bias), saves(input, weight, r.mean, r.rstd),
           [at, bias_dtype](Backward& b) { channel_backward(b, at, bias_dtype); });
  }
  return r;
}

void check_input(const Tensor& input, const char* op, const Tensor& weight, const Tensor& bias,
                 const Tensor& running_mean, const Tensor& running_var) {
  TL_CHECK(input.dim() >= 2, op, ": expected an input of at least 2 dims (batch, channels, …), got shape ",
           Shape{input.sizes()});
  TL_CHECK_NOTIMPL(is_floating(input.dtype()), '"', op, "\" not implemented for '", dtype_legacy_name(input.dtype()),
                   "'");
  struct Named {
    const Tensor* t;
    const char* name;
  };
  for (const Named& n : {Named{&running_mean, "running_mean"}, Named{&running_var, "running_var"}}) {
    if (n.t->defined()) check_not_differentiated(*n.t, "native_batch_norm", n.name);
  }
  for (const Named& n : {Named{&running_mean, "running_mean"}, Named{&running_var, "running_var"},
                         Named{&weight, "weight"}, Named{&bias, "bias"}}) {
    if (!n.t->defined()) continue;
    TL_CHECK(n.t->numel() == input.sizes()[1], n.name, " should contain ", input.sizes()[1], " elements not ",
             n.t->numel());
    TL_CHECK(n.t->dtype() == input.dtype() || (is_reduced_floating(input.dtype()) && n.t->dtype() == DType::Float32),
             "mixed dtype (CPU): expect parameter to have scalar type of Float (", op, ": input is ",
             dtype_name(input.dtype()), ", ", n.name, " is ", dtype_name(n.t->dtype()), ")");
  }
}

// running = (1 - momentum) running + momentum value.
void move_towards(const Tensor& running, const Tensor& value, double factor, double momentum) {
  if (!running.defined()) return;
  NoGradGuard no_grad;
  if (running.dtype() == value.dtype() && running.is_contiguous() && running.dim() == 1) {
    auto move = [&](auto* to, const auto* from) {
      using T = std::remove_cvref_t<decltype(*to)>;
      for (int64_t c = 0; c < running.numel(); ++c) {
        to[c] = T(momentum * factor * double(from[c]) + (1 - momentum) * double(to[c]));
      }
    };
    value.dtype() == DType::Float64 ? move(running.data<double>(), value.data<double>())
                                    : move(running.data<float>(), value.data<float>());
  } else {
    Tensor old = to_dtype(running, value.dtype());
    copy_values(running, add(mul(old, Scalar(1 - momentum)), mul(value, Scalar(momentum * factor))));
  }
  running.bump_version();
}

std::tuple<Tensor, Tensor, Tensor> native_batch_norm(const Tensor& input, const Tensor& weight, const Tensor& bias,
                                                     const Tensor& running_mean, const Tensor& running_var,
                                                     bool training, double momentum, double eps) {
  check_input(input, "batch_norm", weight, bias, running_mean, running_var);
  TL_CHECK(training || (running_mean.defined() && running_var.defined()),
           "running_mean and running_var must be defined in evaluation mode");
  Layout at = layout_of(input, 0, eps, !training);
  const char* label = "NativeBatchNormBackward0:input,weight,result1,result2";
  if (!training) {
    // Copies: the running statistics may move before backward.
    Tensor mean = empty(Dims{at.channels}, at.compute), rstd = empty(Dims{at.channels}, at.compute);
    copy_values(mean, running_mean);
    copy_values(rstd, running_var);
    auto invert = [&](auto* p) {
      using T = std::remove_cvref_t<decltype(*p)>;
      for (int64_t c = 0; c < at.channels; ++c) p[c] = T(1 / std::sqrt(double(p[c]) + eps));
    };
    at.compute == DType::Float64 ? invert(rstd.data<double>()) : invert(rstd.data<float>());
    Tensor out = normalized(input, at, weight, bias, mean, rstd, false, label).out;
    return {out, empty(Dims{0}, at.compute), empty(Dims{0}, at.compute)};
  }
  Normalized r = normalized(input, at, weight, bias, {}, {}, running_var.defined(), label);
  if (running_mean.defined() || running_var.defined()) {
    double n = double(at.batch * at.spatial);
    move_towards(running_mean, r.mean, 1, momentum);
    move_towards(running_var, r.variance, n / (n - 1), momentum);
  }
  return {r.out, r.mean, r.rstd};
}

Tensor batch_norm(const Tensor& input, const Tensor& weight, const Tensor& bias, const Tensor& running_mean,
                  const Tensor& running_var, bool training, double momentum, double eps, bool) {
  return std::get<0>(native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps));
}

Tensor tiled(const Tensor& t, int64_t times) {
  return t.defined() ? reshape(expand(t, Dims{times, t.numel()}), Dims{times * t.numel()}) : t;
}

// batch_norm of one sample that has all channels of all samples.
Tensor instance_norm(const Tensor& input, const Tensor& weight, const Tensor& bias, const Tensor& running_mean,
                     const Tensor& running_var, bool use_input_stats, double momentum, double eps, bool) {
  check_input(input, "instance_norm", weight, bias, running_mean, running_var);
  TL_CHECK(use_input_stats || (running_mean.defined() && running_var.defined()),
           "Expected running_mean and running_var to be defined when use_input_stats is false");
  int64_t batch = input.sizes()[0], channels = input.sizes()[1];
  Dims sizes(input.sizes());
  sizes[0] = 1;
  sizes[1] = batch * channels;
  Tensor x = reshape(input, sizes), w = tiled(weight, batch), b = tiled(bias, batch), out;
  if (use_input_stats) {
    Layout at = layout_of(x, 0, eps, false);
    Normalized r =
        normalized(x, at, w, b, {}, {}, running_var.defined(), "NativeBatchNormBackward0:input,weight,result1,result2");
    double n = double(at.spatial);
    auto over_batch = [&](const Tensor& t) { return mean(reshape(t, Dims{batch, channels}), Dims{0}, false); };
    if (running_mean.defined()) move_towards(running_mean, over_batch(r.mean), 1, momentum);
    if (running_var.defined()) move_towards(running_var, over_batch(r.variance), n / (n - 1), momentum);
    out = r.out;
  } else {
    out = batch_norm(x, w, b, tiled(running_mean, batch), tiled(running_var, batch), false, momentum, eps, true);
  }
  return view(out, input.sizes());
}

Normalized grouped(const Tensor& input, int64_t groups, const Tensor& weight, const Tensor& bias, double eps) {
  TL_CHECK(groups > 0, "Expected num groups to be greater than 0, got ", groups);
  TL_CHECK(input.dim() >= 2, "Expected at least 2 dimensions for input tensor but received ", input.dim());
  int64_t channels = input.sizes()[1];
  TL_CHECK(channels % groups == 0,
           "Expected number of channels in input to be divisible by num_groups, but got input of shape ",
           Shape{input.sizes()}, " and num_groups=", groups);
  for (const Tensor* t : {&weight, &bias}) {
    TL_CHECK(!t->defined() || (t->dim() == 1 && t->numel() == channels), "Expected ", t == &weight ? "weight" : "bias",
             " to be a vector of size equal to the number of channels in input, but got ",
             t == &weight ? "weight" : "bias", " of shape ", Shape{t->defined() ? t->sizes() : IntView()},
             " and input of shape ", Shape{input.sizes()});
  }
  check_input(input, "group_norm", weight, bias, {}, {});
  return normalized(input, layout_of(input, groups, eps, false), weight, bias, {}, {}, false,
                    "NativeGroupNormBackward0:input,weight,result1,result2");
}

Tensor group_norm(const Tensor& input, int64_t num_groups, const Tensor& weight, const Tensor& bias, double eps, bool) {
  return grouped(input, num_groups, weight, bias, eps).out;
}

std::tuple<Tensor, Tensor, Tensor> native_group_norm(const Tensor& input, const Tensor& weight, const Tensor& bias,
                                                     int64_t n, int64_t c, int64_t hxw, int64_t group, double eps) {
  int64_t positions = 1;
  for (int64_t d = 2; d < input.dim(); ++d) positions *= input.sizes()[size_t(d)];
  TL_CHECK(input.dim() >= 2 && input.sizes()[0] == n && input.sizes()[1] == c && positions == hxw,
           "native_group_norm: N, C and HxW of ", n, ", ", c, ", ", hxw, " do not fit an input of shape ",
           Shape{input.sizes()});
  Normalized r = grouped(input, group, weight, bias, eps);
  return {r.out, r.mean, r.rstd};
}

const OpRecord records[] = {
    {"batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool training, "
     "float momentum, float eps, bool cudnn_enabled) -> Tensor",
     TL_OP(batch_norm), op::function,
     "(x - mean) / sqrt(var + eps) * weight + bias by channel, the second dim. In training the mean and biased "
     "variance "
     "are of the batch, and running = (1 - momentum) running + momentum (mean, unbiased variance); else the running "
     "ones are used. Ioffe and Szegedy, 2015.",
     "randn(4, 3), None, None, None, None, True, 0.1, 1e-5, True | randn(3, 2, 5), randn(2), randn(2), None, None, "
     "True, 0.1, "
     "1e-3, True | randn(3, 2, 2, 3), randn(2), randn(2), randn(2), rand(2), False, 0.1, 1e-5, True | "
     "randn(3, 4).t(), randn(3), None, randn(3), rand(3), False, 0.1, 1e-5, True"},
    {"native_batch_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool "
     "training, float momentum, float eps) -> (Tensor, Tensor, Tensor)",
     TL_OP(native_batch_norm), op::function,
     "batch_norm, with the mean and 1 / sqrt(var + eps) of the batch (empty where not training).",
     "randn(4, 3), randn(3), randn(3), None, None, True, 0.1, 1e-5"},
    {"instance_norm(Tensor input, Tensor? weight, Tensor? bias, Tensor? running_mean, Tensor? running_var, bool "
     "use_input_stats, float momentum, float eps, bool cudnn_enabled) -> Tensor",
     TL_OP(instance_norm), op::function,
     "batch_norm with the statistics of each sample's channel. Ulyanov et al., 2016.",
     "randn(2, 3, 4), None, None, None, None, True, 0.1, 1e-5, True | randn(2, 3, 4, 2), randn(3), randn(3), None, "
     "None, True, 0.1, 1e-5, True | randn(2, 3, 4), randn(3), None, randn(3), rand(3), False, 0.1, 1e-5, True"},
    {"group_norm(Tensor input, int num_groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-05, bool "
     "cudnn_enabled=True) -> Tensor",
     TL_OP(group_norm), op::function,
     "(x - mean) / sqrt(var + eps) * weight + bias with the statistics of each sample's group of neighbouring "
     "channels. Wu and He, 2018.",
     "randn(2, 4), 2 | randn(2, 4, 3), 2, randn(4), randn(4) | randn(2, 6, 2, 3), 3, randn(6) | "
     "randn(4, 3).t(), 1, None, randn(4) | randn(0, 4, 3), 2"},
    {"native_group_norm(Tensor input, Tensor? weight, Tensor? bias, int N, int C, int HxW, int group, float eps) -> "
     "(Tensor, Tensor, Tensor)",
     TL_OP(native_group_norm), op::function, "group_norm, with the mean and 1 / sqrt(var + eps) of each group.",
     "randn(2, 4, 3), randn(4), randn(4), 2, 4, 3, 2, 1e-5"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
