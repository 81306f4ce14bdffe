#include "python/indexing.h"

#include <cstring>

#include "autograd/record.h"
#include "ops/index_plan.h"
#include "ops/view.h"
#include "python/creation.h"
#include "python/op_function.h"
#include "python/override.h"
#include "python/signature.h"
#include "python/tensor.h"

namespace tl::python {

namespace {

// Lists, ranges, and whatever else has a length and items; arrays have their own way.
bool is_sequence(PyObject* o) {
  if (PyList_Check(o) || PyTuple_Check(o)) return true;
  return PySequence_Check(o) && !PyObject_CheckBuffer(o) && !is_tensor(o) && !PyUnicode_Check(o);
}

// An index that did not fit raised nothing yet: huge ints are out of range, not overflow.
int64_t to_int(PyObject* o) {
  int overflow = 0;
  int64_t v = PyLong_AsLongLongAndOverflow(o, &overflow);
  if (v == -1 && overflow == 0 && PyErr_Occurred()) throw PythonError();
  TL_CHECK_INDEX(overflow == 0, "index out of range: it does not fit into 64 bits");
  return v;
}

int64_t wrap_index(int64_t i, int64_t size, int64_t dim) {
  TL_CHECK_INDEX(i >= -size && i < size, "index ", i, " is out of bounds for dimension ", dim, " with size ", size);
  return i < 0 ? i + size : i;
}
void check_not_scalar(const Tensor& t) {
  TL_CHECK_INDEX(
      t.dim() > 0,
      "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ to convert "
      "a 0-dim tensor to a number");
}

// One parsed entry of an index.
struct Item {
  enum class Kind : uint8_t { integer, slice, none, ellipsis, boolean, tensor };
  Kind kind;
  int64_t start = 0, stop = 0, step = 1;  // integer: start
  Tensor tensor;
};
using Items = std::vector<Item>;

// Is a lone sequence to be read as a tuple, as old NumPy did? Yes where it holds what no array can.
bool sequence_is_tuple(PyObject* sequence) {
  Py_ssize_t n = PySequence_Size(sequence);
  if (n < 0) throw PythonError();
  if (n >= 32) return false;
  for (Py_ssize_t i = 0; i < n; ++i) {
    Object item = check(PySequence_GetItem(sequence, i));
    PyObject* o = item.get();
    if (is_tensor(o) || PyObject_CheckBuffer(o) || is_sequence(o) || PySlice_Check(o) || o == Py_Ellipsis ||
        o == Py_None)
      return true;
  }
  return false;
}

Item tensor_item(Tensor t) {
  Item item;
  bool whole = t.dtype() == DType::Int64 || t.dtype() == DType::Int32 || t.dtype() == DType::Int16 ||
               t.dtype() == DType::Int8 || t.dtype() == DType::UInt8;
  if (t.dim() == 0 && whole) {
    item.kind = Item::Kind::integer;
    item.start = tl::item(t).to_int();
    return item;
  }
  item.kind = Item::Kind::tensor;
  item.tensor = std::move(t);
  return item;
}

Item parse_item(PyObject* o) {
  Item item;
  if (PyBool_Check(o)) {
    item.kind = Item::Kind::boolean;
    item.start = o == Py_True;
    return item;
  }
  if (PyLong_Check(o)) {
    item.kind = Item::Kind::integer;
    item.start = to_int(o);
    return item;
  }
  if (PySlice_Check(o)) {
    Py_ssize_t start, stop, step;
    check(PySlice_Unpack(o, &start, &stop, &step));
    TL_CHECK_VALUE(step > 0, "step must be greater than zero");
    item.kind = Item::Kind::slice;
    item.start = start;
    item.stop = stop;
    item.step = step;
    return item;
  }
  if (o == Py_None || o == Py_Ellipsis) {
    item.kind = o == Py_None ? Item::Kind::none : Item::Kind::ellipsis;
    return item;
  }
  if (is_tensor(o)) return tensor_item(unwrap(o));
  if (is_sequence(o)) {
    Object list = PyList_Check(o) || PyTuple_Check(o) ? Object::borrow(o) : check(PySequence_List(o));
    Tensor t = tensor_from_data(list.get(), std::nullopt);
    // An empty list has no dtype of its own.
    if (t.numel() == 0 && is_floating(t.dtype())) t = empty(t.sizes(), DType::Int64);
    return tensor_item(std::move(t));
  }
  const char* type = Py_TYPE(o)->tp_name;
  if (std::strcmp(type, "numpy.bool_") == 0 || std::strcmp(type, "numpy.bool") == 0) {
    item.kind = Item::Kind::boolean;
    item.start = PyObject_IsTrue(o) == 1;
    return item;
  }
  if (PyIndex_Check(o) && !PyObject_HasAttrString(o, "__array_interface__")) {
    Object i = check(PyNumber_Index(o));
    item.kind = Item::Kind::integer;
    item.start = to_int(i.get());
    return item;
  }
  if (PyIndex_Check(o) || PyObject_CheckBuffer(o)) {
    if (!PyUnicode_Check(o) && !PyBytes_Check(o)) return tensor_item(tensor_from_data(o, std::nullopt));
  }
  TL_CHECK_TYPE(!PyUnicode_Check(o), "new(): invalid data type 'str'");
  fail(ErrorKind::index,
       "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices (got ", type,
       ")");
}

Items parse(PyObject* index) {
  Items items;
  Object held;
  if (!PyTuple_Check(index) && is_sequence(index) && sequence_is_tuple(index)) {
    warn(
        "Using a non-tuple sequence for multidimensional indexing is deprecated and will be changed in pytorch 2.9; "
        "use x[tuple(seq)] instead of x[seq]. In pytorch 2.9 this will be interpreted as tensor index, "
        "x[torch.tensor(seq)], which will result either in an error or a different result");
    held = check(PySequence_Tuple(index));
    index = held.get();
  }
  if (!PyTuple_Check(index)) {
    items.push_back(parse_item(index));
    return items;
  }
  Py_ssize_t n = PyTuple_GET_SIZE(index);
  items.reserve(size_t(n));
  for (Py_ssize_t i = 0; i < n; ++i) items.push_back(parse_item(PyTuple_GET_ITEM(index, i)));
  return items;
}

// Dims of the input that an entry uses up.
int64_t consumed(const Item& item) {
  switch (item.kind) {
    case Item::Kind::integer:
    case Item::Kind::slice:
      return 1;
    case Item::Kind::tensor:
      return item.tensor.dtype() == DType::Bool || item.tensor.dtype() == DType::UInt8 ? item.tensor.dim() : 1;
    default:
      return 0;
  }
}

// The view part of an index, and the tensors that then index the view.
struct Split {
  BasicIndex basic;
  const char* label = nullptr;  // of the last step; null where the view is the whole tensor
  std::vector<Tensor> tensors;  // per dim of the view, up to the last tensor
  bool advanced = false;
  int masks = 0, others = 0;  // tensors among the entries: masks of one or more dims, and the rest
};

Split split_index(const Tensor& self, Items& items) {
  Split s;
  int64_t used = 0;
  for (const Item& item : items) {
    if (item.kind == Item::Kind::integer) check_not_scalar(self);
    used += consumed(item);
  }
  TL_CHECK_INDEX(used <= self.dim(), "too many indices for tensor of dimension ", self.dim());
  BasicIndex& b = s.basic;
  b.start = Dims(size_t(self.dim()), 0);
  int64_t dim = 0;
  auto keep = [&](int64_t from, int64_t length, int64_t step) {
    b.start[size_t(dim)] = from;
    b.sizes.push_back(length);
    b.source.push_back(dim++);
    b.step.push_back(step);
  };
  auto insert = [&] {
    b.sizes.push_back(1);
    b.source.push_back(-1);
    b.step.push_back(1);
  };
  auto keep_whole = [&] { keep(0, self.sizes()[size_t(dim)], 1); };
  bool seen_ellipsis = false, past_end = false;
  for (Item& item : items) {
    TL_CHECK_INDEX(
        !past_end || item.kind == Item::Kind::ellipsis ||
            (item.kind == Item::Kind::slice && item.start == 0 && item.step == 1 && item.stop == PY_SSIZE_T_MAX),
        "too many indices for tensor of dimension ", self.dim(), ": a second ellipsis stands for ", self.dim() - used,
        " dimensions more");
    if (past_end) continue;
    switch (item.kind) {
      case Item::Kind::integer:
        b.start[size_t(dim)] = wrap_index(item.start, self.sizes()[size_t(dim)], dim);
        ++dim;
        s.label = "SelectBackward0";
        break;
      case Item::Kind::slice: {
        int64_t size = self.sizes()[size_t(dim)];
        Py_ssize_t start = item.start, stop = item.stop;
        int64_t length = PySlice_AdjustIndices(size, &start, &stop, item.step);
        keep(start, length, item.step);
        s.label = "SliceBackward0";
        break;
      }
      case Item::Kind::none:
        insert();
        s.label = "UnsqueezeBackward0";
        break;
      case Item::Kind::ellipsis: {
        if (seen_ellipsis) {  // a second one stands for as many dims as the first
          past_end = self.dim() > used;
          break;
        }
        seen_ellipsis = true;
        for (int64_t n = self.dim() - used; n > 0; --n) keep_whole();
        break;
      }
      case Item::Kind::boolean: {
        ++s.others;
        insert();
        s.tensors.resize(b.sizes.size());
        s.tensors.back() = item.start ? zeros(Dims{1}, DType::Int64) : empty(Dims{0}, DType::Int64);
        s.advanced = true;
        break;
      }
      case Item::Kind::tensor: {
        size_t at = b.sizes.size();
        int64_t n = consumed(item);
        s.advanced = true;
        if (n == 0) {  // a 0-d mask
          ++s.others;
          insert();
          s.tensors.resize(at + 1);
          bool set = tl::item(item.tensor).to<bool>();
          s.tensors.back() = set ? zeros(Dims{1}, DType::Int64) : empty(Dims{0}, DType::Int64);
          break;
        }
        bool mask = item.tensor.dtype() == DType::Bool || item.tensor.dtype() == DType::UInt8;
        ++(mask ? s.masks : s.others);
        for (int64_t d = 0; mask && d < n; ++d) {
          TL_CHECK_INDEX(item.tensor.sizes()[size_t(d)] == self.sizes()[size_t(dim + d)], "The shape of the mask ",
                         Shape{item.tensor.sizes()}, " at index ", d,
                         " does not match the shape of the indexed tensor ", Shape{self.sizes()}, " at index ",
                         dim + d);
        }
        for (int64_t d = 0; d < n; ++d) keep_whole();
        s.tensors.resize(b.sizes.size());
        if (!mask) {
          s.tensors[at] = item.tensor;
          break;
        }
        if (item.tensor.dtype() == DType::UInt8) {
          warn("indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.");
        }
        Tensor places = nonzero(item.tensor);
        for (int64_t d = 0; d < n; ++d) s.tensors[at + size_t(d)] = select(places, 1, d);
        break;
      }
    }
  }
  while (dim < self.dim()) keep_whole();
  return s;
}

// The view that the integers, slices and Nones make; `self` again where they change nothing.
Tensor basic_view(const Tensor& self, Split& s) {
  if (s.label == nullptr && s.basic.sizes.size() == size_t(self.dim())) return self;
  return basic_index(self, std::move(s.basic), s.label != nullptr ? s.label : "UnsqueezeBackward0");
}

// Is the index a lone mask over the first dims of `self`?
bool is_mask_of(const Tensor& self, PyObject* index) {
  if (!is_tensor(index)) return false;
  const Tensor& m = unwrap(index);
  return m.dtype() == DType::Bool && m.dim() > 0 && m.dim() <= self.dim() &&
         equal(m.sizes(), self.sizes().first(size_t(m.dim())));
}

Tensor get_slow(const Tensor& self, PyObject* index) {
  if (is_mask_of(self, index) && unwrap(index).dim() == self.dim() && !needs_grad(self)) {
    return masked_select(self, unwrap(index));
  }
  if (PySlice_Check(index) && self.dim() > 0) {
    Item item = parse_item(index);
    Py_ssize_t start = item.start, stop = item.stop;
    PySlice_AdjustIndices(self.sizes()[0], &start, &stop, item.step);
    return slice(self, 0, start, stop, item.step);
  }
  Items items = parse(index);
  Split s = split_index(self, items);
  if (!s.advanced) {
    if (s.label == nullptr) return alias_view(self);
    return basic_view(self, s);
  }
  return tl::index(basic_view(self, s), s.tensors);
}

Tensor leading_integer(const Tensor& t, int64_t i) {
  check_not_scalar(t);
  return select(t, 0, wrap_index(i, t.sizes()[0], 0));
}

// Plain ints and slices where no gradient is needed: one view, without lists. False
// where anything else is among them.
bool quick_view(const Tensor& t, PyObject* const* items, size_t n, Tensor& out) {
  constexpr size_t most = 8;
  size_t ndim = size_t(t.dim());
  if (n > ndim || ndim > most || needs_grad(t)) return false;
  for (size_t i = 0; i < n; ++i) {
    if (!PyLong_CheckExact(items[i]) && !PySlice_Check(items[i])) return false;
  }
  int64_t sizes[most], strides[most];
  size_t kept = 0;
  int64_t offset = t->offset;
  for (size_t d = 0; d < ndim; ++d) {
    int64_t size = t->dims[d], stride = t->dims[ndim + d];
    if (d < n && PyLong_CheckExact(items[d])) {
      offset += wrap_index(to_int(items[d]), size, int64_t(d)) * stride;
      continue;
    }
    if (d < n) {
      Py_ssize_t start, stop, step;
      check(PySlice_Unpack(items[d], &start, &stop, &step));
      TL_CHECK_VALUE(step > 0, "step must be greater than zero");
      size = PySlice_AdjustIndices(size, &start, &stop, step);
      offset += start * stride;
      stride *= step;
    }
    sizes[kept] = size;
    strides[kept++] = stride;
  }
  out = alias(t, IntView(sizes, kept), IntView(strides, kept), offset);
  make_view(out, t);
  return true;
}
bool quick_view(const Tensor& t, PyObject* index, Tensor& out) {
  if (PyTuple_CheckExact(index)) {
    auto n = size_t(PyTuple_GET_SIZE(index));
    return n > 0 && quick_view(t, &PyTuple_GET_ITEM(index, 0), n, out);
  }
  return PySlice_Check(index) && quick_view(t, &index, 1, out);
}

// --- assignment ----------------------------------------------------------------------------------

// The value as a tensor of the target's dtype, differentiable where it is a tensor that needs it.
Tensor value_tensor(const Tensor& self, PyObject* value) {
  if (is_tensor(value)) return unwrap(value);
  Scalar s;
  if (as_scalar(value, s)) {
    // Halves take any number: what is too large becomes an infinity.
    bool half = self.dtype() == DType::Float16 || self.dtype() == DType::BFloat16;
    if (!half || s.is_complex()) check_representable(s, self.dtype());
    if (s.is_complex() && !is_complex(self.dtype()) && self.dtype() != DType::Bool) s = Scalar(s.to_double());
    return scalar_tensor(s, self.dtype());
  }
  if (is_sequence(value) || PyObject_CheckBuffer(value) || PyObject_HasAttrString(value, "__array__")) {
    TL_CHECK_TYPE(!PyUnicode_Check(value) && !PyBytes_Check(value), "can't assign a ", Py_TYPE(value)->tp_name,
                  " to a torch.", dtype_legacy_name(self.dtype()), "Tensor");
    return tensor_from_data(value, std::nullopt);
  }
  fail(ErrorKind::type, "can't assign a ", Py_TYPE(value)->tp_name, " to a torch.", dtype_legacy_name(self.dtype()),
       "Tensor");
}

// Leading dims of size 1 that the target lacks do not count.
Tensor fit_dims(const Tensor& value, int64_t target_dims) {
  int64_t extra = value.dim() - target_dims;
  if (extra <= 0) return value;
  for (int64_t d = 0; d < extra; ++d) {
    if (value.sizes()[size_t(d)] != 1) return value;
  }
  return reshape(value, value.sizes().subspan(size_t(extra)));
}

void write_view(const Tensor& view, const Tensor& value) {
  Tensor v = fit_dims(value, view.dim());
  // x[i] += y writes a view onto itself.
  if (v->storage == view->storage && v->offset == view->offset && v.dtype() == view.dtype() &&
      equal(v.sizes(), view.sizes()) && equal(v.strides(), view.strides()) && !needs_grad(view, v)) {
    return;
  }
  copy_(view, v);
}

void set_slow(const Tensor& self, PyObject* index, PyObject* py_value) {
  if (index == Py_False) return;  // no place at all
  if (index == Py_True) {
    write_view(alias_view(self), value_tensor(self, py_value));
    return;
  }
  Tensor value = value_tensor(self, py_value);
  if (value.numel() == 1 && is_mask_of(self, index) && !needs_grad(self, value)) {
    // One number for all places: no need to know where they are.
    Dims sizes(unwrap(index).sizes());
    while (int64_t(sizes.size()) < self.dim()) sizes.push_back(1);
    masked_fill_(self, reshape(detach(unwrap(index)), sizes), reshape(value, Dims{}));
    return;
  }
  Items items = parse(index);
  Split s = split_index(self, items);
  if (!s.advanced) {
    write_view(s.label == nullptr ? alias_view(self) : basic_view(self, s), value);
    return;
  }
  Tensor view = basic_view(self, s);
  // One number for the places of one mask is converted, as masked_fill_ would do it.
  TL_CHECK(
      value.dtype() == self.dtype() || !is_tensor(py_value) || (value.numel() == 1 && s.masks == 1 && s.others == 0),
      "Index put requires the source and destination dtypes match, got ", dtype_legacy_name(self.dtype()),
      " for the destination and ", dtype_legacy_name(value.dtype()), " for the source.");
  index_put_(view, s.tensors, to_dtype(value, self.dtype()), false);
}

PyObject* get_for_subclass(PyObject* self, PyObject* index) {
  Takers takers(&self, torch_function_enabled() ? 1 : 0);
  const Tensor& t = unwrap(self);
  Tensor out;
  if (!quick_view(t, index, out)) out = get_slow(t, index);
  return wrap_for(std::move(out), takers.result_class());
}

}  // namespace

PyObject* tensor_getitem(PyObject* self, PyObject* index) {
  return guarded([&]() -> PyObject* {
    if (!is_plain(self)) [[unlikely]] {
      PyObject* result;
      if (asked_slot(self, "__getitem__", result, index)) return result;
      return get_for_subclass(self, index);
    }
    const Tensor& t = unwrap(self);
    if (PyLong_CheckExact(index)) return wrap(leading_integer(t, to_int(index)));
    Tensor out;
    if (quick_view(t, index, out)) return wrap(std::move(out));
    return wrap(get_slow(t, index));
  });
}

int tensor_setitem(PyObject* self, PyObject* index, PyObject* value) {
  return guarded_int([&]() -> int {
    if (value == nullptr) {
      PyErr_SetString(PyExc_TypeError, "Tensor does not support deleting items");
      return -1;
    }
    PyObject* result;
    if (!is_plain(self) && asked_slot(self, "__setitem__", result, index, value)) [[unlikely]] {
      check(result);
      return 0;
    }
    const Tensor& t = unwrap(self);
    if (PyLong_CheckExact(index)) {
      Tensor v = value_tensor(t, value);
      write_view(leading_integer(t, to_int(index)), v);
      return 0;
    }
    Tensor view;
    if (quick_view(t, index, view)) {
      write_view(view, value_tensor(t, value));
      return 0;
    }
    set_slow(t, index, value);
    return 0;
  });
}

}  // namespace tl::python
