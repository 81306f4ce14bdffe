#include "ops/index_plan.h"

#include "core/parallel.h"
#include "ops/view.h"

namespace tl {

namespace {

constexpr int64_t grain_elements = 1 << 16;

std::vector<int64_t> offsets(IntView sizes, IntView strides) {
  int64_t n = 1;
  for (int64_t s : sizes) n *= s;
  std::vector<int64_t> out(static_cast<size_t>(n));
  Dims at(sizes.size());
  int64_t offset = 0;
  for (int64_t& o : out) {
    o = offset;
    for (size_t d = sizes.size(); d-- > 0;) {
      offset += strides[d];
      if (++at[d] < sizes[d]) break;
      offset -= sizes[d] * strides[d];
      at[d] = 0;
    }
  }
  return out;
}

bool is_dense(IntView sizes, IntView strides) {
  int64_t expected = 1;
  for (size_t d = sizes.size(); d-- > 0;) {
    if (sizes[d] == 1) continue;
    if (strides[d] != expected) return false;
    expected *= sizes[d];
  }
  return true;
}

int64_t product(IntView sizes) {
  int64_t n = 1;
  for (int64_t s : sizes) n *= s;
  return n;
}

}  // namespace

IndexPlan::IndexPlan(const Tensor& self, IntView outer_sizes, IntView outer_strides, IntView inner_sizes,
                     IntView inner_strides)
    : dtype_(self.dtype()), outer_(offsets(outer_sizes, outer_strides)) {
  args.self = self.bytes();
  args.outer = outer_.data();
  args.n_outer = int64_t(outer_.size());
  args.n_inner = product(inner_sizes);
  if (!is_dense(inner_sizes, inner_strides)) {
    inner_ = offsets(inner_sizes, inner_strides);
    args.inner = inner_.data();
  }
}

IndexPlan::IndexPlan(const Tensor& self, int64_t dim, IntView sizes)
    : IndexPlan(self, sizes.first(size_t(dim)), self.strides().first(size_t(dim)),
                sizes.empty() ? sizes : sizes.subspan(size_t(dim) + 1),
                sizes.empty() ? sizes : self.strides().subspan(size_t(dim) + 1)) {}

void IndexPlan::set_index(const int64_t* index, int64_t n, int64_t stride) {
  args.index = index;
  args.n_index = n;
  args.index_stride = stride;
}
void IndexPlan::set_dense_index(const int64_t* index, int64_t n, int64_t stride) {
  set_index(index, n, stride);
  args.index_per_element = true;
}

void IndexPlan::gather(const Tensor& out) {
  args.other = out.bytes();
  size_t width = item_size(dtype_);
  int64_t total = args.n_outer * args.n_index * args.n_inner;
  if (total == 0) return;
  if (total <= grain_elements) {
    kernels::index_gather(args, kernels::IndexRange{0, args.n_outer, 0, args.n_index, 0, args.n_inner}, width);
    return;
  }
  if (args.n_outer > 1) {
    parallel_for(args.n_outer, std::max<int64_t>(1, grain_elements / (args.n_index * args.n_inner)),
                 [&](int64_t b, int64_t e) {
                   kernels::index_gather(args, kernels::IndexRange{b, e, 0, args.n_index, 0, args.n_inner}, width);
                 });
    return;
  }
  parallel_for(args.n_index, std::max<int64_t>(1, grain_elements / args.n_inner), [&](int64_t b, int64_t e) {
    kernels::index_gather(args, kernels::IndexRange{0, args.n_outer, b, e, 0, args.n_inner}, width);
  });
}

void IndexPlan::scatter(const Tensor& source, kernels::ScatterOp op) {
  args.other = source.bytes();
  int64_t total = args.n_outer * args.n_index * args.n_inner;
  if (total == 0) return;
  args.other_is_scalar = source.numel() == 1 && total != 1;
  // Threads share neither outer nor inner places, so that equal indices meet in their order.
  bool by_outer = args.n_outer >= args.n_inner;
  int64_t n = by_outer ? args.n_outer : args.n_inner;
  // Inner pieces are kept wide: each walks all rows.
  int64_t least = by_outer ? 1 : 1024;
  int64_t grain = total <= grain_elements ? n : std::max(least, grain_elements / (total / n));
  parallel_for(n, grain, [&](int64_t b, int64_t e) {
    kernels::IndexRange r = by_outer ? kernels::IndexRange{b, e, 0, args.n_index, 0, args.n_inner}
                                     : kernels::IndexRange{0, args.n_outer, 0, args.n_index, b, e};
    if (op == kernels::ScatterOp::assign) {
      kernels::index_scatter(args, r, item_size(dtype_));
    } else {
      kernels::index_reduce(args, r, dtype_, op);
    }
  });
}

Tensor dense_values(const Tensor& t, IntView sizes, DType dtype) {
  if (t.dtype() == dtype && t.is_contiguous() && equal(t.sizes(), sizes)) return t;
  Tensor out = empty(sizes, dtype);
  copy_values(out, t);
  return out;
}
Tensor as_index(const Tensor& index) { return dense_values(index, index.sizes(), DType::Int64); }
Tensor fresh_values(const Tensor& self, IntView sizes) {
  Tensor out = equal(self.sizes(), sizes) ? empty_like(self) : empty(sizes, self.dtype());
  copy_values(out, self);
  return out;
}

Tensor checked_index(const Tensor& index, int64_t size, int64_t dim, bool wrap, ErrorKind kind) {
  Tensor dense = as_index(index);
  const int64_t* p = dense.data<int64_t>();
  int64_t n = dense.numel(), low, high;
  if (n == 0) return dense;
  kernels::index_bounds(p, n, &low, &high);
  if (high >= size || low < (wrap ? -size : 0)) {
    for (int64_t i = 0; i < n; ++i) {
      if (p[i] >= size || p[i] < (wrap ? -size : 0)) {
        fail(kind, "index ", p[i], " is out of bounds for dimension ", dim, " with size ", size);
      }
    }
  }
  if (low == 0) return dense;
  Tensor wrapped = empty(dense.sizes(), DType::Int64);
  int64_t* out = wrapped.data<int64_t>();
  for (int64_t i = 0; i < n; ++i) out[i] = p[i] < 0 ? p[i] + size : p[i];
  return wrapped;
}

void check_apart(const Tensor& t, const Tensor& written, const char* name) {
  if (!t.defined() || t->storage != written->storage || t.numel() == 0 || written.numel() == 0) return;
  if (!is_non_overlapping_and_dense(t) || !is_non_overlapping_and_dense(written)) return;  // too hard to tell
  TL_CHECK(
      t.bytes() >= written.bytes() + written.nbytes() || written.bytes() >= t.bytes() + t.nbytes(),
      "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory "
      "location. Please clone() the tensor before performing the operation. (",
      name, ", shapes ", Shape{t.sizes()}, " and ", Shape{written.sizes()}, ")");
}

Tensor checked_vector(const Tensor& index, int64_t size, const char* op) {
  TL_CHECK_INDEX(index.dim() <= 1, op, "(): Index is supposed to be a vector, got shape ", Shape{index.sizes()});
  TL_CHECK(index.dtype() == DType::Int64 || index.dtype() == DType::Int32, op,
           "(): Expected dtype int32 or int64 for index, got ", dtype_name(index.dtype()));
  Tensor dense = as_index(index);
  const int64_t* p = dense.data<int64_t>();
  int64_t low, high;
  kernels::index_bounds(p, dense.numel(), &low, &high);
  for (int64_t i = 0; (low < 0 || high >= size) && i < dense.numel(); ++i) {
    TL_CHECK_INDEX(p[i] >= 0 && p[i] < size, "index out of range in self (", op, "(): index ", p[i], ", size ", size,
                   ")");
  }
  return dense;
}

std::vector<Tensor> prepare_indices(const Tensor& self, const std::vector<Tensor>& indices) {
  std::vector<Tensor> out;
  for (const Tensor& i : indices) {
    if (!i.defined()) {
      out.emplace_back();
      continue;
    }
    DType t = i.dtype();
    TL_CHECK_INDEX(t == DType::Int64 || t == DType::Int32 || t == DType::UInt8 || t == DType::Bool,
                   "tensors used as indices must be long, int, byte or bool tensors");
    if (t == DType::Int64 || t == DType::Int32) {
      out.push_back(t == DType::Int64 ? i : as_index(i));
      continue;
    }
    if (t == DType::UInt8)
      warn("indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool instead.");
    // A mask stands for as many dims as it has.
    for (int64_t d = 0; d < i.dim(); ++d) {
      size_t at = out.size() + size_t(d);
      TL_CHECK_INDEX(at < size_t(self.dim()), "too many indices for tensor of dimension ", self.dim());
      TL_CHECK_INDEX(i.sizes()[size_t(d)] == self.sizes()[at], "The shape of the mask ", Shape{i.sizes()}, " at index ",
                     d, " does not match the shape of the indexed tensor ", Shape{self.sizes()}, " at index ", at);
    }
    Tensor places = nonzero(i);
    for (int64_t d = 0; d < i.dim(); ++d)
      out.push_back(dense_values(select(places, 1, d), Dims{places.sizes()[0]}, DType::Int64));
  }
  TL_CHECK_INDEX(out.size() <= size_t(self.dim()), "too many indices for tensor of dimension ", self.dim());
  return out;
}

void check_gather(const char* op, const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src) {
  TL_CHECK(index.dtype() == DType::Int64 || index.dtype() == DType::Int32, op,
           "(): Expected dtype int32/int64 for index, got ", dtype_name(index.dtype()));
  if (src.defined()) {
    TL_CHECK(src.dtype() == self.dtype(), op, "(): Expected self.dtype to be equal to src.dtype, got ",
             dtype_name(self.dtype()), " and ", dtype_name(src.dtype()));
  }
  if (index.numel() == 0) return;
  auto rank = [](const Tensor& t) { return t.dim() == 0 ? 1 : t.dim(); };
  auto size = [](const Tensor& t, int64_t d) { return t.dim() == 0 ? 1 : t.sizes()[size_t(d)]; };
  TL_CHECK(rank(index) == rank(self), "Index tensor must have the same number of dimensions as ",
           src.defined() ? "self" : "input", " tensor (", op, "(): index has shape ", Shape{index.sizes()}, ", ",
           Shape{self.sizes()}, " is indexed)");
  if (src.defined()) {
    TL_CHECK(rank(index) == rank(src), "Index tensor must have the same number of dimensions as src tensor (", op,
             "(): index has shape ", Shape{index.sizes()}, ", src ", Shape{src.sizes()}, ")");
  }
  for (int64_t d = 0; d < rank(index); ++d) {
    bool fits = d == dim || size(index, d) <= size(self, d);
    if (!src.defined()) {
      TL_CHECK(fits, "Size does not match at dimension ", d, " expected index ", Shape{index.sizes()},
               " to be no larger than self ", Shape{self.sizes()}, " apart from dimension ", dim, " (", op, ")");
    } else {
      TL_CHECK(fits && size(index, d) <= size(src, d), "Expected index ", Shape{index.sizes()},
               " to be no larger than self ", Shape{self.sizes()}, " apart from dimension ", dim,
               " and to be no larger size than src ", Shape{src.sizes()}, " (", op, ")");
    }
  }
}

}  // namespace tl
