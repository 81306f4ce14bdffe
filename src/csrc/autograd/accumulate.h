// The node at a leaf: adds what arrives into `.grad`.
#pragma once

#include "autograd/state.h"

namespace tl {

class AccumulateGrad final : public Node {
 public:
  explicit AccumulateGrad(const Tensor& variable);
  ~AccumulateGrad() override;
  void apply(Tensor* grads, Tensor* out) override;
  bool runs_without_gradients() const override { return true; }  // for the hooks after it
  const Tensor& variable() const { return variable_; }

 private:
  Tensor variable_;
};

}  // namespace tl
