#include "python/generator.h"

#include "core/generator.h"
#include "python/members.h"
#include "python/tensor.h"
#include "python/types.h"

namespace tl::python {

namespace {

struct PyGenerator {
  PyObject ob_base;
  PyObject* weaklist;
  Generator* generator;
  bool owned;  // false for the default generator's object
};

PyTypeObject* generator_type = nullptr;

Generator& generator_of(PyObject* self) { return *reinterpret_cast<PyGenerator*>(self)->generator; }

PyObject* new_object(PyTypeObject* type, Generator* generator, bool owned) {
  PyObject* o = type->tp_alloc(type, 0);
  if (o == nullptr) {
    if (owned) delete generator;
    throw PythonError();
  }
  auto* g = reinterpret_cast<PyGenerator*>(o);
  g->generator = generator;
  g->owned = owned;
  return o;
}

PyObject* generator_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* const names[] = {"device", nullptr};
    PyObject* device = nullptr;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:Generator", const_cast<char**>(names), &device)) return nullptr;
    if (device != nullptr && device != Py_None) {
      auto d = as_device(device);
      TL_CHECK_TYPE(d.has_value(), "Generator(): argument 'device' must be torch.device, not ",
                    Py_TYPE(device)->tp_name);
      TL_CHECK(*d == DeviceType::cpu, "Generator(): there are generators for the cpu only");
    }
    return new_object(type, new Generator, true);
  });
}

void generator_dealloc(PyObject* self) {
  auto* g = reinterpret_cast<PyGenerator*>(self);
  PyTypeObject* type = Py_TYPE(self);
  if (g->weaklist != nullptr) PyObject_ClearWeakRefs(self);
  if (g->owned) delete g->generator;
  type->tp_free(self);
  Py_DECREF(type);
}

// Any integer of 64 bits, signed or not; negative ones count from 2**64 down.
uint64_t as_seed(PyObject* o) {
  bool is_integer = PyLong_Check(o) && !PyBool_Check(o);
  if (!is_integer && !PyBool_Check(o) && !is_tensor(o) && PyIndex_Check(o)) {  // NumPy's integers
    Object index = check(PyNumber_Index(o));
    return as_seed(index.get());
  }
  TL_CHECK(is_integer, "manual_seed expected a long, but got ", Py_TYPE(o)->tp_name);
  int overflow = 0;
  long long value = PyLong_AsLongLongAndOverflow(o, &overflow);
  if (overflow == 0) return uint64_t(value);
  uint64_t large = overflow > 0 ? PyLong_AsUnsignedLongLong(o) : 0;
  if (overflow < 0 || PyErr_Occurred()) {
    PyErr_Clear();
    fail(ErrorKind::value, "Overflow when unpacking long long");
  }
  return large;
}

PyObject* manual_seed(PyObject* self, PyObject* arg) {
  return guarded([&]() -> PyObject* {
    uint64_t seed = as_seed(arg);
    Generator& g = generator_of(self);
    std::lock_guard lock(g.mutex);
    g.manual_seed(seed);
    return Py_NewRef(self);
  });
}
PyObject* seed(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    Generator& g = generator_of(self);
    std::lock_guard lock(g.mutex);
    return PyLong_FromUnsignedLongLong(g.seed());
  });
}
PyObject* initial_seed(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    Generator& g = generator_of(self);
    std::lock_guard lock(g.mutex);
    return PyLong_FromUnsignedLongLong(g.initial_seed());
  });
}
PyObject* get_state(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    Tensor state = empty(Dims{int64_t(Generator::state_bytes)}, DType::UInt8);
    Generator& g = generator_of(self);
    {
      std::lock_guard lock(g.mutex);
      g.get_state(state.data<uint8_t>());
    }
    return wrap(std::move(state));
  });
}
void restore(Generator& g, PyObject* state) {
  TL_CHECK_TYPE(is_tensor(state), "expected a torch.ByteTensor, but got ", Py_TYPE(state)->tp_name);
  const Tensor& t = unwrap(state);
  TL_CHECK_TYPE(t.dtype() == DType::UInt8 && t->storage != nullptr, "RNG state must be a torch.ByteTensor");
  TL_CHECK(t.numel() == int64_t(Generator::state_bytes), "Expected a CPUGeneratorImplState of size ",
           Generator::state_bytes, " but found the input RNG state size to be ", t.numel());
  TL_CHECK(t.is_contiguous(), "RNG state must be contiguous");
  std::lock_guard lock(g.mutex);
  g.set_state(t.data<uint8_t>());
}
PyObject* set_state(PyObject* self, PyObject* arg) {
  return guarded([&]() -> PyObject* {
    restore(generator_of(self), arg);
    return Py_NewRef(self);
  });
}
PyObject* clone_state(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    Generator& g = generator_of(self);
    PyObject* o = new_object(generator_type, new Generator, true);
    std::lock_guard lock(g.mutex);
    generator_of(o).copy_from(g);
    return o;
  });
}
// Streams of counter-based generators have an offset; this one has none.
PyObject* no_offset(PyObject*, PyObject*) {
  PyErr_SetString(PyExc_RuntimeError, "CPU Generator does not use offset");
  return nullptr;
}
PyObject* reduce(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    Object state = check(get_state(self, nullptr));
    Object seed_value = check(initial_seed(self, nullptr));
    Object device = check(wrap_device(DeviceType::cpu));
    return Py_BuildValue("(O(O)(OOO))", Py_TYPE(self), device.get(), seed_value.get(), Py_None, state.get());
  });
}
PyObject* setstate(PyObject* self, PyObject* arg) {
  return guarded([&]() -> PyObject* {
    PyObject *seed_value, *offset, *state;
    if (!PyArg_ParseTuple(arg, "OOO:__setstate__", &seed_value, &offset, &state)) return nullptr;
    restore(generator_of(self), state);
    Py_RETURN_NONE;
  });
}
PyObject* get_device(PyObject*, void*) {
  return guarded([&]() -> PyObject* { return wrap_device(DeviceType::cpu); });
}

PyMethodDef methods[] = {
    {"manual_seed", manual_seed, METH_O,
     "manual_seed(seed) -> Generator\n\nStarts the stream of `seed`, an integer in [-2**63, 2**64); a negative one "
     "stands "
     "for 2**64 + seed."},
    {"seed", seed, METH_NOARGS, "seed() -> int\n\nStarts a stream from the system's entropy; returns its seed."},
    {"initial_seed", initial_seed, METH_NOARGS, "initial_seed() -> int\n\nThe seed of the running stream."},
    {"get_state", get_state, METH_NOARGS,
     "get_state() -> Tensor\n\nThe whole state as a uint8 tensor, in PyTorch's format."},
    {"set_state", set_state, METH_O, "set_state(new_state)\n\nGoes on where get_state() was called."},
    {"clone_state", clone_state, METH_NOARGS, "clone_state() -> Generator\n\nAnother generator at the same point."},
    {"get_offset", no_offset, METH_NOARGS, "Generators of the cpu have no offset: raises a RuntimeError."},
    {"set_offset", no_offset, METH_O, "Generators of the cpu have no offset: raises a RuntimeError."},
    {"__reduce__", reduce, METH_NOARGS, nullptr},
    {"__setstate__", setstate, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr}};
PyGetSetDef getset[] = {{"device", get_device, nullptr, "The device that numbers are drawn on.", nullptr},
                        {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMemberDef members[] = {{"__weaklistoffset__", T_PYSSIZET, offsetof(PyGenerator, weaklist), READONLY, nullptr},
                         {nullptr, 0, 0, 0, nullptr}};

}  // namespace

Generator* as_generator(PyObject* o) {
  return Py_TYPE(o) == generator_type || PyObject_TypeCheck(o, generator_type) ? &generator_of(o) : nullptr;
}

void register_generator(PyObject* module) {
  PyType_Slot slots[] = {
      {Py_tp_new, reinterpret_cast<void*>(generator_new)},
      {Py_tp_dealloc, reinterpret_cast<void*>(generator_dealloc)},
      {Py_tp_methods, methods},
      {Py_tp_getset, getset},
      {Py_tp_members, members},
      {Py_tp_doc,
       const_cast<char*>("Generator(device='cpu')\n\nA stream of random numbers: for every seed PyTorch's own.")},
      {0, nullptr}};
  PyType_Spec spec = {"tensorlite.Generator", sizeof(PyGenerator), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE, slots};
  generator_type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)).release());
  check(PyModule_AddObjectRef(module, "Generator", reinterpret_cast<PyObject*>(generator_type)));
  Object shared = check(new_object(generator_type, &default_generator(), false));
  check(PyModule_AddObjectRef(module, "default_generator", shared.get()));
}

}  // namespace tl::python
