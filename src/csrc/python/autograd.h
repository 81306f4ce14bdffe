// What the tensor type offers of autograd: history, gradients, hooks.
#pragma once

#include "core/tensor.h"
#include "python/object.h"

namespace tl {
class Node;
class NodePtr;
}  // namespace tl

namespace tl::python {

extern PyMethodDef autograd_methods[];
extern PyGetSetDef autograd_getset[];
void register_autograd(PyObject* module);

// Garbage collection: the Python objects that only `t`'s graph and hooks keep alive.
int traverse_autograd(const Tensor& t, visitproc visit, void* arg);
void clear_autograd(const Tensor& t);

// One file a subject.
void register_grad_modes(PyObject* module);
void register_nodes(PyObject* module);
void register_engine(PyObject* module);
void register_function(PyObject* module);
void register_saved_tensors(PyObject* module);
void register_anomaly(PyObject* module);

// autograd_node.cpp. The Python object of a graph node, the same one while it lives; None for null.
// New reference.
PyObject* wrap_node(Node* node);
// The node of such an object, or null where `o` is none or its node is gone.
Node* unwrap_node(PyObject* o);
// Gives a type what every grad_fn object has: name, next_functions, hooks …
void add_node_attributes(PyTypeObject* type);

// autograd_function.cpp: the ctx of a Function, which is the object of its node too.
bool is_function_ctx(PyObject* o);
Node* function_node(PyObject* o);
PyObject* wrap_function_node(Node& node);

// autograd_saved.cpp: a handle on what `node` saved at `index`.
Object wrap_saved(NodePtr node, size_t index);

// autograd_engine.cpp: Tensor.backward.
PyObject* backward_method(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames);

}  // namespace tl::python
