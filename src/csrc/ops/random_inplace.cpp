// Distributions written in place: uniform_, normal_, random_, bernoulli_ … and bernoulli, normal.
#include <cmath>

#include "autograd/record.h"
#include "kernels/random.h"
#include "ops/ops.h"
#include "ops/random.h"
#include "ops/registry.h"

namespace tl {

namespace {

// What was drawn does not depend on what stood there before.
Tensor written(const Tensor& self, const char* label) {
  self.bump_version();
  if (needs_grad(self)) {
    record_inplace(self, label, inputs(self), saves(), [](Backward& b) { b[0] = zeros_like(b.grad()); });
  }
  return self;
}

void not_implemented(const char* kernel, DType dtype) {
  fail(ErrorKind::not_implemented, "\"", kernel, "\" not implemented for '", dtype_legacy_name(dtype), "'");
}

double highest(DType dtype) {
  switch (to_real(dtype)) {
    case DType::Float16:
      return 65504;
    case DType::BFloat16:
      return 3.3895313892515355e38;
    case DType::Float32:
      return 3.4028234663852886e38;
    default:
      return 1.7976931348623157e308;
  }
}
const char* c_name(DType dtype) {
  switch (to_real(dtype)) {
    case DType::Float16:
      return "c10::Half";
    case DType::BFloat16:
      return "c10::BFloat16";
    case DType::Float32:
      return "float";
    default:
      return "double";
  }
}

Tensor uniform_(const Tensor& self, double from, double to, Generator* g) {
  check_inplace(self, "uniform_");
  DType dtype = self.dtype();
  if (!is_differentiable(dtype)) not_implemented("check_uniform_bounds", dtype);
  const double most = highest(dtype);
  TL_CHECK(from >= -most && from <= most, "from is out of bounds for ", c_name(dtype));
  TL_CHECK(to >= -most && to <= most, "to is out of bounds for ", c_name(dtype));
  TL_CHECK(from <= to, "uniform_ expects to return a [from, to) range, but found from=", from, " > to=", to);
  TL_CHECK(to - from <= most, "uniform_ expects to-from <= std::numeric_limits<", dtype_legacy_name(to_real(dtype)),
           ">::max(), but found to=", to, " and from=", from, " which result in to-from to exceed the limit");
  fill_uniform(self, from, to, g);
  return written(self, "UniformBackward0");
}

Tensor normal_(const Tensor& self, double mean, double std, Generator* g) {
  check_inplace(self, "normal_");
  TL_CHECK(std >= 0, "normal expects std >= 0.0, but found std ", std);
  if (!is_differentiable(self.dtype()) && self.numel() != 0) not_implemented("normal_kernel_cpu", self.dtype());
  if (self.numel() != 0) fill_normal(self, mean, std, g);
  return written(self, "NormalBackward0");
}

Tensor bernoulli_number_(const Tensor& self, double p, Generator* g) {
  check_inplace(self, "bernoulli_");
  TL_CHECK(p >= 0 && p <= 1, "bernoulli_ expects p to be in [0, 1], but got p=", p);
  if (is_complex(self.dtype())) not_implemented("bernoulli_scalar_cpu_", self.dtype());
  fill_bernoulli(self, p, g);
  return written(self, "BernoulliBackward1");
}

constexpr uint32_t inplace = op::method | op::writes_self;
const OpRecord records[] = {
    {"uniform_(Tensor self, float from=0, float to=1, *, Generator? generator=None) -> Tensor", TL_OP(uniform_), inplace,
     "Fills `self` with uniform values in [from, to).", "rand(3, 4) | rand(2, 0) | rand(4, 3).t(), -1, 2"},
    {"normal_(Tensor self, float mean=0, float std=1, *, Generator? generator=None) -> Tensor", TL_OP(normal_), inplace,
     "Fills `self` with normal values.", "rand(3, 4) | rand(2, 0) | rand(5, 4), 1, 2 | rand(4, 3).t()"},
    {"bernoulli_(Tensor self, float p=0.5, *, Generator? generator=None) -> Tensor", TL_OP(bernoulli_number_), inplace,
     "Fills `self` with ones of probability `p` and zeros.", "rand(3, 4) | rand(2, 0), 0.3"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
