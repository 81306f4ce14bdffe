#include "kernels/copy.h"

#include <cstring>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace tl::kernels {

namespace {

template <class T>
void copy_loop(char* to, int64_t ts, const char* from, int64_t fs, int64_t n) {
  constexpr int64_t width = sizeof(T);
  if (fs == 0) {
    const T v = *reinterpret_cast<const T*>(from);
    if (ts == width) {
      T* TL_RESTRICT out = reinterpret_cast<T*>(to);
      for (int64_t i = 0; i < n; ++i) out[i] = v;
    } else {
      for (int64_t i = 0; i < n; ++i) *reinterpret_cast<T*>(to + i * ts) = v;
    }
  } else if (ts == width) {
    T* TL_RESTRICT out = reinterpret_cast<T*>(to);
    for (int64_t i = 0; i < n; ++i) out[i] = *reinterpret_cast<const T*>(from + i * fs);
  } else {
    for (int64_t i = 0; i < n; ++i) *reinterpret_cast<T*>(to + i * ts) = *reinterpret_cast<const T*>(from + i * fs);
  }
}

void copy_run_impl(size_t width, char* to, int64_t ts, const char* from, int64_t fs, int64_t n) {
  if (n <= 0) return;  // nothing may lie at `from`
  if (ts == int64_t(width) && fs == ts) {
    std::memcpy(to, from, size_t(n) * width);
    return;
  }
  dispatch_by_size(width, [&](auto tag) { copy_loop<typename decltype(tag)::type>(to, ts, from, fs, n); });
}

void fill_run_impl(size_t width, char* to, int64_t ts, const void* value, int64_t n) {
  copy_run_impl(width, to, ts, static_cast<const char*>(value), 0, n);
}

// --- transposition ------------------------------------------------------------------------------

#if defined(__AVX2__)
constexpr bool has_shuffles = true;

TL_ALWAYS_INLINE void transpose_8x8(char* to, int64_t ts, const char* from, int64_t fs) {
  __m256 r[8], t[8];
  for (int i = 0; i < 8; ++i) r[i] = _mm256_loadu_ps(reinterpret_cast<const float*>(from + i * fs));
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(t[i], t[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(t[i], t[i + 2], 0xee);
    r[i + 2] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(t[i + 1], t[i + 3], 0xee);
  }
  for (int i = 0; i < 4; ++i) {
    _mm256_storeu_ps(reinterpret_cast<float*>(to + i * ts), _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
    _mm256_storeu_ps(reinterpret_cast<float*>(to + (i + 4) * ts), _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
  }
}
TL_ALWAYS_INLINE void transpose_4x4(char* to, int64_t ts, const char* from, int64_t fs) {
  __m256d r[4], t[4];
  for (int i = 0; i < 4; ++i) r[i] = _mm256_loadu_pd(reinterpret_cast<const double*>(from + i * fs));
  for (int i = 0; i < 4; i += 2) {
    t[i] = _mm256_unpacklo_pd(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_pd(r[i], r[i + 1]);
  }
  for (int i = 0; i < 2; ++i) {
    _mm256_storeu_pd(reinterpret_cast<double*>(to + i * ts), _mm256_permute2f128_pd(t[i], t[i + 2], 0x20));
    _mm256_storeu_pd(reinterpret_cast<double*>(to + (i + 2) * ts), _mm256_permute2f128_pd(t[i], t[i + 2], 0x31));
  }
}
#else
constexpr bool has_shuffles = false;
TL_ALWAYS_INLINE void transpose_8x8(char*, int64_t, const char*, int64_t) {}
TL_ALWAYS_INLINE void transpose_4x4(char*, int64_t, const char*, int64_t) {}
#endif

// The side of a square that is transposed at once.
constexpr int64_t side_of(size_t width) {
  if (has_shuffles && width == 4) return 8;
  if (has_shuffles && width == 8) return 4;
  return width > 8 ? 8 : int64_t(64 / width);
}
template <class T>
TL_ALWAYS_INLINE void transpose_square(char* to, int64_t ts, const char* from, int64_t fs) {
  if constexpr (has_shuffles && sizeof(T) == 4) return transpose_8x8(to, ts, from, fs);
  if constexpr (has_shuffles && sizeof(T) == 8) return transpose_4x4(to, ts, from, fs);
  constexpr int64_t n = side_of(sizeof(T));
  T block[n][n];
  for (int64_t c = 0; c < n; ++c) std::memcpy(block[c], from + c * fs, sizeof block[c]);
  for (int64_t r = 0; r < n; ++r) {
    T* TL_RESTRICT out = reinterpret_cast<T*>(to + r * ts);
    for (int64_t c = 0; c < n; ++c) out[c] = block[c][r];
  }
}

// Strips of rows as wide as a cache line of the source, squares within them.
template <class T>
void transpose_loop(char* to, int64_t ts, const char* from, int64_t fs, int64_t rows, int64_t columns) {
  constexpr int64_t n = side_of(sizeof(T)), width = sizeof(T);
  constexpr int64_t strip = 64 / width < n ? n : 64 / width;
  for (int64_t r0 = 0; r0 < rows; r0 += strip) {
    const int64_t r1 = r0 + strip < rows ? r0 + strip : rows;
    for (int64_t c0 = 0; c0 < columns; c0 += n) {
      const int64_t c1 = c0 + n < columns ? c0 + n : columns;
      int64_t r = r0;
      if (c1 - c0 == n) {
        for (; r + n <= r1; r += n) transpose_square<T>(to + r * ts + c0 * width, ts, from + c0 * fs + r * width, fs);
      }
      for (; r < r1; ++r) {
        T* TL_RESTRICT out = reinterpret_cast<T*>(to + r * ts);
        for (int64_t c = c0; c < c1; ++c) out[c] = *(reinterpret_cast<const T*>(from + c * fs) + r);
      }
    }
  }
}
void copy_transposed_impl(size_t width, char* to, int64_t ts, const char* from, int64_t fs, int64_t rows,
                          int64_t columns) {
  dispatch_by_size(width,
                   [&](auto tag) { transpose_loop<typename decltype(tag)::type>(to, ts, from, fs, rows, columns); });
}

// --- conversion ---------------------------------------------------------------------------------
//
// Every dtype is read as, and written from, one of five: uint8, int32, int64, float, double. A pair
// of dtypes is thus at most three loops over a block that stays in the first-level cache, in place
// of a loop for each of the 132 pairs.

enum Middle : int { middle_u8, middle_i32, middle_i64, middle_f32, middle_f64, middle_count };
constexpr Middle middle_of[dtype_count] = {middle_u8,  middle_u8,  middle_i32, middle_i32, middle_i32, middle_i64,
                                           middle_f32, middle_f32, middle_f32, middle_f64, middle_f32, middle_f64};
// From wider ones int8 is written as the lowest byte, which is that of uint8.
constexpr Middle write_middle_of(DType to) { return to == DType::Int8 ? middle_u8 : middle_of[int(to)]; }
constexpr size_t middle_size[middle_count] = {1, 4, 8, 4, 8};

constexpr int64_t block = 512;
using Loop = void (*)(const void* from, void* to, int64_t n);

template <class From, class To>
void convert_loop(const void* from, void* to, int64_t n) {
  const From* TL_RESTRICT f = static_cast<const From*>(from);
  To* TL_RESTRICT t = static_cast<To*>(to);
  for (int64_t i = 0; i < n; ++i) t[i] = convert<To>(f[i]);
}
template <class From, class To>
void real_part_loop(const void* from, void* to, int64_t n) {
  const From* TL_RESTRICT f = static_cast<const From*>(from);
  To* TL_RESTRICT t = static_cast<To*>(to);
  for (int64_t i = 0; i < n; ++i) t[i] = To(f[2 * i]);
}
template <class From, class To>
void truth_of_complex_loop(const void* from, void* to, int64_t n) {
  const From* TL_RESTRICT f = static_cast<const From*>(from);
  To* TL_RESTRICT t = static_cast<To*>(to);
  for (int64_t i = 0; i < n; ++i) t[i] = To(f[2 * i] != 0 || f[2 * i + 1] != 0);
}
template <class From, class To>
void complex_loop(const void* from, void* to, int64_t n) {
  const From* TL_RESTRICT f = static_cast<const From*>(from);
  To* TL_RESTRICT t = static_cast<To*>(to);
  for (int64_t i = 0; i < n; ++i) {
    t[2 * i] = To(f[i]);
    t[2 * i + 1] = 0;
  }
}
template <class From, class To>
void cast_pairs_loop(const void* from, void* to, int64_t n) {
  convert_loop<From, To>(from, to, 2 * n);
}

void half_to_float_loop(const void* from, void* to, int64_t n) {
  const uint16_t* f = static_cast<const uint16_t*>(from);
  float* t = static_cast<float*>(to);
  int64_t i = 0;
#if defined(__AVX512F__)  // masked forms: GCC 12 warns of the plain ones
  for (; i + 16 <= n; i += 16) {
    _mm512_storeu_ps(t + i, _mm512_maskz_cvtph_ps(0xffff, _mm256_loadu_si256(reinterpret_cast<const __m256i*>(f + i))));
  }
#endif
#if defined(__AVX2__)
  for (; i + 8 <= n; i += 8) {
    _mm256_storeu_ps(t + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(f + i))));
  }
#endif
  for (; i < n; ++i) t[i] = half_to_float(f[i]);
}
void float_to_half_loop(const void* from, void* to, int64_t n) {
  const float* f = static_cast<const float*>(from);
  uint16_t* t = static_cast<uint16_t*>(to);
  int64_t i = 0;
#if defined(__AVX512F__)  // masked forms: GCC 12 warns of the plain ones
  for (; i + 16 <= n; i += 16) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(t + i),
                        _mm512_maskz_cvtps_ph(0xffff, _mm512_loadu_ps(f + i), _MM_FROUND_TO_NEAREST_INT));
  }
#endif
#if defined(__AVX2__)
  for (; i + 8 <= n; i += 8) {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(t + i),
                     _mm256_cvtps_ph(_mm256_loadu_ps(f + i), _MM_FROUND_TO_NEAREST_INT));
  }
#endif
  for (; i < n; ++i) t[i] = float_to_half(f[i]);
}

template <class From>
constexpr Loop from_middle[] = {&convert_loop<From, uint8_t>, &convert_loop<From, int32_t>,
                                &convert_loop<From, int64_t>, &convert_loop<From, float>, &convert_loop<From, double>};
template <class From>
constexpr Loop to_bool = &convert_loop<From, bool>;
constexpr const Loop* between[middle_count] = {from_middle<uint8_t>, from_middle<int32_t>, from_middle<int64_t>,
                                               from_middle<float>, from_middle<double>};
constexpr Loop to_bools[middle_count] = {to_bool<uint8_t>, to_bool<int32_t>, to_bool<int64_t>, to_bool<float>,
                                         to_bool<double>};

// Null where the dtype is its own middle.
Loop reading(DType from, bool truth) {
  switch (from) {
    case DType::Int8:
      return &convert_loop<int8_t, int32_t>;
    case DType::Int16:
      return &convert_loop<int16_t, int32_t>;
    case DType::Float16:
      return &half_to_float_loop;
    case DType::BFloat16:
      return &convert_loop<BFloat16, float>;
    case DType::Complex64:
      return truth ? &truth_of_complex_loop<float, float> : &real_part_loop<float, float>;
    case DType::Complex128:
      return truth ? &truth_of_complex_loop<double, double> : &real_part_loop<double, double>;
    default:
      return nullptr;
  }
}
Loop writing(DType to) {
  switch (to) {
    case DType::Int16:
      return &convert_loop<int32_t, int16_t>;
    case DType::Float16:
      return &float_to_half_loop;
    case DType::BFloat16:
      return &convert_loop<float, BFloat16>;
    case DType::Complex64:
      return &complex_loop<float, float>;
    case DType::Complex128:
      return &complex_loop<double, double>;
    default:
      return nullptr;
  }
}

// The loops that take one dtype to another, at most three.
struct Plan {
  Loop steps[3];
  size_t widths[3];  // of an element after each step
  int count = 0;
  void add(Loop f, size_t width) {
    steps[count] = f;
    widths[count++] = width;
  }
  Plan(DType to, DType from) {
    const size_t width = item_size(to);
    if (is_complex(from) && is_complex(to)) {
      if (from != to)
        add(to == DType::Complex128 ? &cast_pairs_loop<float, double> : &cast_pairs_loop<double, float>, width);
      return;
    }
    const Middle a = middle_of[int(from)];
    const Middle b = write_middle_of(to);
    const Loop write = writing(to);
    if (Loop f = reading(from, to == DType::Bool)) add(f, middle_size[a]);
    if (to == DType::Bool) {
      add(to_bools[a], 1);
    } else if (a != b) {
      add(between[a][b], write != nullptr ? middle_size[b] : width);
    }
    if (write != nullptr) add(write, width);
  }
};

void convert_run_impl(DType to_dtype, char* to, int64_t ts, DType from_dtype, const char* from, int64_t fs, int64_t n) {
  const Plan plan(to_dtype, from_dtype);
  const auto to_width = int64_t(item_size(to_dtype)), from_width = int64_t(item_size(from_dtype));
  if (plan.count == 0) return copy_run_impl(size_t(to_width), to, ts, from, fs, n);
  if (fs == 0 && n > 1) {
    alignas(16) char one[16];
    convert_run_impl(to_dtype, one, to_width, from_dtype, from, from_width, 1);
    return fill_run_impl(size_t(to_width), to, ts, one, n);
  }
  alignas(64) char buffers[2][block * 16];
  for (int64_t i = 0; i < n; i += block) {
    const int64_t m = n - i < block ? n - i : block;
    const void* at = from + i * fs;
    int which = 0;
    if (fs != from_width) {
      copy_run_impl(size_t(from_width), buffers[0], from_width, static_cast<const char*>(at), fs, m);
      at = buffers[0];
      which = 1;
    }
    for (int s = 0; s < plan.count; ++s) {
      const bool last = s + 1 == plan.count && ts == to_width;
      void* next = last ? to + i * ts : buffers[which];
      plan.steps[s](at, next, m);
      at = next;
      which ^= 1;
    }
    if (ts != to_width) copy_run_impl(size_t(to_width), to + i * ts, ts, static_cast<const char*>(at), to_width, m);
  }
}

void ramp_i64_impl(int64_t* TL_RESTRICT to, int64_t first, int64_t step, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] = int64_t(uint64_t(first) + uint64_t(i) * uint64_t(step));
}
void ramp_f64_impl(double* TL_RESTRICT to, double first, double step, int64_t begin, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] = first + step * double(begin + i);
}

}  // namespace

TL_KERNEL(copy_run, &copy_run_impl);
TL_KERNEL(convert_run, &convert_run_impl);
TL_KERNEL(copy_transposed, &copy_transposed_impl);
TL_KERNEL(fill_run, &fill_run_impl);
TL_KERNEL(ramp_i64, &ramp_i64_impl);
TL_KERNEL(ramp_f64, &ramp_f64_impl);

}  // namespace tl::kernels
