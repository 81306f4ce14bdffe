// What the tensor type offers of autograd: history, gradients, hooks.
#pragma once

#include "core/tensor.h"
#include "python/object.h"

namespace tl::python {

extern PyMethodDef autograd_methods[];
extern PyGetSetDef autograd_getset[];
void register_autograd(PyObject* module);

// Garbage collection: the Python objects that only `t`'s graph and hooks keep alive.
int traverse_autograd(const Tensor& t, visitproc visit, void* arg);
void clear_autograd(const Tensor& t);

}  // namespace tl::python
