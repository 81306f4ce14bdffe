#include "autograd/copy_slices.h"

#include "autograd/state.h"

namespace tl {

namespace {

struct Geometry {
  Dims sizes, strides;
  int64_t offset;
  DType dtype;
  explicit Geometry(const Tensor& t) : sizes(t.sizes()), strides(t.strides()), offset(t->offset), dtype(t.dtype()) {}
};

class CopySlices final : public Node {
 public:
  CopySlices(const Tensor& base, const Tensor& view, NodePtr fn, uint32_t output_nr, uint32_t self_edge)
      : Node("CopySlices"),
        base_(base),
        view_(view),
        fn_(std::move(fn)),
        output_nr_(output_nr),
        self_edge_(self_edge),
        edges_(std::max<size_t>(fn_->num_edges, 1)) {
    for (size_t i = 0; i < edges_.size(); ++i) edges_[i] = i == self_edge ? gradient_edge(base) : fn_->edges[i];
    edges = edges_.data();
    num_edges = uint16_t(edges_.size());
    set_meta(0, 1, base);
  }

  void apply(Tensor* grads, Tensor* out) override {
    TL_CHECK(
        !released,
        "Trying to backward through the graph a second time (or directly access saved tensors after they "
        "have already been freed). Saved intermediate values of the graph are freed when you call .backward() or "
        "autograd.grad(). Specify retain_graph=True if you need to backward through the graph a second time or if you "
        "need to access saved tensors after calling backward. (CopySlices)");
    Tensor result = empty_strided(base_.sizes, base_.strides, grads[0].dtype());
    graph_ops.copy_(result, grads[0]);
    Tensor slice = slice_of(result, view_.sizes, view_.strides, offset_in_base(), view_.dtype);
    std::vector<Tensor> incoming(fn_->num_inputs), fn_out(edges_.size());
    incoming[output_nr_] = graph_ops.clone(slice);
    fn_->apply(incoming.data(), fn_out.data());
    for (size_t i = 0; i < edges_.size(); ++i) {
      if (i != self_edge_) out[i] = std::move(fn_out[i]);
    }
    if (!edge_needed(self_edge_)) return;
    Tensor& below = fn_out[self_edge_];
    graph_ops.copy_(slice, below.defined() ? below : graph_ops.zeros(view_.sizes, view_.dtype));
    out[self_edge_] = std::move(result);
  }

  std::span<SavedTensor> saved() override { return fn_->saved(); }
  void release_saved() override {
    fn_->release_saved();
    released = true;
  }

 private:
  // In elements of the view.
  int64_t offset_in_base() const {
    auto from = int64_t(item_size(base_.dtype)), to = int64_t(item_size(view_.dtype));
    return view_.offset - base_.offset * from / to;
  }
  Geometry base_, view_;
  NodePtr fn_;
  uint32_t output_nr_, self_edge_;
  std::vector<Edge> edges_;
};

}  // namespace

Tensor slice_of(const Tensor& base, IntView sizes, IntView strides, int64_t offset, DType dtype) {
  if (base.dtype() == dtype) return graph_ops.as_strided(base, sizes, strides, offset);
  if (dtype == to_real(base.dtype())) return graph_ops.as_strided(graph_ops.view_as_real(base), sizes, strides, offset);
  TL_CHECK(to_real(dtype) == base.dtype(), "a view of dtype ", dtype_name(dtype), " of a tensor of dtype ",
           dtype_name(base.dtype()), " cannot be written in place under autograd");
  Dims pair_sizes(sizes), pair_strides(strides);
  for (int64_t& s : pair_strides) s *= 2;
  pair_sizes.push_back(2);
  pair_strides.push_back(1);
  return graph_ops.view_as_complex(graph_ops.as_strided(base, pair_sizes, pair_strides, offset * 2));
}

NodePtr make_copy_slices(const Tensor& base, const Tensor& view, NodePtr fn, uint32_t output_nr, uint32_t self_edge) {
  return NodePtr::adopt(new CopySlices(base, view, std::move(fn), output_nr, self_edge));
}
}  // namespace tl
