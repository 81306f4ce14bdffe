// The `__torch_function__` protocol: which arguments take a call over, and handing it to them.
//
// A class that inherits Tensor's own `__torch_function__` is not asked: the call runs as for any tensor,
// and its results become that class.
#pragma once

#include <algorithm>

#include "core/inline_vector.h"
#include "python/tensor.h"

namespace tl::python {

// Of a class without an override, by two comparisons.
inline bool is_plain(PyObject* o) {
  PyTypeObject* t = Py_TYPE(o);
  return t == tensor_type || t == parameter_type || t == tensor_base_type;
}

// Is the protocol on, on this thread?
bool torch_function_enabled();

// The arguments of a call that take part, one of each class, subclasses before their superclasses.
class Takers {
 public:
  Takers() = default;
  Takers(PyObject* const* args, Py_ssize_t n) {
    for (Py_ssize_t i = 0; i < n; ++i) look_at(args[i], true);
  }
  void look_at(PyObject* o, bool into_lists);
  bool empty() const { return takers_.empty(); }
  // Has one a `__torch_function__` of its own, or do they disagree about the class of the result?
  bool must_be_asked();
  // What the results become where nobody is asked; null for what they are.
  PyTypeObject* result_class() { return takers_.empty() ? nullptr : Py_TYPE(takers_[0]); }
  // Asks one after the other until one does not answer NotImplemented; a new reference.
  PyObject* ask(PyObject* func, PyObject* args, PyObject* kwargs);
  PyObject* ask(PyObject* func, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames);

 private:
  InlineVector<PyObject*, 4> takers_;
  bool own_ = false;
};

// Has `o` a `__torch_function__` of its own that is to be asked now?
bool is_asked(PyObject* o);
// The tensor as a `cls` (null: as it is); a new reference.
PyObject* wrap_for(Tensor t, PyTypeObject* cls);

// A method or slot `name` of Tensor called on `self`: true if its override was asked, with the answer or
// null and an exception in `result`.
bool asked_slot(PyObject* self, const char* name, PyObject*& result, PyObject* a = nullptr, PyObject* b = nullptr);
bool asked_method(PyObject* self, const char* name, PyObject* args, PyObject* kwargs, PyObject*& result);
bool asked_method(PyObject* self, const char* name, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames,
                  PyObject*& result);

// A string as a template argument.
template <size_t n>
struct MethodName {
  char text[n];
  constexpr MethodName(const char (&s)[n]) { std::copy_n(s, n, text); }
};

// Methods that ask the override of a subclass first.
template <PyCFunction f, MethodName name>
PyObject* no_args_method(PyObject* self, PyObject* unused) {
  PyObject* result;
  if (!is_plain(self) && asked_slot(self, name.text, result)) return result;
  return f(self, unused);
}
template <PyCFunction f, MethodName name>
PyObject* one_arg_method(PyObject* self, PyObject* arg) {
  PyObject* result;
  if (!is_plain(self) && asked_slot(self, name.text, result, arg)) return result;
  return f(self, arg);
}
template <PyCFunctionWithKeywords f, MethodName name>
PyObject* keywords_method(PyObject* self, PyObject* args, PyObject* kwargs) {
  PyObject* result;
  if (!is_plain(self) && asked_method(self, name.text, args, kwargs, result)) return result;
  return f(self, args, kwargs);
}
template <_PyCFunctionFastWithKeywords f, MethodName name>
PyObject* fast_method(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  PyObject* result;
  if (!is_plain(self) && asked_method(self, name.text, args, nargs, kwnames, result)) return result;
  return f(self, args, nargs, kwnames);
}
#define TL_NOARGS(name, f) name, no_args_method<f, name>, METH_NOARGS
#define TL_ONE_ARG(name, f) name, one_arg_method<f, name>, METH_O
#define TL_KEYWORDS(name, f)                                                                   \
  name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(keywords_method<f, name>)), \
      METH_VARARGS | METH_KEYWORDS
#define TL_FAST(name, f) \
  name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(fast_method<f, name>)), METH_FASTCALL | METH_KEYWORDS

// A getset descriptor of `type` that asks the override of a subclass first.
Object new_asking_getset(PyTypeObject* type, const PyGetSetDef& def);

// Once the class with the protocol's default exists.
void set_default_torch_function(PyTypeObject* cls);
void register_override(PyObject* module);

}  // namespace tl::python
