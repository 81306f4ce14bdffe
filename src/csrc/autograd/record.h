// How an op records itself. Where the gradient is needed (see `needs_grad` in state.h):
//
//   Tensor tanh(const Tensor& x) {
//     Tensor y = …;                                   // forward
//     if (needs_grad(x)) {
//       record(y, "TanhBackward0:result", inputs(x), saves(output(y)), [](Backward& b) {
//         b[0] = mul(b.grad(), 1 - square(b.saved(0)));   // differentiable ops: works at every order
//       });
//     }
//     return y;
//   }
//
// The lambda runs once per backward; it captures plain values only (dims, flags, Dims), never tensors:
// those go through `saves`, which checks versions and frees them. `b.needs(i)` tells whether input i
// wants a gradient; what is left undefined counts as zero.
#pragma once

#include <array>

#include "autograd/state.h"

namespace tl {

struct SaveSpec {
  const Tensor* tensor;
  bool is_output;
  uint16_t output_nr = 0;
};
inline SaveSpec input(const Tensor& t) { return {&t, false}; }
// An output of the op being recorded, and which one it is.
inline SaveSpec output(const Tensor& t, uint16_t nr = 0) { return {&t, true, nr}; }
// Saves `t` only where `condition` holds: what backward will not read is not kept.
inline SaveSpec input_if(bool condition, const Tensor& t) { return {condition ? &t : nullptr, false}; }
inline SaveSpec output_if(bool condition, const Tensor& t) { return {condition ? &t : nullptr, true}; }

template <class... Ts>
std::array<const Tensor*, sizeof...(Ts)> inputs(const Ts&... ts) {
  return {&ts...};
}
inline std::span<const Tensor> inputs(const std::vector<Tensor>& ts) { return {ts.data(), ts.size()}; }
template <class... Ts>
std::array<SaveSpec, sizeof...(Ts)> saves(const Ts&... specs) {
  [[maybe_unused]] auto as_spec = [](const auto& s) -> SaveSpec {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(s)>, SaveSpec>) {
      return s;
    } else {
      return SaveSpec{&s, false};
    }
  };
  return {as_spec(specs)...};
}
struct SaveList {
  std::vector<SaveSpec> specs;
};
inline SaveList saves(std::vector<SaveSpec> specs) { return {std::move(specs)}; }

class Backward {
 public:
  Backward(Node& node, Tensor* grads, Tensor* out, SavedTensor* saved)
      : node_(node), grads_(grads), out_(out), saved_(saved) {}
  // The incoming gradient of output i (undefined where nothing arrived, for multi-output nodes).
  Tensor& grad(uint32_t i = 0) { return grads_[i]; }
  // The same made of zeros where nothing arrived.
  const Tensor& grad_or_zeros(uint32_t i);
  Tensor saved(uint32_t i) const { return saved_[i].unpack(node_); }
  // For backwards that read nothing saved, where PyTorch's do: raises once the graph was freed.
  void require_graph() const {
    if (node_.released) [[unlikely]]
      SavedTensor().unpack(node_);
  }
  bool has_saved(uint32_t i) const {
    require_graph();
    return saved_[i].defined();
  }
  bool needs(uint32_t i) const { return node_.edge_needed(i); }
  // Where input i came from, for a saved value that stands for it in a gradient of the gradient.
  const Edge& edge(uint32_t i) const { return node_.edges[i]; }
  Tensor& operator[](uint32_t i) { return out_[i]; }
  uint32_t num_grads() const { return node_.num_inputs; }
  uint32_t num_outputs() const { return node_.num_edges; }
  const OutputMeta& output_meta(uint32_t i) const { return node_.meta(i); }

 private:
  Node& node_;
  Tensor* grads_;
  Tensor* out_;
  SavedTensor* saved_;
};

namespace detail {

template <size_t NE, size_t NS, class F>
class OpNode final : public Node {
 public:
  OpNode(const char* label, const std::array<const Tensor*, NE>& in, const std::array<SaveSpec, NS>& saves, F&& fn)
      : Node(label), fn_(std::move(fn)) {
    for (size_t i = 0; i < NE; ++i) {
      if (in[i]->defined()) edges_[i] = gradient_edge(*in[i]);
    }
    for (size_t i = 0; i < NS; ++i) {
      if (saves[i].tensor != nullptr && saves[i].tensor->defined()) {
        saved_[i] = SavedTensor(*saves[i].tensor, saves[i].is_output, saves[i].output_nr, *this);
      }
    }
    edges = edges_.data();
    num_edges = uint16_t(NE);
  }
  void apply(Tensor* grads, Tensor* out) override {
    Backward b(*this, grads, out, saved_.data());
    fn_(b);
  }
  std::span<SavedTensor> saved() override { return {saved_.data(), NS}; }

 private:
  std::array<Edge, NE> edges_;
  std::array<SavedTensor, NS> saved_;
  F fn_;
};

template <class F>
class OpListNode final : public Node {
 public:
  OpListNode(const char* label, std::span<const Tensor> in, const SaveList& saves, F&& fn)
      : Node(label), edges_(in.size()), saved_(saves.specs.size()), fn_(std::move(fn)) {
    TL_CHECK(in.size() < 65536, "autograd: an op takes at most 65535 tensors");
    for (size_t i = 0; i < in.size(); ++i) {
      if (in[i].defined()) edges_[i] = gradient_edge(in[i]);
    }
    for (size_t i = 0; i < saved_.size(); ++i) {
      const SaveSpec& s = saves.specs[i];
      if (s.tensor != nullptr && s.tensor->defined())
        saved_[i] = SavedTensor(*s.tensor, s.is_output, s.output_nr, *this);
    }
    edges = edges_.data();
    num_edges = uint16_t(edges_.size());
  }
  void apply(Tensor* grads, Tensor* out) override {
    Backward b(*this, grads, out, saved_.data());
    fn_(b);
  }
  std::span<SavedTensor> saved() override { return {saved_.data(), saved_.size()}; }

 private:
  std::vector<Edge> edges_;
  std::vector<SavedTensor> saved_;
  F fn_;
};

void attach(const Tensor& output, NodePtr node);
void attach(std::span<const Tensor> outputs, NodePtr node);

}  // namespace detail

template <size_t NE, size_t NS, class F>
NodePtr make_node(const char* label, const std::array<const Tensor*, NE>& in, const std::array<SaveSpec, NS>& saves,
                  F&& fn) {
  return NodePtr::adopt(new detail::OpNode<NE, NS, std::decay_t<F>>(label, in, saves, std::forward<F>(fn)));
}
template <class F>
NodePtr make_node(const char* label, std::span<const Tensor> in, const SaveList& saves, F&& fn) {
  return NodePtr::adopt(new detail::OpListNode<std::decay_t<F>>(label, in, saves, std::forward<F>(fn)));
}

// One output; fixed or listed inputs.
template <class In, class Saves, class F>
void record(const Tensor& out, const char* label, const In& in, const Saves& saves, F&& fn) {
  detail::attach(out, make_node(label, in, saves, std::forward<F>(fn)));
}
// Several outputs; those that are not differentiable (integers) or undefined get no history.
template <class In, class Saves, class F>
void record_outputs(std::span<const Tensor> outs, const char* label, const In& in, const Saves& saves, F&& fn) {
  detail::attach(outs, make_node(label, in, saves, std::forward<F>(fn)));
}
// An in-place op on `self`: call after the memory was written; `in` holds self with its old history.
// What `saves` names must not be self's memory unless backward wants the new values (output(self)).
template <class In, class Saves, class F>
void record_inplace(const Tensor& self, const char* label, const In& in, const Saves& saves, F&& fn) {
  version_being_recorded = &self->version();
  NodePtr node;
  try {
    node = make_node(label, in, saves, std::forward<F>(fn));
  } catch (...) {
    version_being_recorded = nullptr;
    throw;
  }
  version_being_recorded = nullptr;
  node->set_meta(0, 1, self);
  rebase_history(self, std::move(node));
}

}  // namespace tl
