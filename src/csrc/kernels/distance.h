// Distances between all pairs of rows of two matrices of float32 or float64.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/slot.h"

namespace tl::kernels {

struct RowDistances {
  const void* a;  // [batch, rows, width]
  const void* b;  // [batch, others, width]
  void* out;      // [batch, rows, others]
  int64_t rows, others, width;
  double p;
};
// (Σ |x - y|^p)^(1/p) for the rows [begin, end) of all batches; p may be 0 (how many differ) and inf.
TL_KERNEL_SLOT(row_distances, void (*)(DType, const RowDistances&, int64_t begin, int64_t end));

}  // namespace tl::kernels
