#include "kernels/moments.h"

#include "kernels/lanes.h"

namespace tl::kernels {

namespace {

struct Moments {
  double count = 0, mean = 0, squares = 0;
  TL_MEMBER_INLINE void join(double n, double m, double s) {
    const double total = count + n, delta = m - mean;
    mean += delta * (n / total);
    squares += s + delta * delta * (count * n / total);
    count = total;
  }
};

// Σ d and Σ d² of d = x - centre.
template <class A>
TL_ALWAYS_INLINE void deviations(const A* x, int64_t n, A centre, double& sum, double& squares) {
  using V = typename Lanes<A>::V;
  constexpr int L = Lanes<A>::count;
  V s = splat_lanes(A(0)), q = s, s2 = s, q2 = s;
  int64_t i = 0;
  for (; i + 2 * L <= n; i += 2 * L) {
    V d = load_lanes(x + i) - centre, e = load_lanes(x + i + L) - centre;
    s += d;
    q += d * d;
    s2 += e;
    q2 += e * e;
  }
  for (; i + L <= n; i += L) {
    V d = load_lanes(x + i) - centre;
    s += d;
    q += d * d;
  }
  double rest = 0, rest_squares = 0;
  for (; i < n; ++i) {
    const double d = double(x[i] - centre);
    rest += d;
    rest_squares += d * d;
  }
  if (n >= L) {
    rest += double(fold_lanes<A>(s + s2, join_of<Sum>));
    rest_squares += double(fold_lanes<A>(q + q2, join_of<Sum>));
  }
  sum = rest;
  squares = rest_squares;
}

template <class A>
void rows(const MomentsArgs& args, const Source<A>& source) {
  A buffer[block];
  for (int64_t j = 0; j < args.m; ++j) {
    Moments all;
    for (int64_t i = 0; i < args.n; i += block) {
      const int64_t k = args.n - i < block ? args.n - i : block;
      const A* x = source.read(source.at(args.in, j * args.in_stride + i * args.in_step), args.in_step, k, buffer);
      const A centre = reduce_block<Sum>(x, k) / A(k);
      double sum, squares;
      deviations(x, k, centre, sum, squares);
      all.join(double(k), double(centre) + sum / double(k), squares - sum * sum / double(k));
    }
    args.mean[j * args.out_stride] = all.mean;
    args.squares[j * args.out_stride] = all.squares;
  }
}

constexpr int64_t rows_at_once = 32;
template <class A>
constexpr int64_t width_at_once = 512 / int64_t(sizeof(A));

template <class A>
void columns_group(const MomentsArgs& args, const Source<A>& source, int64_t first, int64_t width) {
  constexpr int64_t most = width_at_once<A>;
  A buffer[rows_at_once][most], centre[most], sum[most], squares[most];
  double mean[most], total[most];
  const A* row[rows_at_once];
  for (int64_t i = 0; i < args.n; i += rows_at_once) {
    const int64_t k = args.n - i < rows_at_once ? args.n - i : rows_at_once;
    for (int64_t j = 0; j < width; ++j) sum[j] = squares[j] = centre[j] = 0;
    for (int64_t r = 0; r < k; ++r) {
      row[r] = source.read(source.at(args.in, first * args.in_stride + (i + r) * args.in_step), args.in_stride, width,
                           buffer[r]);
      const A* TL_RESTRICT x = row[r];
      for (int64_t j = 0; j < width; ++j) centre[j] += x[j];
    }
    const A scale = A(1) / A(k);
    for (int64_t j = 0; j < width; ++j) centre[j] *= scale;
    for (int64_t r = 0; r < k; ++r) {
      const A* TL_RESTRICT x = row[r];
      for (int64_t j = 0; j < width; ++j) {
        const A d = x[j] - centre[j];
        sum[j] += d;
        squares[j] += d * d;
      }
    }
    const double count = double(k), before = double(i), share = count / (before + count);
    for (int64_t j = 0; j < width; ++j) {
      const double s = double(sum[j]), m = double(centre[j]) + s / count, q = double(squares[j]) - s * s / count;
      if (i == 0) {
        mean[j] = m;
        total[j] = q;
      } else {
        const double delta = m - mean[j];
        mean[j] += delta * share;
        total[j] += q + delta * delta * (before * share);
      }
    }
  }
  for (int64_t j = 0; j < width; ++j) {
    args.mean[(first + j) * args.out_stride] = mean[j];
    args.squares[(first + j) * args.out_stride] = total[j];
  }
}

template <class A>
void moments_as(const MomentsArgs& args) {
  const Source<A> source(args.dtype, Load::value);
  const bool across = args.m >= 8 && (args.in_stride < args.in_step || (args.n <= 16 && args.m >= 16));
  if (!across) return rows(args, source);
  for (int64_t at = 0; at < args.m; at += width_at_once<A>) {
    columns_group(args, source, at, args.m - at < width_at_once<A> ? args.m - at : width_at_once<A>);
  }
}

void moments_impl(const MomentsArgs& args) {
  args.dtype == DType::Float64 ? moments_as<double>(args) : moments_as<float>(args);
}

}  // namespace

TL_KERNEL(moments, &moments_impl);

}  // namespace tl::kernels
