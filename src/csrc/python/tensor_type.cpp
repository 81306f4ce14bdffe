// The life of a tensor's Python object: identity, resurrection, garbage collection.

#include <cstring>

#include "autograd/state.h"
#include "python/autograd.h"
#include "python/dlpack.h"
#include "python/indexing.h"
#include "python/members.h"
#include "python/op_function.h"
#include "python/override.h"
#include "python/storage.h"
#include "python/tensor.h"
#include "python/tensor_methods.h"

namespace tl::python {

PyTypeObject* tensor_base_type = nullptr;
PyTypeObject* tensor_type = nullptr;
PyTypeObject* parameter_type = nullptr;

namespace {

PyTypeObject* meta_type = nullptr;

PyTensor* as(PyObject* o) { return reinterpret_cast<PyTensor*>(o); }

PyObject* allocate(PyTypeObject* type, Tensor t) {
  PyObject* o = type->tp_alloc(type, 0);
  if (o == nullptr) throw PythonError();
  PyTensor* p = as(o);
  t->python = o;
  new (&p->tensor) Tensor(std::move(t));
  p->owned = true;
  return o;
}

// Does the object carry something that a new one would not have?
bool worth_keeping(PyTensor* p) {
  return Py_TYPE(p) != tensor_type || p->weaklist != nullptr || (p->dict != nullptr && PyDict_GET_SIZE(p->dict) > 0);
}

// The last Python reference went while C++ still holds the tensor: the object stays, owned by it.
bool resurrect(PyTensor* p) {
  TensorImpl* impl = p->tensor.impl();
  if (!p->owned || impl == nullptr || impl->refs.count() == 1 || !worth_keeping(p)) return false;
  Py_SET_REFCNT(&p->ob_base, 1);
  impl->flags |= TensorImpl::owns_python;
  p->owned = false;
  // May destroy tensor and object, where the other owners have let go meanwhile.
  Tensor last = Tensor::adopt(impl);
  return true;
}

void clear_slots(PyTypeObject* type, PyObject* self) {
  for (PyTypeObject* t = type; t != nullptr && t != tensor_base_type; t = t->tp_base) {
    Py_ssize_t n = Py_SIZE(t);
    if (n <= 0 || !(t->tp_flags & Py_TPFLAGS_HEAPTYPE) || t->tp_members == nullptr) continue;
    PyMemberDef* member = t->tp_members;
    for (Py_ssize_t i = 0; i < n; ++i, ++member) {
      if (member->type != T_OBJECT_EX || (member->flags & READONLY)) continue;
      PyObject** slot = reinterpret_cast<PyObject**>(reinterpret_cast<char*>(self) + member->offset);
      Py_CLEAR(*slot);
    }
  }
}

// Serves the base and, set by the metaclass, every subclass: a class made in Python would otherwise
// clear the object's attributes before asking us whether it may go.
void tensor_dealloc(PyObject* self) {
  PyTensor* p = as(self);
  if (resurrect(p)) return;
  PyTypeObject* type = Py_TYPE(self);
  if (type->tp_finalize != nullptr) {
    if (PyObject_CallFinalizerFromDealloc(self) < 0) return;
  }
  PyObject_GC_UnTrack(self);
  if (p->weaklist != nullptr) PyObject_ClearWeakRefs(self);
  if (type != tensor_type) clear_slots(type, self);
  Py_CLEAR(p->dict);
  if (p->tensor.defined()) {
    if (p->owned) {
      p->tensor->python = nullptr;
      p->tensor.~Tensor();
    } else {
      p->tensor.release();
    }
  }
  type->tp_free(self);
  Py_DECREF(type);
}

int tensor_traverse(PyObject* self, visitproc visit, void* arg) {
  PyTensor* p = as(self);
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(p->dict);
  // Only what nobody but this object keeps alive may count as reachable through it alone.
  if (p->owned && p->tensor.defined() && p->tensor.use_count() == 1) {
    return traverse_autograd(p->tensor, visit, arg);
  }
  return 0;
}
int tensor_clear(PyObject* self) {
  PyTensor* p = as(self);
  Py_CLEAR(p->dict);
  if (p->owned && p->tensor.defined() && p->tensor.use_count() == 1) clear_autograd(p->tensor);
  return 0;
}

// Called by the core when a tensor that owns its object dies.
void release_object(void* object) {
  GilAcquire gil;
  auto* o = static_cast<PyObject*>(object);
  as(o)->tensor.release();
  Py_DECREF(o);
}

PyObject* tensor_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* { return legacy_new(type, args, kwargs); });
}

// The metaclass: gives classes derived in Python our deallocator.
int meta_init(PyObject* cls, PyObject* args, PyObject* kwargs) {
  // Extra class keywords are for __init_subclass__, which type.__new__ has called.
  Object positional = Object::borrow(args);
  (void)kwargs;
  if (PyType_Type.tp_init(cls, positional.get(), nullptr) < 0) return -1;
  reinterpret_cast<PyTypeObject*>(cls)->tp_dealloc = tensor_dealloc;
  return 0;
}

PyObject* get_dict(PyObject* self, void*) {
  PyTensor* p = as(self);
  if (p->dict == nullptr && (p->dict = PyDict_New()) == nullptr) return nullptr;
  return Py_NewRef(p->dict);
}
int set_dict(PyObject* self, PyObject* value, void*) {
  if (value == nullptr || !PyDict_Check(value)) {
    PyErr_SetString(PyExc_TypeError, "__dict__ must be set to a dictionary");
    return -1;
  }
  PyObject* old = as(self)->dict;
  as(self)->dict = Py_NewRef(value);
  Py_XDECREF(old);
  return 0;
}
PyGetSetDef own_getset[] = {{"__dict__", get_dict, set_dict, nullptr, nullptr},
                            {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyMemberDef members[] = {{"__dictoffset__", T_PYSSIZET, offsetof(PyTensor, dict), READONLY, nullptr},
                         {"__weaklistoffset__", T_PYSSIZET, offsetof(PyTensor, weaklist), READONLY, nullptr},
                         {nullptr, 0, 0, 0, nullptr}};

void add_getset(PyTypeObject* type, PyGetSetDef* defs) {
  for (PyGetSetDef* d = defs; d->name != nullptr; ++d) {
    Object descr = new_asking_getset(type, *d);
    check(PyDict_SetItemString(type->tp_dict, d->name, descr.get()));
  }
}
void add_methods(PyTypeObject* type, PyMethodDef* defs) {
  for (PyMethodDef* d = defs; d->ml_name != nullptr; ++d) {
    Object descr = check(PyDescr_NewMethod(type, d));
    check(PyDict_SetItemString(type->tp_dict, d->ml_name, descr.get()));
  }
}

PyObject* set_tensor_class(PyObject*, PyObject* cls) {
  if (!PyType_Check(cls) || !PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(cls), tensor_base_type)) {
    PyErr_SetString(PyExc_TypeError, "_set_tensor_class: a subclass of _VariableBase is due");
    return nullptr;
  }
  tensor_type = reinterpret_cast<PyTypeObject*>(Py_NewRef(cls));
  set_default_torch_function(tensor_type);
  Py_RETURN_NONE;
}
PyObject* set_parameter_class(PyObject*, PyObject* cls) {
  if (!PyType_Check(cls) || !PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(cls), tensor_base_type)) {
    PyErr_SetString(PyExc_TypeError, "_set_parameter_class: a subclass of _VariableBase is due");
    return nullptr;
  }
  parameter_type = reinterpret_cast<PyTypeObject*>(Py_NewRef(cls));
  Py_RETURN_NONE;
}

// _make_subclass(cls, data, requires_grad=False): `data`'s memory, no history, as a `cls`.
PyObject* make_subclass(PyObject*, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"cls", "data", "requires_grad", nullptr};
    PyObject* cls;
    PyObject* data;
    int requires_grad = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|p:_make_subclass", const_cast<char**>(names), &cls, &data,
                                     &requires_grad)) {
      return nullptr;
    }
    TL_CHECK_TYPE(PyType_Check(cls) && PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(cls), tensor_base_type),
                  "_make_subclass: cls must be a subclass of Tensor");
    const Tensor& t = expect_tensor(data, "_make_subclass", "data");
    Tensor fresh = detach(t);
    if (requires_grad) set_requires_grad(fresh, true);
    return wrap_as(std::move(fresh), reinterpret_cast<PyTypeObject*>(cls));
  });
}
PyMethodDef module_methods[] = {
    {"_set_tensor_class", set_tensor_class, METH_O, "Tells the class that results are made of."},
    {"_set_parameter_class", set_parameter_class, METH_O, "Tells the class of parameters."},
    {"_make_subclass", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(make_subclass)),
     METH_VARARGS | METH_KEYWORDS, "A tensor of a subclass over the memory of another."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

PyObject* wrap(Tensor t) {
  if (!t.defined()) Py_RETURN_NONE;
  TensorImpl* impl = t.impl();
  if (impl->python != nullptr) {
    auto* o = static_cast<PyObject*>(impl->python);
    if (impl->flags & TensorImpl::owns_python) {
      // Back to Python: the object holds the tensor again, and the caller gets its reference.
      impl->flags &= uint8_t(~TensorImpl::owns_python);
      as(o)->owned = true;
      t.release();
      return o;
    }
    return Py_NewRef(o);
  }
  return allocate(tensor_type, std::move(t));
}

PyObject* wrap_as(Tensor t, PyTypeObject* type) {
  TL_CHECK(t->python == nullptr, "the tensor has a Python object already");
  return allocate(type, std::move(t));
}

const Tensor& expect_tensor(PyObject* o, const char* function, const char* argument) {
  TL_CHECK_TYPE(is_tensor(o), function, "(): argument '", argument, "' must be Tensor, not ", Py_TYPE(o)->tp_name);
  return unwrap(o);
}

void register_tensor_type(PyObject* module) {
  release_python_object = release_object;

  PyType_Slot meta_slots[] = {
      {Py_tp_base, &PyType_Type}, {Py_tp_init, reinterpret_cast<void*>(meta_init)}, {0, nullptr}};
  PyType_Spec meta_spec = {"tensorlite._C._TensorMeta", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, meta_slots};
  meta_type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&meta_spec)).release());
  check(PyModule_AddObjectRef(module, "_TensorMeta", reinterpret_cast<PyObject*>(meta_type)));

  std::vector<PyType_Slot> slots = {{Py_tp_dealloc, reinterpret_cast<void*>(tensor_dealloc)},
                                    {Py_tp_traverse, reinterpret_cast<void*>(tensor_traverse)},
                                    {Py_tp_clear, reinterpret_cast<void*>(tensor_clear)},
                                    {Py_tp_new, reinterpret_cast<void*>(tensor_new)},
                                    {Py_tp_members, members},
                                    {Py_tp_getset, own_getset}};
  add_tensor_slots(slots);
  slots.push_back({0, nullptr});
  PyType_Spec spec = {"tensorlite._C._VariableBase", sizeof(PyTensor), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots.data()};
  tensor_base_type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)).release());
  // PyType_FromMetaclass exists from 3.12 on; the object is an ordinary class until its type is set.
  Py_SET_TYPE(tensor_base_type, meta_type);
  Py_INCREF(meta_type);
  tensor_type = tensor_base_type;
  parameter_type = tensor_base_type;

  add_op_methods(tensor_base_type);
  add_methods(tensor_base_type, tensor_methods);
  add_methods(tensor_base_type, dlpack_methods);
  add_methods(tensor_base_type, autograd_methods);
  add_getset(tensor_base_type, tensor_getset);
  add_getset(tensor_base_type, autograd_getset);
  PyType_Modified(tensor_base_type);
  check(PyModule_AddObjectRef(module, "_VariableBase", reinterpret_cast<PyObject*>(tensor_base_type)));
  check(PyModule_AddFunctions(module, module_methods));
}

}  // namespace tl::python
