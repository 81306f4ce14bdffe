// Orders along a dim, for the ops that are made of them.
#pragma once

#include <tuple>

#include "kernels/sort.h"
#include "ops/ops.h"

namespace tl {

using TensorPair = std::tuple<Tensor, Tensor>;

// Chosen values and their indices along `dim`, which has their number as its size; without history.
TensorPair ordered(const Tensor& self, int64_t dim, kernels::Choice choice, bool descending, int64_t first,
                   int64_t last);
TensorPair sort(const Tensor& self, int64_t dim, bool descending);

}  // namespace tl
