#include "python/op_function.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string_view>

#include "autograd/state.h"
#include "core/strided.h"
#include "ops/ops.h"
#include "python/members.h"
#include "python/override.h"
#include "python/tensor.h"
#include "python/types.h"

namespace tl::python {

PyTypeObject* op_function_type = nullptr;

namespace {

enum class Mode : uint8_t { plain, inplace };

struct Overload {
  std::unique_ptr<Signature> signature;
  Mode mode;
};

struct OpFunction {
  PyObject ob_base;
  vectorcallfunc vectorcall;
  PyObject* name;
  std::vector<Overload>* overloads;
  const char* c_name;
};

std::map<std::string, OpFunction*, std::less<>>& table() {
  static auto* t = new std::map<std::string, OpFunction*, std::less<>>;
  return *t;
}

PyObject* out_name() {
  static PyObject* const s = PyUnicode_InternFromString("out");
  return s;
}

// Results as tuples of the op's own named type.
PyTypeObject* result_type_of(Signature& s) {
  if (s.result_type == nullptr) {
    auto* fields = new std::vector<PyStructSequence_Field>;
    for (const std::string& f : s.fields) fields->push_back({f.c_str(), nullptr});
    fields->push_back({nullptr, nullptr});
    auto* name = new std::string("torch.return_types." + s.name);
    PyStructSequence_Desc desc = {name->c_str(), nullptr, fields->data(), int(s.fields.size())};
    s.result_type = PyStructSequence_NewType(&desc);
    if (s.result_type == nullptr) throw PythonError();
    // PyTorch writes one field a line.
    s.result_type->tp_repr = [](PyObject* self) -> PyObject* {
      return guarded([&]() -> PyObject* {
        std::string text = std::string(Py_TYPE(self)->tp_name) + "(";
        Object names = check(PyObject_GetAttrString(self, "__match_args__"));
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(self); ++i) {
          Object item = check(PyObject_Repr(PyTuple_GET_ITEM(self, i)));
          text += i == 0 ? "\n" : ",\n";
          text += text_of(PyTuple_GET_ITEM(names.get(), i));
          text += "=";
          text += text_of(item.get());
        }
        return PyUnicode_FromString((text + ")").c_str());
      });
    };
  }
  return s.result_type;
}

// Refuses an `out` that holds some, but not all, of the memory of an argument that the op reads element by element.
void check_out_apart(const Tensor& out, const Tensor& result, const Value* values, const Signature& s) {
  for (size_t i = 0; i < s.params.size(); ++i) {
    if (values[i].tag != Value::Tag::tensor || !values[i].tensor->defined()) continue;
    const Tensor& t = *values[i].tensor;
    if (t->storage != out->storage || t.numel() == 0 || out.numel() == 0 || !equal(t.sizes(), result.sizes())) continue;
    if (!is_non_overlapping_and_dense(t) || !is_non_overlapping_and_dense(out)) continue;
    const char *from = t.bytes(), *till = from + t.nbytes(), *out_from = out.bytes(),
               *out_till = out_from + out.nbytes();
    TL_CHECK((from == out_from && till == out_till) || from >= out_till || out_from >= till,
             "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single "
             "memory location. Please clone() the tensor before performing the operation. (",
             s.name, ", shapes ", Shape{t.sizes()}, " and ", Shape{out.sizes()}, ")");
  }
}

// Is out= handled here, by copying the result? In-place forms have none.
bool takes_out(const Overload& o) { return o.mode == Mode::plain && (o.signature->record->flags & op::out); }

Result run(const Overload& o, const Value* values, Arena& arena) {
  const Signature& s = *o.signature;
  if (o.mode == Mode::plain) return s.record->call(values);
  // The generic in-place form: compute, then copy into self.
  const Tensor& self = *values[0].tensor;
  std::string name = s.name + "_";
  Value copy[max_params];
  std::copy(values, values + s.params.size(), copy);
  copy[0].tensor = arena.keep(inplace_operand(self, name.c_str()));
  Result r = s.record->call(copy);
  Tensor* t = std::get_if<Tensor>(&r);
  TL_CHECK(t != nullptr, name, ": has no in-place form");
  finish_inplace(self, *t, name.c_str());
  return self;
}

// Sums and products are computed in the dtype of their out=.
void take_dtype_of(PyObject* out, const Signature& s, Value* values) {
  static constexpr std::string_view names[] = {"sum", "nansum", "prod", "cumsum", "cumprod"};
  if (!is_tensor(out) || std::find(std::begin(names), std::end(names), s.name) == std::end(names)) return;
  for (size_t i = 0; i < s.params.size(); ++i) {
    if (s.params[i].text != "dtype" || !values[i].is_none()) continue;
    values[i].tag = Value::Tag::dtype;
    values[i].dtype = unwrap(out).dtype();
  }
}

PyObject* write_out(PyObject* out, Result&& result, const Signature& s) {
  if (auto* t = std::get_if<Tensor>(&result)) {
    TL_CHECK_TYPE(is_tensor(out), s.name, "(): argument 'out' must be Tensor, not ", Py_TYPE(out)->tp_name);
    finish_out(unwrap(out), *t, s.name.c_str(), s.record->flags & op::exact_out);
    return Py_NewRef(out);
  }
  auto* list = std::get_if<std::vector<Tensor>>(&result);
  TL_CHECK_TYPE(list != nullptr, s.name, "() takes no out argument");
  TL_CHECK_TYPE((PyTuple_Check(out) || PyList_Check(out)) && PySequence_Fast_GET_SIZE(out) == Py_ssize_t(list->size()),
                s.name, "(): argument 'out' must be tuple of ", list->size(), " Tensors, not ", Py_TYPE(out)->tp_name);
  for (size_t i = 0; i < list->size(); ++i) {
    PyObject* o = PySequence_Fast_GET_ITEM(out, Py_ssize_t(i));
    TL_CHECK_TYPE(is_tensor(o), s.name, "(): argument 'out' must be tuple of Tensors, but found element of type ",
                  Py_TYPE(o)->tp_name);
  }
  std::vector<Tensor> outs;
  for (size_t i = 0; i < list->size(); ++i) {
    outs.push_back(unwrap(PySequence_Fast_GET_ITEM(out, Py_ssize_t(i))));
    finish_out(outs.back(), (*list)[i], s.name.c_str(), s.record->flags & op::exact_out);
  }
  return wrap_result(std::move(outs), &s);
}

// The keywords that all factories share: what this build cannot do is refused, and out= decides the
// dtype. Returns requires_grad.
bool check_factory(const Signature& s, Value* values, PyObject* out) {
  const Value& device = values[s.device];
  TL_CHECK_NOTIMPL(device.is_none() || device.device == DeviceType::cpu, s.name, "(): the meta device holds no data");
  const Value& layout = values[s.layout];
  TL_CHECK_NOTIMPL(layout.is_none() || is_strided(static_cast<PyObject*>(layout.object)), s.name,
                   "(): only the strided layout is supported");
  const Value& pin = values[s.pin_memory];
  TL_CHECK(pin.is_none() || !pin.b,
           "pin_memory=True requires a CUDA or other accelerator backend; no pinned memory allocator "
           "is available on this system.");
  const Value& grad = values[s.requires_grad];
  if (out != nullptr && is_tensor(out) && s.dtype >= 0) {
    DType wanted = unwrap(out).dtype();
    Value& dtype = values[s.dtype];
    TL_CHECK(dtype.is_none() || dtype.dtype == wanted, "dtype ",
             dtype_legacy_name(dtype.is_none() ? wanted : dtype.dtype), " does not match dtype of out parameter (",
             dtype_legacy_name(wanted), ")");
    dtype.tag = Value::Tag::dtype;
    dtype.dtype = wanted;
  }
  return !grad.is_none() && grad.b;
}

[[gnu::noinline]] PyObject* fail_to_match(OpFunction* f, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames) {
  if (f->overloads->size() == 1) {
    Value values[max_params];
    Arena arena;
    std::string error;
    match(*(*f->overloads)[0].signature, args, nargs, kwnames, values, arena, &error);
    PyErr_SetString(PyExc_TypeError, error.c_str());
    return nullptr;
  }
  std::string text = std::string(f->c_name) + "() received an invalid combination of arguments - got (";
  Py_ssize_t total = nargs + (kwnames != nullptr ? PyTuple_GET_SIZE(kwnames) : 0);
  for (Py_ssize_t i = 0; i < total; ++i) {
    if (i > 0) text += ", ";
    if (i >= nargs) text += std::string(text_of(PyTuple_GET_ITEM(kwnames, i - nargs))) + "=";
    text += Py_TYPE(args[i])->tp_name;
  }
  text += "), but expected one of:";
  for (const Overload& o : *f->overloads) {
    std::string sig = o.signature->record->signature;
    text += "\n * " + sig.substr(sig.find('('), sig.rfind("->") - sig.find('('));
    Value values[max_params];
    Arena arena;
    std::string error;
    match(*o.signature, args, nargs, kwnames, values, arena, &error);
    text += "\n      " + error;
  }
  PyErr_SetString(PyExc_TypeError, text.c_str());
  return nullptr;
}

PyObject* op_vectorcall(PyObject* self, PyObject* const* args, size_t nargsf, PyObject* kwnames) {
  auto* f = reinterpret_cast<OpFunction*>(self);
  Py_ssize_t nargs = PyVectorcall_NARGS(nargsf);
  return guarded([&]() -> PyObject* {
    PyObject* out = nullptr;
    PyObject* rest_names = kwnames;
    PyObject* const* rest_args = args;
    Object held_names;
    std::vector<PyObject*> held_args;
    if (kwnames != nullptr) [[unlikely]] {
      // out= is taken off here for the ops whose results are copied into it.
      Py_ssize_t nk = PyTuple_GET_SIZE(kwnames);
      for (Py_ssize_t k = 0; k < nk; ++k) {
        PyObject* name = PyTuple_GET_ITEM(kwnames, k);
        if (name != out_name() && PyUnicode_Compare(name, out_name()) != 0) continue;
        bool generic = false;
        for (const Overload& o : *f->overloads) generic = generic || takes_out(o);
        if (!generic) break;
        out = args[nargs + k];
        held_args.assign(args, args + nargs + nk);
        held_args.erase(held_args.begin() + nargs + k);
        rest_args = held_args.data();
        held_names = check(PyTuple_New(nk - 1));
        for (Py_ssize_t j = 0, at = 0; j < nk; ++j) {
          if (j != k) PyTuple_SET_ITEM(held_names.get(), at++, Py_NewRef(PyTuple_GET_ITEM(kwnames, j)));
        }
        rest_names = nk == 1 ? nullptr : held_names.get();
        if (out == Py_None) out = nullptr;
        break;
      }
    }
    for (const Overload& o : *f->overloads) {
      // Left uninitialised: match() writes those that count.
      alignas(Value) char memory[sizeof(Value) * max_params];
      Value* values = reinterpret_cast<Value*>(memory);
      Arena arena;
      if (!match(*o.signature, rest_args, nargs, rest_names, values, arena, nullptr)) continue;
      PyTypeObject* cls = nullptr;
      if (arena.overriding != nullptr && torch_function_enabled()) [[unlikely]] {
        Takers takers(args, nargs + (kwnames != nullptr ? PyTuple_GET_SIZE(kwnames) : 0));
        if (takers.must_be_asked()) return takers.ask(self, args, nargs, kwnames);
        cls = takers.result_class();
      }
      if (out != nullptr && !takes_out(o)) continue;
      bool leaf = (o.signature->record->flags & op::creates) && check_factory(*o.signature, values, out);
      if (out != nullptr) take_dtype_of(out, *o.signature, values);
      Result result = run(o, values, arena);
      if (out != nullptr) {
        if (auto* t = std::get_if<Tensor>(&result); t != nullptr && is_tensor(out)) {
          check_out_apart(unwrap(out), *t, values, *o.signature);
        }
        // Factories resize without a warning.
        if (auto* t = std::get_if<Tensor>(&result);
            t != nullptr && (o.signature->record->flags & op::creates) && is_tensor(out)) {
          resize_(unwrap(out), t->sizes());
        }
        Object written = check(write_out(out, std::move(result), *o.signature));
        if (leaf) set_requires_grad(unwrap(written.get()), true);
        return written.release();
      }
      if (leaf) set_requires_grad(std::get<Tensor>(result), true);
      // An in-place op gives back the very object it was called on.
      if (o.mode == Mode::inplace || (o.signature->record->flags & op::writes_self)) {
        if (auto* t = std::get_if<Tensor>(&result); t != nullptr && values[0].tag == Value::Tag::tensor &&
                                                    t->is_same(*values[0].tensor) && nargs > 0 &&
                                                    (cls == nullptr || PyObject_TypeCheck(args[0], cls))) {
          return Py_NewRef(args[0]);
        }
      }
      return wrap_result(std::move(result), o.signature.get(), cls);
    }
    // Objects that are no tensors may know what to do.
    if (torch_function_enabled()) {
      Takers takers(args, nargs + (kwnames != nullptr ? PyTuple_GET_SIZE(kwnames) : 0));
      if (takers.must_be_asked()) return takers.ask(self, args, nargs, kwnames);
    }
    return fail_to_match(f, rest_args, nargs, rest_names);
  });
}

PyObject* op_get(PyObject* self, PyObject* instance, PyObject*) {
  if (instance == nullptr) return Py_NewRef(self);
  return PyMethod_New(self, instance);
}
PyObject* op_repr(PyObject* self) {
  return PyUnicode_FromFormat("<built-in method %U of tensorlite>", reinterpret_cast<OpFunction*>(self)->name);
}
PyObject* op_get_name(PyObject* self, void*) { return Py_NewRef(reinterpret_cast<OpFunction*>(self)->name); }
PyObject* op_get_module(PyObject*, void*) { return PyUnicode_FromString("tensorlite"); }
PyObject* op_get_doc(PyObject* self, void*) {
  auto* f = reinterpret_cast<OpFunction*>(self);
  std::string text;
  for (const Overload& o : *f->overloads) {
    const OpRecord& r = *o.signature->record;
    std::string_view record = r.signature;
    size_t paren = record.find('(');
    std::string sig(record.substr(0, paren));
    if (o.mode == Mode::inplace) sig += '_';
    sig += record.substr(paren);
    text += sig + "\n\n" + (o.mode == Mode::inplace ? "In-place version. " : "") + r.doc + "\n\n";
  }
  return PyUnicode_FromString(text.c_str());
}
PyObject* op_records(PyObject* self, void*) {
  return guarded([&]() -> PyObject* {
    auto* f = reinterpret_cast<OpFunction*>(self);
    Object list = check(PyList_New(0));
    for (const Overload& o : *f->overloads) {
      const OpRecord& r = *o.signature->record;
      Object item = check(Py_BuildValue("(sIssO)", r.signature, r.flags, r.doc, r.samples,
                                        o.mode == Mode::inplace ? Py_True : Py_False));
      check(PyList_Append(list.get(), item.get()));
    }
    return list.release();
  });
}
PyObject* op_reduce(PyObject* self, PyObject*) {
  return guarded([&]() -> PyObject* {
    Object module = check(PyImport_ImportModule("tensorlite._C"));
    Object ops = check(PyObject_GetAttrString(module.get(), "ops"));
    Object getattr = check(PyObject_GetAttrString(ops.get(), "__getattribute__"));
    return Py_BuildValue("(O(O))", getattr.get(), reinterpret_cast<OpFunction*>(self)->name);
  });
}
PyGetSetDef op_getset[] = {
    {"__name__", op_get_name, nullptr, nullptr, nullptr},
    {"__qualname__", op_get_name, nullptr, nullptr, nullptr},
    {"__module__", op_get_module, nullptr, nullptr, nullptr},
    {"__doc__", op_get_doc, nullptr, nullptr, nullptr},
    {"records", op_records, nullptr, "(signature, flags, doc, samples, generic in-place) of each overload", nullptr},
    {nullptr, nullptr, nullptr, nullptr, nullptr}};
PyMethodDef op_methods[] = {{"__reduce__", op_reduce, METH_NOARGS, nullptr}, {nullptr, nullptr, 0, nullptr}};
PyMemberDef op_members[] = {{"__vectorcalloffset__", T_PYSSIZET, offsetof(OpFunction, vectorcall), READONLY, nullptr},
                            {nullptr, 0, 0, 0, nullptr}};

OpFunction* function_named(const std::string& name) {
  OpFunction*& f = table()[name];
  if (f == nullptr) {
    f = PyObject_New(OpFunction, op_function_type);
    if (f == nullptr) throw PythonError();
    f->vectorcall = op_vectorcall;
    f->name = PyUnicode_InternFromString(name.c_str());
    f->overloads = new std::vector<Overload>;
    f->c_name = PyUnicode_AsUTF8(f->name);
  }
  return f;
}

}  // namespace

PyObject* wrap_result(Result&& result, const Signature* signature, PyTypeObject* cls) {
  switch (result.index()) {
    case 0:
      Py_RETURN_NONE;
    case 1:
      return wrap_for(std::move(std::get<1>(result)), cls);
    case 2: {
      auto& list = std::get<2>(result);
      bool named = signature != nullptr && !signature->fields.empty();
      Object tuple = check(named ? PyStructSequence_New(result_type_of(const_cast<Signature&>(*signature)))
                                 : PyTuple_New(Py_ssize_t(list.size())));
      for (size_t i = 0; i < list.size(); ++i) {
        PyObject* t = check(wrap_for(std::move(list[i]), cls)).release();
        if (named) {
          PyStructSequence_SetItem(tuple.get(), Py_ssize_t(i), t);
        } else {
          PyTuple_SET_ITEM(tuple.get(), Py_ssize_t(i), t);
        }
      }
      return tuple.release();
    }
    case 3:
      return wrap_scalar(std::get<3>(result));
    case 4:
      return PyBool_FromLong(std::get<4>(result));
    case 5:
      return PyLong_FromLongLong(std::get<5>(result));
    case 6:
      return PyFloat_FromDouble(std::get<6>(result));
    case 7:
      return wrap_dtype(std::get<7>(result));
    case 8:
      return wrap_ints(std::get<8>(result));
    default:
      return PyUnicode_FromString(std::get<9>(result).c_str());
  }
}

PyObject* find_op(std::string_view name) {
  auto it = table().find(name);
  return it == table().end() ? nullptr : &it->second->ob_base;
}

Object call_op(PyObject* op, std::initializer_list<PyObject*> args) {
  return check(op_vectorcall(op, args.begin(), args.size(), nullptr));
}

void register_ops(PyObject* module) {
  PyType_Slot slots[] = {{Py_tp_call, reinterpret_cast<void*>(PyVectorcall_Call)},
                         {Py_tp_descr_get, reinterpret_cast<void*>(op_get)},
                         {Py_tp_repr, reinterpret_cast<void*>(op_repr)},
                         {Py_tp_getset, op_getset},
                         {Py_tp_methods, op_methods},
                         {Py_tp_members, op_members},
                         {0, nullptr}};
  PyType_Spec spec = {"tensorlite._C.OpFunction", sizeof(OpFunction), 0,
                      Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR |
                          Py_TPFLAGS_DISALLOW_INSTANTIATION,
                      slots};
  op_function_type = reinterpret_cast<PyTypeObject*>(check(PyType_FromSpec(&spec)).release());
  for (const OpRecord* r : all_op_records()) {
    auto signature = parse_signature(*r);
    std::string name = signature->name;
    if (r->flags & op::inplace) {
      function_named(name + "_")->overloads->push_back({parse_signature(*r), Mode::inplace});
    }
    function_named(name)->overloads->push_back({std::move(signature), Mode::plain});
  }
  Object ops = check(PyModule_New("tensorlite._C.ops"));
  Object functions = check(PyList_New(0));
  for (auto& [name, f] : table()) {
    check(PyModule_AddObjectRef(ops.get(), name.c_str(), &f->ob_base));
    bool is_function = false;
    for (const Overload& o : *f->overloads) is_function = is_function || (o.signature->record->flags & op::function);
    if (is_function) check(PyList_Append(functions.get(), f->name));
  }
  check(PyModule_AddObjectRef(module, "ops", ops.get()));
  check(PyModule_AddObjectRef(module, "_function_names", functions.get()));
}

void add_op_methods(PyTypeObject* type) {
  for (auto& [name, f] : table()) {
    bool is_method = false;
    for (const Overload& o : *f->overloads) {
      uint32_t flags = o.signature->record->flags;
      is_method = is_method || (flags & op::method) || (o.mode == Mode::inplace && !(flags & op::internal)) ||
                  ((flags & op::writes_self) && !(flags & (op::internal | op::function)));
    }
    if (is_method) check(PyDict_SetItem(type->tp_dict, f->name, &f->ob_base));
  }
  PyType_Modified(type);
}

}  // namespace tl::python
