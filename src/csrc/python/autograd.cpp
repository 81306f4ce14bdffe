// What a tensor shows of autograd: properties and methods.
#include "python/autograd.h"

#include "autograd/state.h"
#include "python/autograd_hooks.h"
#include "python/op_function.h"
#include "python/override.h"
#include "python/tensor.h"

namespace tl::python {

namespace {

// --- requires_grad ------------------------------------------------------------------------------

PyObject* get_requires_grad(PyObject* self, void*) { return PyBool_FromLong(requires_grad(unwrap(self))); }

void change_requires_grad(const Tensor& t, bool value) {
  if (t->grad_fn != nullptr) {
    fail(ErrorKind::runtime, "you can only change requires_grad flags of leaf variables.",
         value ? ""
               : " If you want to use a computed variable in a subgraph that doesn't require differentiation use "
                 "var_no_grad = var.detach().");
  }
  set_requires_grad(t, value);
}
int put_requires_grad(PyObject* self, PyObject* value, void*) {
  return guarded_int([&] {
    TL_CHECK(value != nullptr && PyBool_Check(value), "requires_grad must be a bool");
    change_requires_grad(unwrap(self), value == Py_True);
    return 0;
  });
}
PyObject* requires_grad_(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return guarded([&]() -> PyObject* {
    Py_ssize_t n = nargs + (kwnames != nullptr ? PyTuple_GET_SIZE(kwnames) : 0);
    bool named = nargs == n || PyUnicode_CompareWithASCIIString(PyTuple_GET_ITEM(kwnames, 0), "requires_grad") == 0;
    TL_CHECK_TYPE(n <= 1 && named, "requires_grad_() takes one argument, requires_grad");
    TL_CHECK_TYPE(n == 0 || PyBool_Check(args[0]),
                  "requires_grad_(): argument 'requires_grad' (position 1) must be bool, not ",
                  Py_TYPE(args[0])->tp_name);
    const Tensor& t = unwrap(self);
    bool value = n == 0 || args[0] == Py_True;
    // Where a graph leads here already there is nothing to switch on.
    if (!(value && t->grad_fn != nullptr)) change_requires_grad(t, value);
    return Py_NewRef(self);
  });
}

// --- grad ---------------------------------------------------------------------------------------

PyObject* get_grad(PyObject* self, void*) {
  const Tensor& t = unwrap(self);
  return guarded([&]() -> PyObject* {
    Tensor grad = load_grad(t);
    if (grad.defined() || (t->autograd != nullptr && t->autograd->retains_grad) || t->grad_fn == nullptr) {
      return wrap(std::move(grad));
    }
    if (PyErr_WarnEx(PyExc_UserWarning,
                     "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute "
                     "won't be populated during autograd.backward(). If you indeed want the .grad field to be "
                     "populated for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor. If you access the "
                     "non-leaf Tensor by mistake, make sure you access the leaf Tensor instead. See "
                     "github.com/pytorch/pytorch/pull/30531 for more information.",
                     1) < 0) {
      return nullptr;
    }
    Py_RETURN_NONE;
  });
}
int put_grad(PyObject* self, PyObject* value, void*) {
  return guarded_int([&] {
    const Tensor& t = unwrap(self);
    if (value == nullptr || value == Py_None) {
      if (t->autograd != nullptr) store_grad(t, {});
      return 0;
    }
    TL_CHECK_TYPE(is_tensor(value), "assigned grad expected to be a Tensor or None but got grad of type ",
                  Py_TYPE(value)->tp_name);
    const Tensor& g = unwrap(value);
    TL_CHECK(!g.is_same(t), "can't assign Variable as its own grad");
    TL_CHECK(equal(g.sizes(), t.sizes()), "attempting to assign a gradient of size '", Shape{g.sizes()},
             "' to a tensor of size '", Shape{t.sizes()},
             "'. Please ensure that the gradient and the tensor are the same size");
    TL_CHECK(g.dtype() == t.dtype(), "attempting to assign a gradient with dtype '", dtype_name(g.dtype()),
             "' to a tensor with dtype '", dtype_name(t.dtype()),
             "'. The gradient must match the tensor's dtype (set the grad_dtype attribute to change that).");
    store_grad(t, g);
    return 0;
  });
}

// --- history ------------------------------------------------------------------------------------

PyObject* get_grad_fn(PyObject* self, void*) {
  return guarded([&]() -> PyObject* { return wrap_node(grad_fn(unwrap(self))); });
}
int put_grad_fn(PyObject* self, PyObject* value, void*) {
  return guarded_int([&] {
    TL_CHECK(value == Py_None, "_grad_fn can be only set to None");
    detach_(unwrap(self));
    return 0;
  });
}
PyObject* get_is_leaf(PyObject* self, void*) {
  return guarded([&]() -> PyObject* { return PyBool_FromLong(is_leaf(unwrap(self))); });
}
PyObject* get_retains_grad(PyObject* self, void*) {
  const Tensor& t = unwrap(self);
  return PyBool_FromLong(t->autograd != nullptr && t->autograd->retains_grad);
}
PyObject* get_version(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
    TL_CHECK(!unwrap(self).is_inference(), "Inference tensors do not track version counter.");
    return PyLong_FromUnsignedLong(unwrap(self).version());
  });
}
PyObject* get_base(PyObject* self, void*) {
  return guarded([&]() -> PyObject* { return wrap(view_base(unwrap(self))); });
}
PyObject* get_output_nr(PyObject* self, void*) { return PyLong_FromUnsignedLong(unwrap(self)->output_nr); }
PyObject* is_view(PyObject* self, PyObject*) { return PyBool_FromLong(unwrap(self).is_view()); }
PyObject* is_inference(PyObject* self, PyObject*) { return PyBool_FromLong(unwrap(self).is_inference()); }

PyObject* get_data(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
    Takers takers(&self, is_plain(self) || !torch_function_enabled() ? 0 : 1);
    return wrap_for(alias_with_new_version(unwrap(self)), takers.result_class());
  });
}

int put_data(PyObject* self, PyObject* value, void*) {
  return guarded_int([&] {
    TL_CHECK(value != nullptr, "Deleting tensor data is not allowed. Delete tensor instead!");
    TL_CHECK_TYPE(is_tensor(value), "Variable data has to be a tensor, but got ", Py_TYPE(value)->tp_name);
    set_data(unwrap(self), unwrap(value));
    return 0;
  });
}

PyObject* retain_grad_method(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    retain_grad(unwrap(self));
    Py_RETURN_NONE;
  });
}

// --- hooks --------------------------------------------------------------------------------------

PyObject* get_backward_hooks(PyObject* self, void*) {
  AutogradState* state = unwrap(self)->autograd;
  if (state == nullptr || !state->python_hooks) Py_RETURN_NONE;
  return Py_NewRef(static_cast<PyObject*>(state->python_hooks->python()));
}
// Assigning a dict makes it the tensor's hooks, None drops them.
void set_backward_hooks(const Tensor& t, PyObject* dict) {
  AutogradState& state = autograd_state(t);
  std::erase_if(state.leaf_hooks, [&](auto& slot) { return slot.hook == state.python_hooks; });
  state.python_hooks.reset();
  if (dict == nullptr || dict == Py_None) return;
  auto hooks = std::make_shared<PyTensorHooks>(dict);
  add_tensor_hook(t, hooks);
  state.python_hooks = std::move(hooks);
}
int put_backward_hooks(PyObject* self, PyObject* value, void*) {
  return guarded_int([&] {
    set_backward_hooks(unwrap(self), value);
    return 0;
  });
}

PyObject* register_hook(PyObject* self, PyObject* hook) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = unwrap(self);
    TL_CHECK(requires_grad(t), "cannot register a hook on a tensor that doesn't require gradient");
    grad_fn(t);  // after an in-place change of its base this is another node, with hooks of its own
    AutogradState& state = autograd_state(t);
    if (state.python_hooks) return add_to_hooks(static_cast<PyObject*>(state.python_hooks->python()), hook).release();
    Object dict = new_hook_dict();
    set_backward_hooks(t, dict.get());
    return add_to_hooks(dict.get(), hook).release();
  });
}

PyObject* register_post_accumulate_grad_hook(PyObject* self, PyObject* hook) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = unwrap(self);
    TL_CHECK(requires_grad(t), "cannot register a hook on a tensor that doesn't require gradient");
    TL_CHECK(is_leaf(t), "post accumulate grad hooks cannot be registered on non-leaf tensors");
    AutogradState& state = autograd_state(t);
    for (auto& slot : state.accumulate_hooks) {
      if (auto* dict = static_cast<PyObject*>(slot.hook->python())) return add_to_hooks(dict, hook).release();
    }
    Object dict = new_hook_dict();
    state.accumulate_hooks.push_back({state.next_hook_id++, 0, std::make_shared<PyAccumulateHooks>(dict.get())});
    return add_to_hooks(dict.get(), hook).release();
  });
}
PyObject* get_post_accumulate_hooks(PyObject* self, void*) {
  if (AutogradState* state = unwrap(self)->autograd) {
    for (auto& slot : state->accumulate_hooks) {
      if (auto* dict = static_cast<PyObject*>(slot.hook->python())) return Py_NewRef(dict);
    }
  }
  Py_RETURN_NONE;
}

PyObject* get_volatile(PyObject*, void*) {
  if (PyErr_WarnEx(PyExc_UserWarning, "volatile was removed (Variable.volatile is always False)", 1) < 0)
    return nullptr;
  Py_RETURN_FALSE;
}
int put_volatile(PyObject*, PyObject*, void*) {
  return PyErr_WarnEx(PyExc_UserWarning,
                      "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.", 1);
}

}  // namespace

PyMethodDef autograd_methods[] = {
    {TL_FAST("requires_grad_", requires_grad_),
     "requires_grad_(requires_grad=True)\n\nChanges whether autograd records "
     "operations on this leaf; returns self."},
    {TL_FAST("backward", backward_method),
     "backward(gradient=None, retain_graph=None, create_graph=False, inputs=None)\n\nComputes the gradient of this "
     "tensor "
     "with respect to the leaves of its graph and adds it to\ntheir `.grad`. `gradient` weights the elements where "
     "there is more than one; `inputs` names\nthe tensors that accumulate, all leaves by default."},
    {TL_NOARGS("retain_grad", retain_grad_method), "Keeps the gradient of a tensor that is no leaf in its `.grad`."},
    {TL_ONE_ARG("register_hook", register_hook),
     "register_hook(hook)\n\n`hook(grad)` runs each time a gradient for this tensor is computed; what it returns "
     "replaces\nthe gradient. Returns a handle whose `remove()` takes the hook away."},
    {TL_ONE_ARG("register_post_accumulate_grad_hook", register_post_accumulate_grad_hook),
     "register_post_accumulate_grad_hook(hook)\n\n`hook(param)` runs after a gradient was added to this leaf's "
     "`.grad`."},
    {TL_NOARGS("_is_view", is_view), "Is this a view of another tensor?"},
    {TL_NOARGS("is_inference", is_inference), "Was this made in inference mode?"},
    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef autograd_getset[] = {
    {"requires_grad", get_requires_grad, put_requires_grad, "Does autograd record operations on this tensor?", nullptr},
    {"grad", get_grad, put_grad, "The gradient that backward accumulated, or None.", nullptr},
    {"_grad", get_grad, put_grad, nullptr, nullptr},
    {"grad_fn", get_grad_fn, nullptr, "The graph node that computed this tensor, None for leaves.", nullptr},
    {"_grad_fn", get_grad_fn, put_grad_fn, nullptr, nullptr},
    {"is_leaf", get_is_leaf, nullptr, "True unless this is the result of a recorded operation.", nullptr},
    {"retains_grad", get_retains_grad, nullptr, "Was retain_grad called on this tensor?", nullptr},
    {"creator", get_grad_fn, nullptr, "The first PyTorch's name of grad_fn.", nullptr},
    {"volatile", get_volatile, put_volatile, "False: no_grad has taken its place.", nullptr},
    {"data", get_data, put_data, "The same memory without history and with a version of its own.", nullptr},
    {"_version", get_version, nullptr, "Counts writes to the memory.", nullptr},
    {"_base", get_base, nullptr, "The tensor that this is a view of, or None.", nullptr},
    {"output_nr", get_output_nr, nullptr, "Which output of grad_fn this is.", nullptr},
    {"_backward_hooks", get_backward_hooks, put_backward_hooks, nullptr, nullptr},
    {"_post_accumulate_grad_hooks", get_post_accumulate_hooks, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};

void register_autograd(PyObject* module) {
  register_grad_modes(module);
  register_nodes(module);
  register_engine(module);
  register_function(module);
  register_saved_tensors(module);
  register_anomaly(module);
}

}  // namespace tl::python
