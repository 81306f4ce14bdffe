#include "ops/optim.h"

#include <algorithm>
#include <cmath>

#include "autograd/grad_mode.h"
#include "kernels/optim.h"
#include "ops/optim_memory.h"

namespace tl {

using namespace optim;

void sgd_step(std::span<const SgdItem> items, const SgdOptions& o) {
  for (const SgdItem& it : items) {
    check_param(*it.param, "SGD");
    check_state(*it.param, *it.grad, "SGD", "the gradient");
    if (it.momentum_buffer != nullptr) check_state(*it.param, *it.momentum_buffer, "SGD", "momentum_buffer");
  }
  NoGradGuard no_grad;
  for (const SgdItem& it : items) {
    const Tensor& param = *it.param;
    FlatView flat(param);
    kernels::SgdArgs args{flat.written(param),
                          flat.read(*it.grad),
                          flat.written(it.momentum_buffer),
                          o.lr,
                          o.momentum,
                          o.dampening,
                          o.weight_decay,
                          it.first,
                          o.nesterov,
                          o.maximize};
    DType dtype = real_dtype(param);
    run_step(
        real_count(param), [&](int64_t begin, int64_t end) { kernels::sgd_step(dtype, args, begin, end); }, it.param,
        it.grad, it.momentum_buffer);
    flat.finish();
  }
}

void adam_step(std::span<const AdamItem> items, const AdamOptions& o) {
  for (const AdamItem& it : items) {
    const Tensor& param = *it.param;
    check_param(param, "Adam");
    check_state(param, *it.grad, "Adam", "the gradient");
    check_state(param, *it.exp_avg, "Adam", "exp_avg");
    check_state(param, *it.exp_avg_sq, "Adam", "exp_avg_sq");
    if (o.amsgrad) check_state(param, *it.max_exp_avg_sq, "Adam", "max_exp_avg_sq");
    TL_CHECK(it.step->numel() == 1, "Adam: step must have one element, got shape ", Shape{it.step->sizes()});
  }
  NoGradGuard no_grad;
  // Groups mostly step together: the powers are computed once for a run of equal counts.
  double known_step = -1, correction1 = 1, correction2 = 1;
  for (const AdamItem& it : items) {
    const Tensor& param = *it.param;
    double step = read_step(*it.step) + 1;
    write_step(*it.step, step);
    if (step != known_step) {
      known_step = step;
      correction1 = 1 - std::pow(o.beta1, step);
      correction2 = std::pow(1 - std::pow(o.beta2, step), 0.5);  // as Python's ** 0.5
    }
    FlatView flat(param);
    kernels::AdamArgs args;
    args.param = flat.written(param);
    args.grad = flat.read(*it.grad);
    args.exp_avg = flat.written(*it.exp_avg);
    args.exp_avg_sq = flat.written(*it.exp_avg_sq);
    args.max_exp_avg_sq = flat.written(o.amsgrad ? it.max_exp_avg_sq : nullptr);
    args.step_size = o.lr / correction1;
    args.correction = correction2;
    args.beta1 = o.beta1;
    args.beta2 = o.beta2;
    args.eps = o.eps;
    args.weight_decay = o.decoupled_weight_decay ? 0 : o.weight_decay;
    args.decay = o.decoupled_weight_decay ? 1 - o.lr * o.weight_decay : 1;
    args.maximize = o.maximize;
    DType dtype = real_dtype(param);
    run_step(
        real_count(param), [&](int64_t begin, int64_t end) { kernels::adam_step(dtype, args, begin, end); }, it.param,
        it.grad, it.exp_avg, it.exp_avg_sq, it.max_exp_avg_sq);
    flat.finish();
  }
}

namespace {

struct Norm {
  kernels::PowerSum kind;
  double p;
  explicit Norm(double exponent) : p(exponent) {
    using kernels::PowerSum;
    kind = std::isinf(p) ? (p > 0 ? PowerSum::largest : PowerSum::smallest)
           : p == 0      ? PowerSum::count
           : p == 1      ? PowerSum::absolute
           : p == 2      ? PowerSum::square
                         : PowerSum::power;
  }
  double start() const { return kind == kernels::PowerSum::smallest ? INFINITY : 0; }
  double combine(double a, double b) const {
    if (kind == kernels::PowerSum::largest) return a != a || a > b ? a : b;
    if (kind == kernels::PowerSum::smallest) return a != a || a < b ? a : b;
    return a + b;
  }
  double finish(double s) const {
    if (kind == kernels::PowerSum::square) return std::sqrt(s);
    return kind == kernels::PowerSum::power ? std::pow(s, 1 / p) : s;
  }
  double of(double x) const { return kernels::power_sum(DType::Float64, kind, &x, p, 0, 1); }
};

double norm_of(const Tensor& t, const Norm& norm) {
  Tensor dense = is_non_overlapping_and_dense(t) ? t : contiguous(t);
  int64_t n = dense.numel();
  DType dtype = dense.dtype();
  if (is_complex(dtype)) {  // over absolute values, not over real pairs
    dense = abs(dense);
    dtype = dense.dtype();
  }
  if (n <= optim_grain) return norm.finish(kernels::power_sum(dtype, norm.kind, dense.bytes(), norm.p, 0, n));
  std::vector<double> partial(size_t((n + optim_grain - 1) / optim_grain), norm.start());
  {
    BlockingRegion blocking;
    parallel_for(n, optim_grain, [&](int64_t begin, int64_t end) {
      partial[size_t(begin / optim_grain)] = kernels::power_sum(dtype, norm.kind, dense.bytes(), norm.p, begin, end);
    });
  }
  double total = norm.start();
  for (double s : partial) total = norm.combine(total, s);
  return norm.finish(total);
}

}  // namespace

Tensor total_norm(std::span<const Tensor> tensors, double p) {
  if (tensors.empty()) return scalar_tensor(0.0, default_dtype());
  for (const Tensor& t : tensors) {
    TL_CHECK(is_differentiable(t.dtype()), "total norm: a tensor must be floating point or complex, got ",
             dtype_name(t.dtype()));
  }
  NoGradGuard no_grad;
  Norm norm(p);
  DType dtype = real_dtype(tensors[0]);
  double total = norm.start();
  for (const Tensor& t : tensors) {
    dtype = promote_types(dtype, real_dtype(t));
    total = norm.combine(total, norm.of(norm_of(t, norm)));
  }
  return scalar_tensor(norm.finish(total), dtype);
}

void clip_by_norm_(std::span<const Tensor> tensors, double max_norm, const Tensor& total_norm) {
  double factor = max_norm / (item(total_norm).to_double() + 1e-6);
  if (factor > 1) factor = 1;  // NaN stays NaN
  NoGradGuard no_grad;
  for (const Tensor& t : tensors) {
    FlatView flat(t);
    void* x = flat.written(t);
    DType dtype = real_dtype(t);
    run_step(
        real_count(t), [&](int64_t begin, int64_t end) { kernels::scale_reals(dtype, x, factor, begin, end); }, &t);
    flat.finish();
  }
}

}  // namespace tl
