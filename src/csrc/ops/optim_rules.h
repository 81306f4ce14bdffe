// The steps of RMSprop, Adagrad, Adadelta, Adamax, NAdam, RAdam, ASGD and Rprop, each one pass over
// memory for all parameters of a group.
#pragma once

#include <span>

#include "core/tensor.h"

namespace tl {

enum class Optim : uint8_t { rmsprop, adagrad, adadelta, adamax, nadam, radam, asgd, rprop };
inline constexpr int optim_count = 8;
inline constexpr int max_optim_options = 8;
inline constexpr int max_optim_states = 4;

// What an optimizer reads: options, by the names of its groups' entries and in the order that the step
// takes them in; state, after `step`, by the names of its entries.
struct OptimState {
  const char* name = nullptr;
  bool scalar = false;   // one number, not one for every element
  int unless_zero = -1;  // there only where this option is not zero
};
struct OptimSpec {
  const char* name;
  const char* options[max_optim_options];
  OptimState states[max_optim_states];
};
const OptimSpec& optim_spec(Optim which);

struct OptimItem {
  const Tensor *param, *grad, *step;
  const Tensor* states[max_optim_states];  // null where the spec has fewer
};
// Counts `step` up before it is used.
void optim_step(Optim which, std::span<const OptimItem> items, const double* options);

}  // namespace tl
