#include "autograd/copy_slices.h"

#include "autograd/state.h"

namespace tl {

namespace {

struct Geometry {
  Dims sizes, strides;
  int64_t offset;
  explicit Geometry(const Tensor& t) : sizes(t.sizes()), strides(t.strides()), offset(t->offset) {}
};

class CopySlices final : public Node {
 public:
  CopySlices(const Tensor& base, const Tensor& view, NodePtr fn)
      : Node("CopySlices"), base_(base), view_(view), fn_(std::move(fn)),
        edges_(fn_->num_edges == 0 ? 1 : fn_->num_edges) {
    edges_[0] = gradient_edge(base);
    for (size_t i = 1; i < edges_.size(); ++i) edges_[i] = fn_->edges[i];
    edges = edges_.data();
    num_edges = uint16_t(edges_.size());
    set_meta(0, 1, base);
  }

  void apply(Tensor* grads, Tensor* out) override {
    TL_CHECK(!released, "Trying to backward through the graph a second time (CopySlices)");
    if (!grads[0].defined()) return;
    Tensor result = empty_strided(base_.sizes, base_.strides, grads[0].dtype());
    graph_ops.copy_(result, grads[0]);
    Tensor slice = graph_ops.as_strided(result, view_.sizes, view_.strides, view_.offset - base_.offset);
    Tensor incoming = graph_ops.clone(slice);
    std::vector<Tensor> fn_out(edges_.size());
    fn_->apply(&incoming, fn_out.data());
    for (size_t i = 1; i < edges_.size(); ++i) out[i] = std::move(fn_out[i]);
    if (!edge_needed(0)) return;
    if (!fn_out[0].defined()) fn_out[0] = graph_ops.zeros(view_.sizes, result.dtype());
    graph_ops.copy_(slice, fn_out[0]);
    out[0] = std::move(result);
  }

  std::span<SavedTensor> saved() override { return fn_->saved(); }
  void release_saved() override {
    fn_->release_saved();
    released = true;
  }

 private:
  Geometry base_, view_;
  NodePtr fn_;
  std::vector<Edge> edges_;
};

}  // namespace

NodePtr make_copy_slices(const Tensor& base, const Tensor& view, NodePtr fn) {
  return NodePtr::adopt(new CopySlices(base, view, std::move(fn)));
}
}  // namespace tl
