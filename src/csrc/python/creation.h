// Tensors from Python data: numbers, nested sequences, arrays, other tensors.
#pragma once

#include <optional>

#include "core/tensor.h"
#include "python/object.h"

namespace tl::python {

// A fresh tensor with the values of `data` (tensorlite.tensor): numbers, (nested) lists and tuples,
// tensors, NumPy arrays and scalars, anything with the buffer protocol. Without a dtype it follows
// the data, as PyTorch does (bool < int64 < default float < complex).
Tensor tensor_from_data(PyObject* data, std::optional<DType> dtype);
void register_creation(PyObject* module);

}  // namespace tl::python
