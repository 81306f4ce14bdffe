// Norms of vectors and matrices, distances, renorm.
#include <cmath>

#include "ops/linalg.h"
#include "ops/reduce_dims.h"
#include "ops/registry.h"

namespace tl {

using kernels::ReduceKind;

namespace {

ReduceKind kind_of(double p) {
  if (std::isinf(p)) return p > 0 ? ReduceKind::abs_max : ReduceKind::abs_min;
  return p == 0   ? ReduceKind::count
         : p == 1 ? ReduceKind::abs_sum
         : p == 2 ? ReduceKind::square_sum
                  : ReduceKind::pow_sum;
}

template <class T>
void take_root(const Tensor& out, double p) {
  T* v = out.data<T>();
  for (int64_t i = 0; i < out.numel(); ++i) v[i] = p == 2 ? std::sqrt(v[i]) : T(std::pow(v[i], T(1 / p)));
}

Tensor norm_values(const Tensor& self, double p, DimSet set, bool keepdim, DType result) {
  const DType compute = is_reduced_floating(result) ? DType::Float32 : result;
  Reduction r = reduction(kind_of(p), self.dtype(), compute);
  if (r.kind != ReduceKind::count) r.compute = promote_types(r.compute, compute);
  r.power = p;
  Tensor out = reduce_over(self, set, keepdim, r);
  if (r.kind == ReduceKind::square_sum || r.kind == ReduceKind::pow_sum) {
    compute == DType::Float64 ? take_root<double>(out, p) : take_root<float>(out, p);
  }
  NoGradGuard no_grad;
  return to_dtype(out, result);
}

// Real factors of complex numbers take their dtype, so that their own gradients stay real.
Tensor like(const Tensor& x, const Tensor& factor) {
  return is_complex(x.dtype()) ? to_dtype(factor, x.dtype()) : factor;
}

Tensor zero_where(const Tensor& x, const Tensor& mask) { return masked_fill(x, mask, wrapped_number(0)); }

// x / |x|, zero at zero.
Tensor direction(const Tensor& x) {
  if (!is_complex(x.dtype())) return sign(x);
  Tensor length = abs(x);
  return zero_where(div(x, like(x, length)), eq(length, wrapped_number(0)));
}

// grad and norm have the reduced dims as ones.
Tensor norm_backward(const Tensor& grad, const Tensor& x, const Tensor& norm, double p, DimSet set) {
  if (p == 0) return Tensor();
  if (p == 1) return mul(direction(x), like(x, grad));
  Tensor at_zero = eq(norm, wrapped_number(0));
  if (p == 2) return mul(zero_where(div(x, like(x, norm)), at_zero), like(x, grad));
  if (std::isinf(p)) {
    Tensor chosen = eq(abs(x), norm);
    if (has_nan(norm)) chosen = logical_or(chosen, logical_and(isnan(norm), isnan(x)));
    chosen = to_dtype(chosen, norm.dtype());
    Tensor shares = set == 0 ? chosen : sum(chosen, list_of(set, x.dim()), true);
    return mul(direction(x), like(x, mul(div(grad, shares), chosen)));
  }
  Tensor length = abs(x);
  if (p < 1) {
    Tensor scaled = zero_where(pow(length, Scalar(p - 1)), eq(x, wrapped_number(0)));
    return mul(direction(x), like(x, mul(scaled, mul(grad, pow(norm, Scalar(1 - p))))));
  }
  Tensor scale = zero_where(div(grad, pow(norm, Scalar(p - 1))), at_zero);
  return p < 2 ? mul(direction(x), like(x, mul(pow(length, Scalar(p - 1)), scale)))
               : mul(x, like(x, mul(pow(length, Scalar(p - 2)), scale)));
}

void check_not_empty(const Tensor& self, double p, DimSet set, bool named) {
  if (self.numel() != 0 || !(std::isinf(p) || p < 0)) return;
  TL_CHECK(named, "linalg.vector_norm cannot compute the ", p,
           " norm on an empty tensor because the operation does not have an identity");
  for (int64_t d = 0; d < self.dim(); ++d) {
    TL_CHECK(!has_dim(set, size_t(d)) || self.sizes()[size_t(d)] != 0, "linalg.vector_norm cannot compute the ", p,
             " norm on the dimension ", d,
             " because this dimension is empty and the operation does not have an identity");
  }
}

}  // namespace

Tensor vector_norm(const Tensor& self_arg, double p, IntView dims, bool keepdim, std::optional<DType> dtype) {
  TL_CHECK(is_differentiable(self_arg.dtype()),
           "linalg.vector_norm: Expected a floating point or complex tensor as input. Got ",
           dtype_legacy_name(self_arg.dtype()));
  Tensor self = self_arg;
  if (dtype) {
    TL_CHECK(is_differentiable(*dtype), "linalg.vector_norm: dtype should be floating point or complex, but got ",
             dtype_legacy_name(*dtype));
    TL_CHECK(is_complex(self.dtype()) == is_complex(*dtype), "linalg.vector_norm: dtype should be ",
             is_complex(self.dtype()) ? "complex" : "real", " for ", is_complex(self.dtype()) ? "complex" : "real",
             " inputs, but got ", dtype_legacy_name(*dtype));
    self = to_dtype(self, *dtype);
  }
  DimSet set = dim_set(dims, self.dim());
  check_not_empty(self, p, set, !dims.empty());
  Tensor out = norm_values(self, p, set, keepdim, to_real(self.dtype()));
  if (needs_grad(self)) {
    record(out, "LinalgVectorNormBackward0:self,result", inputs(self), saves(self, output(out)),
           [p, set, keepdim](Backward& b) {
             Tensor x = b.saved(0);
             const int64_t n = x.dim();
             Tensor g = with_dims(b.grad(), set, n, keepdim);
             Tensor gx = norm_backward(g, x, with_dims(b.saved(1), set, n, keepdim), p, set);
             if (gx.defined()) b[0] = gx;
           });
  }
  return out;
}

namespace {

using DimList = std::optional<Dims>;
IntView view_of(const DimList& dims) { return dims ? IntView(*dims) : IntView(); }

Tensor linalg_vector_norm(const Tensor& self, const Scalar& ord, const DimList& dims, bool keepdim,
                          std::optional<DType> dtype) {
  return vector_norm(self, ord.to_double(), view_of(dims), keepdim, dtype);
}

struct MatrixDims {
  int64_t rows, columns;
};
MatrixDims matrix_dims(const Tensor& self, IntView dims) {
  TL_CHECK(dims.size() == 2, "linalg.matrix_norm: dim must be a 2-tuple. Got ", Shape{dims});
  MatrixDims m{wrap_dim(dims[0], self.dim()), wrap_dim(dims[1], self.dim())};
  TL_CHECK(m.rows != m.columns, "linalg.matrix_norm: dims must be different. Got (", dims[0], ", ", dims[1], ")");
  return m;
}

void check_matrix(const Tensor& self) {
  TL_CHECK(is_differentiable(self.dtype()),
           "linalg.matrix_norm: Expected a floating point or complex tensor as input. Got ",
           dtype_legacy_name(self.dtype()));
  TL_CHECK(self.dim() >= 2, "linalg.matrix_norm: The input tensor A must have at least 2 dimensions.");
}

// The sum ("nuclear"), the largest (2) or the least (-2) of the singular values.
Tensor singular_norm(const Tensor& self, MatrixDims m, double p, bool keepdim, std::optional<DType> dtype) {
  Tensor s = svdvals(movedim(dtype ? to_dtype(self, *dtype) : self, Dims{m.rows, m.columns}, Dims{-2, -1}));
  Tensor out = p == 2 ? amax(s, Dims{-1}, false) : p == -2 ? amin(s, Dims{-1}, false) : sum(s, Dims{-1}, false);
  if (!keepdim) return out;
  return unsqueeze(unsqueeze(out, std::min(m.rows, m.columns)), std::max(m.rows, m.columns));
}

Tensor matrix_norm_fro(const Tensor& self, const std::string& ord, IntView dims, bool keepdim,
                       std::optional<DType> dtype) {
  check_matrix(self);
  TL_CHECK(ord == "fro" || ord == "nuc", "linalg.matrix_norm: Order ", ord, " not supported.");
  MatrixDims m = matrix_dims(self, dims);
  if (ord == "nuc") return singular_norm(self, m, 0, keepdim, dtype);
  return vector_norm(self, 2, Dims{m.rows, m.columns}, keepdim, dtype);
}

Tensor matrix_norm(const Tensor& self, const Scalar& ord, IntView dims, bool keepdim, std::optional<DType> dtype) {
  check_matrix(self);
  const double p = ord.to_double(), size = std::fabs(p);
  TL_CHECK(size == 1 || size == 2 || std::isinf(p), "linalg.matrix_norm: Order ", p, " not supported.");
  MatrixDims m = matrix_dims(self, dims);
  if (size == 2) return singular_norm(self, m, p, keepdim, dtype);
  // Sums along the rows' or the columns' dim, then the extreme of them.
  int64_t along = size == 1 ? m.rows : m.columns, across = size == 1 ? m.columns : m.rows;
  if (!keepdim && along < across) --across;
  Tensor sums = vector_norm(self, 1, Dims{along}, keepdim, dtype);
  return p > 0 ? amax(sums, Dims{across}, keepdim) : amin(sums, Dims{across}, keepdim);
}

Tensor matrix_norm_text(const Tensor& self, std::string ord, IntView dims, bool keepdim, std::optional<DType> dtype) {
  return matrix_norm_fro(self, ord, dims, keepdim, dtype);
}

Tensor linalg_norm(const Tensor& self, const std::optional<Scalar>& ord, const DimList& dims, bool keepdim,
                   std::optional<DType> dtype) {
  TL_CHECK(!dims || dims->size() == 1 || dims->size() == 2,
           "linalg.norm: If dim is specified, it must be of length 1 or 2. Got ", Shape{view_of(dims)});
  if (!ord) return vector_norm(self, 2, view_of(dims), keepdim, dtype);
  TL_CHECK(dims || self.dim() == 1 || self.dim() == 2,
           "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got ", self.dim(), "D.");
  if (dims ? dims->size() == 1 : self.dim() == 1)
    return vector_norm(self, ord->to_double(), view_of(dims), keepdim, dtype);
  Dims both{0, 1};
  return matrix_norm(self, *ord, dims ? IntView(*dims) : IntView(both), keepdim, dtype);
}
Tensor linalg_norm_text(const Tensor& self, std::string ord, const DimList& dims, bool keepdim,
                        std::optional<DType> dtype) {
  TL_CHECK(!dims || dims->size() == 1 || dims->size() == 2,
           "linalg.norm: If dim is specified, it must be of length 1 or 2. Got ", Shape{view_of(dims)});
  TL_CHECK(dims || self.dim() == 2, "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got ",
           self.dim(), "D.");
  Dims both{0, 1};
  return matrix_norm_fro(self, ord, dims ? IntView(*dims) : IntView(both), keepdim, dtype);
}

Tensor norm(const Tensor& self, const std::optional<Scalar>& p, const DimList& dims, bool keepdim,
            std::optional<DType> dtype) {
  return vector_norm(self, p ? p->to_double() : 2, view_of(dims), keepdim, dtype);
}
Tensor norm_text(const Tensor& self, std::string p, const DimList& dims, bool keepdim, std::optional<DType> dtype) {
  if (p == "nuc") {
    Dims both{0, 1};
    return matrix_norm_fro(self, p, dims ? IntView(*dims) : IntView(both), keepdim, dtype);
  }
  TL_CHECK(p == "fro", "linalg.matrix_norm: Order ", p, " not supported.");
  return vector_norm(self, 2, view_of(dims), keepdim, dtype);
}

Tensor dist(const Tensor& self, const Tensor& other, const Scalar& p_arg) {
  const double p = p_arg.to_double();
  DType common = promote_types(self.dtype(), other.dtype());
  TL_CHECK(is_differentiable(common), "norm(): input dtype should be either floating point or complex. Got ",
           dtype_legacy_name(common), " instead.");
  Tensor out;
  {
    NoGradGuard no_grad;
    out = vector_norm(sub(self, other), p, {}, false);
  }
  if (needs_grad(self, other)) {
    record(out, "DistBackward0:other,result,self", inputs(self, other), saves(other, output(out), self),
           [p](Backward& b) {
             Tensor difference = sub(b.saved(2), b.saved(0));
             Tensor g = norm_backward(b.grad(), difference, b.saved(1), p, all_dims(difference));
             if (!g.defined()) return;
             if (b.needs(0)) b[0] = g;
             if (b.needs(1)) b[1] = neg(g);
           });
  }
  return out;
}

struct Renorm {
  double p, most;
  DimSet set;  // the dims of a slice
  Tensor norms(const Tensor& x) const { return vector_norm(x, p, list_of(set, x.dim()), true); }
};

// Slices along `dim` whose norm is above `most` are scaled down to it.
Tensor renorm(const Tensor& self, const Scalar& p_arg, int64_t dim, const Scalar& most_arg) {
  TL_CHECK(!p_arg.is_complex(), "renorm: p must be real-valued");
  TL_CHECK(!most_arg.is_complex(), "renorm: maxnorm must be real-valued");
  Renorm r{p_arg.to_double(), most_arg.to_double(), 0};
  TL_CHECK(r.p > 0, "renorm: non-positive-norm not supported");
  TL_CHECK(r.most >= 0, "renorm: expected maxnorm to be >= 0 but got ", r.most);
  TL_CHECK(self.dim() > 1, "renorm: input needs at least 2 dimensions, got ", self.dim(), " dimensions");
  r.set = all_dims(self) & ~(DimSet(1) << wrap_dim(dim, self.dim()));
  Tensor out;
  {
    NoGradGuard no_grad;
    Tensor norms = r.norms(self);
    Tensor factor = div(wrapped_number(r.most), add(norms, 1e-7));
    out = mul(self, where(gt(norms, wrapped_number(r.most)), factor, ones_like(norms)));
  }
  if (needs_grad(self)) {
    record(out, "RenormBackward0:self", inputs(self), saves(self), [r](Backward& b) {
      Tensor x = b.saved(0);
      const Tensor& g = b.grad();
      Tensor norms = r.norms(x), scale = reciprocal(add(norms, 1e-7));
      Tensor along = real(sum(mul(conj(x), g), list_of(r.set, x.dim()), true));
      Tensor through = norm_backward(along, x, norms, r.p, r.set);
      Tensor scaled = mul(like(x, mul(scale, Scalar(r.most))), sub(g, mul(like(x, scale), through)));
      b[0] = where(gt(norms, wrapped_number(r.most)), scaled, g);
    });
  }
  return out;
}

}  // namespace

Tensor matrix_norm(const Tensor& a, const Scalar& ord) { return matrix_norm(a, ord, Dims{-2, -1}, false, {}); }
Tensor matrix_norm(const Tensor& a, const std::string& ord) { return matrix_norm_fro(a, ord, Dims{-2, -1}, false, {}); }

namespace {

constexpr uint32_t both = op::function | op::method | op::out;
constexpr uint32_t hidden = op::internal | op::out;
const OpRecord records[] = {
    {"norm(Tensor self, str p, int[]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
     TL_OP(norm_text), both, "The Frobenius norm: the root of the sum of squared absolute values.",
     "randn(3, 4), 'fro' | randn(2, 3, 4), 'fro', (0, 2), True"},
    {"norm(Tensor self, Scalar? p=2, int[]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
     TL_OP(norm), both,
     "(Σ |x|^p)^(1/p) along the listed dims, all of them without a list; p may be 0 (how many are not zero), inf and "
     "-inf.",
     "randn(3, 4) | randn(3, 4), 1 | randn(3, 4), 3, 0 | randn(4, 3).t(), inf, 1, True | randn(2, 3, 4), 2.5, (0, 2) | "
     "randn(()) | "
     "randn(0) | randn(3, 4), 0.5"},
    {"linalg_vector_norm(Tensor self, Scalar ord=2, int[]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> "
     "Tensor",
     TL_OP(linalg_vector_norm), hidden, "(Σ |x|^ord)^(1/ord) along the listed dims, all of them without a list.",
     "randn(3, 4) | randn(3, 4), 1, 0 | randn(3, 4), -inf, (0, 1), True"},
    {"linalg_matrix_norm(Tensor self, Scalar ord, int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? dtype=None) "
     "-> Tensor",
     TL_OP(matrix_norm), hidden,
     "The largest sum of a column (1) or a row (inf) of absolute values, the largest singular value (2); the smallest "
     "for "
     "-1, -inf and -2.",
     "randn(3, 4), 2 | randn(2, 3, 4), -2, (0, 2), True | randn(3, 4), 1 | randn(2, 3, 4), inf, (0, 2), True | "
     "randn(3, 4), -1"},
    {"linalg_matrix_norm(Tensor self, str ord='fro', int[] dim=[-2, -1], bool keepdim=False, *, ScalarType? "
     "dtype=None) -> Tensor",
     TL_OP(matrix_norm_text), hidden,
     "The Frobenius norm ('fro') or the sum of the singular values ('nuc') of matrices.",
     "randn(3, 4), 'nuc' | randn(3, 4) | randn(2, 3, 4), 'fro', (0, 1), True"},
    {"linalg_norm(Tensor self, Scalar? ord=None, int[]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> "
     "Tensor",
     TL_OP(linalg_norm), hidden,
     "A vector's norm, or a matrix's where two dims are meant; of all elements without ord and dim.",
     "randn(3, 4) | randn(3, 4), 1 | randn(3), 3 | randn(3, 4), 2, 1"},
    {"linalg_norm(Tensor self, str ord, int[]? dim=None, bool keepdim=False, *, ScalarType? dtype=None) -> Tensor",
     TL_OP(linalg_norm_text), hidden, "A matrix norm by name.", "randn(3, 4), 'fro' | randn(2, 3, 4), 'fro', (0, 1)"},
    {"dist(Tensor self, Tensor other, Scalar p=2) -> Tensor", TL_OP(dist), op::function | op::method,
     "The norm of the difference.", "randn(3, 4), randn(3, 4) | randn(3, 4), randn(4), 1"},
    {"renorm(Tensor self, Scalar p, int dim, Scalar maxnorm) -> Tensor", TL_OP(renorm), both | op::inplace,
     "The slices along `dim`, those with a p-norm above `maxnorm` scaled down to it.",
     "randn(3, 4), 2, 0, 1.0 | randn(3, 4), 1, 1, 0.5 | randn(2, 3, 4), 2.5, -1, 1"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
