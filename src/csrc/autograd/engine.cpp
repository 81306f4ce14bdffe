#include "autograd/engine.h"

#include <algorithm>
#include <unordered_map>

#include "autograd/accumulate.h"

namespace tl {

void (*report_anomaly)(Node& node) = nullptr;

namespace {

TL_THREAD_LOCAL Node* running_node = nullptr;
TL_THREAD_LOCAL int depth = 0;
TL_THREAD_LOCAL uint64_t running_id = 0;
thread_local std::vector<std::function<void()>> callbacks;
std::atomic<uint64_t> next_id{1};

struct Capture {
  Node* node;
  uint32_t input_nr;
  size_t slot;
};

// The execution state of a node that another running backward has claimed.
struct SideState {
  int32_t dependencies = 0;
  bool needed = true;
  std::vector<Tensor> buffers;
};

}  // namespace

// One call of run_backward. Nodes are claimed by a compare-and-swap, so concurrent and nested
// backwards over shared nodes keep apart: whoever comes second keeps its state in `side`.
class GraphTask {
 public:
  GraphTask(std::span<const Edge> roots, std::span<const Edge> inputs, const BackwardOptions& options)
      : options_(options), captured_(options.accumulate ? 0 : inputs.size()) {
    for (const Edge& e : roots) {
      if (e.node) visit(e.node.get());
    }
    if (!inputs.empty()) mark_needed(inputs);
  }

  ~GraphTask() {
    for (Node* n : visited_) {
      if (n->task.load(std::memory_order_relaxed) != this) continue;
      n->buffer0.reset();
      for (uint32_t i = 1; i < n->num_inputs && n->more_buffers != nullptr; ++i) n->more_buffers[i - 1].reset();
      n->dependencies = 0;
      n->needed = true;
      n->task.store(nullptr, std::memory_order_release);
    }
    for (Node* n : visited_) Node::release(n);
  }

  void seed(const Edge& root, Tensor grad) {
    if (!root.node) return;
    add_gradient(root.node.get(), root.input_nr, std::move(grad));
  }

  void run(std::span<const Edge> roots) {
    for (const Edge& e : roots) {
      Node* n = e.node.get();
      if (n != nullptr && dependencies(n) == 0 && needed(n) && std::find(ready_.begin(), ready_.end(), n) == ready_.end()) {
        push(n);
      }
    }
    Node* outer = running_node;
    while (!ready_.empty()) {
      Node* n = pop();
      running_node = n;
      try {
        execute(n);
      } catch (...) {
        if (grad_state.anomaly && report_anomaly != nullptr) report_anomaly(*n);
        running_node = outer;
        throw;
      }
    }
    running_node = outer;
  }

  std::vector<Tensor> take_captured() { return std::move(captured_); }

 private:
  bool mine(Node* n) const { return n->task.load(std::memory_order_relaxed) == this; }
  SideState& side(Node* n) { return side_[n]; }
  int32_t& dependencies(Node* n) { return mine(n) ? n->dependencies : side(n).dependencies; }
  bool& needed(Node* n) { return mine(n) ? n->needed : side(n).needed; }
  Tensor& buffer(Node* n, uint32_t i) {
    if (mine(n)) {
      if (i == 0) return n->buffer0;
      return n->more_buffers[i - 1];
    }
    auto& buffers = side(n).buffers;
    if (buffers.size() < n->num_inputs) buffers.resize(n->num_inputs);
    return buffers[i];
  }

  // Claims `n` at its first visit (true) and everything below it, counting dependencies.
  bool claim(Node* n) {
    GraphTask* owner = nullptr;
    if (n->task.compare_exchange_strong(owner, this, std::memory_order_acq_rel)) {
      n->dependencies = 0;
      n->needed = true;
    } else {
      if (owner == this || side_.count(n) != 0) return false;
      side_.emplace(n, SideState{});
    }
    n->refs.retain();
    visited_.push_back(n);
    return true;
  }
  void visit(Node* root) {
    if (!claim(root)) return;
    for (size_t i = visited_.size() - 1; i < visited_.size(); ++i) {
      Node* n = visited_[i];
      for (uint32_t e = 0; e < n->num_edges; ++e) {
        Node* child = n->edges[e].node.get();
        if (child == nullptr) continue;
        claim(child);
        ++dependencies(child);
      }
    }
  }

  // Only nodes with a path to an input run. Parents have larger sequence numbers than their children
  // (leaves aside), but hand-made nodes need not: so a depth-first walk, without recursion.
  void mark_needed(std::span<const Edge> inputs) {
    for (Node* n : visited_) needed(n) = false;
    std::unordered_map<Node*, bool> target;
    for (size_t i = 0; i < inputs.size(); ++i) {
      Node* n = inputs[i].node.get();
      if (n == nullptr) continue;
      target[n] = true;
      if (!options_.accumulate) {
        captures_.push_back({n, inputs[i].input_nr, i});
      } else if (n->is_accumulate) {
        run_leaves_.push_back(n);
      }
    }
    // Post-order: 1 = entered, 2 = done.
    std::unordered_map<Node*, uint8_t> state;
    state.reserve(visited_.size());
    std::vector<std::pair<Node*, uint32_t>> stack;
    for (Node* start : visited_) {
      if (state[start] != 0) continue;
      stack.push_back({start, 0});
      state[start] = 1;
      while (!stack.empty()) {
        auto& [n, next] = stack.back();
        if (next < n->num_edges) {
          Node* child = n->edges[next++].node.get();
          if (child != nullptr && state[child] == 0) {
            state[child] = 1;
            stack.push_back({child, 0});
          }
          continue;
        }
        bool is_needed = target.count(n) != 0;
        for (uint32_t e = 0; e < n->num_edges && !is_needed; ++e) {
          Node* child = n->edges[e].node.get();
          is_needed = child != nullptr && needed(child);
        }
        needed(n) = is_needed;
        state[n] = 2;
        stack.pop_back();
      }
    }
    selective_ = true;
  }

  static bool before(const Node* a, const Node* b) { return a->sequence_nr < b->sequence_nr; }
  void push(Node* n) {
    ready_.push_back(n);
    if (ready_.size() > 1) std::push_heap(ready_.begin(), ready_.end(), before);
  }
  Node* pop() {
    if (ready_.size() > 1) std::pop_heap(ready_.begin(), ready_.end(), before);
    Node* n = ready_.back();
    ready_.pop_back();
    return n;
  }

  // Adds `grad` to what `n` has received for its input `i`, made to fit that output's shape and dtype.
  void add_gradient(Node* n, uint32_t i, Tensor grad) {
    if (!grad.defined()) return;
    const OutputMeta& meta = n->meta(i);
    if (grad.dtype() != meta.dtype || !equal(grad.sizes(), meta.sizes())) [[unlikely]] {
      grad = fit(std::move(grad), meta, n);
    }
    Tensor& slot = buffer(n, i);
    if (!slot.defined()) {
      slot = std::move(grad);
    } else if (!grad_state.grad_enabled && writable(slot)) {
      graph_ops.add_inplace(slot, grad);
    } else if (!grad_state.grad_enabled && writable(grad)) {
      graph_ops.add_inplace(grad, slot);
      slot = std::move(grad);
    } else {
      slot = graph_ops.add(slot, grad);
    }
  }
  static bool writable(const Tensor& t) {
    return t.use_count() == 1 && t->view_base == nullptr && t->grad_fn == nullptr &&
           t->storage->refs.count() == (t->host != nullptr ? 2u : 1u) && t.is_contiguous() && t->python == nullptr;
  }
  static Tensor fit(Tensor grad, const OutputMeta& meta, Node* n) {
    if (!equal(grad.sizes(), meta.sizes())) {
      bool expandable = grad.sizes().size() >= meta.sizes().size();
      size_t shift = grad.sizes().size() - meta.sizes().size();
      for (size_t d = 0; expandable && d < meta.sizes().size(); ++d) {
        expandable = meta.sizes()[d] == grad.sizes()[shift + d] || meta.sizes()[d] == 1;
      }
      TL_CHECK(expandable, "Function ", running_node != nullptr ? running_node->name() : n->name(),
               " returned an invalid gradient: got ", Shape{grad.sizes()}, " but expected shape compatible with ",
               Shape{meta.sizes()});
      grad = graph_ops.sum_to_size(grad, meta.sizes());
    }
    if (grad.dtype() != meta.dtype) grad = graph_ops.to_dtype(grad, meta.dtype);
    return grad;
  }

  void execute(Node* n) {
    uint32_t count = n->num_inputs;
    Tensor inline_grads[4];
    std::vector<Tensor> heap_grads(count > 4 ? count : 0);
    Tensor* grads = count > 4 ? heap_grads.data() : inline_grads;
    for (uint32_t i = 0; i < count; ++i) {
      if (i == 0 || !mine(n) || n->more_buffers != nullptr) grads[i] = std::move(buffer(n, i));
    }
    run_tensor_hooks(n, grads);

    bool runs = true;
    if (selective_) {
      bool captured = false;
      for (const Capture& c : captures_) {
        if (c.node != n) continue;
        captured_[c.slot] = grads[c.input_nr];
        captured = true;
      }
      runs = !n->is_accumulate ? any_edge_needed(n)
                               : !captured && std::find(run_leaves_.begin(), run_leaves_.end(), n) != run_leaves_.end();
      if (options_.accumulate && !n->is_accumulate && !any_edge_needed(n)) runs = false;
    }
    if (!runs) return;

    uint32_t edges = n->num_edges;
    Tensor inline_out[4];
    std::vector<Tensor> heap_out(edges > 4 ? edges : 0);
    Tensor* out = edges > 4 ? heap_out.data() : inline_out;
    bool any = n->is_python();
    for (uint32_t i = 0; i < count && !any; ++i) any = grads[i].defined();
    if (n->extras != nullptr) [[unlikely]] {
      run_with_hooks(n, grads, out, any);
    } else if (any) {
      n->apply(grads, out);
    }
    if (grad_state.anomaly && grad_state.anomaly_check_nan) [[unlikely]] check_nan(n, out);
    if (!options_.keep_graph) n->release_saved();

    for (uint32_t e = 0; e < edges; ++e) {
      Node* child = n->edges[e].node.get();
      if (child == nullptr) continue;
      if (needed(child)) add_gradient(child, n->edges[e].input_nr, std::move(out[e]));
      if (--dependencies(child) == 0 && needed(child)) push(child);
    }
  }
  bool any_edge_needed(Node* n) {
    for (uint32_t e = 0; e < n->num_edges; ++e) {
      Node* child = n->edges[e].node.get();
      if (child != nullptr && needed(child)) return true;
    }
    return false;
  }

  void run_tensor_hooks(Node* n, Tensor* grads) {
    if (n->is_accumulate) {
      AutogradState* state = static_cast<AccumulateGrad*>(n)->variable()->autograd;
      if (state != nullptr && !state->leaf_hooks.empty() && grads[0].defined()) {
        auto hooks = state->leaf_hooks;
        for (auto& slot : hooks) slot.hook->call(grads[0]);
      }
    }
    if (n->extras == nullptr) return;
    if (!n->extras->tensor_hooks.empty()) {
      auto hooks = n->extras->tensor_hooks;
      for (auto& slot : hooks) {
        if (grads[slot.input_nr].defined()) slot.hook->call(grads[slot.input_nr]);
      }
    }
    if (!n->extras->retain_grad_hooks.empty()) {
      auto hooks = n->extras->retain_grad_hooks;
      for (auto& slot : hooks) slot.hook->call(grads[slot.input_nr]);
    }
  }
  void run_with_hooks(Node* n, Tensor* grads, Tensor* out, bool any) {
    uint32_t count = n->num_inputs;
    if (!n->extras->pre_hooks.empty()) {
      auto hooks = n->extras->pre_hooks;
      for (auto& slot : hooks) slot.hook->call({grads, count});
    }
    if (n->extras->post_hooks.empty()) {
      if (any) n->apply(grads, out);
      return;
    }
    std::vector<Tensor> given(grads, grads + count);
    if (any) n->apply(grads, out);
    auto hooks = n->extras->post_hooks;
    for (auto& slot : hooks) slot.hook->call({out, n->num_edges}, {given.data(), count});
  }
  void check_nan(Node* n, Tensor* out) {
    for (uint32_t e = 0; e < n->num_edges; ++e) {
      if (!out[e].defined() || !n->edge_needed(e)) continue;
      NoGradGuard no_grad;
      TL_CHECK(!graph_ops.has_nan(out[e]), "Function '", n->name(), "' returned nan values in its ", e, "th output.");
    }
  }

  const BackwardOptions& options_;
  bool selective_ = false;
  std::vector<Node*> visited_;
  std::vector<Node*> ready_;
  std::vector<Capture> captures_;
  std::vector<Node*> run_leaves_;
  std::vector<Tensor> captured_;
  std::unordered_map<Node*, SideState> side_;
};

std::vector<Tensor> run_backward(std::span<const Edge> roots, std::vector<Tensor> grads, std::span<const Edge> inputs,
                                 const BackwardOptions& options) {
  GradModeGuard mode(options.create_graph);
  struct Depth {
    uint64_t outer_id = running_id;
    Depth() {
      if (depth++ == 0) running_id = next_id.fetch_add(1, std::memory_order_relaxed);
    }
    ~Depth() {
      --depth;
      running_id = outer_id;
      if (depth == 0) callbacks.clear();
    }
  } level;
  std::vector<Tensor> result;
  {
    GraphTask task(roots, inputs, options);
    for (size_t i = 0; i < roots.size(); ++i) task.seed(roots[i], std::move(grads[i]));
    task.run(roots);
    result = task.take_captured();
  }
  if (depth == 1) {
    while (!callbacks.empty()) {
      auto batch = std::move(callbacks);
      callbacks.clear();
      for (auto& f : batch) f();
    }
  }
  return result;
}

Node* current_node() { return running_node; }
void queue_callback(std::function<void()> callback) { callbacks.push_back(std::move(callback)); }
bool in_backward() { return depth > 0; }
uint64_t current_backward_id() { return running_id; }

}  // namespace tl
