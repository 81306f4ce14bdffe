#include "autograd/engine.h"

#include <algorithm>
#include <chrono>
#include <unordered_map>

#include "autograd/accumulate.h"
#include "autograd/locks.h"
#include "core/inline_vector.h"

namespace tl {

void (*report_anomaly)(Node& node) = nullptr;
std::atomic<int> unlocked_backwards{0};
TL_THREAD_LOCAL GraphTask* selective_task = nullptr;

namespace {

TL_THREAD_LOCAL GraphTask* running_task = nullptr;
TL_THREAD_LOCAL Node* running_node = nullptr;
std::atomic<uint64_t> next_id{1};

// The clock is read once in so many nodes, and the interpreter's lock let go of after that long:
// a shorter backward would lose more by waiting for the lock than other threads win.
constexpr uint32_t nodes_between_looks = 256;
constexpr auto long_backward = std::chrono::milliseconds(2);

// What goes into or comes out of a node.
using Values = InlineArray<Tensor, 4>;

}  // namespace

// One call of run_backward. It holds the nodes it reaches by their `task`; the roots keep them alive.
// A nested backward, or one on another thread, that reaches held nodes keeps its state in `side_`.
class GraphTask {
 public:
  GraphTask(bool selective, const BackwardOptions& options, std::span<Tensor> captured)
      : options_(options),
        selective_(selective),
        captured_(captured),
        outer_(running_task),
        outer_node_(running_node),
        outer_selective_(selective_task) {
    id_ = outer_ != nullptr ? outer_->id_ : next_id.fetch_add(1, std::memory_order_relaxed);
    running_task = this;
    selective_task = selective_ ? this : nullptr;
  }

  ~GraphTask() {
    lock_interpreter();
    for (Node* n : visited_) {
      n->buffer0.reset();
      for (uint32_t i = 1; i < n->num_inputs && n->more_buffers != nullptr; ++i) n->more_buffers[i - 1].reset();
      n->task.store(nullptr, std::memory_order_release);
    }
    selective_task = outer_selective_;
    running_node = outer_node_;
    running_task = outer_;
  }

  void visit(std::span<const Edge> roots, std::span<const Edge> inputs) {
    if (!selective_) {
      for (const Edge& e : roots) visit(e.node.get());
      return;
    }
    // What the caller asked for is marked first; the walk then carries it upwards.
    for (size_t i = 0; i < inputs.size(); ++i) mark_wanted(inputs[i], i);
    for (const Edge& e : roots) visit_selective(e.node.get());
  }

  void run(std::span<const Edge> roots, std::span<Tensor> grads) {
    for (size_t i = 0; i < roots.size(); ++i) add_gradient(roots[i], std::move(grads[i]), nullptr, i);
    for (const Edge& e : roots) {
      Node* n = e.node.get();
      ExecState& s = state(n);
      if (s.dependencies != 0 || !s.needed) continue;
      s.dependencies = -1;  // once, where it is a root twice
      push(n);
    }
    while (!ready_.empty()) {
      if (++steps_ % nodes_between_looks == 0) [[unlikely]]
        look_around();
      if (unlocked_.load(std::memory_order_relaxed) && met_.load(std::memory_order_relaxed)) lock_interpreter();
      Node* n = pop();
      running_node = n;
      try {
        execute(n);
      } catch (...) {
        lock_interpreter();
        if (grad_state.anomaly && report_anomaly != nullptr) report_anomaly(*n);
        throw;
      }
    }
    lock_interpreter();
  }

  std::vector<std::function<void()>>& callbacks() { return callbacks_; }
  uint64_t id() const { return id_; }

  bool has(const Node& node) const {
    return node.task.load(std::memory_order_relaxed) == this || find_side(&node) != nullptr;
  }
  bool wants(const Node& node) const {
    if (node.task.load(std::memory_order_relaxed) == this) return node.exec.needed;
    const Side* s = find_side(&node);
    return s == nullptr || s->exec.needed;
  }

  // --- the interpreter's lock: see locks.h -------------------------------------------------------

  // Takes the lock back, if it was let go of; true then.
  bool lock_interpreter() {
    if (!unlocked_.load(std::memory_order_relaxed)) return false;
    end_blocking(gil_);
    unlocked_.store(false, std::memory_order_relaxed);
    unlocked_backwards.fetch_sub(1, std::memory_order_relaxed);
    return true;
  }
  // Lets go of it, unless a backward on another thread has met one of our nodes.
  void unlock_interpreter() {
    if (begin_blocking == nullptr || side_ != nullptr || met_.load(std::memory_order_relaxed)) return;
    // Said while the lock is still held: others look at it with the lock.
    unlocked_backwards.fetch_add(1, std::memory_order_relaxed);
    unlocked_.store(true, std::memory_order_relaxed);
    if ((gil_ = begin_blocking()) != nullptr) return;
    unlocked_.store(false, std::memory_order_relaxed);
    unlocked_backwards.fetch_sub(1, std::memory_order_relaxed);
  }

 private:
  struct Side {
    ExecState exec;
    std::vector<Tensor> buffers;
  };
  struct Capture {
    uint32_t input_nr;
    uint32_t slot;
    uint32_t next;  // 1 + the next place for the same node
  };

  Side* find_side(const Node* n) const {
    if (side_ == nullptr) return nullptr;
    auto it = side_->find(n);
    return it == side_->end() ? nullptr : &it->second;
  }
  bool mine(const Node* n) const { return n->task.load(std::memory_order_relaxed) == this; }
  ExecState& state(Node* n) { return mine(n) ? n->exec : find_side(n)->exec; }
  Tensor& buffer(Node* n, uint32_t i) {
    if (!mine(n)) [[unlikely]]
      return find_side(n)->buffers[i];
    return i == 0 ? n->buffer0 : n->more_buffers[i - 1];
  }

  // --- the walk ----------------------------------------------------------------------------------

  // Takes hold of `n`: its state, and whether it was reached for the first time.
  std::pair<ExecState*, bool> reach(Node* n) {
    GraphTask* holder = n->task.load(std::memory_order_acquire);
    if (holder == this) return {&n->exec, false};
    // Its holder may have ended since it was put aside.
    if (holder != nullptr || find_side(n) != nullptr) [[unlikely]]
      return reach_shared(n, holder);
    n->task.store(this, std::memory_order_relaxed);
    n->exec = ExecState{};
    visited_.push_back(n);
    return {&n->exec, true};
  }
  std::pair<ExecState*, bool> reach_shared(Node* n, GraphTask* holder) {
    if (side_ == nullptr) side_ = std::make_unique<std::unordered_map<const Node*, Side>>();
    auto [it, fresh] = side_->try_emplace(n);
    if (!fresh) return {&it->second.exec, false};
    it->second.buffers.resize(n->num_inputs);
    if (!n->is_accumulate) {
      // Two backwards run one node: both must hold the interpreter's lock from now on.
      holder->met_.store(true, std::memory_order_relaxed);
      while (holder->unlocked_.load(std::memory_order_relaxed)) {
        {
          BlockingRegion unlocked;
          std::this_thread::sleep_for(std::chrono::microseconds(20));
        }
        if ((holder = n->task.load(std::memory_order_acquire)) == nullptr) break;
        holder->met_.store(true, std::memory_order_relaxed);
      }
    }
    return {&it->second.exec, true};
  }

  // Reaches everything below `root` and counts dependencies.
  void visit(Node* root) {
    if (!reach(root).second) return;
    walk_.push_back({root, 0});
    while (!walk_.empty()) {
      Node* n = walk_.back().node;
      walk_.pop_back();
      for (uint32_t e = 0; e < n->num_edges; ++e) {
        Node* child = n->edges[e].node.get();
        if (child == nullptr) continue;
        auto [s, fresh] = reach(child);
        ++s->dependencies;
        if (fresh && child->num_edges != 0) walk_.push_back({child, 0});
      }
    }
  }

  void mark_wanted(const Edge& input, size_t slot) {
    Node* n = input.node.get();
    if (n == nullptr) return;
    auto [s, fresh] = reach(n);
    if (fresh) {
      s->needed = true;
      s->runs = false;
      s->dependencies = unvisited;
    }
    if (options_.accumulate) {
      s->runs = true;
      return;
    }
    captures_.push_back({input.input_nr, uint32_t(slot), s->capture});
    s->capture = uint32_t(captures_.size());
  }

  // The same for what leads to a wanted gradient only: depth first, so that a node is known to be
  // needed as its last child is left. Marked nodes wait with `unvisited` added to their count.
  void visit_selective(Node* root) {
    if (!enter(root)) return;
    while (!walk_.empty()) {
      auto& [n, next] = walk_.back();
      if (next < n->num_edges) {
        Node* child = n->edges[next++].node.get();
        if (child == nullptr) continue;
        enter(child);
        ++state(child).dependencies;
        continue;
      }
      ExecState& s = state(n);
      for (uint32_t e = 0; e < n->num_edges && !s.runs; ++e) {
        Node* child = n->edges[e].node.get();
        s.runs = child != nullptr && state(child).needed;
      }
      s.needed = s.needed || s.runs;
      walk_.pop_back();
    }
  }
  bool enter(Node* n) {
    auto [s, fresh] = reach(n);
    if (fresh) {
      s->needed = false;
      s->runs = false;
    } else if (s->dependencies <= unvisited / 2) {
      s->dependencies -= unvisited;
    } else {
      return false;
    }
    walk_.push_back({n, 0});
    return true;
  }

  // --- running -----------------------------------------------------------------------------------

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

  void look_around() {
    auto now = std::chrono::steady_clock::now();
    if (steps_ == nodes_between_looks) {
      start_ = now;
    } else if (!unlocked_.load(std::memory_order_relaxed) && now - start_ > long_backward) {
      unlock_interpreter();
    }
  }

  // Adds `grad` to what the node at `edge` has received, made to fit that output's shape and dtype.
  // `from` (null for the caller) computed it for its input `index`.
  void add_gradient(const Edge& edge, Tensor grad, Node* from, size_t index) {
    if (!grad.defined()) return;
    const OutputMeta& meta = edge.node->meta(edge.input_nr);
    if (grad.dtype() != meta.dtype || !equal(grad.sizes(), meta.sizes())) [[unlikely]] {
      grad = fit(std::move(grad), meta, from, index);
    }
    Tensor& slot = buffer(edge.node.get(), edge.input_nr);
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
  static bool writable(const Tensor& t) { return owns_memory_alone(t) && !requires_grad(t) && t.is_contiguous(); }

  static Tensor fit(Tensor grad, const OutputMeta& meta, Node* from, size_t index) {
    std::string name = from != nullptr ? from->name() : "GraphRoot";
    if (!equal(grad.sizes(), meta.sizes())) {
      IntView have = grad.sizes(), want = meta.sizes();
      bool expandable = have.size() >= want.size();
      for (size_t d = 0; expandable && d < want.size(); ++d) {
        int64_t h = have[have.size() - want.size() + d];
        expandable = want[d] == h || want[d] == 1;
      }
      TL_CHECK(expandable, "Function ", name, " returned an invalid gradient at index ", index, " - got ", Shape{have},
               " but expected shape compatible with ", Shape{want});
      grad = graph_ops.sum_to_size(grad, want);
    }
    if (grad.dtype() == meta.dtype) return grad;
    if (is_complex(grad.dtype()) && !is_complex(meta.dtype)) {
      // The ops leave it to us to drop what a real input has no use for; a user's Function may not.
      TL_CHECK(from != nullptr && !from->runs_without_gradients(), "Function ", name,
               " returned an invalid gradient at index ", index, " - got one of dtype ", dtype_name(grad.dtype()),
               " for a real tensor of dtype ", dtype_name(meta.dtype));
      grad = graph_ops.real(grad);
      if (grad.dtype() == meta.dtype) return grad;
    }
    return graph_ops.to_dtype(grad, meta.dtype);
  }

  void execute(Node* n) {
    uint32_t count = n->num_inputs, edges = n->num_edges;
    Values grads(count);
    for (uint32_t i = 0; i < count; ++i) {
      if (i == 0 || n->more_buffers != nullptr || !mine(n)) grads[i] = std::move(buffer(n, i));
    }
    if (selective_ && !capture(n, grads)) return;
    if (n->is_accumulate) {
      AutogradState* leaf = static_cast<AccumulateGrad*>(n)->variable()->autograd;
      if (n->extras == nullptr && leaf->leaf_hooks.empty()) {
        static_cast<AccumulateGrad*>(n)->AccumulateGrad::apply(grads.data(), nullptr);
        return;
      }
      run_tensor_hooks(n, grads);
    } else if (n->extras != nullptr) [[unlikely]] {
      run_tensor_hooks(n, grads);
    }

    Values out(edges);
    if (n->extras != nullptr) [[unlikely]] {
      apply_with_hooks(n, grads, out);
    } else {
      apply(n, grads, out);
    }
    if (grad_state.anomaly && grad_state.anomaly_check_nan) [[unlikely]]
      check_nan(n, out);
    if (!options_.keep_graph && !n->is_accumulate) n->release_saved();

    for (uint32_t e = 0; e < edges; ++e) {
      const Edge& edge = n->edges[e];
      Node* child = edge.node.get();
      if (child == nullptr) continue;
      ExecState& s = state(child);
      if (s.needed) add_gradient(edge, std::move(out[e]), n, e);
      if (--s.dependencies == 0 && s.needed) push(child);
    }
  }

  static void apply(Node* n, Values& grads, Values& out) {
    bool any = n->runs_without_gradients();
    for (uint32_t i = 0; i < n->num_inputs && !any; ++i) any = grads[i].defined();
    if (any) n->apply(grads.data(), out.data());
  }

  // Hands what arrived to the caller, if it was asked for. Does the node have to run as well? What its
  // hooks make of the gradient is captured only where it does not (as in PyTorch).
  bool capture(Node* n, Values& grads) {
    ExecState s = state(n);
    if (!s.runs) run_tensor_hooks(n, grads);
    for (uint32_t c = s.capture; c != 0; c = captures_[c - 1].next) {
      captured_[captures_[c - 1].slot] = grads[captures_[c - 1].input_nr];
    }
    return s.runs;
  }

  // --- hooks -------------------------------------------------------------------------------------

  void run_tensor_hooks(Node* n, Values& grads) {
    if (n->is_accumulate) {
      AutogradState* leaf = static_cast<AccumulateGrad*>(n)->variable()->autograd;
      if (leaf != nullptr && !leaf->leaf_hooks.empty()) {
        InterpreterSection section;
        auto hooks = leaf->leaf_hooks;
        for (auto& slot : hooks) slot.hook->call(grads[0]);
      }
    }
    if (n->extras == nullptr) return;
    InterpreterSection section;
    auto tensor_hooks = n->extras->tensor_hooks;
    for (auto& slot : tensor_hooks) slot.hook->call(grads[slot.input_nr]);
    auto retain_hooks = n->extras->retain_grad_hooks;
    for (auto& slot : retain_hooks) slot.hook->call(grads[slot.input_nr]);
  }

  void apply_with_hooks(Node* n, Values& grads, Values& out) {
    InterpreterSection section;
    auto pre_hooks = n->extras->pre_hooks;
    for (auto& slot : pre_hooks) slot.hook->call(grads);
    if (n->extras->post_hooks.empty()) return apply(n, grads, out);
    std::vector<Tensor> given(grads.data(), grads.data() + grads.size());
    apply(n, grads, out);
    auto post_hooks = n->extras->post_hooks;
    for (auto& slot : post_hooks) slot.hook->call(out, given);
  }

  void check_nan(Node* n, Values& out) {
    NoGradGuard no_grad;
    for (uint32_t e = 0; e < n->num_edges; ++e) {
      TL_CHECK(!out[e].defined() || !graph_ops.has_nan(out[e]), "Function '", n->name(),
               "' returned nan values in its ", e, "th output.");
    }
  }

  static constexpr int32_t unvisited = -(1 << 30);
  struct Step {
    Node* node;
    uint32_t next;
  };

  const BackwardOptions& options_;
  bool selective_;
  std::span<Tensor> captured_;
  GraphTask* outer_;
  Node* outer_node_;
  GraphTask* outer_selective_;
  uint64_t id_;
  uint32_t steps_ = 0;
  std::chrono::steady_clock::time_point start_;
  std::atomic<bool> unlocked_{false};  // the interpreter's lock is let go of
  void* gil_ = nullptr;                // what begin_blocking gave for it
  std::atomic<bool> met_{false};       // another backward runs some of our nodes too
  InlineVector<Node*, 32> visited_;
  InlineVector<Node*, 16> ready_;
  InlineVector<Step, 16> walk_;
  InlineVector<Capture, 4> captures_;
  std::vector<std::function<void()>> callbacks_;
  std::unique_ptr<std::unordered_map<const Node*, Side>> side_;  // mostly null
  friend class InterpreterSection;
};

void run_backward(std::span<const Edge> roots, std::span<Tensor> grads, std::span<const Edge> inputs,
                  const BackwardOptions& options, std::span<Tensor> captured) {
  if (options.create_graph && options.accumulate) [[unlikely]] {
    static std::atomic<bool> warned{false};
    if (!warned.exchange(true)) {
      warn(
          "Using backward() with create_graph=True will create a reference cycle between the parameter and its "
          "gradient "
          "which can cause a memory leak. We recommend using autograd.grad when creating the graph to avoid this. If "
          "you "
          "have to use this function, make sure to reset the .grad fields of your parameters to None after use to "
          "break "
          "the cycle and avoid the leak.");
    }
  }
  GraphTask task(!inputs.empty(), options, captured);
  task.visit(roots, inputs);
  GradModeGuard mode(options.create_graph);
  task.run(roots, grads);
  // A callback may queue another.
  for (size_t i = 0; i < task.callbacks().size(); ++i) std::function<void()>(task.callbacks()[i])();
}

bool wanted_by_task(const Node& node) { return selective_task->wants(node); }
Node* current_node() { return running_node; }
bool in_backward() { return running_task != nullptr; }
bool will_execute_node(const Node& node) {
  TL_CHECK(running_task != nullptr, "_will_execute_node is for use within backward");
  return running_task->has(node) && running_task->wants(node);
}
uint64_t current_backward_id() { return running_task != nullptr ? running_task->id() : 0; }
void queue_callback(std::function<void()> callback) {
  TL_CHECK(running_task != nullptr, "Final callbacks can only be installed during backward pass.");
  running_task->callbacks().push_back(std::move(callback));
}

InterpreterSection::InterpreterSection() : task_(running_task) {
  if (task_ != nullptr && !task_->lock_interpreter()) task_ = nullptr;
}
InterpreterSection::~InterpreterSection() {
  if (task_ != nullptr) task_->unlock_interpreter();
}

}  // namespace tl
