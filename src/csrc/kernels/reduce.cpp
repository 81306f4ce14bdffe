#include "kernels/reduce.h"

#include "kernels/lanes.h"

namespace tl::kernels {

namespace {

// --- one run of elements ---------------------------------------------------------------------------

template <class Op, class A>
A reduce_run(const Source<A>& source, const char* p, int64_t step, int64_t n) {
  A buffer[block];
  if (n <= block) return reduce_block<Op>(source.read(p, step, n, buffer), n);
  // Results of blocks are joined as a binary counter carries: a balanced tree.
  A stack[64];
  int top = 0;
  for (int64_t i = 0, number = 1; i < n; i += block, ++number) {
    int64_t k = n - i < block ? n - i : block;
    A v = reduce_block<Op>(source.read(source.at(p, i * step), step, k, buffer), k);
    for (int64_t c = number; (c & 1) == 0; c >>= 1) v = Op::join(stack[--top], v);
    stack[top++] = v;
  }
  A v = stack[--top];
  while (top > 0) v = Op::join(stack[--top], v);
  return v;
}

template <class Op, class A>
void reduce_rows(const ReduceArgs& args, const Source<A>& source) {
  const A divisor = A(args.divisor);
  int64_t j = 0;
  if constexpr (!is_complex_v<A>) {
    if (source.in_place(args.in_step) && args.n >= Lanes<A>::count && args.n <= block) {
      // Short rows: the last steps, which go across a vector, are shared by four.
      for (; j + 4 <= args.m; j += 4) {
        typename Lanes<A>::V v[4];
        for (int k = 0; k < 4; ++k) {
          v[k] = reduce_to_lanes<Op>(reinterpret_cast<const A*>(source.at(args.in, (j + k) * args.in_stride)), args.n);
        }
        A results[4];
        fold_four<A, Lanes<A>::count>(v[0], v[1], v[2], v[3], results, join_of<Op>);
        for (int k = 0; k < 4; ++k) {
          store_as(args.out_type, args.out, (j + k) * args.out_stride,
                   args.divisor == 1 ? results[k] : results[k] / divisor);
        }
      }
    }
  }
  for (; j < args.m; ++j) {
    A v = reduce_run<Op>(source, source.at(args.in, j * args.in_stride), args.in_step, args.n);
    if (args.divisor != 1) v = v / divisor;
    store_as(args.out_type, args.out, j * args.out_stride, v);
  }
}

// --- neighbouring columns together -----------------------------------------------------------------

// As many at a time as fill a kilobyte.
template <class A>
constexpr int64_t columns = 1024 / int64_t(sizeof(A));
constexpr int64_t rows_a_block = 32;
constexpr int levels = 24;  // of the tree over blocks of rows

template <class Op, class A>
TL_NOINLINE void join_columns(A* TL_RESTRICT into, const A* TL_RESTRICT from, int64_t width) {
  constexpr int L = Lanes<A>::count;
  int64_t j = 0;
  for (; j + L <= width; j += L) {
    auto v = Op::join(load_lanes(into + j), load_lanes(from + j));
    std::memcpy(into + j, &v, sizeof v);
  }
  for (; j < width; ++j) into[j] = Op::join(into[j], from[j]);
}

// The columns of a block of rows, into acc[width]: four rows are joined with each other first.
template <class Op, class A>
TL_NOINLINE void reduce_rows_block(const Source<A>& source, const char* p, int64_t step, int64_t rows, int64_t stride,
                                   int64_t width, A* TL_RESTRICT acc) {
  constexpr int L = Lanes<A>::count;
  A buffer[4][columns<A>];
  for (int64_t j = 0; j < width; ++j) acc[j] = Op::template start<A>();
  auto row = [&](int64_t i, int slot) { return source.read(source.at(p, i * step), stride, width, buffer[slot]); };
  int64_t i = 0;
  for (; i + 4 <= rows; i += 4) {
    const A *a = row(i, 0), *b = row(i + 1, 1), *c = row(i + 2, 2), *d = row(i + 3, 3);
    auto four = [](auto t, auto x, auto y, auto z, auto w) {
      return Op::join(t, Op::join(Op::join(x, y), Op::join(z, w)));
    };
    int64_t j = 0;
    for (; j + L <= width; j += L) {
      auto v = four(load_lanes(acc + j), load_lanes(a + j), load_lanes(b + j), load_lanes(c + j), load_lanes(d + j));
      std::memcpy(acc + j, &v, sizeof v);
    }
    for (; j < width; ++j) acc[j] = four(acc[j], a[j], b[j], c[j], d[j]);
  }
  for (; i < rows; ++i) join_columns<Op>(acc, row(i, 0), width);
}

// At most columns<A> of them, into result[width].
template <class Op, class A>
TL_NOINLINE void reduce_columns(const Source<A>& source, const char* p, int64_t n, int64_t step, int64_t stride,
                                int64_t width, A* result) {
  A stack[levels][columns<A>];
  int top = 0;
  int64_t number = 1;
  for (int64_t i = 0; i < n; i += rows_a_block, ++number) {
    int64_t rows = n - i < rows_a_block ? n - i : rows_a_block;
    reduce_rows_block<Op>(source, source.at(p, i * step), step, rows, stride, width, stack[top++]);
    for (int64_t c = number; (c & 1) == 0 || top == levels; c >>= 1) {
      --top;
      join_columns<Op>(stack[top - 1], stack[top], width);
    }
  }
  for (; top > 1; --top) join_columns<Op>(stack[top - 2], stack[top - 1], width);
  for (int64_t j = 0; j < width; ++j) result[j] = stack[0][j];
}

template <class A>
TL_NOINLINE void store_columns(const ReduceArgs& args, int64_t at, int64_t width, A* v) {
  const A divisor = A(args.divisor);
  if (args.divisor != 1) {
    for (int64_t j = 0; j < width; ++j) v[j] = v[j] / divisor;
  }
  if (args.out_type == DTypeOf<A>::value && args.out_stride == 1) {
    A* TL_RESTRICT out = reinterpret_cast<A*>(args.out) + at;
    for (int64_t j = 0; j < width; ++j) out[j] = v[j];
    return;
  }
  for (int64_t j = 0; j < width; ++j) store_as(args.out_type, args.out, (at + j) * args.out_stride, v[j]);
}

// A few columns without gaps are seen as many: `group` rows side by side, whose results are then
// joined. False where that does not apply.
template <class Op, class A>
TL_NOINLINE bool reduce_narrow(const ReduceArgs& args, const Source<A>& source) {
  if (args.m > 16 || args.in_stride != 1 || args.in_step != args.m || args.n < 128) return false;
  const int64_t group = columns<A> / args.m, groups = args.n / group;
  A wide[columns<A>];
  reduce_columns<Op>(source, args.in, groups, group * args.m, 1, group * args.m, wide);
  for (int64_t rows = group; rows > 1; rows = (rows + 1) / 2) {
    int64_t half = (rows + 1) / 2;
    join_columns<Op>(wide, wide + half * args.m, (rows - half) * args.m);
  }
  if (groups * group < args.n) {
    A rest[columns<A>];
    reduce_columns<Op>(source, source.at(args.in, groups * group * args.m), args.n - groups * group, args.m, 1, args.m,
                       rest);
    join_columns<Op>(wide, rest, args.m);
  }
  store_columns(args, 0, args.m, wide);
  return true;
}

template <class Op, class A>
void reduce_all_columns(const ReduceArgs& args, const Source<A>& source) {
  A result[columns<A>];
  for (int64_t at = 0; at < args.m; at += columns<A>) {
    int64_t width = args.m - at < columns<A> ? args.m - at : columns<A>;
    reduce_columns<Op>(source, source.at(args.in, at * args.in_stride), args.n, args.in_step, args.in_stride, width,
                       result);
    store_columns(args, at, width, result);
  }
}

template <class Op, class A>
void reduce_as(const ReduceArgs& args, Load load = Load::value) {
  const Source<A> source(args.in_type, load, args.power);
  auto size = [](int64_t s) { return s < 0 ? -s : s; };
  if (args.m > 1 && args.n > 1 && size(args.in_stride) < size(args.in_step)) {
    if (reduce_narrow<Op>(args, source)) return;
    if (args.m >= 4 || args.n < 64) return reduce_all_columns<Op>(args, source);
  }
  // Very short rows are many columns, whatever lies between them.
  if (args.n > 0 && args.n <= 16 && args.m >= 16) return reduce_all_columns<Op>(args, source);
  reduce_rows<Op>(args, source);
}

template <class Op>
void reduce_number(const ReduceArgs& args) {
  switch (args.compute) {
    case DType::Float64:
      return reduce_as<Op, double>(args);
    case DType::Complex64:
      return reduce_as<Op, std::complex<float>>(args);
    case DType::Complex128:
      return reduce_as<Op, std::complex<double>>(args);
    case DType::Int64:
      return reduce_as<Op, int64_t>(args);
    default:
      return reduce_as<Op, float>(args);
  }
}
template <class Op>
void reduce_ordered(const ReduceArgs& args) {
  if (args.compute == DType::Int64) return reduce_as<Op, int64_t>(args);
  return args.compute == DType::Float64 ? reduce_as<Op, double>(args) : reduce_as<Op, float>(args);
}
template <class Op>
void reduce_real(const ReduceArgs& args, Load load) {
  return args.compute == DType::Float64 ? reduce_as<Op, double>(args, load) : reduce_as<Op, float>(args, load);
}

void reduce_impl(const ReduceArgs& args) {
  switch (args.kind) {
    case ReduceKind::sum:
      return reduce_number<Sum>(args);
    case ReduceKind::prod:
      return reduce_number<Prod>(args);
    case ReduceKind::max:
      return reduce_ordered<Max>(args);
    case ReduceKind::min:
      return reduce_ordered<Min>(args);
    case ReduceKind::any:
      return reduce_as<Max, uint8_t>(args, Load::nonzero);
    case ReduceKind::all:
      return reduce_as<Min, uint8_t>(args, Load::nonzero);
    case ReduceKind::count:
      return reduce_as<Sum, int64_t>(args, Load::nonzero);
    case ReduceKind::nan_sum:
      return reduce_real<Sum>(args, Load::nan_as_zero);
    case ReduceKind::abs_sum:
      return reduce_real<Sum>(args, Load::abs);
    case ReduceKind::square_sum:
      return reduce_real<Sum>(args, Load::square);
    case ReduceKind::pow_sum:
      return reduce_real<Sum>(args, Load::power);
    case ReduceKind::abs_max:
      return reduce_real<Max>(args, Load::abs);
    case ReduceKind::abs_min:
      return reduce_real<Min>(args, Load::abs);
    case ReduceKind::has_nan:
      return reduce_as<Max, uint8_t>(args, Load::is_nan);
  }
}

float sum_f32_impl(const float* p, int64_t n) {
  if (n <= block) return reduce_block<Sum>(p, n);
  return reduce_run<Sum>(Source<float>(DType::Float32, Load::value), reinterpret_cast<const char*>(p), 1, n);
}

}  // namespace

TL_KERNEL(reduce, &reduce_impl);
TL_KERNEL(sum_f32, &sum_f32_impl);

}  // namespace tl::kernels
