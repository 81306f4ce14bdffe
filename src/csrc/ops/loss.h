// What the losses share.
#pragma once

#include <optional>
#include <string_view>

#include "ops/ops.h"

namespace tl {

enum class Reduction : uint8_t { none, mean, sum };

// From a name or the two flags that came before it, with PyTorch's warnings and errors.
Reduction reduction_of(std::string_view name, std::optional<bool> size_average = {}, std::optional<bool> reduce = {});
Tensor reduced(const Tensor& values, Reduction reduction);

// Half types are computed as float32.
inline DType loss_compute_dtype(DType t) { return is_reduced_floating(t) ? DType::Float32 : t; }

void check_not_differentiated(const Tensor& t, const char* function, const char* argument);

}  // namespace tl
