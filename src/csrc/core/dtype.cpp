#include "core/dtype.h"

#include "core/error.h"

namespace tl {

namespace {

const char* const names[dtype_count] = {"bool",    "uint8",    "int8",    "int16",   "int32",     "int64",
                                        "float16", "bfloat16", "float32", "float64", "complex64", "complex128"};
const char* const legacy_names[dtype_count] = {"Bool", "Byte",     "Char",  "Short",  "Int",          "Long",
                                               "Half", "BFloat16", "Float", "Double", "ComplexFloat", "ComplexDouble"};

const char* const c_names[dtype_count] = {"bool",  "unsigned char", "signed char",         "short int",
                                          "int",   "long int",      "c10::Half",           "c10::BFloat16",
                                          "float", "double",        "c10::complex<float>", "c10::complex<double>"};

constexpr DType promote(DType a, DType b) {
  using enum DType;
  if (a == b) return a;
  if (a > b) {
    DType t = a;
    a = b;
    b = t;
  }
  if (is_complex(b)) {
    if (is_complex(a) || a == Float64) return a == Float64 ? Complex128 : b;
    return b;
  }
  if (is_floating(b)) {
    if (a == Float16 && b == BFloat16) return Float32;
    return b;
  }
  // a < b, both integral or bool; only uint8 with a signed type needs a look.
  if (a == UInt8 && b == Int8) return Int16;
  return b;
}

DType default_dtype_ = DType::Float32;

void drop_warning(const std::string&) {}

}  // namespace

void (*warning_handler)(const std::string&) = drop_warning;
void warn(const std::string& message) { warning_handler(message); }

const char* dtype_name(DType t) { return names[int(t)]; }
const char* dtype_c_name(DType t) { return c_names[int(t)]; }
const char* dtype_legacy_name(DType t) { return legacy_names[int(t)]; }

DType promote_types(DType a, DType b) { return promote(a, b); }

bool can_cast(DType from, DType to) {
  if (is_complex(from) && !is_complex(to)) return false;
  if (is_floating(from) && is_integral_or_bool(to)) return false;
  return !(from != DType::Bool && to == DType::Bool);
}

DType default_dtype() { return default_dtype_; }
void set_default_dtype(DType t) {
  TL_CHECK_TYPE(is_floating(t), "set_default_dtype: only floating-point types are supported as the default type, got ",
                dtype_name(t));
  default_dtype_ = t;
}

}  // namespace tl
