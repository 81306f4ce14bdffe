// Views beyond those of ops.h, for the files of this family and for Python's x[…].
#pragma once

#include "ops/ops.h"

namespace tl {

// A chain of integers, slices and None as one step: what x[1, :, None, 2:5] makes of x.
struct BasicIndex {
  Dims start;   // per dim of the input: the first index
  Dims sizes;   // per dim of the result
  Dims source;  // per dim of the result: the dim of the input that it walks, or -1 for a new one
  Dims step;    // per dim of the result
};
// `label` names the graph node.
Tensor basic_index(const Tensor& self, BasicIndex index, const char* label);

Tensor squeeze(const Tensor& self, IntView dims);
Tensor t(const Tensor& self);
Tensor movedim(const Tensor& self, IntView source, IntView destination);
Tensor unflatten(const Tensor& self, int64_t dim, IntView sizes);
// A view that autograd follows as another name for self.
Tensor alias_view(const Tensor& self);
// A complex tensor as pairs of reals and back; the real part of any tensor.
Tensor view_as_real(const Tensor& self);
Tensor view_as_complex(const Tensor& self);
Tensor real(const Tensor& self);
Tensor pad_to(const Tensor& self, IntView sizes);
std::vector<Tensor> split_with_sizes(const Tensor& self, IntView sizes, int64_t dim);
std::vector<Tensor> chunk(const Tensor& self, int64_t chunks, int64_t dim);

Tensor flip(const Tensor& self, IntView dims);
Tensor repeat(const Tensor& self, IntView repeats);
std::vector<Tensor> broadcast_tensors(const std::vector<Tensor>& tensors);

// Complex tensors as pairs of reals in a last dim, and back; the real parts (a real tensor itself).
Tensor view_as_real(const Tensor& self);
Tensor view_as_complex(const Tensor& self);
Tensor real(const Tensor& self);

// Values without history, in memory of their own.
Tensor raw_clone(const Tensor& self);

}  // namespace tl
