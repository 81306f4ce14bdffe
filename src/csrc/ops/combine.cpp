// Tensors put together by rule: block_diag, cartesian_prod, combinations, unravel_index.
#include <cmath>

#include "autograd/record.h"
#include "ops/index_plan.h"
#include "ops/pointwise.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

namespace {

Tensor as_matrix(const Tensor& t) {
  TL_CHECK(t.dim() <= 2, "torch.block_diag: Input tensors must have 2 or fewer dimensions. Got a tensor with ", t.dim(),
           " dimensions");
  return t.dim() == 2 ? t : t.dim() == 1 ? unsqueeze(t, 0) : reshape(t, Dims{1, 1});
}

Tensor block_diag(const std::vector<Tensor>& tensors) {
  if (tensors.empty()) return empty(Dims{1, 0}, default_dtype());
  int64_t rows = 0, columns = 0;
  DType t = tensors[0].dtype();
  for (const Tensor& x : tensors) {
    Tensor m = as_matrix(x);
    rows += m->dims[0];
    columns += m->dims[1];
    t = promote_types(t, x.dtype());
  }
  Tensor out = zeros(Dims{rows, columns}, t);
  {
    NoGradGuard no_grad;
    int64_t r = 0, c = 0;
    for (const Tensor& x : tensors) {
      Tensor m = as_matrix(x);
      copy_values(narrow(narrow(out, 0, r, m->dims[0]), 1, c, m->dims[1]), m);
      r += m->dims[0];
      c += m->dims[1];
    }
  }
  if (any_needs_grad(tensors)) {
    std::vector<Dims> shapes;
    for (const Tensor& x : tensors) shapes.emplace_back(x.sizes());
    record(out, "BlockDiagBackward0", inputs(tensors), saves(std::vector<SaveSpec>{}), [shapes](Backward& b) {
      int64_t r = 0, c = 0;
      for (uint32_t i = 0; i < shapes.size(); ++i) {
        const Dims& s = shapes[i];
        const int64_t m = s.size() == 2 ? s[0] : 1, n = s.size() == 0 ? 1 : s.back();
        if (b.needs(i)) b[i] = reshape(narrow(narrow(b.grad(), 0, r, m), 1, c, n), s);
        r += m;
        c += n;
      }
    });
  }
  return out;
}

Tensor cartesian_prod(const std::vector<Tensor>& tensors) {
  TL_CHECK(!tensors.empty(), "cartesian_prod: at least one tensor is needed");
  int64_t total = 1;
  for (const Tensor& t : tensors) {
    TL_CHECK(t.dim() == 1, "Expect a 1D vector, but got shape ", Shape{t.sizes()});
    TL_CHECK(t.dtype() == tensors[0].dtype(), "torch.meshgrid expects all tensors to have the same dtype");
    total *= t.numel();
  }
  if (tensors.size() == 1) return tensors[0];
  Dims grid;
  for (const Tensor& t : tensors) grid.push_back(t.numel());
  std::vector<Tensor> columns;
  for (size_t i = 0; i < tensors.size(); ++i) {
    Dims own(tensors.size(), 1);
    own[i] = tensors[i].numel();
    columns.push_back(reshape(expand(reshape(tensors[i], own), grid), Dims{total}));
  }
  return stack(columns, 1);
}

Tensor combinations(const Tensor& self, int64_t r, bool with_replacement) {
  TL_CHECK(self.dim() == 1, "Expect a 1D vector, but got shape ", Shape{self.sizes()});
  TL_CHECK(r >= 0, "Expect a non-negative number, but got ", r);
  if (r == 0) return clone(narrow(self, 0, 0, 0));
  const int64_t n = self.numel();
  if (!with_replacement && r > n) return reshape(clone(narrow(self, 0, 0, 0)), Dims{0, r});
  // How many there are: n (n - 1) … / r!
  TL_CHECK(r <= 1000000, "combinations: r = ", r, " is too large");
  double count = 1;
  for (int64_t i = 0; i < r; ++i) count *= double(with_replacement ? n + i : n - i) / double(i + 1);
  TL_CHECK(count * double(r) < 1e12, "combinations: ", count, " combinations of ", r, " elements are too many");
  Tensor index = empty(Dims{int64_t(std::llround(count)), r}, DType::Int64);
  int64_t* to = index.data<int64_t>();
  std::vector<int64_t> chosen(static_cast<size_t>(r));
  // In the order of the dictionary.
  bool more = index.numel() > 0;
  for (int64_t i = 0; i < r; ++i) chosen[size_t(i)] = with_replacement ? 0 : i;
  while (more) {
    to = std::copy(chosen.begin(), chosen.end(), to);
    int64_t at = r - 1;
    while (at >= 0 && chosen[size_t(at)] == (with_replacement ? n - 1 : n - r + at)) --at;
    more = at >= 0;
    if (!more) break;
    ++chosen[size_t(at)];
    for (int64_t i = at + 1; i < r; ++i) chosen[size_t(i)] = chosen[size_t(i - 1)] + (with_replacement ? 0 : 1);
  }
  return reshape(index_select(self, 0, reshape(index, Dims{-1})), index.sizes());
}

constexpr uint32_t function = op::function;
const OpRecord records[] = {
    {"block_diag(Tensor[] *tensors) -> Tensor", TL_OP(block_diag), function,
     "The matrices along the diagonal of a larger one, zero elsewhere; vectors count as rows.",
     "randn(2, 3), randn(3, 1) | randn(3), randn(()), randn(2, 0) | randn(3, 2).t(), tensor([[1, 2]])"},
    {"cartesian_prod(Tensor[] *tensors) -> Tensor", TL_OP(cartesian_prod), function,
     "All tuples of one element of each vector, as rows.",
     "randn(2), randn(3) | randn(3) | tensor([1, 2]), tensor([3]), tensor([4, 5]) | randn(2), randn(0)"},
    {"combinations(Tensor self, int r=2, bool with_replacement=False) -> Tensor", TL_OP(combinations), function,
     "All choices of `r` elements of a vector, as rows in its order.",
     "randn(4) | randn(3), 2, True | tensor([1, 2, 3]), 3 | randn(2), 3 | randn(3), 0"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
