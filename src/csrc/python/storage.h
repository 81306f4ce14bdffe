// Storages seen from Python, and tensors as instances of a subclass.
#pragma once

#include "python/object.h"

namespace tl::python {

void register_storage(PyObject* module);
// Storages over file maps.
void register_shared_memory(PyObject* module);

}  // namespace tl::python
