// The rest of torch.linalg: ldl, matrix_exp, cross, vecdot, vander, cond, tensorinv, tensorsolve.
#include <cmath>

#include "ops/index_plan.h"
#include "ops/linalg.h"
#include "ops/registry.h"

namespace tl {

namespace {

// --- LDL ---------------------------------------------------------------------------------------------

Routine ldl_factor_routine(DType t, bool hermitian) {
  return hermitian && is_complex(t) ? Routine::hetrf : Routine::sytrf;
}

std::tuple<Tensor, Tensor, Tensor> ldl_factor_as(const char* name, const Tensor& a, bool hermitian, bool check_errors) {
  check_square(name, a);
  check_linalg_dtype(name, a);
  Tensor ld = column_major(a);
  const int64_t n = rows_of(a);
  Tensor pivots = empty(followed_by(batch_of(a), {n}), DType::Int32), info = zeros(batch_of(a), DType::Int32);
  if (a.numel() > 0) {
    const Lapack& call = lapack();
    const DType t = a.dtype();
    const char lower = 'L';
    for_each_matrix(batch_size(a), double(n) * double(n) * double(n) / 3, [&](int64_t i) {
      Workspace work(t);
      std::vector<int64_t> p(static_cast<size_t>(n));
      int64_t failed = 0;
      const Routine r = ldl_factor_routine(t, hermitian);
      call(r, t, &lower, &n, matrix_at(ld, i), &n, p.data(), work.data(), &work.query, &failed);
      work.grow();
      call(r, t, &lower, &n, matrix_at(ld, i), &n, p.data(), work.data(), &work.size, &failed);
      for (int64_t j = 0; j < n; ++j) pivots.data<int32_t>()[i * n + j] = int32_t(call.read(p.data(), j));
      info.data<int32_t>()[i] = int32_t(call.read(failed));
    });
    NoGradGuard no_grad;
    copy_values(ld, tril(ld, 0));
  }
  if (check_errors) {
    auto [at, what] = first_error(info);
    TL_CHECK(what == 0, "torch.linalg.ldl_factor: ", batch_element(info, at), "D[", what, ",", what,
             "] is zero and using it on ldl_solve would result in a division by zero. If you still want to perform the "
             "factorization, consider calling linalg.ldl_factor_ex(A, hermitian=True)");
  }
  if (needs_grad(a))
    record(ld, "LinalgLdlFactorExBackward0", inputs(a), saves(), no_derivative("linalg_ldl_factor_ex"));
  return {ld, pivots, info};
}
std::tuple<Tensor, Tensor, Tensor> ldl_factor_ex(const Tensor& a, bool hermitian, bool check_errors) {
  return ldl_factor_as("torch.linalg.ldl_factor_ex", a, hermitian, check_errors);
}
std::tuple<Tensor, Tensor> ldl_factor(const Tensor& a, bool hermitian) {
  auto [ld, pivots, info] = ldl_factor_as("torch.linalg.ldl_factor", a, hermitian, true);
  return {ld, pivots};
}

Tensor ldl_solve(const Tensor& ld, const Tensor& pivots, const Tensor& b, bool hermitian) {
  const char* name = "torch.linalg.ldl_solve";
  check_square(name, ld);
  check_linalg_dtype(name, ld);
  TL_CHECK(b.dim() >= 2, name, ": Expected B to have at least 2 dimensions, but it has ", b.dim(),
           " dimensions instead");
  TL_CHECK(ld.dtype() == b.dtype(), name, ": Expected LD and B to have the same dtype");
  TL_CHECK(is_integral(pivots.dtype()), name, ": Expected pivots to be integers. Got ",
           dtype_legacy_name(pivots.dtype()));
  TL_CHECK(rows_of(ld) == rows_of(b), name, ": Incompatible shapes of LD and B (", Shape{ld.sizes()}, " and ",
           Shape{b.sizes()}, ")");
  TL_CHECK(equal(ld.sizes().first(size_t(ld.dim() - 1)), pivots.sizes()), name,
           ": Expected LD.shape[:-1] and pivots.shape to be the same, but got pivots with shape ",
           Shape{pivots.sizes()}, " instead");
  const int64_t n = rows_of(ld), columns = columns_of(b);
  Dims batch = broadcast_shapes(batch_of(ld), batch_of(b));
  Tensor x = column_major(b, followed_by(batch, {n, columns}));
  Tensor factors = column_major(ld, followed_by(batch, {n, n}));
  Tensor order = empty(followed_by(batch, {n}), DType::Int64);
  copy_values(order, pivots);
  for (int64_t i = 0; i < order.numel(); ++i) {
    const int64_t p = order.data<int64_t>()[i];
    TL_CHECK(p != 0 && p <= n && -p <= n, name, ": a pivot is out of range: ", p);
  }
  if (x.numel() > 0) {
    const Lapack& call = lapack();
    const DType t = b.dtype();
    const char lower = 'L';
    for_each_matrix(batch_size(x), 2.0 * double(n) * double(n) * double(columns), [&](int64_t i) {
      std::vector<int64_t> p(static_cast<size_t>(n));
      for (int64_t j = 0; j < n; ++j) call.write(p.data(), j, order.data<int64_t>()[i * n + j]);
      int64_t failed = 0;
      call(hermitian && is_complex(t) ? Routine::hetrs : Routine::sytrs, t, &lower, &n, &columns, matrix_at(factors, i),
           &n, p.data(), matrix_at(x, i), &n, &failed);
    });
  }
  if (needs_grad(ld, b))
    record(x, "LinalgLdlSolveBackward0", inputs(ld, b), saves(), no_derivative("linalg_ldl_solve"));
  return x;
}

// --- the exponential ---------------------------------------------------------------------------------

// Taylor's polynomial of degree 16 of A / 2^s, where the largest column sum is below 0.78, squared s times
// (N. J. Higham, "Functions of Matrices", 2008, ch. 10; A. Al-Mohy, N. J. Higham, 2011); the polynomial by
// M. S. Paterson and L. J. Stockmeyer, 1973: six products.
Tensor exponential(const Tensor& a) {
  NoGradGuard no_grad;
  const int64_t n = rows_of(a);
  if (a.numel() == 0) return clone(a);
  Tensor norms = reshape(to_dtype(amax(sum(abs(a), Dims{-2}, false), Dims{-1}, false), DType::Float64), Dims{-1});
  const int64_t batch = norms.numel();
  Tensor scale = empty(Dims{batch, 1, 1}, to_real(a.dtype())), steps = empty(Dims{batch, 1, 1}, DType::Int64);
  int64_t most = 0;
  for (int64_t i = 0; i < batch; ++i) {
    const double norm = norms.data<double>()[i];
    int64_t s = std::isfinite(norm) && norm > 0.78 ? int64_t(std::ceil(std::log2(norm / 0.78))) : 0;
    most = std::max(most, s);
    steps.data<int64_t>()[i] = s;
    if (a.dtype() == DType::Float64 || a.dtype() == DType::Complex128) {
      scale.data<double>()[i] = std::ldexp(1.0, -int(s));
    } else {
      scale.data<float>()[i] = std::ldexp(1.0f, -int(s));
    }
  }
  Tensor x = mul(reshape(a, Dims{batch, n, n}), scale);
  Tensor x2 = bmm(x, x), x3 = bmm(x2, x), x4 = bmm(x2, x2), eye = identity(Dims{n, n}, a.dtype());
  double inverse_factorial[17] = {1};
  for (int k = 1; k <= 16; ++k) inverse_factorial[k] = inverse_factorial[k - 1] / k;
  auto part = [&](int k) {
    Tensor p = mul(eye, Scalar(inverse_factorial[k]));
    p = add(p, mul(x, Scalar(inverse_factorial[k + 1])));
    p = add(p, mul(x2, Scalar(inverse_factorial[k + 2])));
    return add(p, mul(x3, Scalar(inverse_factorial[k + 3])));
  };
  Tensor y = add(part(12), mul(x4, Scalar(inverse_factorial[16])));
  for (int k = 8; k >= 0; k -= 4) y = add(bmm(y, x4), part(k));
  for (int64_t s = 0; s < most; ++s) {
    Tensor squared = bmm(y, y);
    y = batch == 1 ? squared : where(gt(steps, Scalar(s)), squared, y);
  }
  return reshape(y, a.sizes());
}

Tensor matrix_exp(const Tensor& a) {
  check_square("linalg.matrix_exp", a);
  TL_CHECK(is_differentiable(a.dtype()),
           "linalg.matrix_exp: Expected a floating point or complex tensor as input. Got ",
           dtype_legacy_name(a.dtype()));
  Tensor out = exponential(a);
  if (needs_grad(a)) {
    record(out, "LinalgMatrixExpBackward0:self", inputs(a), saves(a), [](Backward& b) {
      // exp([[A^H, G], [0, A^H]]) holds the derivative in the direction G in its upper right corner.
      Tensor ah = conj_transposed(b.saved(0)), g = b.grad();
      const int64_t n = rows_of(ah);
      Tensor upper = cat({ah, g}, -1), lower = cat({zeros(ah.sizes(), ah.dtype()), ah}, -1);
      b[0] = columns(rows(matrix_exp(cat({upper, lower}, -2)), 0, n), n, n);
    });
  }
  return out;
}

// --- vectors -----------------------------------------------------------------------------------------

template <class T>
void cross_loop(const Tensor& a, const Tensor& b, const Tensor& out, int64_t outer, int64_t inner) {
  parallel_for(outer * inner, 1 << 14, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t at = i / inner * 3 * inner + i % inner;
      const T *x = a.data<T>() + at, *y = b.data<T>() + at;
      T* z = out.data<T>() + at;
      const T x0 = x[0], x1 = x[inner], x2 = x[2 * inner], y0 = y[0], y1 = y[inner], y2 = y[2 * inner];
      z[0] = T(x1 * y2 - x2 * y1);
      z[inner] = T(x2 * y0 - x0 * y2);
      z[2 * inner] = T(x0 * y1 - x1 * y0);
    }
  });
}

Tensor linalg_cross(const Tensor& self, const Tensor& other, int64_t dim) {
  TL_CHECK(self.dim() == other.dim(), "linalg.cross: inputs must have the same number of dimensions.");
  const int64_t d = wrap_dim(dim, self.dim());
  TL_CHECK(self.dim() > 0 && self->dims[d] == 3 && other->dims[d] == 3, "linalg.cross: inputs dimension ", dim,
           " must have length 3. Got ", self.dim() > 0 ? self->dims[d] : 1, " and ",
           self.dim() > 0 ? other->dims[d] : 1);
  const DType t = promote_types(self.dtype(), other.dtype());
  TL_CHECK_NOTIMPL(t != DType::Bool, "\"cross\" not implemented for 'Bool'");
  Dims sizes = broadcast_shapes(self.sizes(), other.sizes());
  const DType compute = is_reduced_floating(t) ? DType::Float32 : t;
  Tensor out;
  {
    NoGradGuard no_grad;
    Tensor a = dense_values(self, sizes, compute), b = dense_values(other, sizes, compute);
    out = empty(sizes, compute);
    const int64_t inner = product_of(IntView(sizes).subspan(size_t(d) + 1)),
                  outer = product_of(IntView(sizes).first(size_t(d)));
    switch (compute) {
      case DType::Float32:
        cross_loop<float>(a, b, out, outer, inner);
        break;
      case DType::Float64:
        cross_loop<double>(a, b, out, outer, inner);
        break;
      case DType::Complex64:
        cross_loop<std::complex<float>>(a, b, out, outer, inner);
        break;
      case DType::Complex128:
        cross_loop<std::complex<double>>(a, b, out, outer, inner);
        break;
      default: {  // integers wrap, in any width as in 64 bits
        Tensor wide = empty(sizes, DType::Int64);
        cross_loop<int64_t>(to_dtype(a, DType::Int64), to_dtype(b, DType::Int64), wide, outer, inner);
        copy_values(out, wide);
      }
    }
    out = to_dtype(out, t);
  }
  if (needs_grad(self, other)) {
    record(out, "LinalgCrossBackward0:other,self", inputs(self, other), saves(other, self), [d](Backward& b) {
      if (b.needs(0)) b[0] = linalg_cross(conj(b.saved(0)), b.grad(), d);
      if (b.needs(1)) b[1] = linalg_cross(b.grad(), conj(b.saved(1)), d);
    });
  }
  return out;
}

Tensor cross(const Tensor& self, const Tensor& other, std::optional<int64_t> dim) {
  if (dim) return linalg_cross(self, other, *dim);
  static bool said = false;
  if (!std::exchange(said, true)) {
    warn(
        "Using torch.cross without specifying the dim arg is deprecated.\nPlease either pass the dim explicitly or "
        "simply "
        "use torch.linalg.cross.\nThe default value of dim will change to agree with that of linalg.cross in a future "
        "release.");
  }
  for (int64_t d = 0; d < self.dim(); ++d) {
    if (self->dims[d] == 3) return linalg_cross(self, other, d);
  }
  fail(ErrorKind::runtime, "no dimension of size 3 in input");
}

Tensor vecdot(const Tensor& x, const Tensor& y, int64_t dim) {
  TL_CHECK(is_differentiable(x.dtype()), "linalg.vecdot: Expected a floating point or complex tensor as input. Got ",
           dtype_legacy_name(x.dtype()));
  TL_CHECK(x.dtype() == y.dtype(), "linalg.vecdot: Expected x and y to have the same dtype, but found x of type ",
           dtype_legacy_name(x.dtype()), " and y of type ", dtype_legacy_name(y.dtype()), " instead");
  return sum(mul(conj(x), y), Dims{dim}, false);
}

Tensor linalg_vander(const Tensor& x_arg, std::optional<int64_t> n_arg) {
  const DType t = x_arg.dtype();
  TL_CHECK(t != DType::Bool && !is_reduced_floating(t),
           "linalg.vander supports floating point, complex, and integer tensors, but got ", dtype_legacy_name(t));
  TL_CHECK(x_arg.dim() > 0, "linalg.vander: x must be at least 1-d");
  Tensor x = is_integral(t) && t != DType::Int64 ? to_dtype(x_arg, DType::Int64) : x_arg;
  const int64_t n = n_arg.value_or(x.sizes().back());
  TL_CHECK(n > 1, "N must be greater than 1.");
  Dims sizes = followed_by(Dims(x.sizes()), {n - 1});
  Tensor powers = cumprod(expand(unsqueeze(x, -1), sizes), -1);
  sizes.back() = 1;
  return cat({ones(sizes, powers.dtype()), powers}, -1);
}

Tensor vander(const Tensor& x, std::optional<int64_t> n_arg, bool increasing) {
  TL_CHECK(x.dim() == 1, "torch.vander: x must be a one-dimensional tensor.");
  const int64_t rows_ = x.numel(), n = n_arg.value_or(rows_);
  TL_CHECK(n >= 0, "torch.vander: N must be non-negative.");
  const DType t = is_integral_or_bool(x.dtype()) ? DType::Int64 : x.dtype();
  Tensor wide = to_dtype(x, t);
  if (n == 0) return clone(narrow(unsqueeze(wide, -1), 1, 0, 0));
  Tensor out = ones(Dims{rows_, 1}, t);
  if (n > 1) out = cat({out, cumprod(expand(unsqueeze(wide, -1), Dims{rows_, n - 1}), -1)}, -1);
  return increasing ? out : flip(out, Dims{-1});
}

// --- condition, tensors as matrices ------------------------------------------------------------------

Tensor cond_by_values(const Tensor& a, double p) {
  Tensor s = svdvals(a);
  const int64_t k = s.sizes().back();
  if (k == 0) return zeros(batch_of(a), to_real(a.dtype()));
  Tensor largest = select(s, -1, 0), least = select(s, -1, k - 1);
  return p > 0 ? div(largest, least) : div(least, largest);
}
void check_cond(const Tensor& a) {
  TL_CHECK(a.dim() >= 2, "linalg.cond: The input tensor must have at least 2 dimensions.");
  check_linalg_dtype("linalg.cond", a);
}
// The norm of A times that of its inverse, infinite where there is none.
template <class Norm>
Tensor cond_by_norms(const Tensor& a, Norm norm) {
  check_square("linalg.cond", a);
  if (a.numel() == 0) return zeros(batch_of(a), to_real(a.dtype()));
  Tensor info, inverse;
  std::tie(inverse, info) = linalg_inv_ex(a);
  Tensor out = mul(norm(a), norm(inverse));
  if (first_error(info).second == 0) return out;
  return where(ne(info, Scalar(0)), full(Dims{}, Scalar(double(INFINITY)), out.dtype()), out);
}
Tensor cond(const Tensor& a, const std::optional<Scalar>& p_arg) {
  check_cond(a);
  const double p = p_arg ? p_arg->to_double() : 2, size = std::fabs(p);
  if (size == 2) return cond_by_values(a, p);
  return cond_by_norms(a, [&](const Tensor& x) { return matrix_norm(x, Scalar(p)); });
}
Tensor cond_text(const Tensor& a, std::string p) {
  check_cond(a);
  if (p == "nuc") check_square("linalg.cond", a);
  return cond_by_norms(a, [&](const Tensor& x) { return matrix_norm(x, p); });
}

Tensor tensorinv(const Tensor& a, int64_t ind) {
  TL_CHECK(ind > 0, "Expected a strictly positive integer for 'ind'");
  TL_CHECK(ind <= a.dim(), "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind])");
  IntView sizes = a.sizes(), front = sizes.first(size_t(ind)), back = sizes.subspan(size_t(ind));
  const int64_t n = product_of(front);
  TL_CHECK(n == product_of(back),
           "Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got ",
           product_of(back), " != ", n);
  Dims result(back);
  for (int64_t s : front) result.push_back(s);
  return reshape(linalg_inv(reshape(a, Dims{n, n})), result);
}

Tensor tensorsolve(const Tensor& a_arg, const Tensor& b, const std::optional<Dims>& dims) {
  Tensor a = a_arg;
  if (dims) {
    Dims destination;
    for (size_t i = 0; i < dims->size(); ++i) destination.push_back(a.dim() - int64_t(dims->size()) + int64_t(i));
    a = movedim(a, *dims, destination);
  }
  TL_CHECK(a.dim() >= b.dim(),
           "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
           "prod(self.shape[:other.ndim])");
  IntView result = a.sizes().subspan(size_t(b.dim()));
  const int64_t n = product_of(result), m = product_of(b.sizes());
  TL_CHECK(
      n == m,
      "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), but "
      "got ",
      n, " != ", m);
  Dims shape(result);
  return reshape(linalg_solve(reshape(a, Dims{n, n}), reshape(b, Dims{n}), true), shape);
}

constexpr uint32_t both = op::function | op::method | op::out;
constexpr uint32_t hidden = op::internal | op::out;
const OpRecord records[] = {
    {"linalg_ldl_factor_ex(Tensor self, *, bool hermitian=False, bool check_errors=False) -> (Tensor LD, Tensor "
     "pivots, "
     "Tensor info)",
     TL_OP(ldl_factor_ex), hidden | op::nondifferentiable,
     "A = L D L^T (L D L^H) of a symmetric (Hermitian) matrix, whose lower triangle is read.",
     "randn(3, 3) | randn(2, 4, 4) | randn(0, 3, 3) | randn(3, 3, dtype=complex128), hermitian=True"},
    {"linalg_ldl_factor(Tensor self, *, bool hermitian=False) -> (Tensor LD, Tensor pivots)", TL_OP(ldl_factor),
     hidden | op::nondifferentiable, "linalg.ldl_factor_ex that raises where D has a zero.", "randn(3, 3)"},
    {"linalg_ldl_solve(Tensor LD, Tensor pivots, Tensor B, *, bool hermitian=False) -> Tensor", TL_OP(ldl_solve),
     hidden | op::nondifferentiable, "The X of A X = B with the factors of A.",
     "randn(3, 3), tensor([1, 2, 3], dtype=int32), randn(3, 2) | randn(2, 3, 3), tensor([[1, 2, 3], [2, 2, 3]], "
     "dtype=int32), randn(2, 3, 1)"},
    {"linalg_matrix_exp(Tensor self) -> Tensor", TL_OP(matrix_exp), op::internal,
     "The sum of A^k / k!, by Taylor's polynomial of A / 2^s, squared s times (Higham, 2008). Gradient: the corner of "
     "the "
     "exponential of a block triangle.",
     "randn(3, 3) | 3 * randn(2, 4, 4).transpose(1, 2) | zeros(2, 2) | randn(0, 3, 3) | randn(0, 0)"},
    {"matrix_exp(Tensor self) -> Tensor", TL_OP(matrix_exp), op::function | op::method, "linalg.matrix_exp.",
     "randn(3, 3)"},
    {"linalg_cross(Tensor self, Tensor other, *, int dim=-1) -> Tensor", TL_OP(linalg_cross), hidden,
     "The vector product along a dim of size 3.",
     "randn(4, 3), randn(4, 3) | randn(3, 2, 4), randn(3, 1, 4), dim=0 | randn(4, 3).t(), randn(3, 4), dim=0 | "
     "tensor([1, "
     "2, 3]), tensor([4, 5, 6]) | randn(0, 3), randn(0, 3)"},
    {"cross(Tensor self, Tensor other, int? dim=None) -> Tensor", TL_OP(cross), both,
     "linalg.cross; without `dim` along the first dim of size 3.",
     "randn(4, 3), randn(4, 3) | randn(3, 2), randn(3, 2), 0"},
    {"linalg_vecdot(Tensor x, Tensor y, *, int dim=-1) -> Tensor", TL_OP(vecdot), hidden,
     "The sum of conj(x) y along `dim`.",
     "randn(4, 3), randn(4, 3) | randn(4, 3), randn(4, 1), dim=0 | randn(3), randn(3)"},
    {"linalg_vander(Tensor x, *, int? N=None) -> Tensor", TL_OP(linalg_vander), op::internal,
     "The powers 0 to N - 1 of each element, in a last dim.", "randn(3) | randn(2, 3), N=4 | tensor([1, 2, 3])"},
    {"vander(Tensor x, int? N=None, bool increasing=False) -> Tensor", TL_OP(vander), op::function,
     "The powers of the elements of a vector as rows, from the highest down, or increasing.",
     "randn(3) | randn(4), 3, True | tensor([1, 2, 3]) | randn(3), 0"},
    {"linalg_cond(Tensor self, Scalar? p=None) -> Tensor", TL_OP(cond), hidden,
     "The condition number: the norm of A times that of its inverse.",
     "randn(3, 3) | randn(2, 4, 3), -2 | randn(3, 3).t(), 1 | randn(2, 3, 3), inf"},
    {"linalg_cond(Tensor self, str p) -> Tensor", TL_OP(cond_text), hidden, "The condition number of a norm by name.",
     "randn(3, 3), 'fro' | randn(2, 3, 3), 'nuc'"},
    {"linalg_tensorinv(Tensor self, int ind=2) -> Tensor", TL_OP(tensorinv), hidden,
     "The inverse of a tensor as a map from its last dims to its first `ind`.",
     "randn(2, 3, 6) | randn(4, 2, 2), ind=1 | randn(2, 2, 4)"},
    {"linalg_tensorsolve(Tensor self, Tensor other, int[]? dims=None) -> Tensor", TL_OP(tensorsolve), hidden,
     "The X with tensordot(A, X, X.ndim) = B.", "randn(2, 3, 6), randn(2, 3) | randn(6, 2, 3), randn(2, 3), [0]"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
