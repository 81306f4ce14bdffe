// Backward: runs the graph from roots to leaves, each node once, by dependency counts.
#pragma once

#include "autograd/state.h"

namespace tl {

struct BackwardOptions {
  bool keep_graph = false;
  bool create_graph = false;
  bool accumulate = true;  // into .grad of leaves; false: return gradients of `inputs`
};

// Runs backward from `roots` with gradients `grads`. With `inputs`, only what they need is run; their
// gradients are returned in order (undefined where unreachable) unless `accumulate` is set.
std::vector<Tensor> run_backward(std::span<const Edge> roots, std::vector<Tensor> grads,
                                 std::span<const Edge> inputs, const BackwardOptions& options);

// Called when the node's apply throws in anomaly mode, and where its output has a NaN.
extern void (*report_anomaly)(Node& node);
// The node whose backward runs on this thread now, or null.
Node* current_node();
// Work to do when the outermost backward of this thread ends (Engine.queue_callback).
void queue_callback(std::function<void()> callback);
bool in_backward();
uint64_t current_backward_id();

}  // namespace tl
