// In-place writes to views: the base's history becomes "the base with this slice replaced".
#pragma once

#include "autograd/node.h"

namespace tl {

// The node of `base` after `fn` (an in-place op's node) ran on its slice `view`, which is now output
// `output_nr` of it; its edge `self_edge` leads to the view's old history.
NodePtr make_copy_slices(const Tensor& base, const Tensor& view, NodePtr fn, uint32_t output_nr, uint32_t self_edge);

// The part of `base` with that geometry, as a view that autograd follows. `dtype` may be the real type
// of a complex base or the other way round; strides and offset count in elements of it.
Tensor slice_of(const Tensor& base, IntView sizes, IntView strides, int64_t offset, DType dtype);

}  // namespace tl
