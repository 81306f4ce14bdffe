// Tensors to and from other libraries by the DLPack protocol.
#pragma once

#include "python/object.h"

namespace tl::python {

extern PyMethodDef dlpack_methods[];
void register_dlpack(PyObject* module);

}  // namespace tl::python
