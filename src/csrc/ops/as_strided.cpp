// as_strided: any geometry over a storage. The gradient goes through a flat buffer that both the input's
// and the output's geometry read.
#include "autograd/record.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

namespace {

struct Geometry {
  Dims sizes, strides;
  int64_t offset;
  int64_t numel() const {
    int64_t n = 1;
    for (int64_t s : sizes) n *= s;
    return n;
  }
  int64_t end() const {
    int64_t e = offset + 1;
    for (size_t d = 0; d < sizes.size(); ++d) e += (sizes[d] - 1) * strides[d];
    return e;
  }
  // Conservative: true where two index tuples may meet.
  bool overlaps() const {
    Dims order(sizes.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = int64_t(i);
    for (size_t i = 1; i < order.size(); ++i) {
      for (size_t j = i; j > 0 && strides[size_t(order[j])] < strides[size_t(order[j - 1])]; --j) {
        std::swap(order[j], order[j - 1]);
      }
    }
    int64_t reach = 0;  // the largest offset of the dims so far
    for (int64_t d : order) {
      if (sizes[size_t(d)] <= 1) continue;
      if (strides[size_t(d)] <= reach) return true;
      reach += (sizes[size_t(d)] - 1) * strides[size_t(d)];
    }
    return false;
  }
};

// buffer[geometry] += values, in index order.
void accumulate(const Tensor& buffer, const Geometry& g, const Tensor& values) {
  Tensor v = values.is_contiguous() ? values : raw_clone(contiguous(values));
  int64_t n = v.numel();
  size_t nd = g.sizes.size();
  dispatch_all(v.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    T* out = buffer.data<T>();
    const T* in = v.data<T>();
    Dims at(nd);
    int64_t offset = g.offset;
    for (int64_t i = 0; i < n; ++i) {
      if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
        out[offset] = convert<T>(convert<float>(out[offset]) + convert<float>(in[i]));
      } else {
        out[offset] = T(out[offset] + in[i]);
      }
      for (size_t d = nd; d-- > 0;) {
        offset += g.strides[d];
        if (++at[d] < g.sizes[d]) break;
        offset -= g.sizes[d] * g.strides[d];
        at[d] = 0;
      }
    }
  });
}

struct Restride {
  Geometry from, to, counted;  // `counted`: elements that share memory in it share the gradient
};

// Writes `grad` (shape of `from`) into a flat buffer and reads it out through `to`.
Tensor restride(const Tensor& grad, const Restride& r) {
  int64_t extent = 1;
  for (const Geometry* g : {&r.from, &r.to, &r.counted}) {
    if (g->numel() > 0) extent = std::max(extent, g->end());
  }
  Tensor out;
  {
    NoGradGuard no_grad;
    Tensor buffer = zeros(Dims{extent}, grad.dtype());
    if (grad.numel() > 0) {
      if (r.from.overlaps()) {
        accumulate(buffer, r.from, grad);
      } else {
        copy_values(alias(buffer, r.from.sizes, r.from.strides, r.from.offset), grad);
      }
      if (r.counted.overlaps()) {
        Tensor count = zeros(Dims{extent}, grad.dtype());
        accumulate(count, r.counted, ones(r.counted.sizes, grad.dtype()));
        buffer = div(buffer, maximum(count, ones_like(count)));
      }
    }
    out = empty(r.to.sizes, grad.dtype());
    if (out.numel() > 0) copy_values(out, alias(buffer, r.to.sizes, r.to.strides, r.to.offset));
  }
  if (needs_grad(grad)) {
    record(out, "AsStridedBackwardBackward0", inputs(grad), saves(),
           [r](Backward& b) { b[0] = restride(b.grad(), Restride{r.to, r.from, r.counted}); });
  }
  return out;
}

}  // namespace

Tensor as_strided(const Tensor& self, IntView sizes, IntView strides, std::optional<int64_t> offset_arg) {
  TL_CHECK(sizes.size() == strides.size(), "as_strided: mismatch in length of strides and shape: ", Shape{sizes},
           " and ", Shape{strides});
  int64_t offset = offset_arg.value_or(self->offset);
  int64_t numel = checked_numel(sizes);
  for (int64_t s : strides) {
    TL_CHECK(s >= 0, "as_strided: Negative strides are not supported at the moment, got strides: ", Shape{strides});
  }
  TL_CHECK(offset >= 0, "as_strided: storage_offset must be non-negative, got ", offset);
  if (numel > 0) {
    int64_t last = offset;
    bool overflow = false;
    for (size_t d = 0; d < sizes.size(); ++d) {
      int64_t step;
      overflow = overflow || __builtin_mul_overflow(sizes[d] - 1, strides[d], &step) ||
                 __builtin_add_overflow(last, step, &last);
    }
    auto width = int64_t(item_size(self.dtype()));
    TL_CHECK(!overflow && last < int64_t(self->storage->nbytes) / width, "as_strided: setStorage: sizes ", Shape{sizes},
             ", strides ", Shape{strides}, ", storage offset ", offset, ", and itemsize ", width,
             " requiring a storage size of ", (last + 1) * width, " are out of bounds for storage of size ",
             self->storage->nbytes);
  }
  Tensor v = alias(self, sizes, strides, offset);
  make_view(v, self);
  if (needs_grad(self)) {
    int64_t base = std::min(offset, self->offset);
    Geometry in{Dims(self.sizes()), Dims(self.strides()), self->offset - base};
    Geometry out{Dims(sizes), Dims(strides), offset - base};
    record(v, "AsStridedBackward0", inputs(self), saves(),
           [in, out](Backward& b) { b[0] = restride(b.grad(), Restride{out, in, in}); });
  }
  return v;
}

namespace {

const OpRecord records[] = {
    {"as_strided(Tensor self, int[] size, int[] stride, int? storage_offset=None) -> Tensor", TL_OP(as_strided),
     op::function | op::method | op::view,
     "Any sizes, strides and offset over the storage of `self`; RuntimeError where they leave it.",
     "randn(3, 4), (2, 2), (4, 1), 1 | randn(9), (3, 3), (2, 1) | randn(2, 3), (2, 3), (0, 1)"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
