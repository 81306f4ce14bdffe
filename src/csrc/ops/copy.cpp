// Copies: clone, contiguous, conversion between dtypes, copy_, and the raw copy of values below them.
#include "kernels/copy.h"

#include <atomic>
#include <cstring>

#include "autograd/record.h"
#include "core/strided.h"
#include "ops/copy.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

namespace {

// What a thread should get: some 50 µs of moving or converting.
constexpr int64_t grain_bytes = 1 << 19;
constexpr int64_t grain_converted = 1 << 16;

struct MemoryRange {
  const char *begin, *end;
  explicit MemoryRange(const Tensor& t) {
    int64_t low = 0, high = 0;
    for (int64_t d = 0; d < t.dim(); ++d) {
      int64_t reach = (t.sizes()[size_t(d)] - 1) * t.strides()[size_t(d)];
      (reach < 0 ? low : high) += reach;
    }
    auto width = int64_t(item_size(t.dtype()));
    begin = t.bytes() + low * width;
    end = t.bytes() + (high + 1) * width;
  }
};
bool same_elements(const Tensor& a, const Tensor& b) {
  return a.bytes() == b.bytes() && a.dtype() == b.dtype() && equal(a.sizes(), b.sizes()) &&
         equal(a.strides(), b.strides());
}
// May writing `a` change what is read of `b`?
bool may_overlap(const Tensor& a, const Tensor& b) {
  if (a->storage != b->storage || a.numel() == 0 || b.numel() == 0) return false;
  MemoryRange x(a), y(b);
  return x.begin < y.end && y.begin < x.end;
}

// Matrices of which one is read along its columns while the other is written along its rows. Returns
// false where the operands do not lie so.
bool copy_by_tiles(const StridedLoop<2>& loop, size_t width) {
  constexpr int64_t least = 8;
  const auto step = int64_t(width);
  if (loop.ndim() < 2 || loop.inner_strides()[0] != step || loop.inner_size() < least) return false;
  int across = 0;
  for (int d = 1; d < loop.ndim() && across == 0; ++d) {
    if (loop.strides(d)[1] == step && loop.size(d) >= least) across = d;
  }
  if (across == 0 || loop.inner_strides()[1] == 0) return false;
  const int64_t rows = loop.size(across), columns = loop.inner_size();
  const int64_t to_stride = loop.strides(across)[0], from_stride = loop.inner_strides()[1];
  constexpr int64_t rows_at_once = 64;
  const int64_t blocks = (rows + rows_at_once - 1) / rows_at_once;
  const int64_t matrices = loop.numel() / (rows * columns);
  const int64_t grain = std::max<int64_t>(1, grain_bytes / (std::min(rows, rows_at_once) * columns * step));
  parallel_for(matrices * blocks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      int64_t first = i % blocks * rows_at_once, rest = i / blocks;
      char* to = loop.data(0) + first * to_stride;
      const char* from = loop.data(1) + first * step;
      for (int d = 1; d < loop.ndim(); ++d) {
        if (d == across) continue;
        int64_t at = rest % loop.size(d);
        rest /= loop.size(d);
        to += at * loop.strides(d)[0];
        from += at * loop.strides(d)[1];
      }
      kernels::copy_transposed(width, to, to_stride, from, from_stride, std::min(rows_at_once, rows - first), columns);
    }
  });
  return true;
}

[[gnu::noinline]] void copy_strided(const Tensor& dst, const Tensor& src) {
  if (dst.numel() == 0) return;
  if (may_overlap(dst, src)) {
    if (same_elements(dst, src)) return;
    Tensor apart = empty(src.sizes(), src.dtype());
    copy_strided(apart, src);
    return copy_strided(dst, apart);
  }
  StridedLoop<2> loop(dst.sizes(), {&dst, &src});
  size_t width = item_size(dst.dtype());
  if (dst.dtype() == src.dtype()) {
    if (copy_by_tiles(loop, width)) return;
    loop.run(grain_bytes / int64_t(width), [width](char* const* p, const int64_t* strides, int64_t n) {
      kernels::copy_run(width, p[0], strides[0], p[1], strides[1], n);
    });
    return;
  }
  DType to = dst.dtype(), from = src.dtype();
  loop.run(grain_converted, [to, from](char* const* p, const int64_t* strides, int64_t n) {
    kernels::convert_run(to, p[0], strides[0], from, p[1], strides[1], n);
  });
}

void warn_imaginary_dropped() {
  static std::atomic<bool> done{false};
  if (!done.exchange(true)) warn("Casting complex values to real discards the imaginary part");
}

Tensor converted(const Tensor& self, DType dtype, Layout layout = Layout::preserve) {
  if (self.dtype() == dtype) return self;
  Tensor out = empty_like(self, dtype, layout);
  copy_values(out, self);
  if (is_differentiable(dtype) && needs_grad(self)) {
    record(out, "ToCopyBackward0", inputs(self), saves(),
           [from = self.dtype()](Backward& b) { b[0] = converted(b.grad(), from); });
  }
  return out;
}

void record_clone(const Tensor& out, const Tensor& self) {
  record(out, "CloneBackward0", inputs(self), saves(), [](Backward& b) { b[0] = b.grad(); });
}

}  // namespace

void copy_values(const Tensor& dst, const Tensor& src) {
  if (!equal(dst.sizes(), src.sizes())) {
    TL_CHECK(equal(broadcast_shapes(dst.sizes(), src.sizes()), dst.sizes()), "output with shape ", Shape{dst.sizes()},
             " doesn't match the broadcast shape ", Shape{broadcast_shapes(dst.sizes(), src.sizes())});
  } else if (dst.dtype() == src.dtype() && dst.is_contiguous() && src.is_contiguous() &&
             dst.nbytes() <= size_t(grain_bytes)) [[likely]] {
    std::memmove(dst.bytes(), src.bytes(), dst.nbytes());
    return;
  }
  copy_strided(dst, src);
}

std::optional<Layout> layout_of(std::string_view name) {
  if (name == "preserve_format") return Layout::preserve;
  if (name == "contiguous_format") return Layout::contiguous;
  if (name == "channels_last") return Layout::channels_last;
  if (name == "channels_last_3d") return Layout::channels_last_3d;
  return std::nullopt;
}

Dims layout_strides(IntView sizes, Layout layout) {
  if (layout != Layout::channels_last && layout != Layout::channels_last_3d) return contiguous_strides(sizes);
  size_t n = layout == Layout::channels_last ? 4 : 5;
  TL_CHECK(sizes.size() == n, "required rank ", n, " tensor to use ", n == 4 ? "channels_last" : "channels_last_3d",
           " format");
  Dims strides(n);
  int64_t step = 1;
  auto place = [&](size_t d) {
    strides[d] = step;
    step *= sizes[d] > 1 ? sizes[d] : 1;
  };
  place(1);
  for (size_t d = n; d-- > 2;) place(d);
  place(0);
  return strides;
}

bool is_contiguous(const Tensor& t, Layout layout) {
  if (layout == Layout::contiguous || layout == Layout::preserve) return t.is_contiguous();
  if (t.dim() != (layout == Layout::channels_last ? 4 : 5)) return false;
  Dims wanted = layout_strides(t.sizes(), layout);
  for (size_t d = 0; d < wanted.size(); ++d) {
    if (t.sizes()[d] != 1 && t.strides()[d] != wanted[d]) return t.numel() == 0;
  }
  return true;
}

Tensor empty_like(const Tensor& t, DType dtype, Layout layout) {
  if (layout == Layout::preserve) return empty_like(t, dtype);
  if (layout == Layout::contiguous) return empty(t.sizes(), dtype);
  return empty_strided(t.sizes(), layout_strides(t.sizes(), layout), dtype);
}

Tensor clone(const Tensor& self, Layout layout) {
  Tensor out = empty_like(self, self.dtype(), layout);
  copy_values(out, self);
  if (needs_grad(self)) record_clone(out, self);
  return out;
}
Tensor clone(const Tensor& self) { return clone(self, Layout::preserve); }

Tensor contiguous(const Tensor& self) {
  if (self.is_contiguous()) return self;
  return clone(self, Layout::contiguous);
}

Tensor to_dtype(const Tensor& self, DType dtype) { return to_dtype(self, dtype, Layout::preserve); }
Tensor to_dtype(const Tensor& self, DType dtype, Layout layout) {
  if (self.dtype() == dtype) {
    return layout == Layout::preserve || is_contiguous(self, layout) ? self : clone(self, layout);
  }
  if (is_complex(self.dtype()) && !is_complex(dtype) && dtype != DType::Bool) warn_imaginary_dropped();
  return converted(self, dtype, layout);
}

Tensor copy_(const Tensor& self, const Tensor& src) {
  if (self.is_same(src)) return self;
  check_inplace(self, "copy_", src);
  bool recorded = is_differentiable(self.dtype()) && needs_grad(self, src);
  if (!equal(self.sizes(), src.sizes())) {
    Dims both = broadcast_shapes(self.sizes(), src.sizes());
    TL_CHECK(equal(both, self.sizes()), "output with shape ", Shape{self.sizes()},
             " doesn't match the broadcast shape ", Shape{both});
  }
  if (self->storage == src->storage && may_overlap(self, src) && !same_elements(self, src)) {
    TL_CHECK(
        !is_non_overlapping_and_dense(self) || !is_non_overlapping_and_dense(src),
        "unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory "
        "location. Please clone() the tensor before performing the operation. (copy_)");
  }
  if (is_complex(src.dtype()) && !is_complex(self.dtype()) && self.dtype() != DType::Bool) warn_imaginary_dropped();
  copy_values(self, src);
  self.bump_version();
  if (recorded) {
    record_inplace(self, "CopyBackwards", inputs(self, src), saves(),
                   [sizes = Dims(src.sizes()), dtype = src.dtype()](Backward& b) {
                     if (b.needs(0)) b[0] = zeros_like(b.grad());
                     if (b.needs(1)) b[1] = converted(sum_to_size(b.grad(), sizes), dtype);
                   });
  }
  return self;
}

namespace {

Layout layout_or(const std::optional<std::string_view>& name, Layout fallback) {
  return name ? *layout_of(*name) : fallback;
}
Tensor clone_op(const Tensor& self, std::optional<std::string_view> memory_format) {
  return clone(self, layout_or(memory_format, Layout::preserve));
}
Tensor contiguous_op(const Tensor& self, std::optional<std::string_view> memory_format) {
  Layout layout = layout_or(memory_format, Layout::contiguous);
  if (is_contiguous(self, layout)) return self;
  TL_CHECK(layout != Layout::preserve, "preserve memory format is unsupported by the contiguous operator");
  return clone(self, layout);
}
Tensor copy_op(const Tensor& self, const Tensor& other, bool) { return copy_(self, other); }

const OpRecord records[] = {
    {"clone(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", TL_OP(clone_op), op::function | op::method,
     "A copy in memory of its own that stays in the graph. The layout is kept where the elements lie densely.",
     "randn(3, 4) | randn(4, 3).t() | randn(0, 3) | randn(()) | randn(3, 1).expand(3, 4) | randn(2, 3, 4)[:, ::2]"},
    {"contiguous(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", TL_OP(contiguous_op), op::method,
     "The tensor itself where its elements lie in row-major order (or that of `memory_format`), otherwise a copy that "
     "does so.",
     "randn(3, 4) | randn(4, 3).t() | randn(2, 3, 4).permute(2, 0, 1) | randn(0, 3) | randn(())"},
    {"copy_(Tensor self, Operand other, bool non_blocking=False) -> Tensor", TL_OP(copy_op),
     op::method | op::writes_self,
     "Writes the values of `other`, broadcast and converted, into `self`. The gradient of `self` before is zero.",
     "randn(3, 4), randn(3, 4) | randn(4, 3).t(), randn(4) | randn(2, 3), randn(()) | randn(0, 3), randn(1, 3)"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
