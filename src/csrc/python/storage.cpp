// Storages seen from Python (for copying, pickling and files), and tensors as instances of a subclass.
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

// The bytes of a storage that sizes and strides from `offset` on reach.
size_t extent_of(IntView sizes, IntView strides, int64_t offset, DType dtype) {
  TL_CHECK(sizes.size() == strides.size(), "mismatch in length of strides and shape: ", Shape{sizes}, " and ",
           Shape{strides});
  TL_CHECK(offset >= 0, "Tensor: invalid storage offset ", offset);
  int64_t last = offset;
  bool overflow = false;
  for (size_t i = 0; i < sizes.size(); ++i) {
    TL_CHECK(strides[i] >= 0,
             "as_strided: Negative strides are not supported at the moment, got strides: ", Shape{strides});
    int64_t step;
    overflow = overflow || __builtin_mul_overflow(sizes[i] - 1, strides[i], &step) ||
               __builtin_add_overflow(last, step, &last);
  }
  if (checked_numel(sizes) == 0) return 0;
  TL_CHECK(!overflow && last < (int64_t(1) << 58), "Storage size calculation overflowed with sizes=", Shape{sizes},
           " and strides=", Shape{strides});
  return size_t(last + 1) * item_size(dtype);
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
    size_t needed = extent_of(sizes, strides, offset, *t);
    TL_CHECK(needed <= b->storage->nbytes, "setStorage: sizes ", Shape{sizes}, ", strides ", Shape{strides},
             ", storage offset ", offset, ", and itemsize ", item_size(*t), " requiring a storage size of ", needed,
             " are out of bounds for storage of size ", b->storage->nbytes);
    b->storage->retain();
    return wrap(from_storage(b->storage, sizes, strides, offset, *t));
  });
}

// _set_storage(tensor, bytes, offset, size, stride): makes `tensor` refer to the memory of `bytes`.
PyObject* set_storage(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *self, *bytes, *size, *stride;
    long long offset;
    if (!PyArg_ParseTuple(args, "OOLOO:set_", &self, &bytes, &offset, &size, &stride)) return nullptr;
    const Tensor& t = expect_tensor(self, "set_", "self");
    const Tensor& b = expect_tensor(bytes, "set_", "source");
    Dims sizes, strides;
    TL_CHECK_TYPE(as_ints(size, sizes) && as_ints(stride, strides), "set_(): size and stride must be tuples of ints");
    check_inplace(t, "set_");
    TL_CHECK(raw_grad_fn(t) == nullptr || !grad_enabled(),
             "set_(): a tensor with history cannot be given other memory");
    size_t needed = extent_of(sizes, strides, offset, t.dtype());
    if (needed > b->storage->nbytes) resize_storage(b->storage, needed);
    b->storage->retain();
    std::exchange(t->storage, b->storage)->release();
    t->offset = offset;
    t->set_geometry(sizes, strides);
    t.bump_version();
    Py_RETURN_NONE;
  });
}

// _resize_storage(bytes, nbytes): of the tensor's storage, which all its tensors share.
PyObject* resize_storage_bytes(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject* bytes;
    long long nbytes;
    if (!PyArg_ParseTuple(args, "OL:resize_", &bytes, &nbytes)) return nullptr;
    TL_CHECK(nbytes >= 0, "storage size must not be negative, got ", nbytes);
    resize_storage(expect_tensor(bytes, "resize_", "self")->storage, size_t(nbytes));
    Py_RETURN_NONE;
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
      TL_CHECK_TYPE(as_ints(PySequence_Fast_GET_ITEM(shapes.get(), i), d),
                    "broadcast_shapes: shapes are tuples of ints");
      for (int64_t s : d) TL_CHECK(s >= 0, "Trying to create tensor with negative dimension (", s, "): (", d, ")");
      out = broadcast_shapes(out, d);
    }
    return wrap_size(out);
  });
}

PyMethodDef functions[] = {
    {"_storage_bytes", storage_bytes, METH_O, "The tensor's whole storage as uint8."},
    {"_from_storage", from_storage_bytes, METH_VARARGS, "A tensor over the memory of another."},
    {"_set_storage", set_storage, METH_VARARGS, "Makes a tensor refer to the memory of another."},
    {"_resize_storage", resize_storage_bytes, METH_VARARGS, "Resizes a tensor's storage."},
    {"_as_subclass", as_subclass, METH_VARARGS, "The tensor as an instance of a subclass."},
    {"_can_cast", can_cast_types, METH_VARARGS, nullptr},
    {"_promote_types", promote, METH_VARARGS, nullptr},
    {"_broadcast_shapes", broadcast, METH_O, nullptr},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void register_storage(PyObject* module) { check(PyModule_AddFunctions(module, functions)); }

}  // namespace tl::python
