// Loops of the ops with two operands.
#pragma once

#include "kernels/elementwise.h"

namespace tl::kernels {

enum class BinaryOp : uint8_t {
  add,
  sub,
  mul,
  div,
  div_trunc,
  div_floor,
  remainder,
  fmod,
  pow,
  atan2,
  maximum,
  minimum,
  fmax,
  fmin,
  hypot,
  logaddexp,
  logaddexp2,
  xlogy,
  copysign,
  nextafter,
  ldexp,
  heaviside,
  eq,
  ne,
  lt,
  le,
  gt,
  ge,
  logical_and,
  logical_or,
  logical_xor,
  bitwise_and,
  bitwise_or,
  bitwise_xor,
  shift_left,
  shift_right,
  gcd,
  lcm,
};

// Null where the op has no such loop; complex ones are with the ops.
TL_KERNEL_SLOT(binary_loop, Loop (*)(BinaryOp op, Compute compute));

}  // namespace tl::kernels
