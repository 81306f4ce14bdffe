// What the tensor type offers of autograd: history, gradients, hooks.
#pragma once

#include "core/tensor.h"
#include "python/object.h"

namespace tl {
class Node;
class NodePtr;
struct Edge;
}  // namespace tl

namespace tl::python {

extern PyMethodDef autograd_methods[];
extern PyGetSetDef autograd_getset[];
void register_autograd(PyObject* module);

// The Python object of a graph node, the same one while it lives; None for null. New reference.
PyObject* wrap_node(Node* node);
// The node of such an object, or null where `o` is none.
Node* unwrap_node(PyObject* o);

// Garbage collection: the Python objects that only `t`'s graph and hooks keep alive.
int traverse_autograd(const Tensor& t, visitproc visit, void* arg);
void clear_autograd(const Tensor& t);

// One file a subject.
void register_grad_modes(PyObject* module);
void register_nodes(PyObject* module);
void register_engine(PyObject* module);

// autograd_engine.cpp: Tensor.backward.
PyObject* backward_method(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames);

}  // namespace tl::python
