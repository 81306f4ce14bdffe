#include "python/override.h"

#include <string>

#include "core/tls.h"
#include "ops/ops.h"
#include "python/members.h"

namespace tl::python {

namespace {

TL_THREAD_LOCAL bool disabled = false;

PyObject* default_function = nullptr;   // as it stands in Tensor's dict
PyObject* disabled_function = nullptr;  // what a class that takes no part assigns

PyObject* protocol_name() {
  static PyObject* const s = PyUnicode_InternFromString("__torch_function__");
  return s;
}

enum class Part { none, inherits, own };
Part part_of(PyTypeObject* type) {
  PyObject* found = _PyType_Lookup(type, protocol_name());
  if (found == nullptr || found == disabled_function) return Part::none;
  return found == default_function ? Part::inherits : Part::own;
}

bool is_common(PyObject* o) {
  return o == Py_None || PyLong_CheckExact(o) || PyFloat_CheckExact(o) || PyBool_Check(o) || PyUnicode_CheckExact(o);
}

// "torch.add", "torch.Tensor.shape.__get__": what the message calls a function.
std::string title_of(PyObject* func) {
  Object name = Object::adopt(PyObject_GetAttrString(func, "__name__"));
  if (!name || !PyUnicode_Check(name.get())) {
    PyErr_Clear();
    return Py_TYPE(func)->tp_name;
  }
  return std::string("torch.") + text_of(name.get());
}

Object tuple_of(PyObject* const* args, Py_ssize_t n) {
  Object tuple = check(PyTuple_New(n));
  for (Py_ssize_t i = 0; i < n; ++i) PyTuple_SET_ITEM(tuple.get(), i, Py_NewRef(args[i]));
  return tuple;
}
Object keywords_of(PyObject* const* values, PyObject* names) {
  if (names == nullptr || PyTuple_GET_SIZE(names) == 0) return {};
  Object dict = check(PyDict_New());
  for (Py_ssize_t k = 0; k < PyTuple_GET_SIZE(names); ++k) {
    check(PyDict_SetItem(dict.get(), PyTuple_GET_ITEM(names, k), values[k]));
  }
  return dict;
}

Object function_of_type(const char* name) {
  return check(PyObject_GetAttrString(reinterpret_cast<PyObject*>(tensor_base_type), name));
}

PyObject* ask_one(PyObject* self, PyObject* func, PyObject* args, PyObject* kwargs) {
  Takers takers;
  takers.look_at(self, false);
  return takers.ask(func, args, kwargs);
}

// --- getset ---------------------------------------------------------------------------------------

struct Asking {
  PyGetSetDef def;
  const PyGetSetDef* inner;
  PyObject* descr;
};
PyObject* ask_property(PyObject* self, const Asking& a, const char* which, PyObject* value) {
  return guarded([&]() -> PyObject* {
    Object func = check(PyObject_GetAttrString(a.descr, which));
    Object args = check(value == nullptr ? PyTuple_Pack(1, self) : PyTuple_Pack(2, self, value));
    return ask_one(self, func.get(), args.get(), nullptr);
  });
}
PyObject* asking_get(PyObject* self, void* closure) {
  const Asking& a = *static_cast<Asking*>(closure);
  if (!is_plain(self) && is_asked(self)) return ask_property(self, a, "__get__", nullptr);
  return a.inner->get(self, a.inner->closure);
}
int asking_set(PyObject* self, PyObject* value, void* closure) {
  const Asking& a = *static_cast<Asking*>(closure);
  if (!is_plain(self) && is_asked(self)) {
    PyObject* r = ask_property(self, a, value == nullptr ? "__delete__" : "__set__", value);
    Py_XDECREF(r);
    return r == nullptr ? -1 : 0;
  }
  return a.inner->set(self, value, a.inner->closure);
}

// --- Python functions -----------------------------------------------------------------------------

// A function written in Python whose arguments are looked at before it is called.
struct Overridable {
  PyObject ob_base;
  vectorcallfunc vectorcall;
  PyObject* function;
  PyObject* dict;
};
PyTypeObject* overridable_type = nullptr;

Overridable* as(PyObject* o) { return reinterpret_cast<Overridable*>(o); }

// May `o` take a call over? False for what nearly every argument is.
bool suspicious(PyObject* o) {
  PyTypeObject* t = Py_TYPE(o);
  return t != tensor_type && t != parameter_type && !is_common(o);
}
[[gnu::noinline]] bool find_takers(PyObject* const* args, Py_ssize_t n, Takers& takers) {
  if (!torch_function_enabled()) return false;
  for (Py_ssize_t i = 0; i < n; ++i) takers.look_at(args[i], true);
  return takers.must_be_asked();
}
PyObject* overridable_call(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
  Py_ssize_t n = nargs + (kwnames != nullptr ? PyTuple_GET_SIZE(kwnames) : 0);
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (!suspicious(args[i])) continue;
    Takers takers;
    if (find_takers(args, n, takers)) {
      return guarded([&] { return takers.ask(self, args, nargs, kwnames); });
    }
    break;
  }
  return _PyObject_Vectorcall(as(self)->function, args, nargsf, kwnames);
}
PyObject* overridable_get(PyObject* self, PyObject* instance, PyObject*) {
  return instance == nullptr ? Py_NewRef(self) : PyMethod_New(self, instance);
}
PyObject* overridable_getattr(PyObject* self, PyObject* name) {
  PyObject* r = PyObject_GenericGetAttr(self, name);
  if (r != nullptr || !PyErr_ExceptionMatches(PyExc_AttributeError)) return r;
  PyErr_Clear();
  return PyObject_GetAttr(as(self)->function, name);
}
PyObject* from_function(PyObject* self, void* name) {
  return PyObject_GetAttrString(as(self)->function, static_cast<const char*>(name));
}
PyObject* overridable_repr(PyObject* self) { return PyObject_Repr(as(self)->function); }
PyObject* overridable_reduce(PyObject* self, PyObject*) {
  return PyObject_GetAttrString(as(self)->function, "__qualname__");
}
int overridable_traverse(PyObject* self, visitproc visit, void* arg) {
  Py_VISIT(Py_TYPE(self));
  Py_VISIT(as(self)->function);
  Py_VISIT(as(self)->dict);
  return 0;
}
int overridable_clear(PyObject* self) {
  Py_CLEAR(as(self)->dict);
  return 0;
}
void overridable_dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  PyObject_GC_UnTrack(self);
  Py_CLEAR(as(self)->function);
  Py_CLEAR(as(self)->dict);
  type->tp_free(self);
  Py_DECREF(type);
}
#define TL_FROM(name) {name, from_function, nullptr, nullptr, const_cast<char*>(name)}
PyGetSetDef overridable_getset[] = {TL_FROM("__name__"),
                                    TL_FROM("__qualname__"),
                                    TL_FROM("__module__"),
                                    TL_FROM("__doc__"),
                                    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMemberDef overridable_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Overridable, vectorcall), READONLY, nullptr},
    {"__dictoffset__", T_PYSSIZET, offsetof(Overridable, dict), READONLY, nullptr},
    {"__wrapped__", T_OBJECT, offsetof(Overridable, function), READONLY, nullptr},
    {nullptr, 0, 0, 0, nullptr}};
PyMethodDef overridable_methods[] = {{"__reduce__", overridable_reduce, METH_NOARGS, nullptr},
                                     {nullptr, nullptr, 0, nullptr}};

PyObject* overridable(PyObject*, PyObject* function) {
  if (!PyFunction_Check(function)) {
    PyErr_SetString(PyExc_TypeError, "_overridable: a function is due");
    return nullptr;
  }
  PyObject* o = overridable_type->tp_alloc(overridable_type, 0);
  if (o == nullptr) return nullptr;
  as(o)->vectorcall = overridable_call;
  as(o)->function = Py_NewRef(function);
  return o;
}

// --- the module's functions -----------------------------------------------------------------------

PyObject* set_enabled(PyObject*, PyObject* arg) {
  bool before = !disabled;
  int on = PyObject_IsTrue(arg);
  if (on < 0) return nullptr;
  disabled = on == 0;
  return PyBool_FromLong(before);
}
PyObject* is_enabled(PyObject*, PyObject*) { return PyBool_FromLong(!disabled); }
PyObject* call_without(PyObject*, PyObject* args) {
  PyObject *func, *types, *call_args = nullptr, *kwargs = nullptr;
  if (!PyArg_ParseTuple(args, "OO|OO", &func, &types, &call_args, &kwargs)) return nullptr;
  Object tuple = Object::adopt(call_args == nullptr ? PyTuple_New(0) : PySequence_Tuple(call_args));
  if (!tuple) return nullptr;
  if (kwargs == Py_None) kwargs = nullptr;
  if (kwargs != nullptr && !PyDict_Check(kwargs)) {
    PyErr_SetString(PyExc_TypeError, "__torch_function__: kwargs must be a dict");
    return nullptr;
  }
  bool before = std::exchange(disabled, true);
  PyObject* r = PyObject_Call(func, tuple.get(), kwargs);
  disabled = before;
  return r;
}
// The arguments (and elements of lists) that take part, for torch.overrides.
PyObject* takers_among(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    Object tuple = check(PySequence_Tuple(args));
    if (!disabled) {
      for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple.get()); ++i) {
        PyObject* o = PyTuple_GET_ITEM(tuple.get(), i);
        if (!is_plain(o) && !is_common(o) && part_of(Py_TYPE(o)) != Part::none) Py_RETURN_TRUE;
      }
    }
    Py_RETURN_FALSE;
  });
}
PyMethodDef module_methods[] = {
    {"_set_torch_function_enabled", set_enabled, METH_O, "Turns __torch_function__ on or off; returns what it was."},
    {"_is_torch_function_enabled", is_enabled, METH_NOARGS, "Is __torch_function__ on, on this thread?"},
    {"_has_torch_function", takers_among, METH_O, "Has one of the arguments a __torch_function__ to be asked?"},
    {"_disabled_torch_function_impl", call_without, METH_VARARGS,
     "The __torch_function__ of classes that take no part: calls func(*args, **kwargs)."},
    {"_overridable", overridable, METH_O, "The function, asking the __torch_function__ of its arguments first."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

bool torch_function_enabled() { return !disabled; }

void Takers::look_at(PyObject* o, bool into_lists) {
  if (is_plain(o) || is_common(o)) return;
  if (into_lists && (PyTuple_Check(o) || PyList_Check(o))) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i) look_at(PySequence_Fast_GET_ITEM(o, i), false);
    return;
  }
  PyTypeObject* type = Py_TYPE(o);
  Part part = part_of(type);
  if (part == Part::none) return;
  own_ = own_ || part == Part::own;
  size_t at = takers_.size();
  for (size_t i = takers_.size(); i-- > 0;) {
    if (Py_TYPE(takers_[i]) == type) return;
    if (PyType_IsSubtype(type, Py_TYPE(takers_[i]))) at = i;
  }
  takers_.push_back(o);
  std::rotate(takers_.begin() + Py_ssize_t(at), takers_.end() - 1, takers_.end());
}

bool Takers::must_be_asked() {
  if (own_) return true;
  for (PyObject* o : takers_) {
    if (!PyType_IsSubtype(Py_TYPE(takers_[0]), Py_TYPE(o))) return true;
  }
  return false;
}

PyObject* Takers::ask(PyObject* func, PyObject* args, PyObject* kwargs) {
  Object types = check(PyTuple_New(Py_ssize_t(takers_.size())));
  for (size_t i = 0; i < takers_.size(); ++i) {
    PyTuple_SET_ITEM(types.get(), Py_ssize_t(i), Py_NewRef(reinterpret_cast<PyObject*>(Py_TYPE(takers_[i]))));
  }
  for (PyObject* o : takers_) {
    Object handler = check(PyObject_GetAttr(o, protocol_name()));
    Object answer = check(PyObject_CallFunctionObjArgs(handler.get(), func, types.get(), args, kwargs, nullptr));
    if (answer.get() != Py_NotImplemented) return answer.release();
  }
  std::string text = "Multiple dispatch failed for '" + title_of(func) +
                     "'; all __torch_function__ handlers returned NotImplemented:\n";
  for (PyObject* o : takers_) text += std::string("\n  - ") + Py_TYPE(o)->tp_name;
  fail(ErrorKind::type, text);
}
PyObject* Takers::ask(PyObject* func, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  Object tuple = tuple_of(args, nargs);
  Object dict = keywords_of(args + nargs, kwnames);
  return ask(func, tuple.get(), dict.get());
}

bool is_asked(PyObject* o) { return !disabled && part_of(Py_TYPE(o)) == Part::own; }

PyObject* wrap_for(Tensor t, PyTypeObject* cls) {
  if (cls == nullptr || !t.defined()) return wrap(std::move(t));
  if (t->python == nullptr) return wrap_as(std::move(t), cls);
  if (PyObject_TypeCheck(static_cast<PyObject*>(t->python), cls)) return wrap(std::move(t));
  return wrap_as(view(t, t.sizes()), cls);
}

bool asked_slot(PyObject* self, const char* name, PyObject*& result, PyObject* a, PyObject* b) {
  if (!is_asked(self)) return false;
  result = guarded([&]() -> PyObject* {
    PyObject* args[] = {self, a, b};
    return ask_one(self, function_of_type(name).get(),
                   tuple_of(args, a == nullptr   ? 1
                                  : b == nullptr ? 2
                                                 : 3)
                       .get(),
                   nullptr);
  });
  return true;
}
bool asked_method(PyObject* self, const char* name, PyObject* args, PyObject* kwargs, PyObject*& result) {
  if (!is_asked(self)) return false;
  result = guarded([&]() -> PyObject* {
    Object first = tuple_of(&self, 1);
    Object all = check(PySequence_Concat(first.get(), args));
    return ask_one(self, function_of_type(name).get(), all.get(), kwargs);
  });
  return true;
}
bool asked_method(PyObject* self, const char* name, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames,
                  PyObject*& result) {
  if (!is_asked(self)) return false;
  result = guarded([&]() -> PyObject* {
    Object first = tuple_of(&self, 1);
    Object rest = tuple_of(args, nargs);
    Object all = check(PySequence_Concat(first.get(), rest.get()));
    return ask_one(self, function_of_type(name).get(), all.get(), keywords_of(args + nargs, kwnames).get());
  });
  return true;
}

Object new_asking_getset(PyTypeObject* type, const PyGetSetDef& def) {
  auto* a = new Asking{def, &def, nullptr};  // lives as long as the type: always
  a->def.get = asking_get;
  a->def.set = def.set == nullptr ? nullptr : asking_set;
  a->def.closure = a;
  Object descr = check(PyDescr_NewGetSet(type, &a->def));
  a->descr = descr.get();
  return descr;
}

void set_default_torch_function(PyTypeObject* cls) { default_function = PyDict_GetItem(cls->tp_dict, protocol_name()); }

void register_override(PyObject* module) {
  PyType_Slot slots[] = {{Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                         {Py_tp_descr_get, reinterpret_cast<void*>(overridable_get)},
                         {Py_tp_getattro, reinterpret_cast<void*>(overridable_getattr)},
                         {Py_tp_repr, reinterpret_cast<void*>(overridable_repr)},
                         {Py_tp_traverse, reinterpret_cast<void*>(overridable_traverse)},
                         {Py_tp_clear, reinterpret_cast<void*>(overridable_clear)},
                         {Py_tp_dealloc, reinterpret_cast<void*>(overridable_dealloc)},
                         {Py_tp_getset, overridable_getset},
                         {Py_tp_members, overridable_members},
                         {Py_tp_methods, overridable_methods},
                         {0, nullptr}};
  PyType_Spec spec = {"tensorlite._C._Overridable", sizeof(Overridable), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
                          Py_TPFLAGS_METHOD_DESCRIPTOR | Py_TPFLAGS_DISALLOW_INSTANTIATION,
                      slots};
  overridable_type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)).release());
  check(PyModule_AddFunctions(module, module_methods));
  disabled_function = check(PyObject_GetAttrString(module, "_disabled_torch_function_impl")).release();
}

}  // namespace tl::python
