// In-place writes to views: the base's history becomes "the base with this slice replaced".
#pragma once

#include "autograd/node.h"

namespace tl {

// The node of `base` after `fn` (an in-place op's node, edge 0 to the view's old history) ran on its
// slice `view`.
NodePtr make_copy_slices(const Tensor& base, const Tensor& view, NodePtr fn);

}  // namespace tl
