// Normalisation by statistics of channels (batch and instance norm) or of groups of them.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/slot.h"

namespace tl::kernels {

// x is [batch, channels, spatial], contiguous float32 or float64; all pointers are to that type.
struct ChannelNorm {
  const void* x;
  const void* weight;  // [channels]; null: ones
  const void* bias;    // null: zeros
  void* mean;          // [channels], or [batch, groups]
  void* rstd;
  void* variance;  // biased; written where not null
  int64_t batch, channels, spatial;
  int64_t groups;  // of group_norm
  double eps;
  bool fixed;  // mean and rstd are given, and not part of the gradient
};
// y = (x - mean) * rstd * weight + bias for channels [begin, end); writes the statistics unless they are fixed
// (then the range is of batch * channels, where there are spatial dims).
TL_KERNEL_SLOT(channel_norm, void (*)(DType, const ChannelNorm&, void* y, int64_t begin, int64_t end));
// Writes dx, dweight and dbias (each may be null) of channels [begin, end).
TL_KERNEL_SLOT(channel_norm_grad, void (*)(DType, const ChannelNorm&, const void* grad, void* dx, void* dweight,
                                           void* dbias, int64_t begin, int64_t end));
// The same by groups: rows [begin, end) of batch * groups. The gradients of weight and bias are [batch, channels], to
// be summed over the batch.
TL_KERNEL_SLOT(group_norm, void (*)(DType, const ChannelNorm&, void* y, int64_t begin, int64_t end));
TL_KERNEL_SLOT(group_norm_grad, void (*)(DType, const ChannelNorm&, const void* grad, void* dx, void* dweight,
                                         void* dbias, int64_t begin, int64_t end));

}  // namespace tl::kernels
