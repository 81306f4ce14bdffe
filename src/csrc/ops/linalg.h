// Linear algebra over LAPACK: what its files share. Matrices are the last two dims, all dims in front
// are batches. Results are stored by columns, as LAPACK writes them and PyTorch has them.
#pragma once

#include "autograd/record.h"
#include "ops/lapack.h"
#include "ops/matmul.h"
#include "ops/pointwise.h"
#include "ops/view.h"

namespace tl {

// triangle.cpp
Tensor tril(const Tensor& self, int64_t diagonal);
Tensor triu(const Tensor& self, int64_t diagonal);
Tensor diag_embed(const Tensor& self, int64_t offset, int64_t dim1, int64_t dim2);

inline int64_t rows_of(const Tensor& a) { return a->dims[a.dim() - 2]; }
inline int64_t columns_of(const Tensor& a) { return a->dims[a.dim() - 1]; }
// The dims in front of the matrix, and those followed by others.
inline Dims batch_of(const Tensor& a, int64_t matrix_dims = 2) {
  return Dims(a.sizes().first(size_t(a.dim() - matrix_dims)));
}
inline Dims followed_by(Dims sizes, std::initializer_list<int64_t> more) {
  for (int64_t n : more) sizes.push_back(n);
  return sizes;
}
inline int64_t product_of(IntView sizes) {
  int64_t n = 1;
  for (int64_t s : sizes) n *= s;
  return n;
}
// How many matrices there are; also where they are empty.
inline int64_t batch_size(const Tensor& a) { return product_of(batch_of(a)); }

// RuntimeErrors as PyTorch words them.
void check_matrix(const char* name, const Tensor& a);
void check_square(const char* name, const Tensor& a);
void check_linalg_dtype(const char* name, const Tensor& a);  // not an integer, not of low precision
// "(Batch element 3): " where there are batches.
std::string batch_element(const Tensor& infos, int64_t i);
// The first entry that is not 0 of an int32 tensor, as (where, what); what is 0 where there is none.
std::pair<int64_t, int> first_error(const Tensor& infos);

inline Tensor transposed(const Tensor& a) { return transpose(a, -2, -1); }
inline Tensor conj_transposed(const Tensor& a) { return conj(transpose(a, -2, -1)); }
inline Tensor diagonal_of(const Tensor& a) { return diagonal(a, 0, -2, -1); }
inline Tensor as_diagonal(const Tensor& v) { return diag_embed(v, 0, -2, -1); }
inline Tensor by_columns(const Tensor& a, const Tensor& v) { return mul(a, unsqueeze(v, -2)); }  // a diag(v)
inline Tensor by_rows(const Tensor& a, const Tensor& v) { return mul(a, unsqueeze(v, -1)); }     // diag(v) a
inline Tensor sum_of(const Tensor& a, const Tensor& b) { return !a.defined() ? b : !b.defined() ? a : add(a, b); }
inline Tensor columns(const Tensor& a, int64_t start, int64_t n) { return narrow(a, -1, start, n); }
inline Tensor rows(const Tensor& a, int64_t start, int64_t n) { return narrow(a, -2, start, n); }
Tensor identity(IntView sizes, DType dtype);  // matrices with ones on the diagonal
// The imaginary unit times a real tensor, as `dtype`.
Tensor times_i(const Tensor& t, DType dtype);

// A copy stored by columns: LAPACK's own operand; `a` broadcasts to `sizes`. Without history.
Tensor column_major(const Tensor& a, IntView sizes);
inline Tensor column_major(const Tensor& a) { return column_major(a, a.sizes()); }
Tensor empty_column_major(IntView sizes, DType dtype);
// The start of matrix i of a tensor from column_major, or of contiguous vectors of `n`.
inline char* matrix_at(const Tensor& a, int64_t i) {
  return a.bytes() + i * rows_of(a) * columns_of(a) * int64_t(item_size(a.dtype()));
}
inline char* vector_at(const Tensor& v, int64_t i, int64_t n) {
  return v.bytes() + i * n * int64_t(item_size(v.dtype()));
}

// --- differentiable parts (linalg_lu.cpp, linalg_triangular.cpp, …) ----------------------------------

// A X = B, or X A = B; a triangle of A alone is read. Only the first record keeps PyTorch's shape rules.
Tensor solve_triangular(const Tensor& a, const Tensor& b, bool upper, bool left = true, bool unitriangular = false);
Tensor linalg_solve(const Tensor& a, const Tensor& b, bool left);
Tensor linalg_inv(const Tensor& a);
std::tuple<Tensor, Tensor> linalg_inv_ex(const Tensor& a);
// vector_norm.cpp; over the last two dims
Tensor matrix_norm(const Tensor& a, const Scalar& ord);
Tensor matrix_norm(const Tensor& a, const std::string& ord);
// (U, S, Vh) with min(m, n) singular vectors.
std::tuple<Tensor, Tensor, Tensor> svd_thin(const Tensor& a);
Tensor svdvals(const Tensor& a);
std::tuple<Tensor, Tensor> eigh(const Tensor& a, bool upper);
Tensor pinv_backward(const Tensor& grad, const Tensor& pinv, const Tensor& a);
Tensor pinv_of(const Tensor& a, const Tensor& atol, const Tensor& rtol, bool hermitian);

}  // namespace tl
