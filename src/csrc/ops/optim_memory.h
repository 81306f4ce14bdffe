// What the optimizer steps have in common: checks, and parameters with their state as flat memory.
#pragma once

#include <vector>

#include "core/parallel.h"
#include "ops/ops.h"

namespace tl::optim {

// Elements a thread should get: some 50 µs of streaming.
inline constexpr int64_t optim_grain = 1 << 15;

inline DType real_dtype(const Tensor& t) { return to_real(t.dtype()); }
inline int64_t real_count(const Tensor& t) { return is_complex(t.dtype()) ? 2 * t.numel() : t.numel(); }

inline bool same_layout(const Tensor& a, const Tensor& b) {
  return (a.is_contiguous() && b.is_contiguous()) || equal(a.strides(), b.strides());
}
// Steps hold the GIL (or the parameter's own thread): a plain increment, an atomic one is most of
// the cost of a small step.
inline void count_write(const Tensor& t) {
  std::atomic<uint32_t>& version = t->version();
  version.store(version.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}
inline bool same_sizes(const Tensor& a, const Tensor& b) {
  bool same = a.dim() == b.dim();
  for (int64_t d = 0; same && d < a.dim(); ++d) same = a->dims[d] == b->dims[d];
  return same;
}

inline void check_param(const Tensor& param, const char* name) {
  TL_CHECK_TYPE(is_differentiable(param.dtype()), name, ": a parameter must be floating point or complex, got ",
                dtype_name(param.dtype()));
  TL_CHECK(param.is_contiguous() || !has_internal_overlap(param), name, ": a parameter of shape ", Shape{param.sizes()},
           " has elements that share memory; clone it first");
}
inline void check_state(const Tensor& param, const Tensor& state, const char* op, const char* what) {
  TL_CHECK(same_sizes(param, state), op, ": ", what, " has shape ", Shape{state.sizes()},
           " but its parameter has shape ", Shape{param.sizes()});
}

// The tensors of one parameter, in memory that a kernel can walk as one array: their own where it
// is dense and in the parameter's order, a copy otherwise that finish() writes back.
class FlatView {
 public:
  explicit FlatView(const Tensor& param)
      : param_(param), plain_(param.is_contiguous() || is_non_overlapping_and_dense(param)) {}
  void* written(const Tensor* t) { return t != nullptr ? written(*t) : nullptr; }
  void* written(const Tensor& t) {
    count_write(t);
    return fits(t) ? t.bytes() : copy_to_write(t);
  }
  const void* read(const Tensor& t) { return fits(t) ? t.bytes() : copy_to_read(t); }
  void finish() {
    for (auto& [own, copy] : copies_) copy_values(own, copy);
  }

 private:
  bool fits(const Tensor& t) const { return plain_ && t.dtype() == param_.dtype() && same_layout(t, param_); }
  [[gnu::noinline]] void* copy_to_write(const Tensor& t) {
    Tensor copy = copy_of(t);
    copies_.push_back({t, copy});
    return copy.bytes();
  }
  [[gnu::noinline]] const void* copy_to_read(const Tensor& t) {
    kept_ = copy_of(t);
    return kept_.bytes();
  }
  Tensor copy_of(const Tensor& t) const {
    Tensor copy = plain_ ? empty_like(param_) : empty(param_.sizes(), param_.dtype());
    copy_values(copy, t);
    return copy;
  }

  const Tensor& param_;
  bool plain_;
  Tensor kept_;
  std::vector<std::pair<Tensor, Tensor>> copies_;
};

inline double read_step(const Tensor& step) {
  return step.dtype() == DType::Float32 ? double(*step.data<float>()) : item(step).to_double();
}
inline void write_step(const Tensor& step, double value) {
  if (step.dtype() == DType::Float32) {
    *step.data<float>() = float(value);
  } else {
    copy_values(step, scalar_tensor(value, DType::Float64));
  }
  count_write(step);
}

// Long stretches run on several threads and without the GIL, so that the tensors are held
// meanwhile.
template <class F, class... Tensors>
void run_step(int64_t n, F&& f, const Tensors*... tensors) {
  if (n <= optim_grain) {
    f(int64_t(0), n);
    return;
  }
  [[maybe_unused]] Tensor held[] = {tensors != nullptr ? *tensors : Tensor()..., Tensor()};
  BlockingRegion blocking;
  parallel_for(n, optim_grain, std::forward<F>(f));
}

}  // namespace tl::optim
