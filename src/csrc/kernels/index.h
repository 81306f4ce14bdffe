// Moves through lists of indices. A tensor that is indexed is seen as [outer, indexed, inner]: element
// (o, i, j) lies at outer[o] + index(o, i, j) * index_stride + inner[j], in elements.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"
#include "kernels/slot.h"

namespace tl::kernels {

struct IndexArgs {
  char* self;   // the indexed tensor
  char* other;  // [n_outer, n_index, n_inner] contiguous: a gather's result, a scatter's source
  const int64_t* outer;
  int64_t n_outer;
  const int64_t* inner;  // null: 0, 1, 2, …
  int64_t n_inner;
  const int64_t* index;
  int64_t n_index;
  int64_t index_stride;
  bool index_per_element;  // the index has an entry for each element, not one for each i
  bool other_is_scalar;    // one element stands for all
};
// The part of the work that one call does.
struct IndexRange {
  int64_t outer_begin, outer_end, index_begin, index_end, inner_begin, inner_end;
};

enum class ScatterOp : uint8_t { assign, add, multiply, amax, amin };

// The smallest and the largest of 0 and the entries.
TL_KERNEL_SLOT(index_bounds, void (*)(const int64_t* index, int64_t n, int64_t* low, int64_t* high));
// other = self[index]; `width` is the element size.
TL_KERNEL_SLOT(index_gather, void (*)(const IndexArgs&, const IndexRange&, size_t width));
// self[index] = other.
TL_KERNEL_SLOT(index_scatter, void (*)(const IndexArgs&, const IndexRange&, size_t width));
// self[index] = op(self[index], other), in the order of i.
TL_KERNEL_SLOT(index_reduce, void (*)(const IndexArgs&, const IndexRange&, DType dtype, ScatterOp op));

// data[i] = *value where mask[i] is set.
TL_KERNEL_SLOT(mask_fill, void (*)(char* data, const bool* mask, const char* value, int64_t n, size_t width));

}  // namespace tl::kernels
