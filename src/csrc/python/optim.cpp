// What nn and optim call. Optimizer steps read groups and state from Python's dicts here, so that
// whatever the user replaces between two steps is seen, and a step costs one call a group.
#include "python/optim.h"

#include <cmath>
#include <vector>

#include "ops/ops.h"
#include "ops/optim.h"
#include "python/nn_module.h"
#include "python/optim_group.h"

namespace tl::python {

namespace {

// Interned names of options and state entries.
struct Names {
#define TL_NAME(n) PyObject* n = PyUnicode_InternFromString(#n)
  TL_NAME(lr);
  TL_NAME(momentum);
  TL_NAME(dampening);
  TL_NAME(weight_decay);
  TL_NAME(nesterov);
  TL_NAME(maximize);
  TL_NAME(betas);
  TL_NAME(eps);
  TL_NAME(amsgrad);
  TL_NAME(decoupled_weight_decay);
  TL_NAME(momentum_buffer);
  TL_NAME(step);
  TL_NAME(exp_avg);
  TL_NAME(exp_avg_sq);
  TL_NAME(max_exp_avg_sq);
#undef TL_NAME
};
const Names& names() {
  static const Names all;
  return all;
}

// Calls f(object, tensor) for every tensor of a list, tuple or other iterable.
template <class F>
void for_each_tensor(PyObject* tensors, const char* function, F&& f) {
  Object list = check(PySequence_Fast(tensors, "an iterable of Tensors is due"));
  for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(list.get()); ++i) {
    PyObject* o = PySequence_Fast_GET_ITEM(list.get(), i);
    f(o, expect_tensor(o, function, "params"));
  }
}

void set_state(PyObject* entry, PyObject* key, const Tensor& t) {
  Object value = check(wrap(t));
  check(PyDict_SetItem(entry, key, value.get()));
}

// _sgd_step(group, state)
PyObject* py_sgd_step(PyObject*, PyObject* const* args, Py_ssize_t nargs) {
  return guarded([&]() -> PyObject* {
    require_args("_sgd_step", nargs, 2);
    PyObject* group = args[0];
    check_group(group, "_sgd_step");
    const Names& n = names();
    SgdOptions o{number(group, n.lr),           number(group, n.momentum), number(group, n.dampening),
                 number(group, n.weight_decay), flag(group, n.nesterov),   flag(group, n.maximize)};
    Gathered all(group, o.momentum == 0 ? 0 : 1);
    std::vector<PyObject*> fresh;  // the entries whose buffers are new, once the step went well
    all.each("SGD", [&](PyObject* object, const Tensor& p) {
      if (o.momentum == 0) return;
      Object entry = state_of(args[1], object);
      Object buffer = find(entry.get(), n.momentum_buffer);
      if (buffer && buffer.get() != Py_None) {
        all.keep(state_tensor(entry.get(), n.momentum_buffer));
      } else {
        all.keep(check(wrap(empty_like(p))).release());
        fresh.push_back(all.hold(std::move(entry)));
        fresh.push_back(all.last());
      }
    });
    std::vector<SgdItem> items;
    items.reserve(all.size());
    size_t next = 0;
    for (size_t i = 0; i < all.size(); ++i) {
      const Tensor* buffer = all.state(i, 0);
      bool first = next < fresh.size() && buffer == &unwrap(fresh[next + 1]);
      if (first) next += 2;
      if (all.grad(i).defined()) items.push_back({&all.param(i), &all.grad(i), buffer, first});
    }
    sgd_step(items, o);
    for (size_t i = 0; i < fresh.size(); i += 2) check(PyDict_SetItem(fresh[i], n.momentum_buffer, fresh[i + 1]));
    Py_RETURN_NONE;
  });
}

void begin_adam(PyObject* entry, const Tensor& p, bool amsgrad) {
  const Names& n = names();
  DType step_dtype = default_dtype() == DType::Float64 ? DType::Float64 : DType::Float32;
  auto zeros_of = [&] {
    Tensor t = empty_like(p);
    fill_(t, 0);
    return t;
  };
  set_state(entry, n.step, scalar_tensor(0.0, step_dtype));
  set_state(entry, n.exp_avg, zeros_of());
  set_state(entry, n.exp_avg_sq, zeros_of());
  if (amsgrad) set_state(entry, n.max_exp_avg_sq, zeros_of());
}

// _adam_step(group, state)
PyObject* py_adam_step(PyObject*, PyObject* const* args, Py_ssize_t nargs) {
  return guarded([&]() -> PyObject* {
    require_args("_adam_step", nargs, 2);
    PyObject* group = args[0];
    check_group(group, "_adam_step");
    const Names& n = names();
    Object betas = get(group, n.betas);
    TL_CHECK_TYPE(
        (PyTuple_Check(betas.get()) || PyList_Check(betas.get())) && PySequence_Fast_GET_SIZE(betas.get()) == 2,
        "Adam: betas must be a pair of numbers");
    AdamOptions o{number(group, n.lr),
                  to_number(PySequence_Fast_GET_ITEM(betas.get(), 0), n.betas),
                  to_number(PySequence_Fast_GET_ITEM(betas.get(), 1), n.betas),
                  number(group, n.eps),
                  number(group, n.weight_decay),
                  flag(group, n.amsgrad),
                  flag(group, n.maximize),
                  flag(group, n.decoupled_weight_decay)};
    Gathered all(group, 4);
    all.each("Adam", [&](PyObject* object, const Tensor& p) {
      TL_CHECK_TYPE(is_differentiable(p.dtype()), "Adam: a parameter must be floating point or complex, got ",
                    dtype_name(p.dtype()));
      Object entry = state_of(args[1], object);
      if (PyDict_GET_SIZE(entry.get()) == 0) begin_adam(entry.get(), p, o.amsgrad);
      PyObject* keys[] = {n.step, n.exp_avg, n.exp_avg_sq, n.max_exp_avg_sq};
      keep_states(all, entry.get(), keys, o.amsgrad ? 4 : 3);
      if (!o.amsgrad) all.keep(nullptr);
    });
    std::vector<AdamItem> items;
    items.reserve(all.size());
    for (size_t i = 0; i < all.size(); ++i) {
      if (!all.grad(i).defined()) continue;
      items.push_back(
          {&all.param(i), &all.grad(i), all.state(i, 1), all.state(i, 2), all.state(i, 3), all.state(i, 0)});
    }
    adam_step(items, o);
    Py_RETURN_NONE;
  });
}

// _zero_grads(params, set_to_none)
PyObject* py_zero_grads(PyObject*, PyObject* const* args, Py_ssize_t nargs) {
  return guarded([&]() -> PyObject* {
    require_args("_zero_grads", nargs, 2);
    int to_none = PyObject_IsTrue(args[1]);
    check(to_none);
    for_each_tensor(args[0], "zero_grad", [&](PyObject*, const Tensor& p) {
      if (!grad_of(p).defined()) return;
      if (to_none) {
        p->autograd->grad.reset();
        return;
      }
      Tensor grad = grad_of(p);
      if (raw_grad_fn(grad) != nullptr) {
        detach_(grad);
      } else {
        set_requires_grad(grad, false);
      }
      NoGradGuard no_grad;
      zero_(grad);
    });
    Py_RETURN_NONE;
  });
}

std::vector<Tensor> grads_of(PyObject* params, const char* function) {
  std::vector<Tensor> grads;
  for_each_tensor(params, function, [&](PyObject*, const Tensor& p) {
    if (grad_of(p).defined()) grads.push_back(grad_of(p));
  });
  return grads;
}

double real_arg(PyObject* o, const char* function, const char* name) {
  double v = PyFloat_AsDouble(o);
  if (v == -1 && PyErr_Occurred()) {
    PyErr_Clear();
    TL_CHECK_TYPE(false, function, "(): ", name, " must be a number, not ", Py_TYPE(o)->tp_name);
  }
  return v;
}

Tensor checked_norm(const std::vector<Tensor>& tensors, double p, PyObject* error_if_nonfinite) {
  Tensor norm = total_norm(tensors, p);
  int strict = PyObject_IsTrue(error_if_nonfinite);
  check(strict);
  TL_CHECK(!strict || std::isfinite(item(norm).to_double()), "The total norm of order ", p,
           " for gradients from `parameters` is non-finite, so it cannot be clipped. To disable "
           "this error and scale "
           "the gradients by the non-finite norm anyway, set `error_if_nonfinite=False`");
  return norm;
}

// _total_norm(tensors, norm_type, error_if_nonfinite)
PyObject* py_total_norm(PyObject*, PyObject* const* args, Py_ssize_t nargs) {
  return guarded([&]() -> PyObject* {
    require_args("_total_norm", nargs, 3);
    std::vector<Tensor> tensors;
    for_each_tensor(args[0], "get_total_norm", [&](PyObject*, const Tensor& t) { tensors.push_back(t); });
    return wrap(checked_norm(tensors, real_arg(args[1], "get_total_norm", "norm_type"), args[2]));
  });
}

// _scale_grads(params, max_norm, total_norm)
PyObject* py_scale_grads(PyObject*, PyObject* const* args, Py_ssize_t nargs) {
  return guarded([&]() -> PyObject* {
    require_args("_scale_grads", nargs, 3);
    std::vector<Tensor> grads = grads_of(args[0], "clip_grads_with_norm_");
    double max_norm = real_arg(args[1], "clip_grads_with_norm_", "max_norm");
    clip_by_norm_(grads, max_norm, expect_tensor(args[2], "clip_grads_with_norm_", "total_norm"));
    Py_RETURN_NONE;
  });
}

// _clip_grad_norm(params, max_norm, norm_type, error_if_nonfinite)
PyObject* py_clip_grad_norm(PyObject*, PyObject* const* args, Py_ssize_t nargs) {
  return guarded([&]() -> PyObject* {
    require_args("_clip_grad_norm", nargs, 4);
    std::vector<Tensor> grads = grads_of(args[0], "clip_grad_norm_");
    double max_norm = real_arg(args[1], "clip_grad_norm_", "max_norm");
    Tensor norm = checked_norm(grads, real_arg(args[2], "clip_grad_norm_", "norm_type"), args[3]);
    clip_by_norm_(grads, max_norm, norm);
    return wrap(std::move(norm));
  });
}

#define TL_FAST(f) reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f)), METH_FASTCALL
PyMethodDef methods[] = {
    {"_sgd_step", TL_FAST(py_sgd_step), "One step of SGD for a parameter group."},
    {"_adam_step", TL_FAST(py_adam_step), "One step of Adam for a parameter group."},
    {"_zero_grads", TL_FAST(py_zero_grads), "Drops or zeroes the gradients of a list of parameters."},
    {"_total_norm", TL_FAST(py_total_norm), "The norm of several tensors together."},
    {"_scale_grads", TL_FAST(py_scale_grads), "Scales gradients of a known norm down to a largest one."},
    {"_clip_grad_norm", TL_FAST(py_clip_grad_norm), "Scales gradients down to a largest norm."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void register_optim(PyObject* module) {
  check(PyModule_AddFunctions(module, methods));
  register_optim_rules(module);
  register_module_base(module);
}

}  // namespace tl::python
