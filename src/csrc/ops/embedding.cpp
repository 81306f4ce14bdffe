// embedding: rows of a table looked up by indices; one_hot.
#include <cmath>
#include <cstring>
#include <vector>

#include "autograd/record.h"
#include "core/parallel.h"
#include "kernels/index.h"
#include "ops/index_plan.h"
#include "ops/loss.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

namespace {

constexpr int64_t grain_bytes = 1 << 18;

Tensor add_rows(const Tensor& grad, const Tensor& index, int64_t count);

// table[index]: [*index, width]. The adjoint of add_rows.
Tensor take_rows(const Tensor& table, const Tensor& index, const char* label) {
  Tensor from = dense_values(table, table.sizes(), table.dtype());
  int64_t width = table.sizes()[1];
  Dims sizes(index.sizes());
  sizes.push_back(width);
  Tensor out = empty(sizes, table.dtype());
  size_t row = size_t(width) * item_size(table.dtype());
  const int64_t* at = index.data<int64_t>();
  const char* source = from.bytes();
  char* to = out.bytes();
  if (row != 0) {
    parallel_for(index.numel(), std::max<int64_t>(1, grain_bytes / int64_t(row)), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) std::memcpy(to + size_t(i) * row, source + size_t(at[i]) * row, row);
    });
  }
  if (needs_grad(table)) {
    record(out, label, inputs(table), saves(index),
           [rows = table.sizes()[0]](Backward& b) { b[0] = add_rows(b.grad(), b.saved(0), rows); });
  }
  return out;
}

// zeros(count, width) with grad's rows added at the indices, in their order.
Tensor add_rows(const Tensor& grad, const Tensor& index, int64_t count) {
  DType compute = loss_compute_dtype(grad.dtype());
  int64_t width = grad.sizes().back();
  Tensor out = zeros(Dims{count, width}, compute);
  Tensor g = dense_values(grad, grad.sizes(), compute);
  if (g.numel() > 0) {
    int64_t outer = 0, n = index.numel();
    kernels::IndexArgs args{};
    args.self = out.bytes();
    args.other = g.bytes();
    args.outer = &outer;
    args.n_outer = 1;
    args.n_inner = width;
    args.index = index.data<int64_t>();
    args.n_index = n;
    args.index_stride = width;
    kernels::index_reduce(args, kernels::IndexRange{0, 1, 0, n, 0, width}, compute, kernels::ScatterOp::add);
  }
  if (compute != grad.dtype()) {
    NoGradGuard no_grad;
    out = to_dtype(out, grad.dtype());
  }
  if (needs_grad(grad)) {
    record(out, "EmbeddingDenseBackwardBackward0:indices", inputs(grad), saves(index),
           [](Backward& b) { b[0] = take_rows(b.grad(), b.saved(0), "EmbeddingBackward0:indices"); });
  }
  return out;
}

// What each row's gradient is multiplied by: 0 for the padding, 1 / its count in `index` if asked.
Tensor row_factors(const Tensor& index, int64_t rows, int64_t padding_idx, bool by_frequency, DType dtype) {
  Tensor factors = empty(Dims{rows, 1}, DType::Float64);
  double* f = factors.data<double>();
  for (int64_t r = 0; r < rows; ++r) f[r] = by_frequency ? 0 : 1;
  if (by_frequency) {
    for (int64_t i = 0; i < index.numel(); ++i) f[index.data<int64_t>()[i]] += 1;
    for (int64_t r = 0; r < rows; ++r) f[r] = f[r] > 0 ? 1 / f[r] : 1;
  }
  if (padding_idx >= 0) f[padding_idx] = 0;
  return to_dtype(factors, dtype);
}

template <class T>
double row_norm(const T* row, int64_t n, int64_t step, double p) {
  double total = 0;
  for (int64_t k = 0; k < n; ++k) {
    double v = std::fabs(convert<double>(row[k * step]));
    if (std::isinf(p)) {
      total = v > total || v != v ? v : total;
    } else {
      total += p == 2 ? v * v : p == 1 ? v : std::pow(v, p);
    }
  }
  if (std::isinf(p) || p == 1) return total;
  return p == 2 ? std::sqrt(total) : std::pow(total, 1 / p);
}

// Rows that are looked up and longer than max_norm are scaled down, in the table itself.
void renormalize(const Tensor& weight, const Tensor& index, double max_norm, double p) {
  NoGradGuard no_grad;
  check_inplace(weight, "embedding_renorm_");
  TL_CHECK_NOTIMPL(is_floating(weight.dtype()), "\"embedding_renorm_cpu_\" not implemented for '",
                   dtype_legacy_name(weight.dtype()), "'");
  TL_CHECK(!has_internal_overlap(weight),
           "embedding: max_norm writes to the weight, but more than one element of it refers to a "
           "single memory location");
  int64_t width = weight.sizes()[1], row_step = weight.strides()[0], step = weight.strides()[1];
  std::vector<bool> seen(size_t(weight.sizes()[0]));
  dispatch_all(weight.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    if constexpr (is_floating(DTypeOf<T>::value)) {
      for (int64_t i = 0; i < index.numel(); ++i) {
        int64_t r = index.data<int64_t>()[i];
        if (seen[size_t(r)]) continue;
        seen[size_t(r)] = true;
        T* row = weight.data<T>() + r * row_step;
        double norm = row_norm(row, width, step, p);
        if (!(norm > max_norm)) continue;
        double factor = max_norm / (norm + 1e-7);
        for (int64_t k = 0; k < width; ++k) {
          row[k * step] = convert<T>(convert<double>(row[k * step]) * factor);
        }
      }
    }
  });
  weight.bump_version();
}

Tensor embedding(const Tensor& input, const Tensor& weight, std::optional<int64_t> padding_idx,
                 std::optional<double> max_norm, double norm_type, bool scale_grad_by_freq, bool sparse) {
  TL_CHECK(weight.dim() == 2, "'weight' must be 2-D");
  TL_CHECK(input.dtype() == DType::Int64 || input.dtype() == DType::Int32,
           "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
           "Long, Int; but got torch.",
           dtype_legacy_name(input.dtype()), "Tensor instead (while checking arguments for embedding)");
  TL_CHECK_NOTIMPL(!sparse, "embedding: sparse gradients are not supported; use sparse=False");
  int64_t rows = weight.sizes()[0], padding = padding_idx.value_or(-1);
  if (padding < 0) padding += padding_idx ? rows : 0;
  TL_CHECK(!padding_idx || (padding >= 0 && padding < rows), "embedding: padding_idx ", padding_idx.value_or(0),
           " must be within the ", rows, " embeddings");
  Tensor index = dense_values(input, input.sizes(), DType::Int64);
  const int64_t* at = index.data<int64_t>();
  for (int64_t i = 0; i < index.numel(); ++i) {
    TL_CHECK_INDEX(at[i] >= 0 && at[i] < rows, "index out of range in self (embedding: index ", at[i], " of ", rows,
                   " rows)");
  }
  if (max_norm) renormalize(weight, index, *max_norm, norm_type);
  const char* label = "EmbeddingBackward0:indices";
  if (!needs_grad(weight) || (!padding_idx && !scale_grad_by_freq)) return take_rows(weight, index, label);
  Tensor out;
  {
    NoGradGuard no_grad;
    out = take_rows(weight, index, label);
  }
  record(out, label, inputs(weight), saves(index), [rows, padding, scale_grad_by_freq](Backward& b) {
    Tensor index = b.saved(0);
    Tensor g = add_rows(b.grad(), index, rows);
    if (!scale_grad_by_freq && !needs_grad(g)) {
      if (padding >= 0) fill_(select(g, 0, padding), 0);
      b[0] = g;
    } else {
      b[0] = mul(g, row_factors(index, rows, padding, scale_grad_by_freq, g.dtype()));
    }
  });
  return out;
}

Tensor one_hot(const Tensor& self, int64_t num_classes) {
  TL_CHECK(self.dtype() == DType::Int64, "one_hot is only applicable to index tensor of type LongTensor.");
  Tensor index = dense_values(self, self.sizes(), DType::Int64);
  const int64_t* at = index.data<int64_t>();
  int64_t n = index.numel(), largest = -1;
  TL_CHECK(n > 0 || num_classes > 0, "Can not infer total number of classes from empty tensor.");
  for (int64_t i = 0; i < n; ++i) {
    TL_CHECK(at[i] >= 0, "Class values must be non-negative.");
    largest = std::max(largest, at[i]);
  }
  TL_CHECK(num_classes == -1 || largest < num_classes, "Class values must be smaller than num_classes.");
  if (num_classes == -1) num_classes = largest + 1;
  Dims sizes(self.sizes());
  sizes.push_back(num_classes);
  Tensor out = zeros(sizes, DType::Int64);
  for (int64_t i = 0; i < n; ++i) out.data<int64_t>()[i * num_classes + at[i]] = 1;
  return out;
}

const OpRecord records[] = {
    {"embedding(Tensor input, Tensor weight, int? padding_idx=None, float? max_norm=None, float "
     "norm_type=2.0, "
     "bool scale_grad_by_freq=False, bool sparse=False) -> Tensor",
     TL_OP(embedding), op::internal,
     "The rows of `weight` at the indices `input`. The row `padding_idx` gets no gradient; rows "
     "longer than `max_norm` are scaled "
     "down to it in `weight`; `scale_grad_by_freq` divides a row's gradient by how often it was "
     "looked up.",
     "tensor([[1, 0], [2, 1]]), randn(4, 3) | tensor([1, 0, 1]), randn(4, 3), 1 | tensor([1, 0, "
     "1]), randn(4, 3), 2, None, 2.0, True | "
     "tensor(2), randn(3, 4).t() | zeros(0, dtype=int64), randn(4, 3)"},
    {"one_hot(Tensor self, int num_classes=-1) -> Tensor", TL_OP(one_hot), op::internal | op::nondifferentiable,
     "A new last dim with a 1 at the class and 0 elsewhere; without `num_classes` it is the "
     "largest class and one.",
     "tensor([1, 0, 2]) | tensor([[1, 0], [2, 1]]), 5 | tensor(1)"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
