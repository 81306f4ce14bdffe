#include "python/lapack.h"

#include "ops/lapack.h"

namespace tl::python {

PyObject* lin_alg_error = nullptr;

namespace {

void fill(Lapack& into, const std::vector<std::string>& names) {
  Object module = check(PyImport_ImportModule("tensorlite.linalg._lapack"));
  Object list = check(PyList_New(Py_ssize_t(names.size())));
  for (size_t i = 0; i < names.size(); ++i) {
    PyList_SET_ITEM(list.get(), Py_ssize_t(i), check(PyUnicode_FromString(names[i].c_str())).release());
  }
  Object found = check(PyObject_CallMethod(module.get(), "find", "O", list.get()));
  int wide = 0;
  PyObject* addresses = nullptr;
  if (!PyArg_ParseTuple(found.get(), "pO!", &wide, &PyList_Type, &addresses)) throw PythonError();
  into.wide = wide != 0;
  for (size_t i = 0; i < names.size(); ++i) {
    PyObject* item = PyList_GetItem(addresses, Py_ssize_t(i));
    void* address = item == nullptr ? nullptr : PyLong_AsVoidPtr(item);
    if (PyErr_Occurred()) throw PythonError();
    into.address[i / 4][i % 4] = address;
  }
}

void load(Lapack& into, const std::vector<std::string>& names) {
  GilAcquire gil;
  try {
    fill(into, names);
  } catch (const PythonError&) {
    throw_python_error();  // the caller may run without the GIL
  }
}

}  // namespace

void register_lapack(PyObject* module) {
  lapack_loader = load;
  lin_alg_error = check(PyErr_NewExceptionWithDoc("tensorlite.linalg.LinAlgError",
                                                  "A matrix has no inverse, no Cholesky factor, or the like.",
                                                  PyExc_RuntimeError, nullptr))
                      .release();
  check(PyModule_AddObjectRef(module, "_LinAlgError", lin_alg_error));
}

}  // namespace tl::python
