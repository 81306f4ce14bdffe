// Hooks written in Python. As in PyTorch a tensor, a leaf's accumulation and a node each have one
// dict of hooks; removing an entry removes the hook.
#pragma once

#include "autograd/engine.h"
#include "python/object.h"

namespace tl::python {

// Runs `f` from inside the engine: with the interpreter's lock, and a Python error carried through the
// frames above.
template <class F>
auto in_python(F&& f) {
  InterpreterSection section;
  try {
    return f();
  } catch (const PythonError&) {
    if (PyErr_Occurred()) throw_python_error();
    throw;
  }
}

// Gives up a reference from a thread that may not hold the GIL, or at the end of the process.
void drop_reference(PyObject* o) noexcept;

// A dict of callables, owned from C++.
class HookDict {
 public:
  explicit HookDict(PyObject* dict) : dict_(Py_NewRef(dict)) {}
  HookDict(const HookDict&) = delete;
  ~HookDict() { drop_reference(dict_); }
  PyObject* get() const { return dict_; }

 private:
  PyObject* dict_;
};

struct PyTensorHooks final : TensorHook {
  explicit PyTensorHooks(PyObject* dict) : hooks(dict) {}
  void call(Tensor& grad) override;
  void* python() override { return hooks.get(); }
  HookDict hooks;
};
struct PyAccumulateHooks final : AccumulateHook {
  explicit PyAccumulateHooks(PyObject* dict) : hooks(dict) {}
  void call(const Tensor& leaf) override;
  void* python() override { return hooks.get(); }
  HookDict hooks;
};
struct PyNodePreHooks final : NodePreHook {
  explicit PyNodePreHooks(PyObject* dict) : hooks(dict) {}
  void call(std::span<Tensor> grads) override;
  void* python() override { return hooks.get(); }
  HookDict hooks;
};
struct PyNodePostHooks final : NodePostHook {
  explicit PyNodePostHooks(PyObject* dict) : hooks(dict) {}
  void call(std::span<Tensor> grad_inputs, std::span<const Tensor> grad_outputs) override;
  void* python() override { return hooks.get(); }
  HookDict hooks;
};

// A handle that takes `hook` out of `dict` again; it is put in under the handle's id.
Object add_to_hooks(PyObject* dict, PyObject* hook, bool prepend = false);
// A new OrderedDict.
Object new_hook_dict();

PyObject* node_register_hook(PyObject* self, PyObject* hook);
PyObject* node_register_prehook(PyObject* self, PyObject* hook);

// The `metadata` dict of a node, made where there is none.
Object metadata_dict(Node& node);

// Tensors as a tuple, None for the undefined.
Object wrap_tuple(std::span<const Tensor> tensors);

}  // namespace tl::python
