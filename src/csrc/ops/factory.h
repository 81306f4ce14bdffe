// Filling and resizing, beyond what ops.h has.
#pragma once

#include "ops/copy.h"

namespace tl {

Tensor fill_(const Tensor& self, const Tensor& value);
Tensor resize_(const Tensor& self, IntView sizes, Layout layout);

}  // namespace tl
