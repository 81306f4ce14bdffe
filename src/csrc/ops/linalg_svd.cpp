// Singular values: svd, svdvals, pinv, matrix_rank.
//
// Gradients: J. Townsend, "Differentiating the singular value decomposition", 2016; Z.-Q. Wan, S.-X. Zhang,
// "Automatic differentiation for complex valued SVD", 2019; G. H. Golub, V. Pereyra, "The differentiation of
// pseudo-inverses and nonlinear least squares problems whose variables separate", 1973.
#include <cmath>
#include <limits>

#include "ops/linalg.h"
#include "ops/registry.h"

namespace tl {

namespace {

struct Singular {
  Tensor u, s, vh;
};

// job: 'A' all vectors, 'S' the first min(m, n), 'N' none.
Singular decompose(const Tensor& a_arg, char job, bool simple_driver) {
  const int64_t m = rows_of(a_arg), n = columns_of(a_arg), k = std::min(m, n);
  Dims batch = batch_of(a_arg);
  const DType t = a_arg.dtype(), real_t = to_real(t);
  Singular r;
  r.s = empty(followed_by(batch, {k}), real_t);
  if (job != 'N') {
    r.u = empty_column_major(followed_by(batch, {m, job == 'A' ? m : k}), t);
    r.vh = empty_column_major(followed_by(batch, {job == 'A' ? n : k, n}), t);
  }
  if (a_arg.numel() == 0) {
    if (job != 'N') {
      copy_values(r.u, identity(r.u.sizes(), t));
      copy_values(r.vh, identity(r.vh.sizes(), t));
    }
    return r;
  }
  Tensor a = column_major(a_arg);
  const Lapack& call = lapack();
  const int64_t ldu = m, ldvt = job == 'N' ? 1 : rows_of(r.vh), one = 1;
  const bool cplx = is_complex(t);
  for_each_matrix(product_of(batch), 20.0 * double(m) * double(n) * double(k), [&](int64_t i) {
    Workspace work(t), real_work(real_t), unused(t);
    const int64_t longer = std::max(m, n);
    real_work.reserve(simple_driver ? 5 * k
                      : job == 'N'  ? 7 * k
                                    : std::max(5 * k * k + 7 * k, 2 * longer * k + 2 * k * k + k));
    std::vector<int64_t> integers(static_cast<size_t>(8 * k));
    int64_t failed = 0;
    void *am = matrix_at(a, i), *s = vector_at(r.s, i, k);
    void *u = job == 'N' ? unused.data() : matrix_at(r.u, i), *vt = job == 'N' ? unused.data() : matrix_at(r.vh, i);
    const int64_t* lu = job == 'N' ? &one : &ldu;
    auto run = [&](int64_t* length) {
      if (simple_driver && cplx) {
        call(Routine::gesvd, t, &job, &job, &m, &n, am, &m, s, u, lu, vt, &ldvt, work.data(), length, real_work.data(),
             &failed);
      } else if (simple_driver) {
        call(Routine::gesvd, t, &job, &job, &m, &n, am, &m, s, u, lu, vt, &ldvt, work.data(), length, &failed);
      } else if (cplx) {
        call(Routine::gesdd, t, &job, &m, &n, am, &m, s, u, lu, vt, &ldvt, work.data(), length, real_work.data(),
             integers.data(), &failed);
      } else {
        call(Routine::gesdd, t, &job, &m, &n, am, &m, s, u, lu, vt, &ldvt, work.data(), length, integers.data(),
             &failed);
      }
    };
    run(&work.query);
    work.grow();
    run(&work.size);
    const int64_t info = call.read(failed);
    if (info == 0) return;
    const std::string where_ = batch.size() > 0 ? "(Batch element " + std::to_string(i) + "): " : "";
    throw LinAlgError("linalg.svd: " + where_ +
                      (info < 0
                           ? "The algorithm failed to converge because the input matrix contained non-finite values."
                           : "The algorithm failed to converge because the input matrix is ill-conditioned or has "
                             "too many repeated singular values (error code: " +
                                 std::to_string(info) + ")."));
  });
  return r;
}

void check_finite(const Tensor& s, bool batched) {
  // gesdd gives NaN for a matrix that has one.
  if (!has_nan(s)) return;
  throw LinAlgError(std::string("linalg.svd: ") + (batched ? "(Batch element 0): " : "") +
                    "The algorithm failed to converge because the input matrix contained non-finite values.");
}

// X - X^H over s_j^2 - s_i^2, zero on the diagonal.
Tensor over_differences(const Tensor& x, const Tensor& differences) {
  return div(sub(x, conj_transposed(x)), differences);
}

Tensor svd_backward(const Tensor& gu_all, const Tensor& gs, const Tensor& gvh_all, const Tensor& u_all, const Tensor& s,
                    const Tensor& vh_all) {
  const int64_t k = s.sizes().back(), m = rows_of(u_all), n = columns_of(vh_all);
  Tensor u = columns(u_all, 0, k), vh = rows(vh_all, 0, k);
  if (!gu_all.defined() && !gvh_all.defined()) {
    if (!gs.defined()) return Tensor();
    return m >= n ? product(u, plain, by_rows(vh, gs), plain) : product(by_columns(u, gs), plain, vh, plain);
  }
  Tensor gu = gu_all.defined() ? columns(gu_all, 0, k) : gu_all;
  Tensor gvh = gvh_all.defined() ? rows(gvh_all, 0, k) : gvh_all;
  Tensor ugu = gu.defined() ? product(u, adjoint, gu, plain) : Tensor();     // U^H gU
  Tensor vgv = gvh.defined() ? product(vh, plain, gvh, adjoint) : Tensor();  // V^H gV
  if (is_complex(u.dtype())) {
    NoGradGuard no_grad;
    Tensor both_ = sum_of(ugu, vgv);
    Tensor phase = select(view_as_real(diagonal_of(both_)), -1, 1);
    const double worst = phase.numel() == 0 ? 0 : item(amax(abs(phase), {}, false)).to_double();
    TL_CHECK(worst <= 1e-2,
             "svd_backward: The singular vectors in the complex case are specified up to multiplication by "
             "e^{i phi}. The specified loss function depends on this phase term, making it ill-defined.");
  }
  // One on the diagonal, where the numerator is zero or cancels.
  Tensor square = mul(s, s);
  Tensor differences = sub(unsqueeze(square, -2), unsqueeze(square, -1));
  differences = add(differences, identity(differences.sizes(), differences.dtype()));
  Tensor inner;
  if (ugu.defined()) inner = by_columns(over_differences(ugu, differences), s);
  if (vgv.defined()) inner = sum_of(inner, by_rows(over_differences(vgv, differences), s));
  if (is_complex(u.dtype())) {
    inner = sub(inner, as_diagonal(diagonal_of(inner)));
    if (ugu.defined()) {
      // i Im(U^H gU) / s on the diagonal
      Tensor turn = div(select(view_as_real(diagonal_of(ugu)), -1, 1), s);
      inner = add(inner, as_diagonal(times_i(turn, u.dtype())));
    }
  }
  if (gs.defined()) inner = add(inner, as_diagonal(is_complex(u.dtype()) ? to_dtype(gs, u.dtype()) : gs));
  Tensor ga = product(product(u, plain, inner, plain), plain, vh, plain);
  Tensor over_s = reciprocal(s);
  if (m > k && gu.defined()) {
    Tensor outside = sub(gu, product(u, plain, ugu, plain));
    ga = add(ga, product(by_columns(outside, over_s), plain, vh, plain));
  }
  if (n > k && gvh.defined()) {
    Tensor outside = sub(gvh, product(product(gvh, plain, vh, adjoint), plain, vh, plain));
    ga = add(ga, product(by_columns(u, over_s), plain, outside, plain));
  }
  return ga;
}

Singular svd_as(const Tensor& a, bool full, bool vectors, const std::optional<std::string>& driver) {
  check_matrix("linalg.svd", a);
  TL_CHECK(is_differentiable(a.dtype()), "linalg.svd: Expected a floating point or complex tensor as input. Got ",
           dtype_legacy_name(a.dtype()));
  if (is_reduced_floating(a.dtype())) not_implemented("linalg_svd_cpu", a.dtype());
  TL_CHECK(!driver,
           "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with cuSOLVER "
           "backend.");
  const bool recorded = needs_grad(a);
  Singular r = decompose(a, !vectors && !recorded ? 'N' : full ? 'A' : 'S', false);
  check_finite(r.s, a.dim() > 2);
  if (recorded) {
    const Tensor outs[] = {r.u, r.s, r.vh};
    record_outputs(outs, "LinalgSvdBackward0:S,U,Vh", inputs(a), saves(output(r.u, 0), output(r.s, 1), output(r.vh, 2)),
                   [](Backward& b) {
                     Tensor g = svd_backward(b.grad(0), b.grad(1), b.grad(2), b.saved(0), b.saved(1), b.saved(2));
                     if (g.defined()) b[0] = g;
                   });
  }
  return r;
}

std::tuple<Tensor, Tensor, Tensor> linalg_svd(const Tensor& a, bool full, const std::optional<std::string>& driver) {
  Singular r = svd_as(a, full, true, driver);
  return {r.u, r.s, r.vh};
}
Tensor linalg_svdvals(const Tensor& a, const std::optional<std::string>& driver) {
  return svd_as(a, false, false, driver).s;
}
std::tuple<Tensor, Tensor, Tensor> svd(const Tensor& a, bool some, bool compute_uv) {
  if (compute_uv) {
    Singular r = svd_as(a, !some, true, std::nullopt);
    return {r.u, r.s, conj_transposed(r.vh)};
  }
  const int64_t m = rows_of(a), n = columns_of(a);
  return {zeros(followed_by(batch_of(a), {m, m}), a.dtype()), svd_as(a, false, false, std::nullopt).s,
          zeros(followed_by(batch_of(a), {n, n}), a.dtype())};
}

// --- pseudoinverse and rank --------------------------------------------------------------------------

double epsilon_of(DType t) {
  return to_real(t) == DType::Float64 ? std::numeric_limits<double>::epsilon() : std::numeric_limits<float>::epsilon();
}

// The bound below which a singular value counts as zero, one for each matrix: max(atol, rtol * largest).
Tensor bound(const Tensor& a, const Tensor& sizes, const Tensor& atol, const Tensor& rtol) {
  const DType real_t = to_real(a.dtype());
  Tensor largest = sizes.sizes().back() == 0 ? zeros(batch_of(sizes, 1), real_t) : amax(sizes, Dims{-1}, false);
  Tensor relative = rtol;
  if (!rtol.defined()) {
    Tensor standard = full(Dims{}, Scalar(epsilon_of(a.dtype()) * double(std::max(rows_of(a), columns_of(a)))), real_t);
    // With an absolute bound above zero none is relative.
    relative = atol.defined() ? where(gt(atol, Scalar(0)), zeros(Dims{}, real_t), standard) : standard;
  }
  Tensor r = mul(relative, largest);
  return atol.defined() ? maximum(to_dtype(atol, r.dtype()), r) : r;
}

Tensor pinv_values(const Tensor& a, const Tensor& atol, const Tensor& rtol, bool hermitian) {
  NoGradGuard no_grad;
  if (a.numel() == 0) return zeros(followed_by(batch_of(a), {columns_of(a), rows_of(a)}), a.dtype());
  auto inverted = [&](const Tensor& s, const Tensor& size) {
    Tensor zero = zeros(Dims{}, s.dtype());
    return where(gt(size, unsqueeze(bound(a, size, atol, rtol), -1)), reciprocal(s), zero);
  };
  if (hermitian) {
    auto [l, v] = eigh(a, false);
    return product(by_columns(v, inverted(l, abs(l))), plain, v, adjoint);
  }
  auto [u, s, vh] = svd_thin(a);
  return product(by_columns(conj_transposed(vh), inverted(s, s)), plain, u, adjoint);
}

void check_pinv(const Tensor& a) {
  TL_CHECK(is_differentiable(a.dtype()) && !is_reduced_floating(a.dtype()) && a.dim() >= 2, "linalg.pinv(",
           dtype_legacy_name(a.dtype()), "{", Shape{a.sizes()},
           "}): expected a tensor with 2 or more dimensions of float, double, cfloat or cdouble types");
}

Tensor pinv(const Tensor& a, const Tensor& atol, const Tensor& rtol, bool hermitian) {
  return pinv_of(a, atol, rtol, hermitian);
}
Tensor as_bound(const std::optional<Scalar>& s) { return s ? scalar_tensor(*s, DType::Float64) : Tensor(); }
Tensor pinv_numbers(const Tensor& a, const std::optional<Scalar>& atol, const std::optional<Scalar>& rtol,
                    bool hermitian) {
  return pinv_of(a, as_bound(atol), as_bound(rtol), hermitian);
}
Tensor pinv_rcond(const Tensor& a, const Scalar& rcond, bool hermitian) {
  return pinv_of(a, zeros(Dims{}, DType::Float64), as_bound(rcond), hermitian);
}
Tensor pinv_rcond_tensor(const Tensor& a, const Tensor& rcond, bool hermitian) {
  return pinv_of(a, zeros(Dims{}, DType::Float64), rcond, hermitian);
}
Tensor pinverse(const Tensor& a, double rcond) { return pinv_rcond(a, Scalar(rcond), false); }

Tensor rank_of(const Tensor& a, const Tensor& atol, const Tensor& rtol, bool hermitian) {
  check_matrix("torch.linalg.matrix_rank", a);
  check_linalg_dtype("torch.linalg.matrix_rank", a);
  NoGradGuard no_grad;
  if (a.numel() == 0) return zeros(batch_of(a), DType::Int64);
  Tensor sizes = hermitian ? abs(std::get<0>(eigh(a, false))) : svdvals(a);
  return sum(to_dtype(gt(sizes, unsqueeze(bound(a, sizes, atol, rtol), -1)), DType::Int64), Dims{-1}, false);
}
Tensor matrix_rank(const Tensor& a, const std::optional<Scalar>& atol, const std::optional<Scalar>& rtol,
                   bool hermitian) {
  return rank_of(a, as_bound(atol), as_bound(rtol), hermitian);
}
Tensor matrix_rank_tol(const Tensor& a, const Scalar& tol, bool hermitian) {
  return rank_of(a, as_bound(tol), zeros(Dims{}, DType::Float64), hermitian);
}

constexpr uint32_t both = op::function | op::method | op::out;
constexpr uint32_t hidden = op::internal | op::out;
const OpRecord records[] = {
    {"linalg_svd(Tensor A, bool full_matrices=True, *, str? driver=None) -> (Tensor U, Tensor S, Tensor Vh)",
     TL_OP(linalg_svd), hidden,
     "A = U diag(S) Vh with orthonormal columns and rows, S descending. Gradient: Townsend, 2016; Wan and Zhang, 2019; "
     "it "
     "needs distinct singular values, and with `full_matrices` does not count the vectors beyond min(m, n).",
     "randn(3, 3) | randn(2, 4, 3), False | randn(3, 5), False | randn(0, 3, 3) | randn(3, 4).t(), False"},
    {"linalg_svdvals(Tensor A, *, str? driver=None) -> Tensor", TL_OP(linalg_svdvals), hidden,
     "The singular values, descending.", "randn(3, 3) | randn(2, 4, 3) | randn(3, 5) | randn(0, 3, 3)"},
    {"svd(Tensor self, bool some=True, bool compute_uv=True) -> (Tensor U, Tensor S, Tensor V)", TL_OP(svd), both,
     "The older form of linalg.svd, with V in place of its adjoint.", "randn(3, 3) | randn(4, 3) | randn(3, 5)"},
    {"linalg_pinv(Tensor A, *, Scalar? atol=None, Scalar? rtol=None, bool hermitian=False) -> Tensor",
     TL_OP(pinv_numbers), hidden,
     "The pseudoinverse of Moore and Penrose; singular values up to max(atol, rtol * largest) count as zero. Gradient: "
     "Golub and Pereyra, 1973.",
     "randn(3, 3) | randn(2, 4, 3), rtol=1e-3 | randn(3, 5) | randn(0, 3, 2) | randn(3, 4).t(), atol=0.1"},
    {"linalg_pinv(Tensor A, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) -> Tensor", TL_OP(pinv),
     hidden, "The same with a bound for each matrix.", "randn(2, 4, 3), rtol=tensor([1e-3, 1e-4])"},
    {"linalg_pinv(Tensor A, Scalar rcond, bool hermitian=False) -> Tensor", TL_OP(pinv_rcond), hidden,
     "The same with the older name of rtol.", "randn(4, 3), 1e-3"},
    {"linalg_pinv(Tensor A, Tensor rcond, bool hermitian=False) -> Tensor", TL_OP(pinv_rcond_tensor), hidden,
     "The same with the older name of rtol.", "randn(2, 4, 3), tensor([1e-3, 1e-4])"},
    {"pinverse(Tensor self, float rcond=1e-15) -> Tensor", TL_OP(pinverse), op::function | op::method,
     "The older form of linalg.pinv.", "randn(4, 3)"},
    {"linalg_matrix_rank(Tensor A, *, Scalar? atol=None, Scalar? rtol=None, bool hermitian=False) -> Tensor",
     TL_OP(matrix_rank), hidden | op::nondifferentiable,
     "How many singular values are above max(atol, rtol * largest).",
     "randn(3, 3) | ones(2, 3, 4) | zeros(3, 2) | randn(0, 3)"},
    {"linalg_matrix_rank(Tensor A, *, Tensor? atol=None, Tensor? rtol=None, bool hermitian=False) -> Tensor",
     TL_OP(rank_of), hidden | op::nondifferentiable, "The same with a bound for each matrix.",
     "ones(2, 3, 4), atol=tensor([0.1, 5.0])"},
    {"linalg_matrix_rank(Tensor A, Scalar tol, bool hermitian=False) -> Tensor", TL_OP(matrix_rank_tol),
     hidden | op::nondifferentiable, "The same with the older name of atol.", "ones(3, 4), 0.1"},
};
const RegisterOps registered(records);

}  // namespace

std::tuple<Tensor, Tensor, Tensor> svd_thin(const Tensor& a) {
  Singular r = svd_as(a, false, true, std::nullopt);
  return {r.u, r.s, r.vh};
}
Tensor svdvals(const Tensor& a) { return svd_as(a, false, false, std::nullopt).s; }

Tensor pinv_backward(const Tensor& grad, const Tensor& p, const Tensor& a) {
  // dP = -P dA P + P P^H dA^H (I - A P) + (I - P A) dA^H P^H P
  Tensor ga = neg(product(product(p, adjoint, grad, plain), plain, p, adjoint));
  Tensor pp = product(p, plain, p, adjoint);  // n x n
  Tensor left = product(grad, adjoint, pp, plain);
  left = sub(left, product(a, plain, product(p, plain, left, plain), plain));
  Tensor ph = product(p, adjoint, p, plain);  // m x m
  Tensor right = product(ph, plain, grad, adjoint);
  right = sub(right, product(product(right, plain, p, plain), plain, a, plain));
  return add(add(ga, left), right);
}

Tensor pinv_of(const Tensor& a, const Tensor& atol, const Tensor& rtol, bool hermitian) {
  check_pinv(a);
  Tensor out = pinv_values(a, atol, rtol, hermitian);
  if (needs_grad(a)) {
    record(out, "LinalgPinvBackward0:result,self", inputs(a), saves(a, output(out)),
           [](Backward& b) { b[0] = pinv_backward(b.grad(), b.saved(1), b.saved(0)); });
  }
  return out;
}

}  // namespace tl
