#include "autograd/accumulate.h"

#include <atomic>

namespace tl {

namespace {

// Short critical sections only: a leaf's weak pointer to its node, and one update of its .grad.
class SpinLock {
 public:
  void lock() {
    while (flag_.test_and_set(std::memory_order_acquire)) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
  }
  void unlock() { flag_.clear(std::memory_order_release); }

 private:
  std::atomic_flag flag_ = ATOMIC_FLAG_INIT;
};
SpinLock accumulator_lock;

// Two threads may add into one leaf; leaves are spread over a few locks.
constexpr size_t lock_count = 64;
SpinLock grad_locks[lock_count];
SpinLock& lock_for(const TensorImpl* p) { return grad_locks[(reinterpret_cast<uintptr_t>(p) >> 6) % lock_count]; }

template <class L>
struct Locked {
  explicit Locked(L& l) : lock(l) { lock.lock(); }
  ~Locked() { lock.unlock(); }
  L& lock;
};

bool layout_matches(const Tensor& grad, const Tensor& variable) {
  return grad.is_contiguous() ? variable.is_contiguous() || !is_non_overlapping_and_dense(variable)
                              : equal(grad.strides(), variable.strides());
}

}  // namespace

AccumulateGrad::AccumulateGrad(const Tensor& variable) : Node("AccumulateGrad"), variable_(variable) {
  is_accumulate = true;
  sequence_nr = UINT64_MAX;  // leaves first: gradients are ready as early as they can be
  set_meta(0, 1, variable);
}

AccumulateGrad::~AccumulateGrad() {
  Locked guard(accumulator_lock);
  AutogradState* state = variable_->autograd;
  if (state != nullptr && state->accumulator == this) state->accumulator = nullptr;
}

NodePtr grad_accumulator(const Tensor& leaf) {
  Locked guard(accumulator_lock);
  AutogradState& state = autograd_state(leaf);
  if (state.accumulator != nullptr && state.accumulator->refs.try_retain()) {
    return NodePtr::adopt(state.accumulator);
  }
  state.accumulator = new AccumulateGrad(leaf);
  return NodePtr::adopt(state.accumulator);
}

void AccumulateGrad::apply(Tensor* grads, Tensor*) {
  Tensor grad = std::move(grads[0]);
  if (!grad.defined()) return;
  // The variable may have lost requires_grad since the graph was made.
  if (!(variable_->flags & TensorImpl::requires_grad_leaf)) return;
  AutogradState& state = autograd_state(variable_);
  {
    // The arithmetic may be long or run Python hooks (with create_graph), so only the exchange of
    // the pointer is locked; a sum that another thread overtook is done again.
    SpinLock& lock = lock_for(variable_.impl());
    for (;;) {
      Tensor old;
      {
        Locked guard(lock);
        if (!state.grad.defined()) {
          if (grad_state.grad_enabled) {
            state.grad = grad;
            break;
          }
          // A gradient that nobody else holds becomes .grad itself; otherwise it is copied below.
          bool stealable = grad.use_count() == 1 && grad->grad_fn == nullptr && !grad.is_view() &&
                           grad->storage->refs.count() == (grad->host != nullptr ? 2u : 1u) &&
                           layout_matches(grad, variable_) && is_non_overlapping_and_dense(grad);
          if (stealable) {
            state.grad = std::move(grad);
            break;
          }
        } else {
          old = std::move(state.grad);
        }
      }
      if (!old.defined()) {
        Tensor fresh = layout_matches(grad, variable_) && is_non_overlapping_and_dense(grad)
                           ? graph_ops.clone(grad)
                           : empty_like(variable_, grad.dtype());
        if (!is_non_overlapping_and_dense(grad) || !layout_matches(grad, variable_)) graph_ops.copy_(fresh, grad);
        grad = std::move(fresh);
        continue;
      }
      // This thread holds the old gradient alone; another one that arrives meanwhile sees none and
      // leaves its own, which is added in the next round.
      Tensor sum;
      if (!grad_state.grad_enabled && !requires_grad(old)) {
        graph_ops.add_inplace(old, grad);
        sum = std::move(old);
      } else {
        sum = graph_ops.add(old, grad);
      }
      Locked guard(lock);
      if (!state.grad.defined()) {
        state.grad = std::move(sum);
        break;
      }
      grad = std::move(sum);
    }
  }
  if (!state.accumulate_hooks.empty()) [[unlikely]] {
    auto hooks = state.accumulate_hooks;
    for (auto& slot : hooks) slot.hook->call(variable_);
  }
}

}  // namespace tl
