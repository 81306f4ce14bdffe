// The node at a leaf: adds what arrives into `.grad`.
#pragma once

#include "autograd/state.h"

namespace tl {

// A leaf and its node own each other in turns: while a graph leads to the node it keeps the leaf alive;
// when none does the leaf keeps the node, for the next graph.
class AccumulateGrad final : public Node {
 public:
  // For `leaf`, which owns it.
  explicit AccumulateGrad(const Tensor& leaf);
  ~AccumulateGrad() override;
  void apply(Tensor* grads, Tensor* out) override;
  bool runs_without_gradients() const override { return true; }  // for the hooks after it
  const Tensor& variable() const { return variable_; }

  // Another reference, for a graph.
  NodePtr use();
  // Does it still expect gradients of the leaf's kind?
  bool fits() const { return meta0.dtype == variable_.dtype() && equal(meta0.sizes(), variable_.sizes()); }
  // The leaf gives it up: it lives on with its graph, if it has one.
  static void orphan(AccumulateGrad* node) noexcept;

 private:
  friend bool release_accumulator(Node* node) noexcept;
  Tensor variable_;  // counted while owns_leaf() holds
  bool orphaned_ = false;
};

// Drops a reference to an AccumulateGrad; true where it has to be destroyed.
bool release_accumulator(Node* node) noexcept;

}  // namespace tl
