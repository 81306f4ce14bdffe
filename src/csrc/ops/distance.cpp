// Distances and angles between vectors: pairwise_distance, cosine_similarity, cdist, pdist.
#include "kernels/distance.h"

#include <cmath>

#include "autograd/record.h"
#include "core/parallel.h"
#include "ops/index_plan.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/registry.h"

namespace tl {

namespace {

Tensor pairwise_distance(const Tensor& x1, const Tensor& x2, double p, double eps, bool keepdim) {
  return vector_norm(add(sub(x1, x2), eps), p, Dims{-1}, keepdim);
}

// The norm along `dim`, at least `eps`; where that is larger the gradient stays that of the norm.
Tensor bounded_norm(const Tensor& x, int64_t dim, double eps) {
  Tensor norm = vector_norm(x, 2, Dims{dim}, true);
  Tensor missing;
  {
    NoGradGuard no_grad;
    missing = sub(maximum(norm, wrapped_number(eps)), norm);
  }
  return add(norm, missing);
}

Tensor cosine_similarity(const Tensor& x1, const Tensor& x2, int64_t dim, double eps) {
  DType common = promote_types(x1.dtype(), x2.dtype());
  TL_CHECK(is_floating(common), "cosine_similarity: expected common dtype to be floating point, yet common dtype is ",
           dtype_legacy_name(common));
  Dims sizes = broadcast_shapes(x1.sizes(), x2.sizes());
  int64_t d = wrap_dim(dim, int64_t(sizes.size()));
  Tensor a = expand(to_dtype(x1, common), sizes), b = expand(to_dtype(x2, common), sizes);
  return sum(mul(div(a, bounded_norm(a, d, eps)), div(b, bounded_norm(b, d, eps))), Dims{d}, false);
}

// --- all pairs of rows -------------------------------------------------------------------------------

Tensor zero_where(const Tensor& x, const Tensor& mask) { return masked_fill(x, mask, wrapped_number(0)); }

// x² + y² - 2 x y, by one product; rounding may leave it below zero.
Tensor euclidean_by_product(const Tensor& a, const Tensor& b) {
  Tensor squares = add(sum(mul(a, a), Dims{-1}, true), transpose(sum(mul(b, b), Dims{-1}, true), -2, -1));
  return sqrt(maximum(sub(squares, product(a, plain, b, turned), Scalar(2)), wrapped_number(0)));
}

void cdist_backward(Backward& back, double p) {
  Tensor a = back.saved(0), b = back.saved(1), distance = back.saved(2);
  const Tensor& g = back.grad();
  Tensor at_zero = eq(distance, Scalar(0));
  if (p == 0) return;
  if (p == 2) {
    Tensor ratio = zero_where(div(g, distance), at_zero);
    if (back.needs(0)) back[0] = sub(mul(a, sum(ratio, Dims{-1}, true)), product(ratio, plain, b, plain));
    if (back.needs(1))
      back[1] = sub(mul(b, unsqueeze(sum(ratio, Dims{-2}, false), -1)), product(ratio, turned, a, plain));
    return;
  }
  Tensor difference = sub(unsqueeze(a, -2), unsqueeze(b, -3)), share;
  if (p == 1) {
    share = mul(sign(difference), unsqueeze(g, -1));
  } else if (std::isinf(p)) {
    Tensor chosen = to_dtype(eq(abs(difference), unsqueeze(distance, -1)), g.dtype());
    share = mul(mul(sign(difference), chosen), unsqueeze(g, -1));
  } else {
    Tensor scale = zero_where(div(g, pow(distance, Scalar(p - 1))), at_zero);
    Tensor powers = pow(abs(difference), Scalar(p - 1));
    if (p < 1) powers = zero_where(powers, eq(difference, Scalar(0)));
    share = mul(mul(sign(difference), powers), unsqueeze(scale, -1));
  }
  if (back.needs(0)) back[0] = sum(share, Dims{-2}, false);
  if (back.needs(1)) back[1] = neg(sum(share, Dims{-3}, false));
}

Tensor cdist(const Tensor& x1, const Tensor& x2, double p, const std::string& mode) {
  TL_CHECK(x1.dim() >= 2, "cdist only supports at least 2D tensors, X1 got: ", x1.dim(), "D");
  TL_CHECK(x2.dim() >= 2, "cdist only supports at least 2D tensors, X2 got: ", x2.dim(), "D");
  const int64_t rows = x1.size(-2), others = x2.size(-2), width = x1.size(-1);
  TL_CHECK(width == x2.size(-1), "X1 and X2 must have the same number of columns. X1: ", width, " X2: ", x2.size(-1));
  for (const Tensor* t : {&x1, &x2}) {
    TL_CHECK(is_floating(t->dtype()), "cdist only supports floating-point dtypes, X", t == &x1 ? 1 : 2,
             " got: ", dtype_legacy_name(t->dtype()));
  }
  TL_CHECK(p >= 0, "cdist only supports non-negative p values");
  const bool never = mode == "donot_use_mm_for_euclid_dist", always = mode == "use_mm_for_euclid_dist";
  TL_CHECK_VALUE(never || always || mode == "use_mm_for_euclid_dist_if_necessary", mode,
                 " is not a valid value for compute_mode");
  const DType common = promote_types(x1.dtype(), x2.dtype());
  const DType compute = is_reduced_floating(common) ? DType::Float32 : common;
  Dims batch = broadcast_shapes(x1.sizes().first(size_t(x1.dim() - 2)), x2.sizes().first(size_t(x2.dim() - 2)));
  Dims a_sizes(batch), b_sizes(batch), sizes(batch);
  int64_t count = 1;
  for (int64_t n : batch) count *= n;
  for (int64_t n : {rows, width}) a_sizes.push_back(n);
  for (int64_t n : {others, width}) b_sizes.push_back(n);
  for (int64_t n : {rows, others}) sizes.push_back(n);
  Tensor out;
  {
    NoGradGuard no_grad;
    Tensor a = dense_values(x1, a_sizes, compute), b = dense_values(x2, b_sizes, compute);
    if (width == 0) {
      out = zeros(sizes, compute);
    } else if (p == 2 && !never && (always || rows > 25 || others > 25)) {
      out = euclidean_by_product(a, b);
    } else {
      out = empty(sizes, compute);
      kernels::RowDistances args{a.bytes(), b.bytes(), out.bytes(), rows, others, width, p};
      const int64_t work = others * width;
      if (out.numel() > 0) {
        parallel_for(count * rows, std::max<int64_t>(1, (1 << 16) / std::max<int64_t>(work, 1)),
                     [&](int64_t begin, int64_t end) { kernels::row_distances(compute, args, begin, end); });
      }
    }
    out = to_dtype(out, common);
  }
  if (needs_grad(x1, x2)) {
    record(out, "CdistBackward0:result,x1,x2", inputs(x1, x2), saves(x1, x2, output(out)),
           [p](Backward& b) { cdist_backward(b, p); });
  }
  return out;
}
Tensor cdist_op(const Tensor& x1, const Tensor& x2, double p, std::string mode) { return cdist(x1, x2, p, mode); }

// The distances of each row to those behind it.
Tensor pdist(const Tensor& self, double p) {
  TL_CHECK(self.dim() == 2, "pdist only supports 2D tensors, got: ", self.dim(), "D");
  TL_CHECK(is_floating(self.dtype()), "pdist only supports floating-point dtypes");
  TL_CHECK(p >= 0, "pdist only supports non-negative p values");
  const int64_t n = self->dims[0];
  Tensor at = empty(Dims{n > 1 ? n * (n - 1) / 2 : 0}, DType::Int64);
  int64_t* to = at.data<int64_t>();
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t j = i + 1; j < n; ++j) *to++ = i * n + j;
  }
  return index_select(reshape(cdist(self, self, p, "donot_use_mm_for_euclid_dist"), Dims{n * n}), 0, at);
}

const OpRecord records[] = {
    {"cdist(Tensor x1, Tensor x2, float p=2.0, str compute_mode='use_mm_for_euclid_dist_if_necessary') -> Tensor",
     TL_OP(cdist_op), op::function,
     "The p-norm of the difference of every row of `x1` and every row of `x2`. With p=2 and more than 25 rows, or "
     "where "
     "`compute_mode` says so, by one matrix product.",
     "randn(3, 4), randn(5, 4) | randn(2, 3, 4), randn(5, 4), 1.0 | randn(3, 4), randn(5, 4), inf | randn(4, 3).t(), "
     "randn(2, 4), 3.5 | randn(30, 2), randn(2, 2) | randn(3, 4), randn(2, 4), 0.0 | randn(0, 4), randn(2, 4) | "
     "randn(3, 20), randn(2, 20), 0.5"},
    {"pdist(Tensor self, float p=2) -> Tensor", TL_OP(pdist), op::function,
     "The p-norm of the difference of each row and those behind it.", "randn(4, 3) | randn(3, 2), 1.0 | randn(1, 3)"},
    {"pairwise_distance(Tensor x1, Tensor x2, float p=2, float eps=1e-06, bool keepdim=False) -> "
     "Tensor",
     TL_OP(pairwise_distance), op::function, "The p-norm of `x1 - x2 + eps` along the last dim.",
     "randn(3, 4), randn(3, 4) | randn(4, 3).t(), randn(4), 1.0, keepdim=True | randn(0, 4), "
     "randn(0, 4) | randn(3), randn(3)"},
    {"cosine_similarity(Tensor x1, Tensor x2, int dim=1, float eps=1e-08) -> Tensor", TL_OP(cosine_similarity),
     op::function,
     "The cosine of the angle between two tensors along `dim`; `eps` bounds their norms from "
     "below.",
     "randn(3, 4), randn(3, 4) | randn(4, 3).t(), randn(4), -1 | randn(3, 4), randn(3, 1), 0 | "
     "randn(0, 4), randn(0, 4) | randn(3), randn(3), 0"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
