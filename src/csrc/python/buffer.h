// Reading other objects' memory through the buffer protocol.
#pragma once

#include <optional>

#include "core/dtype.h"
#include "python/object.h"

namespace tl::python {

// The dtype of a buffer's format string, or nothing where PyTorch has none (big-endian, unsigned
// beyond 8 bits, strings, structures).
std::optional<DType> dtype_of_format(const char* format, size_t item_size);

}  // namespace tl::python
