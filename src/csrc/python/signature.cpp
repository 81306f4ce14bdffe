#include "python/signature.h"

#include <cstdlib>
#include <cstring>

#include "autograd/state.h"
#include "python/generator.h"
#include "python/tensor.h"
#include "python/types.h"

namespace tl::python {

namespace {

std::string trim(const std::string& s) {
  size_t a = s.find_first_not_of(' ');
  if (a == std::string::npos) return "";
  size_t b = s.find_last_not_of(' ');
  return s.substr(a, b - a + 1);
}

// Splits at commas outside brackets.
std::vector<std::string> split_args(const std::string& s) {
  std::vector<std::string> out;
  int level = 0;
  std::string part;
  for (char c : s) {
    if (c == '(' || c == '[') ++level;
    if (c == ')' || c == ']') --level;
    if (c == ',' && level == 0) {
      out.push_back(trim(part));
      part.clear();
    } else {
      part += c;
    }
  }
  if (!trim(part).empty()) out.push_back(trim(part));
  return out;
}

struct TypeName {
  const char* text;
  Param::Type type;
};
const TypeName type_names[] = {{"Tensor[]", Param::Type::tensors}, {"Tensor", Param::Type::tensor},
                               {"Operand", Param::Type::operand},  {"Scalar[]", Param::Type::scalars},
                               {"ScalarType", Param::Type::dtype}, {"Scalar", Param::Type::scalar},
                               {"int[]", Param::Type::ints},       {"int", Param::Type::integer},
                               {"float[]", Param::Type::reals},    {"float", Param::Type::real},
                               {"bool", Param::Type::boolean},     {"str", Param::Type::string},
                               {"Device", Param::Type::device},    {"Generator", Param::Type::generator},
                               {"Layout", Param::Type::layout},    {"MemoryFormat", Param::Type::memory_format},
                               {"Any", Param::Type::any}};
const char* const readable_types[] = {"Tensor",
                                      "Tensor or Number",
                                      "tuple of Tensors",
                                      "Number",
                                      "int",
                                      "tuple of ints",
                                      "float",
                                      "tuple of floats",
                                      "bool",
                                      "str",
                                      "torch.dtype",
                                      "torch.device",
                                      "torch.Generator",
                                      "torch.layout",
                                      "torch.memory_format",
                                      "tuple of Numbers",
                                      "object"};

[[noreturn]] void bad_signature(const OpRecord& r, const std::string& why) {
  fail(ErrorKind::runtime, "op record '", r.signature, "': ", why);
}

void parse_default(const OpRecord& r, Param& p, const std::string& text) {
  p.has_default = true;
  Value& v = p.default_value;
  using Tag = Value::Tag;
  if (text == "None") {
    p.optional = true;
    v.tag = Tag::none;
    return;
  }
  switch (p.type) {
    case Param::Type::boolean:
      v.tag = Tag::boolean;
      v.b = text == "True";
      break;
    case Param::Type::integer:
      v.tag = Tag::integer;
      v.i = std::atoll(text.c_str());
      break;
    case Param::Type::real:
      v.tag = Tag::real;
      v.d = std::strtod(text.c_str(), nullptr);
      break;
    case Param::Type::scalar:
    case Param::Type::operand:
      v.tag = Tag::scalar;
      p.default_scalar = text.find_first_of(".e") == std::string::npos && text.find("inf") == std::string::npos
                             ? Scalar(int64_t(std::atoll(text.c_str())))
                             : Scalar(std::strtod(text.c_str(), nullptr));
      if (text == "True" || text == "False") p.default_scalar = Scalar(text == "True");
      break;
    case Param::Type::ints:
      v.tag = Tag::ints;
      for (const std::string& item :
           split_args(trim(text.front() == '[' || text.front() == '(' ? text.substr(1, text.size() - 2) : text))) {
        p.default_ints.push_back(std::atoll(item.c_str()));
      }
      break;
    case Param::Type::string:
      v.tag = Tag::string;
      p.default_string =
          text.size() >= 2 && (text[0] == '\'' || text[0] == '"') ? text.substr(1, text.size() - 2) : text;
      break;
    default:
      bad_signature(r, "no default of this type can be written: " + text);
  }
}

// A NumPy scalar or array of rank 0, or any other number type: anything with __float__ and
// __index__, or registered as a number.
bool foreign_number(PyObject* o, Scalar& out) {
  PyTypeObject* t = Py_TYPE(o);
  if (t->tp_as_number == nullptr) return false;
  if (PyComplex_Check(o)) {
    Py_complex c = PyComplex_AsCComplex(o);
    out = Scalar(std::complex<double>(c.real, c.imag));
    return true;
  }
  // Arrays and other containers have __float__ too; only NumPy's scalars are taken.
  if (std::strncmp(t->tp_name, "numpy.", 6) != 0 || std::strcmp(t->tp_name, "numpy.ndarray") == 0) return false;
  if (std::strcmp(t->tp_name, "numpy.bool_") == 0 || std::strcmp(t->tp_name, "numpy.bool") == 0) {
    out = Scalar(PyObject_IsTrue(o) == 1);
    return true;
  }
  if (std::strncmp(t->tp_name, "numpy.complex", 13) == 0) {
    Py_complex c = PyComplex_AsCComplex(o);
    if (PyErr_Occurred()) {
      PyErr_Clear();
      return false;
    }
    out = Scalar(std::complex<double>(c.real, c.imag));
    return true;
  }
  if (t->tp_as_number->nb_index != nullptr) {
    Object i = Object::adopt(PyNumber_Index(o));
    if (i) {
      int64_t v = PyLong_AsLongLong(i.get());
      if (!(v == -1 && PyErr_Occurred())) {
        out = Scalar(v);
        return true;
      }
    }
    PyErr_Clear();
  }
  if (t->tp_as_number->nb_float != nullptr) {
    double d = PyFloat_AsDouble(o);
    if (!(d == -1.0 && PyErr_Occurred())) {
      out = Scalar(d);
      return true;
    }
    PyErr_Clear();
  }
  return false;
}

void note_subclass(PyObject* o, Arena& arena) {
  PyTypeObject* t = Py_TYPE(o);
  if (t != tensor_type && t != parameter_type && t != tensor_base_type && arena.overriding == nullptr) {
    arena.overriding = o;
  }
}

enum class IntKind { none, fits, too_big };
IntKind read_int(PyObject* o, int64_t& value) {
  if (PyBool_Check(o) || PyFloat_Check(o)) return IntKind::none;
  Object index;
  if (is_tensor(o)) {
    const Tensor& t = unwrap(o);
    if (t.numel() != 1 || !is_integral(t.dtype())) return IntKind::none;
    value = item(t).to_int();
    return IntKind::fits;
  }
  if (!PyLong_Check(o)) {
    if (Py_TYPE(o)->tp_as_number == nullptr || Py_TYPE(o)->tp_as_number->nb_index == nullptr) return IntKind::none;
    index = Object::adopt(PyNumber_Index(o));
    if (!index) {
      PyErr_Clear();
      return IntKind::none;
    }
    o = index.get();
  }
  int overflow;
  value = PyLong_AsLongLongAndOverflow(o, &overflow);
  return overflow == 0 ? IntKind::fits : IntKind::too_big;
}

bool as_tensors(PyObject* o, Arena& arena, Value& value, bool allow_none) {
  if (!PyTuple_Check(o) && !PyList_Check(o)) return false;
  Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
  PyObject** items = PySequence_Fast_ITEMS(o);
  auto& lists = arena.cold().tensor_lists;
  if (lists.size() == lists.capacity()) return false;
  std::vector<Tensor>& list = lists.emplace_back();
  list.reserve(size_t(n));
  for (Py_ssize_t i = 0; i < n; ++i) {
    if (allow_none && items[i] == Py_None) {
      list.emplace_back();
      continue;
    }
    if (!is_tensor(items[i])) return false;
    note_subclass(items[i], arena);
    list.push_back(unwrap(items[i]));
  }
  value.tag = Value::Tag::tensors;
  value.tensors = &list;
  return true;
}

bool convert(const Param& p, PyObject* o, Value& v, Arena& arena) {
  using Tag = Value::Tag;
  // Of a list of tensors the items are optional, not the list.
  if (o == Py_None && p.optional && p.type != Param::Type::tensors) {
    v.tag = Tag::none;
    return true;
  }
  switch (p.type) {
    case Param::Type::tensor:
      if (!is_tensor(o)) return false;
      if (Py_TYPE(o) != tensor_type) note_subclass(o, arena);
      v.tag = Tag::tensor;
      v.tensor = &unwrap(o);
      return true;
    case Param::Type::operand:
      return as_operand(o, arena, v);
    case Param::Type::tensors:
      return as_tensors(o, arena, v, p.optional);
    case Param::Type::scalar: {
      Scalar s;
      if (!as_scalar(o, s)) return false;
      v.tag = Tag::scalar;
      v.scalar = arena.keep(s);
      return true;
    }
    case Param::Type::integer:
      v.tag = Tag::integer;
      return as_int(o, v.i);
    case Param::Type::ints: {
      Dims* d = arena.new_dims();
      int64_t one;
      if (!as_ints(o, *d)) {
        if (read_int(o, one) != IntKind::fits) return false;
        d->push_back(one);
      }
      v.tag = Tag::ints;
      v.ints = d;
      return true;
    }
    case Param::Type::real: {
      Scalar s;
      if (PyFloat_CheckExact(o)) {
        v.d = PyFloat_AS_DOUBLE(o);
      } else if (PyLong_CheckExact(o)) {
        v.d = PyLong_AsDouble(o);  // of any size
        if (v.d == -1.0 && PyErr_Occurred()) throw PythonError();
      } else {
        if (PyBool_Check(o) || !as_scalar(o, s) || s.is_complex()) return false;
        v.d = s.to_double();
      }
      v.tag = Tag::real;
      return true;
    }
    case Param::Type::reals: {
      if (!PyTuple_Check(o) && !PyList_Check(o)) return false;
      std::vector<double>& list = arena.cold().double_lists.emplace_back();
      for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(o); ++i) {
        Scalar s;
        if (!as_scalar(PySequence_Fast_GET_ITEM(o, i), s) || s.is_complex()) return false;
        list.push_back(s.to_double());
      }
      v.tag = Tag::doubles;
      v.doubles = &list;
      return true;
    }
    case Param::Type::boolean: {
      v.tag = Tag::boolean;
      if (o == Py_True || o == Py_False) {
        v.b = o == Py_True;
        return true;
      }
      const char* name = Py_TYPE(o)->tp_name;
      if (std::strcmp(name, "numpy.bool_") != 0 && std::strcmp(name, "numpy.bool") != 0) return false;
      v.b = PyObject_IsTrue(o) == 1;
      return true;
    }
    case Param::Type::string: {
      if (!PyUnicode_Check(o)) return false;
      Py_ssize_t n;
      const char* text = PyUnicode_AsUTF8AndSize(o, &n);
      if (text == nullptr) throw PythonError();
      v.tag = Tag::string;
      if (p.default_value.tag == Tag::string && p.default_string.compare(0, std::string::npos, text, size_t(n)) == 0) {
        v.string = &p.default_string;
        return true;
      }
      v.string = arena.cold().strings.emplace_back(std::make_unique<std::string>(text, size_t(n))).get();
      return true;
    }
    case Param::Type::dtype: {
      auto t = as_dtype(o);
      if (!t) return false;
      v.tag = Tag::dtype;
      v.dtype = *t;
      return true;
    }
    case Param::Type::device: {
      auto d = as_device(o);
      if (!d) return false;
      v.tag = Tag::device;
      v.device = *d;
      return true;
    }
    case Param::Type::generator:
      v.generator = as_generator(o);
      v.tag = Tag::generator;
      return v.generator != nullptr;
    case Param::Type::layout:
      v.tag = Tag::object;
      v.object = o;
      return Py_TYPE(o) == layout_type;
    case Param::Type::memory_format:
      v.tag = Tag::string;
      if (const char* name = memory_format_name(o)) {
        v.string = arena.cold().strings.emplace_back(std::make_unique<std::string>(name)).get();
        return true;
      }
      return false;
    default:
      v.tag = Tag::object;
      v.object = o;
      return true;
  }
}

// The names that NumPy users give to arguments.
PyObject* alias_of(PyObject* name) {
  static PyObject* const axis = PyUnicode_InternFromString("axis");
  static PyObject* const dim = PyUnicode_InternFromString("dim");
  static PyObject* const keepdims = PyUnicode_InternFromString("keepdims");
  static PyObject* const keepdim = PyUnicode_InternFromString("keepdim");
  static PyObject* const x = PyUnicode_InternFromString("x");
  static PyObject* const a = PyUnicode_InternFromString("a");
  static PyObject* const input = PyUnicode_InternFromString("input");
  static PyObject* const self = PyUnicode_InternFromString("self");
  static PyObject* const x1 = PyUnicode_InternFromString("x1");
  static PyObject* const x2 = PyUnicode_InternFromString("x2");
  static PyObject* const other = PyUnicode_InternFromString("other");
  auto same = [&](PyObject* k) { return name == k || PyUnicode_Compare(name, k) == 0; };
  if (same(axis)) return dim;
  if (same(keepdims)) return keepdim;
  if (same(input) || same(x) || same(a) || same(x1)) return self;
  if (same(x2)) return other;
  return nullptr;
}

int find_param(const Signature& s, PyObject* name) {
  for (size_t i = 0; i < s.params.size(); ++i) {
    if (s.params[i].name == name) return int(i);
  }
  for (size_t i = 0; i < s.params.size(); ++i) {
    if (PyUnicode_Compare(s.params[i].name, name) == 0) return int(i);
  }
  return -1;
}

}  // namespace

const Tensor* Arena::keep(Tensor t) {
  if (tensor_count_ < most) return new (&tensors_[tensor_count_++]) Tensor(std::move(t));
  return cold().more_tensors.emplace_back(std::make_unique<Tensor>(std::move(t))).get();
}
const Scalar* Arena::keep(Scalar s) {
  if (scalar_count_ < most) return new (&scalars_[scalar_count_++]) Scalar(s);
  return cold().more_scalars.emplace_back(std::make_unique<Scalar>(s)).get();
}
Dims* Arena::new_dims() {
  if (dims_count_ < most) return new (&dims_[dims_count_++]) Dims();
  return cold().more_dims.emplace_back(std::make_unique<Dims>()).get();
}

bool as_int(PyObject* o, int64_t& value) {
  IntKind kind = read_int(o, value);
  TL_CHECK_VALUE(kind != IntKind::too_big, "Overflow when unpacking long long");
  return kind == IntKind::fits;
}

bool as_ints(PyObject* o, Dims& value) {
  if (!PyTuple_Check(o) && !PyList_Check(o)) return false;
  Py_ssize_t n = PySequence_Fast_GET_SIZE(o);
  for (Py_ssize_t i = 0; i < n; ++i) {
    int64_t v;
    if (read_int(PySequence_Fast_GET_ITEM(o, i), v) != IntKind::fits) return false;
    value.push_back(v);
  }
  return true;
}

bool as_scalar(PyObject* o, Scalar& value) {
  if (PyFloat_CheckExact(o)) {
    value = Scalar(PyFloat_AS_DOUBLE(o));
    return true;
  }
  if (PyBool_Check(o)) {
    value = Scalar(o == Py_True);
    return true;
  }
  if (PyLong_Check(o)) {
    int overflow = 0;
    int64_t v = PyLong_AsLongLongAndOverflow(o, &overflow);
    if (overflow != 0) {
      PyErr_SetString(PyExc_OverflowError, "int too big to convert");
      throw PythonError();
    }
    value = Scalar(v);
    return true;
  }
  if (PyFloat_Check(o)) {
    value = Scalar(PyFloat_AS_DOUBLE(o));
    return true;
  }
  if (is_tensor(o)) {
    const Tensor& t = unwrap(o);
    // One that needs a gradient would lose it.
    if (t.dim() != 0 || t->storage == nullptr || requires_grad(t)) return false;
    value = item(t);
    return true;
  }
  return foreign_number(o, value);
}

bool as_operand(PyObject* o, Arena& arena, Value& v) {
  v.tag = Value::Tag::tensor;
  if (is_tensor(o)) {
    if (Py_TYPE(o) != tensor_type) note_subclass(o, arena);
    v.tensor = &unwrap(o);
    return true;
  }
  Scalar s;
  if (!as_scalar(o, s)) return false;
  v.tensor = arena.keep(wrapped_number(s));
  return true;
}

namespace {

// What a factory takes beside its record's own parameters.
void add_factory_params(Signature& s) {
  auto index_of = [&](const char* name) {
    for (size_t i = 0; i < s.params.size(); ++i) {
      if (s.params[i].text == name) return int(i);
    }
    return -1;
  };
  auto add = [&](const char* name, Param::Type type, const char* fallback) {
    if (int at = index_of(name); at >= 0) return at;
    Param p;
    p.type = type;
    p.text = name;
    p.name = PyUnicode_InternFromString(name);
    p.keyword_only = p.optional = true;
    parse_default(*s.record, p, fallback);
    s.params.push_back(std::move(p));
    return int(s.params.size()) - 1;
  };
  s.dtype = index_of("dtype");
  s.layout = add("layout", Param::Type::layout, "None");
  s.device = add("device", Param::Type::device, "None");
  s.pin_memory = add("pin_memory", Param::Type::boolean, "False");
  s.requires_grad = add("requires_grad", Param::Type::boolean, "False");
}

}  // namespace

std::unique_ptr<Signature> parse_signature(const OpRecord& record) {
  auto s = std::make_unique<Signature>();
  s->record = &record;
  std::string text = record.signature;
  size_t open = text.find('(');
  size_t arrow = text.rfind("->");
  if (open == std::string::npos || arrow == std::string::npos) bad_signature(record, "needs '(…) -> …'");
  size_t close = text.rfind(')', arrow);
  s->name = trim(text.substr(0, open));
  std::string returns = trim(text.substr(arrow + 2));
  if (!returns.empty() && returns[0] == '(') {
    for (const std::string& item : split_args(returns.substr(1, returns.size() - 2))) {
      size_t space = item.find(' ');
      if (space != std::string::npos) s->fields.push_back(trim(item.substr(space + 1)));
    }
  }
  bool keyword_only = false;
  for (const std::string& item : split_args(text.substr(open + 1, close - open - 1))) {
    if (item == "*") {
      keyword_only = true;
      continue;
    }
    Param p;
    const TypeName* found = nullptr;
    for (const TypeName& t : type_names) {
      size_t n = std::strlen(t.text);
      // `int[2]` counts as int[], but never takes *args.
      if (item.compare(0, n, t.text) == 0) {
        found = &t;
        break;
      }
    }
    if (found == nullptr) bad_signature(record, "unknown type in '" + item + "'");
    std::string rest = item.substr(std::strlen(found->text));
    p.type = found->type;
    if (p.type == Param::Type::integer && !rest.empty() && rest[0] == '[') {
      p.type = Param::Type::ints;
      p.one_argument = true;
      rest = rest.substr(rest.find(']') + 1);
    }
    if (!rest.empty() && rest[0] == '?') {
      p.optional = true;
      rest = rest.substr(1);
    }
    rest = trim(rest);
    size_t equals = rest.find('=');
    p.text = trim(rest.substr(0, equals));
    if (p.text.starts_with('*')) {
      p.text = p.text.substr(1);
      s->tensor_varargs = true;
    }
    p.name = PyUnicode_InternFromString(p.text.c_str());
    if (equals != std::string::npos) parse_default(record, p, trim(rest.substr(equals + 1)));
    p.keyword_only = keyword_only;
    if (!keyword_only) ++s->positional;
    if (p.text == "out") s->out = int(s->params.size());
    s->params.push_back(std::move(p));
  }
  if (record.flags & op::creates) add_factory_params(*s);
  if (s->params.size() > size_t(max_params)) bad_signature(record, "too many parameters");
  // The parameters have their final addresses now.
  for (Param& p : s->params) {
    if (!p.has_default) continue;
    if (p.default_value.tag == Value::Tag::ints) p.default_value.ints = &p.default_ints;
    if (p.default_value.tag == Value::Tag::string) p.default_value.string = &p.default_string;
    if (p.default_value.tag == Value::Tag::scalar) p.default_value.scalar = &p.default_scalar;
  }
  for (int i = 0; i < s->positional && i < 2; ++i) {
    if (s->params[size_t(i)].type == Param::Type::ints) {
      // *args are unambiguous only where nothing can follow them.
      s->varargs = i == s->positional - 1 && !s->params[size_t(i)].one_argument;
      break;
    }
    if (s->params[size_t(i)].type != Param::Type::tensor) break;
  }
  return s;
}

namespace {

std::string bad_item(const Signature& s, const Param& p, PyObject* item, Py_ssize_t at) {
  int64_t v;
  std::string why = read_int(item, v) == IntKind::too_big
                        ? "Overflow when unpacking long long"
                        : std::string("type must be tuple of ints,but got ") + Py_TYPE(item)->tp_name;
  return s.name + "(): argument '" + p.text + "' failed to unpack the object at pos " + std::to_string(at) +
         " with error \"" + why + "\"";
}
// Why an argument does not fit, in PyTorch's words; a list's first bad item is named.
std::string describe_mismatch(const Signature& s, const Param& p, PyObject* got, Py_ssize_t nargs) {
  std::string text = s.name + "(): argument '" + (p.text == "self" ? "input" : p.text) + "'";
  auto at = size_t(&p - s.params.data());
  if (p.type == Param::Type::ints && (PyTuple_Check(got) || PyList_Check(got))) {
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(got); ++i) {
      PyObject* item = PySequence_Fast_GET_ITEM(got, i);
      int64_t v;
      if (read_int(item, v) == IntKind::fits) continue;
      return bad_item(s, p, item, i + 1);
    }
  }
  // A method's arguments are counted without self, which cannot be told apart here: no position then.
  bool has_self = s.params[0].text == "self";
  if (!has_self && Py_ssize_t(at) < nargs) text += " (position " + std::to_string(at + 1) + ")";
  return text + " must be " + readable_types[int(p.type)] + ", not " + Py_TYPE(got)->tp_name;
}

}  // namespace

bool match(const Signature& s, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames, Value* values, Arena& arena,
           std::string* error) {
  size_t count = s.params.size();
  const Param* params = s.params.data();
  auto mismatch = [&](const Param& p, PyObject* got) {
    if (error != nullptr) *error = describe_mismatch(s, p, got, nargs);
    return false;
  };
  Py_ssize_t given = nargs;
  Py_ssize_t at = 0;
  if (s.varargs && nargs > 0) {
    Py_ssize_t lead = params[0].type == Param::Type::ints ? 0 : 1;
    // Two or more ints in a row, or one where the list would be, are the list's items.
    int64_t probe;
    bool spread = nargs > lead + 1 && !PyTuple_Check(args[lead]) && !PyList_Check(args[lead]) &&
                  args[lead] != Py_None && read_int(args[lead], probe) != IntKind::none;
    if (spread) {
      if (lead == 1 && !convert(params[0], args[0], values[0], arena)) return mismatch(params[0], args[0]);
      Dims* d = arena.new_dims();
      for (Py_ssize_t i = lead; i < nargs; ++i) {
        int64_t v;
        if (read_int(args[i], v) != IntKind::fits) {
          if (error != nullptr) *error = bad_item(s, params[lead], args[i], i - lead + 1);
          return false;
        }
        d->push_back(v);
      }
      values[lead].tag = Value::Tag::ints;
      values[lead].ints = d;
      at = lead + 1;
      given = at;
    } else if (nargs == lead && kwnames == nullptr && !params[lead].has_default) {
      // x.view() and zeros() name no size at all.
      if (error != nullptr)
        *error = s.name + "() missing 1 required positional arguments: \"" + params[lead].text + "\"";
      return false;
    }
  }
  if (s.tensor_varargs && nargs > 0 && is_tensor(args[0])) {
    std::vector<Tensor>& list = arena.cold().tensor_lists.emplace_back();
    for (Py_ssize_t i = 0; i < nargs; ++i) {
      if (!is_tensor(args[i])) return mismatch(params[0], args[i]);
      if (Py_TYPE(args[i]) != tensor_type) note_subclass(args[i], arena);
      list.push_back(unwrap(args[i]));
    }
    values[0].tag = Value::Tag::tensors;
    values[0].tensors = &list;
    at = given = 1;
  }
  if (given > s.positional) {
    if (error != nullptr) {
      *error = s.name + "() takes " + std::to_string(s.positional) +
               (s.positional == 1 ? " positional argument but " : " positional arguments but ") +
               std::to_string(nargs) + (nargs == 1 ? " was given" : " were given");
    }
    return false;
  }
  for (; at < given; ++at) {
    if (!convert(params[at], args[at], values[at], arena)) return mismatch(params[at], args[at]);
  }
  uint32_t set = (uint32_t(1) << given) - 1;
  if (kwnames != nullptr) {
    Py_ssize_t nk = PyTuple_GET_SIZE(kwnames);
    for (Py_ssize_t k = 0; k < nk; ++k) {
      PyObject* name = PyTuple_GET_ITEM(kwnames, k);
      int i = find_param(s, name);
      if (i < 0) {
        if (PyObject* other = alias_of(name)) i = find_param(s, other);
      }
      if (i < 0) {
        if (error != nullptr) *error = s.name + "() got an unexpected keyword argument '" + text_of(name) + "'";
        return false;
      }
      if (set & (uint32_t(1) << i)) {
        if (error != nullptr) *error = s.name + "() got multiple values for argument '" + params[i].text + "'";
        return false;
      }
      PyObject* o = args[nargs + k];
      if (!convert(params[i], o, values[i], arena)) return mismatch(params[i], o);
      set |= uint32_t(1) << i;
    }
  }
  for (size_t i = size_t(given); i < count; ++i) {
    if (set & (uint32_t(1) << i)) continue;
    const Param& p = params[i];
    if (!p.has_default) {
      if (error != nullptr) *error = s.name + "() missing 1 required positional arguments: \"" + p.text + "\"";
      return false;
    }
    values[i] = p.default_value;
    if (p.type == Param::Type::operand && p.default_value.tag == Value::Tag::scalar) {
      values[i].tag = Value::Tag::tensor;
      values[i].tensor = arena.keep(wrapped_number(*p.default_value.scalar));
    }
  }
  return true;
}

}  // namespace tl::python
