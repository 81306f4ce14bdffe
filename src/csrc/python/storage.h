// Storages seen from Python, subclass views, `Tensor.to`.
#pragma once

#include "python/object.h"

namespace tl::python {

extern PyMethodDef storage_methods[];
void register_storage(PyObject* module);

}  // namespace tl::python
