// Softmax, its logarithm and log-sum-exp.
#include "kernels/softmax.h"

#include <algorithm>

#include "autograd/record.h"
#include "core/parallel.h"
#include "ops/pointwise.h"
#include "ops/reduce_dims.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

using kernels::SoftmaxArgs;
using kernels::SoftmaxKind;

namespace {

constexpr int64_t grain = 1 << 14;  // elements: some 20 µs

// Values without history, of a dtype that the kernels know, in contiguous memory.
Tensor prepared(const Tensor& t) {
  if (t.is_contiguous() && (t.dtype() == DType::Float32 || t.dtype() == DType::Float64)) return t;
  NoGradGuard no_grad;
  return contiguous(is_reduced_floating(t.dtype()) ? to_dtype(t, DType::Float32) : t);
}
Tensor finished(const Tensor& out, DType dtype) {
  NoGradGuard no_grad;
  return to_dtype(out, dtype);
}

// Runs a kernel along `dim` of [outer, n, inner].
template <class Kernel>
void run(const Kernel& kernel, SoftmaxArgs& args, IntView sizes, int64_t dim) {
  int64_t outer = 1;
  args.n = args.inner = 1;
  for (size_t d = 0; d < sizes.size(); ++d) {
    (int64_t(d) < dim ? outer : int64_t(d) == dim ? args.n : args.inner) *= sizes[d];
  }
  if (outer == 0 || args.inner == 0) return;
  int64_t items = outer, each = args.n;
  if (args.inner > 1) {
    items *= (args.inner + kernels::softmax_columns - 1) / kernels::softmax_columns;
    each *= std::min(args.inner, kernels::softmax_columns);
  }
  parallel_for(items, std::max<int64_t>(1, grain / std::max<int64_t>(each, 1)),
               [&](int64_t begin, int64_t end) { kernel(args, begin, end); });
}

void check_real(const Tensor& self, int64_t dim, const char* name) {
  if (is_floating(self.dtype())) return;
  TL_CHECK_NOTIMPL(false, "\"", name, dim == std::max<int64_t>(self.dim() - 1, 0) ? "_lastdim" : "",
                   "_kernel_impl\" not implemented for '", dtype_legacy_name(self.dtype()), "'");
}

Tensor forward(const Tensor& self, int64_t dim, SoftmaxKind kind) {
  Tensor x = prepared(self);
  Tensor out = empty(self.sizes(), x.dtype());
  SoftmaxArgs args{kind, x.dtype(), x.bytes(), nullptr, out.bytes(), 1, 1};
  if (out.numel() > 0) run(kernels::softmax, args, self.sizes(), dim);
  return out.dtype() == self.dtype() ? out : finished(out, self.dtype());
}

Tensor backward(const Tensor& grad, const Tensor& result, int64_t dim, SoftmaxKind kind) {
  Tensor g = prepared(grad), y = prepared(result);
  Tensor out = empty(result.sizes(), y.dtype());
  SoftmaxArgs args{kind, y.dtype(), g.bytes(), y.bytes(), out.bytes(), 1, 1};
  if (out.numel() > 0) run(kernels::softmax_backward, args, result.sizes(), dim);
  return out.dtype() == grad.dtype() ? out : finished(out, grad.dtype());
}

void check_backward(const Tensor& grad, const Tensor& output, const char* name) {
  TL_CHECK(equal(grad.sizes(), output.sizes()) && grad.dtype() == output.dtype(), name, ": the gradient has shape ",
           Shape{grad.sizes()}, " and dtype ", dtype_name(grad.dtype()), ", the output ", Shape{output.sizes()},
           " and ", dtype_name(output.dtype()));
}

}  // namespace

Tensor softmax_backward_data(const Tensor& grad, const Tensor& output, int64_t dim_arg, DType input_dtype) {
  check_backward(grad, output, "_softmax_backward_data");
  int64_t dim = wrap_dim(dim_arg, output.dim());
  check_real(output, dim, "softmax_backward");
  Tensor out = backward(grad, output, dim, SoftmaxKind::softmax);
  if (needs_grad(grad, output)) {
    record(out, "SoftmaxBackwardDataBackward0:grad_output,output", inputs(grad, output), saves(grad, output),
           [dim](Backward& b) {
             const Tensor& gg = b.grad();
             Tensor g = b.saved(0), y = b.saved(1);
             if (b.needs(0)) b[0] = softmax_backward_data(gg, y, dim, y.dtype());
             if (b.needs(1)) {
               Tensor along = sum(mul(gg, y), Dims{dim}, true);
               b[1] = sub(mul(gg, sub(g, sum(mul(g, y), Dims{dim}, true))), mul(g, along));
             }
           });
  }
  return to_dtype(out, input_dtype);
}

Tensor log_softmax_backward_data(const Tensor& grad, const Tensor& output, int64_t dim_arg, DType input_dtype) {
  check_backward(grad, output, "_log_softmax_backward_data");
  int64_t dim = wrap_dim(dim_arg, output.dim());
  check_real(output, dim, "log_softmax_backward");
  Tensor out = backward(grad, output, dim, SoftmaxKind::log_softmax);
  if (needs_grad(grad, output)) {
    record(out, "LogSoftmaxBackwardDataBackward0:grad_output,output", inputs(grad, output), saves(grad, output),
           [dim](Backward& b) {
             const Tensor& gg = b.grad();
             Tensor g = b.saved(0), p = exp(b.saved(1));
             if (b.needs(0)) b[0] = sub(gg, sum(mul(gg, p), Dims{dim}, true));
             if (b.needs(1)) b[1] = neg(mul(mul(gg, p), sum(g, Dims{dim}, true)));
           });
  }
  return to_dtype(out, input_dtype);
}

Tensor softmax(const Tensor& self_arg, int64_t dim_arg, std::optional<DType> dtype) {
  Tensor self = dtype && *dtype != self_arg.dtype() ? to_dtype(self_arg, *dtype) : self_arg;
  int64_t dim = wrap_dim(dim_arg, self.dim());
  check_real(self, dim, "softmax");
  Tensor out = forward(self, dim, SoftmaxKind::softmax);
  if (needs_grad(self)) {
    record(out, "SoftmaxBackward0:result", inputs(self), saves(output(out)), [dim](Backward& b) {
      Tensor y = b.saved(0);
      b[0] = softmax_backward_data(b.grad(), y, dim, y.dtype());
    });
  }
  return out;
}

Tensor log_softmax(const Tensor& self_arg, int64_t dim_arg, std::optional<DType> dtype) {
  Tensor self = dtype && *dtype != self_arg.dtype() ? to_dtype(self_arg, *dtype) : self_arg;
  int64_t dim = wrap_dim(dim_arg, self.dim());
  check_real(self, dim, "log_softmax");
  Tensor out = forward(self, dim, SoftmaxKind::log_softmax);
  if (needs_grad(self)) {
    record(out, "LogSoftmaxBackward0:result", inputs(self), saves(output(out)), [dim](Backward& b) {
      Tensor y = b.saved(0);
      b[0] = log_softmax_backward_data(b.grad(), y, dim, y.dtype());
    });
  }
  return out;
}

namespace {

Tensor logsumexp_values(const Tensor& self, DimSet set, bool keepdim) {
  if (is_complex(self.dtype())) {
    NoGradGuard no_grad;
    Tensor x = detach(self);
    Dims dims = list_of(set, self.dim());
    if (dims.empty()) return log(exp(x));
    Tensor top = amax(real(x), dims, true);
    return add(log(sum(exp(sub(x, top)), dims, keepdim)), reshape(top, reduced_sizes(self.sizes(), set, keepdim)));
  }
  const int64_t n = self.dim();
  const int64_t many = int64_t(list_of(set, n).size());
  // A run of neighbouring dims counts as one where it stands; others are moved to the end.
  Tensor x = detach(self);
  int64_t first = 0;
  while (first < n && !has_dim(set, size_t(first))) ++first;
  bool together = true;
  for (int64_t d = first; d < first + many; ++d) together = together && has_dim(set, size_t(d));
  if (!together) {
    Dims order = list_of(~set, n);
    for (int64_t d : list_of(set, n)) order.push_back(d);
    x = permute(x, order);
    first = n - many;
  }
  Tensor in = prepared(x);
  Dims sizes(in.sizes().first(size_t(first)));
  sizes.push_back(reduced_count(self.sizes(), set));
  for (int64_t d = first + many; d < n; ++d) sizes.push_back(in.sizes()[size_t(d)]);
  Tensor out = empty(reduced_sizes(self.sizes(), set, keepdim), in.dtype());
  SoftmaxArgs args{SoftmaxKind::logsumexp, in.dtype(), in.bytes(), nullptr, out.bytes(), 1, 1};
  run(kernels::softmax, args, sizes, first);
  return finished(out, self.dtype());
}

}  // namespace

Tensor logsumexp(const Tensor& self_arg, IntView dims, bool keepdim) {
  Tensor self = is_integral_or_bool(self_arg.dtype()) ? to_dtype(self_arg, default_dtype()) : self_arg;
  DimSet set = dim_set(dims, self.dim());
  Tensor out = logsumexp_values(self, set, keepdim);
  if (needs_grad(self)) {
    record(out, "LogsumexpBackward0:self,result", inputs(self), saves(self, output(out)), [set, keepdim](Backward& b) {
      Tensor x = b.saved(0);
      Tensor y = with_dims(b.saved(1), set, x.dim(), keepdim);
      b[0] = mul(with_dims(b.grad(), set, x.dim(), keepdim), conj(exp(sub(x, y))));
    });
  }
  return out;
}

namespace {

constexpr uint32_t both = op::function | op::method | op::out;
const OpRecord records[] = {
    {"softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", TL_OP(softmax), both,
     "e^x along `dim`, scaled to sum to one; the largest x is subtracted first, so that nothing overflows.",
     "randn(3, 5), dim=-1 | randn(3, 5), 0 | randn(2, 70, 3), 1 | randn(5, 3).t(), 1 | randn(0, 3), 1 | randn(()), 0 | "
     "randn(3, 5), 1, dtype=float64"},
    {"log_softmax(Tensor self, int dim, ScalarType? dtype=None) -> Tensor", TL_OP(log_softmax), both,
     "The logarithm of softmax, without the loss of precision that taking it afterwards has.",
     "randn(3, 5), dim=-1 | randn(3, 5), 0 | randn(2, 70, 3), 1 | randn(5, 3).t(), 1 | randn(0, 3), 1 | randn(()), 0"},
    {"_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor",
     TL_OP(softmax_backward_data), op::function, "The gradient of softmax from its output.",
     "randn(3, 5), softmax(randn(3, 5), 1), 1, float32"},
    {"_log_softmax_backward_data(Tensor grad_output, Tensor output, int dim, ScalarType input_dtype) -> Tensor",
     TL_OP(log_softmax_backward_data), op::function, "The gradient of log_softmax from its output.",
     "randn(3, 5), log_softmax(randn(3, 5), 1), 1, float32"},
    {"logsumexp(Tensor self, int[] dim, bool keepdim=False) -> Tensor", TL_OP(logsumexp), both,
     "log Σ e^x along the listed dims, without overflow.",
     "randn(3, 5), 1 | randn(3, 5), 0, True | randn(2, 3, 4), (0, 2) | randn(5, 3).t(), (0, 1) | randn(()), 0 | "
     "randn(0, 3), 0"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
