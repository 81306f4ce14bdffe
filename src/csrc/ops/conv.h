// Convolution as a family of bilinear maps, for the files of this family.
#pragma once

#include "core/dims.h"
#include "ops/ops.h"

namespace tl {

struct ConvParams {
  int64_t dims = 2;  // spatial
  int64_t stride[3], padding[3], dilation[3], output_padding[3];
  int64_t groups = 1;
  bool transposed = false;
};

// y[n, k, o] = Σ w[k, c, t] x[n, c, o * stride + t * dilation - padding], and its two transposes: summed with dy over
// all of y it is linear in x, in w and in dy, and each of these functions is the derivative for one of them. So
// the backward of each consists of the other two, at every order. `sizes` are those of the result; an
// undefined bias is left out. The inputs are batched, and checked by the caller.
Tensor conv_correlate(const Tensor& x, const Tensor& w, const Tensor& bias, const ConvParams& p, IntView sizes,
                      const char* label);
Tensor conv_scatter(const Tensor& dy, const Tensor& w, const Tensor& bias, const ConvParams& p, IntView sizes,
                    const char* label);
Tensor conv_weight_of(const Tensor& x, const Tensor& dy, const ConvParams& p, IntView sizes, const char* label);

}  // namespace tl
