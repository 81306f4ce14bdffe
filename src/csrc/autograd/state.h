// What a tensor knows about autograd: requires_grad, grad, grad_fn, hooks, base.
#pragma once

#include "autograd/node.h"

namespace tl {

struct AutogradState {
  Tensor grad;
  class AccumulateGrad* accumulator = nullptr;  // owned, see accumulate.h
  bool retains_grad = false;
  // Of a saved leaf that hooks have rebuilt: the node of the leaf that it stands for.
  NodePtr stand_in_accumulator;
  std::vector<HookSlot<TensorHook>> leaf_hooks;  // run by the engine before the accumulator
  std::vector<HookSlot<AccumulateHook>> accumulate_hooks;
  uint64_t next_hook_id = 1;
  // The tensor's dict of Python hooks, which is in leaf_hooks or in its grad_fn.
  std::shared_ptr<TensorHook> python_hooks;
  // Where a retain_grad hook finds the tensor; null once it is gone.
  std::shared_ptr<TensorImpl*> self;
  AutogradState() = default;
  AutogradState(const AutogradState&) = delete;
  ~AutogradState();
};

inline AutogradState& autograd_state(const Tensor& t) {
  if (t->autograd == nullptr) t->autograd = new AutogradState;
  return *t->autograd;
}

// .grad, whatever other threads do to it.
Tensor load_grad(const Tensor& t);
void store_grad(const Tensor& t, Tensor grad);
// May the memory of `t` be written or given away without anybody noticing? Only where the caller's
// reference is the one reference.
inline bool owns_memory_alone(const Tensor& t) {
  return t.use_count() == 1 && t->view_base == nullptr && t->python == nullptr &&
         t->storage->refs.count() == (t->host == t->storage ? 2u : 1u);
}

// The op of a node as messages name it: "Unbind" for UnbindBackward0.
std::string op_name(const Node* node);

// The node that computed `t`, null for leaves; for a view whose base was written in place since, a
// fresh node for today's history.
Node* grad_fn(const Tensor& t);
inline Node* raw_grad_fn(const Tensor& t) { return static_cast<Node*>(t->grad_fn); }

inline bool requires_grad(const Tensor& t) {
  const TensorImpl* p = t.impl();
  return (p->flags & TensorImpl::requires_grad_leaf) || p->grad_fn != nullptr ||
         (p->view_base != nullptr && p->view_kind != ViewKind::none &&
          ((p->view_base->flags & TensorImpl::requires_grad_leaf) || p->view_base->grad_fn != nullptr) &&
          is_differentiable(p->dtype));
}
// Not computed by a recorded op. (A view of such a tensor that was made without recording is one too,
// though it requires grad.)
inline bool is_leaf(const Tensor& t) { return t->view_base == nullptr ? t->grad_fn == nullptr : grad_fn(t) == nullptr; }

// Must a call on these tensors be recorded?
inline bool needs_grad(const Tensor& t) { return grad_state.grad_enabled && t.defined() && requires_grad(t); }
template <class... Ts>
bool needs_grad(const Tensor& first, const Ts&... rest) {
  return grad_state.grad_enabled &&
         ((first.defined() && requires_grad(first)) || ... || (rest.defined() && requires_grad(rest)));
}
inline bool any_needs_grad(std::span<const Tensor> ts) {
  if (!grad_state.grad_enabled) return false;
  for (const Tensor& t : ts) {
    if (t.defined() && requires_grad(t)) return true;
  }
  return false;
}

void set_requires_grad(const Tensor& t, bool value);
// (grad_fn, output_nr), or the accumulator of a leaf, or nothing.
Edge gradient_edge(const Tensor& t);
NodePtr grad_accumulator(const Tensor& leaf);
void set_history(const Tensor& t, NodePtr node, uint32_t output_nr);

// Views. `make_view` ties `view` (an alias of `base`'s storage) to its root base.
void make_view(const Tensor& view, const Tensor& base, ViewKind kind = ViewKind::differentiable);
inline Tensor view_base(const Tensor& t) { return Tensor::borrow(t->view_base); }

// Throws what PyTorch throws where `t` must not be written in place now. `others` are the op's other
// inputs: the write is recorded where one of them requires grad, too. An op that writes one value
// everywhere may write elements that share memory.
void check_inplace(const Tensor& t, const char* op, bool recorded, bool may_overlap);
inline void check_inplace(const Tensor& t, const char* op, bool may_overlap = false) {
  check_inplace(t, op, needs_grad(t), may_overlap);
}
template <class... Ts>
void check_inplace(const Tensor& t, const char* op, const Tensor& other, const Ts&... others) {
  check_inplace(t, op, needs_grad(t, other, others...), false);
}
// Set while an in-place op records itself, after it has counted the write: views of the memory that are
// its inputs are seen as they were before.
extern TL_THREAD_LOCAL const std::atomic<uint32_t>* version_being_recorded;

// After an in-place op whose node is `node` (edges to the old history of `t`): makes it the history
// of `t`, and of its base if it is a view.
// `output_nr` is the output of `node` that `t` now is, `self_edge` the edge to its old history.
void rebase_history(const Tensor& t, NodePtr node, uint32_t output_nr = 0, uint32_t self_edge = 0);

// New tensor without history over the same memory and version counter.
Tensor detach(const Tensor& t);
void detach_(const Tensor& t);
void retain_grad(const Tensor& t);
// `t` becomes what `data` is, in `data`'s memory; its history and version stay.
void set_data(const Tensor& t, const Tensor& data);

// On the gradient of `t`: held by its grad_fn, or by a leaf itself.
uint64_t add_tensor_hook(const Tensor& t, std::shared_ptr<TensorHook> hook);

// The few ops that the graph itself needs; filled by ops/ at start-up.
struct GraphOps {
  Tensor (*add)(const Tensor& a, const Tensor& b);
  void (*add_inplace)(const Tensor& a, const Tensor& b);
  Tensor (*zeros)(IntView sizes, DType dtype);
  Tensor (*ones)(IntView sizes, DType dtype);
  Tensor (*clone)(const Tensor& t);
  Tensor (*contiguous_clone)(const Tensor& t);
  Tensor (*to_dtype)(const Tensor& t, DType dtype);
  Tensor (*sum_to_size)(const Tensor& t, IntView sizes);
  Tensor (*as_strided)(const Tensor& t, IntView sizes, IntView strides, int64_t offset);
  void (*copy_)(const Tensor& dst, const Tensor& src);
  bool (*has_nan)(const Tensor& t);
  Tensor (*real)(const Tensor& t);
  Tensor (*view_as_real)(const Tensor& t);
  Tensor (*view_as_complex)(const Tensor& t);
};
extern GraphOps graph_ops;

}  // namespace tl
