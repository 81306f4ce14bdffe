#include "ops/reduce_dims.h"

#include <algorithm>
#include <bit>

#include "core/parallel.h"

namespace tl {

using kernels::ReduceArgs;
using kernels::ReduceKind;

DimSet dim_set(IntView dims, int64_t ndim) {
  if (dims.empty()) return ndim >= 64 ? ~DimSet(0) : (DimSet(1) << ndim) - 1;
  DimSet set = 0;
  for (int64_t d : dims) {
    int64_t w = wrap_dim(d, ndim);
    TL_CHECK(!has_dim(set, size_t(w)), "dim ", w, " appears multiple times in the list of dims");
    set |= DimSet(1) << w;
  }
  // A 0-d tensor counts as 1-d while its dims are named; it has none to reduce.
  return ndim == 0 ? 0 : set;
}

Dims list_of(DimSet set, int64_t ndim) {
  Dims dims;
  for (int64_t d = 0; d < ndim; ++d) {
    if (has_dim(set, size_t(d))) dims.push_back(d);
  }
  return dims;
}

Dims reduced_sizes(IntView sizes, DimSet set, bool keepdim) {
  Dims out;
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (!has_dim(set, d)) {
      out.push_back(sizes[d]);
    } else if (keepdim) {
      out.push_back(1);
    }
  }
  return out;
}

int64_t reduced_count(IntView sizes, DimSet set) {
  int64_t n = 1;
  for (size_t d = 0; d < sizes.size(); ++d) {
    if (has_dim(set, d)) n *= sizes[d];
  }
  return n;
}

Tensor with_dims(const Tensor& t, DimSet set, int64_t ndim, bool keepdim) {
  if (keepdim || set == 0) return t;
  Dims sizes;
  size_t at = 0;
  for (int64_t d = 0; d < ndim; ++d) sizes.push_back(has_dim(set, size_t(d)) ? 1 : t.sizes()[at++]);
  return view(t, sizes);
}

namespace {

// Elements of one piece of work: some 20 µs of reading.
constexpr int64_t piece = 1 << 16;

struct Axis {
  int64_t size, in, out;  // strides in elements
};

// Reduces the joined partial results of a reduction.
ReduceKind joined(ReduceKind kind) {
  switch (kind) {
    case ReduceKind::sum:
    case ReduceKind::count:
    case ReduceKind::nan_sum:
    case ReduceKind::abs_sum:
    case ReduceKind::square_sum:
    case ReduceKind::pow_sum:
      return ReduceKind::sum;
    case ReduceKind::has_nan:
      return ReduceKind::any;
    case ReduceKind::abs_max:
      return ReduceKind::max;
    case ReduceKind::abs_min:
      return ReduceKind::min;
    default:
      return kind;
  }
}

// Axes of one operand pair; at most as many as a tensor has dims.
struct Axes {
  static constexpr size_t most = 64;
  size_t n = 0;
  Axis list[most];
  void add(Axis a) {
    if (a.size != 1) list[n++] = a;
  }
  void erase(size_t at) {
    for (size_t i = at; i + 1 < n; ++i) list[i] = list[i + 1];
    --n;
  }
  // Neighbours that are walked as one become one.
  void merge() {
    size_t last = 0;
    for (size_t i = 1; i < n; ++i) {
      Axis &a = list[last], &b = list[i];
      if (a.in == b.in * b.size && a.out == b.out * b.size) {
        a = {a.size * b.size, b.in, b.out};
      } else {
        list[++last] = b;
      }
    }
    if (n > 0) n = last + 1;
  }
  void sort_by_input() {
    for (size_t i = 1; i < n; ++i) {
      for (size_t j = i; j > 0 && list[j].in > list[j - 1].in; --j) std::swap(list[j], list[j - 1]);
    }
  }
  int64_t count() const {
    int64_t c = 1;
    for (size_t i = 0; i < n; ++i) c *= list[i].size;
    return c;
  }
};

// Calls f(input offset, output offset) for positions [begin, end) of the axes.
template <class F>
void walk(const Axes& axes, int64_t begin, int64_t end, F&& f) {
  int64_t index[Axes::most];
  int64_t rest = begin, in = 0, out = 0;
  for (size_t d = axes.n; d-- > 0;) {
    index[d] = rest % axes.list[d].size;
    rest /= axes.list[d].size;
    in += index[d] * axes.list[d].in;
    out += index[d] * axes.list[d].out;
  }
  for (int64_t i = begin; i < end; ++i) {
    f(in, out);
    for (size_t d = axes.n; d-- > 0;) {
      in += axes.list[d].in;
      out += axes.list[d].out;
      if (++index[d] < axes.list[d].size) break;
      in -= axes.list[d].size * axes.list[d].in;
      out -= axes.list[d].size * axes.list[d].out;
      index[d] = 0;
    }
  }
}

// Takes out the kept axis along which neighbouring results are made together.
Axis take_row(Axes& kept, int64_t step) {
  if (kept.n == 0) return {1, 0, 0};
  size_t inner = 0;
  for (size_t i = 1; i < kept.n; ++i) {
    if (kept.list[i].in <= kept.list[inner].in) inner = i;
  }
  if (step <= kept.list[inner].in) {
    // The runs lie apart: the longest axis saves the most calls.
    for (size_t i = 0; i < kept.n; ++i) {
      if (kept.list[i].size > kept.list[inner].size) inner = i;
    }
  }
  Axis row = kept.list[inner];
  kept.erase(inner);
  return row;
}

// Calls f for pieces of the results of an axis of n elements, `step` apart.
template <class F>
void run_pieces(const Axes& outer_axes, const Axis& row, int64_t n, int64_t step, F&& f) {
  const int64_t outer = outer_axes.count(), length = std::max<int64_t>(n, 1);
  const int64_t width = std::min(row.size, std::max<int64_t>((piece / length + 255) / 256 * 256, 256));
  const int64_t widths = (row.size + width - 1) / width;
  const int64_t grain = std::max<int64_t>(1, piece / (length * width));
  if (widths == 1) {
    parallel_for(outer, grain, [&](int64_t begin, int64_t end) {
      walk(outer_axes, begin, end,
           [&](int64_t in, int64_t out) { f(AxisPiece{in, out, n, step, row.size, row.in, row.out}); });
    });
    return;
  }
  parallel_for(outer * widths, grain, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      const int64_t first = k % widths * width;
      walk(outer_axes, k / widths, k / widths + 1, [&](int64_t in, int64_t out) {
        f(AxisPiece{in + first * row.in, out + first * row.out, n, step, std::min(width, row.size - first), row.in,
                    row.out});
      });
    }
  });
}

// Few results of many elements each: pieces of the axis, then their partial results.
void reduce_long_axis(const ReduceArgs& args, const Axes& outer_axes, const Axis& row) {
  const int64_t outer = outer_axes.count(), outputs = outer * row.size;
  const int64_t length = piece / int64_t(std::bit_ceil(uint64_t(outputs)));
  const int64_t pieces = (args.n + length - 1) / length;
  const int64_t in_size = int64_t(item_size(args.in_type)), partial_size = int64_t(item_size(args.compute));
  Tensor partial = empty(Dims{pieces, outputs}, args.compute);
  parallel_for(pieces, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      ReduceArgs part = args;
      part.n = std::min(length, args.n - i * length);
      part.m = row.size;
      part.in_stride = row.in;
      part.out_type = args.compute;
      part.out_stride = 1;
      part.divisor = 1;
      char* to = partial.bytes() + i * outputs * partial_size;
      walk(outer_axes, 0, outer, [&](int64_t offset, int64_t) {
        part.in = args.in + (offset + i * length * args.in_step) * in_size;
        part.out = to;
        kernels::reduce(part);
        to += row.size * partial_size;
      });
    }
  });
  ReduceArgs join = args;
  join.kind = joined(args.kind);
  join.in_type = args.compute;
  join.n = pieces;
  join.in_step = outputs;
  join.m = row.size;
  join.in_stride = 1;
  join.out_stride = row.out;
  const char* from = partial.bytes();
  walk(outer_axes, 0, outer, [&](int64_t, int64_t offset) {
    join.in = from;
    join.out = args.out + offset * int64_t(item_size(args.out_type));
    kernels::reduce(join);
    from += row.size * partial_size;
  });
}

// One reduced axis, n elements `step` apart; `kept` are the others.
void reduce_axis(const ReduceArgs& args, Axes kept) {
  const Axis row = take_row(kept, args.in_step);
  if (args.n > 2 * piece && kept.count() * row.size < 16) return reduce_long_axis(args, kept, row);
  const int64_t in_size = int64_t(item_size(args.in_type)), out_size = int64_t(item_size(args.out_type));
  run_pieces(kept, row, args.n, args.in_step, [&](const AxisPiece& p) {
    ReduceArgs a = args;
    a.in += p.in * in_size;
    a.out += p.out * out_size;
    a.m = p.m;
    a.in_stride = p.in_stride;
    a.out_stride = p.out_stride;
    kernels::reduce(a);
  });
}

// Axes of the kept and of the reduced dims, merged where they are walked as one.
void split_axes(const Tensor& self, DimSet set, Axes& kept, Axes& reduced) {
  const size_t ndim = size_t(self.dim());
  int64_t steps[Axes::most];
  int64_t out_step = 1;
  for (size_t d = ndim; d-- > 0;) {
    steps[d] = has_dim(set, d) ? 0 : out_step;
    if (!has_dim(set, d)) out_step *= self->dims[d];
  }
  for (size_t d = 0; d < ndim; ++d)
    (has_dim(set, d) ? reduced : kept).add({self->dims[d], self->dims[ndim + d], steps[d]});
  reduced.sort_by_input();
  reduced.merge();
  kept.merge();
}

}  // namespace

void reduce_into(const Tensor& out, const Tensor& self, DimSet set, const Reduction& r) {
  if (out.numel() == 0) return;
  ReduceArgs args{};
  args.kind = r.kind;
  args.in_type = self.dtype();
  args.out_type = out.dtype();
  args.compute = r.compute;
  args.in = self.bytes();
  args.out = out.bytes();
  args.divisor = r.divisor;
  args.power = r.power;
  if (self.numel() == 0) {  // nothing for each result
    args.m = out.numel();
    args.out_stride = 1;
    kernels::reduce(args);
    return;
  }
  Axes kept, reduced;
  if (self.is_contiguous() && out.numel() == 1) {
    reduced.add({self.numel(), 1, 0});
  } else {
    split_axes(self, set, kept, reduced);
  }
  Tensor between;
  while (reduced.n > 1) {
    // The innermost axis first, into a contiguous [kept, other reduced axes] of partial results.
    Axis axis = reduced.list[--reduced.n];
    Axes wide;
    int64_t step = kept.count() * reduced.count();
    for (Axes* axes : {&kept, &reduced}) {
      for (size_t i = 0; i < axes->n; ++i) {
        Axis& a = axes->list[i];
        step /= a.size;
        wide.add({a.size, a.in, step});
        a.in = step;
      }
    }
    wide.merge();
    Tensor next = empty(Dims{kept.count(), reduced.count()}, r.compute);
    ReduceArgs stage = args;
    stage.out_type = r.compute;
    stage.out = next.bytes();
    stage.n = axis.size;
    stage.in_step = axis.in;
    stage.divisor = 1;
    reduce_axis(stage, wide);
    between = next;
    args.kind = joined(r.kind);
    args.in_type = r.compute;
    args.in = between.bytes();
    reduced.merge();
    kept.merge();
  }
  args.n = reduced.n == 0 ? 1 : reduced.list[0].size;
  args.in_step = reduced.n == 0 ? 1 : reduced.list[0].in;
  if (kept.n == 0 && args.n <= 2 * piece) {
    args.m = 1;
    kernels::reduce(args);
    return;
  }
  reduce_axis(args, kept);
}

Tensor reduce_over(const Tensor& self, DimSet set, bool keepdim, const Reduction& r) {
  Tensor out = set == all_dims(self) && !keepdim ? empty(IntView(), r.result)
                                                 : empty(reduced_sizes(self.sizes(), set, keepdim), r.result);
  reduce_into(out, self, set, r);
  return out;
}

void detail::run_along(const Tensor& self, int64_t dim, void (*call)(void*, const AxisPiece&), void* context) {
  if (self.numel() == 0) return;
  Axes kept, reduced;
  split_axes(self, self.dim() == 0 ? 0 : DimSet(1) << dim, kept, reduced);
  const int64_t n = reduced.n == 0 ? 1 : reduced.list[0].size, step = reduced.n == 0 ? 1 : reduced.list[0].in;
  const Axis row = take_row(kept, step);
  run_pieces(kept, row, n, step, [&](const AxisPiece& p) { call(context, p); });
}

}  // namespace tl
