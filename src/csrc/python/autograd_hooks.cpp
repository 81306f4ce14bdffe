#include "python/autograd_hooks.h"

#include "python/autograd.h"
#include "python/tensor.h"

namespace tl::python {

namespace {

// The hooks of a dict as they are now: one may remove itself, or another.
template <class F>
void for_each_hook(PyObject* dict, F&& f) {
  Object values = check(PyMapping_Values(dict));
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(values.get()); ++i) f(PyList_GET_ITEM(values.get(), i));
}

std::string name_of(PyObject* hook) {
  Object name = Object::adopt(PyObject_GetAttrString(hook, "__name__"));
  if (!name || !PyUnicode_Check(name.get())) {
    PyErr_Clear();
    return "<unknown>";
  }
  return PyUnicode_AsUTF8(name.get());
}

std::string type_text(const Tensor& t) { return "torch." + std::string(dtype_legacy_name(t.dtype())) + "Tensor"; }

// What a hook returned in place of `old`.
Tensor replacement(const Tensor& old, PyObject* result, PyObject* hook) {
  if (result == Py_None) return {};
  TL_CHECK(old.defined(), "can't replace a None gradient with a non-None value");
  TL_CHECK_TYPE(is_tensor(result), "expected Variable, but hook returned '", Py_TYPE(result)->tp_name, "'");
  const Tensor& fresh = unwrap(result);
  TL_CHECK(fresh.dtype() == old.dtype(), "hook '", name_of(hook), "' has changed the type of value (was ",
           type_text(old), " got ", type_text(fresh), ")");
  TL_CHECK(equal(fresh.sizes(), old.sizes()), "hook '", name_of(hook), "' has changed the size of value");
  return fresh;
}

void replace_all(std::span<Tensor> values, PyObject* result, PyObject* hook) {
  TL_CHECK_TYPE(PyTuple_Check(result), "expected tuple, but hook returned '", Py_TYPE(result)->tp_name, "'");
  TL_CHECK(size_t(PyTuple_GET_SIZE(result)) == values.size(), "hook '", name_of(hook),
           "' has returned an incorrect number of values (got ", PyTuple_GET_SIZE(result), ", but expected ",
           values.size(), ")");
  for (size_t i = 0; i < values.size(); ++i) {
    values[i] = replacement(values[i], PyTuple_GET_ITEM(result, Py_ssize_t(i)), hook);
  }
}

}  // namespace

void drop_reference(PyObject* o) noexcept {
  if (o == nullptr || !Py_IsInitialized()) return;
  GilAcquire gil;
  Py_DECREF(o);
}

Object wrap_tuple(std::span<const Tensor> tensors) {
  Object tuple = check(PyTuple_New(Py_ssize_t(tensors.size())));
  for (size_t i = 0; i < tensors.size(); ++i) {
    PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), check(wrap(tensors[i])).release());
  }
  return tuple;
}

void PyTensorHooks::call(Tensor& grad) {
  in_python([&] {
    for_each_hook(hooks.get(), [&](PyObject* hook) {
      Object arg = check(wrap(grad));
      Object result = check(PyObject_CallOneArg(hook, arg.get()));
      if (result.get() != Py_None) grad = replacement(grad, result.get(), hook);
    });
  });
}

void PyAccumulateHooks::call(const Tensor& leaf) {
  in_python([&] {
    for_each_hook(hooks.get(), [&](PyObject* hook) {
      Object arg = check(wrap(leaf));
      Object result = check(PyObject_CallOneArg(hook, arg.get()));
      if (result.get() == Py_None || result.get() == arg.get()) return;
      TL_CHECK_TYPE(is_tensor(result.get()), "expected Variable, but hook returned '", Py_TYPE(result.get())->tp_name,
                    "'");
      fail(ErrorKind::runtime, "Tensor post accumulate grad hooks should return None.");
    });
  });
}

void PyNodePreHooks::call(std::span<Tensor> grads) {
  in_python([&] {
    for_each_hook(hooks.get(), [&](PyObject* hook) {
      Object result = check(PyObject_CallOneArg(hook, wrap_tuple(grads).get()));
      if (result.get() != Py_None) replace_all(grads, result.get(), hook);
    });
  });
}

void PyNodePostHooks::call(std::span<Tensor> grad_inputs, std::span<const Tensor> grad_outputs) {
  in_python([&] {
    Object outputs = wrap_tuple(grad_outputs);
    for_each_hook(hooks.get(), [&](PyObject* hook) {
      Object inputs = wrap_tuple(grad_inputs);
      Object result = check(PyObject_CallFunctionObjArgs(hook, inputs.get(), outputs.get(), nullptr));
      if (result.get() != Py_None) replace_all(grad_inputs, result.get(), hook);
    });
  });
}

Object new_hook_dict() {
  Object collections = check(PyImport_ImportModule("collections"));
  return check(PyObject_CallMethod(collections.get(), "OrderedDict", nullptr));
}

Object add_to_hooks(PyObject* dict, PyObject* hook, bool prepend) {
  Object module = check(PyImport_ImportModule("tensorlite.utils.hooks"));
  Object handle = check(PyObject_CallMethod(module.get(), "RemovableHandle", "O", dict));
  Object id = check(PyObject_GetAttrString(handle.get(), "id"));
  check(PyObject_SetItem(dict, id.get(), hook));
  if (prepend) {
    Object moved = check(PyObject_CallMethod(dict, "move_to_end", "Oi", id.get(), 0));
  }
  return handle;
}

PyObject* node_register_hook(PyObject* self, PyObject* hook) {
  return guarded([&]() -> PyObject* {
    NodeExtras& extras = unwrap_node(self)->get_extras();
    for (auto& slot : extras.post_hooks) {
      if (auto* dict = static_cast<PyObject*>(slot.hook->python())) return add_to_hooks(dict, hook).release();
    }
    Object dict = new_hook_dict();
    Object handle = add_to_hooks(dict.get(), hook);
    extras.post_hooks.push_back({extras.next_hook_id++, 0, std::make_shared<PyNodePostHooks>(dict.get())});
    return handle.release();
  });
}

PyObject* node_register_prehook(PyObject* self, PyObject* hook) {
  return guarded([&]() -> PyObject* {
    NodeExtras& extras = unwrap_node(self)->get_extras();
    for (auto& slot : extras.pre_hooks) {
      if (auto* dict = static_cast<PyObject*>(slot.hook->python())) return add_to_hooks(dict, hook).release();
    }
    Object dict = new_hook_dict();
    Object handle = add_to_hooks(dict.get(), hook);
    extras.pre_hooks.push_back({extras.next_hook_id++, 0, std::make_shared<PyNodePreHooks>(dict.get())});
    return handle.release();
  });
}

}  // namespace tl::python
