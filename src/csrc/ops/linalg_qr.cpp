// Orthogonal factors: qr, geqrf, householder_product, ormqr; least squares.
//
// Gradients: S. F. Walter, L. Lehmann, "Algorithmic differentiation of linear algebra functions …", 2010;
// H.-J. Liao et al., "Differentiable programming tensor networks", 2019; least squares by way of the
// pseudoinverse (G. H. Golub, V. Pereyra, 1973).
#include <limits>

#include "ops/linalg.h"
#include "ops/registry.h"

namespace tl {

namespace {

// In place by columns: R and the Householder vectors; the factors of these.
Tensor geqrf_in_place(const Tensor& a) {
  const int64_t m = rows_of(a), n = columns_of(a), k = std::min(m, n);
  Tensor tau = empty(followed_by(batch_of(a), {k}), a.dtype());
  if (a.numel() == 0) return tau;
  const Lapack& call = lapack();
  const DType t = a.dtype();
  for_each_matrix(batch_size(a), 2.0 * double(m) * double(n) * double(k), [&](int64_t i) {
    Workspace work(t);
    int64_t failed = 0;
    call(Routine::geqrf, t, &m, &n, matrix_at(a, i), &m, vector_at(tau, i, k), work.data(), &work.query, &failed);
    work.grow();
    call(Routine::geqrf, t, &m, &n, matrix_at(a, i), &m, vector_at(tau, i, k), work.data(), &work.size, &failed);
  });
  return tau;
}

// In place: the first columns of the product of the reflections whose vectors are in `q`.
void orgqr_in_place(const Tensor& q, const Tensor& tau) {
  const int64_t m = rows_of(q), n = columns_of(q), k = tau.sizes().back();
  if (q.numel() == 0) return;
  const Lapack& call = lapack();
  const DType t = q.dtype();
  for_each_matrix(batch_size(q), 2.0 * double(m) * double(n) * double(k), [&](int64_t i) {
    Workspace work(t);
    int64_t failed = 0;
    call(Routine::orgqr, t, &m, &n, &k, matrix_at(q, i), &m, vector_at(tau, i, k), work.data(), &work.query, &failed);
    work.grow();
    call(Routine::orgqr, t, &m, &n, &k, matrix_at(q, i), &m, vector_at(tau, i, k), work.data(), &work.size, &failed);
  });
}

std::tuple<Tensor, Tensor> geqrf(const Tensor& a_arg) {
  check_matrix("torch.geqrf", a_arg);
  check_linalg_dtype("torch.geqrf", a_arg);
  Tensor a = column_major(a_arg), tau = geqrf_in_place(a);
  if (needs_grad(a_arg)) {
    const Tensor outs[] = {a, tau};
    record_outputs(outs, "GeqrfBackward0", inputs(a_arg), saves(), [](Backward&) {
      fail(ErrorKind::not_implemented, "the derivative for 'geqrf' is not implemented.");
    });
  }
  return {a, tau};
}

// X + X^H with the (real) diagonal of X: of the upper triangle of X.
Tensor symmetric_part(const Tensor& x) {
  Tensor upper = triu(x, 1);
  Tensor d = diagonal_of(x);
  if (is_complex(d.dtype())) d = to_dtype(real(d), d.dtype());
  return add(add(upper, conj_transposed(upper)), as_diagonal(d));
}

// A = Q R of at least as many rows as columns.
Tensor tall_backward(const Tensor& gq, const Tensor& gr, const Tensor& q, const Tensor& r) {
  Tensor m;
  if (gr.defined()) m = product(gr, plain, r, adjoint);
  if (gq.defined()) m = sum_of(m, neg(product(q, adjoint, gq, plain)));
  Tensor ga = sum_of(gq, product(q, plain, symmetric_part(m), plain));
  return solve_triangular(conj_transposed(r), ga, false, false);
}

Tensor qr_backward(const Tensor& gq, const Tensor& gr, const Tensor& q, const Tensor& r, bool complete) {
  const int64_t m = rows_of(q), n = columns_of(r);
  TL_CHECK(!complete || m <= n, "The QR decomposition is not differentiable when mode='complete' and nrows > ncols");
  if (m >= n) return tall_backward(gq, gr, q, r);
  // A = [X Y] = Q [U V]: Y enters through V = Q^H Y.
  Tensor u = columns(r, 0, m), v = columns(r, m, n - m);
  if (!gr.defined()) return cat({tall_backward(gq, gr, q, u), zeros(v.sizes(), v.dtype())}, -1);
  Tensor gv = columns(gr, m, n - m);
  Tensor gq_all = sum_of(gq, product(product(q, plain, v, plain), plain, gv, adjoint));
  return cat({tall_backward(gq_all, columns(gr, 0, m), q, u), product(q, plain, gv, plain)}, -1);
}

std::tuple<Tensor, Tensor> qr_as(const Tensor& a, const std::string& mode) {
  check_matrix("linalg.qr", a);
  check_linalg_dtype("linalg.qr", a);
  const bool complete = mode == "complete", only_r = mode == "r";
  TL_CHECK(complete || only_r || mode == "reduced", "qr received unrecognized mode '", mode,
           "' but expected one of 'reduced' (default), 'r', or 'complete'");
  const int64_t m = rows_of(a), n = columns_of(a), k = std::min(m, n), width = complete ? m : k;
  Dims batch = batch_of(a);
  Tensor q, r;
  {
    NoGradGuard no_grad;
    Tensor work = column_major(a), tau = geqrf_in_place(work);
    r = column_major(triu(rows(work, 0, k), 0));
    if (complete && m > n) {
      Tensor full = column_major(zeros(followed_by(batch, {m, n}), a.dtype()));
      copy_values(rows(full, 0, k), r);
      r = full;
    }
    if (only_r) {
      q = empty(Dims{0}, a.dtype());
    } else {
      q = empty_column_major(followed_by(batch, {m, width}), a.dtype());
      if (n == 0 || a.numel() == 0) {
        copy_values(q, identity(q.sizes(), a.dtype()));
      } else {
        copy_values(columns(q, 0, k), columns(work, 0, k));
        if (width > k) zero_(columns(q, k, width - k));
        orgqr_in_place(q, tau);
      }
    }
  }
  if (needs_grad(a)) {
    if (only_r) {
      record(r, "LinalgQrBackward0:Q,R", inputs(a), saves(), [](Backward&) {
        fail(ErrorKind::runtime,
             "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. Please use "
             "linalg.qr(A, mode='reduced') if you are going to differentiate through linalg.qr.");
      });
    } else {
      const Tensor outs[] = {q, r};
      record_outputs(outs, "LinalgQrBackward0:Q,R", inputs(a), saves(output(q, 0), output(r, 1)),
                     [complete](Backward& b) {
                       if (!b.grad(0).defined() && !b.grad(1).defined()) return;
                       b[0] = qr_backward(b.grad(0), b.grad(1), b.saved(0), b.saved(1), complete);
                     });
    }
  }
  return {q, r};
}
std::tuple<Tensor, Tensor> linalg_qr(const Tensor& a, std::string mode) { return qr_as(a, mode); }
std::tuple<Tensor, Tensor> qr(const Tensor& self, bool some) {
  static bool said = false;
  if (!std::exchange(said, true)) {
    warn(
        "torch.qr is deprecated in favor of torch.linalg.qr and will be removed in a future PyTorch release.\nThe "
        "boolean parameter 'some' has been replaced with a string parameter 'mode'.\nQ, R = torch.qr(A, some)\nshould "
        "be replaced with\nQ, R = torch.linalg.qr(A, 'reduced' if some else 'complete')");
  }
  return qr_as(self, some ? "reduced" : "complete");
}

// --- products of reflections -------------------------------------------------------------------------

// (I - tau v v^H) … for the columns of `a`, by differentiable ops, the last reflection first.
Tensor reflected(const Tensor& a, const Tensor& tau) {
  const int64_t m = rows_of(a), n = columns_of(a), k = tau.sizes().back();
  Tensor q = identity(followed_by(batch_of(a), {m, n}), a.dtype());
  if (a.numel() == 0 || k == 0) return add(q, mul(a, Scalar(0)));  // it still has a history
  Tensor vectors = add(tril(a, -1), identity(a.sizes(), a.dtype()));
  for (int64_t j = k - 1; j >= 0; --j) {
    Tensor v = columns(vectors, j, 1);
    Tensor scaled = mul(v, unsqueeze(unsqueeze(select(tau, -1, j), -1), -1));
    q = sub(q, product(scaled, plain, product(v, adjoint, q, plain), plain));
  }
  return q;
}

Tensor householder_product(const Tensor& a, const Tensor& tau) {
  const char* name = "torch.linalg.householder_product";
  TL_CHECK(a.dim() >= 2, name, ": input must have at least 2 dimensions.");
  check_linalg_dtype(name, a);
  TL_CHECK(rows_of(a) >= columns_of(a), name, ": input.shape[-2] must be greater than or equal to input.shape[-1]");
  TL_CHECK(tau.dim() >= 1 && columns_of(a) >= tau.sizes().back(), name,
           ": input.shape[-1] must be greater than or equal to tau.shape[-1]");
  TL_CHECK(a.dim() - tau.dim() == 1, name,
           ": Expected tau to have one dimension less than input, but got tau.ndim equal "
           "to ",
           tau.dim(), " and input.ndim is equal to ", a.dim());
  TL_CHECK(equal(batch_of(a), batch_of(tau, 1)), name,
           ": Expected batch dimensions of tau to be equal to input.shape[:-2], "
           "but got ",
           Shape{tau.sizes()});
  TL_CHECK(a.dtype() == tau.dtype(), name, ": tau dtype ", dtype_name(tau.dtype()), " does not match input dtype ",
           dtype_name(a.dtype()));
  if (needs_grad(a, tau)) return reflected(a, tau);
  Tensor q = column_major(a);
  orgqr_in_place(q, contiguous(tau));
  return q;
}

Tensor ormqr(const Tensor& self, const Tensor& tau, const Tensor& other, bool left, bool transpose_) {
  const char* name = "torch.ormqr";
  TL_CHECK(self.dim() >= 2, name, ": input must have at least 2 dimensions.");
  TL_CHECK(other.dim() >= 2, name, ": other must have at least 2 dimensions.");
  check_linalg_dtype(name, self);
  const int64_t side = left ? rows_of(other) : columns_of(other);
  TL_CHECK(rows_of(self) == side, name, ": other.shape[", left ? -2 : -1, "] must be equal to input.shape[-2]");
  TL_CHECK(tau.dim() >= 1 && tau.sizes().back() <= columns_of(self), name,
           ": other.shape[-2] must be greater than or equal to tau.shape[-1]");
  TL_CHECK(self.dtype() == tau.dtype() && self.dtype() == other.dtype(), name,
           ": Expected input, tau and other to have the same dtype");
  TL_CHECK(equal(batch_of(self), batch_of(tau, 1)) && equal(batch_of(self), batch_of(other)), name,
           ": Expected the batch dimensions of input, tau and other to be equal");
  if (needs_grad(self, tau, other)) {
    Tensor wide = self;
    const int64_t m = rows_of(self), k = columns_of(self);
    if (k < m) wide = cat({self, zeros(followed_by(batch_of(self), {m, m - k}), self.dtype())}, -1);
    Tensor q = reflected(columns(wide, 0, m), tau);
    return left ? product(q, transpose_ ? adjoint : plain, other, plain)
                : product(other, plain, q, transpose_ ? adjoint : plain);
  }
  Tensor a = column_major(self), factors = contiguous(tau), c = column_major(other);
  if (c.numel() == 0) return c;
  const Lapack& call = lapack();
  const DType t = c.dtype();
  const int64_t m = rows_of(c), n = columns_of(c), k = tau.sizes().back(), lda = rows_of(a);
  const char where_ = left ? 'L' : 'R', op = transpose_ ? (is_complex(t) ? 'C' : 'T') : 'N';
  for_each_matrix(batch_size(c), 2.0 * double(m) * double(n) * double(k), [&](int64_t i) {
    Workspace work(t);
    int64_t failed = 0;
    call(Routine::ormqr, t, &where_, &op, &m, &n, &k, matrix_at(a, i), &lda, vector_at(factors, i, k), matrix_at(c, i),
         &m, work.data(), &work.query, &failed);
    work.grow();
    call(Routine::ormqr, t, &where_, &op, &m, &n, &k, matrix_at(a, i), &lda, vector_at(factors, i, k), matrix_at(c, i),
         &m, work.data(), &work.size, &failed);
  });
  return c;
}

// --- least squares -----------------------------------------------------------------------------------

enum class Driver : uint8_t { gels, gelsy, gelsd, gelss };

// The solutions, in the first n rows of `b`; ranks and singular values where the driver knows them.
void least_squares(Driver driver, const Tensor& a, const Tensor& b, const Tensor& rank, const Tensor& values,
                   double rcond) {
  const int64_t m = rows_of(a), n = columns_of(a), columns = columns_of(b), ldb = rows_of(b), k = std::min(m, n);
  if (a.numel() == 0 || columns == 0) return;
  const Lapack& call = lapack();
  const DType t = a.dtype();
  const char plain_op = 'N';
  const bool cplx = is_complex(t), twice = to_real(t) == DType::Float64;
  const float rcond32 = float(rcond);
  const void* limit = twice ? static_cast<const void*>(&rcond) : &rcond32;
  for_each_matrix(batch_size(a), 4.0 * double(m) * double(n) * double(k), [&](int64_t i) {
    Workspace work(t);
    Workspace real_work(to_real(t));
    std::vector<int64_t> integers(static_cast<size_t>(n + k * 40 + 64));
    int64_t failed = 0, found = 0;
    void *am = matrix_at(a, i), *bm = matrix_at(b, i), *s = values.defined() ? vector_at(values, i, k) : nullptr;
    Workspace own_values(to_real(t));
    if (s == nullptr) {
      own_values.reserve(k);
      s = own_values.data();
    }
    auto run = [&](int64_t* length) {
      switch (driver) {
        case Driver::gels:
          call(Routine::gels, t, &plain_op, &m, &n, &columns, am, &m, bm, &ldb, work.data(), length, &failed);
          break;
        case Driver::gelsy:
          if (cplx) {
            call(Routine::gelsy, t, &m, &n, &columns, am, &m, bm, &ldb, integers.data(), limit, &found, work.data(),
                 length, real_work.data(), &failed);
          } else {
            call(Routine::gelsy, t, &m, &n, &columns, am, &m, bm, &ldb, integers.data(), limit, &found, work.data(),
                 length, &failed);
          }
          break;
        default: {
          const Routine r = driver == Driver::gelsd ? Routine::gelsd : Routine::gelss;
          if (driver == Driver::gelss) {
            if (cplx) {
              call(r, t, &m, &n, &columns, am, &m, bm, &ldb, s, limit, &found, work.data(), length, real_work.data(),
                   &failed);
            } else {
              call(r, t, &m, &n, &columns, am, &m, bm, &ldb, s, limit, &found, work.data(), length, &failed);
            }
          } else if (cplx) {
            call(r, t, &m, &n, &columns, am, &m, bm, &ldb, s, limit, &found, work.data(), length, real_work.data(),
                 integers.data(), &failed);
          } else {
            call(r, t, &m, &n, &columns, am, &m, bm, &ldb, s, limit, &found, work.data(), length, integers.data(),
                 &failed);
          }
        }
      }
    };
    // What gelsd needs at most, by its documentation with subproblems of 25 and up to 32 levels.
    real_work.reserve(driver == Driver::gelsd
                          ? 10 * m + 10 * n + 50 * k + 8 * k * 32 + 3 * 25 * columns + 26 * (26 + 2 * columns) + 64
                          : 5 * std::max(m, n) + 2 * n);
    run(&work.query);
    work.grow();
    run(&work.size);
    if (call.read(failed) > 0) {
      throw LinAlgError("torch.linalg.lstsq: " + (a.dim() > 2 ? "(Batch element " + std::to_string(i) + "): " : "") +
                        "The least squares solution could not be computed because the input matrix does not have full "
                        "rank (error code: " +
                        std::to_string(call.read(failed)) + ").");
    }
    if (rank.defined()) rank.data<int64_t>()[i] = call.read(found);
  });
}

std::tuple<Tensor, Tensor, Tensor, Tensor> lstsq(const Tensor& a, const Tensor& b_arg, std::optional<double> rcond_arg,
                                                 const std::optional<std::string>& driver_arg) {
  const char* name = "torch.linalg.lstsq";
  TL_CHECK(a.dim() >= 2, name, ": input must have at least 2 dimensions.");
  TL_CHECK(b_arg.dim() >= 1, name, ": other must have at least 1 dimension.");
  TL_CHECK(a.dtype() == b_arg.dtype(), name,
           ": Expected input and other to have the same dtype, but got input's dtype ", dtype_legacy_name(a.dtype()),
           " and other's dtype ", dtype_legacy_name(b_arg.dtype()));
  check_linalg_dtype(name, a);
  const int64_t difference = a.dim() - b_arg.dim();
  TL_CHECK(difference >= 0 && difference <= 1, name,
           ": input.dim() must be greater or equal to other.dim() and (input.dim() - other.dim()) <= 1");
  const std::string driver_name = driver_arg.value_or("gelsy");
  Driver driver = Driver::gelsy;
  if (driver_name == "gels") {
    driver = Driver::gels;
  } else if (driver_name == "gelsd") {
    driver = Driver::gelsd;
  } else if (driver_name == "gelss") {
    driver = Driver::gelss;
  } else {
    TL_CHECK(driver_name == "gelsy", name, ": parameter `driver` should be one of (gels, gelsy, gelsd, gelss)");
  }
  const bool vector = difference == 1 && equal(batch_of(a, 1), b_arg.sizes());
  Tensor b = vector || b_arg.dim() == 1 ? unsqueeze(b_arg, -1) : b_arg;
  TL_CHECK(rows_of(a) == rows_of(b), name, ": input.size(-2) should match other.size(-", vector ? 1 : 2, ")");
  const int64_t m = rows_of(a), n = columns_of(a), k = std::min(m, n), width = columns_of(b);
  Dims batch = broadcast_shapes(batch_of(a), batch_of(b));
  const DType t = a.dtype(), real_t = to_real(t);
  const double eps =
      real_t == DType::Float64 ? std::numeric_limits<double>::epsilon() : std::numeric_limits<float>::epsilon();
  const double rcond = rcond_arg.value_or(eps * double(std::max(m, n)));
  Tensor x, values, rank, residuals = empty(Dims{0}, real_t);
  {
    NoGradGuard no_grad;
    Tensor work = column_major(a, followed_by(batch, {m, n}));
    Tensor y = empty_column_major(followed_by(batch, {std::max(m, n), width}), t);
    zero_(y);
    copy_values(rows(y, 0, m), b);
    const bool by_values = driver == Driver::gelsd || driver == Driver::gelss;
    rank = driver == Driver::gels ? empty(Dims{0}, DType::Int64) : zeros(batch, DType::Int64);
    values = by_values ? zeros(followed_by(batch, {k}), real_t) : empty(Dims{0}, real_t);
    least_squares(driver, work, y, driver == Driver::gels ? Tensor() : rank, by_values ? values : Tensor(), rcond);
    x = column_major(rows(y, 0, n));
    if (m > n && n > 0 && driver != Driver::gelsy) {
      bool full = true;
      for (int64_t i = 0; driver != Driver::gels && i < rank.numel(); ++i) full = full && rank.data<int64_t>()[i] == n;
      if (full) {
        Tensor size = abs(rows(y, n, m - n));
        residuals = sum(mul(size, size), Dims{-2}, false);
      }
    }
    if (vector || b_arg.dim() == 1) x = raw_clone(squeeze(x, -1));
  }
  if (needs_grad(a, b_arg)) {
    const bool drop = vector || b_arg.dim() == 1;
    const Tensor outs[] = {x, residuals};
    record_outputs(outs, "LinalgLstsqBackward0:B,self", inputs(a, b_arg), saves(a, b_arg), [drop](Backward& back) {
      Tensor am = back.saved(0), bm = drop ? unsqueeze(back.saved(1), -1) : back.saved(1);
      Tensor p = pinv_of(am, Tensor(), Tensor(), false), ga, gb;
      if (back.grad(0).defined()) {
        Tensor g = drop ? unsqueeze(back.grad(0), -1) : back.grad(0);
        if (back.needs(0)) ga = pinv_backward(product(g, plain, bm, adjoint), p, am);
        if (back.needs(1)) gb = product(p, adjoint, g, plain);
      }
      if (back.grad(1).defined() && back.grad(1).numel() > 0) {
        // |A X - B|^2: the residual stands on the columns of A.
        Tensor rest = sub(product(am, plain, product(p, plain, bm, plain), plain), bm);
        Tensor scaled = mul(by_columns(rest, back.grad(1)), Scalar(2));
        if (back.needs(0)) ga = sum_of(ga, product(scaled, plain, product(p, plain, bm, plain), adjoint));
        if (back.needs(1)) gb = sum_of(gb, neg(scaled));
      }
      if (ga.defined()) back[0] = ga;
      if (gb.defined()) back[1] = drop ? squeeze(gb, -1) : gb;
    });
  }
  return {x, residuals, rank, values};
}

constexpr uint32_t both = op::function | op::method | op::out;
constexpr uint32_t hidden = op::internal | op::out;
const OpRecord records[] = {
    {"geqrf(Tensor self) -> (Tensor a, Tensor tau)", TL_OP(geqrf), both | op::nondifferentiable,
     "R, and below its diagonal the vectors of the reflections that make Q, with their factors.",
     "randn(3, 3) | randn(2, 4, 3) | randn(0, 3)"},
    {"linalg_qr(Tensor A, str mode='reduced') -> (Tensor Q, Tensor R)", TL_OP(linalg_qr), hidden,
     "A = Q R with orthonormal columns and an upper triangle; all m columns with mode 'complete', R alone with 'r'. "
     "Gradient: Walter and Lehmann, 2010; Liao et al., 2019.",
     "randn(3, 3) | randn(2, 4, 3) | randn(3, 5) | randn(0, 3, 3) | randn(5, 4).t(), 'complete'"},
    {"qr(Tensor self, bool some=True) -> (Tensor Q, Tensor R)", TL_OP(qr), both, "The older form of linalg.qr.",
     "randn(4, 3) | randn(3, 4), False"},
    {"linalg_householder_product(Tensor input, Tensor tau) -> Tensor", TL_OP(householder_product), hidden,
     "The first columns of the product of the reflections I - tau v v^H, v the columns of the lower triangle.",
     "randn(4, 3), randn(3) | randn(2, 3, 3), randn(2, 2) | randn(3, 0), randn(0)"},
    {"orgqr(Tensor self, Tensor input2) -> Tensor", TL_OP(householder_product), both, "linalg.householder_product.",
     "randn(4, 3), randn(3)"},
    {"ormqr(Tensor self, Tensor input2, Tensor input3, bool left=True, bool transpose=False) -> Tensor", TL_OP(ormqr),
     both, "The product of a matrix with the Q of reflections, from either side.",
     "randn(4, 3), randn(3), randn(4, 2) | randn(4, 4), randn(4), randn(2, 4), False, True"},
    {"linalg_lstsq(Tensor self, Tensor b, float? rcond=None, *, str? driver=None) -> (Tensor solution, Tensor "
     "residuals, Tensor rank, Tensor singular_values)",
     TL_OP(lstsq), op::internal,
     "The X of smallest size that minimises |A X - B|, by LAPACK's gelsy (default), gels, gelsd or gelss. Gradient: by "
     "the pseudoinverse (Golub and Pereyra, 1973).",
     "randn(4, 3), randn(4, 2) | randn(2, 3, 4), randn(2, 3, 2), driver='gelsd' | randn(4, 3), randn(4, 2), "
     "driver='gels' | randn(2, 4, 3), randn(2, 4), driver='gelss'"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
