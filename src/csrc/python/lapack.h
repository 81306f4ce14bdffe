// Where C++ finds LAPACK: tensorlite.linalg._lapack looks for the library.
#pragma once

#include "python/object.h"

namespace tl::python {

// tensorlite.linalg.LinAlgError.
extern PyObject* lin_alg_error;

void register_lapack(PyObject* module);

}  // namespace tl::python
