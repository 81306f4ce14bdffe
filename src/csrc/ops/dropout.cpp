// Dropout in its forms: elements or whole features, set to zero or to SELU's lower limit.
#include "ops/dropout.h"

#include <cmath>

#include "autograd/record.h"
#include "ops/ops.h"
#include "ops/random.h"
#include "ops/registry.h"

namespace tl {

namespace {

void check_probability(double p) {
  TL_CHECK(p >= 0 && p <= 1, "dropout probability has to be between 0 and 1, but got ", p);
}
bool does_nothing(const Tensor& self, double p, bool train) { return p == 0 || !train || self.numel() == 0; }

// One value an element, or one a feature: dims after the second share it.
Tensor empty_noise(const Tensor& self, bool features) {
  if (!features) return empty_like(self);
  TL_CHECK(self.dim() >= 2, "Feature dropout requires at least 2 dimensions in the input");
  Dims sizes(size_t(self.dim()), 1);
  sizes[0] = self.sizes()[0];
  sizes[1] = self.sizes()[1];
  return empty(sizes, self.dtype());
}
void check_dtype(const Tensor& self) {
  TL_CHECK(is_differentiable(self.dtype()), "result type Float can't be cast to the desired output type ",
           dtype_legacy_name(self.dtype()));
  TL_CHECK_NOTIMPL(!is_complex(self.dtype()), "\"bernoulli_scalar_cpu_\" not implemented for '",
                   dtype_legacy_name(self.dtype()), "'");
}
Tensor zero_of(const Tensor& self) { return scalar_tensor(0.0, self.dtype()); }

// What survives is divided by the probability of surviving.
Tensor noise_for(const Tensor& self, double p, bool features) {
  Tensor noise = empty_noise(self, features);
  check_dtype(self);
  double keep = 1 - p;
  // In the precision that the division of a tensor by a number has.
  double scale = self.dtype() == DType::Float64 ? 1 / keep : double(1 / float(keep));
  fill_bernoulli(noise, keep, 0, bits_of(scale, self.dtype()), nullptr);
  return noise;
}

Tensor drop(const Tensor& self, double p, bool train, bool features) {
  check_probability(p);
  if (does_nothing(self, p, train)) return self;
  if (p == 1) return mul(self, zero_of(self));
  return mul(self, noise_for(self, p, features));
}
Tensor drop_(const Tensor& self, double p, bool train, bool features, const char* name) {
  check_probability(p);
  if (does_nothing(self, p, train)) return self;
  check_inplace(self, name);
  return mul_(self, p == 1 ? zero_of(self) : noise_for(self, p, features));
}

// Keeps mean and variance of what SELU gives. Klambauer et al., 2017.
struct AlphaNoise {
  Tensor scale, shift;
};
AlphaNoise alpha_noise_for(const Tensor& self, double p, bool features) {
  constexpr double alpha = 1.7580993408473766;
  Tensor scale = empty_noise(self, features);
  check_dtype(self);
  const double a = 1 / std::sqrt((alpha * alpha * p + 1) * (1 - p));
  const uint64_t one = bits_of(1, self.dtype());
  fill_bernoulli(scale, 1 - p, 0, one, nullptr);
  Tensor shift = empty_like(scale);
  dispatch_all(self.dtype(), [&]<class T>(TypeTag<T>) {
    if constexpr (!is_complex(DTypeOf<T>::value)) {
      using C = std::conditional_t<std::is_same_v<T, double>, double, float>;
      // Each step is rounded as a tensor of this type would be.
      const T kept = convert<T>(C(alpha * a * p));
      const T dropped = convert<T>(convert<C>(convert<T>(C(-(alpha * a)))) + C(alpha * a * p));
      const T factor = convert<T>(C(a)), none = convert<T>(0);
      T* x = scale.data<T>();
      T* y = shift.data<T>();
      for (int64_t i = 0; i < scale.numel(); ++i) {
        bool keeps = convert<float>(x[i]) != 0;
        x[i] = keeps ? factor : none;
        y[i] = keeps ? kept : dropped;
      }
    }
  });
  return {scale, shift};
}

Tensor alpha_drop(const Tensor& self, double p, bool train, bool features) {
  check_probability(p);
  if (does_nothing(self, p, train)) return self;
  if (p == 1) return mul(self, zero_of(self));
  AlphaNoise noise = alpha_noise_for(self, p, features);
  return add(mul(self, noise.scale), noise.shift);
}
Tensor alpha_drop_(const Tensor& self, double p, bool train, bool features, const char* name) {
  check_probability(p);
  if (does_nothing(self, p, train)) return self;
  check_inplace(self, name);
  if (p == 1) return mul_(self, zero_of(self));
  AlphaNoise noise = alpha_noise_for(self, p, features);
  return add_(mul_(self, noise.scale), noise.shift);
}

}  // namespace

Tensor dropout(const Tensor& self, double p, bool train) { return drop(self, p, train, false); }

namespace {

Tensor dropout_(const Tensor& self, double p, bool train) { return drop_(self, p, train, false, "dropout_"); }
Tensor feature_dropout(const Tensor& self, double p, bool train) { return drop(self, p, train, true); }
Tensor feature_dropout_(const Tensor& self, double p, bool train) {
  return drop_(self, p, train, true, "feature_dropout_");
}
Tensor alpha_dropout(const Tensor& self, double p, bool train) { return alpha_drop(self, p, train, false); }
Tensor alpha_dropout_(const Tensor& self, double p, bool train) {
  return alpha_drop_(self, p, train, false, "alpha_dropout_");
}
Tensor feature_alpha_dropout(const Tensor& self, double p, bool train) { return alpha_drop(self, p, train, true); }
Tensor feature_alpha_dropout_(const Tensor& self, double p, bool train) {
  return alpha_drop_(self, p, train, true, "feature_alpha_dropout_");
}

// The form that gives the mask too.
std::vector<Tensor> native_dropout(const Tensor& self, double p, std::optional<bool> train) {
  const bool trains = train.value_or(true);
  Tensor mask = empty_like(self, DType::Bool);
  Tensor out;
  const double scale = !trains ? 1 : p == 1 ? 0 : 1 / (1 - p);
  {
    NoGradGuard no_grad;
    if (!trains || self.numel() == 0) {
      fill_(mask, 1);
      out = clone(self);
    } else {
      TL_CHECK(1 - p >= 0 && 1 - p <= 1, "bernoulli_ expects p to be in [0, 1], but got p=", 1 - p);
      TL_CHECK(is_differentiable(self.dtype()), "result type Float can't be cast to the desired output type ",
               dtype_legacy_name(self.dtype()));
      fill_bernoulli(mask, 1 - p, nullptr);
      out = mul_(mul(self, mask), wrapped_number(scale));
    }
  }
  if (needs_grad(self)) {
    const Tensor outs[] = {out, mask};
    record_outputs(outs, "NativeDropoutBackward0:result1", inputs(self), saves(output(mask, 1)),
                   [scale](Backward& b) { b[0] = mul(mul(b.grad(), b.saved(0)), wrapped_number(scale)); });
  }
  return {out, mask};
}

constexpr uint32_t inplace = op::function | op::writes_self;
#define TL_DROPOUT(name) #name "(Tensor self, float p, bool train) -> Tensor", TL_OP(name)
const OpRecord records[] = {
    {TL_DROPOUT(dropout), op::function,
     "Sets elements to zero with probability `p` where `train`, and divides the others by 1 - p. Srivastava et al., "
     "2014.",
     "randn(3, 4), 0.3, True | randn(3, 4).t(), 0.5, True | randn(3), 0.5, False | randn(2, 0), 0.5, True | randn(3), "
     "1, True"},
    {TL_DROPOUT(dropout_), inplace, "In-place version of dropout.", "rand(3, 4), 0.3, True | rand(2, 0), 0.5, True"},
    {TL_DROPOUT(feature_dropout), op::function,
     "Dropout of whole features: all elements with the same first two indices.",
     "randn(3, 4, 2), 0.3, True | randn(3, 4), 0.5, True | randn(2, 0), 0.5, True"},
    {TL_DROPOUT(feature_dropout_), inplace, "In-place version of feature_dropout.", "rand(3, 4, 2), 0.3, True"},
    {TL_DROPOUT(alpha_dropout), op::function,
     "Dropout to the lower limit of SELU, which keeps mean and variance. Klambauer et al., 2017.",
     "randn(3, 4), 0.3, True | randn(3, 4).t(), 0.5, True | randn(2, 0), 0.5, True"},
    {TL_DROPOUT(alpha_dropout_), inplace, "In-place version of alpha_dropout.", "rand(3, 4), 0.3, True"},
    {TL_DROPOUT(feature_alpha_dropout), op::function, "alpha_dropout of whole features.",
     "randn(3, 4, 2), 0.3, True | randn(2, 0), 0.5, True"},
    {TL_DROPOUT(feature_alpha_dropout_), inplace, "In-place version of feature_alpha_dropout.",
     "rand(3, 4, 2), 0.3, True"},
    {"native_dropout(Tensor self, float p, bool? train) -> (Tensor, Tensor)", TL_OP(native_dropout), op::function,
     "Dropout that gives its result and the mask of what was kept.", "randn(3, 4), 0.3, True | randn(3), 0.3, False"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
