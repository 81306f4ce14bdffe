#include "python/types.h"

#include <string>

namespace tl::python {

PyTypeObject* dtype_type = nullptr;
PyTypeObject* device_type = nullptr;
PyTypeObject* layout_type = nullptr;
PyTypeObject* memory_format_type = nullptr;
PyTypeObject* size_type = nullptr;

namespace {

// dtype, layout and memory_format are closed sets of named singletons.
struct Named {
  PyObject ob_base;
  int value;
  const char* name;
};
PyObject* dtypes[dtype_count];

PyObject* named_repr(PyObject* self) { return PyUnicode_FromFormat("torch.%s", reinterpret_cast<Named*>(self)->name); }
// Pickles as the attribute of the package that holds it.
PyObject* named_reduce(PyObject* self, PyObject*) { return PyUnicode_FromString(reinterpret_cast<Named*>(self)->name); }
PyObject* named_copy(PyObject* self, PyObject*) { return Py_NewRef(self); }

DType dtype_of(PyObject* self) { return DType(reinterpret_cast<Named*>(self)->value); }

PyObject* dtype_is_floating_point(PyObject* self, void*) { return PyBool_FromLong(is_floating(dtype_of(self))); }
PyObject* dtype_is_complex(PyObject* self, void*) { return PyBool_FromLong(is_complex(dtype_of(self))); }
PyObject* dtype_is_signed(PyObject* self, void*) {
  DType t = dtype_of(self);
  return PyBool_FromLong(t != DType::Bool && t != DType::UInt8);
}
PyObject* dtype_itemsize(PyObject* self, void*) { return PyLong_FromSize_t(item_size(dtype_of(self))); }
PyObject* named_module(PyObject*, void*) { return PyUnicode_FromString("tensorlite"); }
PyObject* dtype_to_real(PyObject* self, PyObject*) { return wrap_dtype(to_real(dtype_of(self))); }
PyObject* dtype_to_complex(PyObject* self, PyObject*) { return wrap_dtype(to_complex(dtype_of(self))); }

PyGetSetDef dtype_getset[] = {
    {"is_floating_point", dtype_is_floating_point, nullptr, "Is it one of the floating-point types?", nullptr},
    {"is_complex", dtype_is_complex, nullptr, "Is it one of the complex types?", nullptr},
    {"is_signed", dtype_is_signed, nullptr, "Can it hold negative numbers?", nullptr},
    {"itemsize", dtype_itemsize, nullptr, "Bytes per element.", nullptr},
    {"__module__", named_module, nullptr, nullptr, nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMethodDef dtype_methods[] = {{"to_real", dtype_to_real, METH_NOARGS, "The real type of the same precision."},
                               {"to_complex", dtype_to_complex, METH_NOARGS, "The complex type of the same precision."},
                               {"__reduce__", named_reduce, METH_NOARGS, nullptr},
                               {"__copy__", named_copy, METH_NOARGS, nullptr},
                               {"__deepcopy__", named_copy, METH_O, nullptr},
                               {nullptr, nullptr, 0, nullptr}};
PyMethodDef named_methods[] = {{"__reduce__", named_reduce, METH_NOARGS, nullptr},
                               {"__copy__", named_copy, METH_NOARGS, nullptr},
                               {"__deepcopy__", named_copy, METH_O, nullptr},
                               {nullptr, nullptr, 0, nullptr}};

// Where pickle looks the name up.
PyGetSetDef named_getset[] = {{"__module__", named_module, nullptr, nullptr, nullptr},
                              {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyTypeObject* make_named_type(const char* name, PyMethodDef* methods, PyGetSetDef* getset) {
  PyType_Slot slots[] = {{Py_tp_repr, reinterpret_cast<void*>(named_repr)},
                         {Py_tp_methods, methods},
                         {Py_tp_getset, getset},
                         {0, nullptr}};
  PyType_Spec spec = {name, sizeof(Named), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
  return reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)).release());
}
PyObject* make_named(PyTypeObject* type, const char* name, int value) {
  Named* n = PyObject_New(Named, type);
  if (n == nullptr) throw PythonError();
  n->name = name;
  n->value = value;
  return &n->ob_base;
}

// Any device of PyTorch can be named; only the CPU can be used.
struct Device {
  PyObject ob_base;
  uint8_t type;  // of device_names
  int index;     // -1: none given
};
const char* const device_names[] = {"cpu",    "meta",   "cuda",   "mps",   "xpu",  "hip",          "xla",
                                    "mtia",   "hpu",    "vulkan", "ipu",   "ve",   "maia",         "lazy",
                                    "mkldnn", "opengl", "opencl", "ideep", "fpga", "privateuseone"};
const char* device_name(const Device& d) { return device_names[d.type]; }

uint8_t parse_device(PyObject* text, int* index) {
  const char* utf8 = PyUnicode_AsUTF8(text);
  if (utf8 == nullptr) throw PythonError();
  std::string s(utf8);
  size_t colon = s.find(':');
  std::string type = s.substr(0, colon);
  *index = -1;
  if (colon != std::string::npos) {
    std::string digits = s.substr(colon + 1);
    bool good = !digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos && digits.size() < 4;
    TL_CHECK(good && (digits.size() == 1 || digits[0] != '0'), "Invalid device string: '", s, "'");
    *index = std::stoi(digits);
  }
  TL_CHECK(!type.empty(), "Device string must not be empty");
  for (size_t i = 0; i < std::size(device_names); ++i) {
    if (type == device_names[i]) return uint8_t(i);
  }
  fail(ErrorKind::runtime,
       "Expected one of cpu, cuda, ipu, xpu, mkldnn, opengl, opencl, ideep, hip, ve, fpga, maia, xla, lazy, vulkan, "
       "mps, meta, "
       "hpu, mtia, privateuseone device type at start of device string: ",
       type);
}

DeviceType usable(uint8_t type) {
  if (type <= uint8_t(DeviceType::meta)) return DeviceType(type);
  std::string name = device_names[type];
  if (name == "cuda") {
    PyErr_SetString(PyExc_AssertionError, "Torch not compiled with CUDA enabled");
    throw PythonError();
  }
  fail(ErrorKind::runtime, "device '", name, "' is not available: tensorlite is a library for CPUs");
}

PyObject* device_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"device", "index", nullptr};
    static const char* names2[] = {"type", "index", nullptr};
    PyObject* what = nullptr;
    PyObject* index_arg = nullptr;
    const char** use = kwargs != nullptr && PyDict_GetItemString(kwargs, "type") != nullptr ? names2 : names;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:device", const_cast<char**>(use), &what, &index_arg)) {
      return nullptr;
    }
    uint8_t t;
    int index = -1;
    if (Py_TYPE(what) == device_type) {
      t = reinterpret_cast<Device*>(what)->type;
      index = reinterpret_cast<Device*>(what)->index;
    } else if (PyUnicode_Check(what)) {
      t = parse_device(what, &index);
    } else {
      TL_CHECK(!PyLong_Check(what) || PyBool_Check(what), "Cannot access accelerator device when none is available.");
      fail(ErrorKind::type, "device(): argument 'device' must be str or torch.device, not ", Py_TYPE(what)->tp_name);
    }
    if (index_arg != nullptr && index_arg != Py_None) {
      TL_CHECK(index < 0,
               "type (string) must not include an index because index was passed explicitly: ", device_names[t], ":",
               index);
      index = int(PyLong_AsLong(index_arg));
      if (index == -1 && PyErr_Occurred()) throw PythonError();
      TL_CHECK(index >= 0, "Device index must not be negative");
    }
    auto* d = reinterpret_cast<Device*>(type->tp_alloc(type, 0));
    if (d == nullptr) throw PythonError();
    d->type = t;
    d->index = index;
    return &d->ob_base;
  });
}
PyObject* device_repr(PyObject* self) {
  auto* d = reinterpret_cast<Device*>(self);
  if (d->index < 0) return PyUnicode_FromFormat("device(type='%s')", device_name(*d));
  return PyUnicode_FromFormat("device(type='%s', index=%d)", device_name(*d), d->index);
}
PyObject* device_str(PyObject* self) {
  auto* d = reinterpret_cast<Device*>(self);
  if (d->index < 0) return PyUnicode_FromString(device_name(*d));
  return PyUnicode_FromFormat("%s:%d", device_name(*d), d->index);
}
PyObject* device_compare(PyObject* a, PyObject* b, int op) {
  if (Py_TYPE(b) != device_type || (op != Py_EQ && op != Py_NE)) Py_RETURN_NOTIMPLEMENTED;
  auto* x = reinterpret_cast<Device*>(a);
  auto* y = reinterpret_cast<Device*>(b);
  bool same = x->type == y->type && x->index == y->index;
  return PyBool_FromLong(same == (op == Py_EQ));
}
Py_hash_t device_hash(PyObject* self) {
  auto* d = reinterpret_cast<Device*>(self);
  return Py_hash_t(int(d->type) * 1000 + d->index + 7);
}
PyObject* device_get_type(PyObject* self, void*) {
  return PyUnicode_FromString(device_name(*reinterpret_cast<Device*>(self)));
}
PyObject* device_get_index(PyObject* self, void*) {
  int i = reinterpret_cast<Device*>(self)->index;
  if (i < 0) Py_RETURN_NONE;
  return PyLong_FromLong(i);
}
PyObject* device_reduce(PyObject* self, PyObject*) {
  return Py_BuildValue("(O(N))", reinterpret_cast<PyObject*>(device_type), device_str(self));
}
PyGetSetDef device_getset[] = {{"type", device_get_type, nullptr, "The kind of device: 'cpu'.", nullptr},
                               {"index", device_get_index, nullptr, "The ordinal, or None", nullptr},
                               {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMethodDef device_methods[] = {{"__reduce__", device_reduce, METH_NOARGS, nullptr}, {nullptr, nullptr, 0, nullptr}};

// Size: a tuple that prints, slices and adds as a Size.
PyObject* size_from_tuple(Object tuple) {
  Object args = check(PyTuple_Pack(1, tuple.get()));
  return PyTuple_Type.tp_new(size_type, args.get(), nullptr);
}
PyObject* size_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    Object self = check(PyTuple_Type.tp_new(type, args, kwargs));
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self.get()); ++i) {
      PyObject* x = PyTuple_GET_ITEM(self.get(), i);
      if (PyLong_Check(x)) continue;
      Object number = Object::adopt(PyNumber_Index(x));
      if (!number) {
        PyErr_Format(PyExc_TypeError, "torch.Size() takes an iterable of 'int' (item %zd is '%s')", i,
                     Py_TYPE(x)->tp_name);
        return nullptr;
      }
      PyTuple_SET_ITEM(self.get(), i, number.release());
      Py_DECREF(x);
    }
    return self.release();
  });
}
PyObject* size_repr(PyObject* self) {
  return guarded([&]() -> PyObject* {
    Object list = check(PySequence_List(self));
    return PyUnicode_FromFormat("torch.Size(%R)", list.get());
  });
}
PyObject* size_numel(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    uint64_t n = 1;  // wraps where it overflows
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self); ++i) {
      int overflow;
      n *= uint64_t(PyLong_AsLongLongAndOverflow(PyTuple_GET_ITEM(self, i), &overflow));
      TL_CHECK_VALUE(overflow == 0, "Overflow when unpacking long long");
    }
    return PyLong_FromLongLong(int64_t(n));
  });
}
PyObject* size_subscript(PyObject* self, PyObject* key) {
  return guarded([&]() -> PyObject* {
    Object r = check(PyTuple_Type.tp_as_mapping->mp_subscript(self, key));
    return PyTuple_CheckExact(r.get()) ? size_from_tuple(std::move(r)) : r.release();
  });
}
PyObject* size_concat(PyObject* a, PyObject* b) {
  return guarded([&]() -> PyObject* {
    Object right = Object::borrow(b);
    if (!PyTuple_Check(a) || !PyTuple_Check(b)) Py_RETURN_NOTIMPLEMENTED;
    Object r = check(PyTuple_Type.tp_as_sequence->sq_concat(a, b));
    return PyTuple_CheckExact(r.get()) ? size_from_tuple(std::move(r)) : r.release();
  });
}
PyObject* size_sq_concat(PyObject* a, PyObject* b) {
  if (!PyTuple_Check(b)) {
    return PyErr_Format(PyExc_TypeError, "can only concatenate tuple (not %s) to torch.Size", Py_TYPE(b)->tp_name);
  }
  return size_concat(a, b);
}
PyObject* size_repeat(PyObject* self, Py_ssize_t n) {
  return guarded([&]() -> PyObject* {
    Object r = check(PyTuple_Type.tp_as_sequence->sq_repeat(self, n));
    return PyTuple_CheckExact(r.get()) ? size_from_tuple(std::move(r)) : r.release();
  });
}
PyObject* size_reduce(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    Object plain = check(PyTuple_GetSlice(self, 0, PyTuple_GET_SIZE(self)));
    return Py_BuildValue("(O(O))", reinterpret_cast<PyObject*>(size_type), plain.get());
  });
}
PyMethodDef size_methods[] = {{"numel", size_numel, METH_NOARGS, "The number of elements: the product of the sizes."},
                              {"__reduce__", size_reduce, METH_NOARGS, nullptr},
                              {nullptr, nullptr, 0, nullptr}};

void add(PyObject* module, const char* name, PyObject* value) { check(PyModule_AddObjectRef(module, name, value)); }

}  // namespace

PyObject* wrap_dtype(DType t) { return Py_NewRef(dtypes[int(t)]); }

PyObject* wrap_device(DeviceType d) {
  static PyObject* singletons[2] = {nullptr, nullptr};
  PyObject*& s = singletons[int(d)];
  if (s == nullptr) {
    auto* fresh = reinterpret_cast<Device*>(device_type->tp_alloc(device_type, 0));
    if (fresh == nullptr) return nullptr;
    fresh->type = uint8_t(d);
    fresh->index = -1;
    s = &fresh->ob_base;
  }
  return Py_NewRef(s);
}

PyObject* wrap_ints(IntView values) {
  PyObject* t = PyTuple_New(Py_ssize_t(values.size()));
  if (t == nullptr) return nullptr;
  for (size_t i = 0; i < values.size(); ++i) PyTuple_SET_ITEM(t, Py_ssize_t(i), PyLong_FromLongLong(values[i]));
  return t;
}

PyObject* wrap_size(IntView sizes) {
  // A tuple subclass has the tuple's layout, so its items can be filled in place.
  PyObject* t = size_type->tp_alloc(size_type, Py_ssize_t(sizes.size()));
  if (t == nullptr) return nullptr;
  for (size_t i = 0; i < sizes.size(); ++i) PyTuple_SET_ITEM(t, Py_ssize_t(i), PyLong_FromLongLong(sizes[i]));
  return t;
}

PyObject* wrap_scalar(const Scalar& s) {
  switch (s.kind()) {
    case Scalar::Kind::boolean:
      return PyBool_FromLong(s.to_int() != 0);
    case Scalar::Kind::integer:
      return PyLong_FromLongLong(s.to_int());
    case Scalar::Kind::real:
      return PyFloat_FromDouble(s.to_double());
    default: {
      auto c = s.to<std::complex<double>>();
      return PyComplex_FromDoubles(c.real(), c.imag());
    }
  }
}

std::optional<DType> as_dtype(PyObject* o) {
  if (Py_TYPE(o) == dtype_type) return dtype_of(o);
  if (o == reinterpret_cast<PyObject*>(&PyFloat_Type)) return DType::Float64;
  if (o == reinterpret_cast<PyObject*>(&PyLong_Type)) return DType::Int64;
  if (o == reinterpret_cast<PyObject*>(&PyBool_Type)) return DType::Bool;
  if (o == reinterpret_cast<PyObject*>(&PyComplex_Type)) return DType::Complex128;
  return {};
}

std::optional<DeviceType> as_device(PyObject* o) {
  if (Py_TYPE(o) == device_type) return usable(reinterpret_cast<Device*>(o)->type);
  if (PyUnicode_Check(o)) {
    int index;
    return usable(parse_device(o, &index));
  }
  TL_CHECK(!PyLong_Check(o) || PyBool_Check(o), "Cannot access accelerator device when none is available.");
  return {};
}

bool is_strided(PyObject* layout) {
  return Py_TYPE(layout) == layout_type && reinterpret_cast<Named*>(layout)->value == 0;
}
const char* memory_format_name(PyObject* o) {
  return Py_TYPE(o) == memory_format_type ? reinterpret_cast<Named*>(o)->name : nullptr;
}

void register_types(PyObject* module) {
  dtype_type = make_named_type("torch.dtype", dtype_methods, dtype_getset);
  layout_type = make_named_type("torch.layout", named_methods, named_getset);
  memory_format_type = make_named_type("torch.memory_format", named_methods, named_getset);
  add(module, "dtype", reinterpret_cast<PyObject*>(dtype_type));
  add(module, "layout", reinterpret_cast<PyObject*>(layout_type));
  add(module, "memory_format", reinterpret_cast<PyObject*>(memory_format_type));
  for (int i = 0; i < dtype_count; ++i) {
    dtypes[i] = make_named(dtype_type, dtype_name(DType(i)), i);
    add(module, dtype_name(DType(i)), dtypes[i]);
  }
  const char* layouts[] = {"strided", "sparse_coo", "sparse_csr"};
  for (int i = 0; i < 3; ++i) add(module, layouts[i], make_named(layout_type, layouts[i], i));
  const char* formats[] = {"contiguous_format", "preserve_format", "channels_last", "channels_last_3d"};
  for (int i = 0; i < 4; ++i) add(module, formats[i], make_named(memory_format_type, formats[i], i));

  PyType_Slot device_slots[] = {{Py_tp_new, reinterpret_cast<void*>(device_new)},
                                {Py_tp_repr, reinterpret_cast<void*>(device_repr)},
                                {Py_tp_str, reinterpret_cast<void*>(device_str)},
                                {Py_tp_richcompare, reinterpret_cast<void*>(device_compare)},
                                {Py_tp_hash, reinterpret_cast<void*>(device_hash)},
                                {Py_tp_getset, device_getset},
                                {Py_tp_methods, device_methods},
                                {0, nullptr}};
  PyType_Spec device_spec = {"tensorlite.device", sizeof(Device), 0, Py_TPFLAGS_DEFAULT, device_slots};
  device_type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&device_spec)).release());
  add(module, "device", reinterpret_cast<PyObject*>(device_type));

  PyType_Slot size_slots[] = {{Py_tp_base, &PyTuple_Type},
                              {Py_tp_new, reinterpret_cast<void*>(size_new)},
                              {Py_tp_repr, reinterpret_cast<void*>(size_repr)},
                              {Py_mp_subscript, reinterpret_cast<void*>(size_subscript)},
                              {Py_sq_concat, reinterpret_cast<void*>(size_sq_concat)},
                              {Py_nb_add, reinterpret_cast<void*>(size_concat)},
                              {Py_sq_repeat, reinterpret_cast<void*>(size_repeat)},
                              {Py_tp_methods, size_methods},
                              {0, nullptr}};
  PyType_Spec size_spec = {"tensorlite.Size", 0, 0, Py_TPFLAGS_DEFAULT, size_slots};
  size_type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&size_spec)).release());
  add(module, "Size", reinterpret_cast<PyObject*>(size_type));
}

}  // namespace tl::python
