// _C._rule_step and _C._rule_apply: one step of an optimizer of ops/optim_rules.h, for a parameter
// group and for lists as the functional forms take them.
#include "ops/optim_rules.h"

#include <array>

#include "python/optim_group.h"

namespace tl::python {

namespace {

// The interned names of a spec's entries.
struct SpecNames {
  std::array<PyObject*, max_optim_options> options{};
  std::array<PyObject*, max_optim_states> states{};
};
const SpecNames& names_of(Optim which) {
  static const auto all = [] {
    std::array<SpecNames, optim_count> made;
    for (int i = 0; i < optim_count; ++i) {
      const OptimSpec& spec = optim_spec(Optim(i));
      for (int k = 0; k < max_optim_options && spec.options[k] != nullptr; ++k) {
        made[size_t(i)].options[size_t(k)] = PyUnicode_InternFromString(spec.options[k]);
      }
      for (int k = 0; k < max_optim_states && spec.states[k].name != nullptr; ++k) {
        made[size_t(i)].states[size_t(k)] = PyUnicode_InternFromString(spec.states[k].name);
      }
    }
    return made;
  }();
  return all[size_t(which)];
}

double option_value(PyObject* o, PyObject* key) {
  if (PyBool_Check(o) || o == Py_None) return o == Py_True;
  return to_number(o, key);
}

using Options = std::array<double, max_optim_options>;

// A name twice in a row is a pair, such as betas.
Options options_of(Optim which, PyObject* group) {
  const SpecNames& names = names_of(which);
  Options values{};
  for (size_t k = 0; k < values.size() && names.options[k] != nullptr; ++k) {
    PyObject* key = names.options[k];
    Object value = get(group, key);
    if (k + 1 < values.size() && names.options[k + 1] == key) {
      TL_CHECK_TYPE(
          (PyTuple_Check(value.get()) || PyList_Check(value.get())) && PySequence_Fast_GET_SIZE(value.get()) == 2,
          optim_spec(which).name, ": ", text_of(key), " must be a pair of numbers");
      values[k] = option_value(PySequence_Fast_GET_ITEM(value.get(), 0), key);
      values[k + 1] = option_value(PySequence_Fast_GET_ITEM(value.get(), 1), key);
      ++k;
    } else {
      values[k] = option_value(value.get(), key);
    }
  }
  return values;
}

Optim kind_of(PyObject* o) {
  long which = PyLong_AsLong(o);
  if (which == -1 && PyErr_Occurred()) throw PythonError();
  TL_CHECK_VALUE(which >= 0 && which < optim_count, "no such optimizer: ", which);
  return Optim(which);
}

// The keys of the states that these options use.
int keys_of(Optim which, const Options& options, PyObject* step, PyObject** keys, int* slots) {
  const OptimSpec& spec = optim_spec(which);
  int count = 0;
  keys[count++] = step;
  for (int k = 0; k < max_optim_states && spec.states[k].name != nullptr; ++k) {
    int option = spec.states[k].unless_zero;
    if (option >= 0 && options[size_t(option)] == 0) continue;
    slots[count] = k;
    keys[count++] = names_of(which).states[size_t(k)];
  }
  return count;
}

// _rule_step(kind, group, state, begin): begin(group, entry, param) fills the entry of a parameter that has none.
PyObject* py_rule_step(PyObject*, PyObject* const* args, Py_ssize_t nargs) {
  return guarded([&]() -> PyObject* {
    require_args("_rule_step", nargs, 4);
    static PyObject* const step_name = PyUnicode_InternFromString("step");
    const Optim which = kind_of(args[0]);
    PyObject* group = args[1];
    check_group(group, "_rule_step");
    const Options options = options_of(which, group);
    PyObject* keys[1 + max_optim_states];
    int slots[1 + max_optim_states];
    const int count = keys_of(which, options, step_name, keys, slots);
    Gathered all(group, size_t(count));
    all.each(optim_spec(which).name, [&](PyObject* object, const Tensor& p) {
      TL_CHECK_TYPE(is_differentiable(p.dtype()), optim_spec(which).name,
                    ": a parameter must be floating point or complex, got ", dtype_name(p.dtype()));
      Object entry = state_of(args[2], object);
      if (PyDict_GET_SIZE(entry.get()) == 0) {
        PyObject* begin_args[] = {group, entry.get(), object};
        check(PyObject_Vectorcall(args[3], begin_args, 3, nullptr));
      }
      keep_states(all, entry.get(), keys, count);
    });
    std::vector<OptimItem> items;
    items.reserve(all.size());
    for (size_t i = 0; i < all.size(); ++i) {
      if (!all.grad(i).defined()) continue;
      OptimItem item{&all.param(i), &all.grad(i), all.state(i, 0), {}};
      for (int k = 1; k < count; ++k) item.states[slots[k]] = all.state(i, size_t(k));
      items.push_back(item);
    }
    optim_step(which, items, options.data());
    Py_RETURN_NONE;
  });
}

// _rule_apply(kind, options, params, grads, steps, *states): lists of equal length, a state's empty or
// None where the options do without it.
PyObject* py_rule_apply(PyObject*, PyObject* const* args, Py_ssize_t nargs) {
  return guarded([&]() -> PyObject* {
    TL_CHECK_TYPE(nargs >= 5 && nargs <= 5 + max_optim_states, "_rule_apply() takes 5 to 9 arguments");
    const Optim which = kind_of(args[0]);
    const char* name = optim_spec(which).name;
    Options options{};
    Object values = check(PySequence_Fast(args[1], "options must be a sequence"));
    TL_CHECK_TYPE(PySequence_Fast_GET_SIZE(values.get()) <= max_optim_options, name, ": too many options");
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(values.get()); ++i) {
      PyObject* key = names_of(which).options[size_t(i)];
      options[size_t(i)] = option_value(PySequence_Fast_GET_ITEM(values.get(), i), key);
    }
    std::vector<Object> lists;
    for (Py_ssize_t a = 2; a < nargs; ++a) {
      lists.push_back(args[a] == Py_None ? Object() : check(PySequence_Fast(args[a], "a list of Tensors is due")));
    }
    PyObject* keys[1 + max_optim_states];
    int slots[1 + max_optim_states];
    const int count = keys_of(which, options, Py_None, keys, slots);
    const Py_ssize_t n = PySequence_Fast_GET_SIZE(lists[0].get());
    auto tensor = [&](size_t list, Py_ssize_t i) {
      TL_CHECK_TYPE(list < lists.size() && lists[list] && PySequence_Fast_GET_SIZE(lists[list].get()) == n, name,
                    ": lists of ", n, " tensors are due");
      return &expect_tensor(PySequence_Fast_GET_ITEM(lists[list].get(), i), name, "params");
    };
    std::vector<OptimItem> items;
    for (Py_ssize_t i = 0; i < n; ++i) {
      OptimItem item{tensor(0, i), tensor(1, i), tensor(2, i), {}};
      for (int k = 1; k < count; ++k) item.states[slots[k]] = tensor(size_t(3 + slots[k]), i);
      items.push_back(item);
    }
    optim_step(which, items, options.data());
    Py_RETURN_NONE;
  });
}

#define TL_FAST(f) reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f)), METH_FASTCALL
PyMethodDef methods[] = {
    {"_rule_step", TL_FAST(py_rule_step), "One step of an optimizer for a parameter group."},
    {"_rule_apply", TL_FAST(py_rule_apply), "One step of an optimizer for lists of parameters and state."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void register_optim_rules(PyObject* module) { check(PyModule_AddFunctions(module, methods)); }

}  // namespace tl::python
