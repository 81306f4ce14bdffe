// Backward: runs the graph from roots to leaves, each node once, by dependency counts.
#pragma once

#include "autograd/state.h"

namespace tl {

struct BackwardOptions {
  bool keep_graph = false;
  bool create_graph = false;
  bool accumulate = true;  // into .grad of leaves; false: return gradients of `inputs`
};

// Runs backward from `roots` with gradients `grads`, which are moved from, on this thread. With
// `inputs`, only what they need is run; unless `accumulate` is set their gradients go to `captured`,
// undefined where there is none.
void run_backward(std::span<const Edge> roots, std::span<Tensor> grads, std::span<const Edge> inputs,
                  const BackwardOptions& options, std::span<Tensor> captured = {});

// Called where a node threw in anomaly mode, while the exception is on its way.
extern void (*report_anomaly)(Node& node);
// The node whose backward runs on this thread now, or null.
Node* current_node();
// Work to do when the backward that runs on this thread now ends.
void queue_callback(std::function<void()> callback);
bool in_backward();
// Is `node` part of the backward that runs on this thread, and not left out for the inputs asked for?
bool will_execute_node(const Node& node);
// Numbers the running backward and those nested in it; 0 outside.
uint64_t current_backward_id();

// A backward that takes long lets go of the interpreter's lock (see parallel.h) for other threads to
// run. Whatever calls Python from within one does it under this guard.
class InterpreterSection {
 public:
  InterpreterSection();
  ~InterpreterSection();
  InterpreterSection(const InterpreterSection&) = delete;

 private:
  GraphTask* task_;
};

}  // namespace tl
