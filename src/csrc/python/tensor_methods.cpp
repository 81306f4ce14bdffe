// Properties and conversions of tensors that are not ops.
#include "python/tensor_methods.h"

#include "autograd/state.h"
#include "ops/ops.h"
#include "python/creation.h"
#include "python/indexing.h"
#include "python/op_function.h"
#include "python/override.h"
#include "python/tensor.h"
#include "python/types.h"

namespace tl::python {

namespace {

const Tensor& self_of(PyObject* o) { return unwrap(o); }

PyObject* get_shape(PyObject* o, void*) { return wrap_size(self_of(o).sizes()); }
PyObject* get_dtype(PyObject* o, void*) { return wrap_dtype(self_of(o).dtype()); }
PyObject* get_device(PyObject* o, void*) { return wrap_device(self_of(o)->device); }
PyObject* get_ndim(PyObject* o, void*) { return PyLong_FromLongLong(self_of(o).dim()); }
PyObject* get_itemsize(PyObject* o, void*) { return PyLong_FromSize_t(item_size(self_of(o).dtype())); }
PyObject* get_nbytes(PyObject* o, void*) { return PyLong_FromSize_t(self_of(o).nbytes()); }
PyObject* get_true(PyObject*, void*) { Py_RETURN_TRUE; }
PyObject* get_false(PyObject*, void*) { Py_RETURN_FALSE; }
PyObject* get_layout(PyObject*, void*) {
  static PyObject* strided = nullptr;
  if (strided == nullptr) {
    PyObject* module = PyImport_ImportModule("tensorlite._C");
    if (module == nullptr) return nullptr;
    strided = PyObject_GetAttrString(module, "strided");
    Py_DECREF(module);
  }
  return Py_XNewRef(strided);
}
// x.T and its kin are ops of those names.
PyObject* get_op(PyObject* o, void* name) {
  return guarded([&]() -> PyObject* { return call_op(find_op(static_cast<const char*>(name)), {o}).release(); });
}
PyObject* get_array_interface(PyObject* o, void*) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = self_of(o);
    if (requires_grad(t) || t.dtype() == DType::BFloat16) {
      PyErr_SetString(PyExc_AttributeError, "__array_interface__ is not available for tensors that require grad");
      return nullptr;
    }
    const char* codes[] = {"|b1", "|u1", "|i1", "<i2", "<i4", "<i8", "<f2", "", "<f4", "<f8", "<c8", "<c16"};
    Dims strides(t.strides());
    for (int64_t& s : strides) s *= int64_t(item_size(t.dtype()));
    return Py_BuildValue("{s:i,s:s,s:N,s:N,s:(NO)}", "version", 3, "typestr", codes[int(t.dtype())], "shape",
                         wrap_ints(t.sizes()), "strides", wrap_ints(strides), "data", PyLong_FromVoidPtr(t->data()),
                         Py_False);
  });
}

template <class T>
PyObject* element(const char* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  if constexpr (std::is_same_v<T, bool>) {
    return PyBool_FromLong(v);
  } else if constexpr (std::is_integral_v<T>) {
    return PyLong_FromLongLong(int64_t(v));
  } else if constexpr (std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>) {
    return PyComplex_FromDoubles(double(v.real()), double(v.imag()));
  } else {
    return PyFloat_FromDouble(convert<double>(v));
  }
}
template <class T>
PyObject* list_of(const char* p, IntView sizes, IntView strides) {
  if (sizes.empty()) return element<T>(p);
  Object list = check(PyList_New(Py_ssize_t(sizes[0])));
  for (int64_t i = 0; i < sizes[0]; ++i) {
    PyObject* x =
        check(list_of<T>(p + i * strides[0] * int64_t(sizeof(T)), sizes.subspan(1), strides.subspan(1))).release();
    PyList_SET_ITEM(list.get(), Py_ssize_t(i), x);
  }
  return list.release();
}

PyObject* method_item(PyObject* o, PyObject*) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = self_of(o);
    TL_CHECK(t.numel() == 1, "a Tensor with ", t.numel(), " elements cannot be converted to Scalar");
    return dispatch_all(t.dtype(), [&](auto tag) { return element<typename decltype(tag)::type>(t.bytes()); });
  });
}
PyObject* method_tolist(PyObject* o, PyObject*) {
  return guarded([&]() -> PyObject* { return to_list(self_of(o)); });
}

// The dim argument of size() and stride(): (given?, value).
bool dim_argument(PyObject* args, PyObject* kwargs, const char* format, int64_t ndim, int64_t& dim, bool& given) {
  static const char* names[] = {"dim", nullptr};
  PyObject* arg = nullptr;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, format, const_cast<char**>(names), &arg)) return false;
  given = arg != nullptr && arg != Py_None;
  if (!given) return true;
  if (!as_int(arg, dim)) {
    PyErr_Format(PyExc_TypeError, "%s(): argument 'dim' must be int, not %s", format + 3, Py_TYPE(arg)->tp_name);
    return false;
  }
  TL_CHECK_INDEX(ndim > 0, "Dimension specified as ", dim, " but tensor has no dimensions");
  dim = wrap_dim(dim, ndim);
  return true;
}
PyObject* method_size(PyObject* o, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = self_of(o);
    int64_t dim;
    bool given;
    if (!dim_argument(args, kwargs, "|O:size", t.dim(), dim, given)) return nullptr;
    if (!given) return wrap_size(t.sizes());
    return PyLong_FromLongLong(t.sizes()[size_t(dim)]);
  });
}
PyObject* method_stride(PyObject* o, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    const Tensor& t = self_of(o);
    int64_t dim;
    bool given;
    if (!dim_argument(args, kwargs, "|O:stride", t.dim(), dim, given)) return nullptr;
    if (!given) return wrap_ints(t.strides());
    return PyLong_FromLongLong(t.strides()[size_t(dim)]);
  });
}
PyObject* method_dim(PyObject* o, PyObject*) { return PyLong_FromLongLong(self_of(o).dim()); }
PyObject* method_numel(PyObject* o, PyObject*) { return PyLong_FromLongLong(self_of(o).numel()); }
PyObject* method_element_size(PyObject* o, PyObject*) { return get_itemsize(o, nullptr); }
PyObject* method_storage_offset(PyObject* o, PyObject*) { return PyLong_FromLongLong(self_of(o)->offset); }
PyObject* method_data_ptr(PyObject* o, PyObject*) {
  const Tensor& t = self_of(o);
  return PyLong_FromVoidPtr(t.numel() == 0 ? nullptr : t->data());
}
PyObject* method_storage_ptr(PyObject* o, PyObject*) { return PyLong_FromVoidPtr(self_of(o)->storage->data); }
PyObject* method_storage_nbytes(PyObject* o, PyObject*) { return PyLong_FromSize_t(self_of(o)->storage->nbytes); }
PyObject* method_is_floating_point(PyObject* o, PyObject*) { return PyBool_FromLong(is_floating(self_of(o).dtype())); }
PyObject* method_is_complex(PyObject* o, PyObject*) { return PyBool_FromLong(is_complex(self_of(o).dtype())); }
PyObject* method_is_signed(PyObject* o, PyObject*) {
  DType t = self_of(o).dtype();
  return PyBool_FromLong(t != DType::Bool && t != DType::UInt8);
}
// Strides of a batch of images kept channel by channel at each pixel.
bool is_channels_last(const Tensor& t) {
  if (t.dim() != 4) return false;
  IntView sizes = t.sizes(), strides = t.strides();
  int64_t expected = 1;
  for (size_t d : {size_t(1), size_t(3), size_t(2), size_t(0)}) {
    if (sizes[d] != 1 && strides[d] != expected) return false;
    expected *= sizes[d];
  }
  return true;
}
PyObject* method_is_contiguous(PyObject* o, PyObject* args, PyObject* kwargs) {
  static const char* names[] = {"memory_format", nullptr};
  PyObject* format = nullptr;
  if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O:is_contiguous", const_cast<char**>(names), &format))
    return nullptr;
  const Tensor& t = self_of(o);
  if (format != nullptr && Py_TYPE(format) == memory_format_type) {
    Object name = Object::adopt(PyObject_Str(format));
    if (name && PyUnicode_CompareWithASCIIString(name.get(), "torch.channels_last") == 0) {
      return PyBool_FromLong(is_channels_last(t));
    }
  }
  return PyBool_FromLong(t.is_contiguous());
}
PyObject* method_numpy(PyObject* o, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"force", nullptr};
    int force = 0;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$p:numpy", const_cast<char**>(names), &force)) return nullptr;
    if (!force) return to_numpy(o);
    Object plain = check(wrap(detach(self_of(o))));
    return to_numpy(plain.get());
  });
}
PyObject* method_is_set_to(PyObject* o, PyObject* other) {
  return guarded([&]() -> PyObject* {
    const Tensor& a = self_of(o);
    const Tensor& b = expect_tensor(other, "is_set_to", "tensor");
    return PyBool_FromLong(a->storage == b->storage && a->offset == b->offset && equal(a.sizes(), b.sizes()) &&
                           equal(a.strides(), b.strides()));
  });
}

Py_ssize_t length(PyObject* o) {
  PyObject* answer;
  if (!is_plain(o) && asked_slot(o, "__len__", answer)) {
    Py_ssize_t n = answer == nullptr ? -1 : PyNumber_AsSsize_t(answer, PyExc_OverflowError);
    Py_XDECREF(answer);
    return n;
  }
  const Tensor& t = self_of(o);
  if (t.dim() == 0) {
    PyErr_SetString(PyExc_TypeError, "len() of a 0-d tensor");
    return -1;
  }
  return Py_ssize_t(t.sizes()[0]);
}
PyObject* iterate(PyObject* o) {
  return guarded([&]() -> PyObject* {
    TL_CHECK_TYPE(self_of(o).dim() > 0, "iteration over a 0-d tensor");
    Object parts = call_op(find_op("unbind"), {o});
    return PyObject_GetIter(parts.get());
  });
}
PyObject* repr(PyObject* o) {
  PyObject* answer;
  if (!is_plain(o) && asked_slot(o, "__repr__", answer)) return answer;
  return guarded([&]() -> PyObject* {
    Object module = check(PyImport_ImportModule("tensorlite._tensor_str"));
    return PyObject_CallMethod(module.get(), "_str", "O", o);
  });
}

}  // namespace

PyObject* to_list(const Tensor& t) {
  return dispatch_all(
      t.dtype(), [&](auto tag) { return list_of<typename decltype(tag)::type>(t.bytes(), t.sizes(), t.strides()); });
}

namespace {
// x.real = y and x.imag = y write into the view.
int set_part(PyObject* self, PyObject* value, void* name) {
  return guarded_int([&] {
    TL_CHECK_TYPE(value != nullptr, "can't delete ", static_cast<const char*>(name), " of a Tensor");
    Object part = check(PyObject_GetAttrString(self, static_cast<const char*>(name)));
    return PyObject_SetItem(part.get(), Py_Ellipsis, value);
  });
}
}  // namespace

#define TL_OP_PROPERTY(name, op) {name, get_op, nullptr, nullptr, const_cast<char*>(op)}
PyGetSetDef tensor_getset[] = {{"shape", get_shape, nullptr, "The size of each dimension.", nullptr},
                               {"dtype", get_dtype, nullptr, "The type of the elements.", nullptr},
                               {"device", get_device, nullptr, "Where the elements are.", nullptr},
                               {"layout", get_layout, nullptr, nullptr, nullptr},
                               {"ndim", get_ndim, nullptr, "The number of dimensions.", nullptr},
                               {"itemsize", get_itemsize, nullptr, "Bytes per element.", nullptr},
                               {"nbytes", get_nbytes, nullptr, "Bytes of all elements.", nullptr},
                               {"is_cpu", get_true, nullptr, nullptr, nullptr},
                               {"is_cuda", get_false, nullptr, nullptr, nullptr},
                               {"is_mps", get_false, nullptr, nullptr, nullptr},
                               {"is_xpu", get_false, nullptr, nullptr, nullptr},
                               {"is_meta", get_false, nullptr, nullptr, nullptr},
                               {"is_sparse", get_false, nullptr, nullptr, nullptr},
                               {"is_quantized", get_false, nullptr, nullptr, nullptr},
                               {"is_mkldnn", get_false, nullptr, nullptr, nullptr},
                               {"is_nested", get_false, nullptr, nullptr, nullptr},
                               {"__array_interface__", get_array_interface, nullptr, nullptr, nullptr},
                               TL_OP_PROPERTY("T", "numpy_T"),
                               TL_OP_PROPERTY("mT", "mT"),
                               TL_OP_PROPERTY("H", "H"),
                               TL_OP_PROPERTY("mH", "mH"),
                               {"real", get_op, set_part, nullptr, const_cast<char*>("real")},
                               {"imag", get_op, set_part, nullptr, const_cast<char*>("imag")},
                               {nullptr, nullptr, nullptr, nullptr, nullptr}};

PyMethodDef tensor_methods[] = {
    {TL_NOARGS("item", method_item), "The value of a one-element tensor as a Python number."},
    {TL_NOARGS("tolist", method_tolist), "The elements as nested lists; a number for a 0-d tensor."},
    {TL_KEYWORDS("size", method_size), "All sizes, or the size of one dim."},
    {TL_KEYWORDS("stride", method_stride), "All strides, or the stride of one dim, in elements."},
    {TL_NOARGS("dim", method_dim), "The number of dimensions."},
    {TL_NOARGS("ndimension", method_dim), "The number of dimensions."},
    {TL_NOARGS("numel", method_numel), "The number of elements."},
    {TL_NOARGS("nelement", method_numel), "The number of elements."},
    {TL_NOARGS("element_size", method_element_size), "Bytes per element."},
    {TL_NOARGS("storage_offset", method_storage_offset), "Elements between the storage's start and the first element."},
    {TL_NOARGS("data_ptr", method_data_ptr), "The address of the first element."},
    {TL_NOARGS("_storage_ptr", method_storage_ptr), "The address of the storage: equal for tensors that share it."},
    {TL_NOARGS("_storage_nbytes", method_storage_nbytes), "Bytes of the whole storage."},
    {TL_NOARGS("is_floating_point", method_is_floating_point), nullptr},
    {TL_NOARGS("is_complex", method_is_complex), nullptr},
    {TL_NOARGS("is_signed", method_is_signed), nullptr},
    {TL_KEYWORDS("is_contiguous", method_is_contiguous), "Are the elements in memory in row-major order without gaps?"},
    {TL_ONE_ARG("is_set_to", method_is_set_to), "Same storage and same geometry?"},
    {TL_KEYWORDS("numpy", method_numpy), "A NumPy array over the same memory."},
    {nullptr, nullptr, 0, nullptr}};

void add_tensor_slots(std::vector<PyType_Slot>& slots) {
  add_number_slots(slots);
  add_buffer_slots(slots);
  slots.push_back({Py_mp_length, reinterpret_cast<void*>(length)});
  slots.push_back({Py_mp_subscript, reinterpret_cast<void*>(tensor_getitem)});
  slots.push_back({Py_mp_ass_subscript, reinterpret_cast<void*>(tensor_setitem)});
  slots.push_back({Py_tp_iter, reinterpret_cast<void*>(iterate)});
  slots.push_back({Py_tp_repr, reinterpret_cast<void*>(repr)});
}

}  // namespace tl::python
