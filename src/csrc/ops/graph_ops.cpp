// Lends the graph the few ops that it needs itself.
#include <cmath>

#include "autograd/state.h"
#include "core/strided.h"
#include "ops/view.h"

namespace tl {

namespace {

bool has_nan(const Tensor& t) {
  if (!is_differentiable(t.dtype())) return false;
  return dispatch_all(t.dtype(), [&](auto tag) {
    using T = typename decltype(tag)::type;
    bool found = false;
    StridedLoop<1> loop(t.sizes(), {&t});
    // One piece: the flag belongs to this thread.
    loop.run(std::max<int64_t>(1, t.numel()), [&](char* const* p, const int64_t* strides, int64_t n) {
      for (int64_t i = 0; i < n; ++i) {
        T v = *reinterpret_cast<const T*>(p[0] + i * strides[0]);
        if constexpr (std::is_same_v<T, std::complex<float>> || std::is_same_v<T, std::complex<double>>) {
          found = found || std::isnan(v.real()) || std::isnan(v.imag());
        } else {
          found = found || std::isnan(convert<double>(v));
        }
      }
    });
    return found;
  });
}

const struct LendGraphOps {
  LendGraphOps() {
    graph_ops.add = [](const Tensor& a, const Tensor& b) { return add(a, b); };
    graph_ops.add_inplace = [](const Tensor& a, const Tensor& b) { add_(a, b); };
    graph_ops.zeros = zeros;
    graph_ops.ones = ones;
    graph_ops.clone = clone;
    graph_ops.contiguous_clone = [](const Tensor& t) {
      Tensor copy = clone(t);
      return contiguous(copy);
    };
    graph_ops.to_dtype = to_dtype;
    graph_ops.sum_to_size = [](const Tensor& t, IntView sizes) { return sum_to_size(t, sizes); };
    graph_ops.as_strided = [](const Tensor& t, IntView sizes, IntView strides, int64_t offset) {
      return as_strided(t, sizes, strides, offset);
    };
    graph_ops.copy_ = [](const Tensor& dst, const Tensor& src) { copy_(dst, src); };
    graph_ops.has_nan = has_nan;
    graph_ops.real = real;
    graph_ops.view_as_real = view_as_real;
    graph_ops.view_as_complex = view_as_complex;
  }
} lend_graph_ops;

}  // namespace

}  // namespace tl
