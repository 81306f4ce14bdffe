// Reductions along one axis of strided memory, for several neighbouring results at once. Input and
// result may have any dtype; sums are taken in float32, float64, int64 or complex, and always as the
// same tree of additions, whose depth grows with the logarithm of the length.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/slot.h"

namespace tl::kernels {

enum class ReduceKind : uint8_t {
  sum,
  prod,
  max,  // a NaN wins
  min,
  any,
  all,
  count,    // of the elements that are not zero
  nan_sum,  // NaN counts as zero
  abs_sum,
  square_sum,  // of absolute values, as those below
  pow_sum,
  abs_max,
  abs_min,
  has_nan,
};

// The dtype that partial results have: float32, float64, complex, int64, or uint8 for true and false.
constexpr DType reduce_compute_type(ReduceKind kind, DType t) {
  switch (kind) {
    case ReduceKind::any:
    case ReduceKind::all:
    case ReduceKind::has_nan:
      return DType::UInt8;
    case ReduceKind::count:
      return DType::Int64;
    default:
      if (is_integral_or_bool(t)) return DType::Int64;
      if (is_reduced_floating(t)) return DType::Float32;
      return kind < ReduceKind::nan_sum ? t : to_real(t);
  }
}

// Result j (at out + j * out_stride) is the reduction of in[j * in_stride + i * in_step], i < n.
struct ReduceArgs {
  ReduceKind kind;
  DType in_type, out_type;
  DType compute;  // see reduce_compute_type
  const char* in;
  char* out;
  int64_t n, in_step;
  int64_t m, in_stride, out_stride;
  double divisor;  // of a sum's result
  double power;    // of pow_sum
};
TL_KERNEL_SLOT(reduce, void (*)(const ReduceArgs&));
// The sum of a few contiguous values: the same bits as `reduce` gives.
TL_KERNEL_SLOT(sum_f32, float (*)(const float*, int64_t n));

}  // namespace tl::kernels
