#include "ops/optim_rules.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "autograd/grad_mode.h"
#include "kernels/optim_rules.h"
#include "ops/optim_memory.h"

namespace tl {

using namespace optim;
using kernels::Rule;
using kernels::RuleArgs;

namespace {

constexpr OptimSpec specs[optim_count] = {
    {"RMSprop",
     {"lr", "maximize", "weight_decay", "alpha", "eps", "momentum", "centered"},
     {{"square_avg"}, {"momentum_buffer", false, 5}, {"grad_avg", false, 6}}},
    {"Adagrad", {"lr", "maximize", "weight_decay", "lr_decay", "eps"}, {{"sum"}}},
    {"Adadelta", {"lr", "maximize", "weight_decay", "rho", "eps"}, {{"square_avg"}, {"acc_delta"}}},
    {"Adamax", {"lr", "maximize", "weight_decay", "betas", "betas", "eps"}, {{"exp_avg"}, {"exp_inf"}}},
    {"NAdam",
     {"lr", "maximize", "weight_decay", "betas", "betas", "eps", "momentum_decay", "decoupled_weight_decay"},
     {{"mu_product", true}, {"exp_avg"}, {"exp_avg_sq"}}},
    {"RAdam",
     {"lr", "maximize", "weight_decay", "betas", "betas", "eps", "decoupled_weight_decay"},
     {{"exp_avg"}, {"exp_avg_sq"}}},
    {"ASGD", {"lr", "maximize", "weight_decay", "lambd", "alpha", "t0"}, {{"eta", true}, {"mu", true}, {"ax"}}},
    {"Rprop", {"lr", "maximize", "etas", "etas", "step_sizes", "step_sizes"}, {{"prev"}, {"step_size"}}},
};

// What one parameter's step comes to: the loop and its constants, from the options and the step count.
struct Plan {
  Rule rule;
  std::array<double, 8> c;
};

Plan rmsprop(const double* o) {
  const double lr = o[0], alpha = o[3], eps = o[4], momentum = o[5];
  const bool centered = o[6] != 0;
  const Rule rule = momentum > 0 ? (centered ? Rule::rmsprop_centered_momentum : Rule::rmsprop_momentum)
                                 : (centered ? Rule::rmsprop_centered : Rule::rmsprop);
  return {rule, {alpha, 1 - alpha, eps, lr, momentum}};
}

Plan adagrad(const double* o, double step) {
  const double lr = o[0], lr_decay = o[3], eps = o[4];
  return {Rule::adagrad, {lr / (1 + (step - 1) * lr_decay), eps}};
}

Plan adadelta(const double* o) {
  const double lr = o[0], rho = o[3], eps = o[4];
  return {Rule::adadelta, {rho, 1 - rho, eps, lr}};
}

Plan adamax(const double* o, double step) {
  const double lr = o[0], beta1 = o[3], beta2 = o[4], eps = o[5];
  return {Rule::adamax, {1 - beta1, beta2, eps, lr / (1 - std::pow(beta1, step))}};
}

// mu_product is the product of the momenta so far.
Plan nadam(const double* o, double step, const Tensor& mu_product) {
  const double lr = o[0], beta1 = o[3], beta2 = o[4], eps = o[5], momentum_decay = o[6];
  const double mu = beta1 * (1 - 0.5 * std::pow(0.96, step * momentum_decay));
  const double mu_next = beta1 * (1 - 0.5 * std::pow(0.96, (step + 1) * momentum_decay));
  write_step(mu_product, mu_product.dtype() == DType::Float32 ? float(read_step(mu_product)) * float(mu)
                                                              : read_step(mu_product) * mu);
  const double product = read_step(mu_product);
  return {Rule::nadam,
          {1 - beta1, beta2, 1 - beta2, eps, 1 - std::pow(beta2, step), -lr * (1 - mu) / (1 - product),
           (-lr * mu_next) / (1 - product * mu_next)}};
}

Plan radam(const double* o, double step) {
  const double lr = o[0], beta1 = o[3], beta2 = o[4], eps = o[5];
  const double correction1 = 1 - std::pow(beta1, step), correction2 = 1 - std::pow(beta2, step);
  // The length of the simple moving average that the exponential one stands for.
  const double most = 2 / (1 - beta2) - 1;
  const double length = most - 2 * step * std::pow(beta2, step) / correction2;
  double rect = 1;
  if (length > 5) {
    rect = std::pow((length - 4) * (length - 2) * most / ((most - 4) * (most - 2) * length), 0.5);
  }
  return {length > 5 ? Rule::radam_rectified : Rule::radam,
          {1 - beta1, beta2, 1 - beta2, eps, correction1, lr, rect, std::pow(correction2, 0.5)}};
}

// As a Python number becomes a tensor.
double as_default(double x) { return default_dtype() == DType::Float64 ? x : double(float(x)); }

// Steps with the eta and mu of the last step, and writes those of the next.
Plan asgd(const double* o, double step, const Tensor& eta, const Tensor& mu) {
  const double lr = o[0], lambd = o[3], alpha = o[4], t0 = o[5];
  Plan plan{Rule::asgd, {1 - lambd * read_step(eta), read_step(eta), read_step(mu)}};
  write_step(eta, as_default(lr / std::pow(1 + lambd * lr * step, alpha)));
  write_step(mu, as_default(1 / std::max(1.0, step - t0)));
  return plan;
}

Plan rprop(const double* o) { return {Rule::rprop, {o[2], o[3], o[4], o[5]}}; }

bool decouples(Optim which, const double* o) {
  return which == Optim::nadam ? o[7] != 0 : which == Optim::radam && o[6] != 0;
}

Plan plan_of(Optim which, const double* o, double step, const OptimItem& it) {
  switch (which) {
    case Optim::rmsprop:
      return rmsprop(o);
    case Optim::adagrad:
      return adagrad(o, step);
    case Optim::adadelta:
      return adadelta(o);
    case Optim::adamax:
      return adamax(o, step);
    case Optim::nadam:
      return nadam(o, step, *it.states[0]);
    case Optim::radam:
      return radam(o, step);
    case Optim::asgd:
      return asgd(o, step, *it.states[0], *it.states[1]);
    default:
      return rprop(o);
  }
}

void check_item(const OptimSpec& spec, const OptimItem& it) {
  check_param(*it.param, spec.name);
  check_state(*it.param, *it.grad, spec.name, "the gradient");
  TL_CHECK(it.step->numel() == 1, spec.name, ": step must have one element, got shape ", Shape{it.step->sizes()});
  for (int k = 0; k < max_optim_states && it.states[k] != nullptr; ++k) {
    if (spec.states[k].scalar) {
      TL_CHECK(it.states[k]->numel() == 1, spec.name, ": ", spec.states[k].name, " must have one element, got shape ",
               Shape{it.states[k]->sizes()});
    } else {
      check_state(*it.param, *it.states[k], spec.name, spec.states[k].name);
    }
  }
}

}  // namespace

const OptimSpec& optim_spec(Optim which) { return specs[int(which)]; }

void optim_step(Optim which, std::span<const OptimItem> items, const double* options) {
  const OptimSpec& spec = optim_spec(which);
  for (const OptimItem& it : items) check_item(spec, it);
  NoGradGuard no_grad;
  const bool per_step = which == Optim::nadam || which == Optim::asgd;
  double known_step = -1;
  Plan plan{};
  for (const OptimItem& it : items) {
    const Tensor& param = *it.param;
    const double step = read_step(*it.step) + 1;
    write_step(*it.step, step);
    // Groups mostly step together: powers are computed once for a run of equal counts.
    if (per_step || step != known_step) {
      known_step = step;
      plan = plan_of(which, options, step, it);
    }
    RuleArgs args{};
    std::copy(plan.c.begin(), plan.c.end(), args.c);
    FlatView flat(param);
    args.param = flat.written(param);
    args.grad = flat.read(*it.grad);
    args.maximize = options[1] != 0;
    args.decay = 1;
    if (which != Optim::rprop) {
      const double decay = options[2];
      decouples(which, options) ? args.decay = 1 - options[0]* decay : args.weight_decay = decay;
    }
    int k = 0;
    for (int i = 0; i < max_optim_states; ++i) {
      if (it.states[i] != nullptr && !spec.states[i].scalar) args.state[k++] = flat.written(*it.states[i]);
    }
    const DType dtype = real_dtype(param);
    run_step(
        real_count(param), [&](int64_t begin, int64_t end) { kernels::rule_step(dtype, plan.rule, args, begin, end); },
        it.param, it.grad, it.states[0], it.states[1], it.states[2]);
    flat.finish();
  }
}

}  // namespace tl
