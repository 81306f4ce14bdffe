// The graph: a node per recorded op, edges to the nodes of its inputs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "autograd/grad_mode.h"
#include "core/tensor.h"

namespace tl {

class Node;
class GraphTask;

class NodePtr {
 public:
  NodePtr() = default;
  NodePtr(const NodePtr& o);
  NodePtr(NodePtr&& o) noexcept : p_(std::exchange(o.p_, nullptr)) {}
  NodePtr& operator=(NodePtr o) noexcept {
    std::swap(p_, o.p_);
    return *this;
  }
  ~NodePtr();
  static NodePtr adopt(Node* p) {
    NodePtr out;
    out.p_ = p;
    return out;
  }
  static NodePtr borrow(Node* p);
  Node* get() const { return p_; }
  Node* operator->() const { return p_; }
  Node& operator*() const { return *p_; }
  Node* release() { return std::exchange(p_, nullptr); }
  explicit operator bool() const { return p_ != nullptr; }

 private:
  Node* p_ = nullptr;
};

struct Edge {
  NodePtr node;
  uint32_t input_nr = 0;
};

// What a gradient must look like to be accepted by a node: the forward output's shape and dtype.
class OutputMeta {
 public:
  OutputMeta() = default;
  explicit OutputMeta(const Tensor& t) : dtype(t.dtype()), ndim_(uint8_t(t.dim())) {
    if (ndim_ > inline_dims) heap_ = new int64_t[ndim_];
    for (size_t i = 0; i < ndim_; ++i) mutable_dims()[i] = t->dims[i];
  }
  OutputMeta(OutputMeta&& o) noexcept { steal(o); }
  OutputMeta& operator=(OutputMeta&& o) noexcept {
    if (ndim_ > inline_dims) delete[] heap_;
    steal(o);
    return *this;
  }
  ~OutputMeta() {
    if (ndim_ > inline_dims) delete[] heap_;
  }
  IntView sizes() const { return {ndim_ > inline_dims ? heap_ : inline_, ndim_}; }
  DType dtype = DType::Float32;

 private:
  static constexpr int inline_dims = 4;
  int64_t* mutable_dims() { return ndim_ > inline_dims ? heap_ : inline_; }
  void steal(OutputMeta& o) {
    std::memcpy(static_cast<void*>(this), &o, sizeof *this);
    o.ndim_ = 0;
  }
  uint8_t ndim_ = 0;
  union {
    int64_t inline_[inline_dims];
    int64_t* heap_;
  };
};

// Hooks. Python ones are subclasses in the Python layer, which take the GIL themselves.
struct TensorHook {  // on one input gradient of a node; may replace it
  virtual ~TensorHook() = default;
  virtual void call(Tensor& grad) = 0;
  // The dict of Python hooks behind it, if it is one.
  virtual void* python() { return nullptr; }
};
struct NodePreHook {  // sees all incoming gradients
  virtual ~NodePreHook() = default;
  virtual void call(std::span<Tensor> grads) = 0;
  virtual void* python() { return nullptr; }
};
struct NodePostHook {  // sees what the node computed (may replace it) and what it was given
  virtual ~NodePostHook() = default;
  virtual void call(std::span<Tensor> grad_inputs, std::span<const Tensor> grad_outputs) = 0;
  virtual void* python() { return nullptr; }
};
struct AccumulateHook {  // after a leaf's .grad was updated
  virtual ~AccumulateHook() = default;
  virtual void call(const Tensor& leaf) = 0;
  virtual void* python() { return nullptr; }
};

template <class H>
struct HookSlot {
  uint64_t id;
  uint32_t input_nr;
  std::shared_ptr<H> hook;
};

struct Anomaly;  // where the forward call was made; kept by the Python layer

// Everything that most nodes do not have.
struct NodeExtras {
  std::vector<HookSlot<TensorHook>> tensor_hooks;
  std::vector<HookSlot<TensorHook>> retain_grad_hooks;
  std::vector<HookSlot<NodePreHook>> pre_hooks;
  std::vector<HookSlot<NodePostHook>> post_hooks;
  uint64_t next_hook_id = 1;
  std::shared_ptr<void> python_metadata;  // the `metadata` dict, with the anomaly trace in it
  NodePtr assigned_parent;
};

class SavedTensor;

// What one backward keeps about a node.
struct ExecState {
  int32_t dependencies = 0;  // gradients still to come
  uint32_t capture = 0;      // 1 + the first place in GraphTask::captures_, 0 for none
  // Where only some gradients are wanted: is this node on the way to one, does it have to run itself?
  bool needed = true;
  bool runs = true;
};

// The backward that runs on this thread, if it computes only some gradients; and whether it wants that
// of `node`.
extern TL_THREAD_LOCAL GraphTask* selective_task;
bool wanted_by_task(const Node& node);

class Node {
 public:
  RefCount refs{1};
  uint16_t num_inputs = 1;  // gradients it takes: one per forward output
  uint16_t num_edges = 0;
  bool released = false;  // saved tensors are gone: a second backward is an error
  bool is_accumulate = false;
  uint64_t sequence_nr;
  Edge* edges = nullptr;
  // "TanhBackward0:result": the name, and the names of the saved tensors in order.
  const char* label = "";
  NodeExtras* extras = nullptr;
  void* python = nullptr;  // borrowed: the grad_fn object, while it lives
  OutputMeta meta0;
  OutputMeta* more_meta = nullptr;  // for outputs 1 and up

  // The state of the backward that holds the node, valid while `task` is set; another one that meets
  // it meanwhile keeps its own elsewhere.
  std::atomic<GraphTask*> task{nullptr};
  ExecState exec;
  Tensor buffer0;
  Tensor* more_buffers = nullptr;

  explicit Node(const char* label);
  Node(const char* label, uint64_t sequence_nr);
  Node(const Node&) = delete;
  virtual ~Node();

  // Takes `grads[num_inputs]` (may be undefined; may be moved from) and writes `out[num_edges]`.
  virtual void apply(Tensor* grads, Tensor* out) = 0;
  virtual std::span<SavedTensor> saved() { return {}; }
  virtual void release_saved();
  virtual std::string name() const;
  // Does it run where no gradient arrived at all?
  virtual bool runs_without_gradients() const { return false; }

  const OutputMeta& meta(uint32_t i) const { return i == 0 ? meta0 : more_meta[i - 1]; }
  void set_meta(uint32_t i, uint32_t count, const Tensor& output);
  NodeExtras& get_extras() {
    if (extras == nullptr) extras = new NodeExtras;
    return *extras;
  }
  // Will anybody look at the gradient of input i? Only while the node runs.
  bool edge_needed(uint32_t i) const {
    const Node* next = edges[i].node.get();
    return next != nullptr && (selective_task == nullptr || wanted_by_task(*next));
  }

  static void* operator new(size_t size);
  static void operator delete(void* p, size_t size);
  // Drops a reference; the graph below is taken apart without recursion.
  static void release(Node* node) noexcept;
};

inline NodePtr::NodePtr(const NodePtr& o) : p_(o.p_) {
  if (p_ != nullptr) p_->refs.retain();
}
inline NodePtr::~NodePtr() {
  if (p_ != nullptr) Node::release(p_);
}
inline NodePtr NodePtr::borrow(Node* p) {
  if (p != nullptr) p->refs.retain();
  return adopt(p);
}

// A tensor kept for backward: checks that it has not been written since, and for an output of the
// node itself keeps no reference cycle.
class SavedTensor {
 public:
  SavedTensor() = default;
  SavedTensor(const Tensor& t, bool is_output, uint16_t output_nr, Node& owner);
  SavedTensor(const SavedTensor&) = delete;
  SavedTensor& operator=(SavedTensor&& o) noexcept;
  SavedTensor(SavedTensor&& o) noexcept { *this = std::move(o); }
  ~SavedTensor() { reset(); }

  // The tensor as it was; `owner` is the node that saved it. An output gets its history back where
  // a graph is being recorded, or always with `with_history`.
  Tensor unpack(Node& owner, bool with_history = false) const;
  void reset();
  bool defined() const { return impl_.defined() || packed_ != nullptr; }
  bool has_hooks() const { return packed_ != nullptr; }
  const Tensor& raw() const { return impl_; }
  // saved_tensors_hooks given for this one tensor (grad_fn._raw_saved_x.register_hooks).
  void register_hooks(std::shared_ptr<struct SavedTensorHooks> hooks, Node& owner);

 private:
  void pack(std::shared_ptr<struct SavedTensorHooks> hooks, Node& owner);
  void check_version(Node& owner) const;
  Tensor impl_;
  struct Packed* packed_ = nullptr;  // in place of impl_ where hooks took it
  uint32_t version_ = 0;
  uint16_t output_nr_ = 0;
  bool is_output_ = false;
  bool requires_grad_ = false;
  bool had_history_ = false;  // an input that was computed
};

// A pair of pack/unpack hooks; the Python layer implements it.
struct SavedTensorHooks {
  virtual ~SavedTensorHooks() = default;
  virtual void* pack(const Tensor& t) = 0;
  virtual Tensor unpack(void* packed) = 0;
  virtual void drop(void* packed) = 0;
};
// Returns the hooks in force on this thread, or null (set by the Python layer).
extern std::shared_ptr<SavedTensorHooks> (*default_saved_tensor_hooks)();
extern TL_THREAD_LOCAL bool has_default_saved_tensor_hooks;

// Called at the birth of each node while anomaly mode is on (set by the Python layer).
extern void (*record_anomaly_trace)(Node& node);

}  // namespace tl
