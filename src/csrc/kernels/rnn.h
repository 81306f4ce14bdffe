// The pointwise part of a step of a recurrent layer, for rows of float32 or float64.
#pragma once

#include "core/dtype.h"
#include "kernels/slot.h"

namespace tl::kernels {

enum class RnnMode : uint8_t { tanh, relu, lstm, gru };

// Rows r of `n` units each; strides are of rows, in elements, and everything is contiguous in a row.
struct RnnStep {
  RnnMode mode;
  int64_t rows, n;
  // What the input gives to each gate: n, 4n (lstm: i, f, g, o) or 3n (gru: r, z, n) a row. Overwritten
  // with the gates' values.
  void* gates;
  int64_t gates_stride;
  // gru: what the state gives to the gates, 3n a row, and the bias of its last third. Null: zeros.
  const void* from_state;
  const void* state_bias;
  // The step before: the cell (lstm) or the state (gru). Null: zeros.
  const void* previous;
  int64_t previous_stride;
  // lstm: the new cell. gru: kept for the gradient, from_state + state_bias of the last third.
  void* cell;
  int64_t cell_stride;
  void* out;  // the new state
  int64_t out_stride;
};
TL_KERNEL_SLOT(rnn_step, void (*)(DType, const RnnStep&));

// The gradient of the same.
struct RnnStepGrad {
  RnnMode mode;
  int64_t rows, n;
  const void* gates;  // values, as rnn_step left them
  int64_t gates_stride;
  const void* previous;  // as in RnnStep, but zeros must be there
  int64_t previous_stride;
  const void* cell;
  int64_t cell_stride;
  const void* out;  // the state (tanh, relu)
  int64_t out_stride;
  const void* grad_out;  // of the state from outside
  int64_t grad_out_stride;
  // From the steps behind, rows of n: of the state, read, and for gru overwritten with what goes straight to
  // the previous state; of the cell, overwritten with that of the previous cell.
  void* grad_state;
  void* grad_cell;
  void* grad_gates;       // as wide as `gates`
  void* grad_from_state;  // gru: of from_state, 3n a row
};
TL_KERNEL_SLOT(rnn_step_grad, void (*)(DType, const RnnStepGrad&));

// sums[j] = the sum of column j, added up in a fixed order.
TL_KERNEL_SLOT(sum_rows, void (*)(DType, const void* x, int64_t stride, int64_t rows, int64_t n, void* sums));

}  // namespace tl::kernels
