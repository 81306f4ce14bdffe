#include "kernels/rnn.h"

#include "kernels/math.h"

namespace tl::kernels {

namespace {

// As math::sigmoid, but what is below e^-87 is e^-87.
template <class T>
TL_ALWAYS_INLINE T gate(T x) {
  T a = -math::abs(x);
  T e = math::exp_normal(a < T(-87) ? T(-87) : a);
  return (x < T(0) ? e : T(1)) / (T(1) + e);
}

template <class T>
TL_ALWAYS_INLINE T* row(void* p, int64_t r, int64_t stride) {
  return static_cast<T*>(p) + r * stride;
}
template <class T>
TL_ALWAYS_INLINE const T* row(const void* p, int64_t r, int64_t stride) {
  return static_cast<const T*>(p) + r * stride;
}

template <class T, bool HasPrevious>
void lstm_row(int64_t n, T* TL_RESTRICT g, const T* TL_RESTRICT before, T* TL_RESTRICT cell, T* TL_RESTRICT out) {
  for (int64_t j = 0; j < n; ++j) {
    T i = gate(g[j]), m = math::tanh(g[2 * n + j]), o = gate(g[3 * n + j]);
    T f = gate(g[n + j]);
    T c = i * m;
    if (HasPrevious) c += f * before[j];
    g[j] = i;
    g[n + j] = f;
    g[2 * n + j] = m;
    g[3 * n + j] = o;
    cell[j] = c;
    out[j] = o * math::tanh(c);
  }
}

template <class T, bool HasState>
void gru_row(int64_t n, T* TL_RESTRICT g, const T* TL_RESTRICT s, const T* TL_RESTRICT bias,
             const T* TL_RESTRICT before, T* TL_RESTRICT kept, T* TL_RESTRICT out) {
  if (bias != nullptr) {
    for (int64_t j = 0; j < n; ++j) kept[j] = HasState ? s[2 * n + j] + bias[j] : bias[j];
  } else {
    for (int64_t j = 0; j < n; ++j) kept[j] = HasState ? s[2 * n + j] : T(0);
  }
  for (int64_t j = 0; j < n; ++j) {
    T r = gate(HasState ? g[j] + s[j] : g[j]);
    T z = gate(HasState ? g[n + j] + s[n + j] : g[n + j]);
    T m = math::tanh(g[2 * n + j] + r * kept[j]);
    g[j] = r;
    g[n + j] = z;
    g[2 * n + j] = m;
    out[j] = HasState ? m + z * (before[j] - m) : m - z * m;
  }
}

template <class T>
void step_of(const RnnStep& a) {
  const int64_t n = a.n;
  for (int64_t r = 0; r < a.rows; ++r) {
    T* TL_RESTRICT g = row<T>(a.gates, r, a.gates_stride);
    T* TL_RESTRICT out = row<T>(a.out, r, a.out_stride);
    const T* before = a.previous != nullptr ? row<T>(a.previous, r, a.previous_stride) : nullptr;
    switch (a.mode) {
      case RnnMode::tanh:  // gates and out may be one
        for (int64_t j = 0; j < n; ++j) out[j] = math::tanh(out[j]);
        break;
      case RnnMode::relu:
        for (int64_t j = 0; j < n; ++j) out[j] = out[j] < T(0) ? T(0) : out[j];
        break;
      case RnnMode::lstm:
        if (before != nullptr) {
          lstm_row<T, true>(n, g, before, row<T>(a.cell, r, a.cell_stride), out);
        } else {
          lstm_row<T, false>(n, g, before, row<T>(a.cell, r, a.cell_stride), out);
        }
        break;
      case RnnMode::gru: {
        const T* s = a.from_state != nullptr ? row<T>(a.from_state, r, 3 * n) : nullptr;
        (s != nullptr ? gru_row<T, true> : gru_row<T, false>)(n, g, s, static_cast<const T*>(a.state_bias), before,
                                                              row<T>(a.cell, r, a.cell_stride), out);
        break;
      }
    }
  }
}

// d: the gradient of the state, from outside and from behind.
template <class T>
void lstm_grad_row(int64_t n, const T* TL_RESTRICT g, const T* TL_RESTRICT before, const T* TL_RESTRICT cell,
                   const T* TL_RESTRICT grad, const T* TL_RESTRICT state, T* TL_RESTRICT grad_cell, T* TL_RESTRICT dg) {
  for (int64_t j = 0; j < n; ++j) {
    T i = g[j], f = g[n + j], m = g[2 * n + j], o = g[3 * n + j];
    T d = grad[j] + state[j];
    T t = math::tanh(cell[j]);
    T dc = grad_cell[j] + d * o * (T(1) - t * t);
    dg[j] = dc * m * i * (T(1) - i);
    dg[n + j] = dc * before[j] * f * (T(1) - f);
    dg[2 * n + j] = dc * i * (T(1) - m * m);
    dg[3 * n + j] = d * t * o * (T(1) - o);
    grad_cell[j] = dc * f;
  }
}

template <class T>
void gru_grad_row(int64_t n, const T* TL_RESTRICT g, const T* TL_RESTRICT before, const T* TL_RESTRICT kept,
                  const T* TL_RESTRICT grad, T* TL_RESTRICT state, T* TL_RESTRICT dg, T* TL_RESTRICT ds) {
  for (int64_t j = 0; j < n; ++j) {
    T r = g[j], z = g[n + j], m = g[2 * n + j];
    T d = grad[j] + state[j];
    T dm = d * (T(1) - z) * (T(1) - m * m);
    T dz = d * (before[j] - m) * z * (T(1) - z);
    T dr = dm * kept[j] * r * (T(1) - r);
    dg[j] = dr;
    dg[n + j] = dz;
    dg[2 * n + j] = dm;
    ds[j] = dr;
    ds[n + j] = dz;
    ds[2 * n + j] = dm * r;
    state[j] = d * z;
  }
}

template <class T, bool IsTanh>
void plain_grad_row(int64_t n, const T* TL_RESTRICT y, const T* TL_RESTRICT grad, const T* TL_RESTRICT state,
                    T* TL_RESTRICT dg) {
  for (int64_t j = 0; j < n; ++j) {
    T d = grad[j] + state[j];
    dg[j] = IsTanh ? d * (T(1) - y[j] * y[j]) : y[j] > T(0) ? d : T(0);
  }
}

template <class T>
void step_grad_of(const RnnStepGrad& a) {
  const int64_t n = a.n;
  for (int64_t r = 0; r < a.rows; ++r) {
    const T* grad = row<T>(a.grad_out, r, a.grad_out_stride);
    T* state = row<T>(a.grad_state, r, n);
    switch (a.mode) {
      case RnnMode::lstm:
        lstm_grad_row(n, row<T>(a.gates, r, a.gates_stride), row<T>(a.previous, r, a.previous_stride),
                      row<T>(a.cell, r, a.cell_stride), grad, state, row<T>(a.grad_cell, r, n),
                      row<T>(a.grad_gates, r, 4 * n));
        break;
      case RnnMode::gru:
        gru_grad_row(n, row<T>(a.gates, r, a.gates_stride), row<T>(a.previous, r, a.previous_stride),
                     row<T>(a.cell, r, a.cell_stride), grad, state, row<T>(a.grad_gates, r, 3 * n),
                     row<T>(a.grad_from_state, r, 3 * n));
        break;
      case RnnMode::tanh:
        plain_grad_row<T, true>(n, row<T>(a.out, r, a.out_stride), grad, state, row<T>(a.grad_gates, r, n));
        break;
      case RnnMode::relu:
        plain_grad_row<T, false>(n, row<T>(a.out, r, a.out_stride), grad, state, row<T>(a.grad_gates, r, n));
        break;
    }
  }
}

template <class T>
void sum_rows_of(const T* x, int64_t stride, int64_t rows, int64_t n, T* TL_RESTRICT sums) {
  // Blocks of columns stay in registers; within blocks of rows the sums start afresh.
  constexpr int64_t width = 64, height = 64;
  for (int64_t j0 = 0; j0 < n; j0 += width) {
    const int64_t w = n - j0 < width ? n - j0 : width;
    T total[width] = {};
    for (int64_t r0 = 0; r0 < rows; r0 += height) {
      T part[width] = {};
      const int64_t end = rows - r0 < height ? rows : r0 + height;
      for (int64_t r = r0; r < end; ++r) {
        const T* TL_RESTRICT p = x + r * stride + j0;
        if (w == width) {
          for (int64_t j = 0; j < width; ++j) part[j] += p[j];
        } else {
          for (int64_t j = 0; j < w; ++j) part[j] += p[j];
        }
      }
      for (int64_t j = 0; j < width; ++j) total[j] += part[j];
    }
    for (int64_t j = 0; j < w; ++j) sums[j0 + j] = total[j];
  }
}

void step_impl(DType dtype, const RnnStep& a) { dtype == DType::Float64 ? step_of<double>(a) : step_of<float>(a); }
void step_grad_impl(DType dtype, const RnnStepGrad& a) {
  dtype == DType::Float64 ? step_grad_of<double>(a) : step_grad_of<float>(a);
}
void sum_rows_impl(DType dtype, const void* x, int64_t stride, int64_t rows, int64_t n, void* sums) {
  if (dtype == DType::Float64) {
    sum_rows_of(static_cast<const double*>(x), stride, rows, n, static_cast<double*>(sums));
  } else {
    sum_rows_of(static_cast<const float*>(x), stride, rows, n, static_cast<float*>(sums));
  }
}

}  // namespace

TL_KERNEL(rnn_step, &step_impl);
TL_KERNEL(rnn_step_grad, &step_grad_impl);
TL_KERNEL(sum_rows, &sum_rows_impl);

}  // namespace tl::kernels
