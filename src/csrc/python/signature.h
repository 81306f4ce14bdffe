// Op signatures, parsed once at import, and the matching of Python arguments against them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ops/registry.h"
#include "python/object.h"

namespace tl::python {

struct Param {
  enum class Type : uint8_t {
    tensor,
    operand,
    tensors,
    scalar,
    integer,
    ints,
    real,
    reals,
    boolean,
    string,
    dtype,
    device,
    generator,
    layout,
    memory_format,
    scalars,
    any
  };
  PyObject* name;  // interned
  std::string text;
  Type type;
  bool optional = false;  // None is accepted
  bool has_default = false;
  bool keyword_only = false;
  bool one_argument = false;  // a list that does not take *args, written with a size: int[1]
  Value default_value;
  // Storage behind default_value where it is not a plain value.
  Dims default_ints;
  std::string default_string;
  Scalar default_scalar;
};

struct Signature {
  const OpRecord* record;
  std::string name;
  std::vector<Param> params;
  int positional = 0;           // how many may be given by position
  bool varargs = false;         // a leading int[] (after self) also takes *args
  bool tensor_varargs = false;  // `Tensor[] *tensors`: also f(a, b, c)
  int out = -1;                 // index of the out parameter that the record itself takes
  // Of a factory (op::creates): where its dtype is, and the parameters that every factory takes after
  // its own and its record does not see.
  int dtype = -1, layout = -1, device = -1, pin_memory = -1, requires_grad = -1;
  std::vector<std::string> fields;  // of the namedtuple it returns
  PyTypeObject* result_type = nullptr;
};

std::unique_ptr<Signature> parse_signature(const OpRecord& record);

// What parsed arguments point to, for the length of a call.
class Arena {
 public:
  Arena() {}
  Arena(const Arena&) = delete;
  ~Arena() {
    for (int i = 0; i < tensor_count_; ++i) tensors_[i].~Tensor();
    for (int i = 0; i < dims_count_; ++i) dims_[i].~Dims();
  }
  struct Cold {
    std::vector<std::vector<Tensor>> tensor_lists;
    std::vector<std::vector<double>> double_lists;
    std::vector<std::unique_ptr<std::string>> strings;
    std::vector<std::unique_ptr<Tensor>> more_tensors;
    std::vector<std::unique_ptr<Scalar>> more_scalars;
    std::vector<std::unique_ptr<Dims>> more_dims;
  };
  Cold& cold() {
    if (!cold_) {
      cold_ = std::make_unique<Cold>();
      cold_->tensor_lists.reserve(8);
      cold_->double_lists.reserve(8);
    }
    return *cold_;
  }
  const Tensor* keep(Tensor t);
  const Scalar* keep(Scalar s);
  Dims* new_dims();
  // Set where a tensor argument is of a subclass that may override __torch_function__.
  PyObject* overriding = nullptr;

 private:
  static constexpr int most = 4;
  int tensor_count_ = 0;
  int scalar_count_ = 0;
  int dims_count_ = 0;
  std::unique_ptr<Cold> cold_;
  // Constructed as they are used: most calls use one or none.
  union {
    Tensor tensors_[most];
  };
  union {
    Scalar scalars_[most];
  };
  union {
    Dims dims_[most];
  };
};

inline constexpr int max_params = 24;

// Fills `values`; on a mismatch returns false with a description in `error` (if not null), and the
// Python error indicator clear unless an argument itself raised.
bool match(const Signature& s, PyObject* const* args, Py_ssize_t nargs, PyObject* kwnames, Value* values, Arena& arena,
           std::string* error);

// A tensor or Python number as an operand; false where it is neither.
bool as_operand(PyObject* o, Arena& arena, Value& value);
// A Python or NumPy number, or a 0-d tensor; false where it is none.
bool as_scalar(PyObject* o, Scalar& value);
// An integer by __index__ (no bools, no floats); false where it is none.
bool as_int(PyObject* o, int64_t& value);
// A tuple or list of ints; false where it is none.
bool as_ints(PyObject* o, Dims& value);

}  // namespace tl::python
