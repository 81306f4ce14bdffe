// The callable made from the op records of one name: function and method in one object.
#pragma once

#include <string_view>

#include "python/signature.h"

namespace tl::python {

extern PyTypeObject* op_function_type;

// Builds `_C.ops` from all records, and the lists of names that `tensorlite` and the tensor type take.
void register_ops(PyObject* module);
// Puts the ops that are methods on the tensor type. Call once both exist.
void add_op_methods(PyTypeObject* type);

// Borrowed: the callable of that name (`add`, `add_`), or null.
PyObject* find_op(std::string_view name);
// Calls an op by its callable from C++ (as Python would).
Object call_op(PyObject* op, std::initializer_list<PyObject*> args);
// Result to Python, tensors as a `cls`; a new reference.
PyObject* wrap_result(Result&& result, const Signature* signature, PyTypeObject* cls = nullptr);

}  // namespace tl::python
