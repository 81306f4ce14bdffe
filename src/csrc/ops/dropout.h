// Dropout, for networks that apply it inside.
#pragma once

#include "core/tensor.h"

namespace tl {

Tensor dropout(const Tensor& self, double p, bool train);

}  // namespace tl
