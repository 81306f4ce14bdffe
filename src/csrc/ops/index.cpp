// Reading through indices and masks: index, gather, index_select, take, masked_select, nonzero.
#include "autograd/record.h"
#include "ops/index_plan.h"
#include "ops/registry.h"
#include "ops/view.h"

namespace tl {

using kernels::ScatterOp;

namespace {

// --- x[i, j, …] with tensors ---------------------------------------------------------------------

// How a list of indices (positions, or undefined for a whole dim) meets a tensor.
struct Advanced {
  Dims shape;                    // of the indices, broadcast
  Dims outer, inner;             // the dims of self that are not indexed
  std::vector<int64_t> offsets;  // into self, per entry of `shape`

  Advanced(const Tensor& self, const std::vector<Tensor>& indices) {
    size_t n = size_t(self.dim());
    std::vector<size_t> indexed;
    for (size_t d = 0; d < indices.size(); ++d) {
      if (indices[d].defined()) indexed.push_back(d);
    }
    broadcast(indices, indexed);
    // Indices side by side keep their place; others go to the front.
    bool adjacent = !indexed.empty() && indexed.back() - indexed.front() + 1 == indexed.size();
    for (size_t d = 0; d < n; ++d) {
      if (d < indices.size() && indices[d].defined()) continue;
      (adjacent && d < indexed.front() ? outer : inner).push_back(int64_t(d));
    }
    int64_t count = 1;
    for (int64_t s : shape) count *= s;
    offsets.assign(size_t(count), 0);
    int64_t rest = count;
    for (const Dims* kept : {&outer, &inner}) {
      for (int64_t d : *kept) rest *= self.sizes()[size_t(d)];
    }
    for (size_t d : indexed) {
      int64_t size = self.sizes()[d], stride = self.strides()[d];
      TL_CHECK_INDEX(size > 0 || count == 0, "index is out of bounds for dimension with size 0");
      if (rest == 0) continue;  // nothing is read: PyTorch takes any index then
      Tensor checked = checked_index(indices[d], size, int64_t(d), true, ErrorKind::index);
      Tensor dense = dense_values(checked, shape, DType::Int64);
      const int64_t* p = dense.data<int64_t>();
      for (size_t i = 0; i < offsets.size(); ++i) offsets[i] += p[i] * stride;
    }
  }

  Dims result_sizes(const Tensor& self) const {
    Dims out;
    for (int64_t d : outer) out.push_back(self.sizes()[size_t(d)]);
    for (int64_t s : shape) out.push_back(s);
    for (int64_t d : inner) out.push_back(self.sizes()[size_t(d)]);
    return out;
  }
  IndexPlan plan(const Tensor& self) const {
    Dims os, ot, is, it;
    for (int64_t d : outer) {
      os.push_back(self.sizes()[size_t(d)]);
      ot.push_back(self.strides()[size_t(d)]);
    }
    for (int64_t d : inner) {
      is.push_back(self.sizes()[size_t(d)]);
      it.push_back(self.strides()[size_t(d)]);
    }
    IndexPlan p(self, os, ot, is, it);
    p.set_index(offsets.data(), int64_t(offsets.size()), 1);
    return p;
  }

 private:
  void broadcast(const std::vector<Tensor>& indices, const std::vector<size_t>& indexed) {
    for (size_t d : indexed) {
      IntView s = indices[d].sizes();
      while (shape.size() < s.size()) shape.insert(0, 1);
      for (size_t i = 0; i < s.size(); ++i) {
        int64_t& mine = shape[shape.size() - s.size() + i];
        if (mine == 1) {
          mine = s[i];
        } else if (s[i] != 1 && s[i] != mine) {
          std::ostringstream text;
          text << "shape mismatch: indexing tensors could not be broadcast together with shapes ";
          for (size_t k : indexed) text << (k == indexed[0] ? "" : ", ") << Shape{indices[k].sizes()};
          throw Error(ErrorKind::index, text.str());
        }
      }
    }
  }
};

SaveList saved_list(const std::vector<Tensor>& tensors) {
  std::vector<SaveSpec> specs;
  for (const Tensor& t : tensors) specs.push_back(input(t));
  return {std::move(specs)};
}
std::vector<Tensor> saved_indices(Backward& b, size_t n) {
  std::vector<Tensor> out(n);
  for (size_t i = 0; i < n; ++i) {
    if (b.has_saved(uint32_t(i))) out[i] = b.saved(uint32_t(i));
  }
  return out;
}
std::span<const Tensor> only(const Tensor& t) { return {&t, 1}; }

Tensor index_prepared(const Tensor& self, const std::vector<Tensor>& indices,
                      const char* label = "IndexBackward0:indices");

// zeros with `grad` added at the indices.
Tensor index_backward(const Tensor& grad, const Dims& sizes, const std::vector<Tensor>& indices) {
  Tensor out = zeros(sizes, grad.dtype());
  Advanced a(out, indices);
  a.plan(out).scatter(dense_values(grad, grad.sizes(), grad.dtype()), ScatterOp::add);
  if (needs_grad(grad)) {
    record(out, "IndexPutBackward0", only(grad), saved_list(indices),
           [n = indices.size()](Backward& b) { b[0] = index_prepared(b.grad(), saved_indices(b, n)); });
  }
  return out;
}

Tensor index_prepared(const Tensor& self, const std::vector<Tensor>& indices, const char* label) {
  Advanced a(self, indices);
  Tensor out = empty(a.result_sizes(self), self.dtype());
  a.plan(self).gather(out);
  if (needs_grad(self)) {
    record(out, label, only(self), saved_list(indices), [n = indices.size(), sizes = Dims(self.sizes())](Backward& b) {
      b[0] = index_backward(b.grad(), sizes, saved_indices(b, n));
    });
  }
  return out;
}

// Strips leading dims of size 1 that the target does not have.
Tensor strip_leading(const Tensor& value, size_t target_dims) {
  int64_t extra = value.dim() - int64_t(target_dims);
  if (extra <= 0) return value;
  for (int64_t d = 0; d < extra; ++d) {
    if (value.sizes()[size_t(d)] != 1) return value;
  }
  return reshape(value, value.sizes().subspan(size_t(extra)));
}

struct Put {
  std::vector<Tensor> indices;
  Advanced advanced;
  Tensor value;  // with history, without superfluous leading dims
  Put(const Tensor& self, const std::vector<Tensor>& raw, const Tensor& v)
      : indices(prepare_indices(self, raw)), advanced(self, indices) {
    TL_CHECK(v.dtype() == self.dtype(), "Index put requires the source and destination dtypes match, got ",
             dtype_legacy_name(self.dtype()), " for the destination and ", dtype_legacy_name(v.dtype()),
             " for the source.");
    Dims target = advanced.result_sizes(self);
    value = strip_leading(v, target.size());
    bool fits = size_t(value.dim()) <= target.size();
    for (int64_t d = 1; fits && d <= value.dim(); ++d) {
      int64_t have = value.sizes()[size_t(value.dim() - d)];
      fits = have == 1 || have == target[target.size() - size_t(d)];
    }
    TL_CHECK(fits, "shape mismatch: value tensor of shape ", Shape{v.sizes()},
             " cannot be broadcast to indexing result of shape ", Shape{target});
  }
  void run(const Tensor& dst, bool accumulate) {
    Tensor source = apart_from(value, dst);
    if (source.numel() != 1) source = dense_values(source, advanced.result_sizes(dst), dst.dtype());
    advanced.plan(dst).scatter(source, accumulate ? ScatterOp::add : ScatterOp::assign);
  }
  auto backward(bool accumulate) const {
    return [n = indices.size(), accumulate, value_sizes = Dims(value.sizes())](Backward& b) {
      std::vector<Tensor> at = saved_indices(b, n);
      if (b.needs(0)) {
        b[0] = accumulate ? b.grad() : index_put(b.grad(), at, zeros(Dims{}, b.grad().dtype()), false);
      }
      if (b.needs(1)) b[1] = sum_to_size(index_prepared(b.grad(), at), value_sizes);
    };
  }
};

}  // namespace

Tensor index(const Tensor& self, const std::vector<Tensor>& indices) {
  TL_CHECK_INDEX(indices.size() <= size_t(self.dim()), "too many indices for tensor of dimension ", self.dim());
  return index_prepared(self, prepare_indices(self, indices));
}

Tensor index_put_(const Tensor& self, const std::vector<Tensor>& indices, const Tensor& value, bool accumulate) {
  Put put(self, indices, value);
  check_inplace(self, "index_put_", value);
  check_apart(value, self, "index_put_");
  for (const Tensor& t : put.indices) check_apart(t, self, "index_put_");
  put.run(self, accumulate);
  self.bump_version();
  if (needs_grad(self, put.value)) {
    const Tensor in[] = {self, put.value};
    record_inplace(self, "IndexPutBackward0:indices", std::span<const Tensor>(in), saved_list(put.indices),
                   put.backward(accumulate));
  }
  return self;
}

Tensor index_put(const Tensor& self, const std::vector<Tensor>& indices, const Tensor& value, bool accumulate) {
  Tensor out = raw_clone(self);
  Put put(out, indices, value);  // places are in the strides of what is written
  put.run(out, accumulate);
  if (needs_grad(self, put.value)) {
    const Tensor in[] = {self, put.value};
    record(out, "IndexPutBackward0:indices", std::span<const Tensor>(in), saved_list(put.indices),
           put.backward(accumulate));
  }
  return out;
}

// --- one index tensor ----------------------------------------------------------------------------

namespace {

Tensor gather_backward(const Tensor& grad, const Dims& sizes, int64_t dim, const Tensor& index) {
  return scatter_add(zeros(sizes, grad.dtype()), dim, index, grad);
}

}  // namespace

Tensor gather(const Tensor& self, int64_t dim_arg, const Tensor& index) {
  int64_t dim = wrap_dim(dim_arg, self.dim());
  check_gather("gather", self, dim, index, {});
  Tensor out = empty(index.sizes(), self.dtype());
  if (index.numel() > 0) {
    int64_t size = self.dim() == 0 ? 1 : self.sizes()[size_t(dim)];
    int64_t stride = self.dim() == 0 ? 1 : self.strides()[size_t(dim)];
    Tensor checked = checked_index(index, size, dim, false, ErrorKind::runtime);
    IndexPlan plan(self, dim, self.dim() == 0 ? IntView() : index.sizes());
    plan.set_dense_index(checked.data<int64_t>(), index.dim() == 0 ? 1 : index.sizes()[size_t(dim)], stride);
    plan.gather(out);
  }
  if (needs_grad(self)) {
    record(out, "GatherBackward0:index", inputs(self), saves(index), [dim, sizes = Dims(self.sizes())](Backward& b) {
      b[0] = gather_backward(b.grad(), sizes, dim, b.saved(0));
    });
  }
  return out;
}

Tensor index_select(const Tensor& self, int64_t dim_arg, const Tensor& index) {
  int64_t dim = wrap_dim(dim_arg, self.dim());
  bool scalar = self.dim() == 0;
  int64_t size = scalar ? 1 : self.sizes()[size_t(dim)];
  Tensor checked;
  if (dim == 0 || index.dim() > 1) {
    checked = checked_vector(index, size, "index_select");
  } else {  // PyTorch's errors differ between the first dim and the rest
    checked = checked_index(as_index(index), size, dim, false, ErrorKind::runtime);
  }
  TL_CHECK(!scalar || index.numel() == 1, "index_select(): Index to scalar can have only 1 value, got ", index.numel(),
           " value(s)");
  Dims sizes(self.sizes());
  if (!scalar) sizes[size_t(dim)] = index.numel();
  Tensor out = empty(sizes, self.dtype());
  IndexPlan plan(self, dim, self.sizes());
  plan.set_index(checked.data<int64_t>(), index.numel(), scalar ? 1 : self.strides()[size_t(dim)]);
  plan.gather(out);
  if (needs_grad(self)) {
    record(out, "IndexSelectBackward0:index", inputs(self), saves(index), [dim, in = Dims(self.sizes())](Backward& b) {
      b[0] = index_add(zeros(in, b.grad().dtype()), dim, b.saved(0), b.grad(), 1);
    });
  }
  return out;
}

namespace {

Tensor take(const Tensor& self, const Tensor& index) {
  TL_CHECK(index.dtype() == DType::Int64, "take(): Expected a long tensor for index, but got ",
           dtype_legacy_name(index.dtype()));
  Tensor flat = reshape(self, Dims{-1});
  int64_t n = self.numel();
  Tensor dense = as_index(index);
  for (int64_t i = 0; i < dense.numel(); ++i) {
    int64_t at = dense.data<int64_t>()[i];
    TL_CHECK_INDEX(n > 0, "take(): tried to take from an empty tensor");
    TL_CHECK_INDEX(at >= -n && at < n, "out of range: tried to access index ", at, " on a tensor of ", n, " elements.");
  }
  return index_prepared(flat, {index}, "TakeBackward0:index");
}

Tensor take_along_dim(const Tensor& self, const Tensor& indices, std::optional<int64_t> dim_arg) {
  TL_CHECK(indices.dtype() == DType::Int64, "torch.take_along_dim(): dtype of indices should be Long but got ",
           dtype_legacy_name(indices.dtype()));
  if (!dim_arg) return gather(reshape(self, Dims{-1}), 0, reshape(indices, Dims{-1}));
  TL_CHECK(self.dim() == indices.dim(),
           "torch.take_along_dim(): input and indices should have the same number of dimensions, but got ", self.dim(),
           " dimensions for input, and ", indices.dim(), " dimensions for indices");
  int64_t dim = wrap_dim(*dim_arg, self.dim());
  Dims a(self.sizes()), b(indices.sizes());
  if (self.dim() > 0) a[size_t(dim)] = b[size_t(dim)] = 1;
  Dims common = broadcast_shapes(a, b);
  Dims source(common), index(common);
  if (self.dim() > 0) {
    source[size_t(dim)] = self.sizes()[size_t(dim)];
    index[size_t(dim)] = indices.sizes()[size_t(dim)];
  }
  Tensor at = indices;
  int64_t n = self.dim() == 0 ? 1 : self.sizes()[size_t(dim)];
  for (Tensor dense = as_index(indices); int64_t v : std::span(dense.data<int64_t>(), size_t(dense.numel()))) {
    if (v < 0) {
      at = checked_index(indices, n, dim, true, ErrorKind::runtime);
      break;
    }
  }
  return gather(expand(self, source), dim, expand(at, index));
}

Tensor gather_op(const Tensor& self, int64_t dim, const Tensor& index, bool) { return gather(self, dim, index); }
Tensor index_out(const Tensor& self, const std::vector<Tensor>& indices) { return tl::index(self, indices); }

using Gather = Tensor (*)(const Tensor&, int64_t, const Tensor&);
using IndexPut = Tensor (*)(const Tensor&, const std::vector<Tensor>&, const Tensor&, bool);
constexpr uint32_t both = op::function | op::method;
const OpRecord records[] = {
    {"index(Tensor self, Tensor[]? indices) -> Tensor", TL_OP(index_out), op::internal,
     "self[indices]: integer tensors and masks, broadcast together; None stands for a whole dim.",
     "randn(3, 4), (tensor([0, 2]),) | randn(3, 4), (None, tensor([[1, -1]])) | "
     "randn(3, 4), (tensor([2, 0]), tensor([1, 1])) | randn(3, 4), (tensor([True, False, True]),) | "
     "randn(4, 3).t(), (tensor([2, 2]),) | randn(2, 3, 4), (tensor([1]), None, tensor([0, 3]))"},
    {"index_put(Tensor self, Tensor[]? indices, Tensor values, bool accumulate=False) -> Tensor",
     TL_OP(static_cast<IndexPut>(index_put)), both,
     "A copy of `self` with `values` written (or, with `accumulate`, added) at the indices.",
     "randn(3, 4), (tensor([0, 2]),), randn(2, 4) | randn(3, 4), (tensor([0, 0]),), randn(4), True | "
     "randn(3, 4), (None, tensor([1])), randn(()) | randn(4, 3).t(), (tensor([True, False, True]),), randn(2, 1), "
     "accumulate=True"},
    {"index_put_(Tensor self, Tensor[]? indices, Tensor values, bool accumulate=False) -> Tensor",
     TL_OP(static_cast<IndexPut>(index_put_)), both | op::writes_self, "index_put in place.",
     "randn(3, 4), (tensor([0, 2]),), randn(2, 4)"},
    {"gather(Tensor self, int dim, Tensor index, *, bool sparse_grad=False) -> Tensor", TL_OP(gather_op),
     both | op::out,
     "out[i][j] = self[index[i][j]][j] for dim 0, self[i][index[i][j]] for dim 1, and so on. RuntimeError for an index "
     "outside the dim.",
     "randn(3, 4), 1, tensor([[0, 3], [1, 1], [2, 0]]) | randn(4, 3).t(), 0, tensor([[2, 0, 1, 1]]) | "
     "randn(3), -1, tensor([2, 2, 0, 1]) | randn(()), 0, tensor(0) | randn(3, 4), 0, zeros(0, 4, dtype=int64)"},
    {"index_select(Tensor self, int dim, Tensor index) -> Tensor", TL_OP(static_cast<Gather>(index_select)),
     both | op::out,
     "The slices of `dim` that a vector of indices names, in its order. IndexError outside the first dim, RuntimeError "
     "outside "
     "another.",
     "randn(3, 4), 0, tensor([2, 0, 2]) | randn(3, 4), -1, tensor([1]) | randn(4, 3).t(), 1, tensor([3, 1]) | "
     "randn(3, 4), 0, zeros(0, dtype=int64) | randn(()), 0, tensor(0)"},
    {"take(Tensor self, Tensor index) -> Tensor", TL_OP(take), both | op::out,
     "The elements at flat positions; the result has the shape of `index`.",
     "randn(3, 4), tensor([[0, 11], [-1, 5]]) | randn(4, 3).t(), tensor([1, 1])"},
    {"take_along_dim(Tensor self, Tensor indices, int? dim=None) -> Tensor", TL_OP(take_along_dim), both | op::out,
     "gather with the other dims broadcast; without `dim` from the flattened tensor. Fits what argsort and argmax "
     "give.",
     "randn(3, 4), tensor([[0, 3]]), 1 | randn(3, 4), tensor([[5, 1]]) | randn(1, 4), tensor([[0], [2]]), dim=-1"},
};
const RegisterOps registered(records);

}  // namespace

}  // namespace tl
