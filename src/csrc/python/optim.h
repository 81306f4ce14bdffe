// What the optimizers and gradient clipping call: `_C._sgd_step` and its kin.
#pragma once

#include "python/object.h"

namespace tl::python {

void register_optim(PyObject* module);
void register_optim_rules(PyObject* module);

}  // namespace tl::python
