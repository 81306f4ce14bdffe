// What nodes keep for backward, seen from Python: saved_tensors_hooks, and the handles of
// grad_fn._raw_saved_….
#include "autograd/engine.h"
#include "autograd/state.h"
#include "python/autograd.h"
#include "python/autograd_hooks.h"
#include "python/tensor.h"

namespace tl::python {

namespace {

struct PySavedHooks final : SavedTensorHooks {
  PySavedHooks(PyObject* pack, PyObject* unpack) : pack_(Object::borrow(pack)), unpack_(Object::borrow(unpack)) {}
  ~PySavedHooks() override {
    if (!Py_IsInitialized()) {
      pack_.release();
      unpack_.release();
      return;
    }
    GilAcquire gil;
    pack_ = Object();
    unpack_ = Object();
  }
  void* pack(const Tensor& t) override {
    return in_python([&] { return check(PyObject_CallOneArg(pack_.get(), check(wrap(t)).get())).release(); });
  }
  Tensor unpack(void* packed) override {
    return in_python([&] {
      Object o = check(PyObject_CallOneArg(unpack_.get(), static_cast<PyObject*>(packed)));
      TL_CHECK_TYPE(is_tensor(o.get()),
                    "Output of saved tensor unpack_hook expected to be a Tensor but got result of type ",
                    Py_TYPE(o.get())->tp_name);
      return Tensor(unwrap(o.get()));
    });
  }
  void drop(void* packed) override { drop_reference(static_cast<PyObject*>(packed)); }

 private:
  Object pack_, unpack_;
};

thread_local std::vector<std::shared_ptr<SavedTensorHooks>> stack;
thread_local PyObject* disabled_message = nullptr;

std::shared_ptr<SavedTensorHooks> innermost() { return stack.empty() ? nullptr : stack.back(); }

void require_enabled() {
  if (disabled_message == nullptr) return;
  throw Error(ErrorKind::runtime, PyUnicode_AsUTF8(disabled_message));
}

std::shared_ptr<SavedTensorHooks> make_hooks(PyObject* args, const char* format) {
  PyObject *pack, *unpack;
  if (!PyArg_ParseTuple(args, format, &pack, &unpack)) throw PythonError();
  TL_CHECK_TYPE(PyCallable_Check(pack) && PyCallable_Check(unpack), "saved tensor hooks: two callables are due, got ",
                Py_TYPE(pack)->tp_name, " and ", Py_TYPE(unpack)->tp_name);
  return std::make_shared<PySavedHooks>(pack, unpack);
}

PyObject* push_hooks(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    require_enabled();
    stack.push_back(make_hooks(args, "OO:saved_tensors_hooks"));
    has_default_saved_tensor_hooks = true;
    Py_RETURN_NONE;
  });
}
PyObject* pop_hooks(PyObject*, PyObject*) {
  if (!stack.empty()) stack.pop_back();
  has_default_saved_tensor_hooks = !stack.empty();
  Py_RETURN_NONE;
}
// _disable_saved_tensors_hooks(message or None) -> the message that was in force
PyObject* disable_hooks(PyObject*, PyObject* message) {
  return guarded([&]() -> PyObject* {
    TL_CHECK_TYPE(message == Py_None || PyUnicode_Check(message), "disable_saved_tensors_hooks: a message is due");
    TL_CHECK(message == Py_None || stack.empty(), PyUnicode_Check(message) ? PyUnicode_AsUTF8(message) : "");
    PyObject* before = std::exchange(disabled_message, message == Py_None ? nullptr : Py_NewRef(message));
    return before == nullptr ? Py_NewRef(Py_None) : before;
  });
}

// --- _raw_saved_… ------------------------------------------------------------------------------

struct Handle {
  PyObject ob_base;
  NodePtr node;
  size_t index;
};
PyTypeObject* handle_type = nullptr;
Handle* as(PyObject* o) { return reinterpret_cast<Handle*>(o); }

void handle_dealloc(PyObject* o) {
  PyTypeObject* type = Py_TYPE(o);
  as(o)->node.~NodePtr();
  type->tp_free(o);
  Py_DECREF(type);
}
PyObject* register_hooks(PyObject* self, PyObject* args) {
  return guarded([&]() -> PyObject* {
    auto hooks = make_hooks(args, "OO:register_hooks");
    Node& node = *as(self)->node;
    TL_CHECK(
        !node.released && as(self)->index < node.saved().size(),
        "Calling register_hooks on a saved tensor after it has been freed. Saved intermediate values of the graph are "
        "freed when you call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward through "
        "the graph a second time or if you need to access saved variables after calling backward.");
    node.saved()[as(self)->index].register_hooks(std::move(hooks), node);
    Py_RETURN_NONE;
  });
}
PyObject* get_data(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
    Node& node = *as(self)->node;
    if (as(self)->index >= node.saved().size()) Py_RETURN_NONE;
    return wrap(node.saved()[as(self)->index].unpack(node, true));
  });
}
PyMethodDef handle_methods[] = {
    {"register_hooks", register_hooks, METH_VARARGS,
     "register_hooks(pack_hook, unpack_hook)\n\nPacks this saved tensor now and unpacks it when it is read."},
    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef handle_getset[] = {{"data", get_data, nullptr, "The tensor, unpacked.", nullptr},
                               {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyMethodDef functions[] = {{"_push_saved_tensors_hooks", push_hooks, METH_VARARGS, nullptr},
                           {"_pop_saved_tensors_hooks", pop_hooks, METH_NOARGS, nullptr},
                           {"_disable_saved_tensors_hooks", disable_hooks, METH_O, nullptr},
                           {nullptr, nullptr, 0, nullptr}};

}  // namespace

Object wrap_saved(NodePtr node, size_t index) {
  Object o = check(handle_type->tp_alloc(handle_type, 0));
  new (&as(o.get())->node) NodePtr(std::move(node));
  as(o.get())->index = index;
  return o;
}

void register_saved_tensors(PyObject* module) {
  default_saved_tensor_hooks = innermost;
  PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(handle_dealloc)},
                         {Py_tp_methods, handle_methods},
                         {Py_tp_getset, handle_getset},
                         {0, nullptr}};
  PyType_Spec spec = {"tensorlite._C.SavedTensor", sizeof(Handle), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  handle_type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)).release());
  check(PyModule_AddObjectRef(module, "SavedTensor", reinterpret_cast<PyObject*>(handle_type)));
  check(PyModule_AddFunctions(module, functions));
}

}  // namespace tl::python
