// Triangular systems and Cholesky's factors: solve_triangular, cholesky, cholesky_solve, cholesky_inverse.
//
// Gradients: M. B. Giles, 2008 (systems); I. Murray, "Differentiation of the Cholesky decomposition", 2016.
#include "ops/linalg.h"
#include "ops/registry.h"

namespace tl {

namespace {

// op(A) X = B or X op(A) = B in place, `b` by columns; a triangle of `a`, by columns too, is read.
void solve_raw(const Tensor& a, const Tensor& b, bool upper, bool left, char op, bool unit) {
  if (b.numel() == 0) return;
  const Lapack& call = lapack();
  const DType t = b.dtype();
  const int64_t m = rows_of(b), n = columns_of(b), lda = rows_of(a);
  const char side = left ? 'L' : 'R', uplo = upper ? 'U' : 'L', diag = unit ? 'U' : 'N';
  dispatch_lapack(t, [&](auto tag) {
    using T = typename decltype(tag)::type;
    const T one(1);
    for_each_matrix(batch_size(b), double(m) * double(n) * double(lda), [&](int64_t i) {
      call(Routine::trsm, t, &side, &uplo, &op, &diag, &m, &n, &one, matrix_at(a, i), &lda, matrix_at(b, i), &m);
    });
  });
}

// A matrix as LAPACK can read it: by columns, or by rows as the transpose of such.
bool stored_by(const Tensor& a, int64_t fast, int64_t slow) {
  const int64_t n = a.dim(), inner = fast < 0 ? n + fast : fast, outer = slow < 0 ? n + slow : slow;
  const int64_t* strides = a->dims + n;
  int64_t step = a->dims[inner] * a->dims[outer];
  if (strides[inner] != 1 || strides[outer] != a->dims[inner]) return false;
  for (int64_t d = n - 3; d >= 0; --d) {
    if (strides[d] != step) return false;
    step *= a->dims[d];
  }
  return true;
}

Tensor solved(const Tensor& a, const Tensor& b, bool upper, bool left, bool unit, Dims batch) {
  const int64_t n = rows_of(a);
  Tensor x = column_major(b, followed_by(batch, {rows_of(b), columns_of(b)}));
  Dims sizes = followed_by(batch, {n, n});
  if (equal(sizes, a.sizes()) && stored_by(a, -1, -2)) {
    // By rows: the transpose by columns, its other triangle.
    solve_raw(a, x, !upper, left, 'T', unit);
  } else {
    solve_raw(equal(sizes, a.sizes()) && stored_by(a, -2, -1) ? a : column_major(a, sizes), x, upper, left, 'N', unit);
  }
  return x;
}

Tensor triangle_of(const Tensor& a, bool upper, int64_t skip) { return upper ? triu(a, skip) : tril(a, -skip); }

Tensor solve_triangular_op(const Tensor& a, const Tensor& b, bool upper, bool left, bool unitriangular) {
  return solve_triangular(a, b, upper, left, unitriangular);
}

// --- Cholesky ----------------------------------------------------------------------------------------

// A = L L^H, or U^H U; the other triangle is zero. `a` by columns, in place; infos.
Tensor factor_in_place(const Tensor& a, bool upper) {
  Tensor info = zeros(batch_of(a), DType::Int32);
  if (a.numel() == 0) return info;
  const Lapack& call = lapack();
  const DType t = a.dtype();
  const int64_t n = rows_of(a);
  const char uplo = upper ? 'U' : 'L';
  dispatch_lapack(t, [&](auto tag) {
    using T = typename decltype(tag)::type;
    for_each_matrix(batch_size(a), double(n) * double(n) * double(n) / 3, [&](int64_t i) {
      int64_t failed = 0;
      T* m = reinterpret_cast<T*>(matrix_at(a, i));
      call(Routine::potrf, t, &uplo, &n, m, &n, &failed);
      info.data<int32_t>()[i] = int32_t(call.read(failed));
      for (int64_t c = 0; c < n; ++c) {
        if (upper) {
          std::fill(m + c * n + c + 1, m + (c + 1) * n, T(0));
        } else {
          std::fill(m + c * n, m + c * n + c, T(0));
        }
      }
    });
  });
  return info;
}

// With L: gA = sym(L^-H phi(L^H gL) L^-1), phi the lower triangle with half its diagonal.
Tensor cholesky_backward(const Tensor& grad, const Tensor& l) {
  Tensor inner = tril(product(l, adjoint, grad, plain), 0);
  inner = add(inner, conj_transposed(tril(inner, -1)));
  if (is_complex(inner.dtype())) {  // the diagonal of L is real
    Tensor d = diagonal_of(inner);
    inner = sub(inner, as_diagonal(times_i(select(view_as_real(d), -1, 1), inner.dtype())));
  }
  Tensor ga = solve_triangular(conj_transposed(l), inner, true);
  ga = solve_triangular(l, ga, false, false);
  return mul(ga, Scalar(0.5));
}

std::tuple<Tensor, Tensor> cholesky_as(const char* name, const char* label, const Tensor& a, bool upper,
                                       bool check_errors) {
  check_square(name, a);
  check_linalg_dtype(name, a);
  Tensor l = column_major(a), info = factor_in_place(l, upper);
  if (check_errors) {
    auto [at, what] = first_error(info);
    if (what != 0) {
      throw LinAlgError(std::string(name) + ": " + batch_element(info, at) +
                        "The factorization could not be completed because the input is not positive-definite (the "
                        "leading minor of order " +
                        std::to_string(what) + " is not positive-definite).");
    }
  }
  if (needs_grad(a)) {
    record(l, label, inputs(a), saves(output(l)), [upper](Backward& b) {
      b[0] = upper ? cholesky_backward(conj_transposed(b.grad()), conj_transposed(b.saved(0)))
                   : cholesky_backward(b.grad(), b.saved(0));
    });
  }
  return {l, info};
}
std::tuple<Tensor, Tensor> cholesky_ex(const Tensor& a, bool upper, bool check_errors) {
  return cholesky_as("linalg.cholesky_ex", "LinalgCholeskyExBackward0:L", a, upper, check_errors);
}
Tensor linalg_cholesky(const Tensor& a, bool upper) {
  return std::get<0>(cholesky_as("linalg.cholesky", "LinalgCholeskyExBackward0:L", a, upper, true));
}
Tensor cholesky(const Tensor& a, bool upper) {
  static bool said = false;
  if (!std::exchange(said, true)) {
    warn(
        "torch.cholesky is deprecated in favor of torch.linalg.cholesky and will be removed in a future PyTorch "
        "release.\nL = torch.cholesky(A)\nshould be replaced with\nL = torch.linalg.cholesky(A)\nand\nU = "
        "torch.cholesky(A, upper=True)\nshould be replaced with\nU = torch.linalg.cholesky(A).mH\nThis transform will "
        "produce equivalent results for all valid (symmetric positive definite) inputs.");
  }
  return std::get<0>(cholesky_as("cholesky", "CholeskyBackward0:result", a, upper, true));
}

// The gradient of a factor F (A = F F^H, or F^H F) from that of A.
Tensor factor_gradient(const Tensor& ga, const Tensor& factor, bool upper) {
  Tensor both_sides = add(ga, conj_transposed(ga));
  return upper ? product(factor, plain, both_sides, plain) : product(both_sides, plain, factor, plain);
}

Tensor cholesky_solve(const Tensor& self, const Tensor& factor, bool upper) {
  TL_CHECK(self.dim() >= 2, "b should have at least 2 dimensions, but has ", self.dim(), " dimensions instead");
  TL_CHECK(factor.dim() >= 2, "u should have at least 2 dimensions, but has ", factor.dim(), " dimensions instead");
  check_square("cholesky_solve", factor);
  check_linalg_dtype("cholesky_solve", factor);
  TL_CHECK(self.dtype() == factor.dtype(), "cholesky_solve: Expected b and A to have the same dtype, but found ",
           dtype_legacy_name(self.dtype()), " and ", dtype_legacy_name(factor.dtype()));
  TL_CHECK(rows_of(self) == rows_of(factor), "Incompatible matrix sizes for cholesky_solve: each A matrix is ",
           rows_of(factor), " by ", columns_of(factor), " but each b matrix is ", rows_of(self), " by ",
           columns_of(self));
  Dims batch = broadcast_shapes(batch_of(self), batch_of(factor));
  const int64_t n = rows_of(factor);
  Tensor f = column_major(factor, followed_by(batch, {n, n}));
  Tensor x = column_major(self, followed_by(batch, {n, columns_of(self)}));
  solve_raw(f, x, upper, true, upper ? 'C' : 'N', false);
  solve_raw(f, x, upper, true, upper ? 'N' : 'C', false);
  if (needs_grad(self, factor)) {
    record(x, "CholeskySolveBackward0:input2,result,self", inputs(self, factor), saves(factor, output(x)),
           [upper](Backward& b) {
             Tensor fac = b.saved(0), gb = cholesky_solve(b.grad(), fac, upper);
             if (b.needs(0)) b[0] = gb;
             if (b.needs(1))
               b[1] = triangle_of(factor_gradient(neg(product(gb, plain, b.saved(1), adjoint)), fac, upper), upper, 0);
           });
  }
  return x;
}

Tensor cholesky_inverse(const Tensor& factor, bool upper) {
  check_square("cholesky_inverse", factor);
  check_linalg_dtype("cholesky_inverse", factor);
  Tensor f = column_major(factor), x = column_major(identity(factor.sizes(), factor.dtype()));
  solve_raw(f, x, upper, true, upper ? 'C' : 'N', false);
  solve_raw(f, x, upper, true, upper ? 'N' : 'C', false);
  if (needs_grad(factor)) {
    record(x, "CholeskyInverseBackward0:result,self", inputs(factor), saves(factor, output(x)), [upper](Backward& b) {
      Tensor y = b.saved(1);
      Tensor ga = neg(product(product(y, adjoint, b.grad(), plain), plain, y, adjoint));
      b[0] = triangle_of(factor_gradient(ga, b.saved(0), upper), upper, 0);
    });
  }
  return x;
}

std::tuple<Tensor, Tensor> triangular_solve(const Tensor& self, const Tensor& a, bool upper, bool transpose_,
                                            bool unitriangular) {
  static bool said = false;
  if (!std::exchange(said, true)) {
    warn(
        "torch.triangular_solve is deprecated in favor of torch.linalg.solve_triangularand will be removed in a future "
        "PyTorch release.\ntorch.linalg.solve_triangular has its arguments reversed and does not return a copy of one "
        "of the inputs.\nX = torch.triangular_solve(B, A).solution\nshould be replaced with\nX = "
        "torch.linalg.solve_triangular(A, B).");
  }
  TL_CHECK(self.dim() >= 2, "torch.triangular_solve: Expected b to have at least 2 dimensions, but it has ", self.dim(),
           " dimensions instead");
  TL_CHECK(a.dim() >= 2, "torch.triangular_solve: Expected A to have at least 2 dimensions, but it has ", a.dim(),
           " dimensions instead");
  Tensor x = transpose_ ? solve_triangular(transposed(a), self, !upper, true, unitriangular)
                        : solve_triangular(a, self, upper, true, unitriangular);
  return {x, clone(expand(a, followed_by(batch_of(x), {rows_of(a), columns_of(a)})))};
}

constexpr uint32_t both = op::function | op::method | op::out;
constexpr uint32_t hidden = op::internal | op::out;
const OpRecord records[] = {
    {"linalg_solve_triangular(Tensor A, Tensor B, *, bool upper, bool left=True, bool unitriangular=False) -> Tensor",
     TL_OP(solve_triangular_op), hidden,
     "The X of A X = B, or of X A = B, for a triangular A, whose other triangle (and, with `unitriangular`, diagonal) "
     "is "
     "not read.",
     "randn(3, 3) + 3 * eye(3, dtype=float64), randn(3, 2), upper=True | randn(2, 3, 3) + 3 * eye(3, dtype=float64), "
     "randn(3, 4), upper=False | (randn(3, 3) + 3 * eye(3, dtype=float64)).t(), randn(2, 3), upper=True, left=False | "
     "randn(3, 3), randn(3, 2), upper=False, unitriangular=True | randn(0, 0), randn(0, 2), upper=True"},
    {"triangular_solve(Tensor self, Tensor A, bool upper=True, bool transpose=False, bool unitriangular=False) -> "
     "(Tensor solution, Tensor cloned_coefficient)",
     TL_OP(triangular_solve), both, "The older form of linalg.solve_triangular, which also gives a copy of A.",
     "randn(3, 2), randn(3, 3) + 3 * eye(3, dtype=float64) | randn(2, 3, 2), randn(3, 3) + 3 * eye(3, dtype=float64), "
     "False, True"},
    {"linalg_cholesky_ex(Tensor self, *, bool upper=False, bool check_errors=False) -> (Tensor L, Tensor info)",
     TL_OP(cholesky_ex), hidden, "linalg.cholesky, with the order of the first minor that is not positive.",
     "5 * eye(3, dtype=float64) | randn(0, 3, 3)"},
    {"linalg_cholesky(Tensor self, *, bool upper=False) -> Tensor", TL_OP(linalg_cholesky), hidden,
     "The lower triangle L with A = L L^H of a Hermitian positive matrix, whose lower triangle is read (upper: U^H U). "
     "LinAlgError where A is not positive. Gradient: Murray, 2016.",
     "5 * eye(3, dtype=float64) | tensor([[[2.0, 1.0], [1.0, 2.0]], [[4.0, 1.0], [1.0, 1.0]]]), upper=True | randn(0, "
     "3, 3)"},
    {"cholesky(Tensor self, bool upper=False) -> Tensor", TL_OP(cholesky), both, "The older form of linalg.cholesky.",
     "5 * eye(3, dtype=float64)"},
    {"cholesky_solve(Tensor self, Tensor input2, bool upper=False) -> Tensor", TL_OP(cholesky_solve), both,
     "The X of A X = self, from the factor of A that cholesky gives.",
     "randn(3, 2), tril(randn(3, 3)) + 3 * eye(3, dtype=float64) | randn(2, 3, 2), triu(randn(3, 3)) + 3 * eye(3, "
     "dtype=float64), True | randn(0, 2), randn(0, 0)"},
    {"cholesky_inverse(Tensor self, bool upper=False) -> Tensor", TL_OP(cholesky_inverse), both,
     "The inverse of A from the factor that cholesky gives.",
     "tril(randn(3, 3)) + 3 * eye(3, dtype=float64) | triu(randn(2, 3, 3)) + 3 * eye(3, dtype=float64), True"},
};
const RegisterOps registered(records);

}  // namespace

Tensor solve_triangular(const Tensor& a, const Tensor& b, bool upper, bool left, bool unitriangular) {
  const char* name = "linalg.solve_triangular";
  check_square(name, a);
  check_matrix(name, b);
  check_linalg_dtype(name, a);
  TL_CHECK(a.dtype() == b.dtype(), name, ": Expected A and B to have the same dtype, but found A of type ",
           dtype_legacy_name(a.dtype()), " and B of type ", dtype_legacy_name(b.dtype()), " instead");
  TL_CHECK(left ? rows_of(a) == rows_of(b) : columns_of(a) == columns_of(b), name,
           ": Incompatible shapes of A and B for the equation ", left ? "AX = B" : "XA = B", " (", rows_of(a), "x",
           columns_of(a), " and ", rows_of(b), "x", columns_of(b), ")");
  Tensor x = solved(a, b, upper, left, unitriangular, broadcast_shapes(batch_of(a), batch_of(b)));
  if (needs_grad(a, b)) {
    record(x, "LinalgSolveTriangularBackward0:self,result", inputs(a, b), saves(a, output(x)),
           [upper, left, unitriangular](Backward& back) {
             Tensor m = back.saved(0);
             Tensor gb = solve_triangular(conj_transposed(m), back.grad(), !upper, left, unitriangular);
             if (back.needs(0)) {
               Tensor y = back.saved(1);
               Tensor ga = neg(left ? product(gb, plain, y, adjoint) : product(y, adjoint, gb, plain));
               back[0] = triangle_of(ga, upper, unitriangular ? 1 : 0);
             }
             if (back.needs(1)) back[1] = gb;
           });
  }
  return x;
}

}  // namespace tl
