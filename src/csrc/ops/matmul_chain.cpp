// Products of several matrices, powers, and relatives: multi_dot, chain_matmul, matrix_power,
// kron, trace, bilinear.
#include <cmath>

#include "ops/linalg.h"
#include "ops/registry.h"

namespace tl {

namespace {

// --- chains --------------------------------------------------------------------------------------

// Where to split products of neighbours so that the fewest multiplications are done: the textbook
// recursion on lengths. split[i][j] is the last matrix of the left part of i..j.
class Chain {
 public:
  explicit Chain(const std::vector<Tensor>& matrices) : matrices_(matrices), n_(matrices.size()), split_(n_ * n_) {
    std::vector<double> size(n_ + 1), cost(n_ * n_, 0.0);
    for (size_t i = 0; i < n_; ++i) size[i] = double(matrices[i]->dims[0]);
    size[n_] = double(matrices[n_ - 1]->dims[1]);
    for (size_t length = 1; length < n_; ++length) {
      for (size_t i = 0; i + length < n_; ++i) {
        const size_t j = i + length;
        double best = INFINITY;
        for (size_t k = i; k < j; ++k) {
          const double c = cost[i * n_ + k] + cost[(k + 1) * n_ + j] + size[i] * size[k + 1] * size[j + 1];
          if (c < best) {
            best = c;
            split_[i * n_ + j] = k;
          }
        }
        cost[i * n_ + j] = best;
      }
    }
  }
  Tensor multiply(size_t i, size_t j) const {
    if (i == j) return matrices_[i];
    const size_t k = split_[i * n_ + j];
    return mm(multiply(i, k), multiply(k + 1, j));
  }

 private:
  const std::vector<Tensor>& matrices_;
  size_t n_;
  std::vector<size_t> split_;
};

Tensor multi_dot(const std::vector<Tensor>& tensors) {
  const size_t n = tensors.size();
  TL_CHECK(n >= 2, "multi_dot(): expected at least 2 tensors but got ", n);
  std::vector<Tensor> matrices = tensors;
  Dims shape;
  const Tensor &first = tensors[0], &last = tensors[n - 1];
  TL_CHECK(first.dim() == 1 || first.dim() == 2, "multi_dot(): the first tensor must be 1D or 2D but got ", first.dim(),
           "D");
  TL_CHECK(last.dim() == 1 || last.dim() == 2, "multi_dot(): the last tensor must be 1D or 2D but got ", last.dim(),
           "D");
  if (first.dim() == 1) {
    matrices[0] = unsqueeze(first, 0);
  } else {
    shape.push_back(first->dims[0]);
  }
  if (last.dim() == 1) {
    matrices[n - 1] = unsqueeze(last, 1);
  } else {
    shape.push_back(last->dims[1]);
  }
  for (size_t i = 0; i < n; ++i) {
    TL_CHECK(matrices[i].dim() == 2, "multi_dot(): tensor ", i, " must be 2D but got ", tensors[i].dim(), "D");
    TL_CHECK(tensors[i].dtype() == first.dtype(),
             "multi_dot(): all tensors must have be the same dtype but tensor 0 is ", dtype_legacy_name(first.dtype()),
             " and tensor ", i, " ", dtype_legacy_name(tensors[i].dtype()));
    TL_CHECK(i == 0 || matrices[i - 1]->dims[1] == matrices[i]->dims[0], "multi_dot(): tensors ", i - 1, " and ", i,
             " with shapes ", Shape{tensors[i - 1].sizes()}, " and ", Shape{tensors[i].sizes()},
             " cannot be multiplied");
  }
  return view(Chain(matrices).multiply(0, n - 1), shape);
}

Tensor chain_matmul(const std::vector<Tensor>& matrices) {
  static bool said = false;
  if (!said) {
    said = true;
    warn(
        "torch.chain_matmul is deprecated and will be removed in a future PyTorch release. Use "
        "torch.linalg.multi_dot "
        "instead, which accepts a list of two or more tensors rather than multiple parameters.");
  }
  TL_CHECK(!matrices.empty(), "chain_matmul(): Expected one or more matrices");
  for (const Tensor& t : matrices) TL_CHECK(t.dim() == 2, "Tensor dimension is ", t.dim(), ", expected 2 instead.");
  return matrices.size() == 1 ? clone(matrices[0]) : multi_dot(matrices);
}

// --- square matrices -----------------------------------------------------------------------------

Tensor matrix_power(const Tensor& self, int64_t n) {
  check_square("linalg.matrix_power", self);
  if (n == 0) {
    const int64_t side = self->dims[self.dim() - 1];
    Tensor out = zeros(self.sizes(), self.dtype());
    fill_(diagonal(out, 0, -2, -1), side == 0 ? Scalar(0) : Scalar(1));
    return out;
  }
  TL_CHECK(n != INT64_MIN, "linalg.matrix_power: the exponent is out of range");
  Tensor base = n < 0 ? linalg_inv(self) : self;
  if (n == 1) return clone(base);
  // By the bits of n, from the lowest.
  Tensor out;
  for (uint64_t left = uint64_t(n < 0 ? -n : n);;) {
    if (left & 1) out = out.defined() ? matmul(out, base) : base;
    left >>= 1;
    if (left == 0) return out;
    base = matmul(base, base);
  }
}

// --- relatives -----------------------------------------------------------------------------------

Tensor kron(const Tensor& self, const Tensor& other) {
  const size_t n = size_t(std::max(self.dim(), other.dim()));
  Dims a, b, sizes;
  for (size_t d = 0; d < n; ++d) {
    const int64_t skip_a = int64_t(n) - self.dim(), skip_b = int64_t(n) - other.dim(), i = int64_t(d);
    const int64_t size_a = i < skip_a ? 1 : self->dims[i - skip_a], size_b = i < skip_b ? 1 : other->dims[i - skip_b];
    a.push_back(size_a);
    a.push_back(1);
    b.push_back(1);
    b.push_back(size_b);
    sizes.push_back(size_a * size_b);
  }
  return reshape(mul(reshape(self, a), reshape(other, b)), sizes);
}

Tensor trace(const Tensor& self) {
  TL_CHECK(self.dim() == 2, "trace: expected a matrix, but got tensor with dim ", self.dim());
  Tensor out;
  {
    NoGradGuard no_grad;
    out = sum(diagonal(self, 0, 0, 1));
  }
  if (needs_grad(self)) {
    record(out, "TraceBackward0", inputs(self), saves(), [rows = self->dims[0], columns = self->dims[1]](Backward& b) {
      Tensor eye = zeros(Dims{rows, columns}, b.grad().dtype());
      {
        NoGradGuard no_grad;
        fill_(diagonal(eye, 0, 0, 1), 1);
      }
      b[0] = mul(b.grad(), eye);
    });
  }
  return out;
}

// y[n, o] = x1[n] W[o] x2[n]: first all x1 W[o] as a batch over o, then the rows' products with x2
// as one over n.
Tensor bilinear(const Tensor& input1, const Tensor& input2, const Tensor& weight, const Tensor& bias) {
  TL_CHECK(input1.dim() == input2.dim(), "bilinear(): input dimensions do not match: got ", input1.dim(), " and ",
           input2.dim());
  TL_CHECK(input1.dim() >= 1 && weight.dim() == 3,
           "bilinear(): expected inputs of at least one dim and a 3-d weight, got ", input1.dim(), " and ",
           weight.dim());
  const int64_t n = input1.dim(), outs = weight->dims[0];
  Dims sizes;
  int64_t rows = 1;
  for (int64_t d = 0; d + 1 < n; ++d) {
    TL_CHECK(input1->dims[d] == input2->dims[d], "bilinear(): input batch dimensions do not match at dim ", d, ": got ",
             input1->dims[d], " and ", input2->dims[d]);
    sizes.push_back(input1->dims[d]);
    rows *= input1->dims[d];
  }
  const int64_t m = input1->dims[n - 1], k = input2->dims[n - 1];
  TL_CHECK(m == weight->dims[1], "bilinear(): input1 size does not match weight size: got ", m, " but expected ",
           weight->dims[1]);
  TL_CHECK(k == weight->dims[2], "bilinear(): input2 size does not match weight size: got ", k, " but expected ",
           weight->dims[2]);
  TL_CHECK(!bias.defined() || (bias.dim() == 1 && bias->dims[0] == outs),
           "bilinear(): bias size does not match weight size: got ",
           bias.defined() && bias.dim() > 0 ? bias->dims[0] : 0, " but expected ", outs);
  TL_CHECK(input1.dtype() == input2.dtype() && input1.dtype() == weight.dtype(), "expected scalar type ",
           dtype_legacy_name(weight.dtype()), " but found ",
           dtype_legacy_name(input1.dtype() == weight.dtype() ? input2.dtype() : input1.dtype()));
  sizes.push_back(outs);
  Tensor x1 = reshape(input1, Dims{1, rows, m}), x2 = reshape(input2, Dims{rows, k, 1});
  Tensor left = permute(product(x1, plain, weight, plain), Dims{1, 0, 2});  // rows x outs x k
  Tensor y = view(product(left, plain, x2, plain), sizes);
  return bias.defined() ? add(y, bias) : y;
}

constexpr uint32_t both = op::function | op::method;
const OpRecord records[] = {
    {"linalg_multi_dot(Tensor[] tensors) -> Tensor", TL_OP(multi_dot), op::internal | op::out,
     "The product of two or more matrices, multiplied in the order that takes the fewest "
     "multiplications. The first may be "
     "a vector, taken as a row, the last one taken as a column.",
     "[randn(3, 4), randn(4, 2)] | [randn(3, 4), randn(4, 2), randn(2, 6), randn(6, 1)] | "
     "[randn(4), randn(4, 2), randn(2)] | "
     "[randn(4, 3).t(), randn(4, 0), randn(0, 2)]"},
    {"chain_matmul(Tensor[] *matrices) -> Tensor", TL_OP(chain_matmul), op::function,
     "The product of matrices in the cheapest order; linalg.multi_dot is its successor.",
     "randn(3, 4), randn(4, 2), randn(2, 5) | randn(3, 4)"},
    {"matrix_power(Tensor self, int n) -> Tensor", TL_OP(matrix_power), both,
     "A square matrix, or a batch of them, to an integer power; negative powers are those of the "
     "inverse.",
     "randn(3, 3), 3 | randn(2, 3, 3), 2 | randn(3, 3).t(), 1 | randn(3, 3), -2 | randn(0, 3, 3), "
     "5"},
    {"kron(Tensor self, Tensor other) -> Tensor", TL_OP(kron), both | op::out,
     "The Kronecker product: each element of `self` times all of `other`, as blocks.",
     "randn(2, 3), randn(3, 2) | randn(2, 3), randn(4) | randn(()), randn(2, 2) | randn(3, 2).t(), "
     "randn(1, 0)"},
    {"trace(Tensor self) -> Tensor", TL_OP(trace), both, "The sum of the diagonal of a matrix.",
     "randn(3, 3) | randn(3, 4) | randn(4, 3).t() | randn(0, 3) | tensor([[1, 2], [3, 4]])"},
    {"bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias=None) -> Tensor", TL_OP(bilinear),
     op::internal, "`y[o] = input1 @ weight[o] @ input2 + bias[o]` for the last dims of the inputs.",
     "randn(3, 4), randn(3, 2), randn(5, 4, 2), randn(5) | randn(4), randn(2), randn(5, 4, 2) | "
     "randn(2, 3, 4), randn(2, 3, 2), randn(5, 4, 2), randn(5) | randn(0, 4), randn(0, 2), "
     "randn(5, 4, 2), randn(5)"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
