// Gradients of gradients of fused ops: the op is computed once more from differentiable ones, and
// the gradient of that is taken with a graph of its own.
#pragma once

#include <span>

#include "autograd/record.h"

namespace tl {

// Inputs whose gradient is wanted (undefined elsewhere: pass the tensor itself to `forward`), each as a
// copy that stands between the recomputation and the history of the input: the gradients end there.
std::vector<Tensor> recompute_inputs(Backward& b, std::span<const Tensor> saved);
// Sets b[i] for the inputs that `recompute_inputs` gave from the recomputed `outputs`, whose gradients are
// b.grad(0), b.grad(1), …
void recomputed_gradients(Backward& b, std::span<const Tensor> inputs, std::span<const Tensor> outputs);

// The whole: forward(inputs) gives the outputs as a vector.
template <class F>
void backward_by_recomputing(Backward& b, std::span<const Tensor> saved, F&& forward) {
  std::vector<Tensor> in = recompute_inputs(b, saved);
  std::vector<Tensor> out = forward(in);
  recomputed_gradients(b, in, out);
}

}  // namespace tl
