// Means and sums of squared deviations along one axis. Runs of elements are centred on their own mean
// and joined in double, so that a large mean costs no precision.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/slot.h"

namespace tl::kernels {

// Result j (j < m) is that of in[j * in_stride + i * in_step], 0 <= i < n; strides count elements.
struct MomentsArgs {
  DType dtype;  // a real one
  const char* in;
  double* mean;
  double* squares;  // Σ (x - mean)²
  int64_t n, in_step;
  int64_t m, in_stride, out_stride;
};
TL_KERNEL_SLOT(moments, void (*)(const MomentsArgs&));

}  // namespace tl::kernels
