// What the tensor type offers beside the ops: number protocol, properties, conversions, buffers.
#pragma once

#include <vector>

#include "core/tensor.h"
#include "python/object.h"

namespace tl::python {

extern PyGetSetDef tensor_getset[];                      // shape, dtype, device, …
extern PyMethodDef tensor_methods[];                     // item, tolist, size, numpy, …
void add_tensor_slots(std::vector<PyType_Slot>& slots);  // all of the type's protocol slots
void add_number_slots(std::vector<PyType_Slot>& slots);  // number_slots.cpp
void add_buffer_slots(std::vector<PyType_Slot>& slots);  // buffer.cpp

// creation.cpp: `Tensor(2, 3)`, `Tensor([1, 2])`, `FloatTensor(other)` …
PyObject* legacy_new(PyTypeObject* type, PyObject* args, PyObject* kwargs);
// buffer.cpp: an ndarray over the tensor's memory.
PyObject* to_numpy(PyObject* self);
PyObject* to_list(const Tensor& t);

}  // namespace tl::python
