// The two paths of nn.Module that every forward runs through, calling a module and reading a
// registered attribute, and the quick part of attribute assignment. The rest is Python.
//
// All state stays in the instance's __dict__ (vars(), pickle and copy see what they see in
// PyTorch), and the type adds no fields, so that a module may inherit from any other class as well.
#include "python/nn_module.h"

#include "python/tensor.h"

namespace tl::python {

namespace {

PyTypeObject* module_base = nullptr;
// The hooks on all modules: four dicts that live in nn/modules/module.py.
PyObject* global_hooks = nullptr;

struct Names {
#define TL_NAME(n) PyObject* n = PyUnicode_InternFromString(#n)
  TL_NAME(_parameters);
  TL_NAME(_buffers);
  TL_NAME(_modules);
  TL_NAME(_forward_hooks);
  TL_NAME(_forward_pre_hooks);
  TL_NAME(_backward_hooks);
  TL_NAME(_backward_pre_hooks);
  TL_NAME(__getattr__);
  TL_NAME(__getattribute__);
  TL_NAME(forward);
  TL_NAME(_call_impl);
  TL_NAME(_assign_member);
  TL_NAME(_delete_member);
#undef TL_NAME
};
const Names* names = nullptr;

// dict[key] as an owned reference, or nothing (with an error set or not).
PyObject* find(PyObject* dict, PyObject* key) {
#if PY_VERSION_HEX >= 0x030D0000
  PyObject* value = nullptr;
  PyDict_GetItemRef(dict, key, &value);
  return value;
#else
  return Py_XNewRef(PyDict_GetItemWithError(dict, key));
#endif
}

// Looks through the tables of parameters, buffers and submodules.
PyObject* find_member(PyObject* dict, PyObject* name) {
  for (PyObject* table_name : {names->_parameters, names->_modules, names->_buffers}) {
    PyObject* table = find(dict, table_name);
    if (table == nullptr) {
      if (PyErr_Occurred()) return nullptr;
      continue;
    }
    PyObject* value = PyDict_Check(table) ? find(table, name) : nullptr;
    Py_DECREF(table);
    if (value != nullptr || PyErr_Occurred()) return value;
  }
  return nullptr;
}

PyObject* no_attribute(PyObject* self, PyObject* name) {
  PyErr_Format(PyExc_AttributeError, "'%.100s' object has no attribute '%U'", Py_TYPE(self)->tp_name, name);
#if PY_VERSION_HEX >= 0x030C0000
  // As the interpreter does it, for its suggestions in tracebacks.
  if (PyObject* error = PyErr_GetRaisedException()) {
    PyObject_SetAttrString(error, "name", name);
    PyObject_SetAttrString(error, "obj", self);
    PyErr_Clear();
    PyErr_SetRaisedException(error);
  }
#endif
  return nullptr;
}

// Module.__getattr__: only registered members.
PyObject* member_getattr(PyObject* self, PyObject* name) {
  PyObject* dict = PyObject_GenericGetDict(self, nullptr);
  if (dict == nullptr) return nullptr;
  PyObject* value = find_member(dict, name);
  Py_DECREF(dict);
  if (value == nullptr && !PyErr_Occurred()) no_attribute(self, name);
  return value;
}

// object.__getattribute__ and Module.__getattr__ in one. The interpreter's own combination of the
// two raises and clears an AttributeError for every parameter that is read.
PyObject* module_getattro(PyObject* self, PyObject* name) {
  PyTypeObject* type = Py_TYPE(self);
  // A class with a __getattr__ of its own decides itself what comes after the ordinary attributes.
  if (type->tp_getattro != module_getattro) return PyObject_GenericGetAttr(self, name);
  if (!PyUnicode_Check(name)) return PyObject_GenericGetAttr(self, name);
  PyObject* descr = Py_XNewRef(_PyType_Lookup(type, name));
  descrgetfunc get = descr != nullptr ? Py_TYPE(descr)->tp_descr_get : nullptr;
  PyObject* dict = PyObject_GenericGetDict(self, nullptr);
  if (dict == nullptr) {
    Py_XDECREF(descr);
    return nullptr;
  }
  PyObject* value = nullptr;
  if (get != nullptr && Py_TYPE(descr)->tp_descr_set != nullptr) {
    value = get(descr, self, reinterpret_cast<PyObject*>(type));
    Py_DECREF(descr);
    if (value == nullptr && PyErr_ExceptionMatches(PyExc_AttributeError)) {
      // A property that failed: a registered member of its name stands in, as in PyTorch.
      PyObject *error, *error_value, *traceback;
      PyErr_Fetch(&error, &error_value, &traceback);
      value = find_member(dict, name);
      if (value == nullptr && !PyErr_Occurred()) {
        PyErr_Restore(error, error_value, traceback);
      } else {
        Py_XDECREF(error);
        Py_XDECREF(error_value);
        Py_XDECREF(traceback);
      }
    }
    Py_DECREF(dict);
    return value;
  }
  value = find(dict, name);
  if (value == nullptr && descr == nullptr && !PyErr_Occurred()) value = find_member(dict, name);
  Py_DECREF(dict);
  if (value != nullptr || PyErr_Occurred()) {
    Py_XDECREF(descr);
    return value;
  }
  if (descr == nullptr) return no_attribute(self, name);
  if (get == nullptr) return descr;
  value = get(descr, self, reinterpret_cast<PyObject*>(type));
  Py_DECREF(descr);
  return value;
}

bool is_registered(PyObject* self, PyObject* name) {
  PyObject* dict = PyObject_GenericGetDict(self, nullptr);
  if (dict == nullptr) return false;
  PyObject* value = find_member(dict, name);
  Py_DECREF(dict);
  Py_XDECREF(value);
  return value != nullptr;
}

// Plain values go straight to the instance; modules, tensors and registered names to Python. A
// method and not the type's slot, for then object.__setattr__(module, …) stays allowed.
PyObject* module_setattr(PyObject* self, PyObject* const* args, Py_ssize_t nargs) {
  if (nargs != 2) return PyErr_Format(PyExc_TypeError, "expected 2 arguments, got %zd", nargs);
  PyObject *name = args[0], *value = args[1];
  bool registered = is_registered(self, name);
  if (PyErr_Occurred()) return nullptr;
  if (registered || is_tensor(value) || PyObject_TypeCheck(value, module_base)) {
    return PyObject_CallMethodObjArgs(self, names->_assign_member, name, value, nullptr);
  }
  if (PyObject_GenericSetAttr(self, name, value) < 0) return nullptr;
  Py_RETURN_NONE;
}
PyObject* module_delattr(PyObject* self, PyObject* name) {
  bool registered = is_registered(self, name);
  if (PyErr_Occurred()) return nullptr;
  if (registered) return PyObject_CallMethodObjArgs(self, names->_delete_member, name, nullptr);
  if (PyObject_GenericSetAttr(self, name, nullptr) < 0) return nullptr;
  Py_RETURN_NONE;
}
PyMethodDef methods[] = {
    {"__getattr__", member_getattr, METH_O, "Finds registered parameters, buffers and submodules."},
    {"__setattr__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(module_setattr)), METH_FASTCALL,
     "Sets an attribute; parameters, buffers and modules are registered."},
    {"__delattr__", module_delattr, METH_O, "Deletes an attribute or a registered member."},
    {nullptr, nullptr, 0, nullptr}};

// 1: no hook is set, 0: some are (or the module is not initialised), -1: error.
int is_plain(PyObject* dict) {
  for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(global_hooks); ++i) {
    if (PyDict_GET_SIZE(PyTuple_GET_ITEM(global_hooks, i)) != 0) return 0;
  }
  for (PyObject* table_name :
       {names->_forward_hooks, names->_forward_pre_hooks, names->_backward_hooks, names->_backward_pre_hooks}) {
    PyObject* table = find(dict, table_name);
    if (table == nullptr) return PyErr_Occurred() ? -1 : 0;
    bool empty = PyDict_Check(table) && PyDict_GET_SIZE(table) == 0;
    Py_DECREF(table);
    if (!empty) return 0;
  }
  return 1;
}

PyObject* call_method(PyObject* self, PyObject* name, PyObject* args, PyObject* kwargs) {
  PyObject* method = PyObject_GetAttr(self, name);
  if (method == nullptr) return nullptr;
  PyObject* result = PyObject_Call(method, args, kwargs);
  Py_DECREF(method);
  return result;
}

PyObject* module_call(PyObject* self, PyObject* args, PyObject* kwargs) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject* dict = PyObject_GenericGetDict(self, nullptr);
  if (dict == nullptr) return nullptr;
  int plain = is_plain(dict);
  PyObject* own_forward = plain == 1 ? find(dict, names->forward) : nullptr;
  Py_DECREF(dict);
  if (plain < 0 || PyErr_Occurred()) return nullptr;
  if (plain == 0) return call_method(self, names->_call_impl, args, kwargs);
  if (own_forward != nullptr) {
    PyObject* result = PyObject_Call(own_forward, args, kwargs);
    Py_DECREF(own_forward);
    return result;
  }
  PyObject* forward = type->tp_getattro == module_getattro ? _PyType_Lookup(type, names->forward) : nullptr;
  Py_ssize_t nargs = PyTuple_GET_SIZE(args);
  constexpr Py_ssize_t max_args = 8;
  if (forward == nullptr || !PyFunction_Check(forward) || nargs > max_args ||
      (kwargs != nullptr && PyDict_GET_SIZE(kwargs) != 0)) {
    return call_method(self, names->forward, args, kwargs);
  }
  PyObject* stack[max_args + 2];
  stack[1] = self;
  for (Py_ssize_t i = 0; i < nargs; ++i) stack[2 + i] = PyTuple_GET_ITEM(args, i);
  Py_INCREF(forward);
  PyObject* result =
      PyObject_Vectorcall(forward, stack + 1, size_t(nargs + 1) | PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
  Py_DECREF(forward);
  return result;
}

// For a class made in Python the interpreter installs its own combination of __getattribute__ and
// __getattr__, since it sees both; where both are still ours, this puts ours back.
PyObject* use_fast_lookup(PyObject*, PyObject* cls) {
  if (!PyType_Check(cls) || !PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(cls), module_base)) {
    PyErr_SetString(PyExc_TypeError, "_use_fast_lookup: a subclass of _ModuleBase is due");
    return nullptr;
  }
  auto* type = reinterpret_cast<PyTypeObject*>(cls);
  bool ours = true;
  for (PyObject* name : {names->__getattr__, names->__getattribute__}) {
    ours = ours && _PyType_Lookup(type, name) == _PyType_Lookup(module_base, name);
  }
  if (ours) {
    type->tp_getattro = module_getattro;
    PyType_Modified(type);
  }
  Py_RETURN_NONE;
}

PyObject* set_hook_tables(PyObject*, PyObject* tables) {
  bool fits = PyTuple_Check(tables) && PyTuple_GET_SIZE(tables) == 4;
  for (Py_ssize_t i = 0; fits && i < 4; ++i) fits = PyDict_Check(PyTuple_GET_ITEM(tables, i));
  if (!fits) {
    PyErr_SetString(PyExc_TypeError, "_set_module_hook_tables: a tuple of four dicts is due");
    return nullptr;
  }
  PyObject* old = global_hooks;
  global_hooks = Py_NewRef(tables);
  Py_XDECREF(old);
  Py_RETURN_NONE;
}
PyMethodDef module_functions[] = {
    {"_set_module_hook_tables", set_hook_tables, METH_O, "Tells the dicts of hooks on all modules."},
    {"_use_fast_lookup", use_fast_lookup, METH_O, "Prepares a new subclass of Module."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void register_module_base(PyObject* module) {
  static const Names all;
  names = &all;
  global_hooks = check(PyTuple_New(0)).release();
  PyType_Slot slots[] = {{Py_tp_doc, const_cast<char*>("The base of nn.Module: calls and attribute lookup.")},
                         {Py_tp_getattro, reinterpret_cast<void*>(module_getattro)},
                         {Py_tp_methods, methods},
                         {Py_tp_call, reinterpret_cast<void*>(module_call)},
                         {0, nullptr}};
  PyType_Spec spec = {"tensorlite._C._ModuleBase", 0, 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  module_base = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)).release());
  check(PyModule_AddObjectRef(module, "_ModuleBase", reinterpret_cast<PyObject*>(module_base)));
  check(PyModule_AddFunctions(module, module_functions));
}

}  // namespace tl::python
