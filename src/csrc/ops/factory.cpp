// New tensors of given values, and filling and resizing those that exist.
#include "ops/factory.h"

#include "autograd/record.h"
#include "core/strided.h"
#include "kernels/copy.h"
#include "ops/copy.h"
#include "ops/registry.h"

namespace tl {

namespace {

constexpr int64_t grain_bytes = 1 << 19;

// A value in the representation of a dtype.
struct Element {
  alignas(16) char bytes[16] = {};
  bool zero = true;
  Element(const Scalar& value, DType dtype) {
    check_representable(value, dtype);
    dispatch_all(dtype, [&](auto tag) {
      using T = typename decltype(tag)::type;
      T v = value.to<T>();
      std::memcpy(bytes, &v, sizeof v);
    });
    for (char b : bytes) zero = zero && b == 0;
  }
};

void fill_dense(char* to, size_t width, int64_t n, const Element& e) {
  auto range = [&](int64_t begin, int64_t end) {
    char* at = to + begin * int64_t(width);
    if (e.zero) {
      std::memset(at, 0, size_t(end - begin) * width);
    } else {
      kernels::fill_run(width, at, int64_t(width), e.bytes, end - begin);
    }
  };
  parallel_for(n, grain_bytes / int64_t(width), range);
}

void fill_values(const Tensor& t, const Element& e) {
  if (t.numel() == 0) return;
  size_t width = item_size(t.dtype());
  if (is_non_overlapping_and_dense(t)) return fill_dense(t.bytes(), width, t.numel(), e);
  StridedLoop<1> loop(t.sizes(), {&t});
  loop.run(grain_bytes / int64_t(width), [&](char* const* p, const int64_t* strides, int64_t n) {
    kernels::fill_run(width, p[0], strides[0], e.bytes, n);
  });
}

Tensor filled(Tensor t, const Scalar& value) {
  fill_values(t, Element(value, t.dtype()));
  return t;
}
Tensor cleared(Tensor t) {
  size_t n = t.nbytes();
  if (n <= 256) {
    std::memset(t.bytes(), 0, n);
  } else {
    fill_dense(t.bytes(), 1, int64_t(n), Element(0, DType::UInt8));
  }
  return t;
}

}  // namespace

Tensor zeros(IntView sizes, DType dtype) { return cleared(empty(sizes, dtype)); }
Tensor ones(IntView sizes, DType dtype) { return filled(empty(sizes, dtype), 1); }
Tensor full(IntView sizes, const Scalar& value, DType dtype) { return filled(empty(sizes, dtype), value); }
Tensor zeros_like(const Tensor& self) { return cleared(empty_like(self)); }
Tensor ones_like(const Tensor& self) { return filled(empty_like(self), 1); }
Tensor full_like(const Tensor& self, const Scalar& value) { return filled(empty_like(self), value); }

Tensor fill_(const Tensor& self, const Scalar& value) {
  check_inplace(self, "fill_", true);
  fill_values(self, Element(value, self.dtype()));
  self.bump_version();
  if (needs_grad(self)) {
    record_inplace(self, "FillBackward2", inputs(self), saves(), [](Backward& b) { b[0] = zeros_like(b.grad()); });
  }
  return self;
}

Tensor fill_(const Tensor& self, const Tensor& value) {
  TL_CHECK(value.dim() == 0, "fill_ only supports 0-dimension value tensor but got tensor with ", value.dim(),
           " dimensions.");
  check_inplace(self, "fill_", true);
  bool recorded = is_differentiable(self.dtype()) && needs_grad(self, value);
  Tensor converted = value;
  if (value.dtype() != self.dtype()) {
    NoGradGuard no_grad;
    converted = to_dtype(value, self.dtype());
  }
  Element element(0, self.dtype());
  std::memcpy(element.bytes, converted.bytes(), item_size(self.dtype()));
  element.zero = false;
  fill_values(self, element);
  self.bump_version();
  if (recorded) {
    record_inplace(self, "FillBackward3", inputs(self, value), saves(), [dtype = value.dtype()](Backward& b) {
      if (b.needs(0)) b[0] = zeros_like(b.grad());
      if (b.needs(1)) b[1] = to_dtype(sum(b.grad()), dtype);
    });
  }
  return self;
}

Tensor zero_(const Tensor& self) {
  check_inplace(self, "zero_", true);
  fill_values(self, Element(0, self.dtype()));
  self.bump_version();
  if (needs_grad(self)) {
    record_inplace(self, "ZeroBackward0", inputs(self), saves(), [](Backward& b) { b[0] = zeros_like(b.grad()); });
  }
  return self;
}

namespace {

void set_sizes(const Tensor& self, IntView sizes, IntView strides) {
  int64_t numel = checked_numel(sizes);
  size_t width = item_size(self.dtype());
  if (numel > 0) {
    int64_t last = 0;
    for (size_t d = 0; d < sizes.size(); ++d) last += (sizes[d] - 1) * strides[d];
    size_t nbytes = size_t(self->offset + last + 1) * width;
    if (nbytes > self->storage->nbytes) resize_storage(self->storage, nbytes);
  }
  self->set_geometry(sizes, strides);
}

}  // namespace

Tensor resize_(const Tensor& self, IntView sizes) { return resize_(self, sizes, Layout::contiguous); }

Tensor resize_(const Tensor& self, IntView sizes, Layout layout) {
  TL_CHECK(!requires_grad(self), "cannot resize variables that require grad");
  TL_CHECK(layout != Layout::preserve, "Unsupported memory format Preserve");
  checked_numel(sizes);
  if (equal(self.sizes(), sizes) && is_contiguous(self, layout)) return self;
  if (equal(self.sizes(), sizes) && layout == Layout::contiguous) return self;
  set_sizes(self, sizes, layout_strides(sizes, layout));
  self.bump_version();
  return self;
}

namespace {

DType or_default(const std::optional<DType>& dtype) { return dtype.value_or(default_dtype()); }
Layout or_layout(const std::optional<std::string_view>& name, Layout fallback) {
  return name ? *layout_of(*name) : fallback;
}
using OptionalType = std::optional<DType>;
using OptionalName = std::optional<std::string_view>;

Tensor empty_op(IntView size, OptionalType dtype, OptionalName memory_format) {
  Layout layout = or_layout(memory_format, Layout::contiguous);
  TL_CHECK(layout != Layout::preserve, "preserve memory format is unsupported by empty");
  checked_numel(size);
  if (layout == Layout::contiguous) return empty(size, or_default(dtype));
  return empty_strided(size, layout_strides(size, layout), or_default(dtype));
}
Tensor empty_strided_op(IntView size, IntView stride, OptionalType dtype) {
  return empty_strided(size, stride, or_default(dtype));
}
Tensor zeros_op(IntView size, OptionalType dtype) { return zeros(size, or_default(dtype)); }
Tensor ones_op(IntView size, OptionalType dtype) { return ones(size, or_default(dtype)); }
Tensor full_op(IntView size, Scalar value, OptionalType dtype) {
  return full(size, value, dtype.value_or(value.dtype()));
}
Tensor scalar_tensor_op(Scalar s, OptionalType dtype) {
  check_representable(s, or_default(dtype));
  return scalar_tensor(s, or_default(dtype));
}

Tensor fresh_like(const Tensor& self, OptionalType dtype, OptionalName memory_format) {
  return empty_like(self, dtype.value_or(self.dtype()), or_layout(memory_format, Layout::preserve));
}
Tensor zeros_like_op(const Tensor& self, OptionalType dtype, OptionalName memory_format) {
  return cleared(fresh_like(self, dtype, memory_format));
}
Tensor ones_like_op(const Tensor& self, OptionalType dtype, OptionalName memory_format) {
  return filled(fresh_like(self, dtype, memory_format), 1);
}
Tensor full_like_op(const Tensor& self, Scalar value, OptionalType dtype, OptionalName memory_format) {
  return filled(fresh_like(self, dtype, memory_format), value);
}

Tensor new_empty(const Tensor& self, IntView size, OptionalType dtype) {
  return empty(size, dtype.value_or(self.dtype()));
}
Tensor new_empty_strided(const Tensor& self, IntView size, IntView stride, OptionalType dtype) {
  return empty_strided(size, stride, dtype.value_or(self.dtype()));
}
Tensor new_zeros(const Tensor& self, IntView size, OptionalType dtype) {
  return zeros(size, dtype.value_or(self.dtype()));
}
Tensor new_ones(const Tensor& self, IntView size, OptionalType dtype) {
  return ones(size, dtype.value_or(self.dtype()));
}
Tensor new_full(const Tensor& self, IntView size, Scalar value, OptionalType dtype) {
  return full(size, value, dtype.value_or(self.dtype()));
}

Tensor fill_number(const Tensor& self, Scalar value) { return fill_(self, value); }
Tensor fill_tensor(const Tensor& self, const Tensor& value) { return fill_(self, value); }
Tensor fill_number_copy(const Tensor& self, Scalar value) { return fill_(clone(self), value); }
Tensor fill_tensor_copy(const Tensor& self, const Tensor& value) { return fill_(clone(self), value); }

Tensor resize_op(const Tensor& self, IntView size, OptionalName memory_format) {
  return resize_(self, size, or_layout(memory_format, Layout::contiguous));
}
Tensor resize_as_op(const Tensor& self, const Tensor& other, OptionalName memory_format) {
  return resize_(self, other.sizes(), or_layout(memory_format, Layout::contiguous));
}

constexpr uint32_t factory = op::function | op::creates | op::out | op::nondifferentiable;
constexpr uint32_t like = op::function | op::creates | op::nondifferentiable;
constexpr uint32_t of_self = op::method | op::creates | op::nondifferentiable;
const OpRecord records[] = {
    {"empty(int[] size, *, ScalarType? dtype=None, MemoryFormat? memory_format=None) -> Tensor", TL_OP(empty_op),
     factory, "A tensor whose values are whatever its memory holds.", "0, 3 | (2, 0) | 0"},
    {"empty_strided(int[] size, int[] stride, *, ScalarType? dtype=None) -> Tensor", TL_OP(empty_strided_op), like,
     "An uninitialised tensor of that shape and those strides.", "(0, 3), (3, 1)"},
    {"zeros(int[] size, *, ScalarType? dtype=None) -> Tensor", TL_OP(zeros_op), factory, "A tensor of zeros.",
     "3, 4 | (2, 3) | 0 | ()"},
    {"ones(int[] size, *, ScalarType? dtype=None) -> Tensor", TL_OP(ones_op), factory, "A tensor of ones.",
     "3, 4 | (2, 3) | 0 | ()"},
    {"full(int[] size, Scalar fill_value, *, ScalarType? dtype=None) -> Tensor", TL_OP(full_op), factory,
     "A tensor of one value, of the dtype that the value has by itself.", "(2, 3), 1.5 | (2,), 7 | (), True | (0,), 2"},
    {"scalar_tensor(Scalar s, *, ScalarType? dtype=None) -> Tensor", TL_OP(scalar_tensor_op), like,
     "A 0-d tensor of the default dtype.", "1.5 | 3"},
    {"empty_like(Tensor self, *, ScalarType? dtype=None, MemoryFormat? memory_format=None) -> Tensor",
     TL_OP(fresh_like), like, "An uninitialised tensor of the shape, dtype and layout of another.", "randn(0, 3)"},
    {"zeros_like(Tensor self, *, ScalarType? dtype=None, MemoryFormat? memory_format=None) -> Tensor",
     TL_OP(zeros_like_op), like, "Zeros in the shape, dtype and layout of another tensor.",
     "randn(3, 4) | randn(4, 3).t() | randn(0, 3) | randn(())"},
    {"ones_like(Tensor self, *, ScalarType? dtype=None, MemoryFormat? memory_format=None) -> Tensor",
     TL_OP(ones_like_op), like, "Ones in the shape, dtype and layout of another tensor.",
     "randn(3, 4) | randn(4, 3).t() | randn(0, 3) | randn(())"},
    {"full_like(Tensor self, Scalar fill_value, *, ScalarType? dtype=None, MemoryFormat? memory_format=None) -> Tensor",
     TL_OP(full_like_op), like, "One value in the shape, dtype and layout of another tensor.",
     "randn(3, 4), 2 | randn(4, 3).t(), 0.5 | randn(0, 3), 1 | randn(()), -1"},
    {"new_empty(Tensor self, int[] size, *, ScalarType? dtype=None) -> Tensor", TL_OP(new_empty), of_self,
     "An uninitialised tensor of this one's dtype.", "randn(3), (0, 2)"},
    {"new_empty_strided(Tensor self, int[] size, int[] stride, *, ScalarType? dtype=None) -> Tensor",
     TL_OP(new_empty_strided), of_self, "An uninitialised tensor of this one's dtype and of those strides.",
     "randn(3), (0, 2), (2, 1)"},
    {"new_zeros(Tensor self, int[] size, *, ScalarType? dtype=None) -> Tensor", TL_OP(new_zeros), of_self,
     "Zeros of this tensor's dtype.", "randn(3), (2, 3) | randn(3), 0"},
    {"new_ones(Tensor self, int[] size, *, ScalarType? dtype=None) -> Tensor", TL_OP(new_ones), of_self,
     "Ones of this tensor's dtype.", "randn(3), (2, 3) | randn(3), 0"},
    {"new_full(Tensor self, int[] size, Scalar fill_value, *, ScalarType? dtype=None) -> Tensor", TL_OP(new_full),
     of_self, "One value in this tensor's dtype.", "randn(3), (2, 3), 1.5 | randn(3), (0,), 2"},
    {"fill_(Tensor self, Tensor value) -> Tensor", TL_OP(fill_tensor), op::function | op::method | op::writes_self,
     "Writes one value, that of a 0-d tensor, into every element.",
     "randn(3, 4), randn(()) | randn(4, 3).t(), randn(())"},
    {"fill_(Tensor self, Scalar value) -> Tensor", TL_OP(fill_number), op::function | op::method | op::writes_self,
     "Writes one value into every element.", "randn(3, 4), 2 | randn(4, 3).t(), 0.5 | randn(0, 3), 1 | randn(()), -1"},
    {"fill(Tensor self, Tensor value) -> Tensor", TL_OP(fill_tensor_copy), op::function,
     "A copy filled with one value.", "randn(3, 4), randn(())"},
    {"fill(Tensor self, Scalar value) -> Tensor", TL_OP(fill_number_copy), op::function,
     "A copy filled with one value.", "randn(3, 4), 2"},
    {"zero_(Tensor self) -> Tensor", TL_OP(zero_), op::function | op::method | op::writes_self,
     "Writes zeros into every element.", "randn(3, 4) | randn(4, 3).t() | randn(0, 3) | randn(())"},
    {"resize_(Tensor self, int[] size, *, MemoryFormat? memory_format=None) -> Tensor", TL_OP(resize_op),
     op::method | op::writes_self | op::nondifferentiable,
     "Gives the tensor another shape over the same storage, which grows where it is too small; new elements are "
     "uninitialised.",
     "randn(3, 4), (2, 3) | randn(3), 2"},
    {"resize_as_(Tensor self, Tensor the_template, *, MemoryFormat? memory_format=None) -> Tensor", TL_OP(resize_as_op),
     op::function | op::method | op::writes_self | op::nondifferentiable, "resize_ to the shape of another tensor.",
     "randn(3, 4), randn(2, 3)"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
