// Small helpers around the C API: owned references, and exceptions across the language border.
#pragma once

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <utility>

#include "core/error.h"

namespace tl::python {

// An owned reference.
class Object {
 public:
  Object() = default;
  Object(Object&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  Object(const Object& o) : p_(Py_XNewRef(o.p_)) {}
  Object& operator=(Object o) noexcept {
    std::swap(p_, o.p_);
    return *this;
  }
  ~Object() { Py_XDECREF(p_); }
  static Object adopt(PyObject* p) {
    Object o;
    o.p_ = p;
    return o;
  }
  static Object borrow(PyObject* p) { return adopt(Py_XNewRef(p)); }
  PyObject* get() const { return p_; }
  PyObject* release() { return std::exchange(p_, nullptr); }
  explicit operator bool() const { return p_ != nullptr; }

 private:
  PyObject* p_ = nullptr;
};

// Thrown where the Python error indicator is already set.
class PythonError : public std::exception {
 public:
  const char* what() const noexcept override { return "a Python exception is set"; }
};
// Owned reference to the result of a C API call, or PythonError.
inline Object check(PyObject* p) {
  if (p == nullptr) throw PythonError();
  return Object::adopt(p);
}
inline void check(int rc) {
  if (rc < 0) throw PythonError();
}

// A str's text for a message; "?" where it has none (lone surrogates).
inline const char* text_of(PyObject* s) {
  const char* text = PyUnicode_AsUTF8(s);
  if (text == nullptr) PyErr_Clear();
  return text != nullptr ? text : "?";
}

// Sets the Python error for the C++ exception being handled (call inside catch (...)).
void set_python_error() noexcept;
// Keeps a Python error across C++ frames that do not hold the GIL: catch it where Python was called,
// rethrow, and set_python_error() restores it. (`PythonErrorState` carries type, value, traceback.)
[[noreturn]] void throw_python_error();

// Runs f, turning C++ exceptions into Python ones; returns what f returns or the error value.
template <class F>
PyObject* guarded(F&& f) noexcept {
  try {
    return f();
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}
template <class F>
int guarded_int(F&& f) noexcept {
  try {
    return f();
  } catch (...) {
    set_python_error();
    return -1;
  }
}

class GilAcquire {
 public:
  GilAcquire() : state_(PyGILState_Ensure()) {}
  ~GilAcquire() { PyGILState_Release(state_); }
  GilAcquire(const GilAcquire&) = delete;

 private:
  PyGILState_STATE state_;
};
class GilRelease {
 public:
  GilRelease() : state_(PyEval_SaveThread()) {}
  ~GilRelease() { PyEval_RestoreThread(state_); }
  GilRelease(const GilRelease&) = delete;

 private:
  PyThreadState* state_;
};

}  // namespace tl::python
