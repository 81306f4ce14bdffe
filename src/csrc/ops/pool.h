// Pooling as linear maps, for the files of this family.
#pragma once

#include "core/dims.h"
#include "ops/ops.h"

namespace tl {

struct PoolParams {
  int64_t dims = 2;  // spatial
  int64_t kernel[3], stride[3], padding[3], dilation[3], out[3];
  bool adaptive = false;           // windows from the sizes alone
  bool count_include_pad = false;  // of means
  int64_t divisor = 0;             // 0: the number of elements
};

// The maxima over windows of the last dims of `x`, and where in their planes they are (int32).
struct Pooled {
  Tensor values, index;
};
// Without `index`es where nobody asks. `label` names the node.
Pooled pool_maxima(const Tensor& x, const PoolParams& p, bool indexed, const char* label);
Tensor pool_means(const Tensor& x, const PoolParams& p, const char* label);
// y[..., i] = x[..., index[..., i]] in each plane, its transpose, and with !add its transpose by assignment.
Tensor pool_taken(const Tensor& x, const Tensor& index, int64_t dims, const char* label);
Tensor pool_placed(const Tensor& y, const Tensor& index, IntView sizes, int64_t dims, bool add, const char* label);
// Maxima over windows of `kernel` that begin at start[plane][dim][output].
Pooled pool_maxima_at(const Tensor& x, const PoolParams& p, const int64_t* start, const char* label);

}  // namespace tl
