// One layer of a recurrent network, in one or both directions, over all steps.
#pragma once

#include <span>
#include <vector>

#include "kernels/rnn.h"
#include "ops/ops.h"

namespace tl {

struct RnnSpec {
  kernels::RnnMode mode;
  bool has_biases = true;
  bool projects = false;  // lstm: the state is the output of a linear map
  bool packed = false;    // the batch gets smaller: `batch_sizes` tells how large it is at each step
  bool cell = false;      // a single step: (batch, …) in and out, and y is the state
  int directions = 1;
  int64_t steps = 1, batch = 1;  // the batch of the first step, the largest
  int64_t rows = 1;              // of all steps
  int64_t input = 1, hidden = 1, output = 1;

  int64_t gates() const { return mode == kernels::RnnMode::lstm ? 4 : mode == kernels::RnnMode::gru ? 3 : 1; }
  size_t params() const { return 2 + (has_biases ? 2 : 0) + (projects ? 1 : 0); }  // of a direction
};

// The rows of a step, and where the state before them is.
struct RnnSteps {
  explicit RnnSteps(const RnnSpec& spec, const Tensor& batch_sizes);
  int64_t count;
  std::vector<int64_t> offsets;  // of each step's rows, and the end
  int64_t offset(int64_t t) const { return offsets[size_t(t)]; }
  int64_t size(int64_t t) const { return t < count ? offset(t + 1) - offset(t) : 0; }

  struct Piece {
    int64_t row, n;    // rows of this step
    int64_t previous;  // the first row of the step before them, or -1: …
    int64_t state;     // … rows of the initial state
  };
  // f(piece) for step t: two pieces where sequences begin (backwards, in a packed batch).
  template <class F>
  void pieces(int64_t t, bool reverse, F&& f) const {
    const int64_t at = offset(t), n = size(t), before = reverse ? t + 1 : t - 1;
    if (before < 0 || before >= count) return f(Piece{at, n, -1, 0});
    const int64_t m = size(before) < n ? size(before) : n;
    f(Piece{at, m, offset(before), 0});
    if (n > m) f(Piece{at + m, n - m, -1, m});
  }
};

struct RnnState {
  Tensor y, h, c;
};
// x: (steps, batch, input), or (rows, input) where packed or a cell. h0, c0: (directions, batch, …), of a cell
// (batch, …), or undefined for zeros. params: per direction w_ih, w_hh, b_ih, b_hh, w_hr as far as there are.
// Gives y (…, directions * output) and the last states; of a cell no h. All in float32 or float64.
RnnState rnn_layer(const RnnSpec& spec, const Tensor& x, const Tensor& h0, const Tensor& c0,
                   std::span<const Tensor> params, const Tensor& batch_sizes);
// The same from differentiable ops, step by step, for gradients of gradients.
RnnState rnn_layer_composed(const RnnSpec& spec, const Tensor& x, const Tensor& h0, const Tensor& c0,
                            std::span<const Tensor> params, const Tensor& batch_sizes);

}  // namespace tl
