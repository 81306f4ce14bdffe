// The largest or smallest element along one axis and where it stands. The first of equal ones counts; a
// NaN is beyond every number.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/slot.h"

namespace tl::kernels {

// Result j (j < m) is that of in[j * in_stride + i * in_step], 0 <= i < n; strides count elements.
struct ExtremeArgs {
  DType dtype;
  bool largest;
  const char* in;
  char* values;  // may be null
  int64_t* indices;
  int64_t n, in_step;
  int64_t m, in_stride, out_stride;
};
TL_KERNEL_SLOT(extreme, void (*)(const ExtremeArgs&));

}  // namespace tl::kernels
