// Views of itself: ops that change the geometry of a tensor and leave its memory as it is.
#include "autograd/record.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

namespace {

// Gives `self` the geometry and history of `view`, a view that was just made of it.
Tensor become(const Tensor& self, const Tensor& view, const char* name, const char* label) {
  bool recorded = needs_grad(self);
  TL_CHECK(!recorded || !(self->flags & TensorImpl::requires_grad_leaf),
           "a leaf Variable that requires grad is being used in an in-place operation. (", name, ")");
  TL_CHECK(!self.is_inference() || grad_state.inference,
           "Inplace update to inference tensor outside InferenceMode is not allowed (in ", name, ").");
  if (recorded) {
    // Only the geometry is new: a base keeps its history.
    raw_grad_fn(view)->label = label;
    set_history(self, NodePtr::borrow(raw_grad_fn(view)), view->output_nr);
  }
  self->set_geometry(view.sizes(), view.strides());
  self->offset = view->offset;
  self.bump_version();
  self->attr_version = self.version();
  return self;
}

Tensor t_(const Tensor& self) { return become(self, t(self), "t_", "TBackward1"); }
Tensor transpose_(const Tensor& self, int64_t dim0, int64_t dim1) {
  return become(self, transpose(self, dim0, dim1), "transpose_", "TransposeBackward1");
}
Tensor squeeze_all_(const Tensor& self) { return become(self, squeeze(self), "squeeze_", "SqueezeBackward3"); }
Tensor squeeze_(const Tensor& self, int64_t dim) {
  return become(self, squeeze(self, dim), "squeeze_", "SqueezeBackward4");
}
Tensor squeeze_dims_(const Tensor& self, IntView dims) {
  return become(self, squeeze(self, dims), "squeeze_", "SqueezeBackward5");
}
Tensor unsqueeze_(const Tensor& self, int64_t dim) {
  return become(self, unsqueeze(self, dim), "unsqueeze_", "UnsqueezeBackward1");
}
Tensor as_strided_(const Tensor& self, IntView size, IntView stride, std::optional<int64_t> offset) {
  return become(self, as_strided(self, size, stride, offset), "as_strided_", "AsStridedBackward1");
}

constexpr uint32_t flags = op::method | op::writes_self;
const OpRecord records[] = {
    {"t_(Tensor self) -> Tensor", TL_OP(t_), flags, "Transposes a matrix in place; no element moves.", "randn(3, 4)"},
    {"transpose_(Tensor self, int dim0, int dim1) -> Tensor", TL_OP(transpose_), flags, "Exchanges two dims in place.",
     "randn(2, 3, 4), 0, 2"},
    {"swapaxes_(Tensor self, int axis0, int axis1) -> Tensor", TL_OP(transpose_), flags,
     "transpose_ under NumPy's name.", "randn(2, 3, 4), 0, 2"},
    {"swapdims_(Tensor self, int dim0, int dim1) -> Tensor", TL_OP(transpose_), flags, "transpose_ under another name.",
     "randn(2, 3, 4), 0, 2"},
    {"squeeze_(Tensor self) -> Tensor", TL_OP(squeeze_all_), flags, "Drops the dims of size 1 in place.",
     "randn(3, 1, 4, 1)"},
    {"squeeze_(Tensor self, int dim) -> Tensor", TL_OP(squeeze_), flags, "Drops `dim` in place if its size is 1.",
     "randn(3, 1, 4), 1"},
    {"squeeze_(Tensor self, int[] dim) -> Tensor", TL_OP(squeeze_dims_), flags,
     "Drops those of the listed dims that have size 1, in place.", "randn(3, 1, 4, 1), (1, 3)"},
    {"unsqueeze_(Tensor self, int dim) -> Tensor", TL_OP(unsqueeze_), flags, "Inserts a dim of size 1 in place.",
     "randn(3, 4), 1"},
    {"as_strided_(Tensor self, int[] size, int[] stride, int? storage_offset=None) -> Tensor", TL_OP(as_strided_),
     flags, "Gives `self` any sizes, strides and offset over its storage.", "randn(3, 4), (2, 2), (4, 1), 1"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
