// Anomaly mode: each node remembers where in the program it was made, for when its backward fails.
#include "autograd/engine.h"
#include "python/autograd.h"
#include "python/autograd_hooks.h"

namespace tl::python {

namespace {

// metadata["traceback_"]: the lines of the forward call; metadata["parent_"]: the node whose backward
// made this one.
void record_trace(Node& node) {
  InterpreterSection section;
  Object traceback = check(PyImport_ImportModule("traceback"));
  Object stack = check(PyObject_CallMethod(traceback.get(), "format_stack", nullptr));
  Object metadata = metadata_dict(node);
  check(PyDict_SetItemString(metadata.get(), "traceback_", stack.get()));
  if (Node* parent = current_node()) {
    Object o = check(wrap_node(parent));
    check(PyDict_SetItemString(metadata.get(), "parent_", o.get()));
  }
}

std::string joined(PyObject* lines) {
  Object empty = check(PyUnicode_FromString(""));
  Object text = check(PyUnicode_Join(empty.get(), lines));
  return PyUnicode_AsUTF8(text.get());
}

void warn_user(const std::string& text) { check(PyErr_WarnEx(PyExc_UserWarning, text.c_str(), 1)); }

void report_chain(Node& node) {
  Object metadata = metadata_dict(node);
  PyObject* lines = PyDict_GetItemString(metadata.get(), "traceback_");
  if (lines == nullptr) {
    warn_user(
        "Error detected in " + node.name() +
        ". No forward pass information available. Enable detect anomaly during forward pass for more information.");
    return;
  }
  warn_user("Error detected in " + node.name() + ". Traceback of forward call that caused the error:\n" +
            joined(lines));
  for (Object at = metadata;;) {
    PyObject* parent = PyDict_GetItemString(at.get(), "parent_");
    if (parent == nullptr || parent == Py_None) return;
    Object held = Object::borrow(parent);
    Object name = check(PyObject_CallMethod(parent, "name", nullptr));
    at = check(PyObject_GetAttrString(parent, "metadata"));
    PyObject* trace = PyDict_GetItemString(at.get(), "traceback_");
    std::string text = std::string("\n\nPrevious calculation was induced by ") + PyUnicode_AsUTF8(name.get()) + ". ";
    if (trace == nullptr) {
      warn_user(text +
                "No forward pass information available. Enable detect anomaly during forward pass for more "
                "information.");
      return;
    }
    warn_user(text + "Traceback of forward call that induced the previous calculation:\n" + joined(trace));
  }
}

// The exception on its way is a C++ one, so Python can run.
void report(Node& node) {
  GilAcquire gil;
  try {
    report_chain(node);
  } catch (const PythonError&) {
    PyErr_Clear();  // warnings turned into errors do not hide the error itself
  }
}

PyObject* set_anomaly(PyObject*, PyObject* args) {
  int enabled, check_nan = 1;
  if (!PyArg_ParseTuple(args, "p|p:_set_anomaly_enabled", &enabled, &check_nan)) return nullptr;
  grad_state.anomaly = enabled != 0;
  grad_state.anomaly_check_nan = check_nan != 0;
  Py_RETURN_NONE;
}
PyObject* is_anomaly(PyObject*, PyObject*) { return PyBool_FromLong(grad_state.anomaly); }
PyObject* is_check_nan(PyObject*, PyObject*) { return PyBool_FromLong(grad_state.anomaly_check_nan); }

PyMethodDef functions[] = {
    {"_set_anomaly_enabled", set_anomaly, METH_VARARGS, nullptr},
    {"is_anomaly_enabled", is_anomaly, METH_NOARGS, "is_anomaly_enabled()\n--\n\nIs anomaly mode on?"},
    {"is_anomaly_check_nan_enabled", is_check_nan, METH_NOARGS,
     "is_anomaly_check_nan_enabled()\n--\n\nDoes anomaly mode look for NaNs?"},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void register_anomaly(PyObject* module) {
  record_anomaly_trace = record_trace;
  report_anomaly = report;
  check(PyModule_AddFunctions(module, functions));
}

}  // namespace tl::python
