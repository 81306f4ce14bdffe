// Loops of the losses over contiguous float32 or float64; half types come converted.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/slot.h"

namespace tl::kernels {

// A loss of each element alone.
enum class PointLoss : uint8_t {
  squared,
  absolute,
  smooth_l1,
  huber,
  bce,
  bce_logits,
  bce_logits_pos,
  kl,
  kl_log,
  soft_margin
};

struct PointLossArgs {
  const void* input;
  const void* target;
  const void* weight;      // null: all ones
  const void* pos_weight;  // of bce_logits_pos
  double param;            // smooth_l1's beta, huber's delta
};
// Elements [begin, end): out[i] = loss(input[i], target[i]) * weight[i].
TL_KERNEL_SLOT(point_loss, void (*)(DType, PointLoss, const PointLossArgs&, void* out, int64_t begin, int64_t end));
// The sum of them.
TL_KERNEL_SLOT(point_loss_sum, double (*)(DType, PointLoss, const PointLossArgs&, int64_t begin, int64_t end));
// out[i] = grad[i * grad_step] * factor * weight[i] * dloss/dinput.
TL_KERNEL_SLOT(point_loss_grad, void (*)(DType, PointLoss, const PointLossArgs&, const void* grad, int64_t grad_step,
                                         double factor, void* out, int64_t begin, int64_t end));
// Whether every element is in [0, 1].
TL_KERNEL_SLOT(in_unit_interval, bool (*)(DType, const void* x, int64_t n));

// Logits [rows / inner, classes, inner] and a class index for each row.
struct CrossEntropyArgs {
  const void* input;
  const int64_t* target;
  const void* weight;  // of each class; null: all ones
  int64_t classes, inner, ignore_index;
  double smoothing;
  double weight_sum;  // of all classes
};
struct LossSums {
  double loss, weight;
};
// Rows [begin, end): the softmax goes to `probabilities` and the losses to `losses` (either may be
// null); the sum of the losses and of the targets' weights is returned.
TL_KERNEL_SLOT(cross_entropy, LossSums (*)(DType, const CrossEntropyArgs&, void* probabilities, void* losses,
                                           int64_t begin, int64_t end));
// out = the gradient of the logits, from the probabilities and a gradient for each row.
TL_KERNEL_SLOT(cross_entropy_grad, void (*)(DType, const CrossEntropyArgs&, const void* probabilities, const void* grad,
                                            int64_t grad_step, double factor, void* out, int64_t begin, int64_t end));

}  // namespace tl::kernels
