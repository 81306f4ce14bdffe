// Storages seen from Python (for copying, pickling and files), subclasses of a tensor, `Tensor.to`.
#include "python/storage.h"

#include "autograd/state.h"
#include "ops/ops.h"
#include "python/op_function.h"
#include "python/signature.h"
#include "python/tensor.h"
#include "python/types.h"

namespace tl::python {

namespace {

// _storage_bytes(tensor): the whole storage as uint8.
PyObject* storage_bytes(PyObject*, PyObject* o) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = expect_tensor(o, "_storage_bytes", "tensor");
    t->storage->retain();
    return wrap(from_storage(t->storage, Dims{int64_t(t->storage->nbytes)}, Dims{1}, 0, DType::UInt8));
  });
}

// _from_storage(bytes, dtype, offset, size, stride): a tensor over the memory of `bytes`.
PyObject* from_storage_bytes(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *bytes, *dtype, *size, *stride;
    long long offset;
    if (!PyArg_ParseTuple(args, "OOLOO:_from_storage", &bytes, &dtype, &offset, &size, &stride)) return nullptr;
    const Tensor& b = expect_tensor(bytes, "_from_storage", "bytes");
    auto t = as_dtype(dtype);
    Dims sizes, strides;
    TL_CHECK_TYPE(t.has_value() && as_ints(size, sizes) && as_ints(stride, strides), "_from_storage: bad arguments");
    TL_CHECK(sizes.size() == strides.size() && offset >= 0, "_from_storage: size, stride and offset do not fit");
    int64_t last = offset;
    bool overflow = false;
    for (size_t i = 0; i < sizes.size(); ++i) {
      TL_CHECK(sizes[i] >= 0 && strides[i] >= 0, "_from_storage: negative size or stride");
      int64_t step;
      overflow = overflow || __builtin_mul_overflow(sizes[i] - 1, strides[i], &step) || __builtin_add_overflow(last, step, &last);
    }
    bool is_empty = checked_numel(sizes) == 0;
    TL_CHECK(!overflow && (is_empty || (last < (int64_t(1) << 58) &&
                                        (last + 1) * int64_t(item_size(*t)) <= int64_t(b->storage->nbytes))),
             "setStorage: sizes ", sizes, ", strides ", strides, ", storage offset ", offset, ", and itemsize ",
             item_size(*t), " are out of bounds for storage of size ", b->storage->nbytes);
    b->storage->retain();
    return wrap(from_storage(b->storage, sizes, strides, offset, *t));
  });
}

// _as_subclass(tensor, cls): same data, same history, another class.
PyObject* as_subclass(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *o, *cls;
    if (!PyArg_ParseTuple(args, "OO:_as_subclass", &o, &cls)) return nullptr;
    TL_CHECK_TYPE(PyType_Check(cls) && PyType_IsSubtype(reinterpret_cast<PyTypeObject*>(cls), tensor_base_type),
                  "as_subclass: cls must be a subclass of Tensor");
    const Tensor& t = expect_tensor(o, "_as_subclass", "tensor");
    // A fresh result that only `o` knows keeps its node; anything else becomes an alias with history.
    return wrap_as(view(t, t.sizes()), reinterpret_cast<PyTypeObject*>(cls));
  });
}

PyObject* can_cast_types(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *a, *b;
    if (!PyArg_ParseTuple(args, "OO:can_cast", &a, &b)) return nullptr;
    auto x = as_dtype(a), y = as_dtype(b);
    TL_CHECK_TYPE(x && y, "can_cast(): both arguments must be torch.dtype");
    return PyBool_FromLong(can_cast(*x, *y));
  });
}
PyObject* promote(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *a, *b;
    if (!PyArg_ParseTuple(args, "OO:promote_types", &a, &b)) return nullptr;
    auto x = as_dtype(a), y = as_dtype(b);
    TL_CHECK_TYPE(x && y, "promote_types(): both arguments must be torch.dtype");
    return wrap_dtype(promote_types(*x, *y));
  });
}
PyObject* broadcast(PyObject*, PyObject* list) {
  return guarded([&]() -> PyObject* {
    Object shapes = check(PySequence_Fast(list, "broadcast_shapes: a list of shapes is due"));
    Dims out;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(shapes.get()); ++i) {
      Dims d;
      TL_CHECK_TYPE(as_ints(PySequence_Fast_GET_ITEM(shapes.get(), i), d), "broadcast_shapes: shapes are tuples of ints");
      for (int64_t s : d) TL_CHECK(s >= 0, "Trying to create tensor with negative dimension (", s, "): (", d, ")");
      out = broadcast_shapes(out, d);
    }
    return wrap_size(out);
  });
}

PyObject* name_of(const char* text) { return PyUnicode_InternFromString(text); }

// to(dtype), to(device, dtype), to(other), with non_blocking, copy, memory_format.
PyObject* method_to(PyObject* self, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = unwrap(self);
    std::optional<DType> dtype;
    bool copy = false;
    PyObject* format = nullptr;
    int bools = 0;
    auto take = [&](PyObject* o) {
      if (o == Py_None) return;
      if (auto d = as_dtype(o)) {
        TL_CHECK_TYPE(!dtype, "to(): dtype was given twice");
        dtype = d;
      } else if (is_tensor(o)) {
        dtype = unwrap(o).dtype();
      } else if (PyBool_Check(o)) {
        if (bools++ == 1) copy = o == Py_True;  // non_blocking, then copy
      } else if (auto device = as_device(o)) {
        TL_CHECK_NOTIMPL(*device == DeviceType::cpu, "to(): the meta device holds no data");
      } else {
        fail(ErrorKind::type, "to() received an invalid combination of arguments - got (", Py_TYPE(o)->tp_name,
             "), but expected one of: (torch.device device, torch.dtype dtype, bool non_blocking, bool copy), "
             "(torch.dtype dtype, bool non_blocking, bool copy), (Tensor other, bool non_blocking, bool copy)");
      }
    };
    Py_ssize_t nk = kwnames != nullptr ? PyTuple_GET_SIZE(kwnames) : 0;
    TL_CHECK_TYPE(nargs + nk > 0, "to() received an invalid combination of arguments - got ()");
    for (Py_ssize_t i = 0; i < nargs; ++i) take(args[i]);
    static PyObject* const copy_name = name_of("copy");
    static PyObject* const non_blocking = name_of("non_blocking");
    static PyObject* const memory_format = name_of("memory_format");
    static PyObject* const dtype_name_ = name_of("dtype");
    static PyObject* const device_name = name_of("device");
    static PyObject* const other = name_of("other");
    for (Py_ssize_t k = 0; k < nk; ++k) {
      PyObject* name = PyTuple_GET_ITEM(kwnames, k);
      PyObject* o = args[nargs + k];
      auto is = [&](PyObject* n) { return PyUnicode_Compare(name, n) == 0; };
      if (is(copy_name)) {
        copy = PyObject_IsTrue(o) == 1;
      } else if (is(memory_format)) {
        format = o == Py_None ? nullptr : o;
      } else if (is(dtype_name_) || is(device_name) || is(other)) {
        take(o);
      } else {
        TL_CHECK_TYPE(is(non_blocking), "to() got an unexpected keyword argument '", PyUnicode_AsUTF8(name), "'");
      }
    }
    PyObject* result = self;
    Object held;
    if (dtype && *dtype != t.dtype()) {
      held = check(wrap(to_dtype(t, *dtype)));
      result = held.get();
    } else if (copy) {
      held = check(wrap(clone(t)));
      result = held.get();
    }
    if (format != nullptr) {
      Object contiguous = check(PyObject_GetAttrString(result, "contiguous"));
      Object positional = check(PyTuple_New(0));
      Object keywords = check(PyDict_New());
      check(PyDict_SetItem(keywords.get(), memory_format, format));
      return PyObject_Call(contiguous.get(), positional.get(), keywords.get());
    }
    return Py_NewRef(result);
  });
}

PyMethodDef functions[] = {{"_storage_bytes", storage_bytes, METH_O, "The tensor's whole storage as uint8."},
                           {"_from_storage", from_storage_bytes, METH_VARARGS, "A tensor over the memory of another."},
                           {"_as_subclass", as_subclass, METH_VARARGS, "The tensor as an instance of a subclass."},
                           {"_can_cast", can_cast_types, METH_VARARGS, nullptr},
                           {"_promote_types", promote, METH_VARARGS, nullptr},
                           {"_broadcast_shapes", broadcast, METH_O, nullptr},
                           {nullptr, nullptr, 0, nullptr}};

}  // namespace

PyMethodDef storage_methods[] = {
    {"to", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(method_to)), METH_FASTCALL | METH_KEYWORDS,
     "to(dtype), to(device, dtype=None), to(other): the tensor with that dtype and device; self where it has them."},
    {nullptr, nullptr, 0, nullptr}};

void register_storage(PyObject* module) { check(PyModule_AddFunctions(module, functions)); }

}  // namespace tl::python
