// Small value types: dtype, device, layout, memory_format, Size.
#pragma once

#include <optional>

#include "core/tensor.h"
#include "python/object.h"

namespace tl::python {

extern PyTypeObject* dtype_type;
extern PyTypeObject* device_type;
extern PyTypeObject* layout_type;
extern PyTypeObject* memory_format_type;
extern PyTypeObject* size_type;

// New references.
PyObject* wrap_dtype(DType t);
PyObject* wrap_device(DeviceType d);
PyObject* wrap_size(IntView sizes);
// A plain tuple of ints.
PyObject* wrap_ints(IntView values);
PyObject* wrap_scalar(const Scalar& s);

inline bool is_dtype(PyObject* o) { return Py_TYPE(o) == dtype_type; }
// `float`, `int`, `bool` and `complex` count as dtypes too.
std::optional<DType> as_dtype(PyObject* o);
// A device, or a string that names one; throws PyTorch's errors for what is not available. An ordinal
// is not looked at: there is one CPU.
std::optional<DeviceType> as_device(PyObject* o);

bool is_strided(PyObject* layout);
// "channels_last" and so on, or null where it is no memory format.
const char* memory_format_name(PyObject* o);

void register_types(PyObject* module);

}  // namespace tl::python
