// LU factors and what is computed with them: lu, lu_factor, lu_solve, solve, inv, det, slogdet, logdet.
//
// Gradients: M. B. Giles, "An extended collection of matrix derivative results for forward and reverse
// mode algorithmic differentiation", 2008; of the factors: F. R. de Hoog, R. S. Anderssen, M. A. Lukas,
// "Differentiation of matrix functionals using triangular factorization", 2011.
#include <cmath>

#include "ops/linalg.h"
#include "ops/registry.h"

namespace tl {

namespace {

// Up to this size the elimination below costs less than the call of a library.
constexpr int64_t small = 4;

template <class T>
auto size_of(T v) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::fabs(v);
  } else {
    return std::fabs(v.real()) + std::fabs(v.imag());
  }
}

// Gauss's elimination with the largest pivot of each column, in place, by columns; returns the number
// of the first zero on U's diagonal, from 1, or 0.
template <class T>
int32_t small_lu(T* a, int64_t n, int32_t* pivots) {
  int32_t info = 0;
  for (int64_t k = 0; k < n; ++k) {
    int64_t p = k;
    for (int64_t r = k + 1; r < n; ++r) {
      if (size_of(a[k * n + r]) > size_of(a[k * n + p])) p = r;
    }
    pivots[k] = int32_t(p + 1);
    if (a[k * n + p] == T(0)) {
      if (info == 0) info = int32_t(k + 1);
      continue;
    }
    if (p != k) {
      for (int64_t c = 0; c < n; ++c) std::swap(a[c * n + k], a[c * n + p]);
    }
    for (int64_t r = k + 1; r < n; ++r) {
      const T factor = a[k * n + r] /= a[k * n + k];
      for (int64_t c = k + 1; c < n; ++c) a[c * n + r] -= factor * a[c * n + k];
    }
  }
  return info;
}

template <class T>
void small_solve(const T* lu, int64_t n, const int32_t* pivots, T* b, int64_t columns) {
  for (int64_t c = 0; c < columns; ++c, b += n) {
    for (int64_t k = 0; k < n; ++k) std::swap(b[k], b[pivots[k] - 1]);
    for (int64_t k = 0; k < n; ++k) {
      for (int64_t r = k + 1; r < n; ++r) b[r] -= lu[k * n + r] * b[k];
    }
    for (int64_t k = n - 1; k >= 0; --k) {
      b[k] /= lu[k * n + k];
      for (int64_t r = 0; r < k; ++r) b[r] -= lu[k * n + r] * b[k];
    }
  }
}

struct Factors {
  Tensor lu, pivots, info;  // column-major; int32
};

Factors factor(const Tensor& a, IntView sizes) {
  Factors f;
  f.lu = column_major(a, sizes);
  const int64_t m = rows_of(f.lu), n = columns_of(f.lu), k = std::min(m, n);
  Dims batch = batch_of(f.lu);
  f.pivots = empty(followed_by(batch, {k}), DType::Int32);
  f.info = zeros(batch, DType::Int32);
  if (f.lu.numel() == 0) return f;
  const DType t = a.dtype();
  int32_t *pivots = f.pivots.data<int32_t>(), *info = f.info.data<int32_t>();
  if (m == n && n <= small) {
    dispatch_lapack(t, [&](auto tag) {
      using T = typename decltype(tag)::type;
      for_each_matrix(product_of(batch), double(n * n * n),
                      [&](int64_t i) { info[i] = small_lu(f.lu.data<T>() + i * n * n, n, pivots + i * n); });
    });
    return f;
  }
  const Lapack& call = lapack();
  for_each_matrix(product_of(batch), double(m) * double(n) * double(k), [&](int64_t i) {
    std::vector<int64_t> p(static_cast<size_t>(k));
    int64_t failed = 0;
    call(Routine::getrf, t, &m, &n, matrix_at(f.lu, i), &m, p.data(), &failed);
    for (int64_t j = 0; j < k; ++j) pivots[i * k + j] = int32_t(call.read(p.data(), j));
    info[i] = int32_t(call.read(failed));
  });
  return f;
}

// op(A) X = B with the factors of A, for B by columns with A's batches: 'N', 'T' or 'C'.
void solve_with(const Factors& f, const Tensor& b, char op) {
  const int64_t n = rows_of(f.lu), columns = columns_of(b);
  if (b.numel() == 0) return;
  const DType t = b.dtype();
  const int32_t* pivots = f.pivots.data<int32_t>();
  if (n <= small && op == 'N') {
    dispatch_lapack(t, [&](auto tag) {
      using T = typename decltype(tag)::type;
      for_each_matrix(batch_size(b), double(n * n * columns), [&](int64_t i) {
        small_solve(f.lu.data<T>() + i * n * n, n, pivots + i * n, b.data<T>() + i * n * columns, columns);
      });
    });
    return;
  }
  const Lapack& call = lapack();
  for_each_matrix(batch_size(b), double(n) * double(n) * double(columns), [&](int64_t i) {
    std::vector<int64_t> p(static_cast<size_t>(n));
    for (int64_t j = 0; j < n; ++j) call.write(p.data(), j, pivots[i * n + j]);
    int64_t failed = 0;
    call(Routine::getrs, t, &op, &n, &columns, matrix_at(f.lu, i), &n, p.data(), matrix_at(b, i), &n, &failed);
  });
}

// The factors with their batches repeated to those of `batch`, in memory as solve_with reads it.
Factors repeated(const Tensor& lu, const Tensor& pivots, IntView batch) {
  const int64_t n = rows_of(lu);
  Factors f;
  Dims sizes = followed_by(Dims(batch), {n, columns_of(lu)});
  f.lu = column_major(lu, sizes);
  f.pivots = empty(followed_by(Dims(batch), {pivots.sizes().back()}), DType::Int32);
  copy_values(f.pivots, pivots);
  return f;
}

// P with A = P L U.
Tensor permutation_matrix(const Tensor& pivots, int64_t m, DType dtype) {
  const int64_t k = pivots.sizes().back();
  Tensor index = empty(followed_by(batch_of(pivots, 1), {1, m}), DType::Int64);
  Tensor dense = contiguous(pivots);
  const int64_t batch = product_of(batch_of(pivots, 1));
  for (int64_t i = 0; i < batch; ++i) {
    int64_t* order = index.data<int64_t>() + i * m;
    for (int64_t r = 0; r < m; ++r) order[r] = r;
    for (int64_t r = 0; r < k; ++r) {
      const int64_t p = dense.data<int32_t>()[i * k + r] - 1;
      TL_CHECK(p >= 0 && p < m, "lu_unpack: LU_pivots must be between 1 and LU.size(-2) = ", m, ", but got ", p + 1);
      std::swap(order[r], order[p]);
    }
  }
  NoGradGuard no_grad;
  Tensor out = zeros(followed_by(batch_of(pivots, 1), {m, m}), dtype);
  // Row order[r] of the result has its one in column r.
  return m == 0 || batch == 0 ? out : scatter_add(out, -2, index, ones(index.sizes(), dtype));
}

// The gradient of A = P L U from those of L and U.
Tensor lu_backward(const Tensor& gl, const Tensor& gu, const Tensor& p, const Tensor& l, const Tensor& u) {
  const int64_t m = rows_of(l), n = columns_of(u), k = columns_of(l);
  if (!gl.defined() && !gu.defined()) return Tensor();
  auto square = [](const Tensor& gl_, const Tensor& gu_, const Tensor& l_, const Tensor& u_) {
    Tensor inner;
    if (gl_.defined()) inner = tril(product(l_, adjoint, gl_, plain), -1);
    if (gu_.defined()) inner = sum_of(inner, triu(product(gu_, plain, u_, adjoint), 0));
    inner = solve_triangular(conj_transposed(l_), inner, true, true, true);
    return solve_triangular(conj_transposed(u_), inner, false, false);
  };
  Tensor ga;
  if (m == n) {
    ga = square(gl, gu, l, u);
  } else if (m < n) {
    Tensor u1 = columns(u, 0, k), u2 = columns(u, k, n - k), gu1, g2, gl1 = gl;
    if (gu.defined()) {
      gu1 = columns(gu, 0, k);
      g2 = solve_triangular(conj_transposed(l), columns(gu, k, n - k), true, true, true);
      gl1 = sum_of(gl, neg(product(g2, plain, u2, adjoint)));
    } else {
      g2 = zeros(u2.sizes(), u2.dtype());
    }
    ga = cat({square(gl1, gu1, l, u1), g2}, -1);
  } else {
    Tensor l1 = rows(l, 0, k), l2 = rows(l, k, m - k), gl1, g2, gu1 = gu;
    if (gl.defined()) {
      gl1 = rows(gl, 0, k);
      g2 = solve_triangular(conj_transposed(u), rows(gl, k, m - k), false, false);
      gu1 = sum_of(gu, neg(product(l2, adjoint, g2, plain)));
    } else {
      g2 = zeros(l2.sizes(), l2.dtype());
    }
    ga = cat({square(gl1, gu1, l1, u), g2}, -2);
  }
  return product(p, plain, ga, plain);
}

Tensor lower_of(const Tensor& lu, int64_t k) {
  Tensor l = tril(columns(lu, 0, k), -1);
  return add(l, identity(l.sizes(), l.dtype()));
}
Tensor upper_of(const Tensor& lu, int64_t k) { return triu(rows(lu, 0, k), 0); }

void check_pivoting(const char* name, bool pivot) {
  TL_CHECK(pivot, name, ": LU without pivoting is not implemented on the CPU");
}

std::tuple<Tensor, Tensor, Tensor> lu_factor_as(const char* name, const Tensor& a, bool pivot, bool check_errors) {
  check_matrix(name, a);
  check_linalg_dtype(name, a);
  check_pivoting(name, pivot);
  Factors f = factor(a, a.sizes());
  if (check_errors) {
    auto [at, what] = first_error(f.info);
    TL_CHECK(what == 0, "torch.linalg.lu_factor: ", batch_element(f.info, at), "U[", what, ",", what,
             "] is zero and using it on lu_solve would result in a division by zero. If you still want to perform the "
             "factorization, consider calling linalg.lu(A, pivot) or linalg.lu_factor_ex(A, pivot)");
  }
  if (needs_grad(a)) {
    record(f.lu, "LinalgLuFactorExBackward0:LU,pivots", inputs(a), saves(output(f.lu), f.pivots), [](Backward& b) {
      Tensor lu = b.saved(0);
      const int64_t m = rows_of(lu), n = columns_of(lu), k = std::min(m, n);
      Tensor l = lower_of(lu, k), u = upper_of(lu, k);
      b[0] = lu_backward(tril(columns(b.grad(), 0, k), -1), triu(rows(b.grad(), 0, k), 0),
                         permutation_matrix(b.saved(1), m, lu.dtype()), l, u);
    });
  }
  return {f.lu, f.pivots, f.info};
}
std::tuple<Tensor, Tensor, Tensor> lu_factor_ex(const Tensor& a, bool pivot, bool check_errors) {
  return lu_factor_as("linalg.lu_factor_ex", a, pivot, check_errors);
}
std::tuple<Tensor, Tensor> lu_factor(const Tensor& a, bool pivot) {
  auto [lu, pivots, info] = lu_factor_as("linalg.lu_factor", a, pivot, true);
  return {lu, pivots};
}
std::tuple<Tensor, Tensor, Tensor> lu_with_info(const Tensor& a, bool pivot, bool check_errors) {
  return lu_factor_as("linalg.lu_factor", a, pivot, check_errors);
}

std::tuple<Tensor, Tensor, Tensor> lu(const Tensor& a, bool pivot) {
  check_matrix("linalg.lu", a);
  check_linalg_dtype("linalg.lu", a);
  check_pivoting("linalg.lu", pivot);
  Tensor p, l, u;
  {
    NoGradGuard no_grad;
    Factors f = factor(a, a.sizes());
    const int64_t m = rows_of(a), k = std::min(m, columns_of(a));
    p = permutation_matrix(f.pivots, m, a.dtype());
    l = lower_of(f.lu, k);
    u = upper_of(f.lu, k);
  }
  if (needs_grad(a)) {
    const Tensor outs[] = {l, u};
    record_outputs(outs, "LinalgLuBackward0:P,L,U", inputs(a), saves(p, output(l, 0), output(u, 1)),
                   [](Backward& b) { b[0] = lu_backward(b.grad(0), b.grad(1), b.saved(0), b.saved(1), b.saved(2)); });
  }
  return {p, l, u};
}

std::tuple<Tensor, Tensor, Tensor> lu_unpack(const Tensor& lu, const Tensor& pivots, bool data, bool permutation) {
  TL_CHECK(pivots.dtype() == DType::Int32,
           "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype.\nNote: this "
           "function is intended to be used with the output produced by torch.linalg.lu_factor");
  check_matrix("torch.lu_unpack", lu);
  const int64_t m = rows_of(lu), k = std::min(m, columns_of(lu));
  Tensor none = empty(Dims{0}, lu.dtype());
  return {permutation ? permutation_matrix(pivots, m, lu.dtype()) : none, data ? lower_of(lu, k) : none,
          data ? upper_of(lu, k) : none};
}

// --- systems of equations ----------------------------------------------------------------------------

void check_same_dtype(const char* name, const Tensor& a, const Tensor& b) {
  TL_CHECK(a.dtype() == b.dtype(), name, ": Expected A and B to have the same dtype, but found A of type ",
           dtype_legacy_name(a.dtype()), " and B of type ", dtype_legacy_name(b.dtype()), " instead");
}
void check_system(const char* name, const Tensor& a, const Tensor& b, bool left) {
  TL_CHECK(left ? rows_of(a) == rows_of(b) : columns_of(a) == columns_of(b), name,
           ": Incompatible shapes of A and B for the equation ", left ? "AX = B" : "XA = B", " (", rows_of(a), "x",
           columns_of(a), " and ", rows_of(b), "x", columns_of(b), ")");
}
// Is B a vector, or a batch of them?
bool is_vector(const Tensor& a, const Tensor& b) {
  return b.dim() == 1 || (a.dim() - 1 == b.dim() && equal(b.sizes(), a.sizes().first(size_t(a.dim() - 1))));
}

Tensor lu_solve(const Tensor& lu, const Tensor& pivots, const Tensor& b_arg, bool left, bool adjoint_) {
  const char* name = "linalg.lu_solve";
  check_square(name, lu);
  check_linalg_dtype(name, lu);
  check_same_dtype(name, lu, b_arg);
  check_matrix(name, b_arg);
  TL_CHECK(pivots.dtype() == DType::Int32, name, ": pivots should be a Tensor of scalar type torch.int32");
  check_system(name, lu, b_arg, left);
  const int64_t n = rows_of(lu);
  Dims batch = broadcast_shapes(batch_of(lu), batch_of(b_arg));
  Tensor out;
  {
    NoGradGuard no_grad;
    // X A = B is A^T X^T = B^T; X A^H = B the conjugate of A conj(X^T) = conj(B^T).
    Tensor b = left ? b_arg : adjoint_ ? conj_transposed(b_arg) : transposed(b_arg);
    Factors f = repeated(lu, pivots, batch);
    for (int64_t i = 0; i < f.pivots.numel(); ++i) {
      const int32_t p = f.pivots.data<int32_t>()[i];
      TL_CHECK(p >= 1 && p <= n, "Pivots given to lu_solve must all be greater or equal to 1 and at most ", n);
    }
    Tensor x = column_major(b, followed_by(batch, {n, columns_of(b)}));
    solve_with(f, x, left ? (adjoint_ ? 'C' : 'N') : (adjoint_ ? 'N' : 'T'));
    out = left ? x : adjoint_ ? conj_transposed(x) : transposed(x);
  }
  if (needs_grad(lu, b_arg)) {
    if (out.is_view()) out = raw_clone(out);
    record(out, "LinalgLuSolveBackward0:LU,pivots,result", inputs(lu, b_arg), saves(lu, pivots, output(out)),
           [left, adjoint_](Backward& b) {
             Tensor factors = b.saved(0), x = b.saved(2);
             Tensor gb = lu_solve(factors, b.saved(1), b.grad(), left, !adjoint_);
             if (b.needs(1)) b[1] = gb;
             if (!b.needs(0)) return;
             const int64_t side = rows_of(factors);
             Tensor l = lower_of(factors, side), u = upper_of(factors, side);
             Tensor p = permutation_matrix(b.saved(1), side, factors.dtype());
             // The gradient of A = P L U, then of its factors.
             Tensor ga = left ? neg(adjoint_ ? product(x, plain, gb, adjoint) : product(gb, plain, x, adjoint))
                              : neg(adjoint_ ? product(gb, adjoint, x, plain) : product(x, adjoint, gb, plain));
             Tensor pg = product(p, adjoint, ga, plain);
             b[0] = add(tril(product(pg, plain, u, adjoint), -1), triu(product(l, adjoint, pg, plain), 0));
           });
  }
  return out;
}

[[noreturn]] void singular_system(const Tensor& info, int64_t at) {
  throw LinAlgError("torch.linalg.solve: " + batch_element(info, at) +
                    "The solver failed because the input matrix is singular.");
}

std::tuple<Tensor, Tensor> solve_with_info(const char* name, const Tensor& a, const Tensor& b_arg, bool left,
                                           bool check_errors) {
  check_square(name, a);
  TL_CHECK(is_differentiable(a.dtype()), name, ": Expected a floating point or complex tensor as input. Got ",
           dtype_legacy_name(a.dtype()));
  check_same_dtype(name, a, b_arg);
  check_linalg_dtype(name, a);
  TL_CHECK(b_arg.dim() >= 1, name, ": B must be at least 1-d");
  const bool vector = is_vector(a, b_arg);
  TL_CHECK(left || !vector,
           "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False. "
           "In this case linalg.solve is equivalent to B / A.squeeze(-1)");
  Tensor b = vector ? unsqueeze(b_arg, -1) : b_arg;
  check_system(name, a, b, left);
  Dims batch = broadcast_shapes(batch_of(a), batch_of(b));
  Tensor x, info;
  Factors f;
  {
    NoGradGuard no_grad;
    Dims square = followed_by(batch, {rows_of(a), columns_of(a)});
    f = factor(left ? a : transposed(a), square);
    info = f.info;
    if (check_errors) {
      auto [at, what] = first_error(info);
      if (what != 0) singular_system(info, at);
    }
    x = column_major(left ? b : transposed(b), followed_by(batch, {rows_of(a), left ? columns_of(b) : rows_of(b)}));
    solve_with(f, x, 'N');
    if (!left) x = transposed(x);
    if (vector) x = squeeze(x, -1);
  }
  if (needs_grad(a, b_arg)) {
    x = alias(x);
    record(x, "LinalgSolveExBackward0:A,LU,pivots,result", inputs(a, b_arg), saves(a, f.lu, f.pivots, output(x)),
           [left, vector](Backward& back) {
             const bool again = grad_state.grad_enabled;
             Tensor g = vector ? unsqueeze(back.grad(), -1) : back.grad(), gb;
             if (again) {  // with a graph of its own
               gb = linalg_solve(conj_transposed(back.saved(0)), g, left);
             } else {
               Factors factors{back.saved(1), back.saved(2), Tensor()};
               Tensor y = left ? g : transposed(g);
               gb = column_major(y, followed_by(batch_of(factors.lu), {rows_of(y), columns_of(y)}));
               solve_with(factors, gb, 'C');
               if (!left) gb = transposed(gb);
             }
             if (back.needs(0)) {
               Tensor y = vector ? unsqueeze(back.saved(3), -1) : back.saved(3);
               back[0] = neg(left ? product(gb, plain, y, adjoint) : product(y, adjoint, gb, plain));
             }
             if (back.needs(1)) back[1] = vector ? squeeze(gb, -1) : gb;
           });
  }
  return {x, info};
}
std::tuple<Tensor, Tensor> solve_ex(const Tensor& a, const Tensor& b, bool left, bool check_errors) {
  return solve_with_info("linalg.solve", a, b, left, check_errors);
}

// --- the inverse -------------------------------------------------------------------------------------

std::tuple<Tensor, Tensor> invert(const Tensor& a, bool check_errors) {
  check_square("linalg.inv", a);
  check_linalg_dtype("linalg.inv", a);
  const int64_t n = rows_of(a);
  Tensor out, info;
  {
    NoGradGuard no_grad;
    Factors f = factor(a, a.sizes());
    info = f.info;
    auto [at, what] = first_error(info);
    if (check_errors && what != 0) {
      throw LinAlgError("linalg.inv: " + batch_element(info, at) + "The diagonal element " + std::to_string(what) +
                        " is zero, the inversion could not be completed because the input matrix is singular.");
    }
    if (n <= small) {
      out = column_major(identity(a.sizes(), a.dtype()));
      solve_with(f, out, 'N');
    } else if (a.numel() > 0) {
      out = f.lu;
      const Lapack& call = lapack();
      const DType t = a.dtype();
      for_each_matrix(batch_size(a), 2.0 * double(n) * double(n) * double(n), [&](int64_t i) {
        std::vector<int64_t> p(static_cast<size_t>(n));
        for (int64_t j = 0; j < n; ++j) call.write(p.data(), j, f.pivots.data<int32_t>()[i * n + j]);
        Workspace work(t);
        work.reserve(n * 32);
        int64_t failed = 0;
        call(Routine::getri, t, &n, matrix_at(out, i), &n, p.data(), work.data(), &work.size, &failed);
      });
    } else {
      out = f.lu;
    }
  }
  if (needs_grad(a)) {
    record(out, "LinalgInvExBackward0:inverse", inputs(a), saves(output(out)), [](Backward& b) {
      Tensor y = b.saved(0);  // dA = -Y^H G Y^H
      b[0] = neg(product(product(y, adjoint, b.grad(), plain), plain, y, adjoint));
    });
  }
  return {out, info};
}
Tensor inverse(const Tensor& self) { return linalg_inv(self); }

// --- determinants ------------------------------------------------------------------------------------

// det A for every matrix from the factors; where `log` its direction and the logarithm of its size.
void determinant(const Factors& f, const Tensor& det, const Tensor& log) {
  const int64_t n = rows_of(f.lu), batch = batch_size(f.lu);
  dispatch_lapack(f.lu.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    for (int64_t i = 0; i < batch; ++i) {
      const T* lu = f.lu.numel() == 0 ? nullptr : f.lu.data<T>() + i * n * n;
      const int32_t* pivots = n == 0 ? nullptr : f.pivots.data<int32_t>() + i * n;
      T value(1);
      auto sum = std::abs(T(0));
      for (int64_t k = 0; k < n; ++k) {
        T d = lu[k * (n + 1)];
        if (log.defined()) {
          const auto size = std::abs(d);
          sum += std::log(size);
          value *= size == 0 ? T(0) : d / size;
        } else {
          value *= d;
        }
        if (pivots[k] != k + 1) value = -value;
      }
      det.data<T>()[i] = value;
      if (log.defined()) log.data<decltype(sum)>()[i] = sum;
    }
  });
}

bool any_zero(const Tensor& det) {
  NoGradGuard no_grad;
  return item(sum(to_dtype(eq(det, Scalar(0)), DType::Int64))).to_int() != 0;
}

// The gradient of det is the matrix of cofactors: det A^-H, and by singular values where A has no inverse.
Tensor det_backward(const Tensor& grad, const Tensor& det, const Tensor& a) {
  const int64_t n = rows_of(a);
  if (a.numel() == 0) return zeros_like(a);
  if (!any_zero(det)) return mul(unsqueeze(unsqueeze(mul(grad, conj(det)), -1), -1), conj_transposed(linalg_inv(a)));
  auto [u, s, vh] = svd_thin(a);
  // The product of all singular values but one, for each: without division.
  std::vector<Tensor> others;
  for (int64_t i = 0; i < n; ++i) {
    Tensor p = ones_like(select(s, -1, 0));
    for (int64_t j = 0; j < n; ++j) {
      if (j != i) p = mul(p, select(s, -1, j));
    }
    others.push_back(p);
  }
  auto plain_det = [](const Tensor& m) {
    Factors f = factor(m, m.sizes());
    Tensor d = empty(batch_of(m), m.dtype());
    determinant(f, d, Tensor());
    return d;
  };
  Tensor turn;
  {
    NoGradGuard no_grad;
    turn = mul(plain_det(u), plain_det(vh));
  }
  Tensor cofactors = product(by_columns(u, stack(others, -1)), plain, vh, plain);
  return mul(unsqueeze(unsqueeze(mul(grad, conj(turn)), -1), -1), cofactors);
}

Tensor det(const Tensor& a) {
  check_square("linalg.det", a);
  TL_CHECK(is_differentiable(a.dtype()), "linalg.det: Expected a floating point or complex tensor as input. Got ",
           dtype_legacy_name(a.dtype()));
  if (is_reduced_floating(a.dtype())) not_implemented("lu_cpu", a.dtype());
  Tensor out = empty(batch_of(a), a.dtype());
  determinant(factor(a, a.sizes()), out, Tensor());
  if (needs_grad(a)) {
    record(out, "LinalgDetBackward0:A,result", inputs(a), saves(a, output(out)),
           [](Backward& b) { b[0] = det_backward(b.grad(), b.saved(1), b.saved(0)); });
  }
  return out;
}

std::tuple<Tensor, Tensor> slogdet(const Tensor& a) {
  check_square("linalg.slogdet", a);
  check_linalg_dtype("linalg.slogdet", a);
  Tensor sign = empty(batch_of(a), a.dtype()), log = empty(batch_of(a), to_real(a.dtype()));
  determinant(factor(a, a.sizes()), sign, log);
  if (needs_grad(a)) {
    const Tensor outs[] = {sign, log};
    record_outputs(outs, "LinalgSlogdetBackward0:A,sign", inputs(a), saves(a, output(sign)), [](Backward& b) {
      Tensor m = b.saved(0), factor_;
      if (b.grad(1).defined()) factor_ = to_dtype(b.grad(1), m.dtype());
      if (is_complex(m.dtype()) && b.grad(0).defined()) {
        Tensor turned = mul(conj(b.saved(1)), b.grad(0));
        factor_ = sum_of(factor_, times_i(select(view_as_real(turned), -1, 1), m.dtype()));
      }
      if (!factor_.defined()) {
        b[0] = zeros_like(m);
        return;
      }
      Tensor scale = unsqueeze(unsqueeze(factor_, -1), -1);
      b[0] = linalg_solve(conj_transposed(m), mul(scale, identity(m.sizes(), m.dtype())), true);
    });
  }
  return {sign, log};
}

Tensor logdet(const Tensor& a) {
  check_square("logdet", a);
  auto [sign, log] = slogdet(a);
  if (is_complex(a.dtype())) return add(tl::log(sign), log);
  // The logarithm of a negative number.
  return where(eq(sign, Scalar(-1)), wrapped_number(__builtin_nan("")), log);
}

constexpr uint32_t both = op::function | op::method | op::out;
constexpr uint32_t hidden = op::internal | op::out;
const OpRecord records[] = {
    {"linalg_lu_factor_ex(Tensor A, *, bool pivot=True, bool check_errors=False) -> (Tensor LU, Tensor pivots, Tensor "
     "info)",
     TL_OP(lu_factor_ex), hidden,
     "L and U of A = P L U in one matrix, the interchanged rows, and the number of the first zero on U's diagonal.",
     "randn(3, 3) | randn(2, 4, 3) | randn(3, 5) | randn(0, 3, 3) | randn(6, 5).t()"},
    {"linalg_lu_factor(Tensor A, *, bool pivot=True) -> (Tensor LU, Tensor pivots)", TL_OP(lu_factor), hidden,
     "linalg.lu_factor_ex that raises where U has a zero on its diagonal.", "randn(3, 3) | randn(2, 5, 5)"},
    {"_lu_with_info(Tensor self, bool pivot=True, bool check_errors=True) -> (Tensor LU, Tensor pivots, Tensor info)",
     TL_OP(lu_with_info), op::internal, "What torch.lu is made of.", "randn(3, 3)"},
    {"linalg_lu(Tensor A, *, bool pivot=True) -> (Tensor P, Tensor L, Tensor U)", TL_OP(lu), hidden,
     "A = P L U: a permutation, a lower triangle with a diagonal of ones, an upper triangle. Gradient: de Hoog, "
     "Anderssen and Lukas, 2011.",
     "randn(3, 3) | randn(2, 4, 3) | randn(3, 5) | randn(0, 3, 3) | randn(6, 5).t()"},
    {"lu_unpack(Tensor LU_data, Tensor LU_pivots, bool unpack_data=True, bool unpack_pivots=True) -> (Tensor P, Tensor "
     "L, Tensor U)",
     TL_OP(lu_unpack), op::function | op::out, "The three factors from what lu_factor gives.",
     "randn(3, 3), tensor([2, 3, 3], dtype=int32) | randn(2, 3, 4), tensor([[2, 3, 3], [1, 2, 3]], dtype=int32)"},
    {"linalg_lu_solve(Tensor LU, Tensor pivots, Tensor B, *, bool left=True, bool adjoint=False) -> Tensor",
     TL_OP(lu_solve), hidden, "The solution of A X = B (X A = B, A^H X = B …) with the factors of A.",
     "randn(3, 3) + 3 * eye(3, dtype=float64), tensor([2, 3, 3], dtype=int32), randn(3, 2) | "
     "randn(5, 5) + 5 * eye(5, dtype=float64), tensor([2, 3, 3, 5, 5], dtype=int32), randn(2, 5, 5), adjoint=True | "
     "randn(5, 5) + 5 * eye(5, dtype=float64), tensor([2, 3, 3, 5, 5], dtype=int32), randn(2, 5), left=False"},
    {"linalg_solve_ex(Tensor A, Tensor B, *, bool left=True, bool check_errors=False) -> (Tensor result, Tensor info)",
     TL_OP(solve_ex), hidden, "linalg.solve, with a number that is not zero where A is singular.",
     "randn(3, 3), randn(3, 2) | randn(2, 5, 5), randn(2, 5)"},
    {"linalg_solve(Tensor A, Tensor B, *, bool left=True) -> Tensor", TL_OP(linalg_solve), hidden,
     "The X of A X = B, or of X A = B; B may be a vector, and batches broadcast. LinAlgError where A is singular. "
     "Gradient: Giles, 2008.",
     "randn(3, 3), randn(3, 2) | randn(5, 5), randn(5) | randn(2, 5, 5), randn(5, 3) | randn(6, 6).t(), randn(2, 6, "
     "6), left=False | randn(0, 3, 3), randn(0, 3, 2) | randn(2, 2), randn(2, 0)"},
    {"linalg_inv_ex(Tensor A, *, bool check_errors=False) -> (Tensor inverse, Tensor info)", TL_OP(invert), hidden,
     "The inverse, with a number that is not zero where there is none.", "randn(3, 3) | randn(2, 5, 5)"},
    {"linalg_inv(Tensor A) -> Tensor", TL_OP(linalg_inv), hidden,
     "The inverse of a square matrix, or of each of a batch; LinAlgError where one is singular. Gradient: Giles, 2008.",
     "randn(3, 3) | randn(2, 5, 5).transpose(1, 2) | randn(0, 2, 2) | randn(0, 0)"},
    {"inverse(Tensor self) -> Tensor", TL_OP(inverse), both, "linalg.inv.",
     "randn(3, 3) | randn(2, 5, 5).transpose(1, 2) | randn(0, 2, 2) | randn(0, 0)"},
    {"linalg_det(Tensor A) -> Tensor", TL_OP(det), hidden, "The determinant. Gradient: Giles, 2008.",
     "randn(3, 3) | randn(2, 5, 5).transpose(1, 2) | randn(0, 2, 2) | randn(0, 0) | tensor([[1.0, 2.0], [2.0, 4.0]])"},
    {"det(Tensor self) -> Tensor", TL_OP(det), op::function | op::method, "The determinant.", "randn(3, 3)"},
    {"linalg_slogdet(Tensor A) -> (Tensor sign, Tensor logabsdet)", TL_OP(slogdet), hidden,
     "The determinant's sign (direction, for complex numbers) and the logarithm of its absolute value.",
     "randn(3, 3) | randn(2, 5, 5).transpose(1, 2) | randn(0, 2, 2) | randn(0, 0) | randn(3, 3, dtype=complex128)"},
    {"slogdet(Tensor self) -> (Tensor sign, Tensor logabsdet)", TL_OP(slogdet), both, "linalg.slogdet.", "randn(3, 3)"},
    {"logdet(Tensor self) -> Tensor", TL_OP(logdet), op::function | op::method,
     "The logarithm of the determinant; NaN where that is negative.",
     "tensor([[3.0, 1.0], [1.0, 2.0]]) + 0.1 * rand(2, 2) | randn(2, 5, 5) | randn(0, 0)"},
};
const RegisterOps registered(records);

}  // namespace

Tensor linalg_solve(const Tensor& a, const Tensor& b, bool left) {
  return std::get<0>(solve_with_info("linalg.solve", a, b, left, true));
}
Tensor linalg_inv(const Tensor& a) { return std::get<0>(invert(a, true)); }
std::tuple<Tensor, Tensor> linalg_inv_ex(const Tensor& a) { return invert(a, false); }

}  // namespace tl
