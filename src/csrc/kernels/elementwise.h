// Pointwise loops. A loop computes n contiguous elements in one of four compute types; the driver
// brings any strided operand of any dtype to it, a block at a time: float16 and bfloat16 are computed
// in float32, bool and all integers in int64, complex64 in complex128. So an op needs at most four
// loops, whatever it is called with.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/slot.h"

namespace tl::kernels {

// data[0] is written, the others are read. data[0] may be the very memory of an input that has the
// same element size; no other overlap is allowed.
using Loop = void (*)(int64_t n, void* const* data);

enum class Compute : uint8_t { f32, f64, i64, c128 };
inline constexpr int compute_count = 4;
constexpr Compute compute_of(DType t) {
  if (is_complex(t)) return Compute::c128;
  if (t == DType::Float64) return Compute::f64;
  return is_floating(t) ? Compute::f32 : Compute::i64;
}
inline constexpr DType compute_dtypes[compute_count] = {DType::Float32, DType::Float64, DType::Int64,
                                                        DType::Complex128};
constexpr DType dtype_of(Compute c) { return compute_dtypes[int(c)]; }

inline constexpr int max_operands = 6;
struct ElementwiseArgs {
  int count;  // operands, the output first
  int ndim;
  const int64_t* sizes;  // innermost first
  char* data[max_operands];
  const int64_t* strides[max_operands];  // in bytes
  DType dtype[max_operands];             // as stored
  DType reads, writes;                   // the loop's types
  Loop loop;
};
// Elements [begin, end) in the order of the dims.
TL_KERNEL_SLOT(elementwise, void (*)(const ElementwiseArgs& args, int64_t begin, int64_t end));

}  // namespace tl::kernels
