#include "kernels/optim.h"

#include <cmath>

#include "kernels/optim_math.h"

namespace tl::kernels {

namespace {

enum class Momentum { none, first, next };

template <class T, Momentum M, bool Nesterov>
void sgd_loop(const SgdArgs& a, int64_t begin, int64_t end) {
  T* TL_RESTRICT param = static_cast<T*>(a.param);
  const T* TL_RESTRICT grad = static_cast<const T*>(a.grad);
  T* TL_RESTRICT buffer = static_cast<T*>(a.momentum_buffer);
  const T lr = T(a.lr), mu = T(a.momentum), keep = T(1 - a.dampening), decay = T(a.weight_decay);
  const T sign = a.maximize ? T(-1) : T(1);
  const bool decays = a.weight_decay != 0;
  for (int64_t i = begin; i < end; ++i) {
    T p = param[i];
    T g = sign * grad[i];
    if (decays) g = fused(decay, p, g);
    if constexpr (M != Momentum::none) {
      T b = g;
      if constexpr (M == Momentum::next) b = fused(keep, g, mu * buffer[i]);
      buffer[i] = b;
      g = Nesterov ? fused(mu, b, g) : b;
    }
    param[i] = fused(-lr, g, p);
  }
}

template <class T>
void sgd_of(const SgdArgs& a, int64_t begin, int64_t end) {
  if (a.momentum_buffer == nullptr) return sgd_loop<T, Momentum::none, false>(a, begin, end);
  if (a.first) {
    return a.nesterov ? sgd_loop<T, Momentum::first, true>(a, begin, end)
                      : sgd_loop<T, Momentum::first, false>(a, begin, end);
  }
  a.nesterov ? sgd_loop<T, Momentum::next, true>(a, begin, end) : sgd_loop<T, Momentum::next, false>(a, begin, end);
}

template <class T, bool Amsgrad>
void adam_loop(const AdamArgs& a, int64_t begin, int64_t end) {
  T* TL_RESTRICT param = static_cast<T*>(a.param);
  const T* TL_RESTRICT grad = static_cast<const T*>(a.grad);
  T* TL_RESTRICT avg = static_cast<T*>(a.exp_avg);
  T* TL_RESTRICT avg_sq = static_cast<T*>(a.exp_avg_sq);
  T* TL_RESTRICT max_sq = static_cast<T*>(a.max_exp_avg_sq);
  const T step_size = T(a.step_size), correction = T(a.correction), eps = T(a.eps);
  const T w1 = T(1 - a.beta1), rest = T(1) - w1, beta2 = T(a.beta2), w2 = T(1 - a.beta2);
  const T l2 = T(a.weight_decay), decay = T(a.decay);
  const T sign = a.maximize ? T(-1) : T(1);
  const bool decays = a.weight_decay != 0, near = w1 < T(0.5);
  for (int64_t i = begin; i < end; ++i) {
    T p = product(param[i], decay);
    T g = sign * grad[i];
    if (decays) g = fused(l2, p, g);
    T m = lerp_from(avg[i], g, w1, rest, near);
    avg[i] = m;
    T v = fused(w2 * g, g, beta2 * avg_sq[i]);
    avg_sq[i] = v;
    if constexpr (Amsgrad) {
      T top = max_sq[i];
      v = v > top || v != v ? v : top;
      max_sq[i] = v;
    }
    T denom = std::sqrt(v) / correction + eps;
    param[i] = p + (-step_size * m) / denom;
  }
}

template <class T>
void adam_of(const AdamArgs& a, int64_t begin, int64_t end) {
  a.max_exp_avg_sq != nullptr ? adam_loop<T, true>(a, begin, end) : adam_loop<T, false>(a, begin, end);
}

using Blocks = float (&)[optim_memories][optim_block];
template <class T>
void sgd_narrow(const SgdArgs& a, int64_t begin, int64_t end) {
  in_blocks<T>({a.param, a.grad, a.momentum_buffer, nullptr, nullptr}, begin, end, [&](Blocks wide, int64_t n) {
    SgdArgs b = a;
    b.param = wide[0];
    b.grad = wide[1];
    if (a.momentum_buffer != nullptr) b.momentum_buffer = wide[2];
    sgd_of<float>(b, 0, n);
  });
}
template <class T>
void adam_narrow(const AdamArgs& a, int64_t begin, int64_t end) {
  in_blocks<T>({a.param, a.grad, a.exp_avg, a.exp_avg_sq, a.max_exp_avg_sq}, begin, end, [&](Blocks wide, int64_t n) {
    AdamArgs b = a;
    b.param = wide[0];
    b.grad = wide[1];
    b.exp_avg = wide[2];
    b.exp_avg_sq = wide[3];
    if (a.max_exp_avg_sq != nullptr) b.max_exp_avg_sq = wide[4];
    adam_of<float>(b, 0, n);
  });
}

// How a stored type is computed with.
template <class T>
struct ComputeOf {
  using type = float;
};
template <>
struct ComputeOf<double> {
  using type = double;
};
template <class T>
using compute_t = typename ComputeOf<T>::type;

template <class T>
TL_ALWAYS_INLINE compute_t<T> load_as(const T* p) {
  return convert<compute_t<T>>(*p);
}

template <class T>
void scale_of(void* x, double factor, int64_t begin, int64_t end) {
  using C = compute_t<T>;
  T* p = static_cast<T*>(x);
  const C f = C(factor);
  for (int64_t i = begin; i < end; ++i) p[i] = convert<T>(load_as(p + i) * f);
}

// Lanes of partial sums, combined in a fixed order: vectorised without reassociation by the
// compiler.
constexpr int lanes = 16;

template <class T, class F>
double sum_of(const T* p, int64_t begin, int64_t end, F f) {
  double partial[lanes] = {};
  int64_t i = begin;
  for (; i + lanes <= end; i += lanes) {
    for (int k = 0; k < lanes; ++k) partial[k] += f(double(load_as(p + i + k)));
  }
  for (int k = 0; i < end; ++i, ++k) partial[k] += f(double(load_as(p + i)));
  double total = 0;
  for (double s : partial) total += s;
  return total;
}

template <class T>
double power_sum_of(PowerSum kind, const void* x, double exponent, int64_t begin, int64_t end) {
  const T* p = static_cast<const T*>(x);
  switch (kind) {
    case PowerSum::count:
      return sum_of(p, begin, end, [](double v) { return double(v != 0); });
    case PowerSum::absolute:
      return sum_of(p, begin, end, [](double v) { return std::fabs(v); });
    case PowerSum::square:
      return sum_of(p, begin, end, [](double v) { return v * v; });
    case PowerSum::power:
      return sum_of(p, begin, end, [=](double v) { return std::pow(std::fabs(v), exponent); });
    default:
      break;
  }
  const bool largest = kind == PowerSum::largest;
  double best = largest ? 0 : INFINITY;
  for (int64_t i = begin; i < end; ++i) {
    double v = std::fabs(double(load_as(p + i)));
    if (v != v) return v;
    best = (largest ? v > best : v < best) ? v : best;
  }
  return best;
}

#define TL_REALS(dtype, call) \
  switch (dtype) {            \
    case DType::Float16: {    \
      using T = Half;         \
      return call;            \
    }                         \
    case DType::BFloat16: {   \
      using T = BFloat16;     \
      return call;            \
    }                         \
    case DType::Float64: {    \
      using T = double;       \
      return call;            \
    }                         \
    default: {                \
      using T = float;        \
      return call;            \
    }                         \
  }

#define TL_STEP(name)                                \
  switch (dtype) {                                   \
    case DType::Float16:                             \
      return name##_narrow<Half>(a, begin, end);     \
    case DType::BFloat16:                            \
      return name##_narrow<BFloat16>(a, begin, end); \
    case DType::Float64:                             \
      return name##_of<double>(a, begin, end);       \
    default:                                         \
      return name##_of<float>(a, begin, end);        \
  }
void sgd_impl(DType dtype, const SgdArgs& a, int64_t begin, int64_t end) { TL_STEP(sgd) }
void adam_impl(DType dtype, const AdamArgs& a, int64_t begin, int64_t end) { TL_STEP(adam) }
void scale_impl(DType dtype, void* x, double factor, int64_t begin, int64_t end) {
  TL_REALS(dtype, (scale_of<T>(x, factor, begin, end)))
}
double power_sum_impl(DType dtype, PowerSum kind, const void* x, double p, int64_t begin, int64_t end) {
  TL_REALS(dtype, (power_sum_of<T>(kind, x, p, begin, end)))
}

}  // namespace

TL_KERNEL(sgd_step, &sgd_impl);
TL_KERNEL(adam_step, &adam_impl);
TL_KERNEL(scale_reals, &scale_impl);
TL_KERNEL(power_sum, &power_sum_impl);

}  // namespace tl::kernels
