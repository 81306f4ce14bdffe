// Convolution of float32 and float64 images. Fewer than three spatial dims are three with leading
// ones; everything is contiguous.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/slot.h"

namespace tl::kernels {

// y[n, k, o] = Σ over c and taps t of w[k, c, t] x[n, c, o * stride + t * dilation - pad], within each group. `pad` is
// what lies in front; how far the padding reaches behind follows from `out`.
struct ConvShape {
  DType dtype = DType::Float32;
  int64_t batch = 0, groups = 1, in_channels = 0, out_channels = 0;  // channels of one group
  int64_t in[3], out[3], kernel[3], stride[3], pad[3], dilation[3];
};

// The sum above is linear in x, in w and, summed with a gradient of y, in that: these are the three
// derivatives. bias (may be null) has an element for each channel written.
TL_KERNEL_SLOT(conv_forward, void (*)(const ConvShape&, const void* x, const void* w, const void* bias, void* y));
TL_KERNEL_SLOT(conv_input, void (*)(const ConvShape&, const void* dy, const void* w, const void* bias, void* dx));
TL_KERNEL_SLOT(conv_weight, void (*)(const ConvShape&, const void* x, const void* dy, void* dw));

}  // namespace tl::kernels
