#include "kernels/loss.h"

#include "kernels/math.h"

namespace tl::kernels {

namespace {

constexpr int64_t block = 512;  // elements that a buffer on the stack holds

template <class T>
TL_ALWAYS_INLINE T larger(T a, T b) {
  return a > b ? a : b;
}
template <class T>
TL_ALWAYS_INLINE T sign_of(T x) {
  return x > 0 ? T(1) : x < 0 ? T(-1) : x;  // 0 and NaN stay
}
// log(1 + exp(-x)) = -log(sigmoid(x))
template <class T>
TL_ALWAYS_INLINE T softplus_neg(T x) {
  return math::log1pexp(-x);
}
using math::sigmoid;

// The losses: value, and derivative by the input. The last argument is the parameter or the
// positive weight.
struct Squared {
  template <class T>
  TL_ALWAYS_INLINE T value(T x, T y, T) {
    return (x - y) * (x - y);
  }
  template <class T>
  TL_ALWAYS_INLINE T by_input(T x, T y, T) {
    return T(2) * (x - y);
  }
};
struct Absolute {
  template <class T>
  TL_ALWAYS_INLINE T value(T x, T y, T) {
    return math::abs(x - y);
  }
  template <class T>
  TL_ALWAYS_INLINE T by_input(T x, T y, T) {
    return sign_of(x - y);
  }
};
struct SmoothL1 {
  template <class T>
  TL_ALWAYS_INLINE T value(T x, T y, T beta) {
    T d = math::abs(x - y);
    return d < beta ? T(0.5) * d * d / beta : d - T(0.5) * beta;
  }
  template <class T>
  TL_ALWAYS_INLINE T by_input(T x, T y, T beta) {
    T d = x - y;
    return math::abs(d) < beta ? d / beta : sign_of(d);
  }
};
struct Huber {
  template <class T>
  TL_ALWAYS_INLINE T value(T x, T y, T delta) {
    T d = math::abs(x - y);
    return d <= delta ? T(0.5) * d * d : delta * (d - T(0.5) * delta);
  }
  template <class T>
  TL_ALWAYS_INLINE T by_input(T x, T y, T delta) {
    T d = x - y;
    return d < -delta ? -delta : d > delta ? delta : d;
  }
};
struct Bce {
  template <class T>
  TL_ALWAYS_INLINE T value(T x, T y, T) {
    return (y - T(1)) * larger(math::log1p(-x), T(-100)) - y * larger(math::log(x), T(-100));
  }
  template <class T>
  TL_ALWAYS_INLINE T by_input(T x, T y, T) {
    return (x - y) / larger((T(1) - x) * x, T(1e-12));
  }
};
struct BceLogits {
  template <class T>
  TL_ALWAYS_INLINE T value(T x, T y, T) {
    return (T(1) - y) * x + softplus_neg(x);
  }
  template <class T>
  TL_ALWAYS_INLINE T by_input(T x, T y, T) {
    return sigmoid(x) - y;
  }
};
struct BceLogitsPos {
  template <class T>
  TL_ALWAYS_INLINE T value(T x, T y, T pos) {
    return (T(1) - y) * x + (T(1) + (pos - T(1)) * y) * softplus_neg(x);
  }
  template <class T>
  TL_ALWAYS_INLINE T by_input(T x, T y, T pos) {
    T t = pos * y;
    return (t + T(1) - y) * sigmoid(x) - t;
  }
};
struct Kl {
  template <class T>
  TL_ALWAYS_INLINE T value(T x, T y, T) {
    return (y == 0 ? T(0) : y * math::log(y)) - y * x;
  }
  template <class T>
  TL_ALWAYS_INLINE T by_input(T, T y, T) {
    return -y;
  }
};
struct KlLog {
  template <class T>
  TL_ALWAYS_INLINE T value(T x, T y, T) {
    return math::exp(y) * (y - x);
  }
  template <class T>
  TL_ALWAYS_INLINE T by_input(T, T y, T) {
    return -math::exp(y);
  }
};
struct SoftMargin {
  template <class T>
  TL_ALWAYS_INLINE T value(T x, T y, T) {
    return softplus_neg(x * y);
  }
  template <class T>
  TL_ALWAYS_INLINE T by_input(T x, T y, T) {
    return -y * sigmoid(-x * y);
  }
};

template <class L, class T>
void values(const PointLossArgs& a, T* TL_RESTRICT out, int64_t begin, int64_t n) {
  const T* x = static_cast<const T*>(a.input) + begin;
  const T* y = static_cast<const T*>(a.target) + begin;
  const T* pos = a.pos_weight != nullptr ? static_cast<const T*>(a.pos_weight) + begin : nullptr;
  const T param = T(a.param);
  for (int64_t i = 0; i < n; ++i) {
    out[i] = L::value(x[i], y[i], std::is_same_v<L, BceLogitsPos> ? pos[i] : param);
  }
}
template <class L, class T>
void slopes(const PointLossArgs& a, T* TL_RESTRICT out, int64_t begin, int64_t n) {
  const T* x = static_cast<const T*>(a.input) + begin;
  const T* y = static_cast<const T*>(a.target) + begin;
  const T* pos = a.pos_weight != nullptr ? static_cast<const T*>(a.pos_weight) + begin : nullptr;
  const T param = T(a.param);
  for (int64_t i = 0; i < n; ++i) out[i] = L::by_input(x[i], y[i], std::is_same_v<L, BceLogitsPos> ? pos[i] : param);
}

#define TL_LOSS(kind, L, call) \
  case PointLoss::kind: {      \
    using Loss = L;            \
    call;                      \
    break;                     \
  }
#define TL_LOSSES(kind, call)                                                                 \
  switch (kind) {                                                                             \
    TL_LOSS(squared, Squared, call)                                                           \
    TL_LOSS(absolute, Absolute, call)                                                         \
    TL_LOSS(smooth_l1, SmoothL1, call)                                                        \
    TL_LOSS(huber, Huber, call)                                                               \
    TL_LOSS(bce, Bce, call)                                                                   \
    TL_LOSS(bce_logits, BceLogits, call)                                                      \
    TL_LOSS(bce_logits_pos, BceLogitsPos, call)                                               \
    TL_LOSS(kl, Kl, call) TL_LOSS(kl_log, KlLog, call) TL_LOSS(soft_margin, SoftMargin, call) \
  }

template <class T>
void multiply(T* TL_RESTRICT out, const T* TL_RESTRICT by, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] *= by[i];
}

template <class T>
void weighted_values(PointLoss kind, const PointLossArgs& a, T* out, int64_t begin, int64_t n) {
  TL_LOSSES(kind, (values<Loss, T>(a, out, begin, n)))
  if (a.weight != nullptr) multiply(out, static_cast<const T*>(a.weight) + begin, n);
}

// In lanes, so that the compiler can vectorise a sum of fixed order.
template <class T>
T sum_of(const T* x, int64_t n) {
  constexpr int lanes = 16;
  T partial[lanes] = {};
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (int k = 0; k < lanes; ++k) partial[k] += x[i + k];
  }
  for (int k = 0; i < n; ++i, ++k) partial[k] += x[i];
  for (int half = lanes / 2; half > 0; half /= 2) {
    for (int k = 0; k < half; ++k) partial[k] += partial[k + half];
  }
  return partial[0];
}

template <class T>
double loss_sum(PointLoss kind, const PointLossArgs& a, int64_t begin, int64_t end) {
  T buffer[block];
  double total = 0;
  for (int64_t i = begin; i < end; i += block) {
    int64_t n = end - i < block ? end - i : block;
    weighted_values(kind, a, buffer, i, n);
    total += double(sum_of(buffer, n));
  }
  return total;
}

template <class T>
void loss_grad(PointLoss kind, const PointLossArgs& a, const T* grad, int64_t step, double factor, T* out,
               int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; i += block) {
    int64_t n = end - i < block ? end - i : block;
    T* to = out + i;
    TL_LOSSES(kind, (slopes<Loss, T>(a, to, i, n)))
    T scale = T(factor) * (step == 0 ? *grad : T(1));
    for (int64_t k = 0; k < n; ++k) to[k] *= scale;
    if (step != 0) multiply(to, grad + i, n);
    if (a.weight != nullptr) multiply(to, static_cast<const T*>(a.weight) + i, n);
  }
}

// --- cross entropy -------------------------------------------------------------------------------

// The part of a row's loss beyond its log of sums, with its weights.
template <class T>
struct Targets {
  const CrossEntropyArgs& a;
  const T* weight;
  T keep, share;  // of the target itself, and of each class
  explicit Targets(const CrossEntropyArgs& args)
      : a(args),
        weight(static_cast<const T*>(args.weight)),
        keep(T(1 - args.smoothing)),
        share(T(args.smoothing == 0 ? 0 : args.smoothing / double(args.classes))) {}
  T weight_of(int64_t c) const { return weight != nullptr ? weight[c] : T(1); }
  // The factor of the log of sums.
  T whole(int64_t t) const { return keep * weight_of(t) + share * T(a.weight_sum); }
  // `x` is the row's first logit.
  T loss(const T* x, int64_t t, T log_sum) const {
    T w = weight_of(t);
    if (a.smoothing == 0) return w * (log_sum - x[t * a.inner]);
    T spread = 0;
    for (int64_t c = 0; c < a.classes; ++c) spread += weight_of(c) * x[c * a.inner];
    return whole(t) * log_sum - (keep * w * x[t * a.inner] + share * spread);
  }
  void add(LossSums& sums, T* losses, int64_t row, const T* x, T log_sum) const {
    int64_t t = a.target[row];
    T value = 0;
    if (t != a.ignore_index) {
      value = loss(x, t, log_sum);
      sums.loss += double(value);
      sums.weight += double(weight_of(t));
    }
    if (losses != nullptr) losses[row] = value;
  }
};

template <class T>
T max_of(const T* x, int64_t n) {
  constexpr int lanes = 16;  // as in sum_of
  T m = -INFINITY;
  int64_t i = 0;
  if (n >= lanes) {
    T partial[lanes];
    for (int k = 0; k < lanes; ++k) partial[k] = x[k];
    for (i = lanes; i + lanes <= n; i += lanes) {
      for (int k = 0; k < lanes; ++k) partial[k] = larger(x[i + k], partial[k]);
    }
    for (int k = 0; k < lanes; ++k) m = larger(partial[k], m);
  }
  for (; i < n; ++i) m = larger(x[i], m);
  return m;
}
template <class T>
void exponentials(T* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) x[i] = math::exp(x[i]);
}

// Contiguous rows of few classes: the exponentials of a block of rows in one run.
template <class T>
LossSums short_rows(const CrossEntropyArgs& a, T* p, T* losses, int64_t begin, int64_t end) {
  const Targets<T> targets(a);
  const T* input = static_cast<const T*>(a.input);
  const int64_t classes = a.classes;
  const int64_t rows = classes == 0 ? block : block / classes;
  T buffer[block], top[block];
  LossSums sums{0, 0};
  for (int64_t r = begin; r < end; r += rows) {
    int64_t n = end - r < rows ? end - r : rows;
    const T* x = input + r * classes;
    T* e = p != nullptr ? p + r * classes : buffer;
    for (int64_t k = 0; k < n; ++k) {
      T m = top[k] = max_of(x + k * classes, classes);
      for (int64_t c = 0; c < classes; ++c) e[k * classes + c] = x[k * classes + c] - m;
    }
    exponentials(e, n * classes);
    for (int64_t k = 0; k < n; ++k) {
      T* row = e + k * classes;
      T s = 0;
      for (int64_t c = 0; c < classes; ++c) s += row[c];
      if (p != nullptr) {
        T inverse = T(1) / s;
        for (int64_t c = 0; c < classes; ++c) row[c] *= inverse;
      }
      targets.add(sums, losses, r + k, x + k * classes, math::log(s) + top[k]);
    }
  }
  return sums;
}

// Contiguous rows of many classes: piece by piece.
template <class T>
LossSums long_rows(const CrossEntropyArgs& a, T* p, T* losses, int64_t begin, int64_t end) {
  const Targets<T> targets(a);
  const int64_t classes = a.classes;
  T buffer[block];
  LossSums sums{0, 0};
  for (int64_t r = begin; r < end; ++r) {
    const T* x = static_cast<const T*>(a.input) + r * classes;
    T m = max_of(x, classes);
    double s = 0;
    for (int64_t c = 0; c < classes; c += block) {
      int64_t n = classes - c < block ? classes - c : block;
      T* e = p != nullptr ? p + r * classes + c : buffer;
      for (int64_t k = 0; k < n; ++k) e[k] = x[c + k] - m;
      exponentials(e, n);
      s += double(sum_of(e, n));
    }
    if (p != nullptr) {
      T inverse = T(1 / s);
      T* row = p + r * classes;
      for (int64_t c = 0; c < classes; ++c) row[c] *= inverse;
    }
    targets.add(sums, losses, r, x, T(math::log(s)) + m);
  }
  return sums;
}

// Classes that lie `inner` apart: a block of neighbouring rows together.
template <class T>
LossSums strided_rows(const CrossEntropyArgs& a, T* p, T* losses, int64_t begin, int64_t end) {
  const Targets<T> targets(a);
  const int64_t classes = a.classes, inner = a.inner;
  T top[block], sum[block], buffer[block];
  LossSums sums{0, 0};
  for (int64_t r = begin; r < end;) {
    int64_t at = r % inner, base = r / inner * classes * inner + at;
    int64_t n = inner - at < end - r ? inner - at : end - r;
    if (n > block) n = block;
    const T* x = static_cast<const T*>(a.input) + base;
    for (int64_t i = 0; i < n; ++i) {
      top[i] = -INFINITY;
      sum[i] = 0;
    }
    for (int64_t c = 0; c < classes; ++c) {
      for (int64_t i = 0; i < n; ++i) top[i] = larger(x[c * inner + i], top[i]);
    }
    for (int64_t c = 0; c < classes; ++c) {
      T* e = p != nullptr ? p + base + c * inner : buffer;
      for (int64_t i = 0; i < n; ++i) e[i] = x[c * inner + i] - top[i];
      exponentials(e, n);
      for (int64_t i = 0; i < n; ++i) sum[i] += e[i];
    }
    for (int64_t i = 0; i < n; ++i) targets.add(sums, losses, r + i, x + i, math::log(sum[i]) + top[i]);
    if (p != nullptr) {
      for (int64_t i = 0; i < n; ++i) sum[i] = T(1) / sum[i];
      for (int64_t c = 0; c < classes; ++c) multiply(p + base + c * inner, sum, n);
    }
    r += n;
  }
  return sums;
}

template <class T>
LossSums cross_entropy_of(const CrossEntropyArgs& a, void* p, void* losses, int64_t begin, int64_t end) {
  T* probabilities = static_cast<T*>(p);
  T* out = static_cast<T*>(losses);
  if (a.inner != 1) return strided_rows(a, probabilities, out, begin, end);
  return a.classes <= block ? short_rows(a, probabilities, out, begin, end)
                            : long_rows(a, probabilities, out, begin, end);
}

template <class T>
void cross_entropy_grad_of(const CrossEntropyArgs& a, const T* p, const T* grad, int64_t step, double factor, T* out,
                           int64_t begin, int64_t end) {
  const Targets<T> targets(a);
  const int64_t classes = a.classes, inner = a.inner;
  T g[block], whole[block];
  for (int64_t r = begin; r < end;) {
    int64_t at = r % inner, base = r / inner * classes * inner + at;
    int64_t n = inner - at < end - r ? inner - at : end - r;
    if (n > block) n = block;
    for (int64_t i = 0; i < n; ++i) {
      int64_t t = a.target[r + i];
      bool counts = t != a.ignore_index;
      g[i] = counts ? grad[(r + i) * step] * T(factor) : T(0);
      whole[i] = counts ? targets.whole(t) * g[i] : T(0);
    }
    if (inner == 1) {
      for (int64_t c = 0; c < classes; ++c) {
        out[base + c] = p[base + c] * whole[0] - targets.share * targets.weight_of(c) * g[0];
      }
    } else {
      for (int64_t c = 0; c < classes; ++c) {
        int64_t row = base + c * inner;
        T even = targets.share * targets.weight_of(c);
        for (int64_t i = 0; i < n; ++i) out[row + i] = p[row + i] * whole[i] - even * g[i];
      }
    }
    for (int64_t i = 0; i < n; ++i) {
      int64_t t = a.target[r + i];
      if (t != a.ignore_index) out[base + t * inner + i] -= targets.keep * targets.weight_of(t) * g[i];
    }
    r += n;
  }
}

// --- by dtype ------------------------------------------------------------------------------------

void point_loss_impl(DType dtype, PointLoss kind, const PointLossArgs& a, void* out, int64_t begin, int64_t end) {
  if (dtype == DType::Float64) return weighted_values(kind, a, static_cast<double*>(out) + begin, begin, end - begin);
  weighted_values(kind, a, static_cast<float*>(out) + begin, begin, end - begin);
}
double point_loss_sum_impl(DType dtype, PointLoss kind, const PointLossArgs& a, int64_t begin, int64_t end) {
  return dtype == DType::Float64 ? loss_sum<double>(kind, a, begin, end) : loss_sum<float>(kind, a, begin, end);
}
void point_loss_grad_impl(DType dtype, PointLoss kind, const PointLossArgs& a, const void* grad, int64_t step,
                          double factor, void* out, int64_t begin, int64_t end) {
  if (dtype == DType::Float64) {
    loss_grad(kind, a, static_cast<const double*>(grad), step, factor, static_cast<double*>(out), begin, end);
  } else {
    loss_grad(kind, a, static_cast<const float*>(grad), step, factor, static_cast<float*>(out), begin, end);
  }
}
LossSums cross_entropy_impl(DType dtype, const CrossEntropyArgs& a, void* p, void* losses, int64_t begin, int64_t end) {
  return dtype == DType::Float64 ? cross_entropy_of<double>(a, p, losses, begin, end)
                                 : cross_entropy_of<float>(a, p, losses, begin, end);
}
template <class T>
bool all_in_unit(const T* x, int64_t n) {
  bool inside = true;
  for (int64_t i = 0; i < n; ++i) inside &= (x[i] >= 0) & (x[i] <= 1);  // false for NaN
  return inside;
}
bool in_unit_impl(DType dtype, const void* x, int64_t n) {
  return dtype == DType::Float64 ? all_in_unit(static_cast<const double*>(x), n)
                                 : all_in_unit(static_cast<const float*>(x), n);
}
void cross_entropy_grad_impl(DType dtype, const CrossEntropyArgs& a, const void* p, const void* grad, int64_t step,
                             double factor, void* out, int64_t begin, int64_t end) {
  if (dtype == DType::Float64) {
    cross_entropy_grad_of(a, static_cast<const double*>(p), static_cast<const double*>(grad), step, factor,
                          static_cast<double*>(out), begin, end);
  } else {
    cross_entropy_grad_of(a, static_cast<const float*>(p), static_cast<const float*>(grad), step, factor,
                          static_cast<float*>(out), begin, end);
  }
}

}  // namespace

TL_KERNEL(point_loss, &point_loss_impl);
TL_KERNEL(point_loss_sum, &point_loss_sum_impl);
TL_KERNEL(point_loss_grad, &point_loss_grad_impl);
TL_KERNEL(in_unit_interval, &in_unit_impl);
TL_KERNEL(cross_entropy, &cross_entropy_impl);
TL_KERNEL(cross_entropy_grad, &cross_entropy_grad_impl);

}  // namespace tl::kernels
