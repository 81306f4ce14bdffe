// The buffer protocol, and NumPy arrays without copies (NumPy is imported when first needed).
#include "python/buffer.h"

#include <cstring>

#include "autograd/state.h"
#include "ops/ops.h"
#include "python/tensor.h"
#include "python/tensor_methods.h"
#include "python/types.h"

namespace tl::python {

namespace {

const char* const formats[dtype_count] = {"?", "B", "b", "h", "i", "q", "e", nullptr, "f", "d", "Zf", "Zd"};

struct Geometry {
  Tensor keep;
  Py_ssize_t dims[2 * 64];
};

int get_buffer(PyObject* self, Py_buffer* view, int flags) {
  const Tensor& t = unwrap(self);
  view->obj = nullptr;
  if (requires_grad(t)) {
    PyErr_SetString(PyExc_BufferError, "a tensor that requires grad has no buffer; use detach()");
    return -1;
  }
  const char* format = formats[int(t.dtype())];
  if (format == nullptr) {
    PyErr_SetString(PyExc_BufferError, "bfloat16 has no buffer format");
    return -1;
  }
  if (!t.is_contiguous() && (flags & PyBUF_STRIDES) != PyBUF_STRIDES) {
    PyErr_SetString(PyExc_BufferError, "the tensor is not contiguous");
    return -1;
  }
  // The memory must stay even if the tensor is given other data meanwhile, and stay where it is.
  t->storage->resizable = false;
  auto* g = new Geometry{alias(t), {}};
  auto n = size_t(t.dim());
  for (size_t i = 0; i < n; ++i) {
    g->dims[i] = Py_ssize_t(t.sizes()[i]);
    g->dims[n + i] = Py_ssize_t(t.strides()[i] * int64_t(item_size(t.dtype())));
  }
  view->buf = t->data();
  view->obj = Py_NewRef(self);
  view->len = Py_ssize_t(t.nbytes());
  view->itemsize = Py_ssize_t(item_size(t.dtype()));
  view->readonly = 0;
  view->ndim = int(n);
  view->format = (flags & PyBUF_FORMAT) ? const_cast<char*>(format) : nullptr;
  view->shape = (flags & PyBUF_ND) ? g->dims : nullptr;
  view->strides = (flags & PyBUF_STRIDES) == PyBUF_STRIDES ? g->dims + n : nullptr;
  view->suboffsets = nullptr;
  view->internal = g;
  return 0;
}
void release_buffer(PyObject*, Py_buffer* view) { delete static_cast<Geometry*>(view->internal); }

}  // namespace

void add_buffer_slots(std::vector<PyType_Slot>& slots) {
  slots.push_back({Py_bf_getbuffer, reinterpret_cast<void*>(get_buffer)});
  slots.push_back({Py_bf_releasebuffer, reinterpret_cast<void*>(release_buffer)});
}

PyObject* to_numpy(PyObject* self) {
  const Tensor& t = unwrap(self);
  TL_CHECK(!requires_grad(t), "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.");
  TL_CHECK_TYPE(formats[int(t.dtype())] != nullptr, "Got unsupported ScalarType ", dtype_legacy_name(t.dtype()));
  static PyObject* asarray = nullptr;
  if (asarray == nullptr) {
    Object numpy = check(PyImport_ImportModule("numpy"));
    asarray = check(PyObject_GetAttrString(numpy.get(), "asarray")).release();
  }
  Object view = check(PyMemoryView_FromObject(self));
  return PyObject_CallOneArg(asarray, view.get());
}

std::optional<DType> dtype_of_format(const char* format, size_t item_size) {
  const char* f = format == nullptr ? "B" : format;
  if (*f == '@' || *f == '=' || *f == '<' || *f == '|') ++f;
  if (*f == 'Z') {
    if (f[1] == 'f') return DType::Complex64;
    if (f[1] == 'd') return DType::Complex128;
    return {};
  }
  if (*f != '\0' && f[1] != '\0') return {};
  switch (*f) {
    case '?':
      return DType::Bool;
    case 'B':
      return DType::UInt8;
    case 'e':
      return DType::Float16;
    case 'f':
      return DType::Float32;
    case 'd':
      return DType::Float64;
    case 'b':
    case 'h':
    case 'i':
    case 'l':
    case 'q':
      break;
    default:
      return {};
  }
  switch (item_size) {
    case 1:
      return DType::Int8;
    case 2:
      return DType::Int16;
    case 4:
      return DType::Int32;
    default:
      return DType::Int64;
  }
}

// --- other objects' memory ------------------------------------------------------------------------

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

[[noreturn]] void bad_buffer(PyObject* o, const char* format) {
  PyErr_Clear();
  TL_CHECK_VALUE(
      format == nullptr || (*format != '>' && *format != '!'),
      "given numpy array has byte order different from the native byte order. Conversion between byte orders is "
      "currently not supported.");
  std::string what =
      std::string(Py_TYPE(o)->tp_name) + " with element format '" + (format != nullptr ? format : "?") + "'";
  if (is_ndarray(o)) {
    Object dtype = check(PyObject_GetAttrString(o, "dtype"));
    Object type = check(PyObject_GetAttrString(dtype.get(), "type"));
    Object name = check(PyObject_GetAttrString(type.get(), "__name__"));
    what = std::string("np.ndarray of type numpy.") + text_of(name.get());
  }
  fail(ErrorKind::type, "can't convert ", what,
       ". The only supported types are: float64, float32, float16, complex64, complex128, int64, int32, int16, int8, "
       "uint8, and bool.");
}

DType dtype_of_buffer(PyObject* o, const Py_buffer& view) {
  auto dtype = dtype_of_format(view.format, size_t(view.itemsize));
  if (!dtype) bad_buffer(o, view.format);
  return *dtype;
}

}  // namespace

bool is_ndarray(PyObject* o) {
  for (PyTypeObject* t = Py_TYPE(o); t != nullptr; t = t->tp_base) {
    if (std::strcmp(t->tp_name, "numpy.ndarray") == 0) return true;
  }
  return false;
}
bool is_numpy(PyObject* o) {
  return PyObject_CheckBuffer(o) && !PyBytes_Check(o) &&
         (std::strncmp(Py_TYPE(o)->tp_name, "numpy.", 6) == 0 || is_ndarray(o));
}
bool is_plain_buffer(PyObject* o) {
  return PyObject_CheckBuffer(o) && !PyBytes_Check(o) && !is_tensor(o) && !is_numpy(o);
}

Tensor from_buffer_copy(PyObject* o) {
  Buffer b(o, PyBUF_FULL_RO);
  if (!b) bad_buffer(o, nullptr);
  DType dtype = dtype_of_buffer(o, b.view);
  Dims sizes, strides;
  bool regular = b.view.strides != nullptr && b.view.suboffsets == nullptr;
  for (int i = 0; i < b.view.ndim; ++i) {
    sizes.push_back(b.view.shape != nullptr ? b.view.shape[i] : b.view.len / b.view.itemsize);
    regular = regular && b.view.strides[i] >= 0 && b.view.strides[i] % b.view.itemsize == 0;
    if (regular) strides.push_back(b.view.strides[i] / b.view.itemsize);
  }
  if (regular && checked_numel(sizes) != 0) {
    // In the memory order of the buffer, as PyTorch does.
    Tensor source = from_storage(wrap_storage(b.view.buf, 0, nullptr, nullptr), sizes, strides, 0, dtype);
    Tensor t = empty_like(source);
    copy_values(t, source);
    return t;
  }
  Tensor t = empty(sizes, dtype);
  if (t.numel() != 0) check(PyBuffer_ToContiguous(t->data(), &b.view, b.view.len, 'C'));
  return t;
}

Tensor from_buffer_shared(PyObject* o) {
  auto* view = new Py_buffer;
  if (PyObject_GetBuffer(o, view, PyBUF_STRIDED | PyBUF_FORMAT) != 0) {
    PyErr_Clear();
    if (PyObject_GetBuffer(o, view, PyBUF_STRIDED_RO | PyBUF_FORMAT) != 0) {
      delete view;
      bad_buffer(o, nullptr);
    }
    static bool warned = false;
    if (!warned) {
      warned = true;
      warn(
          "The given NumPy array is not writable, and PyTorch does not support non-writable tensors. This means "
          "writing to this tensor will result in undefined behavior. You may want to copy the array to protect its "
          "data or make it writable before converting it to a tensor. This type of warning will be suppressed for the "
          "rest of this program.");
    }
  }
  auto release = [](void* p) {
    GilAcquire gil;
    PyBuffer_Release(static_cast<Py_buffer*>(p));
    delete static_cast<Py_buffer*>(p);
  };
  Storage* storage = wrap_storage(view->buf, size_t(view->len), view, release);
  Tensor holder = from_storage(storage, Dims{0}, Dims{1}, 0, DType::UInt8);  // owns it while we check
  DType dtype = dtype_of_buffer(o, *view);
  Dims sizes, strides;
  int64_t extent = view->itemsize;
  for (int i = 0; i < view->ndim; ++i) {
    sizes.push_back(view->shape[i]);
    TL_CHECK_VALUE(view->strides[i] >= 0,
                   "At least one stride in the given numpy array is negative, and tensors with negative strides are "
                   "not currently supported. (You can probably work around this by making a copy of your array  with "
                   "array.copy().) ");
    TL_CHECK_VALUE(view->strides[i] % view->itemsize == 0,
                   "given numpy array strides not a multiple of the element byte size. Copy the numpy array to "
                   "reallocate the memory.");
    strides.push_back(view->strides[i] / view->itemsize);
    extent += view->shape[i] > 0 ? (view->shape[i] - 1) * view->strides[i] : 0;
  }
  storage->nbytes = size_t(extent);
  storage->retain();
  return from_storage(storage, sizes, strides, 0, dtype);
}

}  // namespace tl::python
