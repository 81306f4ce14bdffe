// One tensor into several views: unbind, split, chunk and their kin.
#include "autograd/record.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

namespace {

// The raw view of `length` slices of `dim` from `start`.
Tensor piece(const Tensor& self, size_t dim, int64_t start, int64_t length) {
  Dims sizes(self.sizes());
  sizes[dim] = length;
  return alias(self, sizes, self.strides(), self->offset + start * self.strides()[dim]);
}

// Pieces of the given sizes, one node for all of them.
std::vector<Tensor> pieces(const Tensor& self, IntView sizes, int64_t dim, const char* label) {
  std::vector<Tensor> out;
  out.reserve(sizes.size());
  int64_t start = 0;
  for (int64_t n : sizes) {
    out.push_back(piece(self, size_t(dim), start, n));
    make_view(out.back(), self, ViewKind::multi_output);
    start += n;
  }
  if (needs_grad(self) && !out.empty()) {
    record_outputs(out, label, inputs(self), saves(), [dim](Backward& b) {
      std::vector<Tensor> grads;
      for (uint32_t i = 0; i < b.num_grads(); ++i) grads.push_back(b.grad_or_zeros(i));
      b[0] = cat(grads, dim);
    });
  }
  return out;
}

// Pieces by plain slices, each a view of its own.
std::vector<Tensor> slices(const Tensor& self, IntView bounds, int64_t dim) {
  std::vector<Tensor> out;
  int64_t start = 0;
  for (int64_t end : bounds) {
    out.push_back(slice(self, dim, start, end, 1));
    start = end;
  }
  out.push_back(slice(self, dim, start, std::nullopt, 1));
  return out;
}

// Empty pieces can be asked for without end.
void check_count(const char* name, int64_t count) {
  constexpr int64_t most = int64_t(1) << 24;
  TL_CHECK_KIND(out_of_memory, count <= most, name, ": ", count, " pieces are too many, ", most, " are the most");
}

}  // namespace

std::vector<Tensor> unbind(const Tensor& self, int64_t dim) {
  TL_CHECK_INDEX(self.dim() > 0, "Dimension specified as ", dim, " but tensor has no dimensions");
  dim = wrap_dim(dim, self.dim());
  size_t d = size_t(dim);
  Dims sizes(self.sizes()), strides(self.strides());
  int64_t n = sizes[d], step = strides[d];
  sizes.erase(d);
  strides.erase(d);
  std::vector<Tensor> out;
  out.reserve(size_t(n));
  for (int64_t i = 0; i < n; ++i) {
    out.push_back(alias(self, sizes, strides, self->offset + i * step));
    make_view(out.back(), self, ViewKind::multi_output);
  }
  if (needs_grad(self) && n > 0) {
    record_outputs(out, "UnbindBackward0", inputs(self), saves(), [dim](Backward& b) {
      std::vector<Tensor> grads;
      for (uint32_t i = 0; i < b.num_grads(); ++i) grads.push_back(b.grad_or_zeros(i));
      b[0] = stack(grads, dim);
    });
  }
  return out;
}

namespace {

std::vector<Tensor> split_sized(const Tensor& self, int64_t size, int64_t dim) {
  Dims sizes;
  int64_t total = self.sizes()[size_t(dim)];
  if (size == 0) sizes.push_back(0);
  for (int64_t at = 0; at < total; at += size) sizes.push_back(std::min(size, total - at));
  if (sizes.empty()) sizes.push_back(0);
  return pieces(self, sizes, dim, "SplitBackward0");
}

}  // namespace

std::vector<Tensor> split(const Tensor& self, int64_t size, int64_t dim) {
  TL_CHECK(self.dim() > 0, "split expects at least a 1-dimensional tensor");
  TL_CHECK(size >= 0, "split expects split_size be non-negative, but got split_size=", size);
  dim = wrap_dim(dim, self.dim());
  int64_t total = self.sizes()[size_t(dim)];
  TL_CHECK(size > 0 || total == 0, "split_size can only be 0 if dimension size is 0, but got dimension size of ",
           total);
  return split_sized(self, size, dim);
}

std::vector<Tensor> split_with_sizes(const Tensor& self, IntView sizes, int64_t dim) {
  TL_CHECK(self.dim() > 0, "split expects at least a 1-dimensional tensor");
  dim = wrap_dim(dim, self.dim());
  int64_t total = self.sizes()[size_t(dim)], sum = 0;
  for (int64_t s : sizes) {
    TL_CHECK(s >= 0,
             "split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes=", Shape{sizes});
    sum = s > total - sum ? total + 1 : sum + s;  // too much stays too much, without an overflow
    if (sum > total) break;
  }
  TL_CHECK(sum == total, "split_with_sizes expects split_sizes to sum exactly to ", total,
           " (input tensor's size at dimension ", dim, "), but got split_sizes=", Shape{sizes});
  return pieces(self, sizes, dim, "SplitWithSizesBackward0");
}

std::vector<Tensor> chunk(const Tensor& self, int64_t chunks, int64_t dim) {
  TL_CHECK(self.dim() > 0, "chunk expects at least a 1-dimensional tensor");
  TL_CHECK(chunks > 0, "chunk expects `chunks` to be greater than 0, got: ", chunks);
  dim = wrap_dim(dim, self.dim());
  int64_t total = self.sizes()[size_t(dim)];
  int64_t size = total / chunks + (total % chunks != 0 ? 1 : 0);
  if (size > 0) return split_sized(self, size, dim);
  check_count("chunk", chunks);
  return pieces(self, Dims(size_t(chunks), 0), dim, "SplitWithSizesBackward0");
}

namespace {

std::vector<Tensor> tensor_split_sections(const Tensor& self, int64_t sections, int64_t dim) {
  TL_CHECK(self.dim() > 0, "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims");
  dim = wrap_dim(dim, self.dim());
  TL_CHECK(sections > 0, "number of sections must be larger than 0, got ", sections);
  int64_t total = self.sizes()[size_t(dim)];
  check_count("tensor_split", sections);
  std::vector<Tensor> out;
  out.reserve(size_t(sections));
  int64_t start = 0;
  for (int64_t i = 0; i < sections; ++i) {
    int64_t n = total / sections + (i < total % sections ? 1 : 0);
    out.push_back(slice(self, dim, start, start + n, 1));
    start += n;
  }
  return out;
}
std::vector<Tensor> tensor_split_indices(const Tensor& self, IntView indices, int64_t dim) {
  TL_CHECK(self.dim() > 0, "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims");
  return slices(self, indices, wrap_dim(dim, self.dim()));
}
std::vector<Tensor> tensor_split_tensor(const Tensor& self, const Tensor& where, int64_t dim) {
  TL_CHECK(where.dtype() == DType::Int64,
           "tensor_split expected tensor_indices_or_sections to be of type Long, but got ",
           dtype_legacy_name(where.dtype()));
  TL_CHECK(
      where.dim() <= 1,
      "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor, but got "
      "a tensor with ",
      where.dim(), " dims");
  if (where.dim() == 0) return tensor_split_sections(self, item(where).to_int(), dim);
  Tensor flat = empty(where.sizes(), DType::Int64);
  copy_values(flat, where);
  return tensor_split_indices(self, IntView(flat.data<int64_t>(), size_t(flat.numel())), dim);
}

// hsplit, vsplit, dsplit: the dim is in the name.
int64_t named_split_dim(const Tensor& self, const char* name, int64_t least, int64_t dim) {
  TL_CHECK(self.dim() >= least, "torch.", name, " requires a tensor with at least ", least,
           least == 1 ? " dimension" : " dimensions", ", but got a tensor with ", self.dim(), " dimensions!");
  return self.dim() == 1 ? 0 : dim;
}
std::vector<Tensor> even_split(const Tensor& self, const char* name, int64_t sections, int64_t dim) {
  int64_t size = self.sizes()[size_t(dim)];
  TL_CHECK(sections > 0 && size % sections == 0, "torch.", name, " attempted to split along dimension ", dim,
           ", but the size of the dimension ", size, " is not divisible by the split_size ", sections, "!");
  return tensor_split_sections(self, sections, dim);
}
std::vector<Tensor> hsplit_int(const Tensor& self, int64_t sections) {
  return even_split(self, "hsplit", sections, named_split_dim(self, "hsplit", 1, 1));
}
std::vector<Tensor> hsplit_ints(const Tensor& self, IntView indices) {
  return slices(self, indices, named_split_dim(self, "hsplit", 1, 1));
}
std::vector<Tensor> vsplit_int(const Tensor& self, int64_t sections) {
  return even_split(self, "vsplit", sections, named_split_dim(self, "vsplit", 2, 0));
}
std::vector<Tensor> vsplit_ints(const Tensor& self, IntView indices) {
  return slices(self, indices, named_split_dim(self, "vsplit", 2, 0));
}
std::vector<Tensor> dsplit_int(const Tensor& self, int64_t sections) {
  return even_split(self, "dsplit", sections, named_split_dim(self, "dsplit", 3, 2));
}
std::vector<Tensor> dsplit_ints(const Tensor& self, IntView indices) {
  return slices(self, indices, named_split_dim(self, "dsplit", 3, 2));
}

constexpr uint32_t both = op::function | op::method | op::view;
const OpRecord records[] = {
    {"unbind(Tensor self, int dim=0) -> Tensor[]", TL_OP(unbind), both, "All slices along `dim`, without that dim.",
     "randn(3, 4) | randn(3, 4), -1 | randn(0, 4) | randn(4, 3).t(), 1"},
    {"split(Tensor self, int split_size_or_sections, int dim=0) -> Tensor[]", TL_OP(split), both,
     "Pieces of `split_size_or_sections` slices along `dim`; the last may be smaller.",
     "randn(5, 4), 2 | randn(5, 4), 3, -1 | randn(0, 4), 2"},
    {"split(Tensor self, int[] split_size_or_sections, int dim=0) -> Tensor[]", TL_OP(split_with_sizes), both,
     "Pieces of the listed sizes along `dim`; they must add up to its size.",
     "randn(5, 4), [2, 3] | randn(5, 4), [1, 0, 3], 1"},
    {"split(Tensor self, int split_size, int dim=0) -> Tensor[]", TL_OP(split), op::method | op::view,
     "The same under the method's name for its argument.", "randn(5, 4), split_size=2"},
    {"split(Tensor self, int[] split_size, int dim=0) -> Tensor[]", TL_OP(split_with_sizes), op::method | op::view,
     "The same for a list of sizes.", "randn(5, 4), split_size=[2, 3]"},
    {"split_with_sizes(Tensor self, int[] split_sizes, int dim=0) -> Tensor[]", TL_OP(split_with_sizes), both,
     "Pieces of the listed sizes along `dim`.", "randn(5, 4), [2, 3]"},
    {"chunk(Tensor self, int chunks, int dim=0) -> Tensor[]", TL_OP(chunk), both,
     "At most `chunks` pieces of equal size along `dim`; the last may be smaller.",
     "randn(5, 4), 2 | randn(5, 4), 7, 1 | randn(0, 4), 3"},
    {"tensor_split(Tensor self, int indices_or_sections, int dim=0) -> Tensor[]", TL_OP(tensor_split_sections), both,
     "Exactly that many pieces along `dim`, the first ones larger by one where it does not divide.",
     "randn(7, 4), 3 | randn(7, 4), 5, 1"},
    {"tensor_split(Tensor self, int[] indices_or_sections, int dim=0) -> Tensor[]", TL_OP(tensor_split_indices), both,
     "Pieces that begin at the listed indices of `dim`.", "randn(7, 4), (2, 5) | randn(7, 4), (1, -1), 1"},
    {"tensor_split(Tensor self, Tensor tensor_indices_or_sections, int dim=0) -> Tensor[]", TL_OP(tensor_split_tensor),
     both, "The same with the indices or the count in a tensor.", "randn(7, 4), tensor([2, 5])"},
    {"hsplit(Tensor self, int indices_or_sections) -> Tensor[]", TL_OP(hsplit_int), both,
     "Equal pieces along the columns (the only dim of a vector).", "randn(4, 6), 3 | randn(6), 2"},
    {"hsplit(Tensor self, int[] indices_or_sections) -> Tensor[]", TL_OP(hsplit_ints), both,
     "Pieces that begin at the listed columns.", "randn(4, 6), (1, 3)"},
    {"vsplit(Tensor self, int indices_or_sections) -> Tensor[]", TL_OP(vsplit_int), both,
     "Equal pieces along the rows.", "randn(4, 6), 2"},
    {"vsplit(Tensor self, int[] indices_or_sections) -> Tensor[]", TL_OP(vsplit_ints), both,
     "Pieces that begin at the listed rows.", "randn(4, 6), (1, 3)"},
    {"dsplit(Tensor self, int indices_or_sections) -> Tensor[]", TL_OP(dsplit_int), both,
     "Equal pieces along the third dim.", "randn(2, 3, 4), 2"},
    {"dsplit(Tensor self, int[] indices_or_sections) -> Tensor[]", TL_OP(dsplit_ints), both,
     "Pieces that begin at the listed indices of the third dim.", "randn(2, 3, 4), (1, 3)"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
