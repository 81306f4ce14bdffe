// Rearranged and repeated copies: flip, roll, rot90, repeat, tile, repeat_interleave, …_scatter.
#include "autograd/record.h"
#include "ops/index_plan.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

Tensor flip(const Tensor& self, IntView dims_arg) {
  Dims dims = wrap_dims(dims_arg, self.dim());
  Tensor out = empty(self.sizes(), self.dtype());
  if (self.dim() == 0) {
    copy_values(out, self);
  } else {
    // Walked backwards: the strides of the flipped dims negated, from their last element.
    size_t n = size_t(self.dim()), last = 0;
    Dims strides(self.strides());
    int64_t start = 0;
    for (int64_t d : dims) {
      start += (self.sizes()[size_t(d)] - 1) * strides[size_t(d)];
      strides[size_t(d)] = -strides[size_t(d)];
      last = std::max(last, size_t(d) + 1);
    }
    size_t split = std::min(last, n - 1);
    IntView sizes = self.sizes(), steps = strides;
    IndexPlan plan(self, sizes.first(split), steps.first(split), sizes.subspan(split), steps.subspan(split));
    plan.set_index(&start, 1, 1);
    plan.gather(out);
  }
  if (needs_grad(self)) {
    record(out, "FlipBackward0", inputs(self), saves(), [dims](Backward& b) { b[0] = flip(b.grad(), dims); });
  }
  return out;
}

Tensor repeat(const Tensor& self, IntView repeats) {
  size_t n = repeats.size(), m = size_t(self.dim());
  TL_CHECK(n >= m,
           "repeat: Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor");
  Dims sizes(n);      // of the result
  Dims apart, input;  // [repeats, size] per dim; the input with a 1 for each repeat
  for (size_t d = 0; d < n; ++d) {
    int64_t size = d < n - m ? 1 : self.sizes()[d - (n - m)];
    TL_CHECK(repeats[d] >= 0, "repeat: Trying to create tensor with negative dimension ", repeats[d] * size,
             ": repeats are ", Shape{repeats});
    TL_CHECK(!__builtin_mul_overflow(size, repeats[d], &sizes[d]), "repeat: the size overflows: ", Shape{self.sizes()},
             " repeated ", Shape{repeats});
    apart.push_back(repeats[d]);
    apart.push_back(size);
    input.push_back(1);
    input.push_back(size);
  }
  Tensor out = empty(sizes, self.dtype());
  if (out.numel() > 0) {
    Dims strides;
    for (size_t d = 0; d < n; ++d) {
      strides.push_back(0);
      strides.push_back(d < n - m ? 0 : self.strides()[d - (n - m)]);
    }
    copy_values(alias(out, apart, contiguous_strides(apart), out->offset), alias(self, apart, strides, self->offset));
  }
  if (needs_grad(self)) {
    record(out, "RepeatBackward0", inputs(self), saves(), [apart, in = Dims(self.sizes())](Backward& b) {
      Dims over;
      for (size_t d = 0; d < apart.size(); d += 2) over.push_back(int64_t(d));
      Tensor g = reshape(b.grad(), apart);
      b[0] = reshape(over.empty() ? g : sum(g, over, false), in);
    });
  }
  return out;
}

namespace {

Tensor roll(const Tensor& self, IntView shifts, IntView dims_arg) {
  if (dims_arg.empty() && shifts.size() == 1) {
    return reshape(roll(reshape(self, Dims{-1}), shifts, Dims{0}), self.sizes());
  }
  TL_CHECK(!shifts.empty(), "`shifts` required");
  TL_CHECK(shifts.size() == dims_arg.size(), "shifts and dimensions must align. shifts: ", shifts.size(),
           ", dims:", dims_arg.size());
  Dims dims;
  for (int64_t d : dims_arg) dims.push_back(wrap_dim(d, self.dim()));
  Tensor out = detach(self);
  {
    NoGradGuard no_grad;
    for (size_t i = 0; i < dims.size() && self.dim() > 0; ++i) {
      int64_t size = self.sizes()[size_t(dims[i])];
      if (size == 0) continue;
      int64_t by = ((shifts[i] % size) + size) % size;
      out = cat({narrow(out, dims[i], size - by, by), narrow(out, dims[i], 0, size - by)}, dims[i]);
    }
  }
  if (out->storage == self->storage) out = raw_clone(self);
  if (needs_grad(self)) {
    record(out, "RollBackward0", inputs(self), saves(), [dims, by = Dims(shifts)](Backward& b) {
      Dims back(by);
      for (int64_t& s : back) s = -s;
      b[0] = roll(b.grad(), back, dims);
    });
  }
  return out;
}

Tensor rot90(const Tensor& self, int64_t k, IntView dims) {
  int64_t n = self.dim();
  TL_CHECK(dims.size() == 2, "expected total rotation dims == 2, but got dims = ", dims.size());
  TL_CHECK(n >= 2, "expected total dims >= 2, but got total dims = ", n);
  TL_CHECK(dims[0] != dims[1] && std::abs(dims[0] - dims[1]) != n,
           "expected rotation dims to be different, but got dim0 = ", dims[0], " and dim1 = ", dims[1]);
  int64_t a = wrap_dim(dims[0], n), c = wrap_dim(dims[1], n);
  int64_t turns = ((k % 4) + 4) % 4;
  Tensor out;
  {
    NoGradGuard no_grad;
    Tensor x = detach(self);
    out = turns == 0   ? raw_clone(x)
          : turns == 2 ? flip(x, Dims{a, c})
                       : raw_clone(contiguous(transpose(flip(x, Dims{turns == 1 ? c : a}), a, c)));
  }
  if (needs_grad(self)) {
    record(out, "Rot90Backward0", inputs(self), saves(),
           [a, c, k](Backward& b) { b[0] = rot90(b.grad(), -k, Dims{a, c}); });
  }
  return out;
}

Tensor fliplr(const Tensor& self) {
  TL_CHECK(self.dim() >= 2, "fliplr: Input must be >= 2-d.");
  return flip(self, Dims{1});
}
Tensor flipud(const Tensor& self) {
  TL_CHECK(self.dim() >= 1, "flipud: Input must be >= 1-d.");
  return flip(self, Dims{0});
}

Tensor tile(const Tensor& self, IntView dims) {
  Dims repeats(dims);
  while (int64_t(repeats.size()) < self.dim()) repeats.insert(0, 1);
  return repeat(self, repeats);
}

Tensor repeat_interleave(const Tensor& self, int64_t repeats, std::optional<int64_t> dim_arg,
                         std::optional<int64_t> output_size) {
  TL_CHECK(repeats >= 0, "repeat_interleave: Repeats must be non-negative, got ", repeats);
  Tensor x = dim_arg ? (self.dim() == 0 ? reshape(self, Dims{1}) : self) : reshape(self, Dims{-1});
  int64_t dim = wrap_dim(dim_arg.value_or(0), x.dim());
  int64_t total = 0;
  TL_CHECK(!__builtin_mul_overflow(x.sizes()[size_t(dim)], repeats, &total), "repeat_interleave: ", repeats,
           " repeats of ", Shape{x.sizes()}, " overflow");
  TL_CHECK(!output_size || *output_size == total, "repeat_interleave: Invalid output_size, expected ", total,
           " but got ", output_size.value_or(0));
  Tensor wide = unsqueeze(x, dim + 1);
  Dims sizes(wide.sizes());
  sizes[size_t(dim) + 1] = repeats;
  Dims merged(x.sizes());
  merged[size_t(dim)] = total;
  return reshape(clone(expand(wide, sizes)), merged);
}

// The positions 0, 1, 2, … each as often as `repeats` says.
Tensor repeated_positions(const Tensor& repeats, std::optional<int64_t> output_size) {
  TL_CHECK(repeats.dim() <= 1, "repeat_interleave: repeats must be 0-dim or 1-dim tensor");
  TL_CHECK(repeats.dim() == 1, "repeat_interleave only accept 1D vector as repeat");
  TL_CHECK_NOTIMPL(repeats.dtype() == DType::Int64 || repeats.dtype() == DType::Int32,
                   "\"repeat_interleave_cpu\" not implemented for '", dtype_legacy_name(repeats.dtype()), "'");
  Tensor counts = as_index(repeats);
  int64_t total = 0;
  for (int64_t i = 0; i < counts.numel(); ++i) {
    TL_CHECK(counts.data<int64_t>()[i] >= 0, "repeat_interleave: repeats can not be negative");
    total += counts.data<int64_t>()[i];
  }
  TL_CHECK(!output_size || *output_size == total, "repeat_interleave: allocated size does not match required size");
  Tensor out = empty(Dims{total}, DType::Int64);
  int64_t* to = out.data<int64_t>();
  for (int64_t i = 0; i < counts.numel(); ++i) {
    for (int64_t k = counts.data<int64_t>()[i]; k > 0; --k) *to++ = i;
  }
  return out;
}
Tensor repeat_positions(const Tensor& repeats, std::optional<int64_t> output_size) {
  return to_dtype(repeated_positions(repeats, output_size), repeats.dtype());
}
Tensor repeat_interleave_each(const Tensor& self, const Tensor& repeats, std::optional<int64_t> dim_arg,
                              std::optional<int64_t> output_size) {
  Tensor x = dim_arg ? (self.dim() == 0 ? reshape(self, Dims{1}) : self) : reshape(self, Dims{-1});
  int64_t dim = wrap_dim(dim_arg.value_or(0), x.dim());
  int64_t size = x.sizes()[size_t(dim)];
  Tensor counts = repeats;
  if (repeats.dim() == 0 || (repeats.dim() == 1 && repeats.numel() == 1)) {
    counts = expand(reshape(repeats, Dims{1}), Dims{size});
  }
  TL_CHECK(counts.dim() == 1, "repeat_interleave: repeats must be 0-dim or 1-dim tensor");
  TL_CHECK(counts.numel() == size,
           "repeat_interleave: repeats must have the same size as input along dim, but got repeats.size(0) = ",
           counts.numel(), " and input.size(", dim, ") = ", size);
  return index_select(x, dim, repeated_positions(counts, output_size));
}

// --- a copy with a view of it replaced -----------------------------------------------------------

Tensor replaced(const char* name, const Tensor& copy, const Tensor& view, const Tensor& src) {
  TL_CHECK(equal(view.sizes(), src.sizes()), name,
           "(): expected src to have a size equal to the slice of self. src size = ", Shape{src.sizes()},
           ", slice size = ", Shape{view.sizes()});
  copy_(view, src);
  return copy;
}
Tensor select_scatter(const Tensor& self, const Tensor& src, int64_t dim, int64_t index) {
  Tensor out = clone(self);
  return replaced("select_scatter", out, select(out, dim, index), src);
}
Tensor slice_scatter(const Tensor& self, const Tensor& src, int64_t dim, std::optional<int64_t> start,
                     std::optional<int64_t> end, int64_t step) {
  Tensor out = clone(self);
  return replaced("slice_scatter", out, slice(out, dim, start, end, step), src);
}
Tensor diagonal_scatter(const Tensor& self, const Tensor& src, int64_t offset, int64_t dim1, int64_t dim2) {
  Tensor out = clone(self);
  return replaced("diagonal_scatter", out, diagonal(out, offset, dim1, dim2), src);
}

constexpr uint32_t both = op::function | op::method;
const OpRecord records[] = {
    {"flip(Tensor self, int[] dims) -> Tensor", TL_OP(flip), both,
     "A copy with the order along the listed dims reversed.",
     "randn(3, 4), (0,) | randn(3, 4), (0, 1) | randn(4, 3).t(), -1 | randn(2, 3, 4), (1,) | randn(0, 3), (0, 1) | "
     "randn(()), ()"},
    {"fliplr(Tensor self) -> Tensor", TL_OP(fliplr), both, "A copy with the columns in reversed order.", "randn(3, 4)"},
    {"flipud(Tensor self) -> Tensor", TL_OP(flipud), both, "A copy with the rows in reversed order.",
     "randn(3, 4) | randn(3)"},
    {"roll(Tensor self, int[] shifts, int[] dims=[]) -> Tensor", TL_OP(roll), both,
     "A copy shifted along the dims; what leaves at the end comes in at the start. Without dims the flattened tensor "
     "is "
     "shifted.",
     "randn(3, 4), 1, 0 | randn(3, 4), (1, -6), (0, 1) | randn(4, 3).t(), 5 | randn(0, 3), 1, 0 | randn(()), 1"},
    {"rot90(Tensor self, int k=1, int[] dims=[0, 1]) -> Tensor", TL_OP(rot90), both,
     "A copy turned by 90 degrees `k` times in the plane of two dims, from the first towards the second.",
     "randn(3, 4) | randn(3, 4), 2 | randn(2, 3, 4), -1, (1, 2) | randn(3, 4), 4"},
    {"repeat(Tensor self, int[] repeats) -> Tensor", TL_OP(repeat), op::method,
     "A copy repeated so many times along each dim; more repeats than dims add dims in front.",
     "randn(3, 4), (2, 3) | randn(3), (2, 1, 2) | randn(4, 3).t(), (1, 2) | randn(3), (0,) | randn(()), (2,)"},
    {"tile(Tensor self, int[] dims) -> Tensor", TL_OP(tile), both, "repeat with missing leading counts taken as 1.",
     "randn(3, 4), (2,) | randn(3), (2, 2)"},
    {"repeat_interleave(Tensor self, int repeats, int? dim=None, *, int? output_size=None) -> Tensor",
     TL_OP(repeat_interleave), both, "Each slice along `dim` (each element without it) `repeats` times in a row.",
     "randn(3, 4), 2, 1 | randn(3, 4), 3 | randn(4, 3).t(), 2, 0 | randn(()), 2 | randn(3), 0, 0"},
    {"repeat_interleave(Tensor self, Tensor repeats, int? dim=None, *, int? output_size=None) -> Tensor",
     TL_OP(repeat_interleave_each), both, "The same with a count for each slice.",
     "randn(3, 4), tensor([1, 0, 2]), 0 | randn(2, 2), tensor([1, 2, 0, 3]) | randn(3), tensor([2])"},
    {"repeat_interleave(Tensor repeats, *, int? output_size=None) -> Tensor", TL_OP(repeat_positions),
     op::function | op::nondifferentiable, "The positions 0, 1, 2, … each as often as `repeats` says.",
     "tensor([1, 0, 2])"},
    {"select_scatter(Tensor self, Tensor src, int dim, int index) -> Tensor", TL_OP(select_scatter), both,
     "A copy with the slice at `index` of `dim` replaced by `src`.", "randn(3, 4), randn(4), 0, 1"},
    {"slice_scatter(Tensor self, Tensor src, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor",
     TL_OP(slice_scatter), both, "A copy with a range of slices of `dim` replaced by `src`.",
     "randn(5, 4), randn(2, 4), 0, 1, 4, 2"},
    {"diagonal_scatter(Tensor self, Tensor src, int offset=0, int dim1=0, int dim2=1) -> Tensor",
     TL_OP(diagonal_scatter), both, "A copy with a diagonal replaced by `src`.",
     "randn(3, 4), randn(3) | randn(3, 4), randn(2), -1"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
