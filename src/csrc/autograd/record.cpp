#include "autograd/record.h"

namespace tl {

const Tensor& Backward::grad_or_zeros(uint32_t i) {
  if (!grads_[i].defined()) {
    const OutputMeta& meta = node_.meta(i);
    grads_[i] = graph_ops.zeros(meta.sizes(), meta.dtype);
  }
  return grads_[i];
}

void detail::attach(const Tensor& output, NodePtr node) {
  node->set_meta(0, 1, output);
  output->grad_fn = node.release();
  output->output_nr = 0;
}

void detail::attach(std::span<const Tensor> outputs, NodePtr node) {
  auto count = uint32_t(outputs.size());
  TL_CHECK(count < 65536, node->name(), ": an op gives at most 65535 differentiable tensors");
  node->num_inputs = uint16_t(count);
  if (count > 1) node->more_buffers = new Tensor[count - 1];
  for (uint32_t i = 0; i < count; ++i) {
    const Tensor& t = outputs[i];
    if (!t.defined()) continue;
    node->set_meta(i, count, t);
    if (is_differentiable(t.dtype())) set_history(t, node, i);
  }
}

}  // namespace tl
