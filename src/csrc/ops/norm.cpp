// layer_norm and rms_norm: rows of the last dims brought to mean 0 and variance 1, or to mean
// square 1.
#include "kernels/norm.h"

#include <algorithm>

#include "autograd/record.h"
#include "core/parallel.h"
#include "ops/index_plan.h"
#include "ops/loss.h"
#include "ops/registry.h"

namespace tl {

namespace {

struct Spec {
  DType compute;
  int64_t rows, width;
  double eps;
  bool centred;
  // Some 16k elements a piece; pieces hold sums of their own for the gradient of weight and bias.
  int64_t grain() const { return std::max<int64_t>(1, (1 << 14) / std::max<int64_t>(width, 1)); }
};

// An undefined tensor stays so.
Tensor optional_operand(const Tensor& t, DType dtype) { return t.defined() ? dense_values(t, t.sizes(), dtype) : t; }
void* bytes_of(const Tensor& t) { return t.defined() ? t.bytes() : nullptr; }

// The gradients by differentiable ops, for gradients of gradients.
void composed_backward(Backward& b, const Spec& spec, const Tensor& input, const Tensor& weight,
                       const Dims& weight_sizes) {
  Dims rows{spec.rows, spec.width};
  Tensor x = to_dtype(reshape(input, rows), spec.compute);
  if (spec.centred) x = sub(x, mean(x, Dims{1}, true));
  Tensor rstd = rsqrt(add(mean(mul(x, x), Dims{1}, true), spec.eps));
  Tensor h = mul(x, rstd);
  Tensor g = to_dtype(reshape(b.grad(), rows), spec.compute);
  if (b.needs(0)) {
    Tensor gw = weight.defined() ? mul(g, reshape(to_dtype(weight, spec.compute), Dims{spec.width})) : g;
    Tensor d = spec.centred ? sub(gw, mean(gw, Dims{1}, true)) : gw;
    d = mul(rstd, sub(d, mul(h, mean(mul(gw, h), Dims{1}, true))));
    b[0] = to_dtype(reshape(d, input.sizes()), input.dtype());
  }
  if (b.needs(1)) b[1] = to_dtype(reshape(sum(mul(g, h), Dims{0}, false), weight_sizes), weight.dtype());
  if (b.needs(2)) b[2] = to_dtype(reshape(sum(g, Dims{0}, false), weight_sizes), b.grad().dtype());
}

// Saved: input, weight, mean, rstd.
void norm_backward(Backward& b, const Spec& spec, const Dims& weight_sizes, DType bias_dtype) {
  Tensor input = b.saved(0), weight = b.saved(1), mean = b.saved(2), rstd = b.saved(3);
  const Tensor& grad = b.grad();
  if (needs_grad(grad, input, weight) && input.numel() > 0) {
    composed_backward(b, spec, input, weight, weight_sizes);
    if (b[2].defined()) b[2] = to_dtype(b[2], bias_dtype);
    return;
  }
  Tensor x = dense_values(input, input.sizes(), spec.compute), g = dense_values(grad, grad.sizes(), spec.compute);
  Tensor w = optional_operand(weight, spec.compute);
  kernels::RowNorm args{x.bytes(),    bytes_of(w), nullptr,  bytes_of(mean),
                        rstd.bytes(), spec.width,  spec.eps, spec.centred};
  int64_t grain = spec.grain(), pieces = std::max<int64_t>(1, (spec.rows + grain - 1) / grain);
  Tensor dx = b.needs(0) ? empty(input.sizes(), spec.compute) : Tensor();
  Tensor dw = b.needs(1) ? zeros(Dims{pieces, spec.width}, spec.compute) : Tensor();
  Tensor db = b.needs(2) ? zeros(Dims{pieces, spec.width}, spec.compute) : Tensor();
  int64_t row_bytes = spec.width * int64_t(item_size(spec.compute));
  parallel_for(spec.rows, grain, [&](int64_t begin, int64_t end) {
    int64_t at = begin / grain * row_bytes;
    kernels::norm_rows_grad(spec.compute, args, g.bytes(), bytes_of(dx), dw.defined() ? dw.bytes() + at : nullptr,
                            db.defined() ? db.bytes() + at : nullptr, begin, end);
  });
  auto gathered = [&](const Tensor& parts, DType dtype) {
    Tensor total = pieces == 1 ? parts : sum(parts, Dims{0}, false);
    return to_dtype(reshape(total, weight_sizes), dtype);
  };
  if (dx.defined()) b[0] = to_dtype(dx, input.dtype());
  if (dw.defined()) b[1] = gathered(dw, weight.dtype());
  if (db.defined()) b[2] = gathered(db, bias_dtype);
}

Tensor normalized(const Tensor& input, size_t axis, const Tensor& weight, const Tensor& bias, double eps, bool centred,
                  const char* label) {
  IntView sizes = input.sizes();
  Spec spec{loss_compute_dtype(input.dtype()), 1, 1, eps, centred};
  Dims kept(sizes);  // of mean and rstd
  for (size_t d = 0; d < sizes.size(); ++d) {
    (d < axis ? spec.rows : spec.width) *= sizes[d];
    if (d >= axis) kept[d] = 1;
  }
  Tensor x = dense_values(input, sizes, spec.compute);
  Tensor w = optional_operand(weight, spec.compute), shift = optional_operand(bias, spec.compute);
  Tensor out = empty(sizes, spec.compute), rstd = empty(kept, spec.compute);
  Tensor mean = centred ? empty(kept, spec.compute) : Tensor();
  kernels::RowNorm args{x.bytes(),  bytes_of(w), bytes_of(shift), bytes_of(mean), rstd.bytes(),
                        spec.width, eps,         centred};
  parallel_for(spec.rows, spec.grain(),
               [&](int64_t begin, int64_t end) { kernels::norm_rows(spec.compute, args, out.bytes(), begin, end); });
  if (input.dtype() != spec.compute) {
    NoGradGuard no_grad;
    out = to_dtype(out, input.dtype());
  }
  if (needs_grad(input, weight, bias)) {
    Dims weight_sizes(sizes.subspan(axis));
    DType bias_dtype = bias.defined() ? bias.dtype() : input.dtype();
    record(out, label, inputs(input, weight, bias), saves(input, weight, mean, rstd),
           [spec, weight_sizes, bias_dtype](Backward& b) { norm_backward(b, spec, weight_sizes, bias_dtype); });
  }
  return out;
}

// How many leading dims are not normalised.
size_t check_shapes(const Tensor& input, IntView shape, const Tensor& weight, const Tensor& bias, const char* star) {
  TL_CHECK(!shape.empty(),
           "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
           "element, but got "
           "normalized_shape = ",
           Shape{shape});
  TL_CHECK(!weight.defined() || equal(weight.sizes(), shape),
           "Expected weight to be of same shape as normalized_shape, but got weight of shape ", Shape{weight.sizes()},
           " and normalized_shape = ", Shape{shape});
  TL_CHECK(!bias.defined() || equal(bias.sizes(), shape),
           "Expected bias to be of same shape as normalized_shape, but got bias of shape ", Shape{bias.sizes()},
           " and normalized_shape = ", Shape{shape});
  IntView sizes = input.sizes();
  if (sizes.size() < shape.size() || !equal(sizes.subspan(sizes.size() - shape.size()), shape)) {
    std::ostringstream due;
    for (size_t d = 0; d < shape.size(); ++d) due << (d == 0 ? star : ", ") << shape[d];
    fail(ErrorKind::runtime, "Given normalized_shape=", Shape{shape}, ", expected input with shape [*", due.str(),
         "], but got input of size", Shape{sizes});
  }
  return sizes.size() - shape.size();
}

Tensor layer_norm(const Tensor& input, IntView normalized_shape, const Tensor& weight, const Tensor& bias, double eps,
                  bool) {
  size_t axis = check_shapes(input, normalized_shape, weight, bias, ", ");
  DType dtype = input.dtype();
  TL_CHECK_NOTIMPL(is_floating(dtype), "\"LayerNormKernelImpl\" not implemented for '", dtype_legacy_name(dtype), "'");
  for (const Tensor* t : {&weight, &bias}) {
    TL_CHECK(!t->defined() || t->dtype() == dtype || (is_reduced_floating(dtype) && t->dtype() == DType::Float32),
             "mixed dtype (CPU): expect parameter to have scalar type of Float (layer_norm: input is ",
             dtype_name(dtype), ", a parameter is ", t->defined() ? dtype_name(t->dtype()) : "", ")");
  }
  return normalized(input, axis, weight, bias, eps, true, "NativeLayerNormBackward0:input,weight,result1,result2");
}

Tensor rms_norm(const Tensor& input, IntView normalized_shape, const Tensor& weight, std::optional<double> eps) {
  size_t axis = check_shapes(input, normalized_shape, weight, {}, "");
  DType dtype = input.dtype();
  TL_CHECK_NOTIMPL(is_floating(dtype), "\"rms_norm\" not implemented for '", dtype_legacy_name(dtype), "'");
  // The default is the smallest step of the type that is computed with.
  double epsilon = eps.value_or(dtype == DType::Float64 ? 2.220446049250313e-16 : 1.1920928955078125e-07);
  return normalized(input, axis, weight, {}, epsilon, false, "MulBackward0:input,weight,mean,rstd");
}

const OpRecord records[] = {
    {"layer_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, Tensor? bias=None, "
     "float eps=1e-05, "
     "bool cudnn_enable=True) -> Tensor",
     TL_OP(layer_norm), op::function,
     "(x - E[x]) / sqrt(Var[x] + eps) * weight + bias over the last dims, whose sizes are "
     "`normalized_shape`. Ba et al., 2016.",
     "randn(3, 4), (4,) | randn(4, 3).t(), (4,), randn(4), randn(4) | randn(2, 3, 4), (3, 4), "
     "randn(3, 4) | "
     "randn(3, 4), (4,), None, randn(4) | randn(0, 4), (4,), randn(4) | randn(3, 0), (0,)"},
    {"rms_norm(Tensor input, int[] normalized_shape, Tensor? weight=None, float? eps=None) -> "
     "Tensor",
     TL_OP(rms_norm), op::function,
     "x / sqrt(E[x²] + eps) * weight over the last dims, whose sizes are `normalized_shape`. Zhang "
     "and Sennrich, 2019.",
     "randn(3, 4), (4,) | randn(4, 3).t(), (4,), randn(4) | randn(2, 3, 4), (3, 4), randn(3, 4), "
     "1e-3 | randn(0, 4), (4,)"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
