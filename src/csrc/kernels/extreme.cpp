#include "kernels/extreme.h"

#include "kernels/lanes.h"

namespace tl::kernels {

namespace {

// Is b beyond a? For Max and Min; scalars.
template <class Op, class A>
TL_ALWAYS_INLINE bool beyond(A b, A a) {
  if constexpr (std::is_same_v<Op, Max>) {
    return b > a || (b != b && a == a);
  } else {
    return b < a || (b != b && a == a);
  }
}

template <class Op, class A>
void rows(const ExtremeArgs& args, const Source<A>& source) {
  A buffer[block];
  for (int64_t j = 0; j < args.m; ++j) {
    const char* p = source.at(args.in, j * args.in_stride);
    // The best value of each block; only the block that has it is searched.
    A best = A(0);
    int64_t start = 0;
    for (int64_t i = 0; i < args.n; i += block) {
      int64_t k = args.n - i < block ? args.n - i : block;
      A v = reduce_block<Op>(source.read(source.at(p, i * args.in_step), args.in_step, k, buffer), k);
      if (i == 0 || beyond<Op>(v, best)) {
        best = v;
        start = i;
      }
    }
    int64_t k = args.n - start < block ? args.n - start : block;
    const A* x = source.read(source.at(p, start * args.in_step), args.in_step, k, buffer);
    int64_t at = 0;
    if (best != best) {
      while (at + 1 < k && x[at] == x[at]) ++at;
    } else {
      while (at + 1 < k && x[at] != best) ++at;
    }
    args.indices[j * args.out_stride] = start + at;
    if (args.values != nullptr) store_as(args.dtype, args.values, j * args.out_stride, best);
  }
}

constexpr int64_t width_of_group = 64;

template <class Op, class A>
void columns_group(const ExtremeArgs& args, const Source<A>& source, int64_t first, int64_t width) {
  using Int = std::conditional_t<sizeof(A) == 4, int32_t, int64_t>;
  constexpr int L = Lanes<A>::count;
  using V = Vec<A, L>;
  using VI = Vec<Int, L>;
  A buffer[width_of_group], best[width_of_group];
  Int where[width_of_group];
  for (int64_t j = 0; j < width_of_group; ++j) buffer[j] = A(0);
  const char* p = source.at(args.in, first * args.in_stride);
  const int64_t vectors = (width + L - 1) / L;
  for (int64_t i = 0; i < args.n; ++i) {
    const A* row = source.read(source.at(p, i * args.in_step), args.in_stride, width, buffer);
    if (row != buffer && width < width_of_group) {  // vectors reach over the last column
      std::memcpy(buffer, row, size_t(width) * sizeof(A));
      row = buffer;
    }
    for (int64_t k = 0; k < vectors; ++k) {
      V v = load_lanes(row + k * L);
      VI at = VI{} + Int(i);
      if (i > 0) {
        V b = load_lanes(best + k * L);
        VI w = load_lanes(where + k * L);
        VI take;
        if constexpr (std::is_same_v<Op, Max>) {
          take = (v > b) | ((v != v) & (b == b));
        } else {
          take = (v < b) | ((v != v) & (b == b));
        }
        v = take ? v : b;
        at = take ? at : w;
      }
      std::memcpy(best + k * L, &v, sizeof v);
      std::memcpy(where + k * L, &at, sizeof at);
    }
  }
  for (int64_t j = 0; j < width; ++j) {
    args.indices[(first + j) * args.out_stride] = where[j];
    if (args.values != nullptr) store_as(args.dtype, args.values, (first + j) * args.out_stride, best[j]);
  }
}

template <class Op, class A>
void extreme_as(const ExtremeArgs& args) {
  const Source<A> source(args.dtype, Load::value);
  const bool across = args.m >= 8 && (args.in_stride < args.in_step || (args.n <= 16 && args.m >= 16));
  if (!across || args.n > INT32_MAX) return rows<Op>(args, source);
  for (int64_t at = 0; at < args.m; at += width_of_group) {
    columns_group<Op>(args, source, at, args.m - at < width_of_group ? args.m - at : width_of_group);
  }
}

void extreme_impl(const ExtremeArgs& args) {
  if (is_integral_or_bool(args.dtype)) {
    args.largest ? extreme_as<Max, int64_t>(args) : extreme_as<Min, int64_t>(args);
  } else if (args.dtype == DType::Float64) {
    args.largest ? extreme_as<Max, double>(args) : extreme_as<Min, double>(args);
  } else {
    args.largest ? extreme_as<Max, float>(args) : extreme_as<Min, float>(args);
  }
}

}  // namespace

TL_KERNEL(extreme, &extreme_impl);

}  // namespace tl::kernels
