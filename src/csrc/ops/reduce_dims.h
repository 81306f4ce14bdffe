// What the reductions share: which dims, how the result looks, and the walk over the rest.
#pragma once

#include "kernels/reduce.h"
#include "ops/ops.h"

namespace tl {

// A set of dims, one bit each.
using DimSet = uint64_t;
inline bool has_dim(DimSet set, size_t d) { return (set >> d) & 1; }
inline DimSet all_dims(const Tensor& t) { return t.dim() >= 64 ? ~DimSet(0) : (DimSet(1) << t.dim()) - 1; }
// The listed dims, checked; all of them for an empty list or none.
DimSet dim_set(IntView dims, int64_t ndim);
inline DimSet dim_set(const std::optional<Dims>& dims, int64_t ndim) {
  return dims ? dim_set(IntView(*dims), ndim) : dim_set(IntView(), ndim);
}
Dims list_of(DimSet set, int64_t ndim);
// The shape without the dims, or with ones in their place; how many elements make one result.
Dims reduced_sizes(IntView sizes, DimSet set, bool keepdim);
int64_t reduced_count(IntView sizes, DimSet set);
// A result (or gradient) of a reduction without keepdim, viewed with ones for the reduced dims.
Tensor with_dims(const Tensor& t, DimSet set, int64_t ndim, bool keepdim);

struct Reduction {
  kernels::ReduceKind kind;
  DType result;
  DType compute;
  double divisor = 1;
  double power = 0;
};
inline Reduction reduction(kernels::ReduceKind kind, DType in, DType result) {
  return {kind, result, kernels::reduce_compute_type(kind, in)};
}
// Values without history. Nothing to reduce gives the reduction's neutral element.
Tensor reduce_over(const Tensor& self, DimSet set, bool keepdim, const Reduction& reduction);
// The same into a contiguous tensor that has as many elements as the kept dims.
void reduce_into(const Tensor& out, const Tensor& self, DimSet set, const Reduction& reduction);

bool has_zero(const Tensor& self);
// The gradient goes in equal parts to all elements that have the chosen value. A NaN equals nothing, so
// that its gradient is NaN, unless `nan_too`: then it is shared by all NaN.
Tensor share_evenly(const Tensor& grad, const Tensor& self, const Tensor& result, DimSet set, bool keepdim,
                    bool nan_too = false);
// The gradient of a choice along `dim`: zeros with `grad` where `indices` say.
Tensor put_at_indices(const Tensor& grad, const Tensor& indices, int64_t dim, DimSet set, bool keepdim, IntView sizes);

// Several results of a reduction along one axis: number j is at out + j * out_stride and reduces the
// elements in + j * in_stride + i * in_step, i < n. Strides and offsets count elements.
struct AxisPiece {
  int64_t in, out;
  int64_t n, in_step;
  int64_t m, in_stride, out_stride;
};
namespace detail {
void run_along(const Tensor& self, int64_t dim, void (*call)(void*, const AxisPiece&), void* context);
}
// Calls f for pieces that make up all results, which are contiguous in the order of the kept dims; on
// several threads where there is much to do.
template <class F>
void along_dim(const Tensor& self, int64_t dim, F&& f) {
  detail::run_along(
      self, dim, [](void* context, const AxisPiece& p) { (*static_cast<std::remove_reference_t<F>*>(context))(p); },
      const_cast<void*>(static_cast<const void*>(&f)));
}

}  // namespace tl
