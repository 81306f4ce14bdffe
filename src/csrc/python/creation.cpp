#include "python/creation.h"

#include <memory>

#include "autograd/state.h"
#include "ops/ops.h"
#include "python/buffer.h"
#include "python/signature.h"
#include "python/tensor.h"
#include "python/types.h"

namespace tl::python {

namespace {

Dims sizes_from(PyObject* const* items, Py_ssize_t n) {
  Dims sizes;
  for (Py_ssize_t i = 0; i < n; ++i) {
    int64_t size;
    TL_CHECK_TYPE(as_int(items[i], size), "new(): argument 'size' failed to unpack the object at pos ", i + 1,
                  " with error \"type must be tuple of ints,but got ", Py_TYPE(items[i])->tp_name, "\"");
    sizes.push_back(size);
  }
  return sizes;
}

// What the typed constructors of the first PyTorch take: nothing, sizes, a torch.Size, another tensor
// (whose memory they share; of any dtype for Tensor itself), or data.
Tensor legacy_tensor(DType dtype, bool any_tensor, PyObject* args, PyObject* kwargs) {
  Py_ssize_t n = PyTuple_GET_SIZE(args);
  PyObject* const* items = PySequence_Fast_ITEMS(args);
  PyObject* first = n > 0 ? items[0] : nullptr;
  PyObject* size = nullptr;
  PyObject *key, *value;
  for (Py_ssize_t at = 0; kwargs != nullptr && PyDict_Next(kwargs, &at, &key, &value);) {
    auto is = [&](const char* name) { return PyUnicode_CompareWithASCIIString(key, name) == 0; };
    if (is("device")) {
      TL_CHECK_TYPE(value == Py_None || as_device(value), "new(): argument 'device' must be torch.device, not ",
                    Py_TYPE(value)->tp_name);
    } else if (is("size") && n == 0) {
      size = value;
    } else if ((is("data") || is("other")) && n == 0) {
      first = value;
      n = 1;
    } else {
      fail(ErrorKind::type, "new() received an invalid combination of arguments - got an unexpected keyword argument '",
           text_of(key), "'");
    }
  }
  if (size != nullptr) {
    Dims sizes;
    TL_CHECK_TYPE(as_ints(size, sizes), "new(): argument 'size' must be tuple of ints, not ", Py_TYPE(size)->tp_name);
    return empty(sizes, dtype);
  }
  if (first == nullptr) return empty(Dims{0}, dtype);
  if (is_tensor(first) && n == 1) {
    const Tensor& t = unwrap(first);
    TL_CHECK_TYPE(any_tensor || t.dtype() == dtype, "expected ", dtype_legacy_name(dtype), "Tensor (got ",
                  dtype_legacy_name(t.dtype()), "Tensor)");
    return detach(t);
  }
  int64_t probe;
  if (as_int(first, probe)) return empty(sizes_from(items, n), dtype);
  TL_CHECK_TYPE(n == 1, "new() received an invalid combination of arguments - got ", n,
                " of them; sizes, one sequence or one tensor are due");
  if (Py_TYPE(first) == size_type)
    return empty(sizes_from(PySequence_Fast_ITEMS(first), PyTuple_GET_SIZE(first)), dtype);
  TL_CHECK_TYPE(PySequence_Check(first), "new(): data must be a sequence (got ", Py_TYPE(first)->tp_name, ")");
  return tensor_from_data(first, dtype);
}

}  // namespace

PyObject* legacy_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  Tensor t = legacy_tensor(default_dtype(), true, args, kwargs);
  return wrap_as(std::move(t), type == tensor_base_type ? tensor_type : type);
}

namespace {

// Arguments of a function that is no op, matched as those of ops are.
class Arguments {
 public:
  Arguments(const Signature& s, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
    std::string error;
    if (!match(s, args, nargs, kwnames, values(), arena_, &error)) fail(ErrorKind::type, error);
  }
  const Value& operator[](int i) { return values()[i]; }
  PyObject* object(int i) { return static_cast<PyObject*>(values()[i].object); }
  std::optional<DType> dtype(int i) { return ArgOf<std::optional<DType>>::get(values()[i]); }
  bool flag(int i) { return !values()[i].is_none() && values()[i].b; }
  void check_device(int i) {
    const Value& v = values()[i];
    TL_CHECK_NOTIMPL(v.is_none() || v.device == DeviceType::cpu, "the meta device holds no data");
  }

 private:
  Value* values() { return reinterpret_cast<Value*>(memory_); }
  alignas(Value) char memory_[sizeof(Value) * max_params];
  Arena arena_;
};
const Signature& signature_of(const OpRecord& record) { return *parse_signature(record).release(); }

void check_pin(bool pin) {
  TL_CHECK(!pin,
           "pin_memory=True requires a CUDA or other accelerator backend; no pinned memory allocator is available on "
           "this system.");
}
PyObject* as_leaf(Tensor t, bool requires_grad) {
  if (requires_grad) set_requires_grad(t, true);
  return wrap(std::move(t));
}

PyObject* py_tensor(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return guarded([&]() -> PyObject* {
    if (nargs == 1 && kwnames == nullptr && !is_tensor(args[0])) return wrap(tensor_from_data(args[0], std::nullopt));
    static const OpRecord record = {
        "tensor(Any data, *, ScalarType? dtype=None, Device? device=None, bool? requires_grad=False, bool? "
        "pin_memory=False) -> "
        "Tensor",
        nullptr, 0, "", ""};
    static const Signature& signature = signature_of(record);
    Arguments a(signature, args, nargs, kwnames);
    a.check_device(2);
    check_pin(a.flag(4));
    if (is_tensor(a.object(0))) {
      warn(
          "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
          "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).");
    }
    return as_leaf(tensor_from_data(a.object(0), a.dtype(1)), a.flag(3));
  });
}

Tensor shared_or_new(PyObject* data, std::optional<DType> dtype) {
  if (!is_ndarray(data)) return tensor_from_data(data, dtype);
  Tensor t = from_buffer_shared(data);
  return !dtype || *dtype == t.dtype() ? t : tensor_from_data(data, dtype);
}

PyObject* py_as_tensor(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return guarded([&]() -> PyObject* {
    static const OpRecord record = {"as_tensor(Any data, *, ScalarType? dtype=None, Device? device=None) -> Tensor",
                                    nullptr, 0, "", ""};
    static const Signature& signature = signature_of(record);
    Arguments a(signature, args, nargs, kwnames);
    a.check_device(2);
    PyObject* data = a.object(0);
    if (!is_tensor(data)) return wrap(shared_or_new(data, a.dtype(1)));
    const Tensor& t = unwrap(data);
    if (a.dtype(1).value_or(t.dtype()) == t.dtype()) return Py_NewRef(data);
    return wrap(to_dtype(t, *a.dtype(1)));
  });
}

// Shares memory where it can, and says so where it must not or cannot.
PyObject* py_asarray(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return guarded([&]() -> PyObject* {
    static const OpRecord record = {
        "asarray(Any obj, *, ScalarType? dtype=None, Device? device=None, bool? copy=None, bool requires_grad=False) "
        "-> Tensor",
        nullptr, 0, "", ""};
    static const Signature& signature = signature_of(record);
    Arguments a(signature, args, nargs, kwnames);
    a.check_device(2);
    PyObject* o = a.object(0);
    auto dtype = a.dtype(1);
    bool must_copy = a.flag(3), never_copy = !a[3].is_none() && !a[3].b;
    Tensor t;
    bool shared = true;
    if (is_tensor(o)) {
      t = unwrap(o);
    } else if (is_ndarray(o)) {
      t = from_buffer_shared(o);
    } else if (is_plain_buffer(o) && dtype) {
      Object bytes = check(PyMemoryView_FromObject(o));
      bytes = check(PyObject_CallMethod(bytes.get(), "cast", "s", "B"));
      t = from_buffer_shared(bytes.get());
      auto size = int64_t(item_size(*dtype));
      TL_CHECK_VALUE(t.numel() % size == 0, "buffer length (", t.numel(),
                     " bytes) must be a multiple of element size (", size, ")");
      t->storage->retain();
      t = from_storage(t->storage, Dims{t.numel() / size}, Dims{1}, 0, *dtype);
    } else {
      t = tensor_from_data(o, dtype);
      shared = false;
      TL_CHECK_VALUE(!never_copy, "can't alias arbitrary sequence into a tensor.");
    }
    if (shared && dtype.value_or(t.dtype()) != t.dtype()) {
      TL_CHECK_VALUE(!never_copy, "can't alias tensor with dtype '", dtype_legacy_name(t.dtype()), "' into dtype '",
                     dtype_legacy_name(*dtype), "'.");
      t = to_dtype(t, *dtype);
    } else if (shared && must_copy) {
      t = clone(t);
    }
    if (is_tensor(o) && requires_grad(t) && !a.flag(4)) t = detach(t);
    return a.flag(4) && raw_grad_fn(t) == nullptr ? as_leaf(std::move(t), true) : wrap(std::move(t));
  });
}

PyObject* py_from_numpy(PyObject*, PyObject* array) {
  return guarded([&]() -> PyObject* {
    TL_CHECK_TYPE(is_ndarray(array), "expected np.ndarray (got ", Py_TYPE(array)->tp_name, ")");
    return wrap(from_buffer_shared(array));
  });
}

PyObject* py_frombuffer(PyObject*, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  return guarded([&]() -> PyObject* {
    static const OpRecord record = {
        "frombuffer(Any buffer, *, ScalarType dtype, int count=-1, int offset=0, bool requires_grad=False) -> Tensor",
        nullptr, 0, "", ""};
    static const Signature& signature = signature_of(record);
    Arguments a(signature, args, nargs, kwnames);
    DType dtype = *a.dtype(1);
    int64_t count = a[2].i, offset = a[3].i;
    TL_CHECK_VALUE(PyObject_CheckBuffer(a.object(0)), "object does not implement Python buffer protocol.");
    auto size = int64_t(item_size(dtype));
    // Bytes first, whatever the owner calls its elements.
    Object bytes = check(PyMemoryView_FromObject(a.object(0)));
    bytes = check(PyObject_CallMethod(bytes.get(), "cast", "s", "B"));
    Tensor raw = from_buffer_shared(bytes.get());
    int64_t length = raw.numel();
    TL_CHECK_VALUE(length > 0, "both buffer length (", length, ") and count (", count, ") must not be 0");
    TL_CHECK_VALUE(count != 0, "both buffer length (", length, ") and count (", count, ") must not be 0");
    TL_CHECK_VALUE(offset >= 0 && offset < length, "offset (", offset,
                   " bytes) must be non-negative and no greater than buffer length (", length, " bytes) minus 1");
    if (count < 0) {
      TL_CHECK_VALUE((length - offset) % size == 0, "buffer length (", length - offset, " bytes) after offset (",
                     offset, " bytes) must be a multiple of element size (", size, ")");
      count = (length - offset) / size;
    }
    TL_CHECK_VALUE(count <= (length - offset) / size, "requested buffer length (", count, " * ", size,
                   " bytes) after offset (", offset, " bytes) must not be greater than actual buffer length (", length,
                   " bytes)");
    // The storage begins at the offset, which need not be a multiple of the element size.
    auto* keep = new Tensor(raw);
    Storage* s =
        wrap_storage(raw.bytes() + offset, size_t(count * size), keep, [](void* p) { delete static_cast<Tensor*>(p); });
    Tensor t = from_storage(s, Dims{count}, Dims{1}, 0, dtype);
    return as_leaf(std::move(t), a.flag(4));
  });
}

PyObject* py_default_dtype(PyObject*, PyObject*) { return wrap_dtype(default_dtype()); }
PyObject* py_set_default_dtype(PyObject*, PyObject* d) {
  return guarded([&]() -> PyObject* {
    TL_CHECK_TYPE(is_dtype(d), "invalid dtype object: only floating-point types are supported as the default type");
    TL_CHECK_TYPE(is_floating(*as_dtype(d)), "only floating-point types are supported as the default type");
    set_default_dtype(*as_dtype(d));
    Py_RETURN_NONE;
  });
}
// (dtype, args, kwargs): FloatTensor(2, 3), LongTensor([1, 0, 1]) …
PyObject* py_legacy_tensor(PyObject*, PyObject* args) {
  return guarded([&]() -> PyObject* {
    PyObject *dtype, *rest;
    PyObject* keywords = nullptr;
    if (!PyArg_ParseTuple(args, "OO!|O!:_legacy_tensor", &dtype, &PyTuple_Type, &rest, &PyDict_Type, &keywords))
      return nullptr;
    TL_CHECK_TYPE(is_dtype(dtype), "_legacy_tensor: a dtype is due");
    return wrap(legacy_tensor(*as_dtype(dtype), false, rest, keywords));
  });
}

#define TL_FAST(f) reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f)), METH_FASTCALL | METH_KEYWORDS
PyMethodDef functions[] = {
    {"tensor", TL_FAST(py_tensor),
     "tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False)\n\n"
     "A new leaf tensor with a copy of `data`: a number, nested sequences, an array."},
    {"as_tensor", TL_FAST(py_as_tensor),
     "as_tensor(data, *, dtype=None, device=None)\n\nA tensor over `data`, sharing "
     "memory (and history) where it is a tensor or an array of the wanted dtype."},
    {"asarray", TL_FAST(py_asarray),
     "asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=False)\n\nA tensor "
     "over `obj`, sharing memory unless `copy` is True; copy=False raises where that cannot be."},
    {"from_numpy", py_from_numpy, METH_O,
     "from_numpy(ndarray)\n\nA tensor over the array's memory, which stays alive with it."},
    {"frombuffer", TL_FAST(py_frombuffer),
     "frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False)\n\n"
     "A 1-d tensor over the memory of an object with the buffer protocol."},
    {"get_default_dtype", py_default_dtype, METH_NOARGS, "The dtype of tensors made from Python floats."},
    {"set_default_dtype", py_set_default_dtype, METH_O, "Sets the dtype of tensors made from Python floats."},
    {"_legacy_tensor", py_legacy_tensor, METH_VARARGS, "FloatTensor(…) and its kin."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void register_creation(PyObject* module) { check(PyModule_AddFunctions(module, functions)); }

}  // namespace tl::python
