// Eigenvalues: eig, eigvals, eigh, eigvalsh.
//
// Gradients: M. B. Giles, 2008; C. Boeddeker et al., "On the computation of complex-valued gradients with
// application to statistically optimum beamforming", 2019.
#include <cmath>

#include "ops/linalg.h"
#include "ops/registry.h"

namespace tl {

namespace {

// Eigenvalues of a Hermitian matrix; its vectors come in place of `a`, which is stored by columns.
Tensor eigh_in_place(const Tensor& a, bool upper, bool vectors) {
  const int64_t n = rows_of(a);
  const DType t = a.dtype(), real_t = to_real(t);
  Tensor values = empty(followed_by(batch_of(a), {n}), real_t);
  if (a.numel() == 0) return values;
  const Lapack& call = lapack();
  const char job = vectors ? 'V' : 'N', uplo = upper ? 'U' : 'L';
  for_each_matrix(batch_size(a), (vectors ? 10.0 : 4.0) * double(n) * double(n) * double(n), [&](int64_t i) {
    Workspace work(t), real_work(real_t);
    std::vector<int64_t> integers(1);
    int64_t failed = 0, query = -1, integer_length = -1, real_length = -1;
    auto run = [&](int64_t* length) {
      if (is_complex(t)) {
        call(Routine::syevd, t, &job, &uplo, &n, matrix_at(a, i), &n, vector_at(values, i, n), work.data(), length,
             real_work.data(), &real_length, integers.data(), &integer_length, &failed);
      } else {
        call(Routine::syevd, t, &job, &uplo, &n, matrix_at(a, i), &n, vector_at(values, i, n), work.data(), length,
             integers.data(), &integer_length, &failed);
      }
    };
    run(&query);
    work.grow();
    if (is_complex(t)) {
      real_work.grow();
      real_length = real_work.size;
    }
    integer_length = call.read(integers[0]);
    integers.resize(static_cast<size_t>(integer_length));
    run(&work.size);
    const int64_t info = call.read(failed);
    if (info == 0) return;
    throw LinAlgError("linalg.eigh: " + (a.dim() > 2 ? "(Batch element " + std::to_string(i) + "): " : std::string()) +
                      "The algorithm failed to converge because the input matrix is ill-conditioned or has too many "
                      "repeated eigenvalues (error code: " +
                      std::to_string(info) + ").");
  });
  return values;
}

bool is_upper(const std::string& uplo) {
  TL_CHECK(uplo.size() == 1 && (uplo[0] == 'U' || uplo[0] == 'u' || uplo[0] == 'L' || uplo[0] == 'l'),
           "Expected UPLO argument to be 'L' or 'U', but got ", uplo);
  return uplo[0] == 'U' || uplo[0] == 'u';
}

// For V^H A V = diag(L): gA = V (diag(gL) + (V^H gV) / (l_j - l_i)) V^H
Tensor eigh_backward(const Tensor& gl, const Tensor& gv, const Tensor& l, const Tensor& v) {
  if (!gv.defined()) {
    if (!gl.defined()) return Tensor();
    return product(by_columns(v, gl), plain, v, adjoint);
  }
  Tensor inner = product(v, adjoint, gv, plain);
  if (is_complex(v.dtype())) {
    NoGradGuard no_grad;
    Tensor phase = select(view_as_real(diagonal_of(inner)), -1, 1);
    const double worst = phase.numel() == 0 ? 0 : item(amax(abs(phase), {}, false)).to_double();
    TL_CHECK(
        worst <= 1e-2,
        "linalg_eigh_backward: The eigenvectors in the complex case are specified up to "
        "multiplication by e^{i phi}. The specified loss function depends on this quantity, so it is ill-defined.");
  }
  Tensor differences = sub(unsqueeze(l, -2), unsqueeze(l, -1));
  differences = add(differences, identity(differences.sizes(), differences.dtype()));
  inner = div(sub(inner, as_diagonal(diagonal_of(inner))), differences);
  if (gl.defined()) inner = add(inner, as_diagonal(is_complex(v.dtype()) ? to_dtype(gl, v.dtype()) : gl));
  return product(product(v, plain, inner, plain), plain, v, adjoint);
}

std::tuple<Tensor, Tensor> eigh_as(const char* name, const Tensor& a, bool upper, bool vectors) {
  check_square(name, a);
  check_linalg_dtype(name, a);
  const bool recorded = needs_grad(a);
  Tensor v = column_major(a), l = eigh_in_place(v, upper, vectors || recorded);
  if (recorded) {
    const Tensor outs[] = {l, v};
    record_outputs(outs, "LinalgEighBackward0:eigenvalues,eigenvectors", inputs(a), saves(output(l, 0), output(v, 1)),
                   [](Backward& b) {
                     Tensor g = eigh_backward(b.grad(0), b.grad(1), b.saved(0), b.saved(1));
                     if (g.defined()) b[0] = g;
                   });
  }
  return {l, v};
}
std::tuple<Tensor, Tensor> linalg_eigh(const Tensor& a, std::string uplo) {
  return eigh_as("linalg.eigh", a, is_upper(uplo), true);
}
Tensor eigvalsh(const Tensor& a, std::string uplo) {
  return std::get<0>(eigh_as("linalg.eigvalsh", a, is_upper(uplo), false));
}

// --- any square matrix -------------------------------------------------------------------------------

// Complex eigenvalues and vectors from LAPACK's real ones: pairs of columns are real and imaginary parts.
template <class T>
void combine(const T* re, const T* im, const T* packed, std::complex<T>* values, std::complex<T>* vectors, int64_t n) {
  for (int64_t j = 0; j < n; ++j) values[j] = {re[j], im[j]};
  if (vectors == nullptr) return;
  for (int64_t j = 0; j < n; ++j) {
    if (im[j] == 0 || j + 1 == n) {
      for (int64_t r = 0; r < n; ++r) vectors[j * n + r] = packed[j * n + r];
      continue;
    }
    for (int64_t r = 0; r < n; ++r) {
      const T x = packed[j * n + r], y = packed[(j + 1) * n + r];
      vectors[j * n + r] = {x, y};
      vectors[(j + 1) * n + r] = {x, -y};
    }
    ++j;
  }
}

void decompose(const Tensor& a, const Tensor& values, const Tensor& vectors) {
  const int64_t n = rows_of(a), one = 1;
  if (a.numel() == 0) return;
  const Lapack& call = lapack();
  const DType t = a.dtype(), real_t = to_real(t);
  const bool wanted = vectors.defined(), cplx = is_complex(t);
  const char none = 'N', right = wanted ? 'V' : 'N';
  for_each_matrix(batch_size(a), 25.0 * double(n) * double(n) * double(n), [&](int64_t i) {
    Workspace work(t), parts(real_t), packed(t), unused(t);
    int64_t failed = 0;
    parts.reserve(2 * n);
    char* re = static_cast<char*>(parts.data());
    char* im = re + n * int64_t(item_size(real_t));
    if (!cplx && wanted) packed.reserve(n * n);
    void* v = !wanted ? unused.data() : cplx ? static_cast<void*>(matrix_at(vectors, i)) : packed.data();
    const int64_t* ldv = wanted ? &n : &one;
    auto run = [&](int64_t* length) {
      if (cplx) {
        call(Routine::geev, t, &none, &right, &n, matrix_at(a, i), &n, vector_at(values, i, n), unused.data(), &one, v,
             ldv, work.data(), length, parts.data(), &failed);
      } else {
        call(Routine::geev, t, &none, &right, &n, matrix_at(a, i), &n, re, im, unused.data(), &one, v, ldv, work.data(),
             length, &failed);
      }
    };
    run(&work.query);
    work.grow();
    run(&work.size);
    const int64_t info = call.read(failed);
    if (info > 0) {
      throw LinAlgError("linalg.eig: " + (a.dim() > 2 ? "(Batch element " + std::to_string(i) + "): " : std::string()) +
                        "The algorithm failed to converge because the input matrix is ill-conditioned or has too many "
                        "repeated eigenvalues (error code: " +
                        std::to_string(info) + ").");
    }
    if (cplx) return;
    auto finish = [&](auto tag) {
      using T = typename decltype(tag)::type;
      combine(reinterpret_cast<T*>(re), reinterpret_cast<T*>(im), static_cast<T*>(packed.data()),
              values.data<std::complex<T>>() + i * n, wanted ? vectors.data<std::complex<T>>() + i * n * n : nullptr,
              n);
    };
    if (t == DType::Float64) {
      finish(TypeTag<double>{});
    } else {
      finish(TypeTag<float>{});
    }
  });
}

// gA = V^-H (diag(gL) + (V^H gV - V^H V diag(Re(V^H gV))) / conj(l_j - l_i)) V^H
Tensor eig_backward(const Tensor& gl, const Tensor& gv, const Tensor& l, const Tensor& v, DType dtype) {
  if (!gl.defined() && !gv.defined()) return Tensor();
  Tensor inner;
  if (gv.defined()) {
    Tensor vgv = product(v, adjoint, gv, plain);
    Tensor d = diagonal_of(vgv);
    {
      NoGradGuard no_grad;
      Tensor phase = select(view_as_real(d), -1, 1);
      const double worst = phase.numel() == 0 ? 0 : item(amax(abs(phase), {}, false)).to_double();
      TL_CHECK(
          worst <= 1e-2,
          "linalg_eig_backward: The eigenvectors in the complex case are specified up to "
          "multiplication by e^{i phi}. The specified loss function depends on this quantity, so it is ill-defined.");
    }
    inner = sub(vgv, by_columns(product(v, adjoint, v, plain), to_dtype(real(d), v.dtype())));
    Tensor differences = conj(sub(unsqueeze(l, -2), unsqueeze(l, -1)));
    differences = add(differences, identity(differences.sizes(), differences.dtype()));
    inner = div(inner, differences);
    inner = sub(inner, as_diagonal(diagonal_of(inner)));
  }
  if (gl.defined()) inner = sum_of(inner, as_diagonal(gl));
  Tensor ga = linalg_solve(conj_transposed(v), product(inner, plain, v, adjoint), true);
  return is_complex(dtype) ? ga : real(ga);
}

std::tuple<Tensor, Tensor> eig_as(const char* name, const Tensor& a, bool wanted) {
  check_square(name, a);
  check_linalg_dtype(name, a);
  const DType t = to_complex(a.dtype());
  const bool recorded = needs_grad(a);
  Tensor work = column_major(a);
  {
    NoGradGuard no_grad;
    const bool finite =
        work.numel() == 0 || item(sum(to_dtype(logical_not(isfinite(work)), DType::Int64))).to_int() == 0;
    TL_CHECK(finite, "torch.linalg.eig: input tensor should not contain infs or NaNs.");
  }
  Tensor l = empty(followed_by(batch_of(a), {rows_of(a)}), t);
  Tensor v = wanted || recorded ? empty_column_major(a.sizes(), t) : Tensor();
  decompose(work, l, v);
  if (recorded) {
    const Tensor outs[] = {l, v};
    record_outputs(outs, "LinalgEigBackward0:eigenvalues,eigenvectors", inputs(a), saves(output(l, 0), output(v, 1)),
                   [dtype = a.dtype()](Backward& b) {
                     Tensor g = eig_backward(b.grad(0), b.grad(1), b.saved(0), b.saved(1), dtype);
                     if (g.defined()) b[0] = g;
                   });
  }
  return {l, v};
}
std::tuple<Tensor, Tensor> eig(const Tensor& a) { return eig_as("linalg.eig", a, true); }
Tensor eigvals(const Tensor& a) { return std::get<0>(eig_as("linalg.eigvals", a, false)); }

constexpr uint32_t hidden = op::internal | op::out;
const OpRecord records[] = {
    {"linalg_eigh(Tensor A, str UPLO='L') -> (Tensor eigenvalues, Tensor eigenvectors)", TL_OP(linalg_eigh), hidden,
     "The ascending eigenvalues and the orthonormal eigenvectors of a Hermitian matrix, one triangle of which is read. "
     "Gradient: Giles, 2008; it needs distinct eigenvalues.",
     "tensor([[3.0, 1.0], [1.0, 2.0]]) | randn(2, 4, 4) | randn(3, 3).t(), 'U' | randn(0, 3, 3)"},
    {"linalg_eigvalsh(Tensor A, str UPLO='L') -> Tensor", TL_OP(eigvalsh), hidden,
     "The ascending eigenvalues of a Hermitian matrix, one triangle of which is read.",
     "tensor([[3.0, 1.0], [1.0, 2.0]]) | randn(2, 4, 4) | randn(3, 3).t(), 'U' | randn(0, 3, 3)"},
    {"linalg_eig(Tensor A) -> (Tensor eigenvalues, Tensor eigenvectors)", TL_OP(eig), hidden,
     "The complex eigenvalues and eigenvectors (columns of length one) of a square matrix. Gradient: Boeddeker et al., "
     "2019.",
     "randn(3, 3) | randn(2, 4, 4).transpose(1, 2) | randn(0, 3, 3)"},
    {"linalg_eigvals(Tensor A) -> Tensor", TL_OP(eigvals), hidden, "The complex eigenvalues of a square matrix.",
     "randn(3, 3) | randn(2, 4, 4).transpose(1, 2) | randn(0, 3, 3)"},
};
const RegisterOps registered(records);

}  // namespace

std::tuple<Tensor, Tensor> eigh(const Tensor& a, bool upper) { return eigh_as("linalg.eigh", a, upper, true); }

}  // namespace tl
