// Normalisation of contiguous rows of float32 or float64.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/slot.h"

namespace tl::kernels {

// y = (x - mean) * rstd * weight + bias over the last `width` elements; without `centred` the mean
// stays 0 and rstd is 1 / sqrt(mean(x²) + eps).
struct RowNorm {
  const void* x;
  const void* weight;  // null: ones
  const void* bias;    // null: zeros
  void* mean;          // one a row, written by norm_rows and read by norm_rows_grad
  void* rstd;
  int64_t width;
  double eps;
  bool centred;
};
TL_KERNEL_SLOT(norm_rows, void (*)(DType, const RowNorm&, void* y, int64_t begin, int64_t end));
// Writes dx and adds to dweight and dbias (each may be null).
TL_KERNEL_SLOT(norm_rows_grad, void (*)(DType, const RowNorm&, const void* grad, void* dx, void* dweight, void* dbias,
                                        int64_t begin, int64_t end));

}  // namespace tl::kernels
