// Exception classes that the package defines.
#pragma once

#include "python/object.h"

namespace tl::python {

// tensorlite.OutOfMemoryError: a RuntimeError, as in PyTorch, and a MemoryError.
extern PyObject* out_of_memory_error;

}  // namespace tl::python
