// x[index] and x[index] = value.
#pragma once

#include "python/object.h"

namespace tl::python {

PyObject* tensor_getitem(PyObject* self, PyObject* index);
int tensor_setitem(PyObject* self, PyObject* index, PyObject* value);

}  // namespace tl::python
