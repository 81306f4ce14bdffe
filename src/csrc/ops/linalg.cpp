#include "ops/linalg.h"

namespace tl {

void check_matrix(const char* name, const Tensor& a) {
  TL_CHECK(a.dim() >= 2, name, ": The input tensor A must have at least 2 dimensions.");
}

void check_square(const char* name, const Tensor& a) {
  check_matrix(name, a);
  TL_CHECK(rows_of(a) == columns_of(a), name, ": A must be batches of square matrices, but they are ", rows_of(a),
           " by ", columns_of(a), " matrices");
}

void check_linalg_dtype(const char* name, const Tensor& a) {
  TL_CHECK(is_differentiable(a.dtype()), name, ": Expected a floating point or complex tensor as input. Got ",
           dtype_legacy_name(a.dtype()));
  TL_CHECK(!is_reduced_floating(a.dtype()), name, ": Low precision dtypes not supported. Got ",
           dtype_legacy_name(a.dtype()));
}

std::string batch_element(const Tensor& infos, int64_t i) {
  return infos.dim() > 0 ? "(Batch element " + std::to_string(i) + "): " : std::string();
}

std::pair<int64_t, int> first_error(const Tensor& infos) {
  const int32_t* info = infos.data<int32_t>();
  for (int64_t i = 0; i < infos.numel(); ++i) {
    if (info[i] != 0) return {i, info[i]};
  }
  return {0, 0};
}

Tensor identity(IntView sizes, DType dtype) {
  NoGradGuard no_grad;
  Tensor out = zeros(sizes, dtype);
  if (out.numel() > 0) fill_(diagonal_of(out), 1);
  return out;
}

Tensor times_i(const Tensor& t, DType dtype) { return mul(to_dtype(t, dtype), Scalar(std::complex<double>(0, 1))); }

Tensor empty_column_major(IntView sizes, DType dtype) {
  Dims strides = contiguous_strides(sizes);
  const size_t n = sizes.size();
  strides[n - 2] = 1;
  strides[n - 1] = std::max<int64_t>(sizes[n - 2], 1);
  return empty_strided(sizes, strides, dtype);
}

Tensor column_major(const Tensor& a, IntView sizes) {
  Tensor out = empty_column_major(sizes, a.dtype());
  copy_values(out, a);
  return out;
}

}  // namespace tl
