// Products of matrices of the types that have no register tile: halves by way of float32, integers
// and complex numbers by plain loops.
#pragma once

#include "kernels/gemm.h"

namespace tl::kernels {

TL_KERNEL_SLOT(gemm_other, void (*)(const GemmArgs&));

}  // namespace tl::kernels
