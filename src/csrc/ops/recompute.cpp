#include "ops/recompute.h"

#include "autograd/engine.h"
#include "ops/ops.h"

namespace tl {

std::vector<Tensor> recompute_inputs(Backward& b, std::span<const Tensor> saved) {
  std::vector<Tensor> in(saved.begin(), saved.end());
  for (size_t i = 0; i < in.size(); ++i) {
    if (!in[i].defined() || !b.needs(uint32_t(i))) continue;
    Tensor x = alias(in[i]);
    if (requires_grad(in[i])) {
      record(x, "AliasBackward0", inputs(in[i]), saves(), [](Backward& w) { w[0] = w.grad(); });
    } else {
      set_requires_grad(x, true);
    }
    in[i] = x;
  }
  return in;
}

void recomputed_gradients(Backward& b, std::span<const Tensor> in, std::span<const Tensor> out) {
  std::vector<Edge> roots, leaves;
  std::vector<Tensor> grads;
  std::vector<uint32_t> wanted;
  for (size_t i = 0; i < out.size(); ++i) {
    if (!b.grad(uint32_t(i)).defined() || !out[i].defined() || !requires_grad(out[i])) continue;
    roots.push_back(gradient_edge(out[i]));
    grads.push_back(b.grad(uint32_t(i)));
  }
  for (size_t i = 0; i < in.size(); ++i) {
    if (!in[i].defined() || !b.needs(uint32_t(i))) continue;
    wanted.push_back(uint32_t(i));
    leaves.push_back(gradient_edge(in[i]));
  }
  if (roots.empty() || leaves.empty()) return;
  std::vector<Tensor> captured(leaves.size());
  BackwardOptions options;
  options.keep_graph = options.create_graph = true;
  options.accumulate = false;
  run_backward(roots, grads, leaves, options, captured);
  for (size_t k = 0; k < wanted.size(); ++k) b[wanted[k]] = captured[k];
}

}  // namespace tl
