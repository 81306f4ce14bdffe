#include "kernels/index.h"

#include <cstring>

namespace tl::kernels {

namespace {

// Calls f(pointer into self, pointer into other, run) for each run of elements that are consecutive in both.
template <class T, class F>
TL_ALWAYS_INLINE void each_run(const IndexArgs& a, const IndexRange& r, F&& f) {
  T* self = reinterpret_cast<T*>(a.self);
  T* other = reinterpret_cast<T*>(a.other);
  int64_t width = r.inner_end - r.inner_begin;
  for (int64_t o = r.outer_begin; o < r.outer_end; ++o) {
    T* base = self + a.outer[o];
    if (a.n_inner == 1) {
      const int64_t* index = a.index_per_element ? a.index + o * a.n_index : a.index;
      T* row = a.other_is_scalar ? other : other + o * a.n_index;
      int64_t step = a.other_is_scalar ? 0 : 1;
      for (int64_t i = r.index_begin; i < r.index_end; ++i)
        f(base + index[i] * a.index_stride, row + i * step, int64_t(1));
      continue;
    }
    for (int64_t i = r.index_begin; i < r.index_end; ++i) {
      int64_t row = (o * a.n_index + i) * a.n_inner;
      if (!a.index_per_element) {
        T* place = base + a.index[i] * a.index_stride;
        if (a.inner == nullptr) {
          f(place + r.inner_begin, a.other_is_scalar ? other : other + row + r.inner_begin, width);
        } else {
          for (int64_t j = r.inner_begin; j < r.inner_end; ++j) {
            f(place + a.inner[j], a.other_is_scalar ? other : other + row + j, int64_t(1));
          }
        }
        continue;
      }
      for (int64_t j = r.inner_begin; j < r.inner_end; ++j) {
        T* place = base + a.index[row + j] * a.index_stride + (a.inner == nullptr ? j : a.inner[j]);
        f(place, a.other_is_scalar ? other : other + row + j, int64_t(1));
      }
    }
  }
}

void bounds(const int64_t* index, int64_t n, int64_t* low, int64_t* high) {
  int64_t least = 0, most = 0;
  for (int64_t i = 0; i < n; ++i) {
    least = index[i] < least ? index[i] : least;
    most = index[i] > most ? index[i] : most;
  }
  *low = least;
  *high = most;
}

void gather(const IndexArgs& a, const IndexRange& r, size_t width) {
  dispatch_by_size(width, [&](auto tag) {
    using T = typename decltype(tag)::type;
    each_run<T>(a, r, [](const T* place, T* other, int64_t n) {
      if (n == 1) {
        *other = *place;
      } else {
        std::memcpy(other, place, size_t(n) * sizeof(T));
      }
    });
  });
}

void scatter(const IndexArgs& a, const IndexRange& r, size_t width) {
  dispatch_by_size(width, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (a.other_is_scalar) {
      each_run<T>(a, r, [](T* place, const T* other, int64_t n) {
        for (int64_t j = 0; j < n; ++j) place[j] = *other;
      });
      return;
    }
    each_run<T>(a, r, [](T* place, const T* other, int64_t n) {
      if (n == 1) {
        *place = *other;
      } else {
        std::memcpy(place, other, size_t(n) * sizeof(T));
      }
    });
  });
}

template <ScatterOp op, class T>
TL_ALWAYS_INLINE T combine(T a, T b) {
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return convert<T>(combine<op>(convert<float>(a), convert<float>(b)));
  } else if constexpr (op == ScatterOp::add) {
    return T(a + b);
  } else if constexpr (op == ScatterOp::multiply) {
    return T(a * b);
  } else if constexpr (std::is_arithmetic_v<T>) {
    // A NaN on either side stays.
    if constexpr (op == ScatterOp::amax) return (a != a || a > b) ? a : b;
    return (a != a || a < b) ? a : b;
  } else {
    return b;
  }
}

template <ScatterOp op>
void reduce_as(const IndexArgs& a, const IndexRange& r, DType dtype) {
  dispatch_all(dtype, [&](auto tag) {
    using T = typename decltype(tag)::type;
    if (a.other_is_scalar) {
      each_run<T>(a, r, [](T* place, const T* other, int64_t n) {
        for (int64_t j = 0; j < n; ++j) place[j] = combine<op>(place[j], *other);
      });
      return;
    }
    each_run<T>(a, r, [](T* TL_RESTRICT place, const T* TL_RESTRICT other, int64_t n) {
      for (int64_t j = 0; j < n; ++j) place[j] = combine<op>(place[j], other[j]);
    });
  });
}

void reduce(const IndexArgs& a, const IndexRange& r, DType dtype, ScatterOp op) {
  switch (op) {
    case ScatterOp::add:
      return reduce_as<ScatterOp::add>(a, r, dtype);
    case ScatterOp::multiply:
      return reduce_as<ScatterOp::multiply>(a, r, dtype);
    case ScatterOp::amax:
      return reduce_as<ScatterOp::amax>(a, r, dtype);
    case ScatterOp::amin:
      return reduce_as<ScatterOp::amin>(a, r, dtype);
    default:
      return scatter(a, r, item_size(dtype));
  }
}

void fill(char* data, const bool* mask, const char* value, int64_t n, size_t width) {
  const auto* m = reinterpret_cast<const uint8_t*>(mask);
  dispatch_by_size(width, [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* TL_RESTRICT to = reinterpret_cast<T*>(data);
    T v;
    std::memcpy(&v, value, sizeof v);
    for (int64_t i = 0; i < n; ++i) to[i] = m[i] != 0 ? v : to[i];
  });
}

}  // namespace

TL_KERNEL(mask_fill, &fill);
TL_KERNEL(index_bounds, &bounds);
TL_KERNEL(index_gather, &gather);
TL_KERNEL(index_scatter, &scatter);
TL_KERNEL(index_reduce, &reduce);

}  // namespace tl::kernels
