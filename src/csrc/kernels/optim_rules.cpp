#include "kernels/optim_rules.h"

#include "kernels/optim_math.h"

namespace tl::kernels {

namespace {

template <class C>
TL_ALWAYS_INLINE C larger(C a, C b) {  // NaN wins
  return a > b || a != a ? a : b;
}
template <class C>
TL_ALWAYS_INLINE C sign(C x) {
  return C(x > 0) - C(x < 0);
}

// A rule reads the constants once and then steps element by element: p, the gradient g (negated and
// decayed already) and the states s0, s1, s2.

// c: alpha, 1 - alpha, eps, lr, momentum. States: square_avg, then momentum_buffer and grad_avg.
template <class C, bool Centered, bool Momentum>
struct Rmsprop {
  static constexpr int states = 1 + Centered + Momentum;
  const C alpha, rest, eps, lr, momentum, keep;
  const bool near;
  explicit Rmsprop(const double* c)
      : alpha(C(c[0])),
        rest(C(c[1])),
        eps(C(c[2])),
        lr(C(c[3])),
        momentum(C(c[4])),
        keep(C(1) - C(c[1])),
        near(C(c[1]) < C(0.5)) {}
  void step(C& p, C g, C& s0, C& s1, C& s2) const {
    s0 = fused(rest * g, g, alpha * s0);
    C v = s0;
    if constexpr (Centered) {
      C& mean = Momentum ? s2 : s1;
      mean = lerp_from(mean, g, rest, keep, near);
      v = fused(-mean, mean, v);
    }
    const C size = std::sqrt(v) + eps;
    if constexpr (Momentum) {
      s1 = product(momentum, s1) + g / size;
      p = fused(-lr, s1, p);
    } else {
      p = p + (-lr * g) / size;
    }
  }
};

// c: lr, eps. State: sum.
template <class C>
struct Adagrad {
  static constexpr int states = 1;
  const C lr, eps;
  explicit Adagrad(const double* c) : lr(C(c[0])), eps(C(c[1])) {}
  void step(C& p, C g, C& sum, C&, C&) const {
    sum = fused(g, g, sum);
    p = p + (-lr * g) / (std::sqrt(sum) + eps);
  }
};

// c: rho, 1 - rho, eps, lr. States: square_avg, acc_delta.
template <class C>
struct Adadelta {
  static constexpr int states = 2;
  const C rho, rest, eps, lr;
  explicit Adadelta(const double* c) : rho(C(c[0])), rest(C(c[1])), eps(C(c[2])), lr(C(c[3])) {}
  void step(C& p, C g, C& square, C& moved, C&) const {
    square = fused(rest * g, g, rho * square);
    const C delta = std::sqrt(moved + eps) / std::sqrt(square + eps) * g;
    moved = fused(rest * delta, delta, rho * moved);
    p = fused(-lr, delta, p);
  }
};

// c: 1 - beta1, beta2, eps, lr / (1 - beta1^t). States: exp_avg, exp_inf.
template <class C>
struct Adamax {
  static constexpr int states = 2;
  const C w, rest, beta2, eps, lr;
  const bool near;
  explicit Adamax(const double* c)
      : w(C(c[0])), rest(C(1) - C(c[0])), beta2(C(c[1])), eps(C(c[2])), lr(C(c[3])), near(C(c[0]) < C(0.5)) {}
  void step(C& p, C g, C& avg, C& top, C&) const {
    avg = lerp_from(avg, g, w, rest, near);
    top = larger(beta2 * top, std::fabs(g) + eps);
    p = p + (-lr * avg) / top;
  }
};

// c: 1 - beta1, beta2, 1 - beta2, eps, then as the optimizer says. States: exp_avg, exp_avg_sq.
template <class C>
struct Moments {
  static constexpr int states = 2;
  const C w, rest, beta2, w2, eps;
  const bool near;
  explicit Moments(const double* c)
      : w(C(c[0])), rest(C(1) - C(c[0])), beta2(C(c[1])), w2(C(c[2])), eps(C(c[3])), near(C(c[0]) < C(0.5)) {}
  void update(C g, C& avg, C& square) const {
    avg = lerp_from(avg, g, w, rest, near);
    square = fused(w2 * g, g, beta2 * square);
  }
};

// c[4..6]: 1 - beta2^t, the factors of the gradient and of its mean.
template <class C>
struct Nadam : Moments<C> {
  const C correction, of_grad, of_avg;
  explicit Nadam(const double* c) : Moments<C>(c), correction(C(c[4])), of_grad(C(c[5])), of_avg(C(c[6])) {}
  void step(C& p, C g, C& avg, C& square, C&) const {
    this->update(g, avg, square);
    const C size = std::sqrt(square / correction) + this->eps;
    p = p + (of_grad * g) / size;
    p = p + (of_avg * avg) / size;
  }
};

// c[4..7]: 1 - beta1^t, lr, the rectification, sqrt(1 - beta2^t).
template <class C, bool Rectified>
struct Radam : Moments<C> {
  const C correction, lr, rect, root;
  explicit Radam(const double* c) : Moments<C>(c), correction(C(c[4])), lr(C(c[5])), rect(C(c[6])), root(C(c[7])) {}
  void step(C& p, C g, C& avg, C& square, C&) const {
    this->update(g, avg, square);
    const C mean = avg / correction;
    if constexpr (Rectified) {
      p = p - product(mean * lr * (C(1) / (std::sqrt(square) + this->eps) * root), rect);
    } else {
      p = p - product(mean, lr);
    }
  }
};

// c: 1 - lambd * eta, eta, mu. State: ax.
template <class C>
struct Asgd {
  static constexpr int states = 1;
  const C decay, eta, mu;
  const bool copies;
  explicit Asgd(const double* c) : decay(C(c[0])), eta(C(c[1])), mu(C(c[2])), copies(c[2] == 1) {}
  void step(C& p, C g, C& mean, C&, C&) const {
    p = fused(-eta, g, decay * p);
    mean = copies ? p : mean + product(p - mean, mu);
  }
};

// c: etaminus, etaplus, the smallest and the largest step. States: prev, step_size.
template <class C>
struct Rprop {
  static constexpr int states = 2;
  const C minus, plus, low, high;
  explicit Rprop(const double* c) : minus(C(c[0])), plus(C(c[1])), low(C(c[2])), high(C(c[3])) {}
  void step(C& p, C g, C& previous, C& size, C&) const {
    const C turn = g * previous;
    const C eta = turn > 0 ? plus : turn < 0 ? minus : C(1);
    C next = size * eta;
    next = next < low ? low : next;
    size = next > high ? high : next;
    g = eta == minus ? C(0) : g;
    p = fused(-sign(g), size, p);
    previous = g;
  }
};

template <class T, class R>
void loop(const RuleArgs& a, int64_t begin, int64_t end) {
  const R rule(a.c);
  T* TL_RESTRICT param = static_cast<T*>(a.param);
  const T* TL_RESTRICT grad = static_cast<const T*>(a.grad);
  T* TL_RESTRICT s0 = static_cast<T*>(a.state[0]);
  T* TL_RESTRICT s1 = static_cast<T*>(a.state[1]);
  T* TL_RESTRICT s2 = static_cast<T*>(a.state[2]);
  const T sign = a.maximize ? T(-1) : T(1), l2 = T(a.weight_decay), decay = T(a.decay);
  const bool decays = a.weight_decay != 0;
  for (int64_t i = begin; i < end; ++i) {
    T p = product(param[i], decay), g = sign * grad[i], x = s0[i], y = T(0), z = T(0);
    if constexpr (R::states > 1) y = s1[i];
    if constexpr (R::states > 2) z = s2[i];
    if (decays) g = fused(l2, p, g);
    rule.step(p, g, x, y, z);
    param[i] = p;
    s0[i] = x;
    if constexpr (R::states > 1) s1[i] = y;
    if constexpr (R::states > 2) s2[i] = z;
  }
}

struct Row {
  Rule rule;
  void (*f32)(const RuleArgs&, int64_t, int64_t);
  void (*f64)(const RuleArgs&, int64_t, int64_t);
};
#define TL_RULE(rule, ...) {Rule::rule, &loop<float, __VA_ARGS__<float>>, &loop<double, __VA_ARGS__<double>>}
template <class C>
using RmspropPlain = Rmsprop<C, false, false>;
template <class C>
using RmspropMomentum = Rmsprop<C, false, true>;
template <class C>
using RmspropCentered = Rmsprop<C, true, false>;
template <class C>
using RmspropBoth = Rmsprop<C, true, true>;
template <class C>
using RadamPlain = Radam<C, false>;
template <class C>
using RadamRectified = Radam<C, true>;
constexpr Row rows[] = {
    TL_RULE(rmsprop, RmspropPlain),
    TL_RULE(rmsprop_momentum, RmspropMomentum),
    TL_RULE(rmsprop_centered, RmspropCentered),
    TL_RULE(rmsprop_centered_momentum, RmspropBoth),
    TL_RULE(adagrad, Adagrad),
    TL_RULE(adadelta, Adadelta),
    TL_RULE(adamax, Adamax),
    TL_RULE(nadam, Nadam),
    TL_RULE(radam, RadamPlain),
    TL_RULE(radam_rectified, RadamRectified),
    TL_RULE(asgd, Asgd),
    TL_RULE(rprop, Rprop),
};
#undef TL_RULE
constexpr bool in_order() {
  int i = 0;
  for (const Row& r : rows) {
    if (int(r.rule) != i++) return false;
  }
  return true;
}
static_assert(in_order(), "the rows follow the order of Rule");

template <class T>
void narrow(const Row& row, const RuleArgs& a, int64_t begin, int64_t end) {
  in_blocks<T>({a.param, a.grad, a.state[0], a.state[1], a.state[2]}, begin, end,
               [&](float (&wide)[optim_memories][optim_block], int64_t n) {
                 RuleArgs b = a;
                 b.param = wide[0];
                 b.grad = wide[1];
                 for (int k = 0; k < rule_states; ++k) b.state[k] = wide[2 + k];
                 row.f32(b, 0, n);
               });
}

void rule_impl(DType dtype, Rule rule, const RuleArgs& a, int64_t begin, int64_t end) {
  const Row& row = rows[int(rule)];
  switch (dtype) {
    case DType::Float16:
      return narrow<Half>(row, a, begin, end);
    case DType::BFloat16:
      return narrow<BFloat16>(row, a, begin, end);
    case DType::Float64:
      return row.f64(a, begin, end);
    default:
      return row.f32(a, begin, end);
  }
}

}  // namespace

TL_KERNEL(rule_step, &rule_impl);

}  // namespace tl::kernels
