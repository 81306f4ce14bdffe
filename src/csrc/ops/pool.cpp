// The maps behind pooling; see pool.h. What users call is in pool_calls.cpp.
#include "ops/pool.h"

#include <algorithm>

#include "autograd/record.h"
#include "core/parallel.h"
#include "kernels/pool.h"
#include "ops/index_plan.h"

namespace tl {

namespace {

// Pieces of work hold about so many reads.
constexpr int64_t pool_work = 1 << 16;

DType compute_dtype(DType t) {
  return is_reduced_floating(t) ? DType::Float32 : is_integral_or_bool(t) ? DType::Int64 : t;
}
int64_t product(IntView sizes) {
  int64_t n = 1;
  for (int64_t s : sizes) n *= s;
  return n;
}
IntView plane_of(IntView sizes, int64_t dims) { return sizes.last(size_t(dims)); }
int64_t planes_of(IntView sizes, int64_t dims) { return product(sizes.first(sizes.size() - size_t(dims))); }

// The windows of a pooling along its axes.
class Windows {
 public:
  Windows(const PoolParams& p, DType dtype, IntView in) {
    shape.dtype = dtype;
    int64_t total = 3;
    for (int64_t d = 0; d < p.dims; ++d) total += 3 * p.out[d];
    int64_t* to = local_;
    if (total + 6 > int64_t(std::size(local_))) {
      heap_.resize(size_t(total + 6));
      to = heap_.data();
    }
    for (int64_t d = 0; d < 3; ++d) {
      kernels::PoolAxis& a = shape.axis[d];
      const int64_t at = d - (3 - p.dims);
      if (at >= 0) {
        a.in = in[size_t(at)];
        a.out = p.out[at];
      }
      int64_t *start = to, *end = to + a.out, *count = to + 2 * a.out;
      to += 3 * a.out;
      a.start = start;
      a.end = end;
      a.count = count;
      if (at < 0) {
        *start = 0;
        *end = *count = 1;
      } else if (p.adaptive) {
        for (int64_t o = 0; o < a.out; ++o) {
          start[o] = o / a.out * a.in + o % a.out * a.in / a.out;
          end[o] = ((o + 1) * a.in + a.out - 1) / a.out;
          count[o] = end[o] - start[o];
        }
      } else {
        a.stride = p.stride[at];
        a.pad = p.padding[at];
        a.kernel = p.kernel[at];
        a.dilation = p.dilation[at];
        for (int64_t o = 0; o < a.out; ++o) regular(p, a, o, start[o], end[o], count[o]);
      }
      if (p.divisor != 0 && at >= 0) std::fill(count, count + a.out, at == 0 ? p.divisor : 1);
    }
  }
  kernels::PoolShape shape;

 private:
  static void regular(const PoolParams& p, const kernels::PoolAxis& a, int64_t o, int64_t& start, int64_t& end,
                      int64_t& count) {
    const int64_t begin = o * a.stride - a.pad, reach = (a.kernel - 1) * a.dilation + 1;
    start = begin >= 0 ? begin : begin + (-begin + a.dilation - 1) / a.dilation * a.dilation;
    end = std::min(begin + reach, a.in);
    const int64_t seen = std::max<int64_t>(0, end - start);
    count = std::max<int64_t>(1, p.count_include_pad ? std::min(begin + a.kernel, a.in + a.pad) - begin : seen);
  }

  int64_t local_[256];
  std::vector<int64_t> heap_;
};

int64_t grain_of(const PoolParams& p, IntView plane) {
  int64_t work = product(plane);
  if (!p.adaptive) {
    int64_t reads = 1;
    for (int64_t d = 0; d < p.dims; ++d) reads *= p.out[d] * p.kernel[d];
    work = std::max(work, reads);
  }
  return std::max<int64_t>(1, pool_work / std::max<int64_t>(1, work));
}

Dims pooled_sizes(IntView sizes, const PoolParams& p) {
  Dims out(sizes);
  for (int64_t d = 0; d < p.dims; ++d) out[sizes.size() - size_t(p.dims - d)] = p.out[d];
  return out;
}

Tensor rounded(const Tensor& made, DType dtype) {
  if (made.dtype() == dtype) return made;
  Tensor out = empty(made.sizes(), dtype);
  copy_values(out, made);
  return out;
}

void check_plane(IntView plane) {
  TL_CHECK(product(plane) < (int64_t(1) << 31), "pooling: planes hold less than 2**31 elements, but have the sizes ",
           Shape{plane});
}

void record_maxima(const Pooled& made, const Tensor& x, int64_t dims, const char* label) {
  record(made.values, label, inputs(x), saves(made.index), [sizes = Dims(x.sizes()), dims](Backward& b) {
    b[0] = pool_placed(b.grad(), b.saved(0), sizes, dims, true, "MaxPool2DWithIndicesBackwardBackward0");
  });
}

Tensor spread_means(const Tensor& dy, const PoolParams& p, IntView sizes) {
  const DType dtype = compute_dtype(dy.dtype());
  const IntView plane = plane_of(sizes, p.dims);
  Tensor g = dense_values(dy, dy.sizes(), dtype), out = empty(sizes, dtype);
  if (dy.numel() == 0) {
    zero_(out);
  } else {
    const Windows w(p, dtype, plane);
    parallel_for(planes_of(sizes, p.dims), grain_of(p, plane), [&](int64_t begin, int64_t end) {
      kernels::pool_mean_grad(w.shape, g->data(), out->data(), begin, end);
    });
  }
  out = rounded(out, dy.dtype());
  if (needs_grad(dy)) {
    record(out, "AvgPool2DBackwardBackward0", inputs(dy), saves(),
           [p](Backward& b) { b[0] = pool_means(b.grad(), p, "AvgPool2DBackward0"); });
  }
  return out;
}

}  // namespace

Pooled pool_maxima(const Tensor& x, const PoolParams& p, bool indexed, const char* label) {
  const DType dtype = compute_dtype(x.dtype());
  const Dims sizes = pooled_sizes(x.sizes(), p);
  const IntView plane = plane_of(x.sizes(), p.dims);
  check_plane(plane);
  const bool recorded = needs_grad(x);
  Tensor from = dense_values(x, x.sizes(), dtype);
  Pooled made{empty(sizes, dtype), indexed || recorded ? empty(sizes, DType::Int32) : Tensor()};
  if (made.values.numel() > 0) {
    const Windows w(p, dtype, plane);
    int32_t* index = made.index.defined() ? made.index.data<int32_t>() : nullptr;
    parallel_for(planes_of(x.sizes(), p.dims), grain_of(p, plane), [&](int64_t begin, int64_t end) {
      kernels::pool_max(w.shape, from->data(), made.values->data(), index, begin, end);
    });
  }
  made.values = rounded(made.values, x.dtype());
  if (recorded) record_maxima(made, x, p.dims, label);
  return made;
}

Pooled pool_maxima_at(const Tensor& x, const PoolParams& p, const int64_t* start, const char* label) {
  const DType dtype = compute_dtype(x.dtype());
  const Dims sizes = pooled_sizes(x.sizes(), p);
  const IntView plane = plane_of(x.sizes(), p.dims);
  check_plane(plane);
  Tensor from = dense_values(x, x.sizes(), dtype);
  Pooled made{empty(sizes, dtype), empty(sizes, DType::Int32)};
  int64_t per_plane = 0;
  for (int64_t d = 0; d < p.dims; ++d) per_plane += p.out[d];
  if (made.values.numel() > 0) {
    parallel_for(planes_of(x.sizes(), p.dims), grain_of(p, plane), [&](int64_t begin, int64_t end) {
      PoolParams once = p;
      for (int64_t d = 0; d < p.dims; ++d) once.stride[d] = 1, once.padding[d] = 0, once.dilation[d] = 1;
      Windows w(once, dtype, plane);
      std::vector<int64_t> ends(static_cast<size_t>(per_plane));
      for (int64_t i = begin; i < end; ++i) {
        const int64_t* at = start + i * per_plane;
        int64_t* stop = ends.data();
        for (int64_t d = 0; d < p.dims; ++d) {
          kernels::PoolAxis& a = w.shape.axis[3 - p.dims + d];
          a.stride = 0;  // windows as listed
          a.start = at;
          a.end = stop;
          for (int64_t o = 0; o < p.out[d]; ++o) stop[o] = at[o] + p.kernel[d];
          at += p.out[d];
          stop += p.out[d];
        }
        kernels::pool_max(w.shape, from->data(), made.values->data(), made.index.data<int32_t>(), i, i + 1);
      }
    });
  }
  made.values = rounded(made.values, x.dtype());
  if (needs_grad(x)) record_maxima(made, x, p.dims, label);
  return made;
}

Tensor pool_means(const Tensor& x, const PoolParams& p, const char* label) {
  const DType dtype = compute_dtype(x.dtype());
  const IntView plane = plane_of(x.sizes(), p.dims);
  Tensor from = dense_values(x, x.sizes(), dtype), out = empty(pooled_sizes(x.sizes(), p), dtype);
  if (out.numel() > 0) {
    const Windows w(p, dtype, plane);
    parallel_for(planes_of(x.sizes(), p.dims), grain_of(p, plane), [&](int64_t begin, int64_t end) {
      kernels::pool_mean(w.shape, from->data(), out->data(), begin, end);
    });
  }
  out = rounded(out, x.dtype());
  if (needs_grad(x)) {
    record(out, label, inputs(x), saves(),
           [p, sizes = Dims(x.sizes())](Backward& b) { b[0] = spread_means(b.grad(), p, sizes); });
  }
  return out;
}

Tensor pool_taken(const Tensor& x, const Tensor& index, int64_t dims, const char* label) {
  const DType dtype = compute_dtype(x.dtype());
  Tensor from = dense_values(x, x.sizes(), dtype), out = empty(index.sizes(), dtype);
  const int64_t in = product(plane_of(x.sizes(), dims)), n = product(plane_of(index.sizes(), dims));
  if (out.numel() > 0) {
    parallel_for(planes_of(index.sizes(), dims), std::max<int64_t>(1, pool_work / n), [&](int64_t begin, int64_t end) {
      kernels::pool_take(dtype, from->data(), index.data<int32_t>(), out->data(), in, n, begin, end);
    });
  }
  out = rounded(out, x.dtype());
  if (needs_grad(x)) {
    record(out, label, inputs(x), saves(index), [sizes = Dims(x.sizes()), dims, label](Backward& b) {
      b[0] = pool_placed(b.grad(), b.saved(0), sizes, dims, true, label);
    });
  }
  return out;
}

Tensor pool_placed(const Tensor& y, const Tensor& index, IntView sizes, int64_t dims, bool add, const char* label) {
  const DType dtype = compute_dtype(y.dtype());
  Tensor from = dense_values(y, y.sizes(), dtype), out = empty(sizes, dtype);
  const int64_t in = product(plane_of(sizes, dims)), n = product(plane_of(index.sizes(), dims));
  if (out.numel() > 0) {
    const int64_t grain = std::max<int64_t>(1, pool_work / std::max(in, n));
    parallel_for(planes_of(sizes, dims), grain, [&](int64_t begin, int64_t end) {
      kernels::pool_put(dtype, from->data(), index.data<int32_t>(), out->data(), in, n, add, begin, end);
    });
  }
  out = rounded(out, y.dtype());
  if (needs_grad(y)) {
    record(out, label, inputs(y), saves(index),
           [dims, label](Backward& b) { b[0] = pool_taken(b.grad(), b.saved(0), dims, label); });
  }
  return out;
}

}  // namespace tl
