#include "python/creation.h"

#include <cstring>
#include <limits>

#include "autograd/state.h"
#include "ops/ops.h"
#include "python/buffer.h"
#include "python/signature.h"
#include "python/tensor.h"
#include "python/tensor_methods.h"
#include "python/types.h"

namespace tl::python {

namespace {

class Buffer {
 public:
  explicit Buffer(PyObject* o, int flags) { held_ = PyObject_GetBuffer(o, &view, flags) == 0; }
  ~Buffer() {
    if (held_) PyBuffer_Release(&view);
  }
  Buffer(const Buffer&) = delete;
  explicit operator bool() const { return held_; }
  Py_buffer view{};

 private:
  bool held_;
};

bool is_sequence(PyObject* o) { return PyList_Check(o) || PyTuple_Check(o); }
bool is_ndarray(PyObject* o) {
  for (PyTypeObject* t = Py_TYPE(o); t != nullptr; t = t->tp_base) {
    if (std::strcmp(t->tp_name, "numpy.ndarray") == 0) return true;
  }
  return false;
}
// Arrays and NumPy scalars, bytearray, array.array, memoryview; not str or bytes.
bool has_buffer(PyObject* o) {
  return PyObject_CheckBuffer(o) && !PyBytes_Check(o) && !PyUnicode_Check(o) && !is_tensor(o);
}

[[noreturn]] void bad_buffer(PyObject* o, const Py_buffer& view) {
  fail(ErrorKind::type, "can't convert ", Py_TYPE(o)->tp_name, " with element format '",
       view.format != nullptr ? view.format : "B",
       "'. The only supported types are: float64, float32, float16, complex64, complex128, int64, int32, int16, int8, "
       "uint8, and bool.");
}

Tensor from_buffer_copy(PyObject* o) {
  Buffer b(o, PyBUF_FULL_RO);
  if (!b) {
    PyErr_Clear();
    fail(ErrorKind::type, "cannot read the buffer of ", Py_TYPE(o)->tp_name);
  }
  auto dtype = dtype_of_format(b.view.format, size_t(b.view.itemsize));
  if (!dtype) bad_buffer(o, b.view);
  Dims sizes;
  for (int i = 0; i < b.view.ndim; ++i) sizes.push_back(b.view.shape != nullptr ? b.view.shape[i] : b.view.len);
  Tensor t = empty(sizes, *dtype);
  if (t.numel() != 0) check(PyBuffer_ToContiguous(t->data(), &b.view, b.view.len, 'C'));
  return t;
}

// Zero copy: the tensor's storage holds the buffer, hence its owner.
Tensor from_buffer_shared(PyObject* o, const char* function) {
  auto* view = new Py_buffer;
  if (PyObject_GetBuffer(o, view, PyBUF_STRIDED | PyBUF_FORMAT) != 0) {
    PyErr_Clear();
    if (PyObject_GetBuffer(o, view, PyBUF_STRIDED_RO | PyBUF_FORMAT) != 0) {
      delete view;
      throw PythonError();
    }
    warn("The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This means "
         "writing to this tensor will result in undefined behavior. You may want to copy the array to protect its "
         "data or make it writable before converting it to a tensor. This type of warning will be suppressed for the "
         "rest of this program.");
  }
  auto release = [](void* p) {
    GilAcquire gil;
    PyBuffer_Release(static_cast<Py_buffer*>(p));
    delete static_cast<Py_buffer*>(p);
  };
  Storage* storage = wrap_storage(view->buf, size_t(view->len), view, release);
  Tensor holder = from_storage(storage, Dims{0}, Dims{1}, 0, DType::UInt8);  // owns it while we check
  auto dtype = dtype_of_format(view->format, size_t(view->itemsize));
  if (!dtype) bad_buffer(o, *view);
  Dims sizes, strides;
  int64_t extent = view->itemsize;
  for (int i = 0; i < view->ndim; ++i) {
    sizes.push_back(view->shape[i]);
    TL_CHECK_VALUE(view->strides[i] >= 0, function,
                   ": At least one stride in the given numpy array is negative, and tensors with negative strides are "
                   "not currently supported. (You can probably work around this by making a copy of your array  with "
                   "array.copy().)");
    TL_CHECK_VALUE(view->strides[i] % view->itemsize == 0, function,
                   ": given numpy array strides not a multiple of the element byte size. Copy the numpy array to "
                   "reallocate the memory.");
    strides.push_back(view->strides[i] / view->itemsize);
    extent += view->shape[i] > 0 ? (view->shape[i] - 1) * view->strides[i] : 0;
  }
  storage->nbytes = size_t(extent);
  storage->retain();
  return from_storage(storage, sizes, strides, 0, *dtype);
}

// --- nested sequences ---------------------------------------------------------------------------

void sequence_shape(PyObject* o, Dims& sizes, int level) {
  TL_CHECK_VALUE(level < 64, "too many dimensions 'list' (at most 64)");
  if (is_sequence(o)) {
    Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
    sizes.push_back(n);
    if (n > 0) sequence_shape(PySequence_Fast_GET_ITEM(o, 0), sizes, level + 1);
    return;
  }
  if (is_tensor(o)) {
    for (int64_t s : unwrap(o).sizes()) sizes.push_back(s);
  } else if (has_buffer(o)) {
    Buffer b(o, PyBUF_FULL_RO);
    if (!b) throw PythonError();
    for (int i = 0; i < b.view.ndim; ++i) sizes.push_back(b.view.shape[i]);
  }
}

// The dtype that an element asks for.
DType element_dtype(PyObject* o) {
  if (is_tensor(o)) return unwrap(o).dtype();
  if (PyFloat_CheckExact(o)) return default_dtype();
  if (PyBool_Check(o)) return DType::Bool;
  if (PyLong_Check(o)) return DType::Int64;
  if (has_buffer(o)) {
    Buffer b(o, PyBUF_FULL_RO);
    if (b) {
      if (auto t = dtype_of_format(b.view.format, size_t(b.view.itemsize))) return *t;
    } else {
      PyErr_Clear();
    }
  }
  Scalar s;
  if (as_scalar(o, s)) return s.dtype();
  TL_CHECK_TYPE(!PyUnicode_Check(o), "new(): invalid data type 'str'");
  fail(ErrorKind::type, "Could not infer dtype of ", Py_TYPE(o)->tp_name);
}
void sequence_dtype(PyObject* o, DType& dtype, bool& any) {
  if (is_sequence(o)) {
    PyObject** items = PySequence_Fast_ITEMS(o);
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i) sequence_dtype(items[i], dtype, any);
    return;
  }
  DType t = element_dtype(o);
  dtype = any ? promote_types(dtype, t) : t;
  any = true;
}

template <class T>
void store(PyObject* o, T* at) {
  if (PyFloat_CheckExact(o)) {
    if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
      double v = PyFloat_AS_DOUBLE(o);
      if (v != v) fail(ErrorKind::value, "cannot convert float NaN to integer");
      TL_CHECK_KIND(overflow, v - v == 0, "cannot convert float infinity to integer");
    }
    *at = convert<T>(PyFloat_AS_DOUBLE(o));
    return;
  }
  Scalar s;
  if (is_tensor(o)) {
    s = item(unwrap(o));
  } else {
    TL_CHECK_TYPE(as_scalar(o, s), "must be real number, not ", Py_TYPE(o)->tp_name);
  }
  if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    TL_CHECK(!s.is_complex() || s.to<std::complex<double>>().imag() == 0,
             "value cannot be converted to a real type without losing its imaginary part");
  }
  if constexpr (std::is_integral_v<T> && sizeof(T) < 8 && !std::is_same_v<T, bool>) {
    if (s.is_integral_or_bool()) {
      int64_t v = s.to_int();
      TL_CHECK(v >= int64_t(std::numeric_limits<T>::min()) && v <= int64_t(std::numeric_limits<T>::max()),
               "value cannot be converted to type ", dtype_name(DTypeOf<T>::value), " without overflow");
    }
  }
  *at = s.to<T>();
}

template <class T>
void fill_from(PyObject* o, T* at, IntView sizes, IntView steps) {
  if (sizes.empty()) {
    TL_CHECK_VALUE(!is_sequence(o), "expected a number, got a nested sequence: the sizes differ between rows");
    store(o, at);
    return;
  }
  if (is_sequence(o)) {
    Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
    TL_CHECK_VALUE(n == sizes[0], "expected sequence of length ", sizes[0], " at dim ", 0, " (got ", n, ")");
    for (Py_ssize_t i = 0; i < n; ++i) {
      fill_from(PySequence_Fast_GET_ITEM(o, i), at + i * steps[0], sizes.subspan(1), steps.subspan(1));
    }
    return;
  }
  Tensor part;
  if (is_tensor(o)) {
    part = unwrap(o);
  } else if (has_buffer(o)) {
    part = from_buffer_copy(o);
  } else {
    fail(ErrorKind::type, "only sequences, tensors and arrays can be rows, not ", Py_TYPE(o)->tp_name);
  }
  TL_CHECK_VALUE(equal(part.sizes(), sizes), "expected a row of shape ", Shape{sizes}, " (got ", Shape{part.sizes()}, ")");
  Tensor row = empty(sizes, DTypeOf<T>::value);
  copy_values(row, part);
  std::memcpy(at, row->data(), row.nbytes());
}

}  // namespace

Tensor tensor_from_data(PyObject* data, std::optional<DType> dtype) {
  if (is_tensor(data)) {
    const Tensor& t = unwrap(data);
    Tensor out = empty_like(t, dtype.value_or(t.dtype()));
    copy_values(out, t);
    return out;
  }
  if (has_buffer(data)) {
    Tensor t = from_buffer_copy(data);
    if (!dtype || *dtype == t.dtype()) return t;
    Tensor out = empty(t.sizes(), *dtype);
    copy_values(out, t);
    return out;
  }
  // Other sequences (range, user types) become lists; numbers pass.
  Object list;
  if (!is_sequence(data) && !PyUnicode_Check(data) && PySequence_Check(data)) {
    list = Object::adopt(PySequence_List(data));
    if (!list) throw PythonError();
    data = list.get();
  }
  if (!is_sequence(data) && !PyUnicode_Check(data)) {
    Scalar probe;
    if (!as_scalar(data, probe) && PyObject_HasAttrString(data, "__array__")) {
      Object array = check(PyObject_CallMethod(data, "__array__", nullptr));
      return tensor_from_data(array.get(), dtype);
    }
  }
  Dims sizes;
  sequence_shape(data, sizes, 0);
  DType t = default_dtype();
  if (dtype) {
    t = *dtype;
  } else {
    bool any = false;
    sequence_dtype(data, t, any);
    if (!any) t = default_dtype();
  }
  Tensor out = empty(sizes, t);
  Dims steps(out.strides());
  dispatch_all(t, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (out.numel() > 0) fill_from<T>(data, out.data<T>(), sizes, steps);
  });
  return out;
}

PyObject* legacy_new(PyTypeObject* type, PyObject* args, PyObject* kwargs) {
  // Subclasses with an __init__ of their own may take anything: their arguments are used as far as
  // they are positional and fit.
  DType dtype = default_dtype();
  (void)kwargs;
  Py_ssize_t n = PyTuple_GET_SIZE(args);
  Tensor t;
  int64_t size;
  if (n == 0) {
    t = empty(Dims{0}, dtype);
  } else if (PyObject* first = PyTuple_GET_ITEM(args, 0); as_int(first, size) && !is_tensor(first)) {
    Dims sizes;
    for (Py_ssize_t i = 0; i < n; ++i) {
      TL_CHECK_TYPE(as_int(PyTuple_GET_ITEM(args, i), size), "new(): argument 'size' must be tuple of ints, but found element of type ",
                    Py_TYPE(PyTuple_GET_ITEM(args, i))->tp_name, " at pos ", i + 1);
      sizes.push_back(size);
    }
    t = empty(sizes, dtype);
  } else {
    TL_CHECK_TYPE(n == 1, "new() received an invalid combination of arguments: a size, a sequence or a tensor is due");
    if (is_tensor(first)) {
      TL_CHECK_TYPE(unwrap(first).dtype() == dtype, "expected ", dtype_legacy_name(dtype), "Tensor (got ",
                    dtype_legacy_name(unwrap(first).dtype()), "Tensor)");
      t = detach(unwrap(first));
    } else if (Py_TYPE(first) == size_type) {
      Dims sizes;
      as_ints(first, sizes);
      t = empty(sizes, dtype);
    } else {
      TL_CHECK_TYPE(is_sequence(first) || has_buffer(first), "new(): data must be a sequence (got ",
                    Py_TYPE(first)->tp_name, ")");
      t = tensor_from_data(first, dtype);
    }
  }
  return wrap_as(std::move(t), type == tensor_base_type ? tensor_type : type);
}

namespace {

struct CommonArgs {
  std::optional<DType> dtype;
  bool requires_grad = false;
};
CommonArgs common(PyObject* dtype, PyObject* device, int requires_grad, const char* function) {
  CommonArgs c;
  if (dtype != nullptr && dtype != Py_None) {
    c.dtype = as_dtype(dtype);
    TL_CHECK_TYPE(c.dtype.has_value(), function, "(): argument 'dtype' must be torch.dtype, not ", Py_TYPE(dtype)->tp_name);
  }
  if (device != nullptr && device != Py_None) {
    auto d = as_device(device);
    TL_CHECK_TYPE(d.has_value(), function, "(): argument 'device' must be torch.device, not ", Py_TYPE(device)->tp_name);
    TL_CHECK_NOTIMPL(*d == DeviceType::cpu, function, "(): data cannot be put on the meta device");
  }
  c.requires_grad = requires_grad != 0;
  return c;
}

PyObject* py_tensor(PyObject*, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"data", "dtype", "device", "requires_grad", "pin_memory", nullptr};
    PyObject* data;
    PyObject* dtype = nullptr;
    PyObject* device = nullptr;
    int grad = 0, pin = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$OOpp:tensor", const_cast<char**>(names), &data, &dtype, &device,
                                     &grad, &pin)) {
      return nullptr;
    }
    CommonArgs c = common(dtype, device, grad, "tensor");
    if (is_tensor(data)) {
      warn("To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() or "
           "sourceTensor.detach().clone().requires_grad_(True), rather than torch.tensor(sourceTensor).");
    }
    Tensor t = tensor_from_data(data, c.dtype);
    if (c.requires_grad) set_requires_grad(t, true);
    return wrap(std::move(t));
  });
}

PyObject* py_as_tensor(PyObject*, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"data", "dtype", "device", nullptr};
    PyObject* data;
    PyObject* dtype = nullptr;
    PyObject* device = nullptr;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|OO:as_tensor", const_cast<char**>(names), &data, &dtype, &device)) {
      return nullptr;
    }
    CommonArgs c = common(dtype, device, 0, "as_tensor");
    if (is_tensor(data)) {
      if (!c.dtype || *c.dtype == unwrap(data).dtype()) return Py_NewRef(data);
      return wrap(to_dtype(unwrap(data), *c.dtype));
    }
    if (is_ndarray(data)) {
      Tensor t = from_buffer_shared(data, "as_tensor");
      if (!c.dtype || *c.dtype == t.dtype()) return wrap(std::move(t));
      return wrap(tensor_from_data(data, c.dtype));
    }
    return wrap(tensor_from_data(data, c.dtype));
  });
}

PyObject* py_from_numpy(PyObject*, PyObject* array) {
  return guarded([&]() -> PyObject* {
    TL_CHECK_TYPE(is_ndarray(array), "expected np.ndarray (got ", Py_TYPE(array)->tp_name, ")");
    return wrap(from_buffer_shared(array, "from_numpy"));
  });
}

PyObject* py_frombuffer(PyObject*, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"buffer", "dtype", "count", "offset", "requires_grad", nullptr};
    PyObject* buffer;
    PyObject* dtype = nullptr;
    long long count = -1, offset = 0;
    int grad = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O|$OLLp:frombuffer", const_cast<char**>(names), &buffer, &dtype,
                                     &count, &offset, &grad)) {
      return nullptr;
    }
    CommonArgs c = common(dtype, nullptr, grad, "frombuffer");
    TL_CHECK_TYPE(c.dtype.has_value(), "frombuffer(): missing required argument 'dtype'");
    auto size = int64_t(item_size(*c.dtype));
    // Bytes first, whatever the owner calls its elements.
    Object bytes = check(PyMemoryView_FromObject(buffer));
    bytes = check(PyObject_CallMethod(bytes.get(), "cast", "s", "B"));
    Tensor raw = from_buffer_shared(bytes.get(), "frombuffer");
    int64_t length = raw.numel();
    TL_CHECK_VALUE(length > 0, "frombuffer(): both buffer length (", length, ") and count (", count, ") must not be 0");
    TL_CHECK_VALUE(count != 0, "frombuffer(): both buffer length (", length, ") and count (", count, ") must not be 0");
    TL_CHECK_VALUE(offset >= 0 && offset < length, "frombuffer(): offset (", offset,
                   " bytes) must be non-negative and no greater than buffer length (", length, " bytes) minus 1");
    if (count < 0) {
      TL_CHECK_VALUE((length - offset) % size == 0, "frombuffer(): buffer length (", length - offset,
                     " bytes) after offset (", offset, " bytes) must be a multiple of element size (", size, ")");
      count = (length - offset) / size;
    }
    TL_CHECK_VALUE(count <= (length - offset) / size, "frombuffer(): requested buffer length (", count, " * ", size,
                   " bytes) after offset (", offset, " bytes) must not be greater than actual buffer length (", length, " bytes)");
    // The storage begins at the offset, which need not be a multiple of the element size.
    auto* keep = new Tensor(raw);
    Storage* s = wrap_storage(raw.bytes() + offset, size_t(count * size), keep, [](void* p) { delete static_cast<Tensor*>(p); });
    Tensor t = from_storage(s, Dims{count}, Dims{1}, 0, *c.dtype);
    if (c.requires_grad) set_requires_grad(t, true);
    return wrap(std::move(t));
  });
}

PyObject* py_default_dtype(PyObject*, PyObject*) { return wrap_dtype(default_dtype()); }
PyObject* py_set_default_dtype(PyObject*, PyObject* d) {
  return guarded([&]() -> PyObject* {
    TL_CHECK_TYPE(is_dtype(d), "invalid dtype object: only floating-point types are supported as the default type");
    set_default_dtype(*as_dtype(d));
    Py_RETURN_NONE;
  });
}
PyObject* py_legacy_tensor(PyObject*, PyObject* args) {
  // (dtype, args): FloatTensor(2, 3), LongTensor([1, 0, 1]) …
  return guarded([&]() -> PyObject* {
    PyObject* dtype;
    PyObject* rest;
    if (!PyArg_ParseTuple(args, "OO!", &dtype, &PyTuple_Type, &rest)) return nullptr;
    DType want = *as_dtype(dtype);
    Py_ssize_t n = PyTuple_GET_SIZE(rest);
    int64_t size;
    if (n == 1 && !is_tensor(PyTuple_GET_ITEM(rest, 0)) && !as_int(PyTuple_GET_ITEM(rest, 0), size) &&
        Py_TYPE(PyTuple_GET_ITEM(rest, 0)) != size_type) {
      PyObject* data = PyTuple_GET_ITEM(rest, 0);
      TL_CHECK_TYPE(is_sequence(data) || has_buffer(data), "new(): data must be a sequence (got ", Py_TYPE(data)->tp_name, ")");
      return wrap(tensor_from_data(data, want));
    }
    if (n == 1 && is_tensor(PyTuple_GET_ITEM(rest, 0))) {
      const Tensor& t = unwrap(PyTuple_GET_ITEM(rest, 0));
      TL_CHECK_TYPE(t.dtype() == want, "expected ", dtype_legacy_name(want), "Tensor (got ", dtype_legacy_name(t.dtype()),
                    "Tensor)");
      return wrap(detach(t));
    }
    Dims sizes;
    if (n == 0) {
      sizes.push_back(0);
    } else if (Py_TYPE(PyTuple_GET_ITEM(rest, 0)) == size_type) {
      as_ints(PyTuple_GET_ITEM(rest, 0), sizes);
    } else {
      for (Py_ssize_t i = 0; i < n; ++i) {
        TL_CHECK_TYPE(as_int(PyTuple_GET_ITEM(rest, i), size), "new(): argument 'size' must be tuple of ints, but found element of type ",
                      Py_TYPE(PyTuple_GET_ITEM(rest, i))->tp_name, " at pos ", i + 1);
        sizes.push_back(size);
      }
    }
    return wrap(empty(sizes, want));
  });
}

#define TL_KEYWORDS(f) reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(f)), METH_VARARGS | METH_KEYWORDS
PyMethodDef functions[] = {
    {"tensor", TL_KEYWORDS(py_tensor), "tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False)\n\n"
     "A new leaf tensor with a copy of `data`: a number, nested sequences, an array."},
    {"as_tensor", TL_KEYWORDS(py_as_tensor), "as_tensor(data, dtype=None, device=None)\n\nA tensor over `data`, sharing "
     "memory (and history) where it is a tensor or an array of the wanted dtype."},
    {"from_numpy", py_from_numpy, METH_O, "from_numpy(ndarray)\n\nA tensor over the array's memory, which stays alive with it."},
    {"frombuffer", TL_KEYWORDS(py_frombuffer), "frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False)\n\n"
     "A 1-d tensor over the memory of an object with the buffer protocol."},
    {"get_default_dtype", py_default_dtype, METH_NOARGS, "The dtype of tensors made from Python floats."},
    {"set_default_dtype", py_set_default_dtype, METH_O, "Sets the dtype of tensors made from Python floats."},
    {"_legacy_tensor", py_legacy_tensor, METH_VARARGS, "FloatTensor(…) and its kin."},
    {nullptr, nullptr, 0, nullptr}};

}  // namespace

void register_creation(PyObject* module) { check(PyModule_AddFunctions(module, functions)); }

}  // namespace tl::python
