// `_C._VariableBase`: the Python type of tensors, and the way between it and tl::Tensor.
#pragma once

#include "core/tensor.h"
#include "python/object.h"

namespace tl::python {

struct PyTensor {
  PyObject ob_base;
  Tensor tensor;
  PyObject* dict;
  PyObject* weaklist;
  // False while the tensor owns this object (it outlived its Python references): `tensor` is not
  // counted then.
  bool owned;
};

extern PyTypeObject* tensor_base_type;  // _C._VariableBase
extern PyTypeObject* tensor_type;       // tensorlite.Tensor, once Python has registered it
extern PyTypeObject* parameter_type;    // nn.Parameter, likewise

// Is `o` a tensor (an instance of _VariableBase)?
inline bool is_tensor(PyObject* o) { return Py_TYPE(o) == tensor_type || PyObject_TypeCheck(o, tensor_base_type); }
// The tensor inside; only where is_tensor(o). Valid as long as `o` lives.
inline const Tensor& unwrap(PyObject* o) { return reinterpret_cast<PyTensor*>(o)->tensor; }
// The Python object of a tensor, always the same one while it lives; None for an undefined tensor.
// New reference.
PyObject* wrap(Tensor t);
// A new object of `type` (a subclass of _VariableBase) for a tensor that has none yet.
PyObject* wrap_as(Tensor t, PyTypeObject* type);
// "tensorlite name": argument checks with PyTorch's wording, TypeError otherwise.
const Tensor& expect_tensor(PyObject* o, const char* function, const char* argument);

// Defined in their own files, called by module.cpp.
void register_tensor_type(PyObject* module);

}  // namespace tl::python
