#include "kernels/channel_norm.h"

#include <cmath>

#include "kernels/vec.h"

namespace tl::kernels {

namespace {

// Sums of p and of p q, where p and q are x - centre, or p is the gradient: in lanes of T, which are
// added up as double before they grow long.
template <class T, bool Grad>
class PairSums {
 public:
  explicit PairSums(T centre) : centre_(splat<T>(centre)) { store(centres_, centre_); }
  void add(const T* x, const T* g, int64_t n) {
    constexpr int w = lanes<T>;
    while (n > 0) {
      int64_t now = n < room_ ? n : room_, i = 0;
      for (; i + 2 * w <= now; i += 2 * w) {
        take(0, load(x + i) - centre_, g, i);
        take(1, load(x + i + w) - centre_, g, i + w);
      }
      for (; i < now; i += w) {
        Mask<T> m = first<T>(now - i < w ? now - i : w);
        Vec<T> q = load(x + i, m) - load(centres_, m);
        Vec<T> p = q;
        if constexpr (Grad) p = load(g + i, m);
        p_[0] += p;
        pq_[0] = fma(p, q, pq_[0]);
      }
      x += now;
      if constexpr (Grad) g += now;
      n -= now;
      room_ -= now;
      if (room_ == 0) flush();
    }
  }
  void flush() {
    Vec<T> p = p_[0] + p_[1], pq = pq_[0] + pq_[1];
    for (int k = 0; k < lanes<T>; ++k) {
      sum_p += double(p[k]);
      sum_pq += double(pq[k]);
    }
    p_[0] = p_[1] = pq_[0] = pq_[1] = splat<T>(0);
    room_ = block;
  }
  double sum_p = 0, sum_pq = 0;

 private:
  static constexpr int64_t block = 4096;
  TL_ALWAYS_INLINE void take_(Vec<T>& sp, Vec<T>& spq, const Vec<T>& p, const Vec<T>& q) {
    sp += p;
    spq = fma(p, q, spq);
  }
  void take(int k, const Vec<T>& q, const T* g, int64_t i) {
    Vec<T> p = q;
    if constexpr (Grad) p = load(g + i);
    take_(p_[k], pq_[k], p, q);
  }
  Vec<T> p_[2] = {splat<T>(0), splat<T>(0)}, pq_[2] = {splat<T>(0), splat<T>(0)};
  Vec<T> centre_;
  T centres_[lanes<T>];
  int64_t room_ = block;
};

// y = g a + (x - centre) b + d, without g where there is none.
template <class T, bool Grad>
TL_ALWAYS_INLINE void map_row(const T* x, const T* g, T* y, int64_t n, T a, T centre, T b, T d) {
  constexpr int w = lanes<T>;
  const Vec<T> va = splat<T>(a), vc = splat<T>(centre), vb = splat<T>(b), vd = splat<T>(d);
  int64_t i = 0;
  for (; i + w <= n; i += w) {
    Vec<T> r = fma(Vec<T>(load(x + i) - vc), vb, vd);
    if constexpr (Grad) r = fma(load(g + i), va, r);
    store(y + i, r);
  }
  if (i < n) {
    Mask<T> m = first<T>(n - i);
    Vec<T> r = fma(Vec<T>(load(x + i, m) - vc), vb, vd);
    if constexpr (Grad) r = fma(load(g + i, m), va, r);
    store(y + i, m, r);
  }
}

template <class T>
T at_or(const void* p, int64_t i, T otherwise) {
  return p != nullptr ? static_cast<const T*>(p)[i] : otherwise;
}

// Mean, variance and rstd of n values whose sums about `shift` are given.
template <class T>
void finish_moments(const ChannelNorm& a, int64_t at, double shift, double sum, double square, int64_t n) {
  double mean = sum / double(n), var = square / double(n) - mean * mean;
  if (var < 0) var = 0;
  static_cast<T*>(a.mean)[at] = T(shift + mean);
  if (a.variance != nullptr) static_cast<T*>(a.variance)[at] = T(var);
  static_cast<T*>(a.rstd)[at] = T(1 / std::sqrt(var + a.eps));
}

// --- no spatial dims: lanes are channels ----------------------------------------------------------

// Sums over the batch of one vector of channels, of p and p q as above.
template <class T, bool Grad>
TL_ALWAYS_INLINE void column_sums(const ChannelNorm& a, const T* x, const T* g, Mask<T> m, const Vec<T>& centre,
                                  double* sum_p, double* sum_pq) {
  for (int k = 0; k < lanes<T>; ++k) sum_p[k] = sum_pq[k] = 0;
  for (int64_t n = 0; n < a.batch;) {
    Vec<T> sp = splat<T>(0), spq = splat<T>(0);
    int64_t stop = n + 256 < a.batch ? n + 256 : a.batch;
    for (; n < stop; ++n) {
      Vec<T> q = load(x + n * a.channels, m) - centre, p = q;
      if constexpr (Grad) p = load(g + n * a.channels, m);
      sp += p;
      spq = fma(p, q, spq);
    }
    for (int k = 0; k < lanes<T>; ++k) {
      sum_p[k] += double(sp[k]);
      sum_pq[k] += double(spq[k]);
    }
  }
}

template <class T>
void columns_of(const ChannelNorm& a, T* y, int64_t begin, int64_t end) {
  constexpr int w = lanes<T>;
  double sum[w], square[w];
  for (int64_t c = begin; c < end; c += w) {
    int64_t count = end - c < w ? end - c : w;
    Mask<T> m = first<T>(count);
    const T* x = static_cast<const T*>(a.x) + c;
    if (!a.fixed) {
      Vec<T> shift = load(x, m);
      column_sums<T, false>(a, x, nullptr, m, shift, sum, square);
      for (int k = 0; k < count; ++k) finish_moments<T>(a, c + k, double(shift[k]), sum[k], square[k], a.batch);
    }
    Vec<T> centre = load(static_cast<const T*>(a.mean) + c, m), scale = load(static_cast<const T*>(a.rstd) + c, m);
    if (a.weight != nullptr) scale = scale * load(static_cast<const T*>(a.weight) + c, m);
    Vec<T> bias = a.bias != nullptr ? load(static_cast<const T*>(a.bias) + c, m) : splat<T>(0);
    for (int64_t n = 0; n < a.batch; ++n) {
      store(y + n * a.channels + c, m, fma(Vec<T>(load(x + n * a.channels, m) - centre), scale, bias));
    }
  }
}

template <class T>
void columns_grad_of(const ChannelNorm& a, const T* grad, T* dx, T* dw, T* db, int64_t begin, int64_t end) {
  constexpr int w = lanes<T>;
  double sum[w], dot[w];
  for (int64_t c = begin; c < end; c += w) {
    Mask<T> m = first<T>(end - c < w ? end - c : w);
    const T *x = static_cast<const T*>(a.x) + c, *g = grad + c;
    Vec<T> centre = load(static_cast<const T*>(a.mean) + c, m), rstd = load(static_cast<const T*>(a.rstd) + c, m);
    Vec<T> d = splat<T>(0), b = splat<T>(0), scale = rstd;
    if (a.weight != nullptr) scale = scale * load(static_cast<const T*>(a.weight) + c, m);
    if (!a.fixed || dw != nullptr || db != nullptr) {
      column_sums<T, true>(a, x, g, m, centre, sum, dot);
      Vec<T> s, t;
      for (int k = 0; k < w; ++k) {
        s[k] = T(sum[k]);
        t[k] = T(dot[k]) * rstd[k];
      }
      if (dw != nullptr) store(dw + c, m, t);
      if (db != nullptr) store(db + c, m, s);
      if (!a.fixed) {
        const Vec<T> share = splat<T>(T(-1) / T(a.batch));
        d = s * scale * share;
        b = t * rstd * scale * share;
      }
    }
    if (dx != nullptr) {
      for (int64_t n = 0; n < a.batch; ++n) {
        Vec<T> r = fma(Vec<T>(load(x + n * a.channels, m) - centre), b, d);
        store(dx + n * a.channels + c, m, fma(load(g + n * a.channels, m), scale, r));
      }
    }
  }
}

// --- with spatial dims: a channel's values while they are in the cache ----------------------------

template <class T>
void channels_of(const ChannelNorm& a, T* y, int64_t begin, int64_t end) {
  const int64_t step = a.channels * a.spatial;
  if (a.fixed) {  // in the order of memory
    for (int64_t r = begin; r < end; ++r) {
      int64_t c = r % a.channels, at = r * a.spatial;
      map_row<T, false>(static_cast<const T*>(a.x) + at, nullptr, y + at, a.spatial, 0,
                        static_cast<const T*>(a.mean)[c], static_cast<const T*>(a.rstd)[c] * at_or<T>(a.weight, c, 1),
                        at_or<T>(a.bias, c, 0));
    }
    return;
  }
  for (int64_t c = begin; c < end; ++c) {
    const T* x = static_cast<const T*>(a.x) + c * a.spatial;
    PairSums<T, false> sums(x[0]);
    for (int64_t n = 0; n < a.batch; ++n) sums.add(x + n * step, nullptr, a.spatial);
    sums.flush();
    finish_moments<T>(a, c, double(x[0]), sums.sum_p, sums.sum_pq, a.batch * a.spatial);
    T mean = static_cast<const T*>(a.mean)[c], scale = static_cast<const T*>(a.rstd)[c] * at_or<T>(a.weight, c, 1);
    T shift = at_or<T>(a.bias, c, 0);
    for (int64_t n = 0; n < a.batch; ++n) {
      map_row<T, false>(x + n * step, nullptr, y + n * step + c * a.spatial, a.spatial, 0, mean, scale, shift);
    }
  }
}

// With h = (x - mean) rstd: dx = weight rstd (g - mean(g) - h mean(g h)).
template <class T>
void channels_grad_of(const ChannelNorm& a, const T* grad, T* dx, T* dw, T* db, int64_t begin, int64_t end) {
  const int64_t step = a.channels * a.spatial;
  const double count = double(a.batch * a.spatial);
  for (int64_t c = begin; c < end; ++c) {
    const T *x = static_cast<const T*>(a.x) + c * a.spatial, *g = grad + c * a.spatial;
    T mean = static_cast<const T*>(a.mean)[c], rstd = static_cast<const T*>(a.rstd)[c];
    T scale = rstd * at_or<T>(a.weight, c, 1), b = 0, d = 0;
    if (!a.fixed || dw != nullptr || db != nullptr) {
      PairSums<T, true> sums(mean);
      for (int64_t n = 0; n < a.batch; ++n) sums.add(x + n * step, g + n * step, a.spatial);
      sums.flush();
      double dot = sums.sum_pq * double(rstd);
      if (dw != nullptr) dw[c] = T(dot);
      if (db != nullptr) db[c] = T(sums.sum_p);
      if (!a.fixed) {
        d = T(-sums.sum_p / count * double(scale));
        b = T(-dot / count * double(rstd) * double(scale));
      }
    }
    if (dx == nullptr) continue;
    for (int64_t n = 0; n < a.batch; ++n) {
      map_row<T, true>(x + n * step, g + n * step, dx + n * step + c * a.spatial, a.spatial, scale, mean, b, d);
    }
  }
}

// --- groups ---------------------------------------------------------------------------------------

template <class T>
void groups_of(const ChannelNorm& a, T* out, int64_t begin, int64_t end) {
  const int64_t members = a.channels / a.groups, width = members * a.spatial;
  for (int64_t r = begin; r < end; ++r) {
    const T* x = static_cast<const T*>(a.x) + r * width;
    T* y = out + r * width;
    PairSums<T, false> sums(x[0]);
    sums.add(x, nullptr, width);
    sums.flush();
    finish_moments<T>(a, r, double(x[0]), sums.sum_p, sums.sum_pq, width);
    T mean = static_cast<const T*>(a.mean)[r], rstd = static_cast<const T*>(a.rstd)[r];
    if (a.spatial == 1) {
      int64_t c = r % a.groups * members;
      for (int64_t k = 0; k < members; ++k) {
        y[k] = (x[k] - mean) * (rstd * at_or<T>(a.weight, c + k, 1)) + at_or<T>(a.bias, c + k, 0);
      }
      continue;
    }
    for (int64_t k = 0; k < members; ++k) {
      int64_t c = r % a.groups * members + k;
      map_row<T, false>(x + k * a.spatial, nullptr, y + k * a.spatial, a.spatial, 0, mean,
                        rstd * at_or<T>(a.weight, c, 1), at_or<T>(a.bias, c, 0));
    }
  }
}

template <class T>
void groups_grad_of(const ChannelNorm& a, const T* grad, T* dx, T* dw, T* db, int64_t begin, int64_t end) {
  const int64_t members = a.channels / a.groups, width = members * a.spatial;
  for (int64_t r = begin; r < end; ++r) {
    const T *x = static_cast<const T*>(a.x) + r * width, *g = grad + r * width;
    T mean = static_cast<const T*>(a.mean)[r], rstd = static_cast<const T*>(a.rstd)[r];
    double all = 0, all_dot = 0;  // of the gradient times weight
    for (int64_t k = 0; k < members; ++k) {
      double sum, dot;
      if (a.spatial == 1) {
        sum = double(g[k]);
        dot = double(g[k] * (x[k] - mean) * rstd);
      } else {
        PairSums<T, true> sums(mean);
        sums.add(x + k * a.spatial, g + k * a.spatial, a.spatial);
        sums.flush();
        sum = sums.sum_p;
        dot = sums.sum_pq * double(rstd);
      }
      double w = double(at_or<T>(a.weight, r % a.groups * members + k, 1));
      if (dw != nullptr) dw[r * members + k] = T(dot);
      if (db != nullptr) db[r * members + k] = T(sum);
      all += sum * w;
      all_dot += dot * w;
    }
    if (dx == nullptr) continue;
    T d = T(-all / double(width) * double(rstd)), b = T(-all_dot / double(width) * double(rstd) * double(rstd));
    if (a.spatial == 1) {
      int64_t c = r % a.groups * members;
      T* to = dx + r * width;
      for (int64_t k = 0; k < members; ++k) {
        to[k] = g[k] * (rstd * at_or<T>(a.weight, c + k, 1)) + ((x[k] - mean) * b + d);
      }
      continue;
    }
    for (int64_t k = 0; k < members; ++k) {
      T scale = rstd * at_or<T>(a.weight, r % a.groups * members + k, 1);
      map_row<T, true>(x + k * a.spatial, g + k * a.spatial, dx + r * width + k * a.spatial, a.spatial, scale, mean, b,
                       d);
    }
  }
}

template <class T>
void channel_norm_as(const ChannelNorm& a, void* y, int64_t begin, int64_t end) {
  T* out = static_cast<T*>(y);
  a.spatial == 1 ? columns_of(a, out, begin, end) : channels_of(a, out, begin, end);
}
template <class T>
void channel_norm_grad_as(const ChannelNorm& a, const void* grad, void* dx, void* dw, void* db, int64_t begin,
                          int64_t end) {
  const T* g = static_cast<const T*>(grad);
  T *to_x = static_cast<T*>(dx), *to_w = static_cast<T*>(dw), *to_b = static_cast<T*>(db);
  a.spatial == 1 ? columns_grad_of(a, g, to_x, to_w, to_b, begin, end)
                 : channels_grad_of(a, g, to_x, to_w, to_b, begin, end);
}

void channel_norm_impl(DType dtype, const ChannelNorm& a, void* y, int64_t begin, int64_t end) {
  dtype == DType::Float64 ? channel_norm_as<double>(a, y, begin, end) : channel_norm_as<float>(a, y, begin, end);
}
void channel_norm_grad_impl(DType dtype, const ChannelNorm& a, const void* grad, void* dx, void* dw, void* db,
                            int64_t begin, int64_t end) {
  dtype == DType::Float64 ? channel_norm_grad_as<double>(a, grad, dx, dw, db, begin, end)
                          : channel_norm_grad_as<float>(a, grad, dx, dw, db, begin, end);
}
void group_norm_impl(DType dtype, const ChannelNorm& a, void* y, int64_t begin, int64_t end) {
  dtype == DType::Float64 ? groups_of(a, static_cast<double*>(y), begin, end)
                          : groups_of(a, static_cast<float*>(y), begin, end);
}
void group_norm_grad_impl(DType dtype, const ChannelNorm& a, const void* grad, void* dx, void* dw, void* db,
                          int64_t begin, int64_t end) {
  if (dtype == DType::Float64) {
    groups_grad_of(a, static_cast<const double*>(grad), static_cast<double*>(dx), static_cast<double*>(dw),
                   static_cast<double*>(db), begin, end);
  } else {
    groups_grad_of(a, static_cast<const float*>(grad), static_cast<float*>(dx), static_cast<float*>(dw),
                   static_cast<float*>(db), begin, end);
  }
}

}  // namespace

TL_KERNEL(channel_norm, &channel_norm_impl);
TL_KERNEL(channel_norm_grad, &channel_norm_grad_impl);
TL_KERNEL(group_norm, &group_norm_impl);
TL_KERNEL(group_norm_grad, &group_norm_grad_impl);

}  // namespace tl::kernels
