// Element types, their names, and PyTorch's promotion rules.
#pragma once

#include <complex>
#include <cstddef>
#include <cstdint>

#include "core/half.h"

namespace tl {

enum class DType : uint8_t {
  Bool,
  UInt8,
  Int8,
  Int16,
  Int32,
  Int64,
  Float16,
  BFloat16,
  Float32,
  Float64,
  Complex64,
  Complex128,
};
inline constexpr int dtype_count = 12;

inline constexpr uint8_t dtype_sizes[dtype_count] = {1, 1, 1, 2, 4, 8, 2, 2, 4, 8, 8, 16};
constexpr size_t item_size(DType t) { return dtype_sizes[int(t)]; }
constexpr bool is_floating(DType t) { return t >= DType::Float16 && t <= DType::Float64; }
constexpr bool is_complex(DType t) { return t >= DType::Complex64; }
constexpr bool is_integral(DType t) { return t >= DType::UInt8 && t <= DType::Int64; }
constexpr bool is_integral_or_bool(DType t) { return t <= DType::Int64; }
constexpr bool is_differentiable(DType t) { return t >= DType::Float16; }
constexpr bool is_reduced_floating(DType t) { return t == DType::Float16 || t == DType::BFloat16; }

const char* dtype_name(DType t);         // "float32"
const char* dtype_c_name(DType t);       // "float", "long int", "c10::Half": as in messages about mixed dtypes
const char* dtype_legacy_name(DType t);  // "Float", as in error messages and type names
DType promote_types(DType a, DType b);
bool can_cast(DType from, DType to);
constexpr DType to_real(DType t) {
  return t == DType::Complex64 ? DType::Float32 : t == DType::Complex128 ? DType::Float64 : t;
}
constexpr DType to_complex(DType t) {
  return t == DType::Float64 ? DType::Complex128 : (is_complex(t) ? t : DType::Complex64);
}

DType default_dtype();
void set_default_dtype(DType t);

template <class T>
struct TypeTag {
  using type = T;
};

template <class T>
struct DTypeOf;
#define TL_DTYPE_OF(T, D)                    \
  template <>                                \
  struct DTypeOf<T> {                        \
    static constexpr DType value = DType::D; \
  }
TL_DTYPE_OF(bool, Bool);
TL_DTYPE_OF(uint8_t, UInt8);
TL_DTYPE_OF(int8_t, Int8);
TL_DTYPE_OF(int16_t, Int16);
TL_DTYPE_OF(int32_t, Int32);
TL_DTYPE_OF(int64_t, Int64);
TL_DTYPE_OF(Half, Float16);
TL_DTYPE_OF(BFloat16, BFloat16);
TL_DTYPE_OF(float, Float32);
TL_DTYPE_OF(double, Float64);
TL_DTYPE_OF(std::complex<float>, Complex64);
TL_DTYPE_OF(std::complex<double>, Complex128);
#undef TL_DTYPE_OF

// Calls f(TypeTag<T>{}) with the storage type of `t`. The _xxx forms cover fewer types; callers
// check the dtype first.
#define TL_CASE(D, T) \
  case DType::D:      \
    return f(TypeTag<T>{});
template <class F>
decltype(auto) dispatch_integral(DType t, F&& f) {
  switch (t) {
    TL_CASE(UInt8, uint8_t)
    TL_CASE(Int8, int8_t)
    TL_CASE(Int16, int16_t)
    TL_CASE(Int32, int32_t)
    default:
      return f(TypeTag<int64_t>{});
  }
}
template <class F>
decltype(auto) dispatch_all(DType t, F&& f) {
  switch (t) {
    TL_CASE(Bool, bool)
    TL_CASE(UInt8, uint8_t)
    TL_CASE(Int8, int8_t)
    TL_CASE(Int16, int16_t)
    TL_CASE(Int32, int32_t)
    TL_CASE(Int64, int64_t)
    TL_CASE(Float16, Half)
    TL_CASE(BFloat16, BFloat16)
    TL_CASE(Float32, float)
    TL_CASE(Float64, double)
    TL_CASE(Complex64, std::complex<float>)
    default:
      return f(TypeTag<std::complex<double>>{});
  }
}
#undef TL_CASE
// By size alone, for moves that do not look at values: 1, 2, 4, 8 or 16 bytes.
struct Bytes16 {
  uint64_t words[2];
};
template <class F>
decltype(auto) dispatch_by_size(size_t size, F&& f) {
  switch (size) {
    case 1:
      return f(TypeTag<uint8_t>{});
    case 2:
      return f(TypeTag<uint16_t>{});
    case 4:
      return f(TypeTag<uint32_t>{});
    case 8:
      return f(TypeTag<uint64_t>{});
    default:
      return f(TypeTag<Bytes16>{});
  }
}

// Value conversion between any two storage types, with PyTorch's rules (C casts; complex to real
// drops the imaginary part; anything to bool is `!= 0`).
template <class To, class From>
TL_INLINE To convert(From v) {
  if constexpr (std::is_same_v<From, Half>) {
    return convert<To>(half_to_float(v.bits));
  } else if constexpr (std::is_same_v<From, BFloat16>) {
    return convert<To>(bfloat16_to_float(v.bits));
  } else if constexpr (std::is_same_v<To, Half>) {
    return Half{float_to_half(convert<float>(v))};
  } else if constexpr (std::is_same_v<To, BFloat16>) {
    return BFloat16{float_to_bfloat16(convert<float>(v))};
  } else if constexpr (std::is_same_v<To, std::complex<float>> || std::is_same_v<To, std::complex<double>>) {
    using R = typename To::value_type;
    if constexpr (std::is_arithmetic_v<From>) {
      return To(static_cast<R>(v), R(0));
    } else {
      return To(static_cast<R>(v.real()), static_cast<R>(v.imag()));
    }
  } else if constexpr (!std::is_arithmetic_v<From>) {
    if constexpr (std::is_same_v<To, bool>) {
      return v.real() != 0 || v.imag() != 0;
    } else {
      return convert<To>(v.real());
    }
  } else if constexpr (std::is_same_v<To, bool>) {
    return v != From(0);
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To> && sizeof(To) < 4) {
    // Through int32, so that out-of-range values wrap as they do in PyTorch on x86.
    return static_cast<To>(convert<int32_t>(v));
  } else if constexpr (std::is_floating_point_v<From> && std::is_same_v<To, int32_t>) {
    return (v >= From(-2147483648.0) && v < From(2147483648.0)) ? static_cast<int32_t>(v) : INT32_MIN;
  } else if constexpr (std::is_floating_point_v<From> && std::is_same_v<To, int64_t>) {
    return (v >= From(-9223372036854775808.0) && v < From(9223372036854775808.0)) ? static_cast<int64_t>(v) : INT64_MIN;
  } else {
    return static_cast<To>(v);
  }
}

}  // namespace tl
