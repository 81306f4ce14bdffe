// Softmax, its logarithm and log-sum-exp along the middle of [outer, n, inner], with the gradients.
// Memory is contiguous, of float32 or float64.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/slot.h"

namespace tl::kernels {

enum class SoftmaxKind : uint8_t { softmax, log_softmax, logsumexp };

struct SoftmaxArgs {
  SoftmaxKind kind;
  DType dtype;
  const void* in;      // the input; for a gradient the incoming one
  const void* result;  // for a gradient: what the forward gave
  void* out;           // of the input's shape; of [outer, inner] for logsumexp
  int64_t n, inner;
};
// Columns that are worked on together where inner > 1.
inline constexpr int64_t softmax_columns = 64;
// Items [begin, end): rows where inner is 1, groups of softmax_columns columns otherwise, counted over
// all outer positions.
TL_KERNEL_SLOT(softmax, void (*)(const SoftmaxArgs&, int64_t begin, int64_t end));
TL_KERNEL_SLOT(softmax_backward, void (*)(const SoftmaxArgs&, int64_t begin, int64_t end));

}  // namespace tl::kernels
