// Memory layouts, and the copies that take one.
#pragma once

#include <optional>
#include <string_view>

#include "ops/ops.h"

namespace tl {

enum class Layout : uint8_t { preserve, contiguous, channels_last, channels_last_3d };

// Of the name that Python gives it ("channels_last").
std::optional<Layout> layout_of(std::string_view name);
// The strides of a dense tensor of that layout; RuntimeError where the number of dims does not fit.
Dims layout_strides(IntView sizes, Layout layout);
bool is_contiguous(const Tensor& t, Layout layout);
Tensor empty_like(const Tensor& t, DType dtype, Layout layout);
Tensor clone(const Tensor& self, Layout layout);
Tensor to_dtype(const Tensor& self, DType dtype, Layout layout);

}  // namespace tl
