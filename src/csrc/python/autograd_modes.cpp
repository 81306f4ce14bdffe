// no_grad, enable_grad, set_grad_enabled, inference_mode: context managers and decorators. They are
// C types because entering one is on the path of every small inference loop.

#include "autograd/grad_mode.h"
#include "python/autograd.h"

namespace tl::python {

namespace {

struct Mode {
  PyObject ob_base;
  GradState saved;
  bool value;  // the argument of set_grad_enabled and inference_mode
};

Mode* as(PyObject* o) { return reinterpret_cast<Mode*>(o); }

PyTypeObject* no_grad_type;
PyTypeObject* enable_grad_type;
PyTypeObject* set_grad_enabled_type;
PyTypeObject* inference_mode_type;

PyObject* create(PyTypeObject* type, bool value) {
  PyObject* o = type->tp_alloc(type, 0);
  if (o == nullptr) return nullptr;
  as(o)->saved = grad_state;
  as(o)->value = value;
  return o;
}

void dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  type->tp_free(o);
  Py_DECREF(type);
}

// `function` under a fresh context of this kind at each call.
PyObject* decorate(PyObject* self, PyObject* function) {
  PyObject* module = PyImport_ImportModule("tensorlite.utils._contextlib");
  if (module == nullptr) return nullptr;
  PyObject* clone = PyObject_GetAttrString(self, "clone");
  PyObject* out = clone == nullptr ? nullptr : PyObject_CallMethod(module, "context_decorator", "OO", clone, function);
  Py_XDECREF(clone);
  Py_DECREF(module);
  return out;
}

PyObject* enter_no_grad(PyObject* self, PyObject*) {
  as(self)->saved = grad_state;
  grad_state.grad_enabled = false;
  Py_RETURN_NONE;
}
PyObject* enter_enable_grad(PyObject* self, PyObject*) {
  as(self)->saved = grad_state;
  grad_state.grad_enabled = true;
  Py_RETURN_NONE;
}
// Set when it was made, not when it is entered.
PyObject* enter_set_grad_enabled(PyObject*, PyObject*) { Py_RETURN_NONE; }
PyObject* enter_inference_mode(PyObject* self, PyObject*) {
  as(self)->saved = grad_state;
  set_inference(as(self)->value);
  grad_state.grad_enabled = !as(self)->value;
  Py_RETURN_NONE;
}
PyObject* leave(PyObject* self, PyObject* const*, Py_ssize_t) {
  grad_state.grad_enabled = as(self)->saved.grad_enabled;
  Py_RETURN_NONE;
}
PyObject* leave_inference_mode(PyObject* self, PyObject* const*, Py_ssize_t) {
  grad_state.grad_enabled = as(self)->saved.grad_enabled;
  set_inference(as(self)->saved.inference);
  Py_RETURN_NONE;
}

PyObject* clone(PyObject* self, PyObject*) { return PyObject_CallNoArgs(reinterpret_cast<PyObject*>(Py_TYPE(self))); }
PyObject* clone_with_value(PyObject* self, PyObject*) {
  return PyObject_CallOneArg(reinterpret_cast<PyObject*>(Py_TYPE(self)), as(self)->value ? Py_True : Py_False);
}

PyObject* call(PyObject* self, PyObject* args, PyObject* kwargs) {
  PyObject* function;
  if ((kwargs != nullptr && PyDict_GET_SIZE(kwargs) > 0) || !PyArg_ParseTuple(args, "O", &function)) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_TypeError, "a grad mode decorates one function");
    return nullptr;
  }
  // What construction switched on is for the calls of the function only.
  if (PyObject_TypeCheck(self, set_grad_enabled_type)) grad_state.grad_enabled = as(self)->saved.grad_enabled;
  return decorate(self, function);
}

PyObject* bool_or_fail(PyObject* arg, const char* what) {
  if (PyBool_Check(arg)) return arg;
  PyErr_Format(PyExc_TypeError, "%s(): argument 'mode' must be bool, not %.200s", what, Py_TYPE(arg)->tp_name);
  return nullptr;
}

// no_grad() makes a context; no_grad(f), as in a bare `@no_grad`, decorates.
PyObject* make_plain(PyTypeObject* type, PyObject* function) {
  PyObject* self = create(type, false);
  if (self == nullptr || function == nullptr || function == Py_None) return self;
  PyObject* out = decorate(self, function);
  Py_DECREF(self);
  return out;
}
PyObject* make_set_grad_enabled(PyTypeObject* type, PyObject* mode) {
  if (mode == nullptr) {
    PyErr_SetString(PyExc_TypeError, "set_grad_enabled.__init__() missing 1 required positional argument: 'mode'");
    return nullptr;
  }
  if (bool_or_fail(mode, "set_grad_enabled") == nullptr) return nullptr;
  PyObject* self = create(type, mode == Py_True);
  if (self != nullptr) grad_state.grad_enabled = as(self)->value;
  return self;
}
PyObject* make_inference_mode(PyTypeObject* type, PyObject* mode) {
  if (mode == nullptr || PyBool_Check(mode)) return create(type, mode != Py_False);
  if (!PyCallable_Check(mode)) return bool_or_fail(mode, "inference_mode");
  PyObject* self = create(type, true);
  PyObject* out = self == nullptr ? nullptr : decorate(self, mode);
  Py_XDECREF(self);
  return out;
}

// The one optional argument, by position or by name; false with an error set.
template <PyObject* (*make)(PyTypeObject*, PyObject*)>
PyObject* vectorcall(PyObject* type, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  Py_ssize_t n = PyVectorcall_NARGS(nargsf) + (kwnames != nullptr ? PyTuple_GET_SIZE(kwnames) : 0);
  bool named = kwnames == nullptr || PyTuple_GET_SIZE(kwnames) == 0 ||
               PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, 0), "mode") == 0 ||
               PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, 0), "orig_func") == 0;
  if (n > 1 || !named) {
    PyErr_Format(PyExc_TypeError, "%s takes one argument", reinterpret_cast<PyTypeObject*>(type)->tp_name);
    return nullptr;
  }
  return make(reinterpret_cast<PyTypeObject*>(type), n == 1 ? args[0] : nullptr);
}
// The way of subclasses.
template <PyObject* (*make)(PyTypeObject*, PyObject*)>
PyObject* construct(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  PyObject* arg = nullptr;
  if (PyTuple_GET_SIZE(args) > 0) {
    arg = PyTuple_GET_ITEM(args, 0);
  } else if (kwargs != nullptr) {
    arg = PyDict_GetItemString(kwargs, "mode");
  }
  return make(type, arg);
}
int init(PyObject*, PyObject*, PyObject*) { return 0; }

PyObject* get_prev(PyObject* self, void*) { return PyBool_FromLong(as(self)->saved.grad_enabled); }
PyObject* get_mode(PyObject* self, void*) { return PyBool_FromLong(as(self)->value); }
PyGetSetDef plain_getset[] = {{"prev", get_prev, nullptr, "Whether gradients were recorded before.", nullptr},
                              {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyGetSetDef mode_getset[] = {{"prev", get_prev, nullptr, "Whether gradients were recorded before.", nullptr},
                             {"mode", get_mode, nullptr, "The mode inside the context.", nullptr},
                             {nullptr, nullptr, nullptr, nullptr, nullptr}};

#define TL_FAST(f) reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f)), METH_FASTCALL
#define TL_MODE_METHODS(name, enter, leave, clone)                                      \
  PyMethodDef name[] = {{"__enter__", enter, METH_NOARGS, nullptr},                     \
                        {"__exit__", TL_FAST(leave), nullptr},                          \
                        {"clone", clone, METH_NOARGS, "A fresh context of this kind."}, \
                        {nullptr, nullptr, 0, nullptr}}
TL_MODE_METHODS(no_grad_methods, enter_no_grad, leave, clone);
TL_MODE_METHODS(enable_grad_methods, enter_enable_grad, leave, clone);
TL_MODE_METHODS(set_grad_enabled_methods, enter_set_grad_enabled, leave, clone_with_value);
TL_MODE_METHODS(inference_mode_methods, enter_inference_mode, leave_inference_mode, clone_with_value);

template <PyObject* (*make)(PyTypeObject*, PyObject*)>
PyTypeObject* add_mode(PyObject* module, const char* name, const char* full_name, const char* doc, PyMethodDef* methods,
                       PyGetSetDef* getset) {
  PyType_Slot slots[] = {{Py_tp_new, reinterpret_cast<void*>(construct<make>)},
                         {Py_tp_init, reinterpret_cast<void*>(init)},
                         {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
                         {Py_tp_call, reinterpret_cast<void*>(call)},
                         {Py_tp_methods, methods},
                         {Py_tp_getset, getset},
                         {Py_tp_doc, const_cast<char*>(doc)},
                         {0, nullptr}};
  PyType_Spec spec = {full_name, sizeof(Mode), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  auto* type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)).release());
  type->tp_vectorcall = vectorcall<make>;
  check(PyModule_AddObjectRef(module, name, reinterpret_cast<PyObject*>(type)));
  return type;
}

PyObject* is_grad_enabled(PyObject*, PyObject*) { return PyBool_FromLong(grad_state.grad_enabled); }
PyObject* is_inference_mode_enabled(PyObject*, PyObject*) { return PyBool_FromLong(grad_state.inference); }
PyObject* put_grad_enabled(PyObject*, PyObject* mode) {
  if (bool_or_fail(mode, "set_grad_enabled") == nullptr) return nullptr;
  grad_state.grad_enabled = mode == Py_True;
  Py_RETURN_NONE;
}

PyMethodDef functions[] = {{"is_grad_enabled", is_grad_enabled, METH_NOARGS,
                            "is_grad_enabled()\n--\n\nIs a graph recorded on this thread now?"},
                           {"is_inference_mode_enabled", is_inference_mode_enabled, METH_NOARGS,
                            "is_inference_mode_enabled()\n--\n\nIs inference mode on, on this thread?"},
                           {"_set_grad_enabled", put_grad_enabled, METH_O, nullptr},
                           {nullptr, nullptr, 0, nullptr}};

}  // namespace

void register_grad_modes(PyObject* module) {
  no_grad_type = add_mode<make_plain>(
      module, "no_grad", "tensorlite.autograd.grad_mode.no_grad",
      "no_grad()\n--\n\nContext manager and decorator under which no graph is recorded: results do not require grad.\n"
      "\nFor the current thread only. A view made under it may not be written in place outside.",
      no_grad_methods, plain_getset);
  enable_grad_type = add_mode<make_plain>(
      module, "enable_grad", "tensorlite.autograd.grad_mode.enable_grad",
      "enable_grad()\n--\n\nContext manager and decorator under which the graph is recorded, also inside no_grad.",
      enable_grad_methods, plain_getset);
  set_grad_enabled_type = add_mode<make_set_grad_enabled>(
      module, "set_grad_enabled", "tensorlite.autograd.grad_mode.set_grad_enabled",
      "set_grad_enabled(mode)\n--\n\nSwitches recording on or off: at once as a function, until its end as a context\n"
      "manager, for each call as a decorator.",
      set_grad_enabled_methods, mode_getset);
  inference_mode_type = add_mode<make_inference_mode>(
      module, "inference_mode", "tensorlite.autograd.grad_mode.inference_mode",
      "inference_mode(mode=True)\n--\n\nno_grad for tensors that never meet autograd again.\n\nTensors made under it "
      "count no versions and can be neither saved for backward nor, outside, be written in\nplace.",
      inference_mode_methods, mode_getset);
  check(PyModule_AddFunctions(module, functions));
}

}  // namespace tl::python
