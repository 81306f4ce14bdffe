// Python data as tensors: numbers, nested sequences, and arrays or tensors among them.
#include <cstring>
#include <limits>

#include "autograd/state.h"
#include "ops/ops.h"
#include "python/buffer.h"
#include "python/creation.h"
#include "python/signature.h"
#include "python/tensor.h"

namespace tl::python {

namespace {

// A list or tuple as it is, any other sequence as a list; nothing for what is no sequence. Tensors
// and NumPy's objects are handled apart.
Object as_rows(PyObject* o) {
  if (PyList_Check(o) || PyTuple_Check(o)) return Object::borrow(o);
  if (PyFloat_Check(o) || PyLong_Check(o) || is_tensor(o) || is_numpy(o) || !PySequence_Check(o)) return {};
  TL_CHECK_VALUE(!PyUnicode_Check(o) && !PyBytes_Check(o), "too many dimensions '", Py_TYPE(o)->tp_name, "'");
  PyObject* list = PySequence_List(o);
  if (list == nullptr) {
    PyErr_Clear();
    fail(ErrorKind::value, "could not determine the shape of object type '", Py_TYPE(o)->tp_name, "'");
  }
  return Object::adopt(list);
}
Py_ssize_t length_of(const Object& rows) { return PySequence_Fast_GET_SIZE(rows.get()); }
// A row may change while its neighbours are read: items are held, and looked up anew each time.
Object row(const Object& rows, Py_ssize_t i) {
  TL_CHECK_VALUE(i < length_of(rows), "a sequence changed its length while it was read");
  return Object::borrow(PySequence_Fast_GET_ITEM(rows.get(), i));
}

constexpr int most_dims = 64;

void find_shape(PyObject* o, Dims& sizes) {
  TL_CHECK_VALUE(sizes.size() <= most_dims, "too many dimensions '", Py_TYPE(o)->tp_name, "'");
  if (Object rows = as_rows(o)) {
    sizes.push_back(length_of(rows));
    if (length_of(rows) > 0) find_shape(row(rows, 0).get(), sizes);
  } else if (is_ndarray(o)) {  // a tensor counts as a number: it must have one element
    Tensor t = from_buffer_copy(o);
    for (int64_t s : t.sizes()) sizes.push_back(s);
  }
}

[[noreturn]] void no_dtype(PyObject* o) { fail(ErrorKind::runtime, "Could not infer dtype of ", Py_TYPE(o)->tp_name); }

// The dtype that an element asks for.
DType element_dtype(PyObject* o) {
  if (PyFloat_CheckExact(o)) return default_dtype();
  if (PyBool_Check(o)) return DType::Bool;
  if (PyLong_Check(o)) return DType::Int64;
  if (is_tensor(o)) return unwrap(o).dtype();
  if (is_numpy(o)) return from_buffer_copy(o).dtype();
  if (PyFloat_Check(o)) return default_dtype();
  if (PyComplex_Check(o)) return to_complex(default_dtype());
  no_dtype(o);
}
struct Found {
  DType dtype = DType::Bool;
  bool any = false;
  void join(DType t) {
    dtype = any ? promote_types(dtype, t) : t;
    any = true;
  }
};
void find_dtype(PyObject* o, int level, Found& found) {
  TL_CHECK_TYPE(!PyUnicode_Check(o) && !PyBytes_Check(o), "new(): invalid data type '", Py_TYPE(o)->tp_name, "'");
  Object rows = as_rows(o);
  if (!rows) return found.join(element_dtype(o));
  TL_CHECK_VALUE(level < most_dims, "too many dimensions '", Py_TYPE(o)->tp_name, "'");
  if (length_of(rows) == 0) return found.join(default_dtype());
  bool floats = false, ints = false;
  for (Py_ssize_t i = 0; i < length_of(rows); ++i) {
    PyTypeObject* type = Py_TYPE(PySequence_Fast_GET_ITEM(rows.get(), i));
    if (type == &PyFloat_Type || type == &PyLong_Type) {  // noted without a call each
      (type == &PyFloat_Type ? floats : ints) = true;
      continue;
    }
    Object item = row(rows, i);
    TL_CHECK_TYPE(item.get() != o, "new(): self-referential lists are incompatible");
    find_dtype(item.get(), level + 1, found);
  }
  if (floats) found.join(default_dtype());
  if (ints) found.join(DType::Int64);
}

// --- elements -----------------------------------------------------------------------------------

constexpr bool is_real(DType t) { return t >= DType::Float16 && t <= DType::Float64; }

Scalar number_of(const Tensor& t, DType wanted) {
  if (t.numel() != 1) {
    TL_CHECK_TYPE(is_real(wanted) || is_complex(wanted),
                  "only integer tensors of a single element can be converted to an index");
    fail(ErrorKind::value, "only one element tensors can be converted to Python scalars");
  }
  return item(t);
}

double read_double(PyObject* o) {
  double v = PyFloat_AsDouble(o);
  if (v == -1.0 && PyErr_Occurred()) throw PythonError();
  return v;
}

int64_t read_integer(PyObject* o, DType wanted) {
  const char* name = dtype_name(wanted);
  Object held;
  if (is_tensor(o)) {
    Scalar s = number_of(unwrap(o), wanted);
    TL_CHECK_TYPE(s.is_integral_or_bool(), "only integer tensors of a single element can be converted to an index");
    return s.to_int();
  }
  if (PyFloat_Check(o)) {
    double v = PyFloat_AS_DOUBLE(o);
    TL_CHECK(v > -9223372036854777856.0 && v < 9223372036854775808.0, "value cannot be converted to type ", name,
             " without overflow");
    return int64_t(v);
  }
  if (!PyLong_Check(o)) {
    held = check(PyNumber_Index(o));  // TypeError: cannot be interpreted as an integer
    o = held.get();
  }
  int overflow;
  int64_t v = PyLong_AsLongLongAndOverflow(o, &overflow);
  TL_CHECK_VALUE(overflow == 0, "Overflow when unpacking long long");
  return v;
}

template <class T>
void store(PyObject* o, T* at) {
  constexpr DType dtype = DTypeOf<T>::value;
  if constexpr (std::is_same_v<T, bool>) {
    int truth = PyObject_IsTrue(o);
    if (truth < 0) throw PythonError();
    *at = truth == 1;
  } else if constexpr (std::is_integral_v<T>) {
    int64_t v = read_integer(o, dtype);
    int64_t low =
        std::is_unsigned_v<T> ? -int64_t(std::numeric_limits<T>::max()) : int64_t(std::numeric_limits<T>::min());
    TL_CHECK(v >= low && v <= int64_t(std::numeric_limits<T>::max()), "value cannot be converted to type ",
             dtype_name(dtype), " without overflow");
    *at = T(v);
  } else if constexpr (is_complex(dtype)) {
    if (is_tensor(o)) {
      *at = number_of(unwrap(o), dtype).to<T>();
      return;
    }
    Py_complex c = PyComplex_AsCComplex(o);
    if (c.real == -1.0 && PyErr_Occurred()) throw PythonError();
    *at = T(typename T::value_type(c.real), typename T::value_type(c.imag));
  } else {
    *at = convert<T>(PyFloat_CheckExact(o) ? PyFloat_AS_DOUBLE(o) : read_double(o));
  }
}

template <class T>
void fill_from(PyObject* o, T* at, IntView sizes, IntView steps, int level) {
  if (sizes.empty()) return store(o, at);
  if (Object rows = as_rows(o)) {
    Py_ssize_t n = length_of(rows);
    TL_CHECK_VALUE(n == sizes[0], "expected sequence of length ", sizes[0], " at dim ", level, " (got ", n, ")");
    for (Py_ssize_t i = 0; i < n; ++i) {
      if constexpr (std::is_same_v<T, float> || std::is_same_v<T, double>) {
        if (sizes.size() == 1 && i < length_of(rows)) {
          PyObject* item = PySequence_Fast_GET_ITEM(rows.get(), i);
          if (PyFloat_CheckExact(item)) {
            at[i] = T(PyFloat_AS_DOUBLE(item));
            continue;
          }
        }
      }
      fill_from(row(rows, i).get(), at + i * steps[0], sizes.subspan(1), steps.subspan(1), level + 1);
    }
    return;
  }
  TL_CHECK_TYPE(is_ndarray(o), "not a sequence");
  Tensor part = from_buffer_copy(o);
  for (size_t d = 0; d < sizes.size(); ++d) {
    int64_t have = d < size_t(part.dim()) ? part.sizes()[d] : 1;
    TL_CHECK_VALUE(size_t(part.dim()) == sizes.size() && have == sizes[d], "expected sequence of length ", sizes[d],
                   " at dim ", level + int(d), " (got ", have, ")");
  }
  Tensor values = empty(sizes, DTypeOf<T>::value);
  copy_values(values, part);
  std::memcpy(at, values->data(), values.nbytes());
}

Tensor converted(const Tensor& t, DType dtype) {
  if (t.dtype() == dtype) return t;
  Tensor out = empty_like(t, dtype);
  copy_values(out, t);
  return out;
}

// The usual case: a list of Python floats.
Tensor from_floats(PyObject* list) {
  Py_ssize_t n = PyList_GET_SIZE(list);
  if (n == 0 || default_dtype() != DType::Float32) return {};
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (!PyFloat_CheckExact(PyList_GET_ITEM(list, i))) return {};
  }
  int64_t size = n;
  Tensor out = empty(IntView(&size, 1), DType::Float32);
  float* to = out.data<float>();
  for (Py_ssize_t i = 0; i < n; ++i) to[i] = float(PyFloat_AS_DOUBLE(PyList_GET_ITEM(list, i)));
  return out;
}

}  // namespace

Tensor tensor_from_data(PyObject* data, std::optional<DType> dtype) {
  if (PyList_CheckExact(data) && (!dtype || *dtype == DType::Float32)) {
    if (Tensor t = from_floats(data); t.defined()) return t;
  }
  if (is_tensor(data)) {
    const Tensor& t = unwrap(data);
    Tensor out = empty_like(t, dtype.value_or(t.dtype()));
    copy_values(out, t);
    return out;
  }
  TL_CHECK_TYPE(!PyUnicode_Check(data) && !PyBytes_Check(data), "new(): invalid data type '", Py_TYPE(data)->tp_name,
                "'");
  if (is_numpy(data)) {
    Tensor t = from_buffer_copy(data);
    return converted(t, dtype.value_or(t.dtype()));
  }
  if (is_plain_buffer(data)) {
    // A sequence of Python numbers, read without making them.
    Tensor t = from_buffer_copy(data);
    DType natural = is_floating(t.dtype()) ? default_dtype() : is_integral(t.dtype()) ? DType::Int64 : t.dtype();
    return converted(t, dtype.value_or(natural));
  }
  Dims sizes;
  find_shape(data, sizes);
  if (!dtype) {
    Found found;
    find_dtype(data, 0, found);
    dtype = found.dtype;
  }
  Tensor out = empty(sizes, *dtype);
  Dims steps(out.strides());
  dispatch_all(*dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (out.numel() > 0) fill_from<T>(data, out.data<T>(), sizes, steps, 0);
  });
  return out;
}

}  // namespace tl::python
