// How the optimizer steps read Python's groups and states.
#pragma once

#include <vector>

#include "autograd/state.h"
#include "ops/ops.h"
#include "python/optim.h"
#include "python/signature.h"
#include "python/tensor.h"

namespace tl::python {

inline void require_args(const char* name, Py_ssize_t given, Py_ssize_t due) {
  TL_CHECK_TYPE(given == due, name, "() takes ", due, " arguments (", given, " given)");
}

// A value of a dict, or nothing.
inline Object find(PyObject* dict, PyObject* key) {
  PyObject* value = PyDict_GetItemWithError(dict, key);
  if (value == nullptr && PyErr_Occurred()) throw PythonError();
  return Object::borrow(value);
}
inline Object get(PyObject* dict, PyObject* key) {
  Object value = find(dict, key);
  if (!value) {
    PyErr_SetObject(PyExc_KeyError, key);
    throw PythonError();
  }
  return value;
}

inline double to_number(PyObject* o, PyObject* key) {
  if (PyFloat_CheckExact(o)) return PyFloat_AS_DOUBLE(o);
  if (is_tensor(o)) return item(unwrap(o)).to_double();
  Scalar s;
  TL_CHECK_TYPE(as_scalar(o, s) && !s.is_complex(), "optimizer: option '", text_of(key), "' must be a number, not ",
                Py_TYPE(o)->tp_name);
  return s.to_double();
}
inline double number(PyObject* group, PyObject* key) { return to_number(get(group, key).get(), key); }
inline bool flag(PyObject* group, PyObject* key) {
  Object value = get(group, key);
  int truth = PyObject_IsTrue(value.get());
  check(truth);
  return truth != 0;
}

inline const Tensor& grad_of(const Tensor& t) {
  static const Tensor none;
  return t->autograd != nullptr ? t->autograd->grad : none;
}

// state[param], made by the defaultdict where it is new.
inline Object state_of(PyObject* state, PyObject* param) {
  Object entry = PyDict_Check(state) ? find(state, param) : Object();
  if (!entry) entry = check(PyObject_GetItem(state, param));
  TL_CHECK_TYPE(PyDict_Check(entry.get()), "optimizer: the state of a parameter must be a dict, not ",
                Py_TYPE(entry.get())->tp_name);
  return entry;
}
inline PyObject* state_tensor(PyObject* entry, PyObject* key) {
  Object value = get(entry, key);
  TL_CHECK_TYPE(is_tensor(value.get()), "optimizer: state '", PyUnicode_AsUTF8(key), "' must be a Tensor, not ",
                Py_TYPE(value.get())->tp_name);
  return value.release();
}
// The parameters of a group that have gradients, with so many state tensors each, kept alive. First
// everything is gathered, which may run Python code; then the tensors inside are looked at, once.
class Gathered {
 public:
  Gathered(PyObject* group, size_t states) : states_(states) {
    static PyObject* const params_name = PyUnicode_InternFromString("params");
    Object params = get(group, params_name);
    list_ = check(PySequence_Fast(params.get(), "an iterable of Tensors is due"));
    objects_.reserve(size_t(PySequence_Fast_GET_SIZE(list_.get())) * (1 + states));
  }
  ~Gathered() {
    for (PyObject* o : objects_) Py_XDECREF(o);
  }
  Gathered(const Gathered&) = delete;

  template <class F>
  void each(const char* function, F&& f) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list_.get()); ++i) {
      PyObject* o = PySequence_Fast_GET_ITEM(list_.get(), i);
      const Tensor& p = expect_tensor(o, function, "params");
      if (!grad_of(p).defined()) continue;
      keep(Py_NewRef(o));
      f(o, p);
    }
  }
  // Takes over a reference; null for a state that is not there.
  void keep(PyObject* o) { objects_.push_back(o); }
  PyObject* last() const { return objects_.back(); }
  PyObject* hold(Object o) {
    held_.push_back(std::move(o));
    return held_.back().get();
  }

  size_t size() const { return objects_.size() / (1 + states_); }
  const Tensor& param(size_t i) const { return unwrap(objects_[i * (1 + states_)]); }
  const Tensor& grad(size_t i) const { return grad_of(param(i)); }
  const Tensor* state(size_t i, size_t k) const {
    if (k >= states_) return nullptr;
    PyObject* o = objects_[i * (1 + states_) + 1 + k];
    return o != nullptr ? &unwrap(o) : nullptr;
  }

 private:
  Object list_;
  size_t states_;
  std::vector<PyObject*> objects_;
  std::vector<Object> held_;
};

inline void check_group(PyObject* group, const char* function) {
  TL_CHECK_TYPE(PyDict_Check(group), function, "(): a parameter group must be a dict, not ", Py_TYPE(group)->tp_name);
}

// The tensors under `keys`: first in the order that a state is made in, which saves looking them
// up.
inline void keep_states(Gathered& all, PyObject* entry, PyObject* const* keys, int count) {
  Py_ssize_t at = 0;
  PyObject *key, *value;
  int k = 0;
  while (k < count && PyDict_Next(entry, &at, &key, &value) && key == keys[k] && is_tensor(value)) {
    all.keep(Py_NewRef(value));
    ++k;
  }
  for (; k < count; ++k) all.keep(state_tensor(entry, keys[k]));
}

}  // namespace tl::python
