// Views of itself: ops that change the geometry of a tensor and leave its memory as it is.
#include "autograd/record.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

namespace {

// Gives `self` the geometry and history of `make()`, a view of it.
template <class F>
Tensor become(const Tensor& self, const char* name, const char* label, F&& make) {
  bool recorded = needs_grad(self);
  check_inplace(self, name, recorded, true);
  Tensor view = make();
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

Tensor t_(const Tensor& self) {
  return become(self, "t_", "TBackward1", [&] { return t(self); });
}
Tensor transpose_(const Tensor& self, int64_t dim0, int64_t dim1) {
  return become(self, "transpose_", "TransposeBackward1", [&] { return transpose(self, dim0, dim1); });
}
Tensor squeeze_all_(const Tensor& self) {
  return become(self, "squeeze_", "SqueezeBackward3", [&] { return squeeze(self); });
}
Tensor squeeze_(const Tensor& self, int64_t dim) {
  return become(self, "squeeze_", "SqueezeBackward4", [&] { return squeeze(self, dim); });
}
Tensor squeeze_dims_(const Tensor& self, IntView dims) {
  return become(self, "squeeze_", "SqueezeBackward5", [&] { return squeeze(self, dims); });
}
Tensor unsqueeze_(const Tensor& self, int64_t dim) {
  return become(self, "unsqueeze_", "UnsqueezeBackward1", [&] { return unsqueeze(self, dim); });
}
Tensor as_strided_(const Tensor& self, IntView size, IntView stride, std::optional<int64_t> offset) {
  return become(self, "as_strided_", "AsStridedBackward1", [&] { return as_strided(self, size, stride, offset); });
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
