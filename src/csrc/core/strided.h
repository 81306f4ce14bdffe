// Walking several tensors of one shape together: dims are ordered for the first operand and merged
// where they are walked alike, and the innermost is handed out as one strided run.
#pragma once

#include <algorithm>
#include <array>

#include "core/parallel.h"
#include "core/tensor.h"

namespace tl {

template <int N>
class StridedLoop {
 public:
  // Operands are broadcast to `shape` (trailing dims align, a size of 1 repeats); an output comes
  // first. The tensors must outlive the loop.
  StridedLoop(IntView shape, const std::array<const Tensor*, N>& operands) {
    int ndim = int(shape.size());
    for (int k = 0; k < N; ++k) data_[k] = operands[k]->bytes();
    bool plain = true;
    for (int k = 0; k < N; ++k) plain = plain && operands[k]->is_contiguous() && equal(operands[k]->sizes(), shape);
    if (plain) {
      ndim_ = 1;
      numel_ = sizes_[0] = operands[0]->numel();
      for (int k = 0; k < N; ++k) strides_[0][k] = int64_t(item_size(operands[k]->dtype()));
      return;
    }
    for (int d = ndim - 1; d >= 0; --d) {  // inner dims first
      int64_t size = shape[size_t(d)];
      numel_ *= size;
      if (size == 1) continue;
      sizes_[ndim_] = size;
      for (int k = 0; k < N; ++k) {
        const Tensor& t = *operands[k];
        int64_t at = d - (ndim - t.dim());
        bool repeats = at < 0 || t->dims[at] == 1;
        strides_[ndim_][k] = repeats ? 0 : t->dims[t.dim() + at] * int64_t(item_size(t.dtype()));
      }
      ++ndim_;
    }
    order();
    merge();
    if (ndim_ == 0) {
      ndim_ = 1;
      sizes_[0] = 1;
      for (int k = 0; k < N; ++k) strides_[0][k] = int64_t(item_size(operands[k]->dtype()));
    }
  }

  int64_t numel() const { return numel_; }
  int ndim() const { return ndim_; }
  int64_t inner_size() const { return sizes_[0]; }
  const std::array<int64_t, N>& inner_strides() const { return strides_[0]; }
  // Of merged dim d, the innermost first; strides in bytes.
  int64_t size(int d) const { return sizes_[d]; }
  const std::array<int64_t, N>& strides(int d) const { return strides_[d]; }
  char* data(int k) const { return data_[size_t(k)]; }

  // f(char* const* data, const int64_t* byte_strides, int64_t n) for every run; pieces of `grain`
  // elements go to different threads.
  template <class F>
  void run(int64_t grain, F&& f) const {
    parallel_for(numel_, grain, [&](int64_t begin, int64_t end) { run_range(begin, end, f); });
  }

 private:
  template <class F>
  void run_range(int64_t begin, int64_t end, F& f) const {
    char* at[N];
    int64_t index[max_dims];
    for (int k = 0; k < N; ++k) at[k] = data_[k];
    int64_t rest = begin;
    for (int d = 0; d < ndim_; ++d) {
      index[d] = rest % sizes_[d];
      rest /= sizes_[d];
      for (int k = 0; k < N; ++k) at[k] += index[d] * strides_[d][k];
    }
    for (int64_t left = end - begin; left > 0;) {
      int64_t n = std::min(left, sizes_[0] - index[0]);
      f(static_cast<char* const*>(at), strides_[0].data(), n);
      left -= n;
      if (left == 0) return;
      for (int k = 0; k < N; ++k) at[k] -= index[0] * strides_[0][k];
      index[0] = 0;
      for (int d = 1; d < ndim_; ++d) {
        for (int k = 0; k < N; ++k) at[k] += strides_[d][k];
        if (++index[d] < sizes_[d]) break;
        for (int k = 0; k < N; ++k) at[k] -= sizes_[d] * strides_[d][k];
        index[d] = 0;
      }
    }
  }

  // Smaller strides of the first operand inside; where it repeats, later operands decide.
  bool inside(int a, int b) const {
    for (int k = 0; k < N; ++k) {
      int64_t x = std::abs(strides_[a][k]), y = std::abs(strides_[b][k]);
      if (x == 0 || y == 0 || x == y) continue;
      return x < y;
    }
    return false;
  }
  void order() {
    for (int i = 1; i < ndim_; ++i) {
      for (int j = i; j > 0 && inside(j, j - 1); --j) {
        std::swap(sizes_[j], sizes_[j - 1]);
        std::swap(strides_[j], strides_[j - 1]);
      }
    }
  }
  void merge() {
    int last = 0;
    for (int d = 1; d < ndim_; ++d) {
      bool joins = true;
      for (int k = 0; k < N; ++k) joins = joins && strides_[d][k] == strides_[last][k] * sizes_[last];
      if (joins) {
        sizes_[last] *= sizes_[d];
      } else {
        ++last;
        sizes_[last] = sizes_[d];
        strides_[last] = strides_[d];
      }
    }
    if (ndim_ > 0) ndim_ = last + 1;
  }

  static constexpr int max_dims = 64;
  int ndim_ = 0;
  int64_t numel_ = 1;
  std::array<char*, N> data_;
  int64_t sizes_[max_dims];
  std::array<int64_t, N> strides_[max_dims];
};

}  // namespace tl
