// tensorlite._C: the extension module. One register_… a subject.
#include <pybind11/pybind11.h>

#include "core/allocator.h"
#include "core/parallel.h"
#include "kernels/slot.h"
#include "python/autograd.h"
#include "python/creation.h"
#include "python/dlpack.h"
#include "python/errors.h"
#include "python/generator.h"
#include "python/lapack.h"
#include "python/op_function.h"
#include "python/optim.h"
#include "python/override.h"
#include "python/storage.h"
#include "python/tensor.h"
#include "python/types.h"

namespace tl::python {

namespace {

namespace py = pybind11;

void emit_warning(const std::string& message) {
  GilAcquire gil;
  // A warning turned into an error by the user's filters unwinds as one.
  if (PyErr_WarnEx(PyExc_UserWarning, message.c_str(), 1) < 0) throw_python_error();
}

void* release_gil() { return PyGILState_Check() ? PyEval_SaveThread() : nullptr; }
void take_gil(void* state) { PyEval_RestoreThread(static_cast<PyThreadState*>(state)); }

void register_errors(py::module_& m) {
  PyObject* bases = PyTuple_Pack(2, PyExc_RuntimeError, PyExc_MemoryError);
  if (bases == nullptr) throw py::error_already_set();
  out_of_memory_error =
      PyErr_NewExceptionWithDoc("tensorlite.OutOfMemoryError", "A tensor's memory cannot be had.", bases, nullptr);
  Py_DECREF(bases);
  if (out_of_memory_error == nullptr) throw py::error_already_set();
  m.attr("OutOfMemoryError") = py::handle(out_of_memory_error);
}

void register_runtime(py::module_& m) {
  m.def("get_num_threads", num_threads, "The number of threads that large operations use.");
  m.def("set_num_threads", set_num_threads, py::arg("num_threads"),
        "Sets the number of threads; results do not depend on it.");
  m.def("empty_cache", empty_cache, "Gives cached memory back to the system.");
  m.def("reset_peak_memory_stats", reset_peak_memory, "Starts the peak anew from what is allocated now.");
  m.def(
      "memory_stats",
      [] {
        MemoryStats s = memory_stats();
        py::dict d;
        d["allocated_bytes.current"] = s.allocated;
        d["allocated_bytes.peak"] = s.allocated_peak;
        d["cached_bytes.current"] = s.cached;
        return d;
      },
      "Bytes of tensor data in use, their peak, and what is cached for reuse.");
}

}  // namespace

void register_all(py::module_& m) {
  warning_handler = emit_warning;
  begin_blocking = release_gil;
  end_blocking = take_gil;
  m.attr("_instruction_set") = kernels::select_kernels();
  register_errors(m);
  register_runtime(m);
  try {
    register_types(m.ptr());
    register_override(m.ptr());
    register_ops(m.ptr());
    register_tensor_type(m.ptr());
    register_creation(m.ptr());
    register_storage(m.ptr());
    register_shared_memory(m.ptr());
    register_dlpack(m.ptr());
    register_generator(m.ptr());
    register_lapack(m.ptr());
    register_autograd(m.ptr());
    register_optim(m.ptr());
  } catch (const PythonError&) {
    throw py::error_already_set();
  }
}

}  // namespace tl::python

PYBIND11_MODULE(_C, m) {
  m.doc() = "The C++ core of tensorlite.";
  tl::python::register_all(m);
}
