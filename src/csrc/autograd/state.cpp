#include "autograd/state.h"

#include "autograd/accumulate.h"
#include "autograd/copy_slices.h"
#include "autograd/record.h"

namespace tl {

GraphOps graph_ops{};
TL_THREAD_LOCAL const std::atomic<uint32_t>* version_being_recorded = nullptr;

void release_autograd_state(TensorImpl& impl) noexcept {
  if (impl.grad_fn != nullptr) Node::release(static_cast<Node*>(std::exchange(impl.grad_fn, nullptr)));
  delete std::exchange(impl.autograd, nullptr);
}

std::string op_name(const Node* node) {
  if (node == nullptr) return "a function";
  std::string name = node->name();
  size_t end = name.rfind("Backward");
  return end == std::string::npos || end == 0 ? name : name.substr(0, end);
}

namespace {

// Why views of this kind cannot be written in place, nor be read by autograd after their memory was;
// null if they can.
const char* view_restriction(ViewKind kind) {
  switch (kind) {
    case ViewKind::multi_output:
      return "This view is the output of a function that returns multiple views. Such functions do not allow the "
             "output "
             "views to be modified inplace. You should replace the inplace operation by an out-of-place one.";
    case ViewKind::custom_function:
      return "This view was created inside a custom Function (or because an input was returned as-is) and the autograd "
             "logic to handle view+inplace would override the custom backward associated with the custom Function, "
             "leading "
             "to incorrect gradients. This behavior is forbidden. You can fix this by cloning the output of the custom "
             "Function.";
    case ViewKind::made_in_no_grad:
      return "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by "
             "moving "
             "both the view and the inplace either both inside the no_grad block (if you don't want the inplace to be "
             "tracked) or both outside (if you want the inplace to be tracked).";
    case ViewKind::inference:
      return "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by "
             "moving "
             "both the view and the inplace either both inside the inference_mode block (if you don't want the inplace "
             "to "
             "be tracked) or both outside (if you want the inplace to be tracked).";
    default:
      return nullptr;
  }
}

[[noreturn, gnu::cold]] void fail_on_view(const Tensor& t, bool written_itself, const char* op) {
  std::ostringstream out;
  const char* event = written_itself ? "is being" : "its base or another view of its base has been";
  bool recorded = t->grad_fn != nullptr;
  if (recorded) out << "Output " << t->output_nr << " of " << op_name(raw_grad_fn(t)) << " is a view ";
  if (recorded && t->view_kind != ViewKind::inference && t->view_kind != ViewKind::made_in_no_grad) {
    out << "and " << event << " modified inplace. ";
  } else {
    out << (recorded ? "of a view which was created in " : "A view was created in ");
    bool inference = t->view_kind == ViewKind::inference;
    out << (inference ? "inference" : "no_grad") << " mode and " << event << " modified inplace "
        << (inference ? "in normal mode. " : "with grad mode enabled. ");
  }
  out << view_restriction(t->view_kind);
  if (op != nullptr) out << " (" << op << ")";
  throw Error(ErrorKind::runtime, out.str());
}

struct RetainGrad final : TensorHook {
  explicit RetainGrad(std::shared_ptr<TensorImpl*> cell) : cell(std::move(cell)) {}
  std::shared_ptr<TensorImpl*> cell;
  void call(Tensor& grad) override {
    if (!grad.defined() || *cell == nullptr) return;
    Tensor t = Tensor::borrow(*cell);
    Tensor old = load_grad(t);
    store_grad(t, old.defined() ? graph_ops.add(old, grad) : graph_ops.clone(grad));
  }
};

void add_retain_hook(const Tensor& t) {
  AutogradState& state = autograd_state(t);
  if (!state.self) state.self = std::make_shared<TensorImpl*>(t.impl());
  raw_grad_fn(t)->get_extras().retain_grad_hooks.push_back({0, t->output_nr, std::make_shared<RetainGrad>(state.self)});
}

// The history of `t` is new: its hooks stay with the old one, all but that of retain_grad.
void move_hooks(const Tensor& t, Node* old_fn) {
  if (t->autograd == nullptr) return;
  t->autograd->python_hooks.reset();
  if (!t->autograd->retains_grad) return;
  if (old_fn != nullptr && old_fn->extras != nullptr) {
    std::erase_if(old_fn->extras->retain_grad_hooks,
                  [&](auto& slot) { return static_cast<RetainGrad&>(*slot.hook).cell == t->autograd->self; });
  }
  add_retain_hook(t);
}

// A view whose base was written since: its history is a slice of the base's.
Node* regenerate_view_history(const Tensor& t) {
  if (view_restriction(t->view_kind) != nullptr) fail_on_view(t, false, nullptr);
  Tensor base = view_base(t);
  NodePtr old_fn = NodePtr::borrow(raw_grad_fn(t));
  GradModeGuard recording(true);
  Tensor slice = slice_of(base, t.sizes(), t.strides(), t->offset, t.dtype());
  if (slice->grad_fn == nullptr) {
    // The base was cut off its history; the view still requires grad, but leads nowhere.
    record(slice, "AsStridedBackward0", inputs(Tensor()), saves(), [](Backward&) {});
  }
  set_history(t, NodePtr::borrow(raw_grad_fn(slice)), slice->output_nr);
  t->attr_version = t.version();
  move_hooks(t, old_fn.get());
  return raw_grad_fn(t);
}

}  // namespace

static uint32_t current_version(const Tensor& t) {
  return t.version() - (&t->version() == version_being_recorded ? 1 : 0);
}

Node* grad_fn(const Tensor& t) {
  if (t->view_base == nullptr || t->view_kind == ViewKind::none) return raw_grad_fn(t);
  if (t->grad_fn == nullptr) {
    const TensorImpl* base = t->view_base;
    bool base_requires = (base->flags & TensorImpl::requires_grad_leaf) || base->grad_fn != nullptr;
    if (!base_requires) return nullptr;
  }
  if (t->attr_version == current_version(t)) return raw_grad_fn(t);
  return regenerate_view_history(t);
}

void set_requires_grad(const Tensor& t, bool value) {
  if (value) {
    TL_CHECK(is_differentiable(t.dtype()),
             "only Tensors of floating point and complex dtype can require gradients, got ", dtype_name(t.dtype()));
    TL_CHECK(!t.is_inference() || grad_state.inference,
             "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.");
    if (raw_grad_fn(t) == nullptr) t->flags |= TensorImpl::requires_grad_leaf;
  } else {
    TL_CHECK(raw_grad_fn(t) == nullptr,
             "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a "
             "subgraph that doesn't require differentiation use var_no_grad = var.detach().");
    t->flags &= uint8_t(~TensorImpl::requires_grad_leaf);
  }
}

Edge gradient_edge(const Tensor& t) {
  if (Node* fn = grad_fn(t)) return {NodePtr::borrow(fn), t->output_nr};
  if (t->flags & TensorImpl::requires_grad_leaf) return {grad_accumulator(t), 0};
  return {};
}

void set_history(const Tensor& t, NodePtr node, uint32_t output_nr) {
  if (t->grad_fn != nullptr) Node::release(static_cast<Node*>(t->grad_fn));
  t->grad_fn = node.release();
  t->output_nr = uint16_t(output_nr);
  t->flags &= uint8_t(~TensorImpl::requires_grad_leaf);
}

void make_view(const Tensor& view, const Tensor& base, ViewKind kind) {
  if (base.is_inference()) return;  // autograd never follows it
  TensorImpl* root = base->view_base != nullptr ? base->view_base : base.impl();
  root->refs.retain();
  view->view_base = root;
  if (kind != ViewKind::none) {
    // A view of a restricted view is restricted.
    bool of_view = base->view_base != nullptr;
    if (grad_state.inference || (of_view && base->view_kind == ViewKind::inference)) {
      kind = ViewKind::inference;
    } else if (!grad_state.grad_enabled) {
      kind = ViewKind::made_in_no_grad;
    } else if (of_view && kind == ViewKind::differentiable) {
      kind = base->view_kind;
    }
  }
  view->view_kind = kind;
  view->attr_version = view.version();
}

void check_inplace(const Tensor& t, const char* op, bool recorded, bool may_overlap) {
  if (t.is_inference() && !grad_state.inference) [[unlikely]] {
    fail(ErrorKind::runtime, "Inplace update to inference tensor outside InferenceMode is not allowed (in ", op,
         "). You can make a clone to get a normal tensor before doing inplace update.");
  }
  if (!may_overlap && has_internal_overlap(t)) [[unlikely]] {
    fail(ErrorKind::runtime,
         "unsupported operation: more than one element of the written-to tensor refers to a single "
         "memory location. Please clone() the tensor before performing the operation. (",
         op, " on shape ", Shape{t.sizes()}, " with strides ", Shape{t.strides()}, ")");
  }
  if (!recorded || !is_differentiable(t.dtype())) return;
  if (t->view_base != nullptr && t->view_kind != ViewKind::none) {
    if (view_restriction(t->view_kind) != nullptr) fail_on_view(t, true, op);
    TL_CHECK(t->view_base->grad_fn != nullptr || !requires_grad(t),
             "a view of a leaf Variable that requires grad is being used in an in-place operation. (", op, ")");
  }
  TL_CHECK(!(t->flags & TensorImpl::requires_grad_leaf),
           "a leaf Variable that requires grad is being used in an in-place operation. (", op, ")");
}

void rebase_history(const Tensor& t, NodePtr node, uint32_t output_nr, uint32_t self_edge) {
  bool is_view = t->view_base != nullptr && t->view_kind != ViewKind::none;
  if (is_view && view_restriction(t->view_kind) != nullptr) fail_on_view(t, true, nullptr);
  Tensor base = is_view ? view_base(t) : t;
  TL_CHECK(is_differentiable(base.dtype()), "in-place on a view that needs a gradient: its base has dtype ",
           dtype_name(base.dtype()));
  NodePtr old_fn = NodePtr::borrow(raw_grad_fn(base));
  if (is_view) {
    set_history(base, make_copy_slices(base, t, std::move(node), output_nr, self_edge), 0);
  } else {
    set_history(base, std::move(node), output_nr);
  }
  move_hooks(base, old_fn.get());
  if (is_view) regenerate_view_history(t);
}

Tensor detach(const Tensor& t) { return alias(t); }

void detach_(const Tensor& t) {
  TL_CHECK(t->view_base == nullptr || t->view_kind == ViewKind::none,
           "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for "
           "training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets.");
  if (t->grad_fn != nullptr) Node::release(static_cast<Node*>(std::exchange(t->grad_fn, nullptr)));
  t->flags &= uint8_t(~TensorImpl::requires_grad_leaf);
  t->output_nr = 0;
}

void retain_grad(const Tensor& t) {
  TL_CHECK(requires_grad(t), "can't retain_grad on Tensor that has requires_grad=False");
  if (t->grad_fn == nullptr || (t->autograd != nullptr && t->autograd->retains_grad)) return;
  grad_fn(t);
  add_retain_hook(t);
  t->autograd->retains_grad = true;
}

void set_data(const Tensor& t, const Tensor& data) {
  TL_CHECK(t->device == data->device,
           "Attempted to call `variable.set_data(tensor)`, but `variable` and `tensor` have "
           "incompatible tensor type.");
  TL_CHECK(!requires_grad(t) || is_differentiable(data.dtype()),
           "data set to a tensor that requires gradients must be floating point or complex dtype");
  if (t.is_same(data)) return;
  if (t->version_counter == nullptr) {
    auto* counter = new VersionCounter;
    counter->value.store(t.version());
    t->version_counter = counter;
  }
  data->storage->retain();
  std::exchange(t->storage, data->storage)->release();
  t->offset = data->offset;
  t->dtype = data.dtype();
  t->flags = uint8_t((t->flags & ~TensorImpl::inference) | (data->flags & TensorImpl::inference));
  t->set_geometry(data.sizes(), data.strides());
}

uint64_t add_tensor_hook(const Tensor& t, std::shared_ptr<TensorHook> hook) {
  TL_CHECK(requires_grad(t), "cannot register a hook on a tensor that doesn't require gradient");
  AutogradState& state = autograd_state(t);
  uint64_t id = state.next_hook_id++;
  if (Node* fn = grad_fn(t)) {
    NodeExtras& extras = fn->get_extras();
    id = extras.next_hook_id++;
    extras.tensor_hooks.push_back({id, t->output_nr, std::move(hook)});
  } else {
    state.leaf_hooks.push_back({id, 0, std::move(hook)});
  }
  return id;
}

}  // namespace tl
