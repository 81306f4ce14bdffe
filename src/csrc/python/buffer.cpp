// The buffer protocol, and NumPy arrays without copies (NumPy is imported when first needed).
#include "autograd/state.h"
#include "python/buffer.h"
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

}  // namespace tl::python
