#include "python/autograd.h"

#include "autograd/state.h"
#include "python/tensor.h"

namespace tl::python {

namespace {
PyObject* get_requires_grad(PyObject* self, void*) { return PyBool_FromLong(requires_grad(unwrap(self))); }
int put_requires_grad(PyObject* self, PyObject* value, void*) {
  return guarded_int([&] {
    set_requires_grad(unwrap(self), PyObject_IsTrue(value) == 1);
    return 0;
  });
}
PyObject* detach_method(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* { return wrap(detach(unwrap(self))); });
}
}  // namespace

PyMethodDef autograd_methods[] = {{"detach", detach_method, METH_NOARGS, nullptr}, {nullptr, nullptr, 0, nullptr}};
PyGetSetDef autograd_getset[] = {{"requires_grad", get_requires_grad, put_requires_grad, nullptr, nullptr},
                                 {nullptr, nullptr, nullptr, nullptr, nullptr}};
void register_autograd(PyObject*) {}
int traverse_autograd(const Tensor&, visitproc, void*) { return 0; }
void clear_autograd(const Tensor&) {}

}  // namespace tl::python
