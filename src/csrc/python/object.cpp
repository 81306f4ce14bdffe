#include "python/object.h"

#include <new>

#include "ops/lapack.h"
#include "python/errors.h"
#include "python/lapack.h"

namespace tl::python {

PyObject* out_of_memory_error = nullptr;

namespace {

// Holds the error indicator while C++ frames unwind, with or without the GIL.
class HeldError : public PythonError {
 public:
  HeldError() { PyErr_Fetch(&type_, &value_, &traceback_); }
  HeldError(const HeldError& o) : type_(o.type_), value_(o.value_), traceback_(o.traceback_) {
    GilAcquire gil;
    Py_XINCREF(type_);
    Py_XINCREF(value_);
    Py_XINCREF(traceback_);
  }
  ~HeldError() override {
    if (type_ == nullptr) return;
    GilAcquire gil;
    Py_XDECREF(type_);
    Py_XDECREF(value_);
    Py_XDECREF(traceback_);
  }
  void restore() const {
    Py_XINCREF(type_);
    Py_XINCREF(value_);
    Py_XINCREF(traceback_);
    PyErr_Restore(type_, value_, traceback_);
  }

 private:
  PyObject* type_ = nullptr;
  PyObject* value_ = nullptr;
  PyObject* traceback_ = nullptr;
};

PyObject* exception_for(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::type:
      return PyExc_TypeError;
    case ErrorKind::value:
      return PyExc_ValueError;
    case ErrorKind::index:
      return PyExc_IndexError;
    case ErrorKind::not_implemented:
      return PyExc_NotImplementedError;
    case ErrorKind::overflow:
      return PyExc_OverflowError;
    case ErrorKind::out_of_memory:
      return out_of_memory_error != nullptr ? out_of_memory_error : PyExc_MemoryError;
    default:
      return PyExc_RuntimeError;
  }
}

}  // namespace

void throw_python_error() { throw HeldError(); }

void set_python_error() noexcept {
  try {
    throw;
  } catch (const HeldError& e) {
    e.restore();
  } catch (const PythonError&) {
    if (!PyErr_Occurred()) PyErr_SetString(PyExc_SystemError, "error without an exception set");
  } catch (const LinAlgError& e) {
    PyErr_SetString(lin_alg_error, e.what());
  } catch (const Error& e) {
    PyErr_SetString(exception_for(e.kind()), e.what());
  } catch (const std::bad_alloc&) {
    PyErr_NoMemory();
  } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  } catch (...) {
    PyErr_SetString(PyExc_RuntimeError, "unknown C++ exception");
  }
}

}  // namespace tl::python
