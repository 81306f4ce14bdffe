// Pooling: maxima and means over windows of a plane, and their transposes. Planes are contiguous, with three
// spatial dims, the leading ones of size 1 where there are fewer.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/slot.h"

namespace tl::kernels {

// Output o reads positions start[o], start[o] + dilation, … below end[o]. With stride > 0 the windows are those of
// o * stride - pad and `kernel` taps, cut at the borders.
struct PoolAxis {
  int64_t in = 1, out = 1, dilation = 1;
  const int64_t* start = nullptr;
  const int64_t* end = nullptr;
  const int64_t* count = nullptr;  // a mean divides by the product over the axes
  int64_t stride = 0, pad = 0, kernel = 0;
};
struct PoolShape {
  DType dtype;  // float32, float64 or int64
  PoolAxis axis[3];
};

// Planes [begin, end). `index` (may be null) gets the place of each maximum in its plane: the first one, or the
// last NaN.
TL_KERNEL_SLOT(pool_max,
               void (*)(const PoolShape&, const void* x, void* y, int32_t* index, int64_t begin, int64_t end));
TL_KERNEL_SLOT(pool_mean, void (*)(const PoolShape&, const void* x, void* y, int64_t begin, int64_t end));
TL_KERNEL_SLOT(pool_mean_grad, void (*)(const PoolShape&, const void* dy, void* dx, int64_t begin, int64_t end));
// y[i] = x[index[i]], and its transpose (or with !add an assignment, where the last counts), for planes of `in` and
// `out` elements.
TL_KERNEL_SLOT(pool_take, void (*)(DType, const void* x, const int32_t* index, void* y, int64_t in, int64_t out,
                                   int64_t begin, int64_t end));
TL_KERNEL_SLOT(pool_put, void (*)(DType, const void* dy, const int32_t* index, void* dx, int64_t in, int64_t out,
                                  bool add, int64_t begin, int64_t end));

}  // namespace tl::kernels
