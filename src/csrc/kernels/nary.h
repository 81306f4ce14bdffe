// Loops of the ops with several operands, and of the gradients of activations. Parameters are operands
// too: numbers that are the same for every element.
#pragma once

#include "kernels/elementwise.h"

namespace tl::kernels {

enum class NaryOp : uint8_t {
  // of two operands
  tanh_backward,
  sigmoid_backward,
  gelu_backward,
  gelu_tanh_backward,
  silu_backward,
  mish_backward,
  logsigmoid_backward,
  hardsigmoid_backward,
  hardswish_backward,
  leaky_relu,
  hardshrink,
  softshrink,
  // of three
  add_scaled,
  where,
  clamp,
  lerp,
  threshold,
  threshold_backward,
  leaky_relu_backward,
  shrink_backward,
  softplus,
  // of four and five
  addcmul,
  addcdiv,
  inside_backward,
  softplus_backward,
  elu,
  elu_backward,
  nan_to_num,
};

// Null where the op has no such loop; complex ones are with the ops.
TL_KERNEL_SLOT(nary_loop, Loop (*)(NaryOp op, Compute compute));

}  // namespace tl::kernels
