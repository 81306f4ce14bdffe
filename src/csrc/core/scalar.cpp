#include "core/scalar.h"

#include <cmath>
#include <limits>

#include "core/error.h"

namespace tl {

namespace {

const char* const type_names[dtype_count] = {"bool",
                                             "uint8_t",
                                             "int8_t",
                                             "int16_t",
                                             "int",
                                             "int64_t",
                                             "c10::Half",
                                             "c10::BFloat16",
                                             "float",
                                             "double",
                                             "c10::complex<float>",
                                             "c10::complex<double>"};

double largest(DType t) {
  switch (t) {
    case DType::Float16:
      return 65504.0;
    case DType::BFloat16:
      return 3.38953138925153547590470800371487866880e+38;
    case DType::Float32:
    case DType::Complex64:
      return double(std::numeric_limits<float>::max());
    default:
      return std::numeric_limits<double>::infinity();
  }
}
bool fits_float(double v, DType t) { return std::isnan(v) || std::isinf(v) || std::fabs(v) <= largest(t); }

template <class T>
bool fits_integer(const Scalar& s) {
  using Limits = std::numeric_limits<T>;
  if (s.kind() == Scalar::Kind::integer) {
    int64_t v = s.to_int();
    // Two's complement: -1 stands for 255.
    if (!Limits::is_signed && v < 0) return v >= -int64_t(Limits::max());
    return v >= int64_t(Limits::min()) && v <= int64_t(Limits::max());
  }
  double v = s.to_double();
  return v >= double(Limits::lowest()) && v <= double(Limits::max());
}

}  // namespace

void check_representable(const Scalar& s, DType t) {
  if (t == DType::Bool || s.kind() == Scalar::Kind::boolean) return;
  bool fits = true;
  if (s.is_complex()) {
    auto c = s.to<std::complex<double>>();
    fits = is_complex(t) ? fits_float(c.real(), t) && fits_float(c.imag(), t) : c.imag() == 0;
  }
  if (fits && is_integral(t)) {
    fits = dispatch_integral(t, [&](auto tag) { return fits_integer<typename decltype(tag)::type>(s); });
  } else if (fits && !s.is_complex()) {
    fits = fits_float(s.to_double(), t);
  }
  TL_CHECK(fits, "value cannot be converted to type ", type_names[int(t)], " without overflow");
}

}  // namespace tl
