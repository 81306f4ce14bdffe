// Optimizer steps and gradient clipping, each over all parameters of a group at once.
#pragma once

#include <span>

#include "core/tensor.h"

namespace tl {

// One parameter with its gradient and state; null where an option does without. The caller keeps
// them alive, or holds the GIL, which is let go for large parameters only and with references
// taken.
struct SgdItem {
  const Tensor* param;
  const Tensor* grad;
  const Tensor* momentum_buffer;
  bool first;  // momentum_buffer is fresh memory
};
struct SgdOptions {
  double lr, momentum, dampening, weight_decay;
  bool nesterov, maximize;
};
void sgd_step(std::span<const SgdItem> items, const SgdOptions& options);

struct AdamItem {
  const Tensor *param, *grad, *exp_avg, *exp_avg_sq, *max_exp_avg_sq, *step;
};
struct AdamOptions {
  double lr, beta1, beta2, eps, weight_decay;
  bool amsgrad, maximize, decoupled_weight_decay;
};
// Counts `step` up before it is used.
void adam_step(std::span<const AdamItem> items, const AdamOptions& options);

// The p-norm of the p-norms of all tensors, a 0-d tensor.
Tensor total_norm(std::span<const Tensor> tensors, double p);
// Scales by max_norm / (total_norm + 1e-6) where that is below 1.
void clip_by_norm_(std::span<const Tensor> tensors, double max_norm, const Tensor& total_norm);

}  // namespace tl
