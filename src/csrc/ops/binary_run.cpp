// Running an op of two operands: the straight ways for small float32 tensors and numbers first.
#include "core/parallel.h"
#include "ops/index_plan.h"
#include "ops/pointwise.h"

namespace tl {

using kernels::BinaryOp;
using Kind = BinaryInfo::Kind;

namespace {

bool quick(const Tensor& a, const Tensor& b) {
  const TensorImpl *p = a.impl(), *q = b.impl();
  if (p->dtype != DType::Float32 || q->dtype != DType::Float32 || !p->contiguous || !q->contiguous ||
      p->ndim != q->ndim || p->numel > (1 << 16)) {
    return false;
  }
  for (int d = 0; d < p->ndim; ++d) {
    if (p->dims[d] != q->dims[d]) return false;
  }
  return true;
}

bool quick(const Tensor& a, const Scalar& b) {
  return a.dtype() == DType::Float32 && a.is_contiguous() && a.numel() <= (1 << 16) && !b.is_complex();
}

// out = op(x, number), or op(number, x): the number stands in a short block of its own.
void run_with_number(kernels::Loop loop, const Tensor& out, size_t out_width, const Tensor& x, const Scalar& number,
                     bool first) {
  constexpr int64_t block = 256;
  alignas(64) float filled[block];
  int64_t n = x.numel(), width = n < block ? n : block;
  float value = number.to<float>();
  for (int64_t i = 0; i < width; ++i) filled[i] = value;
  char* to = out.bytes();
  float* from = x.data<float>();
  for (int64_t i = 0; i < n; i += block) {
    void* data[] = {to + size_t(i) * out_width, first ? filled : from + i, first ? from + i : filled};
    loop(n - i < block ? n - i : block, data);
  }
}

bool divides(BinaryOp op) {
  return op == BinaryOp::div_trunc || op == BinaryOp::div_floor || op == BinaryOp::remainder || op == BinaryOp::fmod;
}
// A divisor may wrap to zero in the dtype that it is converted to.
bool has_zero(const Operand& o, DType common) {
  if (!o.is_tensor()) {
    return dispatch_integral(common, [&](auto tag) { return o.number().to<typename decltype(tag)::type>() == 0; });
  }
  IntView sizes = o.tensor().sizes();
  Tensor values = dense_values(dense_values(o.tensor(), sizes, common), sizes, DType::Int64);
  const int64_t* p = values.data<int64_t>();
  for (int64_t i = 0; i < values.numel(); ++i) {
    if (p[i] == 0) return true;
  }
  return false;
}

PointwiseSpec spec_of(const BinaryInfo& info, const Operand& a, const Operand& b) {
  DType common = result_type({a, b});
  if (info.kind == Kind::floating) common = floating_result(common);
  kernels::Loop loop = find_loop(info.op, kernels::compute_of(common));
  if (loop == nullptr || (common == DType::Bool && !info.takes_bool)) not_implemented(info.loop_name, common, {a, b});
  if (divides(info.op) && is_integral(common)) TL_CHECK(!has_zero(b, common), "ZeroDivisionError");
  return {info.name, loop,
          common,    info.kind == Kind::predicate ? DType::Bool : common,
          info.cost, info.kind == Kind::predicate};
}

}  // namespace

Tensor binary(const BinaryInfo& info, const Operand& a, const Operand& b) {
  if (a.is_tensor() && b.is_tensor() && quick(a.tensor(), b.tensor())) [[likely]] {
    if (kernels::Loop loop = kernels::binary_loop(info.op, kernels::Compute::f32)) {
      const Tensor &x = a.tensor(), &y = b.tensor();
      Tensor out = empty(x.sizes(), info.kind == Kind::predicate ? DType::Bool : DType::Float32);
      void* data[] = {out.bytes(), x.bytes(), y.bytes()};
      loop(x.numel(), data);
      return out;
    }
  }
  // Numbers that came as tensors are numbers again.
  if (b.is_wrapped_number() && !a.is_wrapped_number()) return binary(info, a, item(b.tensor()));
  if (a.is_wrapped_number() && !b.is_wrapped_number()) return binary(info, item(a.tensor()), b);
  const bool number_first = !a.is_tensor();
  const Operand &tensor = number_first ? b : a, &number = number_first ? a : b;
  if (tensor.is_tensor() && !number.is_tensor() && quick(tensor.tensor(), number.number())) [[likely]] {
    if (kernels::Loop loop = kernels::binary_loop(info.op, kernels::Compute::f32)) {
      bool predicate = info.kind == Kind::predicate;
      Tensor out = empty(tensor.tensor().sizes(), predicate ? DType::Bool : DType::Float32);
      run_with_number(loop, out, predicate ? 1 : 4, tensor.tensor(), number.number(), number_first);
      return out;
    }
  }
  return pointwise(spec_of(info, a, b), {a, b});
}

void binary_(const BinaryInfo& info, const Tensor& self, const Operand& other) {
  if (other.is_tensor() && quick(self, other.tensor()) && info.kind != Kind::predicate &&
      (self->storage != other.tensor()->storage || self->offset == other.tensor()->offset)) [[likely]] {
    if (kernels::Loop loop = kernels::binary_loop(info.op, kernels::Compute::f32)) {
      void* data[] = {self.bytes(), self.bytes(), other.tensor().bytes()};
      loop(self.numel(), data);
      self.bump_version();
      return;
    }
  }
  if (other.is_wrapped_number()) return binary_(info, self, item(other.tensor()));
  if (!other.is_tensor() && info.kind != Kind::predicate && quick(self, other.number())) {
    if (kernels::Loop loop = kernels::binary_loop(info.op, kernels::Compute::f32)) {
      run_with_number(loop, self, 4, self, other.number(), false);
      self.bump_version();
      return;
    }
  }
  PointwiseSpec spec = spec_of(info, self, other);
  if (info.kind != Kind::predicate) check_cast(info.name, spec.result, self);
  pointwise_into(spec, self, {self, other});
  self.bump_version();
}

// --- a + scale * b -----------------------------------------------------------------------------------

namespace {

constexpr NaryInfo add_scaled_info{"add", kernels::NaryOp::add_scaled, "add_stub"};

void run_scaled(const Tensor& out, const Tensor& a, const Tensor& b, const Scalar& scale) {
  constexpr int64_t block = 256;
  alignas(64) float filled[block];
  int64_t n = out.numel(), width = n < block ? n : block;
  float value = scale.to<float>();
  for (int64_t i = 0; i < width; ++i) filled[i] = value;
  kernels::Loop loop = kernels::nary_loop(kernels::NaryOp::add_scaled, kernels::Compute::f32);
  for (int64_t i = 0; i < n; i += block) {
    void* data[] = {out.data<float>() + i, a.data<float>() + i, b.data<float>() + i, filled};
    loop(n - i < block ? n - i : block, data);
  }
}

}  // namespace

Tensor add_scaled(const Operand& a, const Operand& b, const Scalar& scale) {
  if (a.is_tensor() && b.is_tensor() && quick(a.tensor(), b.tensor())) {
    Tensor out = empty(a.tensor().sizes(), DType::Float32);
    run_scaled(out, a.tensor(), b.tensor(), scale);
    return out;
  }
  return nary_as(add_scaled_info, result_type({a, b}), {a, b, scale});
}
void add_scaled_(const Tensor& self, const Operand& b, const Scalar& scale) {
  if (b.is_tensor() && quick(self, b.tensor()) &&
      (self->storage != b.tensor()->storage || self->offset == b.tensor()->offset)) {
    run_scaled(self, self, b.tensor(), scale);
    self.bump_version();
    return;
  }
  nary_as_(add_scaled_info, result_type({self, b}), self, {self, b, scale});
}

}  // namespace tl
