#include "autograd/accumulate.h"

#include "autograd/engine.h"
#include "autograd/locks.h"

namespace tl {

namespace {

SpinLock accumulator_lock;  // of all leaves' weak pointers to their nodes

// Leaves are spread over a few locks.
constexpr size_t lock_count = 64;
SpinLock pointer_locks[lock_count];  // of .grad itself
SpinLock kernel_locks[lock_count];   // held while something is added to it
size_t lock_index(const TensorImpl* p) { return (reinterpret_cast<uintptr_t>(p) >> 6) % lock_count; }

// Gradients are laid out as their leaf, or contiguous where that has gaps or overlaps.
bool layout_fits(const Tensor& grad, const Tensor& leaf) {
  if (grad.is_contiguous() && leaf.is_contiguous()) return true;
  if (!is_non_overlapping_and_dense(leaf)) return grad.is_contiguous();
  for (size_t d = 0; d < size_t(leaf.dim()); ++d) {
    if (leaf.sizes()[d] > 1 && leaf.strides()[d] != grad.strides()[d]) return false;
  }
  return true;
}

// A copy with the layout above; recorded where a graph is.
Tensor copy_for(const Tensor& grad, const Tensor& leaf) {
  bool dense = is_non_overlapping_and_dense(leaf);
  if (layout_fits(grad, leaf) && is_non_overlapping_and_dense(grad)) return graph_ops.clone(grad);
  if (!dense) return graph_ops.contiguous_clone(grad);
  Tensor fresh = empty_strided(leaf.sizes(), leaf.strides(), grad.dtype());
  graph_ops.copy_(fresh, grad);
  return fresh;
}

// Kernels over so few elements keep the interpreter's lock.
constexpr int64_t small_kernel = 256;

void add_to_leaf(const Tensor& leaf, Tensor grad) {
  bool alone = leaf.numel() <= small_kernel && unlocked_backwards.load(std::memory_order_relaxed) == 0;
  KernelGuard guard(alone ? nullptr : &kernel_locks[lock_index(leaf.impl())]);
  Tensor old = load_grad(leaf);
  if (old.defined()) {
    if (grad_state.grad_enabled) {
      store_grad(leaf, graph_ops.add(old, grad));
    } else {
      graph_ops.add_inplace(old, grad);
    }
    return;
  }
  // A gradient that nobody else holds becomes .grad itself.
  bool steal = !grad_state.grad_enabled && owns_memory_alone(grad) && !requires_grad(grad) && layout_fits(grad, leaf);
  store_grad(leaf, steal ? std::move(grad) : copy_for(grad, leaf));
}

}  // namespace

Tensor load_grad(const Tensor& t) {
  if (t->autograd == nullptr) return {};
  SpinGuard guard(pointer_locks[lock_index(t.impl())]);
  return t->autograd->grad;
}

void store_grad(const Tensor& t, Tensor grad) {
  AutogradState& state = autograd_state(t);
  {
    SpinGuard guard(pointer_locks[lock_index(t.impl())]);
    std::swap(state.grad, grad);
  }
  // The old one dies outside: it may own a Python object, and an optimizer may be reading it.
  if (!grad.defined() || unlocked_backwards.load(std::memory_order_relaxed) == 0) return;
  InterpreterSection section;
  grad.reset();
}

AccumulateGrad::AccumulateGrad(const Tensor& leaf)
    // The highest number: gradients of leaves are ready as early as they can be.
    : Node("AccumulateGrad", UINT64_MAX), variable_(Tensor::adopt(leaf.impl())) {
  is_accumulate = true;
  set_meta(0, 1, leaf);
}

AccumulateGrad::~AccumulateGrad() {
  if (!orphaned_) variable_.release();
}

// One reference is the leaf's. The second one takes hold of the leaf, and lets go of it again.
NodePtr AccumulateGrad::use() {
  if (refs.retain_counted() == 1) variable_->refs.retain();
  return NodePtr::adopt(this);
}

bool release_accumulator(Node* node) noexcept {
  auto* a = static_cast<AccumulateGrad*>(node);
  uint32_t before = a->refs.release_counted();
  if (a->orphaned_) return before == 1;
  if (before == 2) {
    // Hooks on the node go with the graph that they were put on.
    Tensor leaf = Tensor::adopt(a->variable_.impl());
    delete std::exchange(a->extras, nullptr);
  }
  return false;
}

void AccumulateGrad::orphan(AccumulateGrad* node) noexcept {
  if (node->refs.count() > 1) {
    node->orphaned_ = true;
    if (node->refs.release_counted() > 1) return;
    node->orphaned_ = false;  // its graph has let go meanwhile
  }
  delete node;
}

AutogradState::~AutogradState() {
  if (self) *self = nullptr;
  if (accumulator != nullptr) delete accumulator;
}

NodePtr grad_accumulator(const Tensor& leaf) {
  SpinGuard guard(accumulator_lock);
  AutogradState& state = autograd_state(leaf);
  if (state.stand_in_accumulator) return state.stand_in_accumulator;
  if (state.accumulator != nullptr && !state.accumulator->fits()) [[unlikely]] {
    AccumulateGrad::orphan(std::exchange(state.accumulator, nullptr));
  }
  if (state.accumulator == nullptr) state.accumulator = new AccumulateGrad(leaf);
  return state.accumulator->use();
}

void AccumulateGrad::apply(Tensor* grads, Tensor*) {
  // The leaf may have stopped requiring grad since the graph was made.
  if (grads[0].defined() && requires_grad(variable_)) {
    TL_CHECK(variable_->grad_fn == nullptr, "leaf variable has been moved into the graph interior");
    add_to_leaf(variable_, std::move(grads[0]));
  }
  AutogradState* state = variable_->autograd;
  if (state != nullptr && !state->accumulate_hooks.empty()) [[unlikely]] {
    InterpreterSection section;
    auto hooks = state->accumulate_hooks;
    for (auto& slot : hooks) slot.hook->call(variable_);
  }
}

}  // namespace tl
