#include "python/generator.h"

namespace tl::python {

Generator* as_generator(PyObject*) { return nullptr; }
void register_generator(PyObject*) {}

}  // namespace tl::python
