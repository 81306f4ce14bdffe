// What the indexing ops share: checked indices, and the plan by which a kernel walks a tensor.
#pragma once

#include "kernels/index.h"
#include "ops/ops.h"

namespace tl {

// A tensor seen as [outer, indexed, inner] (kernels/index.h), with the lists that describe it.
class IndexPlan {
 public:
  kernels::IndexArgs args{};

  // The geometry of the dims before and after the indexed ones, as sizes and strides of `self`.
  IndexPlan(const Tensor& self, IntView outer_sizes, IntView outer_strides, IntView inner_sizes, IntView inner_strides);
  // The same for one dim of a tensor; `sizes` may be smaller than self's (gather).
  IndexPlan(const Tensor& self, int64_t dim, IntView sizes);

  // One entry per i. `index` must stay alive.
  void set_index(const int64_t* index, int64_t n, int64_t stride);
  // One entry per element of [outer, n, inner].
  void set_dense_index(const int64_t* index, int64_t n, int64_t stride);

  // Reads into `out`, contiguous.
  void gather(const Tensor& out);
  // Writes or combines `source`: contiguous, of one element or of [outer, n, inner], of self's dtype.
  void scatter(const Tensor& source, kernels::ScatterOp op);

 private:
  DType dtype_;
  std::vector<int64_t> outer_, inner_;
};

// Contiguous int64 values of an index tensor of any integer dtype.
Tensor as_index(const Tensor& index);
// Contiguous values of `t` as `dtype`, expanded to `sizes`; `t` itself where it is that already.
Tensor dense_values(const Tensor& t, IntView sizes, DType dtype);
// Throws "index 5 is out of bounds for dimension 0 with size 3" where an entry is outside [0, size),
// or [-size, size) with `wrap`; negative entries are then wrapped, in a copy.
Tensor checked_index(const Tensor& index, int64_t size, int64_t dim, bool wrap, ErrorKind kind);
// The same for ops that say "index out of range in self".
Tensor checked_vector(const Tensor& index, int64_t size, const char* op);
// Indices as index() takes them: masks as positions, all of them int64.
std::vector<Tensor> prepare_indices(const Tensor& self, const std::vector<Tensor>& indices);

// In-place ops read their arguments while they write: a copy where they share memory.
inline Tensor apart_from(const Tensor& t, const Tensor& written) {
  if (!t.defined() || t->storage != written->storage) return t;
  Tensor copy = empty(t.sizes(), t.dtype());
  copy_values(copy, t);
  return copy;
}
// Throws where `t` certainly shares memory with what the op `name` is about to write.
void check_apart(const Tensor& t, const Tensor& written, const char* name);
// The values of `self` broadcast to `sizes`, in new memory.
Tensor fresh_values(const Tensor& self, IntView sizes);

Tensor index_put(const Tensor& self, const std::vector<Tensor>& indices, const Tensor& value, bool accumulate);
Tensor index_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& source, const Scalar& alpha);
Tensor index_fill(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& value);
Tensor scatter(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src);
Tensor scatter_reduce(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src, std::string_view reduce,
                      bool include_self);
Tensor scatter_reduce_(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src, std::string_view reduce,
                       bool include_self);
Tensor masked_fill_(const Tensor& self, const Tensor& mask, const Tensor& value);
Tensor masked_select(const Tensor& self, const Tensor& mask);
Tensor masked_scatter(const Tensor& self, const Tensor& mask, const Tensor& source);
// Shape and dtype checks that gather and the scatters share; `src` may be undefined.
void check_gather(const char* op, const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src);

}  // namespace tl
