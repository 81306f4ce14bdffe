#include "autograd/node.h"

#include <cstring>

#include "autograd/accumulate.h"

namespace tl {

TL_THREAD_LOCAL GradState grad_state{true, false, false, true};
TL_THREAD_LOCAL bool has_default_saved_tensor_hooks = false;
std::shared_ptr<SavedTensorHooks> (*default_saved_tensor_hooks)() = nullptr;
void (*record_anomaly_trace)(Node& node) = nullptr;

namespace {

TL_THREAD_LOCAL uint64_t next_sequence_nr = 0;

// Nodes waiting to be destroyed on this thread. The first release works through the list; those that
// destructors cause only append, so a chain of any length needs no stack.
TL_THREAD_LOCAL Node* doomed = nullptr;
TL_THREAD_LOCAL bool destroying = false;

}  // namespace

Node::Node(const char* label) : Node(label, next_sequence_nr++) {}

Node::Node(const char* label, uint64_t sequence_nr) : sequence_nr(sequence_nr), label(label) {
  if (grad_state.anomaly) [[unlikely]] {
    if (record_anomaly_trace != nullptr) record_anomaly_trace(*this);
  }
}

Node::~Node() {
  delete extras;
  delete[] more_meta;
  delete[] more_buffers;
}

void Node::set_meta(uint32_t i, uint32_t count, const Tensor& output) {
  if (i == 0) {
    // Built in place: this runs once per recorded op.
    meta0.~OutputMeta();
    new (&meta0) OutputMeta(output);
    return;
  }
  if (more_meta == nullptr) more_meta = new OutputMeta[count - 1];
  more_meta[i - 1] = OutputMeta(output);
}

void Node::release_saved() {
  for (SavedTensor& s : saved()) s.reset();
  released = true;
}

std::string Node::name() const {
  const char* colon = std::strchr(label, ':');
  return colon == nullptr ? std::string(label) : std::string(label, size_t(colon - label));
}

void* Node::operator new(size_t size) { return size <= small_limit ? small_alloc(size) : ::operator new(size); }
void Node::operator delete(void* p, size_t size) {
  if (size <= small_limit) {
    small_free(p, size);
  } else {
    ::operator delete(p);
  }
}

void Node::release(Node* node) noexcept {
  if (!(node->is_accumulate ? release_accumulator(node) : node->refs.release())) return;
  // `python` is free now (a grad_fn object would hold a reference): it links the list.
  node->python = doomed;
  doomed = node;
  if (destroying) return;
  destroying = true;
  while (doomed != nullptr) {
    Node* next = doomed;
    doomed = static_cast<Node*>(next->python);
    delete next;
  }
  destroying = false;
}

}  // namespace tl
