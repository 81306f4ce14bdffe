// Losses of class indices and class probabilities: nll_loss, cross_entropy.
#include <algorithm>
#include <vector>

#include "autograd/record.h"
#include "core/parallel.h"
#include "kernels/loss.h"
#include "ops/index_plan.h"
#include "ops/loss.h"
#include "ops/registry.h"

namespace tl {

Tensor log_softmax(const Tensor& self, int64_t dim, std::optional<DType> dtype);

namespace {

// --- arguments -----------------------------------------------------------------------------------

// [rows / inner, classes, inner] and the shape that a loss without reduction has.
struct Layout {
  int64_t classes, inner, rows;
  int class_dim;
  Dims out_sizes;
};

void check_batch(const Tensor& input, const Tensor& target) {
  TL_CHECK_VALUE(input.dim() > 0, "Expected 1 or more dimensions (got 0)");
  if (input.dim() == 1) {
    TL_CHECK_VALUE(target.dim() != 1 || target.numel() == 1,
                   "For 1D input, 1D target must have size 1, but got target size: ", target.numel());
    return;
  }
  int64_t batch = target.dim() == 0 ? 0 : target.sizes()[0];
  TL_CHECK_VALUE(target.dim() != 0 && input.sizes()[0] == batch, "Expected input batch_size (", input.sizes()[0],
                 ") to match target batch_size (", batch, ").");
}

Layout layout_of(const Tensor& input, const Tensor& target) {
  check_batch(input, target);
  int64_t n = input.dim();
  IntView in = input.sizes(), to = target.sizes();
  if (n <= 2) {
    TL_CHECK(target.dim() <= 1, "0D or 1D target tensor expected, multi-target not supported");
    if (n == 1) return {in[0], 1, 1, 0, Dims{}};
    return {in[1], 1, in[0], 1, Dims{in[0]}};
  }
  Dims due(in);
  due.erase(1);
  if (n == 4) {
    TL_CHECK(target.dim() == 3,
             "only batches of spatial targets supported (3D tensors) but got targets of dimension: ", target.dim());
    TL_CHECK(equal(to, due), "size mismatch (got input: ", Shape{in}, " , target: ", Shape{to});
  } else {
    TL_CHECK(equal(to, due), "Expected target size ", due, ", got ", Shape{to});
  }
  int64_t inner = 1;
  for (size_t d = 2; d < in.size(); ++d) inner *= in[d];
  return {in[1], inner, in[0] * inner, 1, due};
}

// Class indices as contiguous int64, each a class or the ignored index.
Tensor checked_targets(const Tensor& target, int64_t classes, int64_t ignore_index) {
  TL_CHECK(target.dtype() == DType::Int64 || target.dtype() == DType::UInt8,
           "expected target dtype to be Long or Byte, but got ", dtype_legacy_name(target.dtype()));
  Tensor out = dense_values(target, target.sizes(), DType::Int64);
  const int64_t* t = out.data<int64_t>();
  for (int64_t i = 0; i < out.numel(); ++i) {
    TL_CHECK_INDEX((t[i] >= 0 && t[i] < classes) || t[i] == ignore_index, "Target ", t[i], " is out of bounds.");
  }
  return out;
}

Tensor checked_weight(const Tensor& weight, const Tensor& input, int64_t classes) {
  if (!weight.defined()) return weight;
  TL_CHECK(weight.dim() == 1 && weight.numel() == classes, "weight tensor should be defined either for all ", classes,
           " classes or no classes but got weight tensor of shape: ", Shape{weight.sizes()});
  TL_CHECK(weight.dtype() == input.dtype(), "expected scalar type ", dtype_legacy_name(input.dtype()), " but found ",
           dtype_legacy_name(weight.dtype()));
  check_not_differentiated(weight, "nll_loss_forward", "weight");
  return dense_values(weight, weight.sizes(), loss_compute_dtype(weight.dtype()));
}

// The node's name: that of the last node in PyTorch's chain.
bool is_viewed(int64_t ndim, Reduction reduction) { return reduction == Reduction::none && ndim > 2 && ndim != 4; }

// --- nll_loss ------------------------------------------------------------------------------------

struct NllSpec {
  Dims sizes;  // of the input
  int64_t classes, inner, ignore_index;
  bool sums;
  double factor;
  const char* label;
};

Tensor pick(const Tensor& x, const Tensor& target, const Tensor& weight, const NllSpec& spec, IntView out_sizes);

// The gradient of pick, and the other way round: both are linear in their first argument.
Tensor put(const Tensor& grad, const Tensor& target, const Tensor& weight, const NllSpec& spec, const Dims& out_sizes) {
  Tensor out = zeros(spec.sizes, grad.dtype());
  Tensor g = dense_values(grad, grad.sizes(), grad.dtype());
  const int64_t* t = target.data<int64_t>();
  auto f = [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = std::conditional_t<std::is_same_v<T, double>, double, float>;
    const C* w = weight.defined() ? weight.data<C>() : nullptr;
    const T* from = g.data<T>();
    T* to = out.data<T>();
    for (int64_t r = 0; r < target.numel(); ++r) {
      if (t[r] == spec.ignore_index) continue;
      C value = -convert<C>(from[spec.sums ? 0 : r]) * C(spec.factor);
      if (w != nullptr) value *= w[t[r]];
      to[(r / spec.inner * spec.classes + t[r]) * spec.inner + r % spec.inner] = convert<T>(value);
    }
  };
  dispatch_all(grad.dtype(), [&](auto tag) {
    if constexpr (is_floating(DTypeOf<typename decltype(tag)::type>::value)) f(tag);
  });
  if (needs_grad(grad)) {
    record(out, "NllLossBackwardBackward0:target,weight", inputs(grad), saves(target, weight),
           [spec, out_sizes](Backward& b) { b[0] = pick(b.grad(), b.saved(0), b.saved(1), spec, out_sizes); });
  }
  return out;
}

Tensor pick(const Tensor& x, const Tensor& target, const Tensor& weight, const NllSpec& spec, IntView out_sizes) {
  Tensor in = dense_values(x, x.sizes(), x.dtype());
  const int64_t* t = target.data<int64_t>();
  Tensor out;
  auto f = [&](auto tag) {
    using T = typename decltype(tag)::type;
    using C = std::conditional_t<std::is_same_v<T, double>, double, float>;
    const C* w = weight.defined() ? weight.data<C>() : nullptr;
    const T* from = in.data<T>();
    auto value = [&](int64_t r) -> C {
      if (t[r] == spec.ignore_index) return 0;
      C v = -convert<C>(from[(r / spec.inner * spec.classes + t[r]) * spec.inner + r % spec.inner]);
      return w != nullptr ? v * w[t[r]] : v;
    };
    if (spec.sums) {
      double total = 0;
      for (int64_t r = 0; r < target.numel(); ++r) total += double(value(r));
      out = scalar_tensor(total * spec.factor, x.dtype());
    } else {
      out = empty(out_sizes, x.dtype());
      T* to = out.data<T>();
      for (int64_t r = 0; r < target.numel(); ++r) to[r] = convert<T>(value(r));
    }
  };
  dispatch_all(x.dtype(), [&](auto tag) {
    if constexpr (is_floating(DTypeOf<typename decltype(tag)::type>::value)) f(tag);
  });
  if (needs_grad(x)) {
    record(out, spec.label, inputs(x), saves(target, weight),
           [spec, sizes = Dims(out_sizes)](Backward& b) { b[0] = put(b.grad(), b.saved(0), b.saved(1), spec, sizes); });
  }
  return out;
}

double total_weight(const Tensor& target, const Tensor& weight, int64_t ignore_index) {
  const int64_t* t = target.data<int64_t>();
  double total = 0;
  for (int64_t r = 0; r < target.numel(); ++r) {
    if (t[r] == ignore_index) continue;
    total += !weight.defined()                  ? 1
             : weight.dtype() == DType::Float64 ? weight.data<double>()[t[r]]
                                                : double(weight.data<float>()[t[r]]);
  }
  return total;
}

Tensor nll_loss(const Tensor& input, const Tensor& target, const Tensor& weight_arg, std::optional<bool> size_average,
                int64_t ignore_index, std::optional<bool> reduce, std::string_view reduction_name) {
  Reduction reduction = reduction_of(reduction_name, size_average, reduce);
  Layout layout = layout_of(input, target);
  TL_CHECK_NOTIMPL(is_floating(input.dtype()), "\"nll_loss_out_frame\" not implemented for '",
                   dtype_legacy_name(input.dtype()), "'");
  Tensor targets = checked_targets(target, layout.classes, ignore_index);
  Tensor weight = checked_weight(weight_arg, input, layout.classes);
  NllSpec spec{Dims(input.sizes()),
               layout.classes,
               layout.inner,
               ignore_index,
               reduction != Reduction::none,
               1,
               is_viewed(input.dim(), reduction) ? "ViewBackward0:target,weight"
               : input.dim() <= 2                ? "NllLossBackward0:target,weight"
                                                 : "NllLoss2DBackward0:target,weight"};
  if (reduction == Reduction::mean) spec.factor = 1 / total_weight(targets, weight, ignore_index);
  return pick(input, targets, weight, spec, layout.out_sizes);
}

// --- cross_entropy -------------------------------------------------------------------------------

struct Spec {
  DType dtype, compute;
  bool sums;
  int class_dim;
  int64_t classes, inner, ignore_index;
  double smoothing, weight_sum, factor;
  kernels::CrossEntropyArgs args(const void* input, const Tensor& target, const Tensor& weight) const {
    return {input,
            target.data<int64_t>(),
            weight.defined() ? weight.bytes() : nullptr,
            classes,
            inner,
            ignore_index,
            smoothing,
            weight_sum};
  }
  int64_t grain() const { return std::max<int64_t>(1, (1 << 14) / std::max<int64_t>(classes, 1)); }
};

Tensor grad_values(const Tensor& p, const Tensor& target, const Tensor& weight, const Tensor& grad, int64_t step,
                   double factor, const Spec& spec) {
  Tensor out = empty(p.sizes(), spec.compute);
  kernels::CrossEntropyArgs args = spec.args(nullptr, target, weight);
  parallel_for(target.numel(), spec.grain(), [&](int64_t begin, int64_t end) {
    kernels::cross_entropy_grad(spec.compute, args, p.bytes(), grad.bytes(), step, factor, out.bytes(), begin, end);
  });
  return out;
}

// The saved probabilities as the softmax of the logits, whose history is `logits`.
Tensor softmax_with_history(const Tensor& p, const Edge& logits, int class_dim, DType dtype) {
  Tensor y = alias(p);
  record(y, "SoftmaxBackward0:result", inputs(Tensor()), saves(output(y)), [class_dim, dtype](Backward& b) {
    Tensor result = b.saved(0);
    Tensor g = mul(b.grad(), result);
    b[0] = to_dtype(sub(g, mul(result, sum(g, Dims{class_dim}, true))), dtype);
  });
  raw_grad_fn(y)->edges[0] = logits;
  return y;
}

// Saved: probabilities, target, weight.
void cross_entropy_backward(Backward& b, const Spec& spec) {
  Tensor p = b.saved(0), target = b.saved(1), weight = b.saved(2);
  const Tensor& g = b.grad();
  if (!grad_enabled()) {
    Tensor gs = dense_values(g, g.sizes(), spec.compute);
    b[0] = to_dtype(grad_values(p, target, weight, gs, spec.sums ? 0 : 1, spec.factor, spec), spec.dtype);
    return;
  }
  // The loss is a · (log Σ exp(x) - x) with constant shares a of the classes.
  Tensor zero = zeros(p.sizes(), spec.compute);
  Tensor shares = grad_values(zero, target, weight, scalar_tensor(-1.0, spec.compute), 0, 1, spec);
  Tensor whole = sum(shares, Dims{spec.class_dim}, true);
  Tensor y = softmax_with_history(p, b.edge(0), spec.class_dim, spec.dtype);
  Tensor each = spec.sums ? mul(g, Scalar(spec.factor)) : unsqueeze(g, spec.class_dim);
  b[0] = to_dtype(mul(sub(mul(y, whole), shares), each), spec.dtype);
}

bool all_ignored(const Tensor& target, int64_t ignore_index) {
  const int64_t* t = target.data<int64_t>();
  return std::all_of(t, t + target.numel(), [=](int64_t c) { return c == ignore_index; });
}

Tensor cross_entropy_of_indices(const Tensor& input, const Tensor& target, const Tensor& weight_arg,
                                int64_t ignore_index, Reduction reduction, double smoothing) {
  Layout layout = layout_of(input, target);
  DType dtype = input.dtype();
  Tensor targets = checked_targets(target, layout.classes, ignore_index);
  Tensor weight = checked_weight(weight_arg, input, layout.classes);
  Spec spec{dtype,
            loss_compute_dtype(dtype),
            reduction != Reduction::none,
            layout.class_dim,
            layout.classes,
            layout.inner,
            ignore_index,
            smoothing,
            double(layout.classes),
            1};
  if (smoothing != 0 && weight.defined()) {
    spec.weight_sum = 0;
    for (int64_t c = 0; c < layout.classes; ++c) {
      spec.weight_sum += weight.dtype() == DType::Float64 ? weight.data<double>()[c] : double(weight.data<float>()[c]);
    }
  }
  Tensor x = dense_values(input, input.sizes(), spec.compute);
  bool recorded = needs_grad(input);
  Tensor p = recorded ? empty(x.sizes(), spec.compute) : Tensor();
  Tensor losses = spec.sums ? Tensor() : empty(layout.out_sizes, spec.compute);
  kernels::CrossEntropyArgs args = spec.args(x.bytes(), targets, weight);
  void* to_p = recorded ? p.bytes() : nullptr;
  void* to_losses = spec.sums ? nullptr : losses.bytes();
  int64_t grain = spec.grain();
  kernels::LossSums total{0, 0};
  if (layout.rows <= grain) {
    total = kernels::cross_entropy(spec.compute, args, to_p, to_losses, 0, layout.rows);
  } else {
    std::vector<kernels::LossSums> partial(size_t((layout.rows + grain - 1) / grain));
    parallel_for(layout.rows, grain, [&](int64_t begin, int64_t end) {
      partial[size_t(begin / grain)] = kernels::cross_entropy(spec.compute, args, to_p, to_losses, begin, end);
    });
    for (const kernels::LossSums& s : partial) {
      total.loss += s.loss;
      total.weight += s.weight;
    }
  }
  Tensor out;
  if (spec.sums) {
    if (reduction == Reduction::mean) {
      bool none_counts = total.weight == 0 && all_ignored(targets, ignore_index);
      spec.factor = none_counts ? 0 : 1 / total.weight;  // NaN, but its gradient is 0
    }
    out = scalar_tensor(reduction == Reduction::mean ? total.loss / total.weight : total.loss, dtype);
  } else {
    NoGradGuard no_grad;
    out = to_dtype(losses, dtype);
  }
  if (recorded) {
    const char* label = smoothing != 0                      ? "AddBackward0:probabilities,target,weight"
                        : is_viewed(input.dim(), reduction) ? "ViewBackward0:probabilities,target,weight"
                        : input.dim() <= 2                  ? "NllLossBackward0:probabilities,target,weight"
                                                            : "NllLoss2DBackward0:probabilities,target,weight";
    record(out, label, inputs(input), saves(p, targets, weight),
           [spec](Backward& b) { cross_entropy_backward(b, spec); });
  }
  return out;
}

Tensor cross_entropy_of_probabilities(const Tensor& input, const Tensor& target_arg, const Tensor& weight,
                                      int64_t ignore_index, Reduction reduction, double smoothing) {
  TL_CHECK(is_floating(target_arg.dtype()), "Expected floating point type for target with class probabilities, got ",
           dtype_legacy_name(target_arg.dtype()));
  TL_CHECK(ignore_index < 0, "ignore_index is not supported for floating point target");
  TL_CHECK_INDEX(input.dim() > 0, "cross_entropy: Dimension specified as 1 but tensor has no dimensions");
  int64_t class_dim = input.dim() == 1 ? 0 : 1;
  int64_t classes = input.sizes()[size_t(class_dim)];
  TL_CHECK(!weight.defined() || (weight.dim() == 1 && weight.numel() == classes),
           "cross_entropy: weight tensor should be defined either for all ", classes,
           " classes or no classes but got weight tensor of shape: ", Shape{weight.sizes()});
  Tensor target = target_arg;
  if (smoothing != 0) target = add(mul(target, Scalar(1 - smoothing)), smoothing / double(classes));
  Tensor product = mul(log_softmax(input, class_dim, std::nullopt), target);
  if (weight.defined()) {
    Dims along(size_t(input.dim()), 1);
    along[size_t(class_dim)] = classes;
    product = mul(product, view(weight, along));
  }
  if (reduction == Reduction::none) return neg(sum(product, Dims{class_dim}, false));
  Tensor total = neg(sum(product));
  if (reduction == Reduction::sum) return total;
  return div(total, Scalar(double(input.numel()) / double(classes)));
}

Tensor cross_entropy(const Tensor& input, const Tensor& target, const Tensor& weight, std::optional<bool> size_average,
                     int64_t ignore_index, std::optional<bool> reduce, std::string_view reduction_name,
                     double label_smoothing) {
  Reduction reduction = reduction_of(reduction_name, size_average, reduce);
  bool probabilities = equal(input.sizes(), target.sizes());
  if (!probabilities || is_floating(target.dtype())) {
    TL_CHECK_NOTIMPL(is_floating(input.dtype()), "\"log_softmax_lastdim_kernel_impl\" not implemented for '",
                     dtype_legacy_name(input.dtype()), "'");
  }
  TL_CHECK(label_smoothing <= 1, "label_smoothing must be between 0.0 and 1.0. Got: ", label_smoothing);
  double smoothing = label_smoothing > 0 ? label_smoothing : 0;
  if (probabilities) return cross_entropy_of_probabilities(input, target, weight, ignore_index, reduction, smoothing);
  return cross_entropy_of_indices(input, target, weight, ignore_index, reduction, smoothing);
}

const OpRecord records[] = {
    {"nll_loss(Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, int "
     "ignore_index=-100, bool? reduce=None, "
     "str reduction='mean') -> Tensor",
     TL_OP(nll_loss), op::internal,
     "The negative log likelihood of class indices, from log probabilities [N, C, …], [C] or [N, "
     "C]: -weight[t] input[t]. 'mean' "
     "divides by the sum of the targets' weights; targets of `ignore_index` count for nothing.",
     "randn(3, 4), tensor([1, 0, 3]) | randn(4, 3).t(), tensor([1, 0, 3]), rand(4), "
     "reduction='none' | "
     "randn(3, 4), tensor([1, -100, 3]), rand(4) | randn(3, 4, 2), tensor([[1, 0], [3, 2], [0, "
     "0]]), reduction='sum' | "
     "randn(4), tensor(2) | randn(0, 4), zeros(0, dtype=int64), reduction='sum' | "
     "randn(1, 2, 2, 2), tensor([[[1, 0], [1, 1]]])"},
    {"cross_entropy(Tensor input, Tensor target, Tensor? weight=None, bool? size_average=None, int "
     "ignore_index=-100, "
     "bool? reduce=None, str reduction='mean', float label_smoothing=0.0) -> Tensor",
     TL_OP(cross_entropy), op::internal,
     "nll_loss of the log_softmax of the logits in one pass, for class indices, or for class "
     "probabilities of the logits' shape. "
     "`label_smoothing` spreads so much of the target over all classes.",
     "randn(3, 4), tensor([1, 0, 3]) | randn(4, 3).t(), tensor([1, 0, 3]), rand(4), "
     "reduction='none' | "
     "randn(3, 4), tensor([1, -100, 3]), rand(4), label_smoothing=0.1 | "
     "randn(3, 4, 2), tensor([[1, 0], [3, 2], [0, 0]]), reduction='sum' | randn(4), tensor(2) | "
     "randn(0, 4), zeros(0, dtype=int64), reduction='sum' | randn(1, 2, 2, 2), tensor([[[1, 0], "
     "[1, 1]]]) | "
     "randn(3, 4), rand(3, 4) | randn(3, 4, 2), rand(3, 4, 2), rand(4), reduction='none', "
     "label_smoothing=0.2"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
