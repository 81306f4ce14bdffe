// Sorting and choosing along contiguous rows. The order is stable, NaN is the largest value.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"
#include "kernels/slot.h"

namespace tl::kernels {

enum class Choice : uint8_t {
  range,       // the elements [first, last) of the sorted row, in order
  median,      // the lower one; the first NaN where there is one
  nan_median,  // of the elements that are not NaN
  mode,        // the smallest of the most frequent values, where it last stands; NaN equals nothing
};

struct SortArgs {
  Choice choice;
  DType dtype;  // not complex
  bool descending;
  const void* in;
  void* values;
  int64_t* indices;
  int64_t n;
  int64_t first, last;  // of Choice::range; the other choices give one element
  void* scratch;        // sort_scratch bytes
};
constexpr size_t sort_scratch(DType dtype, int64_t n) {
  return size_t(n) * (item_size(dtype) < 8 && n <= int64_t(UINT32_MAX) ? 16 : 32);
}
// One row.
TL_KERNEL_SLOT(sort_row, void (*)(const SortArgs&));

}  // namespace tl::kernels
