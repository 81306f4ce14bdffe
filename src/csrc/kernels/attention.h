// What attention does to tiles of scores between its matrix products, for float32 and float64.
#pragma once

#include "core/dtype.h"
#include "kernels/slot.h"

namespace tl::kernels {

// A tile of scores; rows are `stride` elements apart.
struct ScoreTile {
  void* scores;
  int64_t rows, columns, stride;
  // Added to the scores, or as bytes: false hides a score. Columns are 1 or 0 elements apart. May be null.
  const void* mask;
  int64_t mask_row, mask_column;
  bool mask_is_bool;
  bool causal;  // row r sees the first `seen + r` columns
  int64_t seen;
};
// Masks the scores and replaces them by exp(score - peak), where peaks become the largest so far; adds the
// rows' sums to `sums`, scaled to the new peaks, and leaves the factors of that scaling.
TL_KERNEL_SLOT(attention_softmax, void (*)(DType, const ScoreTile&, void* peaks, void* sums, void* factors));
// The probabilities, exp(score - log of the whole row's sum), for the gradient.
TL_KERNEL_SLOT(attention_probabilities, void (*)(DType, const ScoreTile&, const void* log_sums));
// x[r] *= factors[r]
TL_KERNEL_SLOT(scale_rows, void (*)(DType, void* x, int64_t stride, int64_t rows, int64_t n, const void* factors));
// factors = 1 / sums and log_sums = peaks + log(sums); of rows that see nothing 0 and infinity.
TL_KERNEL_SLOT(attention_finish,
               void (*)(DType, int64_t rows, const void* peaks, const void* sums, void* factors, void* log_sums));
// grad = p * (grad - dots[r]), from the gradients of probabilities to those of scores.
TL_KERNEL_SLOT(attention_grad_scores, void (*)(DType, void* grad, const void* p, int64_t stride, int64_t rows,
                                               int64_t columns, const void* dots));
// dots[r] = the sum of a[r] b[r]
TL_KERNEL_SLOT(dot_rows, void (*)(DType, const void* a, int64_t a_stride, const void* b, int64_t b_stride, int64_t rows,
                                  int64_t n, void* dots));

}  // namespace tl::kernels
