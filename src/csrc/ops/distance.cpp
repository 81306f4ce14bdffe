// Distances and angles between vectors: pairwise_distance, cosine_similarity.
#include "autograd/state.h"
#include "ops/ops.h"
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

const OpRecord records[] = {
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
