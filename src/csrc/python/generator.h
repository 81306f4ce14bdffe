// The Python type of random generators.
#pragma once

#include "python/object.h"

namespace tl {
class Generator;
}

namespace tl::python {

// The generator inside a tensorlite.Generator, null for any other object.
Generator* as_generator(PyObject* o);
void register_generator(PyObject* module);

}  // namespace tl::python
