// The steps of the optimizers that are neither SGD nor Adam, over raw memory: parameter, gradient and
// state lie densely in the same order. Complex numbers count as pairs of reals.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/slot.h"

namespace tl::kernels {

// A loop each. What `c` and `state` hold is said beside the loop.
enum class Rule : uint8_t {
  rmsprop,
  rmsprop_momentum,
  rmsprop_centered,
  rmsprop_centered_momentum,
  adagrad,
  adadelta,
  adamax,
  nadam,
  radam,
  radam_rectified,
  asgd,
  rprop,
};
inline constexpr int rule_states = 3;
struct RuleArgs {
  void* param;
  const void* grad;
  void* state[rule_states];  // null where the rule has fewer
  bool maximize;
  double weight_decay;  // added to the gradient, as a multiple of the parameter
  double decay;         // multiplied with the parameter first, or 1
  double c[8];
};

// Elements [begin, end) of reals of type `dtype` (float16, bfloat16, float32 or float64).
TL_KERNEL_SLOT(rule_step, void (*)(DType dtype, Rule rule, const RuleArgs& args, int64_t begin, int64_t end));

}  // namespace tl::kernels
