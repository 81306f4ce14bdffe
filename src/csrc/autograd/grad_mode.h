// Thread-local switches: is a graph being recorded, is this inference mode.
#pragma once

#include "core/tensor.h"

namespace tl {

struct GradState {
  bool grad_enabled;
  bool inference;
  bool anomaly;
  bool anomaly_check_nan;
};
extern TL_THREAD_LOCAL GradState grad_state;

// Tensors made in inference mode are marked, so the core has to know.
inline void set_inference(bool on) {
  grad_state.inference = on;
  fresh_tensor_flags = on ? TensorImpl::inference : 0;
}

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
