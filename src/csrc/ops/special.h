// Special functions: loops over a double precision function, and the ops made of one.
#pragma once

#include "autograd/record.h"
#include "ops/pointwise.h"
#include "ops/registry.h"

namespace tl {

template <class T, double (*f)(double)>
void special_unary_loop(int64_t n, void* const* data) {
  T* out = static_cast<T*>(data[0]);
  const T* in = static_cast<const T*>(data[1]);
  for (int64_t i = 0; i < n; ++i) out[i] = T(f(double(in[i])));
}
template <class T, double (*f)(double, double)>
void special_binary_loop(int64_t n, void* const* data) {
  T* out = static_cast<T*>(data[0]);
  const T *a = static_cast<const T*>(data[1]), *b = static_cast<const T*>(data[2]);
  for (int64_t i = 0; i < n; ++i) out[i] = T(f(double(a[i]), double(b[i])));
}

// Integers are computed in the default float.
template <double (*f)(double)>
Tensor special_unary(const char* name, const Tensor& self) {
  const DType t = floating_result(self.dtype());
  if (is_complex(t)) not_implemented(name, t);
  kernels::Loop loop = t == DType::Float64 ? &special_unary_loop<double, f> : &special_unary_loop<float, f>;
  return pointwise({name, loop, t, t, Cost::heavy}, {self});
}
template <double (*f)(double, double)>
Tensor special_binary(const char* name, const Tensor& a, const Tensor& b) {
  const DType t = floating_result(result_type({a, b}));
  if (is_complex(t)) not_implemented(name, t, {a, b});
  kernels::Loop loop = t == DType::Float64 ? &special_binary_loop<double, f> : &special_binary_loop<float, f>;
  return pointwise({name, loop, t, t, Cost::heavy}, {a, b});
}

// An op of one operand; its derivative is an expression of g, x and y, the result.
#define TL_SPECIAL(name, text, f, label, derivative)                                              \
  Tensor name(const Tensor& self) {                                                               \
    Tensor out = special_unary<f>(text, self);                                                    \
    if (needs_grad(self)) {                                                                       \
      record(out, label ":result,self", inputs(self), saves(self, output(out)), [](Backward& b) { \
        const Tensor& g = b.grad();                                                               \
        [[maybe_unused]] Tensor x = b.saved(0);                                                   \
        [[maybe_unused]] Tensor y = b.saved(1);                                                   \
        b[0] = derivative;                                                                        \
      });                                                                                         \
    }                                                                                             \
    return out;                                                                                   \
  }

// 0 where the mask holds.
inline Tensor zero_at(const Tensor& t, const Tensor& mask) { return masked_fill(t, mask, wrapped_number(0)); }

}  // namespace tl
