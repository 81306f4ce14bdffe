// The ops that other ops and the graph are built from. All record themselves where a gradient is
// needed, so a backward written with them works at every order.
#pragma once

#include <optional>
#include <vector>

#include "core/tensor.h"

namespace tl {

class Generator;

// copy.cpp
Tensor clone(const Tensor& self);
Tensor contiguous(const Tensor& self);
Tensor to_dtype(const Tensor& self, DType dtype);     // self where it already has it
Tensor copy_(const Tensor& self, const Tensor& src);  // broadcasts and converts
// Raw copy of values (broadcasting, converting), without autograd or version counting.
void copy_values(const Tensor& dst, const Tensor& src);

// factory.cpp
Tensor zeros(IntView sizes, DType dtype);
Tensor ones(IntView sizes, DType dtype);
Tensor full(IntView sizes, const Scalar& value, DType dtype);
Tensor zeros_like(const Tensor& self);
Tensor ones_like(const Tensor& self);
Tensor full_like(const Tensor& self, const Scalar& value);
Tensor arange(const Scalar& start, const Scalar& end, const Scalar& step, DType dtype);
Tensor fill_(const Tensor& self, const Scalar& value);
Tensor zero_(const Tensor& self);
Tensor resize_(const Tensor& self, IntView sizes);
// Resizes an out= tensor to the shape of the result, with PyTorch's warning.
void resize_output(const Tensor& out, IntView sizes, const char* name);

// view.cpp
Tensor as_strided(const Tensor& self, IntView sizes, IntView strides, std::optional<int64_t> offset = {});
Tensor view(const Tensor& self, IntView sizes);
Tensor reshape(const Tensor& self, IntView sizes);
Tensor expand(const Tensor& self, IntView sizes);
Tensor permute(const Tensor& self, IntView dims);
Tensor transpose(const Tensor& self, int64_t dim0, int64_t dim1);
Tensor select(const Tensor& self, int64_t dim, int64_t index);
Tensor slice(const Tensor& self, int64_t dim, std::optional<int64_t> start, std::optional<int64_t> end, int64_t step);
Tensor narrow(const Tensor& self, int64_t dim, int64_t start, int64_t length);
Tensor squeeze(const Tensor& self, int64_t dim);
Tensor squeeze(const Tensor& self);
Tensor unsqueeze(const Tensor& self, int64_t dim);
Tensor diagonal(const Tensor& self, int64_t offset, int64_t dim1, int64_t dim2);
Tensor flatten(const Tensor& self, int64_t start_dim, int64_t end_dim);
std::vector<Tensor> unbind(const Tensor& self, int64_t dim);
std::vector<Tensor> split(const Tensor& self, int64_t size, int64_t dim);

// join.cpp
Tensor cat(const std::vector<Tensor>& tensors, int64_t dim);
Tensor stack(const std::vector<Tensor>& tensors, int64_t dim);

// pointwise (binary.cpp, compare.cpp, unary.cpp, ternary.cpp). Numbers join through wrapped_number(scalar), or
// without a tensor where there is an overload for them.
Tensor add(const Tensor& self, const Tensor& other, const Scalar& alpha);
Tensor add(const Tensor& self, const Tensor& other);
Tensor add(const Tensor& self, const Scalar& other);
Tensor sub(const Tensor& self, const Tensor& other, const Scalar& alpha);
Tensor sub(const Tensor& self, const Tensor& other);
Tensor sub(const Tensor& self, const Scalar& other);
Tensor rsub(const Tensor& self, const Scalar& other);  // other - self
Tensor mul(const Tensor& self, const Tensor& other);
Tensor mul(const Tensor& self, const Scalar& other);
Tensor div(const Tensor& self, const Tensor& other);
Tensor div(const Tensor& self, const Scalar& other);
Tensor add_(const Tensor& self, const Tensor& other, const Scalar& alpha);
Tensor add_(const Tensor& self, const Tensor& other);
Tensor add_(const Tensor& self, const Scalar& other);
Tensor sub_(const Tensor& self, const Tensor& other, const Scalar& alpha);
Tensor sub_(const Tensor& self, const Tensor& other);
Tensor sub_(const Tensor& self, const Scalar& other);
Tensor mul_(const Tensor& self, const Tensor& other);
Tensor mul_(const Tensor& self, const Scalar& other);
Tensor div_(const Tensor& self, const Tensor& other);
Tensor div_(const Tensor& self, const Scalar& other);
Tensor pow(const Tensor& self, const Tensor& exponent);
Tensor pow(const Tensor& self, const Scalar& exponent);
Tensor maximum(const Tensor& self, const Tensor& other);
Tensor minimum(const Tensor& self, const Tensor& other);
Tensor eq(const Tensor& self, const Tensor& other);
Tensor ne(const Tensor& self, const Tensor& other);
Tensor lt(const Tensor& self, const Tensor& other);
Tensor le(const Tensor& self, const Tensor& other);
Tensor gt(const Tensor& self, const Tensor& other);
Tensor ge(const Tensor& self, const Tensor& other);
Tensor eq(const Tensor& self, const Scalar& other);
Tensor ne(const Tensor& self, const Scalar& other);
Tensor lt(const Tensor& self, const Scalar& other);
Tensor le(const Tensor& self, const Scalar& other);
Tensor gt(const Tensor& self, const Scalar& other);
Tensor ge(const Tensor& self, const Scalar& other);
Tensor logical_not(const Tensor& self);
Tensor logical_and(const Tensor& self, const Tensor& other);
Tensor logical_or(const Tensor& self, const Tensor& other);
Tensor logical_xor(const Tensor& self, const Tensor& other);
Tensor neg(const Tensor& self);
Tensor exp(const Tensor& self);
Tensor log(const Tensor& self);
Tensor sqrt(const Tensor& self);
Tensor rsqrt(const Tensor& self);
Tensor reciprocal(const Tensor& self);
Tensor abs(const Tensor& self);
Tensor sign(const Tensor& self);
Tensor sin(const Tensor& self);
Tensor cos(const Tensor& self);
Tensor tanh(const Tensor& self);
Tensor sigmoid(const Tensor& self);
Tensor relu(const Tensor& self);
Tensor isnan(const Tensor& self);
Tensor where(const Tensor& condition, const Tensor& self, const Tensor& other);

// reduce.cpp
Tensor sum(const Tensor& self, std::optional<DType> dtype = {});
Tensor sum(const Tensor& self, IntView dims, bool keepdim, std::optional<DType> dtype = {});
Tensor mean(const Tensor& self, IntView dims, bool keepdim, std::optional<DType> dtype = {});
// Undoes a broadcast: sums `self` down to `sizes`.
Tensor sum_to_size(const Tensor& self, IntView sizes);
Tensor amax(const Tensor& self, IntView dims, bool keepdim);
Tensor amin(const Tensor& self, IntView dims, bool keepdim);
// vector_norm.cpp; no dims: all
Tensor vector_norm(const Tensor& self, double p, IntView dims, bool keepdim, std::optional<DType> dtype = {});
bool has_nan(const Tensor& self);

// scan.cpp
Tensor cumsum(const Tensor& self, int64_t dim, std::optional<DType> dtype = {});
Tensor cumprod(const Tensor& self, int64_t dim, std::optional<DType> dtype = {});

// softmax.cpp
Tensor softmax(const Tensor& self, int64_t dim, std::optional<DType> dtype = {});
Tensor log_softmax(const Tensor& self, int64_t dim, std::optional<DType> dtype = {});
Tensor softmax_backward_data(const Tensor& grad, const Tensor& output, int64_t dim, DType input_dtype);
Tensor log_softmax_backward_data(const Tensor& grad, const Tensor& output, int64_t dim, DType input_dtype);
Tensor logsumexp(const Tensor& self, IntView dims, bool keepdim);

// index.cpp
Tensor gather(const Tensor& self, int64_t dim, const Tensor& index);
Tensor scatter_add(const Tensor& self, int64_t dim, const Tensor& index, const Tensor& src);
Tensor index_select(const Tensor& self, int64_t dim, const Tensor& index);
Tensor masked_fill(const Tensor& self, const Tensor& mask, const Tensor& value);
// Advanced indexing: an undefined entry is a full slice of its dim.
Tensor index(const Tensor& self, const std::vector<Tensor>& indices);
Tensor index_put_(const Tensor& self, const std::vector<Tensor>& indices, const Tensor& value, bool accumulate);
Tensor nonzero(const Tensor& self);

// matmul.cpp
Tensor mm(const Tensor& self, const Tensor& mat2);
Tensor bmm(const Tensor& self, const Tensor& mat2);
Tensor matmul(const Tensor& self, const Tensor& other);

}  // namespace tl
