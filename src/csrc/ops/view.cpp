// Views: other sizes, strides and offset over the same memory.
#include "ops/view.h"

#include <utility>

#include "autograd/record.h"
#include "ops/registry.h"

namespace tl {

namespace {

Tensor view_of(const Tensor& self, IntView sizes, IntView strides, int64_t offset) {
  Tensor v = alias(self, sizes, strides, offset);
  make_view(v, self);
  return v;
}

// Sizes and strides on the stack, written only as far as there are dims.
struct Lists {
  static constexpr size_t most = 65;  // a tensor's limit, and one for unsqueeze
  size_t n;
  int64_t sizes[most], strides[most];
  explicit Lists(const Tensor& t) : n(size_t(t.dim())) {
    for (size_t d = 0; d < n; ++d) {
      sizes[d] = t->dims[d];
      strides[d] = t->dims[n + d];
    }
  }
  Tensor view_of(const Tensor& self) const {
    return tl::view_of(self, IntView(sizes, n), IntView(strides, n), self->offset);
  }
};

// Views that pick some of the elements: `Spec::of(t)` is the raw view of a tensor of the input's
// shape. The gradient is zeros with the incoming one written through the same view.
template <class Spec>
Tensor put_back(const Tensor& grad, const Spec& spec);

template <class Spec>
Tensor pick(const Tensor& self, Spec spec) {
  Tensor v = spec.of(self);
  make_view(v, self);
  if (needs_grad(self)) {
    const char* label = spec.label;
    record(v, label, inputs(self), saves(), [spec = std::move(spec)](Backward& b) { b[0] = put_back(b.grad(), spec); });
  }
  return v;
}

template <class Spec>
Tensor put_back(const Tensor& grad, const Spec& spec) {
  Tensor out = zeros(spec.in_sizes, grad.dtype());
  copy_values(spec.of(out), grad);
  if (needs_grad(grad)) {
    record(out, spec.backward_label(), inputs(grad), saves(), [spec](Backward& b) { b[0] = pick(b.grad(), spec); });
  }
  return out;
}

struct SelectSpec {
  Dims in_sizes;
  int64_t dim, index;
  const char* label = "SelectBackward0";
  const char* backward_label() const { return "SelectBackwardBackward0"; }
  Tensor of(const Tensor& t) const { return select_raw(t, size_t(dim), index); }

  static Tensor select_raw(const Tensor& t, size_t dim, int64_t index) {
    size_t n = size_t(t.dim());
    const int64_t* sizes = t->dims;
    const int64_t* strides = t->dims + n;
    int64_t offset = t->offset + index * strides[dim];
    if (dim == 0) return alias(t, IntView(sizes + 1, n - 1), IntView(strides + 1, n - 1), offset);
    Dims out_sizes(t.sizes()), out_strides(t.strides());
    out_sizes.erase(dim);
    out_strides.erase(dim);
    return alias(t, out_sizes, out_strides, offset);
  }
};

struct SliceSpec {
  Dims in_sizes;
  int64_t dim, start, length, step;
  const char* label = "SliceBackward0";
  const char* backward_label() const { return "SliceBackwardBackward0"; }
  Tensor of(const Tensor& t) const {
    Dims sizes(t.sizes()), strides(t.strides());
    size_t d = size_t(dim);
    int64_t offset = t->offset + start * strides[d];
    sizes[d] = length;
    strides[d] *= step;
    return alias(t, sizes, strides, offset);
  }
};

struct ManySpec {
  Dims in_sizes;
  BasicIndex index;
  const char* label;
  const char* backward_label() const { return "SliceBackwardBackward0"; }
  Tensor of(const Tensor& t) const {
    IntView from = t.strides();
    int64_t offset = t->offset;
    for (size_t d = 0; d < index.start.size(); ++d) offset += index.start[d] * from[d];
    size_t n = index.sizes.size();
    Dims strides(n);
    int64_t inner = 1;  // what a new dim's stride would be in a contiguous tensor
    for (size_t d = n; d-- > 0;) {
      strides[d] = index.source[d] < 0 ? inner : from[size_t(index.source[d])] * index.step[d];
      inner = strides[d] * (index.sizes[d] > 0 ? index.sizes[d] : 1);
    }
    return alias(t, index.sizes, strides, offset);
  }
};

struct DiagonalSpec {
  Dims in_sizes;
  int64_t offset, dim1, dim2, length;
  const char* label = "DiagonalBackward0";
  const char* backward_label() const { return "DiagonalBackwardBackward0"; }
  Tensor of(const Tensor& t) const {
    Dims sizes(t.sizes()), strides(t.strides());
    int64_t s1 = strides[size_t(dim1)], s2 = strides[size_t(dim2)];
    int64_t at = t->offset;
    if (length > 0) at += offset >= 0 ? offset * s2 : -offset * s1;
    size_t hi = size_t(std::max(dim1, dim2)), lo = size_t(std::min(dim1, dim2));
    sizes.erase(hi);
    sizes.erase(lo);
    strides.erase(hi);
    strides.erase(lo);
    sizes.push_back(length);
    strides.push_back(s1 + s2);
    return alias(t, sizes, strides, at);
  }
};

}  // namespace

Tensor raw_clone(const Tensor& self) {
  Tensor out = empty_like(self);
  copy_values(out, self);
  return out;
}

namespace {

Tensor viewed(const Tensor& self, IntView sizes, IntView strides) {
  Tensor v = view_of(self, sizes, strides, self->offset);
  if (needs_grad(self)) {
    record(v, "ViewBackward0", inputs(self), saves(),
           [in = Dims(self.sizes())](Backward& b) { b[0] = reshape(b.grad(), in); });
  }
  return v;
}

// The usual case, a contiguous tensor and a fitting shape of few dims, without lists. False leaves
// it to the general way, errors included.
constexpr size_t quick_dims = 6;
bool quick_geometry(const Tensor& self, IntView wanted, int64_t* sizes, int64_t* strides) {
  size_t n = wanted.size();
  if (!self.is_contiguous() || self.numel() == 0 || n > quick_dims) return false;
  int64_t known = 1;
  size_t unknown = n;
  for (size_t i = 0; i < n; ++i) {
    sizes[i] = wanted[i];
    if (wanted[i] > 0) {
      if (__builtin_mul_overflow(known, wanted[i], &known)) return false;
    } else if (wanted[i] == -1 && unknown == n) {
      unknown = i;
    } else {
      return false;
    }
  }
  if (unknown < n) {
    sizes[unknown] = self.numel() / known;
    known *= sizes[unknown];
  }
  if (known != self.numel()) return false;
  int64_t step = 1;
  for (size_t i = n; i-- > 0;) {
    strides[i] = step;
    step *= sizes[i];
  }
  return true;
}

// Sizes without -1, checked against the number of elements.
Dims resolve(const Tensor& self, IntView sizes) {
  for (size_t i = 0; i < sizes.size(); ++i) {
    TL_CHECK(sizes[i] >= -1, "invalid shape dimension ", sizes[i], " at index ", i, " of shape ", Shape{sizes});
  }
  return infer_size(sizes, self.numel());
}

}  // namespace

Tensor view(const Tensor& self, IntView sizes) {
  int64_t quick_sizes[quick_dims], quick_strides[quick_dims];
  if (quick_geometry(self, sizes, quick_sizes, quick_strides)) {
    return viewed(self, IntView(quick_sizes, sizes.size()), IntView(quick_strides, sizes.size()));
  }
  Dims out = resolve(self, sizes), strides;
  TL_CHECK(view_strides(self.sizes(), self.strides(), out, strides),
           "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
           "contiguous subspaces). Use .reshape(...) instead. (view of a tensor of shape ",
           Shape{self.sizes()}, " and strides ", Shape{self.strides()}, " as ", Shape{sizes}, ")");
  return viewed(self, out, strides);
}

Tensor reshape(const Tensor& self, IntView sizes) {
  int64_t quick_sizes[quick_dims], quick_strides[quick_dims];
  if (quick_geometry(self, sizes, quick_sizes, quick_strides)) {
    return viewed(self, IntView(quick_sizes, sizes.size()), IntView(quick_strides, sizes.size()));
  }
  Dims out = resolve(self, sizes), strides;
  if (view_strides(self.sizes(), self.strides(), out, strides)) return viewed(self, out, strides);
  Tensor copy = contiguous(self);
  // The copy is nobody else's: its reshaped form is no view.
  Tensor v = alias(copy, out, contiguous_strides(out), copy->offset);
  if (needs_grad(copy)) {
    record(v, "UnsafeViewBackward0", inputs(copy), saves(),
           [in = Dims(copy.sizes())](Backward& b) { b[0] = reshape(b.grad(), in); });
  }
  return v;
}

Tensor expand(const Tensor& self, IntView sizes) {
  size_t n = sizes.size(), m = size_t(self.dim());
  TL_CHECK(n >= m, "expand(torch.", dtype_legacy_name(self.dtype()), "Tensor{", Shape{self.sizes()},
           "}, size=", Shape{sizes}, "): the number of sizes provided (", n,
           ") must be greater or equal to the number of dimensions in the tensor (", m, ")");
  Dims out(n), strides(n);
  size_t lead = n - m;
  for (size_t d = n; d-- > 0;) {
    int64_t want = sizes[d];
    if (d < lead) {
      TL_CHECK(want >= 0, "The expanded size of the tensor (", want,
               ") isn't allowed in a leading, non-existing dimension ", d);
      out[d] = want;
      strides[d] = d + 1 == n ? 1 : out[d + 1] * strides[d + 1];
      if (want != 1) strides[d] = 0;
      continue;
    }
    int64_t have = self.sizes()[d - lead];
    if (want == -1) want = have;
    TL_CHECK(want == have || (have == 1 && want >= 0), "The expanded size of the tensor (", want,
             ") must match the existing size (", have, ") at non-singleton dimension ", d,
             ".  Target sizes: ", Shape{sizes}, ".  Tensor sizes: ", Shape{self.sizes()});
    out[d] = want;
    strides[d] = want == have ? self.strides()[d - lead] : 0;
  }
  Tensor v = view_of(self, out, strides, self->offset);
  if (needs_grad(self)) {
    record(v, "ExpandBackward0", inputs(self), saves(),
           [in = Dims(self.sizes())](Backward& b) { b[0] = sum_to_size(b.grad(), in); });
  }
  return v;
}

Tensor permute(const Tensor& self, IntView dims) {
  size_t n = size_t(self.dim());
  TL_CHECK(dims.size() == n,
           "permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
           "ordering of dimensions i.e. input.dim() = ",
           n, " is not equal to len(dims) = ", dims.size());
  Dims sizes(n), strides(n), order(n);
  uint64_t seen = 0;
  for (size_t i = 0; i < n; ++i) {
    int64_t d = wrap_dim(dims[i], int64_t(n));
    TL_CHECK(!(seen >> d & 1), "permute(): duplicate dims are not allowed.");
    seen |= uint64_t(1) << d;
    order[i] = d;
    sizes[i] = self.sizes()[size_t(d)];
    strides[i] = self.strides()[size_t(d)];
  }
  Tensor v = view_of(self, sizes, strides, self->offset);
  if (needs_grad(self)) {
    record(v, "PermuteBackward0", inputs(self), saves(), [order](Backward& b) {
      Dims inverse(order.size());
      for (size_t i = 0; i < order.size(); ++i) inverse[size_t(order[i])] = int64_t(i);
      b[0] = permute(b.grad(), inverse);
    });
  }
  return v;
}

namespace {

Tensor transposed(const Tensor& self, int64_t a, int64_t b_dim, const char* label) {
  Lists lists(self);
  if (lists.n > 0) {
    std::swap(lists.sizes[a], lists.sizes[b_dim]);
    std::swap(lists.strides[a], lists.strides[b_dim]);
  }
  Tensor v = lists.view_of(self);
  if (needs_grad(self)) {
    record(v, label, inputs(self), saves(),
           [a, b_dim, label](Backward& b) { b[0] = transposed(b.grad(), a, b_dim, label); });
  }
  return v;
}

}  // namespace

Tensor transpose(const Tensor& self, int64_t dim0, int64_t dim1) {
  dim0 = wrap_dim(dim0, self.dim());
  dim1 = wrap_dim(dim1, self.dim());
  return transposed(self, dim0, dim1, "TransposeBackward0");
}

Tensor t(const Tensor& self) {
  TL_CHECK(self.dim() <= 2, "t() expects a tensor with <= 2 dimensions, but self is ", self.dim(), "D");
  return transposed(self, 0, self.dim() < 2 ? 0 : 1, "TBackward0");
}

Tensor select(const Tensor& self, int64_t dim, int64_t index) {
  TL_CHECK_INDEX(self.dim() > 0, "select() cannot be applied to a 0-dim tensor.");
  dim = wrap_dim(dim, self.dim());
  int64_t size = self.sizes()[size_t(dim)];
  TL_CHECK_INDEX(index >= -size && index < size, "select(): index ", index, " out of range for tensor of size ",
                 Shape{self.sizes()}, " at dimension ", dim);
  if (index < 0) index += size;
  if (needs_grad(self)) return pick(self, SelectSpec{Dims(self.sizes()), dim, index});
  Tensor v = SelectSpec::select_raw(self, size_t(dim), index);
  make_view(v, self);
  return v;
}

Tensor slice(const Tensor& self, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end, int64_t step) {
  TL_CHECK(self.dim() > 0, "slice() cannot be applied to a 0-dim tensor.");
  TL_CHECK(step > 0, "slice step must be positive, got ", step);
  dim = wrap_dim(dim, self.dim());
  int64_t size = self.sizes()[size_t(dim)];
  int64_t from = start.value_or(0), to = end.value_or(size);
  if (from < 0) from += size;
  if (to < 0) to += size;
  from = std::min(std::max<int64_t>(from, 0), size);
  to = std::min(std::max(to, from), size);
  int64_t length = to == from ? 0 : (to - from - 1) / step + 1;
  return pick(self, SliceSpec{Dims(self.sizes()), dim, from, length, step});
}

Tensor narrow(const Tensor& self, int64_t dim, int64_t start, int64_t length) {
  TL_CHECK(self.dim() > 0, "narrow() cannot be applied to a 0-dim tensor.");
  TL_CHECK(length >= 0, "narrow(): length must be non-negative.");
  dim = wrap_dim(dim, self.dim());
  int64_t size = self.sizes()[size_t(dim)];
  TL_CHECK_INDEX(start >= -size && start <= size, "start out of range (expected to be in range of [", -size, ", ", size,
                 "], but got ", start, ")");
  if (start < 0) start += size;
  TL_CHECK(start <= size - length, "start (", start, ") + length (", length, ") exceeds dimension size (", size, ").");
  return pick(self, SliceSpec{Dims(self.sizes()), dim, start, length, 1});
}

Tensor basic_index(const Tensor& self, BasicIndex index, const char* label) {
  return pick(self, ManySpec{Dims(self.sizes()), std::move(index), label});
}

// The same values in the corner of a larger tensor of zeros.
Tensor pad_to(const Tensor& self, IntView sizes) {
  if (equal(self.sizes(), sizes)) return self;
  size_t n = sizes.size();
  BasicIndex corner{Dims(n, 0), Dims(self.sizes()), Dims(n), Dims(n, 1)};
  for (size_t d = 0; d < n; ++d) corner.source[d] = int64_t(d);
  return put_back(self, ManySpec{Dims(sizes), corner, "SliceBackward0"});
}

Tensor alias_view(const Tensor& self) {
  Tensor v = view_of(self, self.sizes(), self.strides(), self->offset);
  if (needs_grad(self)) {
    record(v, "AliasBackward0", inputs(self), saves(), [](Backward& b) { b[0] = alias_view(b.grad()); });
  }
  return v;
}

namespace {

Tensor squeezed(const Tensor& self, uint64_t drop, const char* label) {
  Dims sizes, strides;
  for (size_t d = 0; d < size_t(self.dim()); ++d) {
    if ((drop >> d & 1) && self.sizes()[d] == 1) continue;
    sizes.push_back(self.sizes()[d]);
    strides.push_back(self.strides()[d]);
  }
  Tensor v = view_of(self, sizes, strides, self->offset);
  if (needs_grad(self)) {
    record(v, label, inputs(self), saves(), [in = Dims(self.sizes())](Backward& b) { b[0] = reshape(b.grad(), in); });
  }
  return v;
}

}  // namespace

Tensor squeeze(const Tensor& self) { return squeezed(self, ~uint64_t(0), "SqueezeBackward0"); }
Tensor squeeze(const Tensor& self, int64_t dim) {
  return squeezed(self, uint64_t(1) << wrap_dim(dim, self.dim()), "SqueezeBackward1");
}
Tensor squeeze(const Tensor& self, IntView dims) {
  uint64_t drop = 0;
  for (int64_t d : wrap_dims(dims, self.dim())) drop |= uint64_t(1) << d;
  return squeezed(self, drop, "SqueezeBackward2");
}

Tensor unsqueeze(const Tensor& self, int64_t dim) {
  dim = wrap_dim(dim, self.dim() + 1);
  Lists lists(self);
  size_t at = size_t(dim);
  int64_t stride = at < lists.n ? lists.sizes[at] * lists.strides[at] : 1;
  for (size_t d = lists.n++; d > at; --d) {
    lists.sizes[d] = lists.sizes[d - 1];
    lists.strides[d] = lists.strides[d - 1];
  }
  lists.sizes[at] = 1;
  lists.strides[at] = stride;
  Tensor v = lists.view_of(self);
  if (needs_grad(self)) {
    record(v, "UnsqueezeBackward0", inputs(self), saves(), [dim](Backward& b) { b[0] = squeeze(b.grad(), dim); });
  }
  return v;
}

Tensor diagonal(const Tensor& self, int64_t offset, int64_t dim1, int64_t dim2) {
  int64_t a = wrap_dim(dim1, self.dim()), b = wrap_dim(dim2, self.dim());
  TL_CHECK(a != b, "diagonal dimensions cannot be identical ", dim1, ", ", dim2);
  int64_t rows = self.sizes()[size_t(a)], columns = self.sizes()[size_t(b)];
  int64_t length = offset >= 0 ? std::min(rows, columns - offset) : std::min(rows + offset, columns);
  return pick(self, DiagonalSpec{Dims(self.sizes()), offset, a, b, std::max<int64_t>(length, 0)});
}

Tensor flatten(const Tensor& self, int64_t start_dim, int64_t end_dim) {
  int64_t start = wrap_dim(start_dim, self.dim()), end = wrap_dim(end_dim, self.dim());
  TL_CHECK(start <= end, "flatten() has invalid args: start_dim cannot come after end_dim");
  if (self.dim() == 0) return reshape(self, Dims{1});
  if (start == end) return self;
  Dims sizes;
  int64_t merged = 1;
  for (int64_t d = 0; d < self.dim(); ++d) {
    int64_t s = self.sizes()[size_t(d)];
    if (d < start || d > end) {
      sizes.push_back(s);
      continue;
    }
    merged *= s;
    if (d == end) sizes.push_back(merged);
  }
  return reshape(self, sizes);
}

Tensor unflatten(const Tensor& self, int64_t dim, IntView sizes) {
  TL_CHECK(!sizes.empty(), "unflatten: sizes must be non-empty");
  dim = wrap_dim(dim, self.dim());
  int64_t size = self.sizes()[size_t(dim)];
  int64_t known = 1, unknown = -1;
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (sizes[i] == -1) {
      TL_CHECK(unknown < 0, "unflatten: only one dimension can be inferred");
      unknown = int64_t(i);
    } else {
      known *= sizes[i];
    }
  }
  TL_CHECK(unknown < 0 ? known == size : known != 0 && size % known == 0, "unflatten: Provided sizes ", Shape{sizes},
           " don't multiply up to the size of dim ", dim, " (", size, ") in the input tensor");
  Dims out;
  for (int64_t d = 0; d < self.dim(); ++d) {
    if (d != dim) {
      out.push_back(self.sizes()[size_t(d)]);
      continue;
    }
    for (size_t i = 0; i < sizes.size(); ++i) out.push_back(int64_t(i) == unknown ? size / known : sizes[i]);
  }
  return view(self, out);
}

Tensor movedim(const Tensor& self, IntView source, IntView destination) {
  TL_CHECK(source.size() == destination.size(), "movedim: Invalid source or destination dims: source (", Shape{source},
           " dims) should contain the same number of dims as destination (", Shape{destination}, " dims)");
  int64_t n = self.dim();
  Dims from = wrap_dims(source, n), to = wrap_dims(destination, n);
  if (n == 0) return alias_view(self);
  Dims order(size_t(n), -1);
  uint64_t moved = 0;
  for (size_t i = 0; i < from.size(); ++i) {
    order[size_t(to[i])] = from[i];
    moved |= uint64_t(1) << from[i];
  }
  int64_t next = 0;
  for (int64_t& o : order) {
    if (o >= 0) continue;
    while (moved >> next & 1) ++next;
    o = next++;
  }
  return permute(self, order);
}

namespace {

// --- the rest, reached through their records -----------------------------------------------------

Tensor unfold(const Tensor& self, int64_t dim, int64_t size, int64_t step);

// The adjoint of unfold: windows added up where they overlap.
Tensor fold_windows(const Tensor& grad, const Dims& in_sizes, int64_t dim, int64_t size, int64_t step) {
  Tensor out = zeros(in_sizes, grad.dtype());
  {
    NoGradGuard no_grad;
    Tensor source = detach(grad);
    int64_t windows = source.sizes()[size_t(dim)];
    for (int64_t i = 0; windows > 0 && i < size; ++i) {
      Tensor place = slice(out, dim, i, i + (windows - 1) * step + 1, step);
      add_(place, select(source, -1, i));
    }
  }
  if (needs_grad(grad)) {
    record(out, "UnfoldBackwardBackward0", inputs(grad), saves(),
           [dim, size, step](Backward& b) { b[0] = unfold(b.grad(), dim, size, step); });
  }
  return out;
}

Tensor unfold(const Tensor& self, int64_t dim, int64_t size, int64_t step) {
  dim = wrap_dim(dim, self.dim());
  int64_t have = self.dim() == 0 ? 1 : self.sizes()[size_t(dim)];
  TL_CHECK(size >= 0, "size is ", size, " but must be >= 0");
  TL_CHECK(size <= have, "maximum size for tensor at dimension ", dim, " is ", have, " but size is ", size);
  TL_CHECK(step > 0, "step is ", step, " but must be > 0");
  Dims sizes(self.sizes()), strides(self.strides());
  if (self.dim() == 0) {
    sizes.push_back(size);
    strides.push_back(1);
  } else {
    size_t d = size_t(dim);
    sizes.push_back(size);
    strides.push_back(strides[d]);
    sizes[d] = (have - size) / step + 1;
    strides[d] *= step;
  }
  Tensor v = view_of(self, sizes, strides, self->offset);
  if (needs_grad(self)) {
    record(v, "UnfoldBackward0", inputs(self), saves(), [in = Dims(self.sizes()), dim, size, step](Backward& b) {
      b[0] = in.empty() ? reshape(size > 0 ? b.grad() : zeros(Dims{1}, b.grad().dtype()), in)
                        : fold_windows(b.grad(), in, dim, size, step);
    });
  }
  return v;
}

Tensor view_dtype(const Tensor& self, DType dtype) {
  if (dtype == self.dtype()) return alias_view(self);
  auto from = int64_t(item_size(self.dtype())), to = int64_t(item_size(dtype));
  Dims sizes(self.sizes()), strides(self.strides());
  int64_t offset = self->offset;
  if (from != to) {
    TL_CHECK(self.dim() > 0, "self.dim() cannot be 0 to view ", dtype_legacy_name(self.dtype()), " as ",
             dtype_legacy_name(dtype), " (different element sizes)");
    TL_CHECK(strides.back() == 1, "self.stride(-1) must be 1 to view ", dtype_legacy_name(self.dtype()), " as ",
             dtype_legacy_name(dtype), " (different element sizes), but got ", strides.back());
    if (to < from) {
      int64_t ratio = from / to;
      for (size_t d = 0; d + 1 < sizes.size(); ++d) strides[d] *= ratio;
      sizes.back() *= ratio;
      offset *= ratio;
    } else {
      int64_t ratio = to / from;
      TL_CHECK(sizes.back() % ratio == 0, "self.size(-1) must be divisible by ", ratio, " to view ",
               dtype_legacy_name(self.dtype()), " as ", dtype_legacy_name(dtype),
               " (different element sizes), but got ", sizes.back());
      TL_CHECK(offset % ratio == 0, "self.storage_offset() must be divisible by ", ratio, " to view ",
               dtype_legacy_name(self.dtype()), " as ", dtype_legacy_name(dtype),
               " (different element sizes), but got ", offset);
      for (size_t d = 0; d + 1 < sizes.size(); ++d) {
        TL_CHECK(strides[d] % ratio == 0, "self.stride(", d, ") must be divisible by ", ratio, " to view ",
                 dtype_legacy_name(self.dtype()), " as ", dtype_legacy_name(dtype),
                 " (different element sizes), but got ", strides[d]);
        strides[d] /= ratio;
      }
      sizes.back() /= ratio;
      offset /= ratio;
    }
  }
  Tensor v = alias(self, sizes, strides, offset);
  v->dtype = dtype;
  // Reinterpreted bits have no derivative.
  make_view(v, self, ViewKind::none);
  return v;
}

Tensor view_as(const Tensor& self, const Tensor& other) { return view(self, other.sizes()); }
Tensor reshape_as(const Tensor& self, const Tensor& other) { return reshape(self, other.sizes()); }
Tensor expand_sizes(const Tensor& self, IntView size, bool) { return expand(self, size); }
Tensor expand_as(const Tensor& self, const Tensor& other) { return expand(self, other.sizes()); }
Tensor ravel(const Tensor& self) { return reshape(contiguous(self), Dims{-1}); }
Tensor detached(const Tensor& self) { return detach(self); }
Tensor detached_(const Tensor& self) {
  detach_(self);
  return self;
}

Tensor numpy_T(const Tensor& self) {
  if (static bool said = false; self.dim() > 2 && !std::exchange(said, true)) {
    warn(
        "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is deprecated and it will throw "
        "an error in a future release. Consider `x.mT` to transpose batches of matrices or "
        "`x.permute(*torch.arange(x.ndim - 1, -1, -1))` to reverse the dimensions of a tensor.");
  }
  if (static bool said = false; self.dim() == 0 && !std::exchange(said, true)) {
    warn("Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases.");
  }
  Dims order;
  for (int64_t d = self.dim(); d-- > 0;) order.push_back(d);
  return permute(self, order);
}
Tensor matrix_transpose(const Tensor& self) {
  TL_CHECK(self.dim() >= 2, "tensor.mT is only supported on matrices or batches of matrices. Got ", self.dim(),
           "-D tensor.");
  return transpose(self, -2, -1);
}

using OpView = Tensor (*)(const Tensor&, IntView);
using OpTensor = Tensor (*)(const Tensor&);
using OpInt = Tensor (*)(const Tensor&, int64_t);
constexpr uint32_t both = op::function | op::method | op::view;
constexpr uint32_t only_method = op::method | op::view;

const OpRecord records[] = {
    {"view(Tensor self, int[] size) -> Tensor", TL_OP(static_cast<OpView>(view)), only_method,
     "The same memory with another shape; one size may be -1. RuntimeError where only a copy could have that shape.",
     "randn(3, 4), (2, -1) | randn(3, 1, 4), (3, 4) | randn(0, 3), (3, 0) | randn(()), (1, 1) | "
     "randn(2, 3, 4).transpose(0, 1), (3, 2, 2, 2)"},
    {"view(Tensor self, ScalarType dtype) -> Tensor", TL_OP(view_dtype), only_method | op::nondifferentiable,
     "The same memory read as another dtype; the last dim grows or shrinks by the ratio of the element sizes.",
     "randn(3, 4), dtype=int32 | randn(3, 4), dtype=float64 | arange(6), dtype=uint8"},
    {"view_as(Tensor self, Tensor other) -> Tensor", TL_OP(view_as), only_method, "`self.view(other.size())`.",
     "randn(3, 4), randn(4, 3)"},
    {"reshape(Tensor self, int[] shape) -> Tensor", TL_OP(static_cast<OpView>(reshape)), both,
     "A view with another shape where the memory allows it, a copy elsewhere; one size may be -1.",
     "randn(3, 4), (2, 6) | randn(3, 4).t(), (12,) | randn(()), (1,) | randn(0, 3), (0, 5) | randn(3, 4), (-1,)"},
    {"reshape_as(Tensor self, Tensor other) -> Tensor", TL_OP(reshape_as), only_method, "`self.reshape(other.size())`.",
     "randn(3, 4).t(), randn(2, 6)"},
    {"flatten(Tensor self, int start_dim=0, int end_dim=-1) -> Tensor", TL_OP(flatten), both,
     "Merges the dims from `start_dim` to `end_dim` into one.",
     "randn(2, 3, 4) | randn(2, 3, 4), 1 | randn(()) | randn(2, 3, 4).transpose(0, 2), 0, 1"},
    {"unflatten(Tensor self, int dim, int[] sizes) -> Tensor", TL_OP(unflatten), both,
     "Splits one dim into several; one of the sizes may be -1.", "randn(3, 6), 1, (2, 3) | randn(6), 0, (-1, 2)"},
    {"ravel(Tensor self) -> Tensor", TL_OP(ravel), both, "All elements as one dim; a view where possible.",
     "randn(3, 4) | randn(3, 4).t() | randn(())"},
    {"squeeze(Tensor self) -> Tensor", TL_OP(static_cast<OpTensor>(squeeze)), both, "Without the dims of size 1.",
     "randn(3, 1, 4, 1) | randn(1) | randn(())"},
    {"squeeze(Tensor self, int dim) -> Tensor", TL_OP(static_cast<OpInt>(squeeze)), both,
     "Without `dim` if its size is 1.", "randn(3, 1, 4), 1 | randn(3, 4), 0 | randn(3, 4, 1), -1"},
    {"squeeze(Tensor self, int[] dim) -> Tensor", TL_OP(static_cast<OpView>(squeeze)), both,
     "Without those of the listed dims that have size 1.", "randn(3, 1, 4, 1), (1, 3) | randn(3, 1, 1), (0, 1)"},
    {"unsqueeze(Tensor self, int dim) -> Tensor", TL_OP(unsqueeze), both, "With a dim of size 1 inserted at `dim`.",
     "randn(3, 4), 0 | randn(3, 4), -1 | randn(()), 0"},
    {"expand(Tensor self, int[] size, *, bool implicit=False) -> Tensor", TL_OP(expand_sizes), only_method,
     "Dims of size 1 repeated to the given sizes without copying; -1 keeps a size.",
     "randn(3, 1), (3, 4) | randn(3, 1), (2, -1, 4) | randn(()), (2, 2) | randn(1, 0), (3, 0)"},
    {"expand_as(Tensor self, Tensor other) -> Tensor", TL_OP(expand_as), only_method, "`self.expand(other.size())`.",
     "randn(3, 1), randn(3, 4)"},
    {"broadcast_to(Tensor self, int[] size) -> Tensor", TL_OP(static_cast<OpView>(expand)), both,
     "`self` broadcast to a shape, as by expand.", "randn(3, 1), (2, 3, 4)"},
    {"permute(Tensor self, int[] dims) -> Tensor", TL_OP(permute), both, "The dims in another order.",
     "randn(2, 3, 4), (2, 0, 1) | randn(2, 3), (-1, 0) | randn(()), ()"},
    {"transpose(Tensor self, int dim0, int dim1) -> Tensor", TL_OP(transpose), both, "With two dims exchanged.",
     "randn(2, 3, 4), 0, 2 | randn(2, 3), -1, 0 | randn(()), 0, -1"},
    {"swapaxes(Tensor self, int axis0, int axis1) -> Tensor", TL_OP(transpose), both, "transpose under NumPy's name.",
     "randn(2, 3, 4), 0, 2"},
    {"swapdims(Tensor self, int dim0, int dim1) -> Tensor", TL_OP(transpose), both, "transpose under another name.",
     "randn(2, 3, 4), 0, 2"},
    {"t(Tensor self) -> Tensor", TL_OP(t), both, "A matrix transposed; vectors and 0-d tensors as they are.",
     "randn(3, 4) | randn(3) | randn(())"},
    {"numpy_T(Tensor self) -> Tensor", TL_OP(numpy_T), op::internal | op::view, "The dims in reversed order: `x.T`.",
     "randn(3, 4)"},
    {"mT(Tensor self) -> Tensor", TL_OP(matrix_transpose), op::internal | op::view,
     "The last two dims exchanged: `x.mT`.", "randn(2, 3, 4)"},
    {"movedim(Tensor self, int[] source, int[] destination) -> Tensor", TL_OP(movedim), both,
     "The dims `source` at the positions `destination`, the others in their order.",
     "randn(2, 3, 4), 0, 2 | randn(2, 3, 4), (0, 1), (2, 0)"},
    {"moveaxis(Tensor self, int[] source, int[] destination) -> Tensor", TL_OP(movedim), both,
     "movedim under NumPy's name.", "randn(2, 3, 4), -1, 0"},
    {"select(Tensor self, int dim, int index) -> Tensor", TL_OP(select), both,
     "The slice at `index` of `dim`, without that dim.",
     "randn(3, 4), 0, 1 | randn(3, 4), -1, -1 | randn(4, 3).t(), 1, 2"},
    {"narrow(Tensor self, int dim, int start, int length) -> Tensor", TL_OP(narrow), both,
     "The `length` slices of `dim` that begin at `start`.",
     "randn(5, 4), 0, 1, 3 | randn(5, 4), -1, -2, 2 | randn(5), 0, 5, 0"},
    {"slice(Tensor self, int dim=0, int? start=None, int? end=None, int step=1) -> Tensor", TL_OP(slice),
     op::internal | op::view, "Every `step`-th slice of `dim` from `start` to before `end`, as Python slices.",
     "randn(5, 4), 0, 1, 4, 2 | randn(5, 4), 1, -3"},
    {"diagonal(Tensor self, int offset=0, int dim1=0, int dim2=1) -> Tensor", TL_OP(diagonal), both,
     "The diagonal over two dims, as the last dim.",
     "randn(3, 4) | randn(3, 4), 1 | randn(2, 3, 4), -1, 2, 0 | randn(3, 4), 7"},
    {"unfold(Tensor self, int dimension, int size, int step) -> Tensor", TL_OP(unfold), only_method,
     "Windows of `size` elements of `dimension`, each `step` after the one before, as a new last dim.",
     "randn(7), 0, 3, 2 | randn(3, 5), 1, 2, 1 | randn(4, 3), 0, 4, 1"},
    {"alias(Tensor self) -> Tensor", TL_OP(alias_view), op::internal | op::view,
     "Another tensor over the same elements.", "randn(3)"},
    {"detach(Tensor self) -> Tensor", TL_OP(detached), both | op::nondifferentiable,
     "The same memory without history: no gradient flows through it.", "randn(3, 4) | randn(())"},
    {"detach_(Tensor self) -> Tensor", TL_OP(detached_),
     op::function | op::method | op::writes_self | op::nondifferentiable,
     "Cuts `self` off its history, making it a leaf.", "randn(3)"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
