// DLPack: tensors exchanged with other libraries without a copy.
#include "python/dlpack.h"

#include "autograd/state.h"
#include "ops/ops.h"
#include "python/tensor.h"

namespace tl::python {

namespace {

// The ABI of https://dmlc.github.io/dlpack (unversioned form).
struct DLDevice {
  int32_t type;
  int32_t id;
};
struct DLDataType {
  uint8_t code;
  uint8_t bits;
  uint16_t lanes;
};
struct DLTensor {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t* shape;
  int64_t* strides;
  uint64_t byte_offset;
};
struct DLManagedTensor {
  DLTensor tensor;
  void* context;
  void (*deleter)(DLManagedTensor*);
};
constexpr int32_t cpu_device = 1;
constexpr const char* fresh_name = "dltensor";
constexpr const char* used_name = "used_dltensor";

enum Code : uint8_t { code_int = 0, code_uint = 1, code_float = 2, code_bfloat = 4, code_complex = 5, code_bool = 6 };
constexpr uint8_t codes[dtype_count] = {code_bool,  code_uint,   code_int,   code_int,   code_int,     code_int,
                                        code_float, code_bfloat, code_float, code_float, code_complex, code_complex};

struct Export {
  DLManagedTensor managed;
  Tensor tensor;
};

PyObject* method_dlpack(PyObject* self, PyObject* args, PyObject* kwargs) {
  return guarded([&]() -> PyObject* {
    static const char* names[] = {"stream", "max_version", "dl_device", "copy", nullptr};
    PyObject *stream = Py_None, *max_version = Py_None, *device = Py_None, *copy = Py_None;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|$OOOO:__dlpack__", const_cast<char**>(names), &stream,
                                     &max_version, &device, &copy)) {
      return nullptr;
    }
    Tensor t = unwrap(self);
    if (requires_grad(t)) {
      PyErr_SetString(PyExc_BufferError, "Can't export tensors that require gradient, use tensor.detach()");
      return nullptr;
    }
    TL_CHECK(stream == Py_None || (PyLong_Check(stream) && PyLong_AsLong(stream) == -1),
             "__dlpack__: a CPU tensor has no stream");
    auto* e = new Export{{}, copy == Py_True ? clone(t) : t};
    TensorImpl* p = e->tensor.impl();
    e->managed.tensor = {
        p->data(), {cpu_device, 0},   p->ndim, {codes[int(p->dtype)], uint8_t(8 * item_size(p->dtype)), 1},
        p->dims,   p->dims + p->ndim, 0};
    e->managed.context = e;
    e->managed.deleter = [](DLManagedTensor* m) { delete static_cast<Export*>(m->context); };
    PyObject* capsule = PyCapsule_New(&e->managed, fresh_name, [](PyObject* c) {
      // Nobody took it.
      if (!PyCapsule_IsValid(c, fresh_name)) return;
      auto* m = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(c, fresh_name));
      if (m != nullptr && m->deleter != nullptr) m->deleter(m);
    });
    if (capsule == nullptr) delete e;
    return capsule;
  });
}
PyObject* method_dlpack_device(PyObject*, PyObject*) { return Py_BuildValue("(ii)", cpu_device, 0); }

DType dtype_of(const DLDataType& t) {
  for (int i = 0; i < dtype_count; ++i) {
    if (t.lanes == 1 && codes[i] == t.code && item_size(DType(i)) * 8 == t.bits) return DType(i);
  }
  fail(ErrorKind::runtime, "from_dlpack: unsupported dtype (code ", int(t.code), ", ", int(t.bits), " bits, ",
       int(t.lanes), " lanes)");
}

PyObject* from_dlpack(PyObject*, PyObject* o) {
  return guarded([&]() -> PyObject* {
    Object capsule;
    if (PyCapsule_CheckExact(o)) {
      capsule = Object::borrow(o);
    } else {
      capsule = check(PyObject_CallMethod(o, "__dlpack__", nullptr));
    }
    TL_CHECK(PyCapsule_IsValid(capsule.get(), fresh_name),
             "from_dlpack received an invalid capsule. Note that DLTensor capsules can be consumed only once, so you "
             "might have "
             "already constructed a tensor from it once.");
    auto* m = static_cast<DLManagedTensor*>(PyCapsule_GetPointer(capsule.get(), fresh_name));
    const DLTensor& d = m->tensor;
    TL_CHECK(d.device.type == cpu_device, "from_dlpack: the data is on device type ", d.device.type,
             ", not on the CPU");
    DType dtype = dtype_of(d.dtype);
    TL_CHECK(d.ndim >= 0 && d.ndim <= 64, "from_dlpack: ", d.ndim, " dimensions");
    auto n = size_t(d.ndim);
    Dims sizes(IntView(d.shape, n));
    Dims strides = d.strides != nullptr ? Dims(IntView(d.strides, n)) : contiguous_strides(sizes);
    int64_t extent = checked_numel(sizes) == 0 ? 0 : 1;
    for (size_t i = 0; i < n; ++i) {
      TL_CHECK(strides[i] >= 0 || sizes[i] < 2, "from_dlpack: negative strides are not supported");
      if (extent > 0) extent += (sizes[i] - 1) * strides[i];
    }
    Storage* storage =
        wrap_storage(static_cast<char*>(d.data) + d.byte_offset, size_t(extent) * item_size(dtype), m, [](void* p) {
          GilAcquire gil;
          auto* managed = static_cast<DLManagedTensor*>(p);
          if (managed->deleter != nullptr) managed->deleter(managed);
        });
    Tensor t = from_storage(storage, sizes, strides, 0, dtype);
    check(PyCapsule_SetName(capsule.get(), used_name));
    return wrap(std::move(t));
  });
}

PyMethodDef functions[] = {{"from_dlpack", from_dlpack, METH_O,
                            "from_dlpack(ext_tensor)\n\nA tensor over the memory of another library's array."},
                           {nullptr, nullptr, 0, nullptr}};

}  // namespace

PyMethodDef dlpack_methods[] = {
    {"__dlpack__", reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(method_dlpack)),
     METH_VARARGS | METH_KEYWORDS, "A capsule over the tensor's memory, for from_dlpack of any library."},
    {"__dlpack_device__", method_dlpack_device, METH_NOARGS, "(device type, device id): the CPU."},
    {nullptr, nullptr, 0, nullptr}};

void register_dlpack(PyObject* module) { check(PyModule_AddFunctions(module, functions)); }

}  // namespace tl::python
