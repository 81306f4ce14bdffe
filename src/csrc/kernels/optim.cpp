#include "kernels/optim.h"

#include <cmath>

#include "kernels/optim_math.h"

namespace tl::kernels {

namespace {

enum class Momentum { none, first, next };

template <class T, Momentum M, bool Nesterov>
void sgd_loop(const SgdArgs& a, int64_t begin, int64_t end) {
  using C = compute_t<T>;
  T* TL_RESTRICT param = static_cast<T*>(a.param);
  const T* TL_RESTRICT grad = static_cast<const T*>(a.grad);
  T* TL_RESTRICT buffer = static_cast<T*>(a.momentum_buffer);
  const C lr = C(a.lr), mu = C(a.momentum), keep = C(1 - a.dampening), decay = C(a.weight_decay);
  const C sign = a.maximize ? C(-1) : C(1);
  const bool decays = a.weight_decay != 0;
  for (int64_t i = begin; i < end; ++i) {
    C p = load_as(param + i);
    C g = sign * load_as(grad + i);
    if (decays) g = fused(decay, p, g);
    if constexpr (M != Momentum::none) {
      C b = g;
      if constexpr (M == Momentum::next) b = fused(keep, g, mu * load_as(buffer + i));
      store_as(buffer + i, b);
      g = Nesterov ? fused(mu, b, g) : b;
    }
    store_as(param + i, fused(-lr, g, p));
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
  using C = compute_t<T>;
  T* TL_RESTRICT param = static_cast<T*>(a.param);
  const T* TL_RESTRICT grad = static_cast<const T*>(a.grad);
  T* TL_RESTRICT avg = static_cast<T*>(a.exp_avg);
  T* TL_RESTRICT avg_sq = static_cast<T*>(a.exp_avg_sq);
  T* TL_RESTRICT max_sq = static_cast<T*>(a.max_exp_avg_sq);
  const C step_size = C(a.step_size), correction = C(a.correction), eps = C(a.eps);
  const C w1 = C(1 - a.beta1), rest = C(1) - w1, beta2 = C(a.beta2), w2 = C(1 - a.beta2);
  const C l2 = C(a.weight_decay), decay = C(a.decay);
  const C sign = a.maximize ? C(-1) : C(1);
  const bool decays = a.weight_decay != 0, near = w1 < C(0.5);
  for (int64_t i = begin; i < end; ++i) {
    C p = product(load_as(param + i), decay);
    C g = sign * load_as(grad + i);
    if (decays) g = fused(l2, p, g);
    C m = lerp_from(load_as(avg + i), g, w1, rest, near);
    store_as(avg + i, m);
    C v = fused(w2 * g, g, beta2 * load_as(avg_sq + i));
    store_as(avg_sq + i, v);
    if constexpr (Amsgrad) {
      C top = load_as(max_sq + i);
      v = v > top || v != v ? v : top;
      store_as(max_sq + i, v);
    }
    C denom = std::sqrt(v) / correction + eps;
    store_as(param + i, p + (-step_size * m) / denom);
  }
}

template <class T>
void scale_of(void* x, double factor, int64_t begin, int64_t end) {
  using C = compute_t<T>;
  T* p = static_cast<T*>(x);
  const C f = C(factor);
  for (int64_t i = begin; i < end; ++i) store_as(p + i, load_as(p + i) * f);
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

void sgd_impl(DType dtype, const SgdArgs& a, int64_t begin, int64_t end) { TL_REALS(dtype, (sgd_of<T>(a, begin, end))) }
void adam_impl(DType dtype, const AdamArgs& a, int64_t begin, int64_t end) {
  if (a.max_exp_avg_sq != nullptr) {
    TL_REALS(dtype, (adam_loop<T, true>(a, begin, end)))
  }
  TL_REALS(dtype, (adam_loop<T, false>(a, begin, end)))
}
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
