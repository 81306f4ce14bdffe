// A Python number: bool, int, float or complex, kept in its own kind until it meets a dtype.
#pragma once

#include <complex>

#include "core/dtype.h"

namespace tl {

class Scalar {
 public:
  enum class Kind : uint8_t { boolean, integer, real, complex };
  Scalar() : Scalar(int64_t(0)) {}
  Scalar(bool v) : kind_(Kind::boolean), i_(v), im_(0) {}
  Scalar(int v) : Scalar(int64_t(v)) {}
  Scalar(int64_t v) : kind_(Kind::integer), i_(v), im_(0) {}
  Scalar(double v) : kind_(Kind::real), d_(v), im_(0) {}
  Scalar(std::complex<double> v) : kind_(Kind::complex), d_(v.real()), im_(v.imag()) {}

  Kind kind() const { return kind_; }
  bool is_integral_or_bool() const { return kind_ <= Kind::integer; }
  bool is_complex() const { return kind_ == Kind::complex; }
  // The dtype that a 0-d tensor made of it has; the default float for reals.
  DType dtype() const {
    switch (kind_) {
      case Kind::boolean:
        return DType::Bool;
      case Kind::integer:
        return DType::Int64;
      case Kind::real:
        return default_dtype();
      default:
        return tl::to_complex(default_dtype());
    }
  }
  template <class T>
  T to() const {
    if (kind_ <= Kind::integer) return convert<T>(i_);
    if (kind_ == Kind::real) return convert<T>(d_);
    return convert<T>(std::complex<double>(d_, im_));
  }
  double to_double() const { return to<double>(); }
  int64_t to_int() const { return to<int64_t>(); }
  bool equals(double v) const { return im_ == 0 && to_double() == v; }
  Scalar operator-() const {
    if (kind_ <= Kind::integer) return Scalar(int64_t(0 - uint64_t(i_)));
    if (kind_ == Kind::real) return Scalar(-d_);
    return Scalar(std::complex<double>(-d_, -im_));
  }

 private:
  Kind kind_;
  union {
    int64_t i_;
    double d_;
  };
  double im_;
};

// RuntimeError where `dtype` cannot hold the value: too large, NaN for an integer, an imaginary part
// for a real. Negative numbers may wrap into uint8.
void check_representable(const Scalar& value, DType dtype);

}  // namespace tl
