// Products of matrices: C = alpha * A B + beta * D, for one matrix or a batch of equal shape.
#pragma once

#include "core/scalar.h"
#include "kernels/slot.h"

namespace tl::kernels {

// In elements, of any sign and order: a transposed operand is one with its strides exchanged.
struct MatrixStrides {
  int64_t batch = 0, row = 0, column = 0;
};

struct GemmArgs {
  DType dtype = DType::Float32;
  int64_t batch = 1, m = 0, n = 0, k = 0;
  const void* a = nullptr;  // m x k
  MatrixStrides a_strides;
  const void* b = nullptr;  // k x n
  MatrixStrides b_strides;
  // m x n; rows or columns are contiguous, and it shares no memory with A and B.
  void* c = nullptr;
  MatrixStrides c_strides;
  // The addend: a bias along rows or columns has a stride of 0. May be C itself. Null: nothing is
  // added, and what C held is not read.
  const void* d = nullptr;
  MatrixStrides d_strides;
  const Scalar* alpha = nullptr;  // null: 1
  const Scalar* beta = nullptr;
  bool conj_a = false, conj_b = false;  // complex dtypes only
  bool relu = false;                    // C = max(…, 0), for float32 and float64
};

// Any dtype but bool. float16 and bfloat16 are summed in float32. The result does not depend on the
// number of threads.
TL_KERNEL_SLOT(gemm, void (*)(const GemmArgs&));

}  // namespace tl::kernels
