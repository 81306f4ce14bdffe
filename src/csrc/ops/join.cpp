// Several tensors into one: cat, stack and their kin.
#include <cstring>
#include <utility>

#include "autograd/record.h"
#include "core/parallel.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

namespace {

// A 1-d tensor without elements: cat skips it whatever the shape of the others.
bool is_legacy_empty(const Tensor& t) { return t.dim() == 1 && t.sizes()[0] == 0; }

DType common_dtype(const std::vector<Tensor>& tensors) {
  DType dtype = tensors[0].dtype();
  for (const Tensor& t : tensors) dtype = promote_types(dtype, t.dtype());
  return dtype;
}

// Copies `t` into `out` at `start` of `dim`; both have the same number of dims.
void place(const Tensor& out, const Tensor& t, size_t dim, int64_t start) {
  if (t.numel() == 0) return;
  if (t.dtype() == out.dtype() && t.is_contiguous()) {
    // Runs of whole slices: everything from `dim` on is one block of memory.
    int64_t inner = 1, outer = 1;
    for (size_t d = dim + 1; d < size_t(t.dim()); ++d) inner *= t.sizes()[d];
    for (size_t d = 0; d < dim; ++d) outer *= t.sizes()[d];
    size_t width = item_size(t.dtype());
    size_t run = size_t(inner * t.sizes()[dim]) * width;
    size_t stride = size_t(inner * out.sizes()[dim]) * width;
    char* to = out.bytes() + size_t(start * inner) * width;
    const char* from = t.bytes();
    if (run >= 32) {
      int64_t grain = std::max<int64_t>(1, int64_t((size_t(1) << 19) / run));
      parallel_for(outer, grain, [&](int64_t b, int64_t e) {
        for (int64_t i = b; i < e; ++i) std::memcpy(to + size_t(i) * stride, from + size_t(i) * run, run);
      });
      return;
    }
  }
  Dims sizes(t.sizes());
  copy_values(alias(out, sizes, out.strides(), out->offset + start * out.strides()[dim]), t);
}

}  // namespace

Tensor cat(const std::vector<Tensor>& tensors, int64_t dim) {
  TL_CHECK_VALUE(!tensors.empty(), "torch.cat(): expected a non-empty list of Tensors");
  const Tensor* first = nullptr;
  for (size_t i = 0; i < tensors.size(); ++i) {
    TL_CHECK(tensors[i].dim() > 0, "zero-dimensional tensor (at position ", i, ") cannot be concatenated");
    if (first == nullptr && !is_legacy_empty(tensors[i])) first = &tensors[i];
  }
  DType dtype = common_dtype(tensors);
  if (first == nullptr) first = &tensors[0];
  int64_t n = first->dim();
  dim = wrap_dim(dim, n);
  Dims sizes(first->sizes());
  int64_t total = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    const Tensor& t = tensors[i];
    if (is_legacy_empty(t)) continue;
    TL_CHECK(t.dim() == n, "Tensors must have same number of dimensions: got ", n, " and ", t.dim());
    for (int64_t d = 0; d < n; ++d) {
      TL_CHECK(d == dim || t.sizes()[size_t(d)] == sizes[size_t(d)], "Sizes of tensors must match except in dimension ",
               dim, ". Expected size ", sizes[size_t(d)], " but got size ", t.sizes()[size_t(d)], " for tensor number ",
               i, " in the list.");
    }
    total += t.sizes()[size_t(dim)];
  }
  sizes[size_t(dim)] = total;
  Tensor out = empty(sizes, dtype);
  int64_t at = 0;
  for (const Tensor& t : tensors) {
    if (is_legacy_empty(t)) continue;
    place(out, t, size_t(dim), at);
    at += t.sizes()[size_t(dim)];
  }
  if (any_needs_grad(tensors) && is_differentiable(dtype)) {
    struct Part {
      int64_t length;  // -1: a skipped empty tensor
      DType dtype;
    };
    std::vector<Part> parts;
    for (const Tensor& t : tensors) parts.push_back({is_legacy_empty(t) ? -1 : t.sizes()[size_t(dim)], t.dtype()});
    record(out, "CatBackward0", inputs(tensors), saves(std::vector<SaveSpec>()), [parts, dim](Backward& b) {
      int64_t start = 0;
      for (uint32_t i = 0; i < parts.size(); ++i) {
        int64_t length = parts[i].length;
        if (b.needs(i)) {
          b[i] = length < 0 ? zeros(Dims{0}, parts[i].dtype)
                            : to_dtype(narrow(b.grad(), dim, start, length), parts[i].dtype);
        }
        if (length > 0) start += length;
      }
    });
  }
  return out;
}

Tensor stack(const std::vector<Tensor>& tensors, int64_t dim) {
  TL_CHECK(!tensors.empty(), "stack expects a non-empty TensorList");
  const Tensor& first = tensors[0];
  dim = wrap_dim(dim, first.dim() + 1);
  for (size_t i = 1; i < tensors.size(); ++i) {
    TL_CHECK(equal(tensors[i].sizes(), first.sizes()), "stack expects each tensor to be equal size, but got ",
             Shape{first.sizes()}, " at entry 0 and ", Shape{tensors[i].sizes()}, " at entry ", i);
  }
  DType dtype = common_dtype(tensors);
  size_t d = size_t(dim);
  Dims sizes(first.sizes());
  sizes.insert(d, int64_t(tensors.size()));
  Tensor out = empty(sizes, dtype);
  sizes[d] = 1;
  for (size_t i = 0; i < tensors.size(); ++i) {
    Dims strides(tensors[i].strides());
    strides.insert(d, 1);
    place(out, alias(tensors[i], sizes, strides, tensors[i]->offset), d, int64_t(i));
  }
  if (any_needs_grad(tensors) && is_differentiable(dtype)) {
    std::vector<DType> dtypes;
    for (const Tensor& t : tensors) dtypes.push_back(t.dtype());
    record(out, "StackBackward0", inputs(tensors), saves(std::vector<SaveSpec>()), [dtypes, dim](Backward& b) {
      std::vector<Tensor> grads = unbind(b.grad(), dim);
      for (uint32_t i = 0; i < dtypes.size(); ++i) {
        if (b.needs(i)) b[i] = to_dtype(grads[i], dtypes[i]);
      }
    });
  }
  return out;
}

namespace {

Tensor atleast_1d(const Tensor& self) { return self.dim() == 0 ? reshape(self, Dims{1}) : self; }
Tensor atleast_2d(const Tensor& self) {
  if (self.dim() == 0) return reshape(self, Dims{1, 1});
  return self.dim() == 1 ? unsqueeze(self, 0) : self;
}
Tensor atleast_3d(const Tensor& self) {
  if (self.dim() == 0) return reshape(self, Dims{1, 1, 1});
  if (self.dim() == 1) return unsqueeze(unsqueeze(self, 0), -1);
  return self.dim() == 2 ? unsqueeze(self, -1) : self;
}
template <Tensor (*f)(const Tensor&)>
std::vector<Tensor> each(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> out;
  for (const Tensor& t : tensors) out.push_back(f(t));
  return out;
}

Tensor hstack(const std::vector<Tensor>& tensors) {
  TL_CHECK(!tensors.empty(), "hstack expects a non-empty TensorList");
  std::vector<Tensor> parts = each<atleast_1d>(tensors);
  return cat(parts, parts[0].dim() == 1 ? 0 : 1);
}
Tensor vstack(const std::vector<Tensor>& tensors) {
  TL_CHECK(!tensors.empty(), "vstack expects a non-empty TensorList");
  return cat(each<atleast_2d>(tensors), 0);
}
Tensor dstack(const std::vector<Tensor>& tensors) {
  TL_CHECK(!tensors.empty(), "dstack expects a non-empty TensorList");
  return cat(each<atleast_3d>(tensors), 2);
}
Tensor column(const Tensor& self) { return self.dim() <= 1 ? reshape(self, Dims{self.numel(), 1}) : self; }
Tensor column_stack(const std::vector<Tensor>& tensors) {
  TL_CHECK(!tensors.empty(), "column_stack expects a non-empty TensorList");
  return hstack(each<column>(tensors));
}

}  // namespace

std::vector<Tensor> broadcast_tensors(const std::vector<Tensor>& tensors) {
  Dims sizes;
  for (const Tensor& t : tensors) sizes = broadcast_shapes(sizes, t.sizes());
  std::vector<Tensor> out;
  for (const Tensor& t : tensors) out.push_back(expand(t, sizes));
  return out;
}

namespace {

std::vector<Tensor> meshgrid(const std::vector<Tensor>& tensors, std::optional<std::string> indexing_arg) {
  TL_CHECK(!tensors.empty(), "meshgrid expects a non-empty TensorList");
  if (static bool said = false; !indexing_arg && !std::exchange(said, true)) {
    warn("torch.meshgrid: in an upcoming release, it will be required to pass the indexing argument.");
  }
  std::string indexing = indexing_arg.value_or("ij");
  TL_CHECK(indexing == "ij" || indexing == "xy",
           "torch.meshgrid: indexing must be one of \"xy\" or \"ij\", but received: ", indexing);
  bool swap = indexing == "xy" && tensors.size() >= 2;
  std::vector<Tensor> vectors(tensors);
  if (swap) std::swap(vectors[0], vectors[1]);
  Dims sizes;
  for (const Tensor& t : vectors) {
    TL_CHECK(t.dim() <= 1, "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: ", Shape{t.sizes()});
    TL_CHECK(t.dtype() == vectors[0].dtype(), "torch.meshgrid expects all tensors to have the same dtype");
    sizes.push_back(t.numel());
  }
  std::vector<Tensor> grids;
  for (size_t i = 0; i < vectors.size(); ++i) {
    Dims shape(vectors.size(), 1);
    shape[i] = vectors[i].numel();
    grids.push_back(expand(view(vectors[i], shape), sizes));
  }
  if (swap) std::swap(grids[0], grids[1]);
  return grids;
}

using Join = Tensor (*)(const std::vector<Tensor>&, int64_t);
constexpr uint32_t flags = op::function | op::out;
const OpRecord records[] = {
    {"cat(Tensor[] tensors, int dim=0) -> Tensor", TL_OP(static_cast<Join>(cat)), flags,
     "The tensors one after the other along `dim`; the other sizes must agree. Mixed dtypes promote; 1-d tensors "
     "without elements are skipped.",
     "(randn(2, 3), randn(1, 3)) | (randn(2, 3), randn(2, 1)), -1 | (randn(0), randn(2, 3)), 1 | "
     "(randn(3, 2).t(), randn(2, 3), randn(2, 3)), 0 | (randn(2, 0), randn(2, 2)), 1"},
    {"concat(Tensor[] tensors, int dim=0) -> Tensor", TL_OP(static_cast<Join>(cat)), flags, "cat under another name.",
     "(randn(2, 3), randn(1, 3))"},
    {"concatenate(Tensor[] tensors, int dim=0) -> Tensor", TL_OP(static_cast<Join>(cat)), flags,
     "cat under NumPy's name.", "(randn(2, 3), randn(1, 3)), dim=0"},
    {"stack(Tensor[] tensors, int dim=0) -> Tensor", TL_OP(static_cast<Join>(stack)), flags,
     "Tensors of one shape along a new dim.",
     "(randn(2, 3), randn(2, 3)) | (randn(3, 2).t(), randn(2, 3)), -1 | (randn(()), randn(())) | (randn(0), randn(0)), "
     "1"},
    {"hstack(Tensor[] tensors) -> Tensor", TL_OP(hstack), flags,
     "cat along the columns; along the only dim of vectors.",
     "(randn(2, 3), randn(2, 1)) | (randn(2), randn(3)) | (randn(()), randn(2))"},
    {"vstack(Tensor[] tensors) -> Tensor", TL_OP(vstack), flags, "cat along the rows; vectors are rows.",
     "(randn(2, 3), randn(3)) | (randn(3), randn(3))"},
    {"row_stack(Tensor[] tensors) -> Tensor", TL_OP(vstack), flags, "vstack under another name.",
     "(randn(3), randn(3))"},
    {"dstack(Tensor[] tensors) -> Tensor", TL_OP(dstack), flags, "cat along the third dim.",
     "(randn(2, 3), randn(2, 3)) | (randn(3), randn(3))"},
    {"column_stack(Tensor[] tensors) -> Tensor", TL_OP(column_stack), flags,
     "cat along the columns; vectors are columns.", "(randn(3), randn(3, 2)) | (randn(()), randn(()))"},
    {"broadcast_tensors(Tensor[] *tensors) -> Tensor[]", TL_OP(broadcast_tensors), op::function,
     "The tensors expanded to their common shape.", "(randn(3, 1), randn(4))"},
    {"meshgrid(Tensor[] *tensors, *, str? indexing=None) -> Tensor[]", TL_OP(meshgrid), op::function,
     "Coordinate grids of vectors: grid i has the values of vector i along dim i; with indexing='xy' the first two "
     "dims "
     "are exchanged.",
     "(randn(2), randn(3)) | (randn(2), randn(3), randn(())), indexing='xy'"},
    {"atleast_1d(Tensor self) -> Tensor", TL_OP(atleast_1d), op::function, "With at least one dim.",
     "randn(()) | randn(2)"},
    {"atleast_1d(Tensor[] *tensors) -> Tensor[]", TL_OP(each<atleast_1d>), op::function, "Each with at least one dim.",
     "(randn(()), randn(2))"},
    {"atleast_2d(Tensor self) -> Tensor", TL_OP(atleast_2d), op::function, "With at least two dims.",
     "randn(()) | randn(2)"},
    {"atleast_2d(Tensor[] *tensors) -> Tensor[]", TL_OP(each<atleast_2d>), op::function, "Each with at least two dims.",
     "(randn(()), randn(2))"},
    {"atleast_3d(Tensor self) -> Tensor", TL_OP(atleast_3d), op::function, "With at least three dims.",
     "randn(()) | randn(2) | randn(2, 3)"},
    {"atleast_3d(Tensor[] *tensors) -> Tensor[]", TL_OP(each<atleast_3d>), op::function,
     "Each with at least three dims.", "(randn(()), randn(2))"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
