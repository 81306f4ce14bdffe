// Thread-local switches: is a graph being recorded, is this inference mode.
#pragma once

#include "core/tls.h"

namespace tl {

struct GradState {
  bool grad_enabled;
  bool inference;
  bool anomaly;
  bool anomaly_check_nan;
};
extern TL_THREAD_LOCAL GradState grad_state;

inline bool grad_enabled() { return grad_state.grad_enabled; }

class GradModeGuard {
 public:
  explicit GradModeGuard(bool enabled) : saved_(grad_state.grad_enabled) { grad_state.grad_enabled = enabled; }
  ~GradModeGuard() { grad_state.grad_enabled = saved_; }
  GradModeGuard(const GradModeGuard&) = delete;

 private:
  bool saved_;
};
struct NoGradGuard : GradModeGuard {
  NoGradGuard() : GradModeGuard(false) {}
};

}  // namespace tl
