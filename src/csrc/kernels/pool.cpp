// Along rows of outputs whose windows no border cuts, vectors hold neighbouring outputs and take the taps one by
// one; a stride of 2 is two loads and a shuffle. Everything else goes window by window.
#include "kernels/pool.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "kernels/vec.h"

namespace tl::kernels {

namespace {

template <class T>
using IntOf = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;

template <int First>
struct EverySecond {
  static constexpr int at(int i) { return First + 2 * i; }
};

// Elements p[0], p[stride], … for the first n lanes.
template <class T>
TL_ALWAYS_INLINE Vec<T> load_strided(const T* p, int64_t stride, int64_t n) {
  constexpr int w = lanes<T>;
  if (stride == 1) return load(p, first<T>(n));
  if (stride == 2) {
    const int64_t span = 2 * n - 1;
    const Vec<T> a = load(p, first<T>(std::min<int64_t>(span, w)));
    const Vec<T> b = span > w ? load(p + w, first<T>(span - w)) : splat<T>(0);
    return shuffle<w>(a, b, EverySecond<0>());
  }
  T spread[w] = {};
  for (int64_t l = 0; l < n; ++l) spread[l] = p[l * stride];
  return load(spread);
}

template <class T>
T lowest() {
  if constexpr (std::numeric_limits<T>::has_infinity) {
    return -std::numeric_limits<T>::infinity();
  } else {
    return std::numeric_limits<T>::lowest();
  }
}

// The outputs whose windows are whole along the axis.
void whole_windows(const PoolAxis& a, int64_t& begin, int64_t& end) {
  begin = end = 0;
  if (a.stride == 0) return;
  begin = std::min(a.out, (a.pad + a.stride - 1) / a.stride);
  const int64_t last = a.in - (a.kernel - 1) * a.dilation - 1 + a.pad;  // o * stride may be at most
  end = last < 0 ? begin : std::clamp(last / a.stride + 1, begin, a.out);
}

// Calls f(pointer to the row, place of the row in the plane) for the rows of a window, (z, y) of it.
template <class T, class F>
TL_ALWAYS_INLINE void each_row(const PoolShape& s, const T* plane, int64_t oz, int64_t oy, F f) {
  const PoolAxis &z = s.axis[0], &y = s.axis[1];
  for (int64_t i = z.start[oz]; i < z.end[oz]; i += z.dilation) {
    for (int64_t j = y.start[oy]; j < y.end[oy]; j += y.dilation) {
      const int64_t at = (i * y.in + j) * s.axis[2].in;
      f(plane + at, at);
    }
  }
}

// Rows of outputs: whole vectors by `vectors(oz, oy, ox, n)`, the rest by `single(oz, oy, ox)`.
template <class T, class V, class S>
TL_ALWAYS_INLINE void each_output(const PoolShape& s, V vectors, S single) {
  constexpr int64_t w = lanes<T>;
  const PoolAxis& x = s.axis[2];
  int64_t begin, end;
  whole_windows(x, begin, end);
#if !TL_VECTOR_EXTENSIONS
  end = begin;
#endif
  if (end - begin < 2) end = begin;
  for (int64_t oz = 0; oz < s.axis[0].out; ++oz) {
    for (int64_t oy = 0; oy < s.axis[1].out; ++oy) {
      for (int64_t ox = 0; ox < begin; ++ox) single(oz, oy, ox);
      for (int64_t ox = begin; ox < end; ox += w) vectors(oz, oy, ox, std::min(w, end - ox));
      for (int64_t ox = end; ox < x.out; ++ox) single(oz, oy, ox);
    }
  }
}

// Where a search begins; a window may lie wholly outside.
int64_t first_of(const PoolAxis& a, int64_t o) { return std::min(a.start[o], a.in - 1); }

template <class T, bool Indexed>
void max_plane(const PoolShape& s, const T* in, T* out, int32_t* index) {
  const PoolAxis &z = s.axis[0], &y = s.axis[1], &x = s.axis[2];
  auto place = [&](int64_t oz, int64_t oy, int64_t ox) { return (oz * y.out + oy) * x.out + ox; };
  auto vectors = [&]([[maybe_unused]] int64_t oz, [[maybe_unused]] int64_t oy, [[maybe_unused]] int64_t ox,
                     [[maybe_unused]] int64_t n) {
#if TL_VECTOR_EXTENSIONS
    using I = IntOf<T>;
    constexpr int w = lanes<T>;
    Vec<T> best = splat<T>(lowest<T>());
    Vec<I> at = {}, ramp;
    for (int l = 0; l < w; ++l) ramp[l] = I(l * x.stride);
    const int64_t start = ox * x.stride - x.pad;
    at = ramp + I((first_of(z, oz) * y.in + first_of(y, oy)) * x.in + start);
    each_row(s, in, oz, oy, [&](const T* row, int64_t base) {
      auto take = [&](const Vec<T>& v, int64_t from) {
        const auto better = (v > best) | (v != v);
        best = better ? v : best;
        if constexpr (Indexed) at = better ? ramp + I(base + from) : at;
      };
      int64_t t = 0;
      if (x.stride == 2 && x.dilation == 1) {  // two taps from the same loads
        const Mask<T> low = first<T>(std::min<int64_t>(2 * n, w)), high = first<T>(std::max<int64_t>(2 * n - w, 0));
        for (; t + 2 <= x.kernel; t += 2) {
          const T* from = row + start + t;
          const Vec<T> a = load(from, low), b = load(from + w, high);
          take(shuffle<w>(a, b, EverySecond<0>()), start + t);
          take(shuffle<w>(a, b, EverySecond<1>()), start + t + 1);
        }
      }
      for (; t < x.kernel; ++t) {
        const int64_t from = start + t * x.dilation;
        take(load_strided(row + from, x.stride, n), from);
      }
    });
    const int64_t to = place(oz, oy, ox);
    store(out + to, first<T>(n), best);
    if constexpr (Indexed) {
      if constexpr (sizeof(T) == 4) {
        store(index + to, first<I>(n), at);
      } else {
        for (int64_t l = 0; l < n; ++l) index[to + l] = int32_t(at[l]);
      }
    }
#endif
  };
  auto single = [&](int64_t oz, int64_t oy, int64_t ox) {
    T best = lowest<T>();
    int64_t at = (first_of(z, oz) * y.in + first_of(y, oy)) * x.in + first_of(x, ox);
    each_row(s, in, oz, oy, [&](const T* row, int64_t base) {
      for (int64_t i = x.start[ox]; i < x.end[ox]; i += x.dilation) {
        if (row[i] > best || row[i] != row[i]) {
          best = row[i];
          at = base + i;
        }
      }
    });
    out[place(oz, oy, ox)] = best;
    if constexpr (Indexed) index[place(oz, oy, ox)] = int32_t(at);
  };
  each_output<T>(s, vectors, single);
}

template <class T>
T sum_run(const T* p, int64_t n) {
  constexpr int w = lanes<T>;
  T total = 0;
  int64_t i = 0;
  if (n >= 2 * w) {
    Vec<T> sums[4] = {};
    for (; i + 4 * w <= n; i += 4 * w) {
      for (int k = 0; k < 4; ++k) sums[k] = sums[k] + load(p + i + k * w);
    }
    for (; i + w <= n; i += w) sums[0] = sums[0] + load(p + i);
    const Vec<T> all = (sums[0] + sums[1]) + (sums[2] + sums[3]);
    T lane[w];
    store(lane, all);
    for (int half = w / 2; half > 0; half /= 2) {
      for (int l = 0; l < half; ++l) lane[l] += lane[l + half];
    }
    total = lane[0];
  }
  for (; i < n; ++i) total += p[i];
  return total;
}

template <class T>
void mean_plane(const PoolShape& s, const T* in, T* out) {
  const PoolAxis &z = s.axis[0], &y = s.axis[1], &x = s.axis[2];
  auto place = [&](int64_t oz, int64_t oy, int64_t ox) { return (oz * y.out + oy) * x.out + ox; };
  auto vectors = [&](int64_t oz, int64_t oy, int64_t ox, int64_t n) {
    constexpr int w = lanes<T>;
    Vec<T> sum = splat<T>(0);
    const int64_t start = ox * x.stride - x.pad;
    each_row(s, in, oz, oy, [&](const T* row, int64_t) {
      for (int64_t t = 0; t < x.kernel; ++t) sum = sum + load_strided(row + start + t, x.stride, n);
    });
    T count[w], sums[w];
    store(sums, sum);
    for (int64_t l = 0; l < n; ++l) count[l] = T(z.count[oz] * y.count[oy] * x.count[ox + l]);
    T* to = out + place(oz, oy, ox);
    for (int64_t l = 0; l < n; ++l) to[l] = sums[l] / count[l];
  };
  auto single = [&](int64_t oz, int64_t oy, int64_t ox) {
    T sum = 0;
    const int64_t begin = x.start[ox], n = std::max<int64_t>(0, x.end[ox] - begin);
    if (n == x.in && y.dilation == 1) {  // whole rows are one run
      for (int64_t i = z.start[oz]; i < z.end[oz]; ++i) {
        const int64_t rows = std::max<int64_t>(0, y.end[oy] - y.start[oy]);
        sum += sum_run(in + (i * y.in + y.start[oy]) * x.in, rows * x.in);
      }
    } else {
      each_row(s, in, oz, oy, [&](const T* row, int64_t) { sum += sum_run(row + begin, n); });
    }
    out[place(oz, oy, ox)] = sum / T(z.count[oz] * y.count[oy] * x.count[ox]);
  };
  each_output<T>(s, vectors, single);
}

// Planes that become one mean each, four at a time.
template <class T>
void whole_means(const T* x, T* y, int64_t size, int64_t planes, T count) {
  constexpr int w = lanes<T>;
  for (int64_t i = 0; i < planes; i += 4) {
    const T* from[4];
    for (int64_t k = 0; k < 4; ++k) from[k] = x + std::min(i + k, planes - 1) * size;
    Vec<T> sums[4] = {};
    int64_t j = 0;
    for (; j + w <= size; j += w) {
      for (int k = 0; k < 4; ++k) sums[k] = sums[k] + load(from[k] + j);
    }
    if (j < size) {
      const Mask<T> m = first<T>(size - j);
      for (int k = 0; k < 4; ++k) sums[k] = sums[k] + load(from[k] + j, m);
    }
    T totals[4];
    store(totals, sums_of_four<T>(sums[0], sums[1], sums[2], sums[3]) / splat<T, 4>(count));
    for (int64_t k = 0; k < std::min<int64_t>(4, planes - i); ++k) y[i + k] = totals[k];
  }
}

template <class T>
void mean_grad_plane(const PoolShape& s, const T* dy, T* dx) {
  const PoolAxis &z = s.axis[0], &y = s.axis[1], &x = s.axis[2];
  std::memset(dx, 0, size_t(z.in * y.in * x.in) * sizeof(T));
  for (int64_t oz = 0; oz < z.out; ++oz) {
    for (int64_t oy = 0; oy < y.out; ++oy, dy += x.out) {
      const int64_t rows = z.count[oz] * y.count[oy];
      for (int64_t i = z.start[oz]; i < z.end[oz]; ++i) {
        for (int64_t j = y.start[oy]; j < y.end[oy]; ++j) {
          T* row = dx + (i * y.in + j) * x.in;
          for (int64_t ox = 0; ox < x.out; ++ox) {
            const T v = dy[ox] / T(rows * x.count[ox]);
            for (int64_t k = x.start[ox]; k < x.end[ox]; ++k) row[k] += v;
          }
        }
      }
    }
  }
}

template <class F>
void by_type(DType t, F f) {
  if (t == DType::Float32) return f(TypeTag<float>{});
  if (t == DType::Float64) return f(TypeTag<double>{});
  f(TypeTag<int64_t>{});
}
int64_t size_in(const PoolShape& s) { return s.axis[0].in * s.axis[1].in * s.axis[2].in; }
int64_t size_out(const PoolShape& s) { return s.axis[0].out * s.axis[1].out * s.axis[2].out; }

void max_impl(const PoolShape& s, const void* x, void* y, int32_t* index, int64_t begin, int64_t end) {
  const int64_t in = size_in(s), out = size_out(s);
  by_type(s.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = begin; i < end; ++i) {
      const T* from = static_cast<const T*>(x) + i * in;
      T* to = static_cast<T*>(y) + i * out;
      if (index != nullptr) {
        max_plane<T, true>(s, from, to, index + i * out);
      } else {
        max_plane<T, false>(s, from, to, nullptr);
      }
    }
  });
}
void mean_impl(const PoolShape& s, const void* x, void* y, int64_t begin, int64_t end) {
  bool whole = s.dtype != DType::Int64;
  int64_t count = 1;
  for (const PoolAxis& a : s.axis) {
    whole = whole && a.out == 1 && a.start[0] == 0 && a.end[0] == a.in && a.dilation == 1;
    count *= a.count[0];
  }
  by_type(s.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (std::is_floating_point_v<T>) {
      const int64_t in = size_in(s);
      if (whole)
        return whole_means(static_cast<const T*>(x) + begin * in, static_cast<T*>(y) + begin, in, end - begin,
                           T(count));
    }
    for (int64_t i = begin; i < end; ++i) {
      mean_plane(s, static_cast<const T*>(x) + i * size_in(s), static_cast<T*>(y) + i * size_out(s));
    }
  });
}
void mean_grad_impl(const PoolShape& s, const void* dy, void* dx, int64_t begin, int64_t end) {
  by_type(s.dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = begin; i < end; ++i) {
      mean_grad_plane(s, static_cast<const T*>(dy) + i * size_out(s), static_cast<T*>(dx) + i * size_in(s));
    }
  });
}
void take_impl(DType dtype, const void* x, const int32_t* index, void* y, int64_t in, int64_t out, int64_t begin,
               int64_t end) {
  by_type(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = begin; i < end; ++i) {
      const T* from = static_cast<const T*>(x) + i * in;
      T* to = static_cast<T*>(y) + i * out;
      for (int64_t j = 0; j < out; ++j) to[j] = from[index[i * out + j]];
    }
  });
}
void put_impl(DType dtype, const void* dy, const int32_t* index, void* dx, int64_t in, int64_t out, bool add,
              int64_t begin, int64_t end) {
  by_type(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = begin; i < end; ++i) {
      const T* from = static_cast<const T*>(dy) + i * out;
      const int32_t* at = index + i * out;
      T* to = static_cast<T*>(dx) + i * in;
      std::memset(to, 0, size_t(in) * sizeof(T));
      for (int64_t j = 0; j < out; ++j) to[at[j]] = add ? to[at[j]] + from[j] : from[j];
    }
  });
}

}  // namespace

TL_KERNEL(pool_max, &max_impl);
TL_KERNEL(pool_mean, &mean_impl);
TL_KERNEL(pool_mean_grad, &mean_grad_impl);
TL_KERNEL(pool_take, &take_impl);
TL_KERNEL(pool_put, &put_impl);

}  // namespace tl::kernels
