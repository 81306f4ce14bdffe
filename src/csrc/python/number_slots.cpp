// Operators: straight from the number slots into the ops, without argument parsing.
#include "autograd/state.h"
#include "ops/ops.h"
#include "python/buffer.h"
#include "python/op_function.h"
#include "python/override.h"
#include "python/tensor.h"
#include "python/tensor_methods.h"
#include "python/types.h"

namespace tl::python {

namespace {

bool plain(PyObject* o) {
  PyTypeObject* t = Py_TYPE(o);
  return t == tensor_type || t == parameter_type;
}

// Operators whose overrides see the name of the slot rather than of the op, as in PyTorch; null: the op.
struct Names {
  const char* op;
  const char* slot = nullptr;
  const char* reflected = nullptr;
};

// Numbers of exactly Python's own types, which need not become tensors; others take the slow way.
bool quick_number(PyObject* o, Scalar& out) {
  if (PyFloat_CheckExact(o)) {
    out = Scalar(PyFloat_AS_DOUBLE(o));
    return true;
  }
  if (PyLong_CheckExact(o)) {
    int overflow = 0;
    int64_t v = PyLong_AsLongLongAndOverflow(o, &overflow);
    if (overflow != 0) return false;
    out = Scalar(v);
    return true;
  }
  return false;
}

// `f_name` through its op object: subclasses, NumPy scalars, and errors with the op's wording.
PyObject* slow_binary(PyObject* a, PyObject* b, const Names& names) {
  const char* name = names.op;
  PyObject* other = is_tensor(a) ? b : a;
  if (!plain(a) || !plain(b)) {
    const char* slot = other == b ? names.slot : names.reflected;
    PyObject* self = other == b ? a : b;
    PyObject* result;
    if (slot != nullptr && asked_slot(self, slot, result, other)) return result;
    if (is_asked(other)) return call_op(find_op(name), {a, b}).release();
  }
  if (is_tensor(other)) return call_op(find_op(name), {a, b}).release();
  Object number;
  if (is_ndarray(other)) {
    try {
      number = check(wrap(from_buffer_copy(other)));
    } catch (const Error&) {  // of a dtype that tensors do not have
      Py_RETURN_NOTIMPLEMENTED;
    }
  } else {
    Arena arena;
    Value v;
    if (!as_operand(other, arena, v)) Py_RETURN_NOTIMPLEMENTED;
    number = check(wrap(*v.tensor));
  }
  return other == a ? call_op(find_op(name), {number.get(), b}).release()
                    : call_op(find_op(name), {a, number.get()}).release();
}

using Tensors = Tensor (*)(const Tensor&, const Tensor&);
using WithNumber = Tensor (*)(const Tensor&, const Scalar&);

template <Tensors f, WithNumber by_number, WithNumber number_by>
PyObject* binary(PyObject* a, PyObject* b, const Names& name) {
  return guarded([&]() -> PyObject* {
    Scalar number;
    if (plain(a)) {
      if (plain(b)) return wrap(f(unwrap(a), unwrap(b)));
      if (quick_number(b, number)) return wrap(by_number(unwrap(a), number));
    } else if (plain(b)) {
      if (quick_number(a, number)) return wrap(number_by(unwrap(b), number));
    }
    return slow_binary(a, b, name);
  });
}

Tensor divided_by(const Tensor& t, const Scalar& number) { return mul(reciprocal(t), number); }
Tensor power_of(const Tensor& t, const Scalar& number) { return pow(wrapped_number(number), t); }

PyObject* nb_add(PyObject* a, PyObject* b) { return binary<add, add, add>(a, b, {"add"}); }
PyObject* nb_subtract(PyObject* a, PyObject* b) { return binary<sub, sub, rsub>(a, b, {"sub", nullptr, "__rsub__"}); }
PyObject* nb_multiply(PyObject* a, PyObject* b) { return binary<mul, mul, mul>(a, b, {"mul"}); }
PyObject* nb_true_divide(PyObject* a, PyObject* b) {
  return binary<div, div, divided_by>(a, b, {"div", nullptr, "__rtruediv__"});
}
PyObject* nb_power(PyObject* a, PyObject* b, PyObject* mod) {
  if (mod != Py_None) Py_RETURN_NOTIMPLEMENTED;
  return binary<pow, pow, power_of>(a, b, {"pow", nullptr, "__rpow__"});
}
PyObject* by_op(PyObject* a, PyObject* b, const Names& name) {
  return guarded([&]() -> PyObject* { return slow_binary(a, b, name); });
}
PyObject* nb_remainder(PyObject* a, PyObject* b) { return by_op(a, b, {"remainder", nullptr, "__rmod__"}); }
PyObject* nb_floor_divide(PyObject* a, PyObject* b) {
  return by_op(a, b, {"floor_divide", "__floordiv__", "__rfloordiv__"});
}
PyObject* nb_and(PyObject* a, PyObject* b) { return by_op(a, b, {"bitwise_and", "__and__", nullptr}); }
PyObject* nb_or(PyObject* a, PyObject* b) { return by_op(a, b, {"bitwise_or", "__or__", nullptr}); }
PyObject* nb_xor(PyObject* a, PyObject* b) { return by_op(a, b, {"bitwise_xor", "__xor__", nullptr}); }
PyObject* nb_lshift(PyObject* a, PyObject* b) {
  return by_op(a, b, {"bitwise_left_shift", "__lshift__", "__rlshift__"});
}
PyObject* nb_rshift(PyObject* a, PyObject* b) {
  return by_op(a, b, {"bitwise_right_shift", "__rshift__", "__rrshift__"});
}
PyObject* nb_matmul(PyObject* a, PyObject* b) {
  return guarded([&]() -> PyObject* {
    if ((!is_tensor(a) && !is_asked(a)) || (!is_tensor(b) && !is_asked(b))) Py_RETURN_NOTIMPLEMENTED;
    if (plain(a) && plain(b)) return wrap(matmul(unwrap(a), unwrap(b)));
    return call_op(find_op("matmul"), {a, b}).release();
  });
}
PyObject* nb_divmod(PyObject* a, PyObject* b) {
  return guarded([&]() -> PyObject* {
    Object q = check(nb_floor_divide(a, b));
    if (q.get() == Py_NotImplemented) return q.release();
    Object r = check(nb_remainder(a, b));
    return PyTuple_Pack(2, q.get(), r.get());
  });
}

PyObject* unary_op(PyObject* a, const char* name) {
  return guarded([&]() -> PyObject* { return call_op(find_op(name), {a}).release(); });
}
PyObject* nb_negative(PyObject* a) {
  if (plain(a)) return guarded([&]() -> PyObject* { return wrap(neg(unwrap(a))); });
  return unary_op(a, "neg");
}
PyObject* nb_positive(PyObject* a) { return unary_op(a, "positive"); }
PyObject* nb_absolute(PyObject* a) { return unary_op(a, "abs"); }
PyObject* nb_invert(PyObject* a) {
  PyObject* answer;
  if (!is_plain(a) && asked_slot(a, "__invert__", answer)) return answer;
  return guarded([&]() -> PyObject* {
    TL_CHECK_TYPE(is_integral_or_bool(unwrap(a).dtype()),
                  "~ (operator.invert) is only implemented on integer and Boolean-type tensors");
    return call_op(find_op("bitwise_not"), {a}).release();
  });
}

// In place: the op writes self and gives it back.
PyObject* in_place(PyObject* a, PyObject* b, const char* name) {
  return guarded([&]() -> PyObject* {
    if (!is_tensor(b) && !is_asked(b)) {
      Arena arena;
      Value v;
      if (!as_operand(b, arena, v)) Py_RETURN_NOTIMPLEMENTED;
    }
    return call_op(find_op(name), {a, b}).release();
  });
}
template <Tensors f, WithNumber by_number>
PyObject* in_place_fast(PyObject* a, PyObject* b, const char* name) {
  return guarded([&]() -> PyObject* {
    if (plain(a)) {
      if (plain(b)) {
        f(unwrap(a), unwrap(b));
        return Py_NewRef(a);
      }
      Scalar number;
      if (quick_number(b, number)) {
        by_number(unwrap(a), number);
        return Py_NewRef(a);
      }
    }
    return in_place(a, b, name);
  });
}
PyObject* nb_inplace_add(PyObject* a, PyObject* b) { return in_place_fast<add_, add_>(a, b, "add_"); }
PyObject* nb_inplace_subtract(PyObject* a, PyObject* b) { return in_place_fast<sub_, sub_>(a, b, "sub_"); }
PyObject* nb_inplace_multiply(PyObject* a, PyObject* b) { return in_place_fast<mul_, mul_>(a, b, "mul_"); }
PyObject* nb_inplace_true_divide(PyObject* a, PyObject* b) { return in_place_fast<div_, div_>(a, b, "div_"); }
PyObject* nb_inplace_remainder(PyObject* a, PyObject* b) { return in_place(a, b, "remainder_"); }
PyObject* nb_inplace_floor_divide(PyObject* a, PyObject* b) { return in_place(a, b, "floor_divide_"); }
PyObject* nb_inplace_and(PyObject* a, PyObject* b) { return in_place(a, b, "bitwise_and_"); }
PyObject* nb_inplace_or(PyObject* a, PyObject* b) { return in_place(a, b, "bitwise_or_"); }
PyObject* nb_inplace_xor(PyObject* a, PyObject* b) { return in_place(a, b, "bitwise_xor_"); }
PyObject* nb_inplace_lshift(PyObject* a, PyObject* b) { return in_place(a, b, "bitwise_left_shift_"); }
PyObject* nb_inplace_rshift(PyObject* a, PyObject* b) { return in_place(a, b, "bitwise_right_shift_"); }
PyObject* nb_inplace_power(PyObject* a, PyObject* b, PyObject*) { return in_place(a, b, "pow_"); }

// Conversions of one-element tensors.
Scalar only_value(PyObject* o) {
  const Tensor& t = unwrap(o);
  TL_CHECK_VALUE(t.numel() == 1, "only one element tensors can be converted to Python scalars");
  if (requires_grad(t)) [[unlikely]] {
    static bool warned = false;
    if (!warned) {
      warned = true;
      warn(
          "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.\nConsider using "
          "tensor.detach() first.");
    }
  }
  return item(t);
}
int nb_bool(PyObject* o) {
  PyObject* answer;
  if (!is_plain(o) && asked_slot(o, "__bool__", answer)) {
    int truth = answer == nullptr ? -1 : PyObject_IsTrue(answer);
    Py_XDECREF(answer);
    return truth;
  }
  return guarded_int([&] {
    const Tensor& t = unwrap(o);
    TL_CHECK(t.numel() != 0, "Boolean value of Tensor with no values is ambiguous");
    TL_CHECK(t.numel() == 1, "Boolean value of Tensor with more than one value is ambiguous");
    Scalar s = item(t);
    return int(s.to<bool>());
  });
}
PyObject* nb_float(PyObject* o) {
  PyObject* answer;
  if (!is_plain(o) && asked_slot(o, "__float__", answer)) return answer;
  return guarded([&]() -> PyObject* {
    Scalar s = only_value(o);
    TL_CHECK(!s.is_complex() || s.to<std::complex<double>>().imag() == 0,
             "value cannot be converted to type double without overflow");
    return PyFloat_FromDouble(s.to_double());
  });
}
PyObject* nb_int(PyObject* o) {
  PyObject* answer;
  if (!is_plain(o) && asked_slot(o, "__int__", answer)) return answer;
  return guarded([&]() -> PyObject* {
    Scalar s = only_value(o);
    if (s.is_integral_or_bool()) return PyLong_FromLongLong(s.to_int());
    return PyLong_FromDouble(s.to_double());  // ValueError for nan, OverflowError for inf
  });
}
PyObject* nb_index(PyObject* o) {
  PyObject* answer;
  if (!is_plain(o) && asked_slot(o, "__index__", answer)) return answer;
  return guarded([&]() -> PyObject* {
    const Tensor& t = unwrap(o);
    TL_CHECK_TYPE(t.numel() == 1 && is_integral_or_bool(t.dtype()),
                  "only integer tensors of a single element can be converted to an index");
    return PyLong_FromLongLong(item(t).to_int());
  });
}

template <Tensors f, WithNumber by_number>
PyObject* compare(PyObject* a, PyObject* b, const Names& name) {
  return guarded([&]() -> PyObject* {
    if (plain(a)) {
      if (plain(b)) return wrap(f(unwrap(a), unwrap(b)));
      Scalar number;
      if (quick_number(b, number)) return wrap(by_number(unwrap(a), number));
    }
    return slow_binary(a, b, name);
  });
}
PyObject* rich_compare(PyObject* a, PyObject* b, int op) {
  switch (op) {
    case Py_EQ:
      return compare<eq, eq>(a, b, {"eq", "__eq__", nullptr});
    case Py_NE:
      return compare<ne, ne>(a, b, {"ne"});
    case Py_LT:
      return compare<lt, lt>(a, b, {"lt"});
    case Py_LE:
      return compare<le, le>(a, b, {"le"});
    case Py_GT:
      return compare<gt, gt>(a, b, {"gt"});
    default:
      return compare<ge, ge>(a, b, {"ge"});
  }
}
// The identity, as a number: hash(t) == id(t).
Py_hash_t hash(PyObject* o) {
  auto id = reinterpret_cast<Py_hash_t>(o);
  return id == -1 ? -2 : id;
}

}  // namespace

#define TL_SLOT(name) slots.push_back({Py_##name, reinterpret_cast<void*>(name)})
void add_number_slots(std::vector<PyType_Slot>& slots) {
  TL_SLOT(nb_add);
  TL_SLOT(nb_subtract);
  TL_SLOT(nb_multiply);
  TL_SLOT(nb_true_divide);
  TL_SLOT(nb_power);
  TL_SLOT(nb_remainder);
  TL_SLOT(nb_floor_divide);
  TL_SLOT(nb_divmod);
  TL_SLOT(nb_and);
  TL_SLOT(nb_or);
  TL_SLOT(nb_xor);
  TL_SLOT(nb_lshift);
  TL_SLOT(nb_rshift);
  slots.push_back({Py_nb_matrix_multiply, reinterpret_cast<void*>(nb_matmul)});
  TL_SLOT(nb_negative);
  TL_SLOT(nb_positive);
  TL_SLOT(nb_absolute);
  TL_SLOT(nb_invert);
  TL_SLOT(nb_inplace_add);
  TL_SLOT(nb_inplace_subtract);
  TL_SLOT(nb_inplace_multiply);
  TL_SLOT(nb_inplace_true_divide);
  TL_SLOT(nb_inplace_remainder);
  TL_SLOT(nb_inplace_floor_divide);
  TL_SLOT(nb_inplace_and);
  TL_SLOT(nb_inplace_or);
  TL_SLOT(nb_inplace_xor);
  TL_SLOT(nb_inplace_lshift);
  TL_SLOT(nb_inplace_rshift);
  TL_SLOT(nb_inplace_power);
  TL_SLOT(nb_bool);
  TL_SLOT(nb_float);
  TL_SLOT(nb_int);
  TL_SLOT(nb_index);
  slots.push_back({Py_tp_richcompare, reinterpret_cast<void*>(rich_compare)});
  slots.push_back({Py_tp_hash, reinterpret_cast<void*>(hash)});
}
#undef TL_SLOT

}  // namespace tl::python
