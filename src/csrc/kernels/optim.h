// Optimizer steps over raw memory: parameter, gradient and state lie densely in the same order.
// Complex numbers count as pairs of reals.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/slot.h"

namespace tl::kernels {

struct SgdArgs {
  void* param;
  const void* grad;
  void* momentum_buffer;  // null without momentum
  double lr, momentum, dampening, weight_decay;
  bool first;  // the buffer has no values yet
  bool nesterov, maximize;
};
struct AdamArgs {
  void* param;
  const void* grad;
  void* exp_avg;
  void* exp_avg_sq;
  void* max_exp_avg_sq;  // null without amsgrad
  double step_size;      // lr / (1 - beta1^t)
  double correction;     // sqrt(1 - beta2^t)
  double beta1, beta2, eps;
  double weight_decay;  // added to the gradient
  double decay;         // or multiplied with the parameter
  bool maximize;
};

// Elements [begin, end) of reals of type `dtype` (float16, bfloat16, float32 or float64).
TL_KERNEL_SLOT(sgd_step, void (*)(DType dtype, const SgdArgs& args, int64_t begin, int64_t end));
TL_KERNEL_SLOT(adam_step, void (*)(DType dtype, const AdamArgs& args, int64_t begin, int64_t end));
// x *= factor.
TL_KERNEL_SLOT(scale_reals, void (*)(DType dtype, void* x, double factor, int64_t begin, int64_t end));

enum class PowerSum : uint8_t { count, absolute, square, power, largest, smallest };
// Sum of |x|^p, or the largest or smallest |x| (NaN wins).
TL_KERNEL_SLOT(power_sum, double (*)(DType dtype, PowerSum kind, const void* x, double p, int64_t begin, int64_t end));

}  // namespace tl::kernels
