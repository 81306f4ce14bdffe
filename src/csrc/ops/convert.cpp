// Conversions by name: x.float(), x.long(), x.type_as(y) …, and complex numbers from their parts.
#include "autograd/record.h"
#include "ops/copy.h"
#include "ops/pointwise.h"
#include "ops/registry.h"

namespace tl {

namespace {

using OptionalName = std::optional<std::string_view>;

template <DType dtype>
Tensor to_named(const Tensor& self, OptionalName memory_format) {
  return to_dtype(self, dtype, memory_format ? *layout_of(*memory_format) : Layout::preserve);
}
Tensor to(const Tensor& self, std::optional<DType> dtype, bool copy, OptionalName memory_format) {
  Layout layout = memory_format ? *layout_of(*memory_format) : Layout::preserve;
  DType wanted = dtype.value_or(self.dtype());
  return copy && wanted == self.dtype() ? clone(self, layout) : to_dtype(self, wanted, layout);
}
Tensor to_type(const Tensor& self, DType dtype, bool, bool copy, OptionalName memory_format) {
  return to(self, dtype, copy, memory_format);
}
Tensor to_device(const Tensor& self, std::optional<DeviceType> device, std::optional<DType> dtype, bool, bool copy,
                 OptionalName memory_format) {
  TL_CHECK_NOTIMPL(device.value_or(DeviceType::cpu) == DeviceType::cpu, "to(): the meta device holds no data");
  return to(self, dtype, copy, memory_format);
}
Tensor to_other(const Tensor& self, const Tensor& other, bool, bool copy, OptionalName memory_format) {
  return to(self, other.dtype(), copy, memory_format);
}

DType type_of_result(const Tensor& a, const Tensor& b) { return result_type({a, b}); }

Tensor type_as(const Tensor& self, const Tensor& other) { return to_dtype(self, other.dtype()); }

// The halves of a complex tensor, as views of its memory without history.
Tensor part(const Tensor& z, int64_t which) {
  Dims strides(z.strides());
  for (int64_t& s : strides) s *= 2;
  Tensor v = alias(z, z.sizes(), strides, 2 * z->offset + which);
  v->dtype = to_real(z.dtype());
  return v;
}
Tensor make_complex(const Tensor& real, const Tensor& imag);
// Differentiable, unlike the views above: the gradient of one half of a complex tensor.
Tensor half_of(const Tensor& z, int64_t which) {
  Tensor out = empty(z.sizes(), to_real(z.dtype()));
  copy_values(out, part(z, which));
  if (needs_grad(z)) {
    record(out, which == 0 ? "RealBackward0" : "ImagBackward0", inputs(z), saves(), [which](Backward& b) {
      Tensor zero = zeros_like(b.grad());
      b[0] = which == 0 ? make_complex(b.grad(), zero) : make_complex(zero, b.grad());
    });
  }
  return out;
}
Tensor make_complex(const Tensor& real, const Tensor& imag) {
  TL_CHECK(is_floating(real.dtype()) && real.dtype() != DType::BFloat16 && real.dtype() != DType::Float16 &&
               is_floating(imag.dtype()) && imag.dtype() != DType::BFloat16 && imag.dtype() != DType::Float16,
           "Expected both inputs to be Half, Float or Double tensors but got ", dtype_legacy_name(real.dtype()),
           " and ", dtype_legacy_name(imag.dtype()));
  TL_CHECK(real.dtype() == imag.dtype(), "Expected object of scalar type ", dtype_legacy_name(real.dtype()),
           " but got scalar type ", dtype_legacy_name(imag.dtype()), " for second argument");
  Tensor out = empty(broadcast_shapes(real.sizes(), imag.sizes()), to_complex(real.dtype()));
  copy_values(part(out, 0), real);
  copy_values(part(out, 1), imag);
  if (needs_grad(real, imag)) {
    record(out, "ComplexBackward0", inputs(real, imag), saves(),
           [a = Dims(real.sizes()), c = Dims(imag.sizes())](Backward& b) {
             if (b.needs(0)) b[0] = sum_to_size(half_of(b.grad(), 0), a);
             if (b.needs(1)) b[1] = sum_to_size(half_of(b.grad(), 1), c);
           });
  }
  return out;
}
Tensor polar(const Tensor& abs, const Tensor& angle) {
  return make_complex(mul(abs, cos(angle)), mul(abs, sin(angle)));
}

#define TL_TO(name, dtype)                                                                                         \
  {name "(Tensor self, *, MemoryFormat? memory_format=None) -> Tensor", TL_OP(to_named<DType::dtype>), op::method, \
   "The tensor as " name ": itself where it is that already.", "randn(3, 4) | randn(4, 3).t() | tensor([1, 0, 3])"}
const OpRecord records[] = {
    TL_TO("bool", Bool),
    TL_TO("byte", UInt8),
    TL_TO("char", Int8),
    TL_TO("short", Int16),
    TL_TO("int", Int32),
    TL_TO("long", Int64),
    TL_TO("half", Float16),
    TL_TO("bfloat16", BFloat16),
    TL_TO("float", Float32),
    TL_TO("double", Float64),
    TL_TO("cfloat", Complex64),
    TL_TO("cdouble", Complex128),
    {"to(Tensor self, ScalarType dtype, bool non_blocking=False, bool copy=False, *, MemoryFormat? memory_format=None) "
     "-> Tensor",
     TL_OP(to_type), op::method,
     "The tensor in another dtype; itself where it has it already and no copy is asked for.",
     "randn(3, 4), int64 | randn(4, 3).t(), float32, False, True | tensor([1, 2]), float64"},
    {"to(Tensor self, Device? device=None, ScalarType? dtype=None, bool non_blocking=False, bool copy=False, *, "
     "MemoryFormat? "
     "memory_format=None) -> Tensor",
     TL_OP(to_device), op::method, "The same with a device: there is one, the CPU.",
     "randn(3, 4), 'cpu' | randn(3), 'cpu', int32"},
    {"to(Tensor self, Tensor other, bool non_blocking=False, bool copy=False, *, MemoryFormat? memory_format=None) -> "
     "Tensor",
     TL_OP(to_other), op::method, "The tensor in the dtype of another.", "randn(3, 4), tensor([1])"},
    {"type_as(Tensor self, Tensor other) -> Tensor", TL_OP(type_as), op::method, "The tensor in the dtype of another.",
     "randn(3, 4), tensor([1]) | tensor([1, 2]), randn(())"},
    {"result_type(Operand tensor1, Operand tensor2) -> ScalarType", TL_OP(type_of_result),
     op::function | op::nondifferentiable, "The dtype that arithmetic on the two, tensors or numbers, gives.",
     "randn(3), 1 | tensor([1]), 2.5"},
    {"complex(Tensor real, Tensor imag) -> Tensor", TL_OP(make_complex), op::function | op::out,
     "The complex numbers of these real and imaginary parts.",
     "randn(3, 4), randn(3, 4) | randn(3, 1), randn(4) | randn(()), randn(0)"},
    {"polar(Tensor abs, Tensor angle) -> Tensor", TL_OP(polar), op::function | op::out,
     "The complex numbers of these absolute values and angles.", "randn(3, 4), randn(3, 4) | randn(3, 1), randn(4)"},
};
#undef TL_TO
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
