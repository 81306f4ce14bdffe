// `_C._ModuleBase`: the C++ base of nn.Module.
#pragma once

#include "python/object.h"

namespace tl::python {

void register_module_base(PyObject* module);

}  // namespace tl::python
