// Running sums, products and extremes along the middle of [outer, n, inner], in contiguous memory.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/slot.h"

namespace tl::kernels {

enum class ScanKind : uint8_t { sum, prod, logsumexp, max, min };

struct ScanArgs {
  ScanKind kind;
  DType dtype;  // float32, float64, int64 or complex
  const void* in;
  void* out;
  int64_t* indices;  // of max and min: the last of equal ones; a NaN stays once it is met
  int64_t n, inner;
};
// Columns that are worked on together where inner > 1.
inline constexpr int64_t scan_columns = 64;
// Items [begin, end): rows where inner is 1, groups of scan_columns columns otherwise, over all outer
// positions. Float32 is summed in float64.
TL_KERNEL_SLOT(scan, void (*)(const ScanArgs&, int64_t begin, int64_t end));

}  // namespace tl::kernels
