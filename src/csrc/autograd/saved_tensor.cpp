#include "autograd/state.h"

namespace tl {

struct Packed {
  std::shared_ptr<SavedTensorHooks> hooks;
  void* object;
  NodePtr grad_fn;  // of the tensor, or a leaf's accumulator; restored at unpacking
  ~Packed() { hooks->drop(object); }
};

SavedTensor::SavedTensor(const Tensor& t, bool is_output, uint16_t output_nr, Node& owner) {
  TL_CHECK(
      !t.is_inference() || t.is_wrapped_number(),
      "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
      "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use it "
      "in autograd, or use `torch.no_grad()` instead of `torch.inference_mode()`. (saved by ",
      owner.name(), ")");
  version_ = t.version();
  output_nr_ = output_nr;
  is_output_ = is_output;
  // An output of integers (a mask, indices) is no part of the graph.
  requires_grad_ = is_output ? is_differentiable(t.dtype()) : requires_grad(t);
  had_history_ = !is_output && t->grad_fn != nullptr;
  impl_ = is_output ? alias(t) : t;
  if (has_default_saved_tensor_hooks) [[unlikely]] {
    pack(default_saved_tensor_hooks(), owner);
  }
}

SavedTensor& SavedTensor::operator=(SavedTensor&& o) noexcept {
  if (this == &o) return *this;
  reset();
  impl_ = std::move(o.impl_);
  packed_ = std::exchange(o.packed_, nullptr);
  version_ = o.version_;
  output_nr_ = o.output_nr_;
  is_output_ = o.is_output_;
  requires_grad_ = o.requires_grad_;
  had_history_ = o.had_history_;
  return *this;
}

void SavedTensor::reset() {
  impl_.reset();
  delete std::exchange(packed_, nullptr);
}

void SavedTensor::pack(std::shared_ptr<SavedTensorHooks> hooks, Node& owner) {
  if (!hooks || impl_.is_wrapped_number()) return;
  Edge edge;
  if (is_output_) {
    // The hook sees its history; what it keeps must not, or the node would own itself.
    set_history(impl_, NodePtr::borrow(&owner), output_nr_);
  } else if (requires_grad_) {
    edge = gradient_edge(impl_);
    output_nr_ = uint16_t(edge.input_nr);
  }
  void* object;
  {
    NoGradGuard no_grad;
    object = hooks->pack(impl_);
  }
  packed_ = new Packed{std::move(hooks), object, std::move(edge.node)};
  if (is_output_) {
    detach_(impl_);
    impl_->flags |= TensorImpl::requires_grad_leaf;
  }
  bool written = impl_.version() != version_;
  impl_.reset();
  TL_CHECK(
      !written,
      "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook "
      "cannot be modified by in-place operations as this can lead to unexpected side-effects. Please open an issue if "
      "you need to perform in-place operations on the input to a pack hook.");
}

void SavedTensor::register_hooks(std::shared_ptr<SavedTensorHooks> hooks, Node& owner) {
  TL_CHECK(packed_ == nullptr,
           "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: "
           "only one pair of hooks is allowed at a time.");
  TL_CHECK(impl_.defined(), "Calling register_hooks on a saved tensor with value None is forbidden.");
  pack(std::move(hooks), owner);
}

void SavedTensor::check_version(Node& owner) const {
  uint32_t now = impl_.version();
  if (now == version_) return;
  std::ostringstream out;
  out << "one of the variables needed for gradient computation has been modified by an inplace operation: [torch."
      << dtype_legacy_name(impl_.dtype()) << "Tensor " << Shape{impl_.sizes()} << "]";
  if (is_output_) {
    out << ", which is output " << output_nr_ << " of " << op_name(&owner) << ",";
  } else if (Node* fn = raw_grad_fn(impl_)) {
    out << ", which is output " << impl_->output_nr << " of " << op_name(fn) << ",";
  }
  out << " is at version " << now << "; expected version " << version_ << " instead (needed by " << owner.name()
      << "). Hint: ";
  out << (grad_state.anomaly
              ? "the backtrace further above shows the operation that failed to compute its gradient. The variable in "
                "question was changed in there or anywhere later. Good luck!"
              : "enable anomaly detection to find the operation that failed to compute its gradient, with "
                "torch.autograd.set_detect_anomaly(True, check_nan=False).");
  throw Error(ErrorKind::runtime, out.str());
}

Tensor SavedTensor::unpack(Node& owner, bool with_history) const {
  TL_CHECK(!owner.released,
           "Trying to backward through the graph a second time (or directly access saved tensors after they have "
           "already been freed). Saved intermediate values of the graph are freed when you call .backward() or "
           "autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if "
           "you need to access saved tensors after calling backward. (",
           owner.name(), ")");
  if (packed_ != nullptr) {
    Tensor t = packed_->hooks->unpack(packed_->object);
    if (!requires_grad_) return t;
    Tensor out = alias(t);
    if (is_output_) {
      set_history(out, NodePtr::borrow(&owner), output_nr_);
    } else if (packed_->grad_fn) {
      Node* fn = packed_->grad_fn.get();
      if (fn->is_accumulate) {
        out->flags |= TensorImpl::requires_grad_leaf;
        autograd_state(out).stand_in_accumulator = packed_->grad_fn;
      } else {
        set_history(out, packed_->grad_fn, output_nr_);
      }
    }
    return out;
  }
  if (!impl_.defined()) return {};
  TL_CHECK(!had_history_ || impl_->grad_fn != nullptr,
           "Trying to use a saved tensor that has been detached in-place, i.e. with .detach_(). This is not supported, "
           "please use out-of-place `.detach()` instead");
  check_version(owner);
  if (!is_output_ || !requires_grad_ || !(with_history || grad_state.grad_enabled)) return impl_;
  Tensor out = alias(impl_);
  set_history(out, NodePtr::borrow(&owner), output_nr_);
  return out;
}

}  // namespace tl
