// Memory shared with other libraries through the buffer protocol.
#pragma once

#include <optional>

#include "core/tensor.h"
#include "python/object.h"

namespace tl::python {

// The dtype of a buffer's format string, or nothing where PyTorch has none (big-endian, unsigned
// beyond 8 bits, strings, structures).
std::optional<DType> dtype_of_format(const char* format, size_t item_size);

bool is_ndarray(PyObject* o);
// NumPy arrays and scalars.
bool is_numpy(PyObject* o);
// bytearray, array.array, memoryview and others that are neither NumPy's, text nor tensors.
bool is_plain_buffer(PyObject* o);

// A copy of a buffer in row-major order, of the buffer's dtype; TypeError where PyTorch has no such dtype.
Tensor from_buffer_copy(PyObject* o);
// Zero copy: the tensor's storage holds the buffer, hence its owner.
Tensor from_buffer_shared(PyObject* o);

}  // namespace tl::python
