// Triangles and diagonals: tril, triu, their indices, diag, diag_embed, diagflat.
#include <algorithm>
#include <cstring>

#include "autograd/record.h"
#include "core/parallel.h"
#include "ops/index_plan.h"
#include "ops/linalg.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

namespace {

// Keeps the elements on and below (lower) or on and above diagonal `k` of each matrix.
Tensor triangle(const Tensor& self, int64_t k, bool lower) {
  const char* name = lower ? "tril" : "triu";
  TL_CHECK(self.dim() >= 2, name, ": input tensor must have at least 2 dimensions, got shape ", Shape{self.sizes()});
  Tensor source = dense_values(self, self.sizes(), self.dtype());
  Tensor out = empty(self.sizes(), self.dtype());
  int64_t rows = self.sizes()[size_t(self.dim() - 2)], columns = self.sizes().back();
  size_t width = item_size(self.dtype());
  int64_t all_rows = columns == 0 ? 0 : self.numel() / columns;
  size_t row_bytes = size_t(columns) * width;
  parallel_for(all_rows, std::max<int64_t>(1, int64_t((size_t(1) << 19) / (row_bytes + 1))), [&](int64_t b, int64_t e) {
    for (int64_t i = b; i < e; ++i) {
      // The diagonal crosses this row at column i + k.
      int64_t at = i % rows;
      int64_t cut = k > columns ? columns
                    : k < -rows ? 0
                                : std::min(std::max<int64_t>(at + k + (lower ? 1 : 0), 0), columns);
      char* to = out.bytes() + size_t(i) * row_bytes;
      const char* from = source.bytes() + size_t(i) * row_bytes;
      size_t head = size_t(cut) * width;
      if (lower) {
        std::memcpy(to, from, head);
        std::memset(to + head, 0, row_bytes - head);
      } else {
        std::memset(to, 0, head);
        std::memcpy(to + head, from + head, row_bytes - head);
      }
    }
  });
  if (needs_grad(self)) {
    record(out, lower ? "TrilBackward0" : "TriuBackward0", inputs(self), saves(),
           [k, lower](Backward& b) { b[0] = triangle(b.grad(), k, lower); });
  }
  return out;
}

}  // namespace

Tensor tril(const Tensor& self, int64_t diagonal) { return triangle(self, diagonal, true); }
Tensor triu(const Tensor& self, int64_t diagonal) { return triangle(self, diagonal, false); }

namespace {

// How many elements lie on and below a diagonal.
__int128 lower_count(int64_t rows, int64_t columns, int64_t offset) {
  // Rows from `begin` on have some, from `full` on all.
  int64_t begin = std::min(rows, std::max<int64_t>(0, -offset));
  int64_t full = std::clamp<int64_t>(columns - offset - 1, begin, rows);
  __int128 first = begin + offset + 1, ramp = full - begin;
  return ramp * first + ramp * (ramp - 1) / 2 + __int128(rows - full) * columns;
}

Tensor triangle_indices(int64_t rows, int64_t columns, int64_t offset, std::optional<DType> dtype, bool lower) {
  TL_CHECK(rows >= 0, "row must be non-negative, got", rows);
  TL_CHECK(columns >= 0, "col must be non-negative, got", columns);
  constexpr int64_t most = int64_t(1) << 60;
  TL_CHECK(rows < most && columns < most, "Storage size calculation overflowed with ", rows, " rows and ", columns,
           " columns");
  offset = std::clamp(offset, -rows - 1, columns + 1);
  __int128 count =
      lower ? lower_count(rows, columns, offset) : __int128(rows) * columns - lower_count(rows, columns, offset - 1);
  TL_CHECK(count < most, "Storage size calculation overflowed with ", rows, " rows and ", columns, " columns");
  Tensor out = empty(Dims{2, int64_t(count)}, DType::Int64);
  int64_t* row = out.data<int64_t>();
  int64_t* column = row + int64_t(count);
  int64_t* const end = column;
  for (int64_t r = lower ? std::max<int64_t>(0, -offset) : 0; row != end; ++r) {
    int64_t from = lower ? 0 : std::clamp<int64_t>(r + offset, 0, columns);
    int64_t to = lower ? std::clamp<int64_t>(r + offset + 1, 0, columns) : columns;
    for (int64_t c = from; c < to; ++c) {
      *row++ = r;
      *column++ = c;
    }
  }
  return to_dtype(out, dtype.value_or(DType::Int64));
}
Tensor tril_indices(int64_t row, int64_t col, int64_t offset, std::optional<DType> dtype, std::optional<DeviceType>) {
  return triangle_indices(row, col, offset, dtype, true);
}
Tensor triu_indices(int64_t row, int64_t col, int64_t offset, std::optional<DType> dtype, std::optional<DeviceType>) {
  return triangle_indices(row, col, offset, dtype, false);
}

}  // namespace

Tensor diag_embed(const Tensor& self, int64_t offset, int64_t dim1, int64_t dim2) {
  int64_t n = self.dim() + 1;
  int64_t a = wrap_dim(dim1, n), c = wrap_dim(dim2, n);
  TL_CHECK(a != c, "diagonal dimensions cannot be identical ", dim1, ", ", dim2);
  TL_CHECK(self.dim() > 0, "diag_embed(): a tensor with at least one dimension is due");
  int64_t side = self.sizes().back() + std::abs(offset);
  Dims sizes(self.sizes());
  sizes.pop_back();
  sizes.insert(size_t(std::min(a, c)), side);
  sizes.insert(size_t(std::max(a, c)), side);
  Tensor out = zeros(sizes, self.dtype());
  {
    NoGradGuard no_grad;
    copy_values(diagonal(out, offset, a, c), self);
  }
  if (needs_grad(self)) {
    record(out, "DiagEmbedBackward0", inputs(self), saves(),
           [offset, a, c](Backward& b) { b[0] = diagonal(b.grad(), offset, a, c); });
  }
  return out;
}

namespace {

Tensor diag(const Tensor& self, int64_t k) {
  TL_CHECK(self.dim() == 1 || self.dim() == 2, "diag(): Supports 1D or 2D tensors. Got ", self.dim(), "D");
  if (self.dim() == 1) return diag_embed(self, k, 0, 1);
  return clone(diagonal(self, k, 0, 1));
}
Tensor diagflat(const Tensor& self, int64_t offset) { return diag_embed(reshape(self, Dims{-1}), offset, 0, 1); }

constexpr uint32_t both = op::function | op::method | op::out;
const OpRecord records[] = {
    {"tril(Tensor self, int diagonal=0) -> Tensor", TL_OP(tril), both | op::inplace,
     "The elements on and below a diagonal of each matrix, zeros elsewhere.",
     "randn(3, 4) | randn(2, 4, 3), -1 | randn(4, 3).t(), 1 | randn(3, 0) | randn(3, 3), 7"},
    {"triu(Tensor self, int diagonal=0) -> Tensor", TL_OP(triu), both | op::inplace,
     "The elements on and above a diagonal of each matrix, zeros elsewhere.",
     "randn(3, 4) | randn(2, 4, 3), -1 | randn(4, 3).t(), 1 | randn(0, 3) | randn(3, 3), -7"},
    {"tril_indices(int row, int col, int offset=0, *, ScalarType? dtype=None, Device? device=None) -> Tensor",
     TL_OP(tril_indices), op::function | op::nondifferentiable,
     "Row and column numbers of the lower triangle of a row x col matrix, as a tensor of two rows.",
     "3, 4 | 4, 3, -1 | 0, 2"},
    {"triu_indices(int row, int col, int offset=0, *, ScalarType? dtype=None, Device? device=None) -> Tensor",
     TL_OP(triu_indices), op::function | op::nondifferentiable,
     "Row and column numbers of the upper triangle of a row x col matrix, as a tensor of two rows.",
     "3, 4 | 4, 3, 1 | 2, 0"},
    {"diag(Tensor self, int diagonal=0) -> Tensor", TL_OP(diag), both,
     "A vector as the diagonal of a square matrix; of a matrix a copy of its diagonal.",
     "randn(3) | randn(3), -1 | randn(3, 4) | randn(3, 4), 2"},
    {"diag_embed(Tensor self, int offset=0, int dim1=-2, int dim2=-1) -> Tensor", TL_OP(diag_embed),
     op::function | op::method, "The last dim as the diagonals of square matrices over two new dims.",
     "randn(2, 3) | randn(2, 3), 1, 0, 2 | randn(3), -1"},
    {"diagflat(Tensor self, int offset=0) -> Tensor", TL_OP(diagflat), op::function | op::method,
     "All elements as the diagonal of a square matrix.", "randn(2, 2) | randn(()) | randn(3), 1"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
