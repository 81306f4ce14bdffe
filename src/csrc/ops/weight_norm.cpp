// What weight normalisation is made of.
#include "ops/ops.h"
#include "ops/registry.h"

namespace tl {

namespace {

// The norms over all dims but `dim`, which broadcast against `v`; dim = -1: one norm of all.
Tensor norm_except_dim(const Tensor& v, int64_t pow, int64_t dim) {
  if (dim == -1) return vector_norm(v, double(pow), {}, false);
  dim = wrap_dim(dim, v.dim());
  Dims others;
  for (int64_t d = 0; d < v.dim(); ++d) {
    if (d != dim) others.push_back(d);
  }
  // No dims would mean all of them: each element is then its own norm.
  return others.empty() ? abs(v) : vector_norm(v, double(pow), others, true);
}

Tensor weight_norm(const Tensor& v, const Tensor& g, int64_t dim) { return mul(v, div(g, norm_except_dim(v, 2, dim))); }

const OpRecord records[] = {
    {"norm_except_dim(Tensor v, int pow=2, int dim=0) -> Tensor", TL_OP(norm_except_dim), op::function,
     "The p-norms over all dims but one, kept as dims of size one; for dim = -1 the norm of all elements, 0-d. Fails "
     "where `dim` is out of range.",
     "randn(3, 4) | randn(3, 4), 2, 1 | randn(3, 4, 2), 1, 1 | randn(3, 4), 2, -1 | randn(4, 3).t() | randn(5)"},
    {"_weight_norm(Tensor v, Tensor g, int dim=0) -> Tensor", TL_OP(weight_norm), op::function,
     "v with norms g over all dims but one: v g / |v|. Salimans and Kingma, 2016 (https://arxiv.org/abs/1602.07868).",
     "randn(3, 4), randn(3, 1) | randn(3, 4), randn(1, 4), 1 | randn(3, 4), randn(()), -1 | randn(4, 3).t(), randn(3, "
     "1)"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
